import Proxy

/// The requests that tell a server with another protocol, or with authentication, from a dead server.
///
///     request             reply                      so the server
///     version (text)      CLIENT_ERROR …             wants a user and a password: memcached -Y
///     version (binary)    0x81                       speaks only the binary protocol: memcached -B binary, -S
///     ClientHello (TLS)   0x15 0x03 or 0x16 0x03     speaks TLS: memcached -Z
enum Recognition {
  /// The protocols to try, in order. Authentication shows in the reply to the text protocol itself.
  static let tried: [Unsuited] = [.binary, .tls]

  /// The request that a server of this kind answers: its reply identifies it.
  static func question(_ kind: Unsuited) -> [UInt8] {
    switch kind {
    case .authentication: Array("version\r\n".utf8)
    case .binary: [0x80, 0x0b] + [UInt8](repeating: 0, count: 22)
    case .tls: clientHello
    }
  }

  /// A TLS 1.2 ClientHello with four ciphers and no extensions: enough for a reply, which may be an alert. None of its
  /// bytes is a newline.
  private static var clientHello: [UInt8] {
    let ciphers: [UInt8] = [0xc0, 0x2f, 0xc0, 0x30, 0x00, 0x9c, 0x00, 0x2f]
    var body: [UInt8] = [3, 3] + [UInt8](repeating: 0x52, count: 32) + [0]
    body += [0, UInt8(ciphers.count)] + ciphers + [1, 0]
    let handshake: [UInt8] = [1, 0, 0, UInt8(body.count)] + body
    return [0x16, 3, 1, 0, UInt8(handshake.count)] + handshake
  }

  static func isAnswer(_ bytes: [UInt8], to kind: Unsuited) -> Bool {
    switch kind {
    case .authentication: bytes.starts(with: "CLIENT_ERROR unauthenticated".utf8)
    case .binary: bytes.first == 0x81
    case .tls: bytes.count >= 2 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 3
    }
  }

  /// The verdict on a reply to a text `version` that is no version; nil if it is a version, or may become one.
  static func ofHandshaking(_ bytes: [UInt8]) -> ProbeSession.Verdict? {
    if bytes.starts(with: "ERROR Too many open connections".utf8) { return .full }
    if isAnswer(bytes, to: .authentication) { return .unsuited(.authentication) }
    return bytes.first == 0x15 && isAnswer(bytes, to: .tls) ? .unsuited(.tls) : nil
  }

  /// The log line's message, and what the operator can do.
  static func words(_ kind: Unsuited) -> (what: String, remedy: String) {
    switch kind {
    case .authentication:
      ("server wants authentication", "start it without -Y, or remove it from the configuration")
    case .tls: ("server speaks TLS", "start it without -Z, or configure a port of it without TLS")
    case .binary:
      ("server speaks only the binary protocol", "start it without -B binary and without -S")
    }
  }
}
