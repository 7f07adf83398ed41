import Routing

/// A server as twemproxy writes it: `host:port:weight [name]`, or `/path:weight [name]` for a Unix socket.
///
/// Twemproxy divides the text from the right, so the host may be an IPv6 address without brackets.
struct TwemproxyServer: Equatable {
  /// The host, or the path of a socket.
  var host: String
  /// Nil for a socket.
  var port: String?
  var weight: String
  var name: String?

  init?(_ text: String) {
    var rest = text[...]
    if let space = rest.lastIndex(of: " ") {
      name = String(rest[rest.index(after: space)...])
      rest = rest[..<space]
    }
    guard let weight = Self.takeLast(&rest) else { return nil }
    self.weight = weight
    if !text.hasPrefix("/") {
      guard let port = Self.takeLast(&rest), port.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
        return nil
      }
      self.port = port
    }
    host = String(rest)
  }

  /// Takes what follows the last colon, and the colon.
  private static func takeLast(_ rest: inout Substring) -> String? {
    guard let colon = rest.lastIndex(of: ":") else { return nil }
    defer { rest = rest[..<colon] }
    return String(rest[rest.index(after: colon)...])
  }

  /// Its address in the form of ringroad's file.
  var address: String { port.map { Self.address(host: host, port: $0) } ?? "unix:\(host)" }

  static func address(host: String, port: String) -> String {
    host.contains(":") && !host.hasPrefix("[") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// What twemproxy hashes for the server: its name, or the address as it is written, without the port 11211.
  private var hashed: String {
    if let name { return name }
    guard let port else { return host + ":" }
    return Int(port) == 11211 ? host : "\(host):\(port)"
  }

  /// The name without which another text would be hashed here; nil if none is needed.
  private var neededName: String? {
    if name != nil { return name }
    let server = (try? Endpoint.exactly(address, for: .server)).map { endpoint in
      ServerSettings(address: address, endpoint: endpoint).ringServer
    }
    return server.map { PlacementScheme.twemproxyKetama.label(of: $0) != hashed } == true ? hashed : nil
  }

  /// In the form of ringroad's file.
  var node: YAMLNode {
    var pairs = [(key: ServerKey.address.rawValue, value: YAMLNode.word(address))]
    pairs.append((ServerKey.weight.rawValue, .word(weight)))
    if let name = neededName { pairs.append((ServerKey.name.rawValue, .word(name))) }
    return .pairs(pairs)
  }
}
