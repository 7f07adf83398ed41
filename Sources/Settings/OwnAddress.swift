import Glibc

/// What two addresses have in common, as far as can be told without a lookup.
extension Endpoint {
  /// Equal for two names of one socket: `localhost` is 127.0.0.1, a dot at the end of a name means nothing, and an IPv6
  /// address has many spellings.
  var withoutAlias: Endpoint {
    guard case .tcp(var host, let port) = comparable else { return self }
    if host.hasSuffix(".") { host.removeLast() }
    if host == "localhost" { host = "127.0.0.1" }
    return .tcp(host: HostName.isIPv6(host) ? Self.shortest(host) : host, port: port)
  }

  /// Whether a connection to this address would be accepted by the listener, on the same machine.
  func isServed(by listener: Endpoint) -> Bool {
    switch (withoutAlias, listener.withoutAlias) {
    case (.tcp(let host, let port), .tcp(let open, let openPort)):
      port == openPort && (host == open || Self.isAny(open) && (Self.isLoopback(host) || Self.isAny(host)))
    case (.unix(let path), .unix(let open)): path == open
    default: false
    }
  }

  private static func isAny(_ host: String) -> Bool { host == "0.0.0.0" || host == "::" }
  private static func isLoopback(_ host: String) -> Bool {
    host == "::1" || host.hasPrefix("127.") && HostName.isIPv4(host)
  }

  /// The shortest spelling of an IPv6 address; the text itself if it has a zone.
  private static func shortest(_ text: String) -> String {
    var address = in6_addr()
    guard unsafe inet_pton(AF_INET6, text, &address) == 1 else { return text }
    var spelled = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard unsafe inet_ntop(AF_INET6, &address, &spelled, socklen_t(spelled.count)) != nil else { return text }
    return String(decoding: spelled.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

extension SettingsDecoder {
  /// Refuses servers that are one of these listeners: the proxy would forward every request to itself.
  mutating func refuseOwnListeners(_ listeners: [ListenerSettings]) {
    for (endpoint, place) in serverPlaces {
      guard let listener = listeners.first(where: { endpoint.isServed(by: $0.endpoint) }) else { continue }
      refuse(
        place, "server \(endpoint) is the proxy itself, which listens on \(listener.endpoint)",
        hint: "a server is a memcached; its usual port is \(Endpoint.serverPort)")
    }
  }
}
