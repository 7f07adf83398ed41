import Bytes

/// The requests sent on a new server connection after `version`, to learn which meta commands the server supports:
///
///     mn                              MN                  ERROR           EN (1.5)
///     mg 0123456789abcdef b O17       EN O17, EN (old)    ERROR, CLIENT_ERROR …
///
/// Both are harmless: there is no value, and the key, base64 of random bytes, cannot exist. The version alone is not
/// enough, because programs that only resemble memcached report any version. The proxy never sends a command that a
/// server does not support, because the server would run an unexpected value as commands.
package enum Handshake: BitwiseCopyable, Equatable {
  /// The answer has not fully arrived.
  case partial
  /// The newest era whose meta commands the server supports: 1.4 means none, 1.6.18 means all.
  case speaks(Era, length: Int)
  /// Not an answer to these requests.
  case broken(ProtocolViolation)

  /// Writes the requests. `secret` is a random number.
  package static func write(_ secret: UInt64, to text: inout [UInt8]) {
    text += Array("mn\r\nmg ".utf8)
    for shift in stride(from: UInt64(60), through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: secret &>> shift & 15)
      text.append(digit < 10 ? 48 &+ digit : 87 &+ digit)
    }
    text += Array(" b O\(secret)\r\n".utf8)
  }

  /// Parses the two lines of the answer at the beginning of `bytes`.
  package init(_ bytes: RawSpan, secret: UInt64) {
    guard let first = bytes.firstNewline(from: 0), let second = bytes.firstNewline(from: first &+ 1) else {
      self = bytes.byteCount > 2 &* ReplyParser.longestLine ? .broken(.lineTooLong) : .partial
      return
    }
    let known = Line(bytes, from: 0, newline: first, secret)
    let line = Line(bytes, from: first &+ 1, newline: second, secret)
    let era: Era
    switch (known, line) {
    case (.noted, .missWithOpaque): era = .v1_6_18
    case (.noted, .miss): era = .v1_6_10
    // The server does not know `b`.
    case (.noted, .refusal(isOfClient: true)): era = .v1_6_0
    case (.miss, .miss), (.miss, .refusal): era = .v1_5
    case (.noted, .refusal), (.refusal, .refusal), (.refusal, .miss): era = .v1_4
    // Damaged, or the answer to another request: it says nothing about the server.
    default:
      self = .broken(.wrongType)
      return
    }
    self = .speaks(era, length: second &+ 1)
  }

  /// One line of the answer.
  private enum Line {
    case noted
    case miss
    case missWithOpaque
    /// `ERROR`, `CLIENT_ERROR …`, `SERVER_ERROR …`
    case refusal(isOfClient: Bool)
    case other

    init(_ bytes: RawSpan, from: Int, newline: Int, _ secret: UInt64) {
      let end = Handshake.withoutEnd(bytes, from: from, to: newline &+ 1)
      if bytes.isText("MN", from: from, to: end) {
        self = .noted
      } else if bytes.isText("EN", from: from, to: end) {
        self = .miss
      } else if bytes.hasText("EN O", at: from), bytes.decimal(from: from &+ 4, to: end) == secret {
        self = .missWithOpaque
      } else if bytes.hasText("CLIENT_ERROR ", at: from) {
        self = .refusal(isOfClient: true)
      } else if bytes.hasText("ERROR", at: from) || bytes.hasText("SERVER_ERROR", at: from) {
        self = .refusal(isOfClient: false)
      } else {
        self = .other
      }
    }
  }

  /// The end of a line without its CR and LF and the blanks that old servers leave before them.
  private static func withoutEnd(_ bytes: RawSpan, from: Int, to: Int) -> Int {
    var end = to &- 1
    while end > from, bytes.byte(at: end &- 1) == 13 || bytes.byte(at: end &- 1) == 32 { end &-= 1 }
    return end
  }
}
