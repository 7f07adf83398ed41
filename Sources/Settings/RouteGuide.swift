import Bytes
import Routing

/// The output of `ringroad route`: the server of each key, as text or JSON lines.
///
///     user:1 ⇥ 10.0.0.2:11211
///     {"key":"user:1","pool":"main","server":"10.0.0.2:11211","label":"10.0.0.2","index":1}
///
/// Uses the routing table of the proxy, with no server out but those that are marked down.
package struct RouteGuide: ~Copyable {
  private let settings: ProxySettings
  private let table: RoutingTable
  private let json: Bool
  private let pool: Int?

  /// `pool`: the position of the pool that all keys are in, as on a listener that names it; nil if their prefixes decide.
  package init(_ settings: ProxySettings, json: Bool, pool: Int? = nil) {
    self.settings = settings
    self.json = json
    table = settings.routingTable()
    self.pool = pool
  }

  /// What is printed for a key.
  package enum Answer: Equatable {
    /// A line with its line end.
    case line([UInt8])
    case refused(String)
  }

  package func answer(_ key: [UInt8]) -> Answer {
    let shown = quoted(String(decoding: key, as: UTF8.self))
    if key.isEmpty { return .refused("an empty line is not a key") }
    if key.count > 250 { return .refused("\(shown): a key has at most 250 bytes") }
    if key.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 || $0 == 32 }) {
      return .refused("\(shown): a key has no space, line end or NUL")
    }
    let found = pool.map {
      RoutingTable.Place(
        pool: $0, server: table.server(in: $0, owning: key.span.raw, from: 0, count: key.count))
    }
    guard let place = found ?? table.where(key), settings.pools.indices.contains(place.pool),
      settings.pools[place.pool].servers.indices.contains(place.server)
    else {
      let words =
        settings.routes.isEmpty ? "the listeners name its pool: --pool NAME" : "there is no default route"
      return .refused("\(shown): no route matches, and \(words)")
    }
    let pool = settings.pools[place.pool]
    let server = pool.servers[place.server].address
    let label = pool.label(of: pool.servers[place.server])
    guard json else { return .line(key + [9] + Array(server.utf8) + [10]) }
    let fields =
      #"{"key":\#(jsonString(String(decoding: key, as: UTF8.self))),"pool":\#(jsonString(pool.name)),"#
      + #""server":\#(jsonString(server)),"label":\#(jsonString(label)),"index":\#(place.server)}"#
    return .line(Array(fields.utf8) + [10])
  }
}

/// A text as a JSON string. Bytes that are not UTF-8 are U+FFFD already.
package func jsonString(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\r": out += "\\r"
    case "\t": out += "\\t"
    default:
      if scalar.value < 0x20 || scalar.value == 0x7F {
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        out.unicodeScalars.append(scalar)
      }
    }
  }
  return out + "\""
}
