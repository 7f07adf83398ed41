/// The address of a server or a listener, as text: host and port, or a Unix path.
///
///     10.0.0.1:11211    cache-a:11211    [fd00::11]:11211    unix:/run/memcached.sock
///
/// `description` prints this form, and `parse` reads it back to the same value. The host is kept as written, without
/// brackets: the ring hashes this text, so it is neither resolved nor converted to lower case.
package enum Endpoint: Hashable, Sendable {
  case tcp(host: String, port: UInt16)
  case unix(path: String)

  /// The port of a server address without one: memcached's own.
  package static let serverPort: UInt16 = 11211
  /// The port of a listener flag's address without one.
  package static let listenerPort: UInt16 = 11311
  /// The longest path that fits into a socket address with its final NUL.
  package static let longestPath = 107

  /// Parses `host:port`, `[v6]:port`, `unix:/path` or `/path`. Without a default the port is required.
  package static func parse(_ text: String, defaultPort: UInt16?) throws(Complaint) -> Endpoint {
    if text.hasPrefix("unix:") { return try unix(String(text.dropFirst(5)), written: text) }
    if text.hasPrefix("/") { return try unix(text, written: text) }
    if text.isEmpty { throw .expected("an address such as 10.0.0.1:11211", found: "nothing") }
    let (host, port) = try split(text, defaultPort)
    let number: UInt16
    if let port {
      number = try Quantity.port(port, of: text)
    } else if let defaultPort {
      number = defaultPort
    } else {
      throw .said(
        "no port in \(quoted(text))", hint: "did you mean \(quoted("\(text):\(listenerPort)"))?")
    }
    return .tcp(host: host, port: number)
  }

  private static func unix(_ path: String, written: String) throws(Complaint) -> Endpoint {
    guard path.hasPrefix("/"), path.utf8.count > 1 else {
      throw .expected(
        "the absolute path of a socket", found: quoted(written), hint: "such as unix:/run/cache.sock")
    }
    guard path.utf8.count <= longestPath else {
      throw .said("the path of a Unix socket has at most \(longestPath) bytes, this one \(path.utf8.count)")
    }
    guard path.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
      throw .said("control byte in the path \(quoted(path))")
    }
    return .unix(path: path)
  }

  /// Splits host and port; the host is checked, the port is still text.
  private static func split(_ text: String, _ defaultPort: UInt16?) throws(Complaint) -> (String, String?) {
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { throw .said("no closing bracket in \(quoted(text))") }
      let host = String(text[text.index(after: text.startIndex)..<close])
      guard HostName.isIPv6(host) else { throw .said("\(quoted(host)) is not an IPv6 address") }
      let rest = text[text.index(after: close)...]
      if rest.isEmpty { return (host, nil) }
      guard rest.hasPrefix(":") else { throw .expected("[address]:port", found: quoted(text)) }
      return (host, String(rest.dropFirst()))
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count > 2 { throw tooManyColons(text, parts) }
    let host = String(parts[0])
    let port = parts.count == 2 ? String(parts[1]) : nil
    if let fault = HostName.fault(in: host) {
      if host == "*" || host.isEmpty {
        let port = port ?? String(defaultPort ?? listenerPort)
        throw .said(fault, hint: #"did you mean "0.0.0.0:\#(port)"?"#)
      }
      if port == nil, host.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
        throw .said("no host in \(quoted(text))", hint: #"did you mean "127.0.0.1:\#(host)"?"#)
      }
      throw .said(fault)
    }
    return (host, port)
  }

  /// The error for more than one colon without brackets: an IPv6 address, or twemproxy's `host:port:weight`.
  private static func tooManyColons(_ text: String, _ parts: [Substring]) -> Complaint {
    if HostName.isIPv6(text) {
      return .said(
        "IPv6 address without brackets: \(quoted(text))", hint: #"did you mean "[\#(text)]:\#(serverPort)"?"#)
    }
    if parts.count == 3, HostName.fault(in: String(parts[0])) == nil {
      let tail = parts[2].split(separator: " ", maxSplits: 1)
      let address = "\(parts[0]):\(parts[1])"
      let name = tail.count == 2 ? ", name: \(tail[1])" : ""
      return .said(
        "\(quoted(text)) is host:port followed by something else",
        hint: "a weight is written {address: \(address), weight: \(tail.first ?? "1")\(name)}")
    }
    return .said(
      "too many colons in \(quoted(text))", hint: "put an IPv6 address in brackets: [::1]:\(serverPort)")
  }
}

extension Endpoint: CustomStringConvertible {
  package var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  /// Equal for two spellings of one address: host names ignore case.
  package var comparable: Endpoint {
    switch self {
    case .tcp(let host, let port): .tcp(host: host.lowercased(), port: port)
    case .unix: self
    }
  }
}
