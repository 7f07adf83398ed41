import Bytes
import Routing
import Topology

/// The output of `ringroad route`: the server of each key, as text or JSON lines.
///
///     user:1 ⇥ 10.0.0.2:11211
///     user:1 ⇥ 10.0.0.2:11211 → when it is out 10.0.9.1:11211 (ttl at most 60s)
///     {"key":"user:1","pool":"main","server":"10.0.0.2:11211","label":"10.0.0.2","index":1}
///
/// Uses the routing table of the proxy, with no server out but those that are marked down.
package struct RouteGuide: ~Copyable {
  private let settings: ProxySettings
  private let resolver: RouteResolver
  private let json: Bool
  private let target: RouteTarget?
  private let command: Command

  /// `target`: where all keys go, as on a listener that names it; nil if their prefixes decide.
  package init(_ settings: ProxySettings, json: Bool, target: RouteTarget? = nil, command: Command = .get) {
    self.settings = settings
    self.json = json
    self.target = target
    self.command = command
    resolver = settings.resolver(of: settings.routingPlan())
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
    guard let route = resolver.resolve(key, command, from: target) else {
      let words =
        settings.routes.isEmpty ? "the listeners name its pool: --pool NAME" : "there is no default route"
      return .refused("\(shown): no route matches, and \(words)")
    }
    let servers = resolver.servers(of: route)
    if !json { return .line(key + [9] + Array(route.text(command, servers, of: settings.pools).utf8) + [10]) }
    return .line(Array(object(key, route, servers).utf8) + [10])
  }

  private func object(_ key: [UInt8], _ route: ResolvedRoute, _ servers: [Int?]) -> String {
    var fields = [#""key":\#(jsonString(String(decoding: key, as: UTF8.self)))"#]
    var then: [String] = []
    for (i, (step, server)) in zip(route.steps, servers).enumerated() {
      guard case .pool(let number) = step.leaf, let server else {
        fields += ending(step.leaf)
        continue
      }
      let pool = settings.pools[number]
      let address = pool.servers[server].address
      let common = #""pool":\#(jsonString(pool.name)),"server":\#(jsonString(address))"#
      if i == 0 {
        let label = pool.label(of: pool.servers[server])
        fields += [common, #""label":\#(jsonString(label)),"index":\#(server)"#]
      } else {
        then.append(#"{\#(common),"when":"\#(step.when.word)"}"#)
      }
    }
    if !then.isEmpty { fields.append(#""then":[\#(then.joined(separator: ","))]"#) }
    return "{\(fields.joined(separator: ","))}"
  }

  private func ending(_ leaf: ResolvedRoute.Leaf) -> [String] {
    switch leaf {
    case .pool: []
    case .refused(isQuiet: false): [#""refused":"\#(command.word) not allowed""#]
    case .refused(isQuiet: true): [#""answer":\#(jsonString(FixedAnswer.nothing.reply(to: command)))"#]
    case .answer(let answer): [#""answer":\#(jsonString(answer.reply(to: command)))"#]
    }
  }
}

extension ResolvedRoute {
  /// What is done with a request, as text: its servers in the order in which they are asked. `servers`: for each step the
  /// position in its pool of `pools`.
  package func text(_ command: Command, _ servers: [Int?], of pools: [PoolSettings]) -> String {
    var text = ""
    for (i, (step, server)) in zip(steps, servers).enumerated() {
      if i > 0 { text += " → \(step.when.text) " }
      switch step.leaf {
      case .pool(let pool):
        if let server { text += pools[pool].servers[server].address }
        if let ttl = step.ttl {
          text += " (ttl at most \(ttl <= 120 ? "\(ttl)s" : Quantity.writtenSeconds(ttl)))"
        }
      case .refused(isQuiet: false): text += "refused: \(command.word) not allowed"
      case .refused(isQuiet: true): text += "answered: \(FixedAnswer.nothing.reply(to: command))"
      case .answer(let answer): text += "answered: \(answer.reply(to: command))"
      }
    }
    return text
  }
}

extension FixedAnswer {
  /// What a client reads; a miss has no word of its own.
  func reply(to command: Command) -> String {
    let set = CommandSet([command])
    let isStore = set.isSubset(of: [.stores, .decides])
    switch self {
    case .error(let text): return "SERVER_ERROR \(text)"
    case .done:
      if isStore { return "STORED" }
      if command == .delete { return "DELETED" }
      if command == .touch { return "TOUCHED" }
      return FixedAnswer.nothing.reply(to: command)
    case .nothing:
      if command == .cas { return "NOT_FOUND" }
      if isStore { return "NOT_STORED" }
      return set.isSubset(of: [.deletes, .counts]) || command == .touch ? "NOT_FOUND" : "miss"
    }
  }
}

extension ResolvedRoute.Step {
  /// When a request continues to this step: for people, and for JSON.
  fileprivate var when: (text: String, word: String) {
    if followsMiss { return ("on a miss or trouble", "miss") }
    return followsTrouble ? ("when it is out or in trouble", "trouble") : ("when it is out", "out")
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
