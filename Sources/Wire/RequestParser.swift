import Bytes

/// Reads requests off the bytes that a client sent.
///
///     "get a\r\nset b 0 0 1\r\nx\r\n"  →  get a, set b (line and body), partial
///
/// A pure function over the bytes at hand: nothing is kept between calls, so input cut at any byte
/// gives the same requests. A request is taken only when it is understood as a whole; its words are
/// checked exactly as memcached of the dialect's era does. The common line, `get <key>\r\n`, costs one scan of the key.
@usableFromInline
package enum RequestParser {
  /// Longest key, in bytes.
  @usableFromInline package static let longestKey = 250
  /// Longest line of a command other than `get`, `gets`, `gat` and `gats`, before its newline; memcached hangs up there.
  @usableFromInline package static let longestLine = 2048
  /// Longest line of all: a multi-get's.
  @usableFromInline package static let longestGet = 1 << 20

  /// Takes the request at `p`. `scanned` bytes from there hold no newline, as an earlier call found.
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

  /// The length of the key when `get <key>\r\n` stands at `p` to the letter; zero for everything else.
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
    // Since 1.6.40 less than four bytes are no command whatever they say.
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
    // What stands between the delay and a noreply means nothing, and a server might take it for a noreply.
    if request.verb == .flushAll { line.shorten(to: request.isQuiet ? 3 : 2) }
    guard request.bodyLength > 0 else { return verdict }
    return body(bytes, endingAt: p &+ request.length, request)
  }

  /// The value has come as a whole and ends in CR LF, or the request is none.
  private static func body(_ bytes: RawSpan, endingAt end: Int, _ request: Request) -> Verdict {
    guard bytes.byteCount >= end else { return .partialBody }
    guard bytes.byte(at: end &- 2) == 13, bytes.byte(at: end &- 1) == 10 else {
      return refuse(.badDataChunk, request, swallowing: request.bodyLength)
    }
    return .request
  }

  /// What to make of bytes without a newline: wait, unless memcached would have hung up by now.
  private static func unfinished(_ bytes: RawSpan, from p: Int) -> Verdict {
    let n = bytes.byteCount &- p
    return n <= longestLine || mayBeLong(bytes, from: p, count: n) ? .partial : .hangUp
  }

  /// Whether `count` bytes, more than `longestLine`, may be (the beginning of) a line: a large multi-get.
  @inline(never)
  private static func mayBeLong(_ bytes: RawSpan, from p: Int, count: Int) -> Bool {
    var i = p
    while i < bytes.byteCount, i &- p <= 100, bytes.byte(at: i) == 32 { i += 1 }
    return i &- p <= 100 && count <= longestGet
      && (bytes.hasText("get ", at: i) || bytes.hasText("gets ", at: i) || bytes.hasText("gat ", at: i)
        || bytes.hasText("gats ", at: i))
  }

  /// Whether the words stand one space apart with none before or after.
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

  /// `get <key>*`, `gat <exptime> <key>*`. The keys themselves are walked by `KeyWalk`.
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
      // With no key at all memcached's loop does not run: it answers END.
      guard let first = words.next(bytes) else { return nothing(endingAt: end, &request) }
      key = first
    }
    request.keyStart = key.from
    request.keyLength = key.to &- key.from
    guard words.isGood(bytes, key) else { return refuse(.badFormat, request) }
    var more = words
    request.isMulti = more.next(bytes) != nil
    // "get <key>\r\n" to the letter; everything else is written anew.
    request.isVerbatim =
      !request.isMulti && !isAncient && hasReturn && !request.verb.touches && from == p
      && key.from == to &+ 1 && key.to == end
    return .request
  }

  /// A read of no keys, which is answered `END`.
  private static func nothing(endingAt end: Int, _ request: inout Request) -> Verdict {
    request.isMulti = true
    request.keyStart = end
    return .request
  }
}

extension Verb {
  /// What a NUL among the keys of a read means: as memcached of the dialect reads it, but where the read changes
  /// something.
  package func nul(in dialect: Dialect) -> KeyWalk.NUL {
    touches ? .isLetter : dialect.classic.isStrict ? .skipsWord : .endsLine
  }
}

/// The words of a retrieval's line, one after the other.
@usableFromInline @frozen
package struct KeyWalk: BitwiseCopyable {
  /// What a NUL in a word means.
  @usableFromInline @frozen package enum NUL: UInt8, BitwiseCopyable, Sendable {
    /// What any other byte does, and so does a CR; a word with either is no good key.
    case isLetter
    /// The line ends there: memcached before 1.6.40. A word with a CR is passed over: a key that cannot be there.
    case endsLine
    /// A word with it is passed over, too.
    case skipsWord
  }

  @usableFromInline package var position: Int
  @usableFromInline package var end: Int
  /// Whether the last word has no control byte in it.
  @usableFromInline var isPlain = true
  /// Whether a word was passed over.
  @usableFromInline package var hasSkipped = false
  @usableFromInline let nul: NUL

  /// Walks `from ..< to`.
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
    // The space behind it needs no second look.
    position = i < end ? i &+ 1 : end
    return Word(start: start, length: i &- start)
  }

  /// The word at `start` with a control byte at `first`. Other control bytes than a NUL belong to a word, as in memcached.
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

  /// Whether the word that `next` gave last may be a key: not too long, and nothing in it that a server
  /// could take for the end of the line.
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
