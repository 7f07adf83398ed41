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

  /// What an address is for.
  package enum Use: Equatable, Sendable {
    case server
    /// Without a default the port is required.
    case listener(defaultPort: UInt16?)

    /// The port of an address without one; nil if it is required.
    var defaultPort: UInt16? {
      switch self {
      case .server: Endpoint.serverPort
      case .listener(let port): port
      }
    }

    /// The port of a suggested address.
    var usualPort: UInt16 { defaultPort ?? Endpoint.listenerPort }
    /// The host of a suggested address.
    var usualHost: String { self == .server ? "127.0.0.1" : "0.0.0.0" }
  }

  /// Parses `host:port`, `[v6]:port`, `unix:/path` or `/path`; an error suggests an address that is valid.
  package static func parse(_ text: String, for use: Use) throws(Complaint) -> Endpoint {
    do throws(Complaint) {
      return try exactly(text, for: use)
    } catch {
      var complaint = error
      if complaint.hint == nil, let meant = repaired(text, for: use) {
        complaint.hint = "did you mean \(quoted(meant))?"
      }
      throw complaint
    }
  }

  static func exactly(_ text: String, for use: Use) throws(Complaint) -> Endpoint {
    if text.hasPrefix("unix:") { return try unix(String(text.dropFirst(5)), written: text) }
    if text.hasPrefix("/") { return try unix(text, written: text) }
    if text.isEmpty { throw .expected("an address such as 10.0.0.1:\(use.usualPort)", found: "nothing") }
    if let scheme = scheme(of: text) {
      throw .said("\(quoted(scheme)) in \(quoted(text)): an address has no scheme")
    }
    let (host, port) = try split(text)
    guard let port else {
      guard let port = use.defaultPort else { throw .said("no port in \(quoted(text))") }
      return .tcp(host: host, port: port)
    }
    return .tcp(host: host, port: try Quantity.port(port, of: text))
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
  private static func split(_ text: String) throws(Complaint) -> (String, String?) {
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { throw .said("no closing bracket in \(quoted(text))") }
      let host = String(text[text.index(after: text.startIndex)..<close])
      guard HostName.isIPv6(host) else { throw .said("\(quoted(host)) is not an IPv6 address") }
      let rest = text[text.index(after: close)...]
      if rest.isEmpty { return (host, nil) }
      guard rest.hasPrefix(":") else { throw .expected("[address]:port", found: quoted(text)) }
      return (host, String(rest.dropFirst()))
    }
    if HostName.isIPv6(text) { throw .said("IPv6 address without brackets: \(quoted(text))") }
    let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    if let fault = HostName.fault(in: parts[0]) {
      let isNumber = parts.count == 1 && parts[0].utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
      if isNumber, !text.isEmpty { throw .said("no host in \(quoted(text))") }
      if parts.count < 3 { throw .said(fault) }
    } else if parts.count == 3 {
      throw .said("\(quoted(text)) is host:port followed by something else")
    }
    if parts.count == 3 { throw .said("too many colons in \(quoted(text))") }
    return (parts[0], parts.count == 2 ? parts[1] : nil)
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
