import Bytes

/// What a server's bytes are, parsed from the start of the next reply due.
@usableFromInline @frozen
package enum Answer: BitwiseCopyable {
  /// The reply has not fully arrived.
  case partial
  /// The line before a value is valid; the value has not fully arrived.
  case opening(header: Int, value: Int)
  /// A whole reply of `length` bytes.
  case reply(length: Int, Outcome)
  /// Not a valid reply to this request: replies on this connection can no longer be matched to requests.
  case broken(ProtocolViolation)
}

/// The outcome that a reply reports, as far as the proxy needs it.
@usableFromInline @frozen
package enum Outcome: UInt8, BitwiseCopyable {
  case hit
  case miss
  /// Done, or refused because of the data: STORED, NOT_FOUND, a number, …
  case done
  /// An error line from the server, which is forwarded to the client.
  case error
}

/// A protocol violation: why a server's reply cannot be trusted.
@usableFromInline @frozen
package enum ProtocolViolation: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case wrongKey
  case wrongOpaque
  case wrongType
  case badLength
  case unsolicited
  case lineTooLong

  package var words: StaticString {
    switch self {
    case .wrongKey: "a value of another key than the requested one"
    case .wrongOpaque: "a reply with the opaque of another request"
    case .wrongType: "a reply that the request cannot have"
    case .badLength: "a value of an impossible length"
    case .unsolicited: "bytes that no request asked for"
    case .lineTooLong: "a line without an end"
    }
  }
}

/// One `VALUE` block of a read.
@usableFromInline @frozen
package enum Block: BitwiseCopyable {
  case partial
  /// The header is valid; the value has not fully arrived. Lengths of both in bytes, without the line end after the
  /// value.
  case opening(header: Int, value: Int)
  /// A whole block: header and value with their line ends, `length` bytes.
  case value(length: Int)
  /// `END\r\n`.
  case end
  /// A block for another key.
  case otherKey
  /// Not a block: an error line, or garbage.
  case other
  case broken(ProtocolViolation)
}

/// Parses replies in the bytes from a server, each against its request.
///
/// Servers are untrusted input: no length is believed before the bytes have arrived, no line may be longer than
/// `longestLine`, and a value's key must be the requested key. Pure functions over the received bytes.
@usableFromInline
package enum ReplyParser {
  @usableFromInline package static let longestLine = 2048
  /// The report size in bytes (`stats …`) after which no further line is read.
  package static let longestReport = 8 << 20

  /// Parses the block at `p`, whose key must be the `keyLength` bytes of `asked` at `keyStart`.
  @inlinable @inline(always)
  package static func block(
    _ bytes: RawSpan, at p: Int, asked: RawSpan, keyStart: Int, keyLength: Int, withCAS: Bool,
    maxValue: Int
  ) -> Block {
    // All offsets below are sums of non-negative numbers, which saves half of the checks.
    let reply = bytes.rest(from: p)
    guard reply.byteCount >= 8 else { return short(bytes, at: p) }
    let word = reply.word(at: 0)
    guard word & 0xffff_ffff_ffff == 0x2045_554c_4156 else {  // "VALUE "
      return word & 0xff_ffff_ffff == 0x0a0d_444e45 ? .end : .other  // "END\r\n"
    }
    guard reply.byteCount &- 6 > keyLength else { return header(bytes, at: p) }
    guard reply.matches(at: 6, asked, at: keyStart, count: keyLength) else { return .otherKey }
    let i = 6 &+ keyLength
    let numbers = reply.rest(from: i)
    if !withCAS, numbers.byteCount >= 16 {
      // " <flags> <bytes>\r\n" with one digit of flags and a length of at most seven: nearly all replies.
      let word = numbers.word(at: 0)
      if word & 0xff_00ff == 0x20_0020, word &>> 8 & 0xff &- 48 <= 9 {
        let (length, end) = numbers.digits(from: 3, to: 11)
        if end > 3, end < 11, numbers.pair(at: end) == 0x0a0d {
          return value(reply, header: i &+ end &+ 2, length: length, maxValue: maxValue)
        }
      }
    }
    return anyBlock(bytes, at: p, keyEnd: p &+ i, withCAS: withCAS, maxValue: maxValue)
  }

  /// Parses the numbers of any form in the block at `p`, whose key is correct and ends at `keyEnd`.
  @inline(never) @usableFromInline
  static func anyBlock(_ bytes: RawSpan, at p: Int, keyEnd: Int, withCAS: Bool, maxValue: Int) -> Block {
    var i = keyEnd
    guard bytes.byte(at: i) == 32 else { return .otherKey }
    // " <flags> <bytes>[ <cas>]\r\n": at most 56 bytes.
    let limit = min(bytes.byteCount, i &+ 60)
    let flags = bytes.digits(from: i &+ 1, to: limit).end
    guard flags < limit else { return header(bytes, at: p) }
    guard flags > i &+ 1, bytes.byte(at: flags) == 32 else { return .broken(.wrongType) }
    let (length, lengthEnd) = bytes.digits(from: flags &+ 1, to: limit)
    guard lengthEnd < limit else { return header(bytes, at: p) }
    guard lengthEnd > flags &+ 1 else { return .broken(.wrongType) }
    guard lengthEnd &- flags <= 11, length <= maxValue else { return .broken(.badLength) }
    i = lengthEnd
    if withCAS {
      guard bytes.byte(at: i) == 32 else { return .broken(.wrongType) }
      let unique = bytes.digits(from: i &+ 1, to: limit).end
      guard unique < limit else { return header(bytes, at: p) }
      guard unique > i &+ 1 else { return .broken(.wrongType) }
      i = unique
    }
    guard i &+ 1 < bytes.byteCount else { return .partial }
    guard bytes.pair(at: i) == 0x0a0d else { return .broken(.wrongType) }
    return value(
      bytes.rest(from: p), header: i &+ 2 &- p, length: length, maxValue: maxValue)
  }

  /// Checks the value after a valid header.
  @inlinable @inline(always)
  static func value(_ reply: RawSpan, header: Int, length: Int, maxValue: Int) -> Block {
    guard length <= maxValue else { return .broken(.badLength) }
    let end = header &+ length
    guard end <= reply.byteCount &- 2 else { return .opening(header: header, value: length) }
    guard reply.pair(at: end) == 0x0a0d else { return .broken(.badLength) }
    return .value(length: end &+ 2)
  }

  /// Fewer than eight bytes: `END` may be complete, and no other block can be.
  @inline(never) @usableFromInline
  static func short(_ bytes: RawSpan, at p: Int) -> Block {
    if bytes.hasText("END\r\n", at: p) { return .end }
    // An error line may be shorter than a block's header: "ERROR\r\n".
    return bytes.firstNewline(from: p) == nil ? .partial : .other
  }

  /// A header that has not fully arrived, unless it is longer than any header can be.
  @inline(never) @usableFromInline
  static func header(_ bytes: RawSpan, at p: Int) -> Block {
    if bytes.firstNewline(from: p) != nil { return .otherKey }
    return bytes.byteCount &- p > longestLine ? .broken(.lineTooLong) : .partial
  }

  /// Parses the whole reply to a `get` or `gets` of one key.
  @inlinable @inline(always)
  package static func single(
    _ bytes: RawSpan, at p: Int, asked: RawSpan, keyStart: Int, keyLength: Int, withCAS: Bool,
    maxValue: Int
  ) -> Answer {
    switch block(
      bytes, at: p, asked: asked, keyStart: keyStart, keyLength: keyLength, withCAS: withCAS,
      maxValue: maxValue)
    {
    case .value(let length):
      let reply = bytes.rest(from: p)
      guard length &- 3 <= reply.byteCount &- 8 else { return .partial }
      // "END\r\n" and the three bytes before it.
      guard reply.word(at: length &- 3) &>> 24 == 0x0a_0d44_4e45 else { return .broken(.wrongType) }
      return .reply(length: length &+ 5, .hit)
    case .end: return .reply(length: 5, .miss)
    case .partial: return .partial
    case .opening(let header, let value): return .opening(header: header, value: value)
    case .otherKey: return .broken(.wrongKey)
    case .other: return errorLine(bytes, at: p)
    case .broken(let violation): return .broken(violation)
    }
  }

  /// Parses a one-line reply of the given family.
  @inlinable @inline(__always)
  package static func line(_ bytes: RawSpan, at p: Int, _ expected: Expectation) -> Answer {
    if expected == .stored, bytes.byteCount &- p >= 8, bytes.word(at: p) == 0x0a0d_4445_524f_5453 {
      return .reply(length: 8, .done)  // "STORED\r\n"
    }
    return anyLine(bytes, at: p, expected)
  }

  @inline(never) @usableFromInline
  static func anyLine(_ bytes: RawSpan, at p: Int, _ expected: Expectation) -> Answer {
    guard let newline = bytes.firstNewline(from: p), newline &- p < longestLine else {
      return bytes.byteCount &- p >= longestLine ? .broken(.lineTooLong) : .partial
    }
    let length = newline &+ 1 &- p
    guard length >= 2, bytes.byte(at: newline &- 1) == 13 else { return .broken(.wrongType) }
    let end = newline &- 1
    func isText(_ text: StaticString) -> Bool { bytes.isText(text, from: p, to: end) }
    let isExpected =
      switch expected {
      case .stored: isText("STORED") || isText("NOT_STORED") || isText("EXISTS") || isText("NOT_FOUND")
      case .deleted: isText("DELETED") || isText("NOT_FOUND")
      case .touched: isText("TOUCHED") || isText("NOT_FOUND")
      // decr may pad the number with blanks.
      case .number: isText("NOT_FOUND") || isNumber(bytes, from: p, to: end)
      case .done: isText("OK")
      case .version: bytes.hasText("VERSION ", at: p)
      case .values, .valuesWithCAS, .report, .meta: false
      }
    if isExpected { return .reply(length: length, .done) }
    return isError(bytes, from: p, to: end) ? .reply(length: length, .error) : .broken(.wrongType)
  }

  /// Parses an error line; anything else is a violation.
  @inline(never) @usableFromInline
  package static func errorLine(_ bytes: RawSpan, at p: Int) -> Answer {
    guard let newline = bytes.firstNewline(from: p), newline &- p < longestLine else {
      if bytes.byteCount &- p >= longestLine { return .broken(.lineTooLong) }
      // Garbage is recognised by its first letter: do not wait for a line end that may never arrive.
      let first = bytes.byteCount > p ? bytes.byte(at: p) : 0
      let mayBecomeError = first == 69 || first == 83 || first == 67 || bytes.byteCount &- p < 1
      return mayBecomeError ? .partial : .broken(.wrongType)
    }
    let length = newline &+ 1 &- p
    guard length >= 2, bytes.byte(at: newline &- 1) == 13, isError(bytes, from: p, to: newline &- 1)
    else { return .broken(.wrongType) }
    return .reply(length: length, .error)
  }

  private static func isNumber(_ bytes: RawSpan, from: Int, to: Int) -> Bool {
    var end = to
    while end > from, bytes.byte(at: end &- 1) == 32 { end &-= 1 }
    return bytes.decimal(from: from, to: end) != nil
  }

  private static func isError(_ bytes: RawSpan, from: Int, to: Int) -> Bool {
    bytes.isText("ERROR", from: from, to: to)
      || bytes.hasText("SERVER_ERROR ", at: from) || bytes.hasText("CLIENT_ERROR ", at: from)
      || bytes.hasText("ERROR ", at: from)
  }

  /// Parses a report: lines until `END`, or one line: `RESET`, `OK` or an error.
  package static func report(_ bytes: RawSpan, at p: Int) -> Answer {
    var i = p
    while let newline = bytes.firstNewline(from: i) {
      guard newline &- i < longestLine, i &- p <= longestReport else { return .broken(.lineTooLong) }
      guard newline > i, bytes.byte(at: newline &- 1) == 13 else { return .broken(.wrongType) }
      let end = newline &- 1
      let length = newline &+ 1 &- p
      if bytes.isText("END", from: i, to: end) { return .reply(length: length, .done) }
      if i == p {
        if bytes.isText("RESET", from: i, to: end) || bytes.isText("OK", from: i, to: end) {
          return .reply(length: length, .done)
        }
        if isError(bytes, from: i, to: end) { return .reply(length: length, .error) }
      }
      let isRow =
        bytes.hasText("STAT ", at: i) || bytes.hasText("PREFIX ", at: i) || bytes.hasText("ITEM ", at: i)
      guard isRow else { return .broken(.wrongType) }
      i = newline &+ 1
    }
    let isTooLong = bytes.byteCount &- i >= longestLine || i &- p > longestReport
    return isTooLong ? .broken(.lineTooLong) : .partial
  }
}
