import Bytes

/// The status of a reply to a meta request.
package enum MetaStatus: UInt8, BitwiseCopyable, Sendable {
  /// `VA <bytes> <flag>*`, then the value.
  case value
  /// `HD`: done, or a hit without its value.
  case done
  /// `EN`: a miss.
  case miss
  case notFound
  case notStored
  case exists
  /// `ME <key> …`: the answer to `me`.
  case shown
  /// An error line from the server.
  case error

  /// The status that the two letters at `p` name; nil for any others. At least three bytes must exist at `p`.
  init?(_ bytes: RawSpan, at p: Int, _ era: Era) {
    let third = bytes.byte(at: p &+ 2)
    guard third == 32 || third == 13 else { return nil }
    switch (bytes.byte(at: p), bytes.byte(at: p &+ 1)) {
    case (86, 65): self = .value
    case (72, 68): self = .done
    // Before 1.6.10, and with an option up to 1.6.17.
    case (79, 75) where era < .v1_6_18: self = .done
    case (69, 78): self = .miss
    case (78, 70): self = .notFound
    case (78, 83): self = .notStored
    case (69, 88): self = .exists
    case (77, 69): self = .shown
    default: return nil
    }
  }

  /// Whether this status is valid for a request with this verb and these flags.
  func answers(_ verb: Verb, _ flags: MetaFlags) -> Bool {
    switch (verb, self) {
    case (.metaGet, .value), (.metaArithmetic, .value): flags.contains(.value)
    case (.metaGet, .done): !flags.contains(.value) || flags.contains(.compare)
    case (.metaArithmetic, .done): !flags.contains(.value)
    case (.metaGet, .miss), (.metaDebug, .miss), (.metaDebug, .shown): true
    case (.metaSet, .done), (.metaDelete, .done): true
    case (.metaSet, .notFound), (.metaSet, .notStored), (.metaSet, .exists): true
    case (.metaDelete, .notFound), (.metaDelete, .notStored), (.metaDelete, .exists): true
    case (.metaArithmetic, .notFound), (.metaArithmetic, .notStored), (.metaArithmetic, .exists): true
    default: false
    }
  }

  /// Whether memcached suppresses this reply when the request has `q`: a read's miss, a change's success.
  package func isSilent(_ verb: Verb) -> Bool {
    switch verb {
    case .metaGet: self == .miss
    case .metaSet, .metaDelete: self == .done
    case .metaArithmetic: self == .done || self == .value
    default: false
    }
  }
}

/// A whole reply to a meta request, as offsets into the received bytes.
package struct MetaReply: BitwiseCopyable {
  package var status: MetaStatus
  /// The length of the reply in bytes, value included.
  package var length: Int
  /// The opaque, with the space before it.
  package var opaque = Word(start: 0, length: 0)
  /// Where to insert the key if it was hidden from the server (`hiddenKey`).
  package var keyAt = 0
  /// A bare miss, as servers before 1.6.18 send it: without opaque and key.
  package var isBare = false

  init(_ status: MetaStatus, length: Int) {
    self.status = status
    self.length = length
  }

  /// The reply implied by a server's silence to a request with `q`.
  package static let silentlyDone = MetaReply(.done, length: 0)
}

/// What a server's bytes are, when the next reply due is one to a meta request.
package enum MetaAnswer: BitwiseCopyable {
  case partial
  /// The reply line is valid; the value after it has not fully arrived.
  case opening(MetaReply, header: Int, value: Int)
  case reply(MetaReply)
  case broken(ProtocolViolation)
}

extension ReplyParser {
  /// The reply at `p` to the request at the beginning of `asked`. Its status must be one that the request can have,
  /// its opaque the one sent, its key the one requested.
  ///
  /// Differences of older eras: before 1.6.18 a miss returns no opaque and no key, and there may be several blanks
  /// between two words and some at the end of the line.
  package static func meta(
    _ bytes: RawSpan, at p: Int, to line: MetaLine, asked: RawSpan, era: Era, maxValue: Int
  ) -> MetaAnswer {
    guard bytes.byteCount &- p >= 3 else {
      return bytes.firstNewline(from: p) == nil ? .partial : .broken(.wrongType)
    }
    guard let status = MetaStatus(bytes, at: p, era) else { return metaError(bytes, at: p) }
    guard status.answers(line.verb, line.flags) else { return .broken(.wrongType) }
    guard let newline = bytes.firstNewline(from: p), newline &- p < longestLine else {
      return bytes.byteCount &- p >= longestLine ? .broken(.lineTooLong) : .partial
    }
    var reply = MetaReply(status, length: newline &+ 1 &- p)
    let end = newline &- 1
    guard end >= p &+ 2, bytes.byte(at: end) == 13, bytes.first(13, from: p, to: end) == nil else {
      return .broken(.wrongType)
    }
    if line.verb == .metaDebug && status == .miss {
      return end == p &+ 2 ? .reply(reply) : .broken(.wrongType)
    }
    if status == .shown { return shown(bytes, at: p, end, reply, line, asked) }
    var i = p &+ 2
    if status == .value {
      let (size, sizeEnd) = bytes.digits(from: min(i &+ 1, end), to: end)
      guard sizeEnd > i &+ 1, sizeEnd == end || bytes.byte(at: sizeEnd) == 32 else {
        return .broken(.wrongType)
      }
      guard sizeEnd &- i <= 11, size <= maxValue else { return .broken(.badLength) }
      reply.length &+= size &+ 2
      i = sizeEnd
    }
    if let why = tokens(bytes, from: i, to: end, &reply, line, asked, era) { return .broken(why) }
    guard status == .value else { return .reply(reply) }
    let valueEnd = p &+ reply.length
    guard bytes.byteCount >= valueEnd else {
      let header = newline &+ 1 &- p
      return .opening(reply, header: header, value: reply.length &- header &- 2)
    }
    guard bytes.byte(at: valueEnd &- 2) == 13, bytes.byte(at: valueEnd &- 1) == 10 else {
      return .broken(.badLength)
    }
    return .reply(reply)
  }

  private static func metaError(_ bytes: RawSpan, at p: Int) -> MetaAnswer {
    switch errorLine(bytes, at: p) {
    case .reply(let length, _): .reply(MetaReply(.error, length: length))
    case .partial, .opening: .partial
    case .broken(let why): .broken(why)
    }
  }

  /// Checks the tokens that the server returned for the flags; returns the violation, if there is one.
  private static func tokens(
    _ bytes: RawSpan, from start: Int, to end: Int, _ reply: inout MetaReply, _ line: MetaLine,
    _ asked: RawSpan, _ era: Era
  ) -> ProtocolViolation? {
    let isLoose = era < .v1_6_18
    let (sent, place) = opaque(line, asked)
    // A miss returns only the opaque and the key, in the order of the request.
    var left = Int(line.keyPlace)
    if reply.status == .miss { left = sent != nil && !line.hasOwnOpaque && place < left ? 1 : 0 }
    reply.keyAt = end
    var isMet = false
    var met: UInt64 = 0
    var i = start
    while i < end {
      guard bytes.byte(at: i) == 32 else { return .wrongType }
      if isLoose, i &+ 1 == end || bytes.byte(at: i &+ 1) == 32 {
        i &+= 1
        continue
      }
      if left == 0 { reply.keyAt = i }
      left &-= 1
      let next = bytes.first(32, from: i &+ 1, to: end) ?? end
      let token = Word(start: i &+ 1, length: next &- i &- 1)
      guard token.length > 0 else { return .wrongType }
      let letter = bytes.byte(at: token.from)
      switch letter {
      case 79:  // O
        guard !isMet, let sent, sent.length == token.length,
          bytes.matches(at: token.from, asked, at: sent.from, count: Int(sent.length))
        else { return .wrongOpaque }
        isMet = true
        reply.opaque = Word(start: i, length: next &- i)
      case 107:  // k
        let key = Word(start: token.from &+ 1, length: Int(token.length) &- 1)
        guard isKey(bytes, key, line, asked) else { return .wrongKey }
      case 98:  // b, which a server may return twice
        guard token.length == 1 else { return .wrongType }
      case 87, 88, 90:  // W, X, Z
        guard token.length == 1, line.verb == .metaGet else { return .wrongType }
      case 99, 102, 104, 108, 115, 116:  // cfhlst
        guard isNumber(bytes, token.from &+ 1, next), isAsked(letter, line, asked) else { return .wrongType }
      // No other token is ever returned: this is another reply, or the remainder of one.
      default: return .wrongType
      }
      let bit: UInt64 = 1 << UInt64(letter & 63)
      guard met & bit == 0 || letter == 98 else { return .wrongType }
      met |= bit
      i = next
    }
    if isMet || sent == nil { return nil }
    reply.isBare = isLoose && reply.status == .miss && start == end
    return reply.isBare ? nil : .wrongOpaque
  }

  /// Whether the bytes are digits with an optional minus: an item that never expires has `t-1`.
  private static func isNumber(_ bytes: RawSpan, _ from: Int, _ end: Int) -> Bool {
    let start = from < end && bytes.byte(at: from) == 45 ? from &+ 1 : from
    return start < end && bytes.digits(from: start, to: end).end == end
  }

  /// Whether the request had this flag. `b` may be returned without being requested: it describes the key beside it.
  private static func isAsked(_ letter: UInt8, _ line: MetaLine, _ asked: RawSpan) -> Bool {
    var walk = line.sentFlags(asked, from: 0)
    while let word = walk.next(asked) {
      if asked.byte(at: word.from) == letter { return true }
    }
    return false
  }

  /// The opaque that was sent, and the number of returned tokens that precede it.
  private static func opaque(_ line: MetaLine, _ asked: RawSpan) -> (Word?, place: Int) {
    var walk = line.sentFlags(asked, from: 0)
    var place = 0
    while let word = walk.next(asked) {
      let letter = asked.byte(at: word.from)
      if letter == 79 { return (word, place) }
      if MetaLine.comesBack(letter) { place &+= 1 }
    }
    return (nil, place)
  }

  /// Whether the returned key is the requested one. memcached writes a key as text or in base64 depending on how the
  /// item was stored, not on how it was requested.
  private static func isKey(_ bytes: RawSpan, _ key: Word, _ line: MetaLine, _ asked: RawSpan) -> Bool {
    let sent = line.key(from: 0)
    if key.length == sent.length,
      bytes.matches(at: key.from, asked, at: sent.from, count: Int(sent.length))
    {
      return true
    }
    return line.flags.contains(.base64)
      ? Base64.isEncoding(asked, sent, of: bytes, key) : Base64.isEncoding(bytes, key, of: asked, sent)
  }

  /// `ME <key> exp=… la=… …`
  private static func shown(
    _ bytes: RawSpan, at p: Int, _ end: Int, _ reply: MetaReply, _ line: MetaLine, _ asked: RawSpan
  ) -> MetaAnswer {
    guard let space = bytes.first(32, from: p &+ 3, to: end), space > p &+ 3 else {
      return .broken(.wrongType)
    }
    let key = Word(start: p &+ 3, length: space &- p &- 3)
    return isKey(bytes, key, line, asked) ? .reply(reply) : .broken(.wrongKey)
  }

  /// Whether `VERSION 1.6.14` names this version or a later one; false if the text is not a version number.
  package static func isVersion(_ version: RawSpan, atLeast major: Int, _ minor: Int, _ patch: Int) -> Bool {
    var i = 8
    for least in [major, minor, patch] {
      guard i < version.byteCount else { return false }
      let (number, end) = version.digits(from: i, to: version.byteCount)
      guard end > i, end &- i <= 9 else { return false }
      if number != least { return number > least }
      i = end &+ 1
    }
    return true
  }
}
