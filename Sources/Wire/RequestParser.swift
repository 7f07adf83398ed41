import Bytes

/// Parses requests in the bytes from a client.
///
///     "get a\r\nset b 0 0 1\r\nx\r\n"  →  get a, set b (line and body), partial
///
/// A pure function over the received bytes: it keeps nothing between calls, so input split at any byte gives the same
/// requests. It accepts a request only if it understands all of it, and checks the words exactly as memcached of the
/// dialect's era does. The common line, `get <key>\r\n`, costs one scan of the key.
@usableFromInline
package enum RequestParser {
  /// Longest key, in bytes.
  @usableFromInline package static let longestKey = 250
  /// Longest line of a command other than `get`, `gets`, `gat` and `gats`, without its newline; memcached closes
  /// beyond it.
  @usableFromInline package static let longestLine = 2048
  /// Longest line of a multi-get, the longest of all lines.
  @usableFromInline package static let longestGet = 1 << 20

  /// Parses the request at `p`. An earlier call found no newline in the first `scanned` bytes.
  @inlinable @inline(__always)
  package static func next(
    _ bytes: RawSpan, from p: Int, scanned: Int, maxValue: Int, dialect: Dialect, line: inout RequestLine,
    into request: inout Request
  ) -> Verdict {
    let keyLength = plainGet(bytes, from: p)
    if keyLength > 0 {
      request = Request(plainGetAt: p, keyLength: keyLength)
      return .request
    }
    return general(
      bytes, from: p, scanned: scanned, maxValue: maxValue, dialect: dialect, line: &line, into: &request)
  }

  /// The key's length if the bytes at `p` are exactly `get <key>\r\n`; zero for anything else.
  @inlinable @inline(always)
  package static func plainGet(_ bytes: RawSpan, from p: Int) -> Int {
    let line = bytes.rest(from: p)
    guard line.byteCount >= 8, line.halfWord(at: 0) == 0x2074_6567 else { return 0 }  // "get "
    let end = line.firstBreak(from: 4)
    // One to `longestKey` bytes of key, in one comparison.
    guard UInt(bitPattern: end &- 5) < UInt(bitPattern: longestKey), end <= line.byteCount &- 2,
      line.pair(at: end) == 0x0a0d
    else { return 0 }
    return end &- 4
  }

  @inline(never) @usableFromInline
  static func general(
    _ bytes: RawSpan, from p: Int, scanned: Int, maxValue: Int, dialect: Dialect, line: inout RequestLine,
    into request: inout Request
  ) -> Verdict {
    guard let newline = bytes.firstNewline(from: min(p &+ max(scanned, 0), bytes.byteCount)) else {
      return unfinished(bytes, from: p)
    }
    // A line may end in \n alone; memcached takes "\r\n" alone for the one-byte word "\r".
    let hasReturn = newline > p &+ 1 && bytes.byte(at: newline &- 1) == 13
    let end = hasReturn ? newline &- 1 : newline
    if newline &- p > longestLine, !mayBeLong(bytes, from: p, count: newline &- p) { return .hangUp }
    request = Request()
    request.lineLength = newline &+ 1 &- p
    let isStrict = dialect.classic.isStrict
    // Since 1.6.40 a line of less than four bytes is never a command.
    if isStrict, request.lineLength < 4 { return refuse(.badFormat, request) }
    if isRetrieval(bytes, from: p, to: end), !isStrict || bytes.byte(at: p) != 32 {
      return retrieval(bytes, from: p, to: end, hasReturn: hasReturn, dialect, into: &request)
    }
    line.cut(bytes, from: p, to: end)
    guard line.count > 0, line[0].length >= 2 || isStrict else { return refuse(.unknown, request) }
    let verdict = CommandTable.read(
      bytes, at: p, line: line, isTidy: hasReturn && isTidy(line, from: p, to: end), maxValue: maxValue,
      dialect, into: &request)
    guard case .request = verdict else { return verdict }
    // A server might read a word between the delay and a noreply as the noreply, so such words are dropped.
    if request.verb == .flushAll { line.shorten(to: request.isQuiet ? 3 : 2) }
    guard request.bodyLength > 0 else { return verdict }
    return body(bytes, endingAt: p &+ request.length, request)
  }

  /// Checks that the value has fully arrived and ends in CR LF; otherwise the request is refused.
  private static func body(_ bytes: RawSpan, endingAt end: Int, _ request: Request) -> Verdict {
    guard bytes.byteCount >= end else { return .partialBody }
    guard bytes.byte(at: end &- 2) == 13, bytes.byte(at: end &- 1) == 10 else {
      return refuse(.badDataChunk, request, swallowing: request.bodyLength)
    }
    return .request
  }

  /// The verdict on bytes without a newline: wait, unless memcached would have closed the connection by now.
  private static func unfinished(_ bytes: RawSpan, from p: Int) -> Verdict {
    let n = bytes.byteCount &- p
    return n <= longestLine || mayBeLong(bytes, from: p, count: n) ? .partial : .hangUp
  }

  /// Whether the line at `p`, of a client that is to be closed for it, is longer than any command's.
  package static func hasLongLine(_ bytes: RawSpan, from p: Int) -> Bool {
    (bytes.firstNewline(from: p) ?? bytes.byteCount) &- p > longestLine
  }

  /// Whether `count` bytes, more than `longestLine`, may be (the beginning of) the line of a large multi-get.
  @inline(never)
  private static func mayBeLong(_ bytes: RawSpan, from p: Int, count: Int) -> Bool {
    var i = p
    while i < bytes.byteCount, i &- p <= 100, bytes.byte(at: i) == 32 { i += 1 }
    return i &- p <= 100 && count <= longestGet
      && (bytes.hasText("get ", at: i) || bytes.hasText("gets ", at: i) || bytes.hasText("gat ", at: i)
        || bytes.hasText("gats ", at: i))
  }

  /// Whether the words are separated by exactly one space, with none before or after them.
  private static func isTidy(_ line: RequestLine, from p: Int, to end: Int) -> Bool {
    guard line.count <= RequestLine.most, !line.isAmbiguous else { return false }
    var expected = p
    for i in 0..<line.count {
      guard line[i].from == expected else { return false }
      expected = line[i].to &+ 1
    }
    return expected == end &+ 1
  }

  static func refuse(_ why: Refusal, _ request: Request, swallowing body: Int = 0) -> Verdict {
    .refused(why, skip: request.lineLength &+ body, isQuiet: request.isQuiet)
  }
}

// MARK: - get, gets, gat, gats

extension RequestParser {
  private static func isRetrieval(_ bytes: RawSpan, from p: Int, to end: Int) -> Bool {
    var i = p
    while i < end, bytes.byte(at: i) == 32 { i += 1 }
    guard i < end else { return false }
    let first = bytes.byte(at: i)
    return first == 103 || first == 98  // g…, and bget, which memcached still knows
  }

  /// Parses `get <key>*` and `gat <exptime> <key>*`. `KeyWalk` iterates over the keys.
  private static func retrieval(
    _ bytes: RawSpan, from p: Int, to end: Int, hasReturn: Bool, _ dialect: Dialect,
    into request: inout Request
  ) -> Verdict {
    var words = KeyWalk(from: p, to: end)
    guard let command = words.next(bytes) else { return refuse(.unknown, request) }
    let from = command.from
    let to = command.to
    let era = dialect.classic
    let isAncient = bytes.isText("bget", from: from, to: to)
    if bytes.isText("get", from: from, to: to) || isAncient {
      request.verb = .get
    } else if bytes.isText("gets", from: from, to: to) {
      request.verb = .gets
    } else if bytes.isText("gat", from: from, to: to) {
      request.verb = .gat
    } else if bytes.isText("gats", from: from, to: to) {
      request.verb = .gats
    } else {
      return CommandTable.unknown(bytes, from: p, to: end, request, dialect)
    }
    if isAncient && era.isStrict || request.verb.touches && era < .v1_5 {
      return CommandTable.unknown(bytes, from: p, to: end, request, dialect)
    }
    words = KeyWalk(from: to, to: end, nul: request.verb.nul(in: dialect))
    guard var key = words.next(bytes) else {
      guard words.hasSkipped else { return refuse(era.isStrict ? .badFormat : .unknown, request) }
      return nothing(endingAt: end, &request)
    }
    if request.verb.touches {
      if era.isStrict || era < .v1_6_0 {
        var more = words
        if more.next(bytes) == nil { return refuse(era.isStrict ? .badFormat : .unknown, request) }
      }
      guard let exptime = Number(bytes, key), exptime.int32(era) != nil else {
        return refuse(.badExptime, request)
      }
      // Without a key memcached's loop does not run: it answers END.
      guard let first = words.next(bytes) else { return nothing(endingAt: end, &request) }
      key = first
    }
    request.keyStart = key.from
    request.keyLength = key.to &- key.from
    guard words.isGood(bytes, key) else { return refuse(.badFormat, request) }
    var more = words
    request.isMulti = more.next(bytes) != nil
    // Exactly "get <key>\r\n"; any other form is rewritten.
    request.isVerbatim =
      !request.isMulti && !isAncient && hasReturn && !request.verb.touches && from == p
      && key.from == to &+ 1 && key.to == end
    return .request
  }

  /// A read without keys; the reply is `END`.
  private static func nothing(endingAt end: Int, _ request: inout Request) -> Verdict {
    request.isMulti = true
    request.keyStart = end
    return .request
  }
}

extension Verb {
  /// The meaning of a NUL among the keys of a read: as in memcached of the dialect, except for a read that changes
  /// its items.
  package func nul(in dialect: Dialect) -> KeyWalk.NUL {
    touches ? .isLetter : dialect.classic.isStrict ? .skipsWord : .endsLine
  }
}

/// An iterator over the words of a request line.
@usableFromInline @frozen
package struct KeyWalk: BitwiseCopyable {
  /// The meaning of a NUL in a word.
  @usableFromInline @frozen package enum NUL: UInt8, BitwiseCopyable, Sendable {
    /// A letter like any other byte, as a CR is; a word with either is not a valid key.
    case isLetter
    /// End of the line: memcached before 1.6.40. A word with a CR is skipped: no item can have such a key.
    case endsLine
    /// A word with a NUL is skipped, as is one with a CR.
    case skipsWord
  }

  @usableFromInline package var position: Int
  @usableFromInline package var end: Int
  /// Whether the last word has no control byte.
  @usableFromInline var isPlain = true
  /// Whether a word was skipped.
  @usableFromInline package var hasSkipped = false
  @usableFromInline let nul: NUL

  /// Iterates over `from ..< to`.
  @inlinable package init(from: Int, to: Int, nul: NUL = .isLetter) {
    position = from
    end = to
    self.nul = nul
  }

  /// The next word; nil at the end of the line.
  @inlinable @inline(__always)
  package mutating func next(_ bytes: RawSpan) -> Word? {
    var i = position
    while i < end, bytes.byte(at: i) == 32 { i &+= 1 }
    guard i < end else {
      position = end
      return nil
    }
    let start = i
    i = bytes.firstBreak(from: i)
    isPlain = i >= end || bytes.byte(at: i) == 32
    if !isPlain { return odd(bytes, from: start, at: i) }
    if i > end { i = end }
    // The space after the word is skipped without a second look.
    position = i < end ? i &+ 1 : end
    return Word(start: start, length: i &- start)
  }

  /// The word at `start` with a control byte at `first`. Control bytes other than NUL are part of a word, as in
  /// memcached.
  @inline(never) @usableFromInline
  mutating func odd(_ bytes: RawSpan, from start: Int, at first: Int) -> Word? {
    var i = first
    while i < end, bytes.byte(at: i) != 32 {
      if bytes.byte(at: i) == 0, nul == .endsLine {
        end = i
        break
      }
      i = bytes.firstBreak(from: i &+ 1)
    }
    if i > end { i = end }
    position = i < end ? i &+ 1 : end
    let isSkipped =
      nul != .isLetter && bytes.first(13, from: start, to: i) != nil
      || nul == .skipsWord && bytes.first(0, from: start, to: i) != nil
    if isSkipped {
      hasSkipped = true
      return next(bytes)
    }
    return i > start ? Word(start: start, length: i &- start) : nil
  }

  /// Whether the last word from `next` is a valid key: not too long, and without a byte that a server could read as
  /// the end of the line.
  @inlinable @inline(__always)
  package func isGood(_ bytes: RawSpan, _ key: Word) -> Bool {
    key.length <= RequestParser.longestKey
      && (isPlain || Self.isUnambiguous(bytes, from: key.from, to: key.to))
  }

  @inline(never) @usableFromInline
  static func isUnambiguous(_ bytes: RawSpan, from: Int, to: Int) -> Bool {
    var i = from
    while i < to {
      let byte = bytes.byte(at: i)
      if byte == 0 || byte == 13 || byte == 10 { return false }
      i &+= 1
    }
    return true
  }
}
