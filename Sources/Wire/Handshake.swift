import Bytes

/// What a fresh connection is asked after `version`, to learn which meta requests its server speaks:
///
///     mn                              MN                  ERROR           EN (1.5)
///     mg 0123456789abcdef b O17       EN O17, EN (old)    ERROR, CLIENT_ERROR …
///
/// Both are harmless: there is no value, and the key, base64 of random bytes, cannot exist. A server's version does not
/// say it: programs that only resemble memcached give any version. What a server does not speak is never sent to it, for a
/// value that it does not expect it would run as commands.
package enum Handshake: BitwiseCopyable, Equatable {
  /// Not all of the answer is there.
  case partial
  /// The newest era whose meta requests the server has shown that it speaks: 1.4 for none, 1.6.18 for all.
  case speaks(Era, length: Int)
  /// No answer to these requests.
  case broken(Breach)

  /// Writes the requests. `secret` is a random number.
  package static func write(_ secret: UInt64, to text: inout [UInt8]) {
    text += Array("mn\r\nmg ".utf8)
    for shift in stride(from: UInt64(60), through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: secret &>> shift & 15)
      text.append(digit < 10 ? 48 &+ digit : 87 &+ digit)
    }
    text += Array(" b O\(secret)\r\n".utf8)
  }

  /// Reads the two lines of the answer, which begins `bytes`.
  package init(_ bytes: RawSpan, secret: UInt64) {
    var ends: (Int, Int) = (0, 0)
    guard let first = bytes.firstNewline(from: 0), let second = bytes.firstNewline(from: first &+ 1) else {
      self = bytes.byteCount > 2 &* ReplyParser.longestLine ? .broken(.lineTooLong) : .partial
      return
    }
    ends = (first &+ 1, second &+ 1)
    func isLine(_ text: StaticString, from: Int, to: Int) -> Bool {
      bytes.isText(text, from: from, to: to)
    }
    let line = (from: ends.0, to: Self.withoutEnd(bytes, from: ends.0, to: ends.1))
    let era: Era
    if isLine("MN", from: 0, to: Self.withoutEnd(bytes, from: 0, to: ends.0)) {
      if Self.isMiss(bytes, from: line.from, to: line.to, secret) {
        era = .v1_6_18
      } else if isLine("EN", from: line.from, to: line.to) {
        era = .v1_6_10
      } else if bytes.hasText("CLIENT_ERROR ", at: line.from) {
        // It does not know `b`.
        era = .v1_6_0
      } else {
        era = .v1_4
      }
    } else if isLine("EN", from: 0, to: Self.withoutEnd(bytes, from: 0, to: ends.0)) {
      era = .v1_5
    } else {
      era = .v1_4
    }
    self = .speaks(era, length: ends.1)
  }

  /// Where a line ends without its CR and LF, and the blanks that old servers leave before them.
  private static func withoutEnd(_ bytes: RawSpan, from: Int, to: Int) -> Int {
    var end = to &- 1
    while end > from, bytes.byte(at: end &- 1) == 13 || bytes.byte(at: end &- 1) == 32 { end &-= 1 }
    return end
  }

  /// `EN O<secret>`
  private static func isMiss(_ bytes: RawSpan, from: Int, to: Int, _ secret: UInt64) -> Bool {
    guard bytes.hasText("EN O", at: from) else { return false }
    return bytes.decimal(from: from &+ 4, to: to) == secret
  }
}
