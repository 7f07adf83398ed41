/// What two addresses have in common, as far as can be told without a lookup.
extension Endpoint {
  /// Equal for two names of one socket: `localhost` is 127.0.0.1, a dot at the end of a name means nothing, and an IPv6
  /// address has many spellings.
  package var withoutAlias: Endpoint {
    guard case .tcp(var host, let port) = comparable else { return self }
    if host.hasSuffix(".") { host.removeLast() }
    if host == "localhost" { host = "127.0.0.1" }
    return .tcp(host: Self.groups(of: host) ?? host, port: port)
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

  private static func isAny(_ host: String) -> Bool { host == "0.0.0.0" || host == "0:0:0:0:0:0:0:0" }
  private static func isLoopback(_ host: String) -> Bool {
    host == "0:0:0:0:0:0:0:1" || host.hasPrefix("127.") && HostName.isIPv4(host)
  }

  /// The eight groups of an IPv6 address, without `::`; nil if it is none, or has a zone or an IPv4 tail.
  private static func groups(of text: String) -> String? {
    guard HostName.isIPv6(text), !text.contains(where: { "%.".contains($0) }) else { return nil }
    let sides = text.split(separator: "::", omittingEmptySubsequences: false).map { side in
      side.split(separator: ":").map { String(UInt16($0, radix: 16) ?? 0, radix: 16) }
    }
    let missing = Array(repeating: "0", count: max(0, 8 - sides.reduce(0) { $0 + $1.count }))
    return (sides.count == 2 ? sides[0] + missing + sides[1] : sides[0]).joined(separator: ":")
  }
}

extension SettingsDecoder {
  /// Refuses servers that are one of these listeners: the proxy would forward every request to itself.
  mutating func refuseOwnListeners(_ listeners: [ListenerSettings]) {
    for (endpoint, place) in serverPlaces {
      guard let listener = listeners.first(where: { endpoint.isServed(by: $0.endpoint) }) else { continue }
      refuse(
        place, "server \(endpoint) is the proxy itself, which listens on \(listener.endpoint)",
        hint: "it belongs to a memcached, whose usual port is \(Endpoint.serverPort)")
    }
  }
}
