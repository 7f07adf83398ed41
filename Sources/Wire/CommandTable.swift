import Bytes

/// The commands other than the classic reads: the number of words of each, which of them are numbers, and the error
/// that memcached of an era sends if they are not.
enum CommandTable {
  /// Parses the line at `start`, which has been split into words.
  static func read(
    _ bytes: RawSpan, at start: Int, line: RequestLine, isTidy: Bool, maxValue: Int, _ dialect: Dialect,
    into request: inout Request
  ) -> Verdict {
    let from = line[0].from
    guard let verb = verb(bytes, from: from, to: line[0].to) else {
      return unknown(bytes, line: line, request, dialect)
    }
    let era = dialect.classic
    // Since 1.6.40 memcached allows leading blanks only before `flush_all` and `verbosity`, which it looks up
    // elsewhere.
    if era.isStrict, from > start, verb != .flushAll, verb != .verbosity {
      return unknown(bytes, line: line, request, dialect)
    }
    request.verb = verb
    switch verb {
    case .set, .add, .replace, .append, .prepend, .cas:
      return storage(bytes, line: line, isTidy: isTidy, maxValue: maxValue, era, into: &request)
    case .delete:
      return delete(bytes, line: line, isTidy: isTidy, era, into: &request)
    case .incr, .decr, .touch:
      return arithmetic(bytes, line: line, isTidy: isTidy, era, into: &request)
    case .flushAll:
      return flushAll(bytes, line: line, era, into: &request)
    case .verbosity:
      return verbosity(bytes, line: line, era, into: &request)
    case .stats:
      return stats(bytes, line: line, era, into: &request)
    case .keyDump:
      return keyDump(bytes, line: line, request)
    case .version, .quit:
      return era < .v1_6_0 && line.count > 1 ? refuse(.unknown, request) : .request
    default:
      // The proxy itself answers `mn`, so the servers' meta era does not matter.
      let era = verb == .metaNoop ? max(dialect.classic, dialect.meta) : dialect.meta
      return meta(bytes, line: line, maxValue: maxValue, era, into: &request)
    }
  }

  static func verb(_ bytes: RawSpan, from: Int, to: Int) -> Verb? {
    func isText(_ text: StaticString) -> Bool { bytes.isText(text, from: from, to: to) }
    guard from < to else { return nil }
    switch bytes.byte(at: from) {
    case 109:
      return to &- from == 2 ? metaVerb(bytes.byte(at: from &+ 1)) : nil
    case 115:
      if isText("set") { return .set }
      if isText("stats") { return .stats }
    case 97:
      if isText("add") { return .add }
      if isText("append") { return .append }
    case 99:
      if isText("cas") { return .cas }
    case 105:
      if isText("incr") { return .incr }
    case 100:
      if isText("delete") { return .delete }
      if isText("decr") { return .decr }
    case 116:
      if isText("touch") { return .touch }
    case 114:
      if isText("replace") { return .replace }
    case 112:
      if isText("prepend") { return .prepend }
    case 102:
      if isText("flush_all") { return .flushAll }
    case 118:
      if isText("version") { return .version }
      if isText("verbosity") { return .verbosity }
    case 113:
      if isText("quit") { return .quit }
    case 108:
      if isText("lru_crawler") { return .keyDump }
    default:
      break
    }
    return nil
  }

  static func refuse(_ why: Refusal, _ request: Request, swallowing body: Int = 0) -> Verdict {
    RequestParser.refuse(why, request, swallowing: body)
  }

  static func number(_ bytes: RawSpan, _ line: RequestLine, _ i: Int) -> Number? {
    Number(bytes, line[i])
  }

  private static func endsQuietly(_ bytes: RawSpan, _ line: RequestLine) -> Bool {
    isNoreply(bytes, line.last)
  }

  private static func isNoreply(_ bytes: RawSpan, _ word: Word) -> Bool {
    bytes.isText("noreply", from: word.from, to: word.to)
  }

  /// Whether the key, which is sent to the server unchanged, holds a CR, or the line a NUL. A CR elsewhere is a
  /// letter, or a blank after a number, and is not forwarded.
  static func isAmbiguous(_ bytes: RawSpan, _ line: RequestLine) -> Bool {
    line.isAmbiguous && (line.hasNUL || bytes.first(13, from: line[1].from, to: line[1].to) != nil)
  }

  /// Records the key; false if it is too long.
  static func takeKey(_ line: RequestLine, into request: inout Request) -> Bool {
    request.keyStart = line[1].from
    request.keyLength = line[1].to &- line[1].from
    return request.keyLength <= RequestParser.longestKey
  }

  /// `<command> <key> <flags> <exptime> <bytes> [<cas>] [noreply]`, then the value.
  private static func storage(
    _ bytes: RawSpan, line: RequestLine, isTidy: Bool, maxValue: Int, _ era: Era,
    into request: inout Request
  ) -> Verdict {
    let words = request.verb == .cas ? 6 : 5
    // Before 1.6 memcached splits a line into seven words and ignores what follows those of a cas.
    let isCut = request.verb == .cas && era < .v1_6_0 && line.count > words
    var body = Declared.bytes(bytes, line)
    func refuse(_ why: Refusal, _ request: Request) -> Verdict {
      Self.refuse(why, request, swallowing: body)
    }
    if era.isStrict {
      // memcached does not look for noreply before it knows the length.
      guard line.count >= 5, let length = number(bytes, line, 4)?.int32(era), length >= 0,
        length <= Int32.max - 2
      else { return refuse(.badFormat, request) }
      body = Int(length) &+ 2
    } else {
      guard line.count == words || line.count == words + 1 || isCut else { return refuse(.unknown, request) }
    }
    request.isQuiet = isCut ? isNoreply(bytes, line[words]) : endsQuietly(bytes, line)
    guard takeKey(line, into: &request) else { return refuse(.badFormat, request) }
    // Flags and exptime are parsed as before 1.6.40; in the strict era the length was checked above.
    guard let flags = number(bytes, line, 2), flags.uint32(.v1_6_0) != nil,
      let exptime = number(bytes, line, 3), exptime.int32(.v1_6_0) != nil,
      let size = number(bytes, line, 4), let length = size.int32(era)
    else { return refuse(.badFormat, request) }
    var isPlain =
      flags.isPlain && !flags.isNegative && flags.magnitude <= UInt64(UInt32.max) && exptime.isPlain
      && exptime.magnitude <= UInt64(Int32.max) && size.isPlain && size.magnitude == UInt64(max(length, 0))
    if request.verb == .cas {
      guard let unique = number(bytes, line, 5), unique.uint64(era) != nil else {
        return refuse(.badFormat, request)
      }
      isPlain = isPlain && unique.isPlain && !unique.isNegative
    }
    guard length >= 0, length <= Int32.max - 2 else { return refuse(.badFormat, request) }
    request.bodyLength = Int(length) &+ 2
    if isAmbiguous(bytes, line) {
      return Self.refuse(.badFormat, request, swallowing: request.bodyLength)
    }
    guard Int(length) <= maxValue else {
      return Self.refuse(.tooLarge, request, swallowing: request.bodyLength)
    }
    request.isVerbatim = isTidy && isPlain && line.count == words
    return .request
  }

  /// Parses `delete <key> [0] [noreply]`; since 1.6.40 only a `noreply` at the end is examined.
  private static func delete(
    _ bytes: RawSpan, line: RequestLine, isTidy: Bool, _ era: Era, into request: inout Request
  ) -> Verdict {
    if era.isStrict {
      guard line.count >= 2 else { return refuse(.badFormat, request) }
      request.isQuiet = endsQuietly(bytes, line)
    } else {
      guard line.count >= 2, line.count <= 4 else { return refuse(.unknown, request) }
      if line.count > 2 {
        let isZero = bytes.isText("0", from: line[2].from, to: line[2].to)
        request.isQuiet = endsQuietly(bytes, line)
        let isGood =
          (line.count == 3 && (isZero || request.isQuiet)) || (line.count == 4 && isZero && request.isQuiet)
        guard isGood else { return refuse(.badDeleteUsage, request) }
      }
    }
    guard takeKey(line, into: &request), !isAmbiguous(bytes, line) else { return refuse(.badFormat, request) }
    // memcached since 1.6.40 would read a key `noreply` as the option, and send no reply.
    request.isVerbatim = isTidy && line.count == 2 && !endsQuietly(bytes, line)
    return .request
  }

  /// `incr|decr <key> <delta> [noreply]`, `touch <key> <exptime> [noreply]`
  private static func arithmetic(
    _ bytes: RawSpan, line: RequestLine, isTidy: Bool, _ era: Era, into request: inout Request
  ) -> Verdict {
    if era.isStrict {
      guard line.count >= 3 else { return refuse(.badFormat, request) }
    } else {
      guard line.count == 3 || line.count == 4 else { return refuse(.unknown, request) }
    }
    request.isQuiet = endsQuietly(bytes, line)
    guard takeKey(line, into: &request), !line.hasNUL || era.isStrict else {
      return refuse(.badFormat, request)
    }
    let argument = number(bytes, line, 2)
    var isPlain = argument?.isPlain ?? false
    if request.verb == .touch {
      guard let argument, argument.int32(era) != nil else { return refuse(.badExptime, request) }
      isPlain = isPlain && argument.magnitude <= UInt64(Int32.max)
    } else {
      guard let argument, argument.uint64(era) != nil else { return refuse(.badDelta, request) }
      isPlain = isPlain && !argument.isNegative
    }
    guard !isAmbiguous(bytes, line) else { return refuse(.badFormat, request) }
    request.isVerbatim = isTidy && isPlain && line.count == 3
    return .request
  }

  /// `flush_all [delay] [noreply]`
  private static func flushAll(
    _ bytes: RawSpan, line: RequestLine, _ era: Era, into request: inout Request
  ) -> Verdict {
    guard line.count <= 3 || era.isStrict else { return refuse(.unknown, request) }
    request.isQuiet = endsQuietly(bytes, line)
    if line.count != (request.isQuiet ? 2 : 1), number(bytes, line, 1)?.int32(era) == nil {
      return refuse(.badExptime, request)
    }
    // The words are forwarded to the servers unchanged.
    guard !line.isAmbiguous else { return refuse(.badFormat, request) }
    return .request
  }

  /// `verbosity <level> [noreply]`
  private static func verbosity(
    _ bytes: RawSpan, line: RequestLine, _ era: Era, into request: inout Request
  ) -> Verdict {
    guard line.count == 2 || line.count == 3 || era.isStrict else { return refuse(.unknown, request) }
    request.isQuiet = endsQuietly(bytes, line)
    if era < .v1_6_0 { return .request }
    guard number(bytes, line, 1)?.uint32(era) != nil else { return refuse(.badFormat, request) }
    return .request
  }

  /// Parses `stats [subcommand …]`. The proxy refuses what memcached refuses, with memcached's error lines.
  private static func stats(
    _ bytes: RawSpan, line: RequestLine, _ era: Era, into request: inout Request
  ) -> Verdict {
    guard line.count > 1, !line.isAmbiguous else {
      return line.isAmbiguous ? refuse(.unknown, request) : .request
    }
    func isText(_ i: Int, _ text: StaticString) -> Bool {
      bytes.isText(text, from: line[i].from, to: line[i].to)
    }
    func isBeginning(_ i: Int, _ text: StaticString) -> Bool {
      bytes.isBeginning(of: text, from: line[i].from, to: line[i].to)
    }
    if isText(1, "detail") {
      guard line.count >= 3, isText(2, "on") || isText(2, "off") || isText(2, "dump") else {
        return refuse(.badDetail, request)
      }
    } else if isText(1, "sizes_enable") || isText(1, "sizes_disable") {
      // A setting of one server, answered with a line and no `END`.
      return refuse(.notPassedOn, request)
    } else if isText(1, "cachedump") {
      guard line.count >= 4 else { return refuse(.badStats, request) }
      guard let id = number(bytes, line, 2)?.uint32(era), number(bytes, line, 3)?.uint32(era) != nil else {
        return refuse(.badFormat, request)
      }
      guard id < 64 else { return refuse(.badSlabID, request) }
    } else if era < .v1_6_40, isBeginning(1, "detail") || isBeginning(1, "cachedump") {
      // A newer server beside the old ones would print keys.
      return refuse(.unknown, request)
    }
    return .request
  }

  /// Parses `lru_crawler metadump|mgdump <all, hash, or numbers of slab classes>`. Its other forms are settings of one
  /// server.
  private static func keyDump(_ bytes: RawSpan, line: RequestLine, _ request: Request) -> Verdict {
    func isText(_ i: Int, _ text: StaticString) -> Bool {
      bytes.isText(text, from: line[i].from, to: line[i].to)
    }
    guard line.count == 3, isText(1, "metadump") || isText(1, "mgdump") else {
      return refuse(.notPassedOn, request)
    }
    if isText(2, "all") || isText(2, "hash") { return .request }
    for p in line[2].from..<line[2].to where bytes.byte(at: p) != 44 && bytes.byte(at: p) &- 48 > 9 {
      return refuse(.badFormat, request)
    }
    return .request
  }

  // MARK: - What is no command

  /// Commands that act on one server as a whole, refused by name.
  private static let administrative: [StaticString] = [
    "shutdown", "slabs", "lru", "cache_memlimit", "watch", "extstore", "refresh_certs",
    "debugtime", "debugitem", "misbehave",
  ]

  private static let http: [StaticString] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "Host:",
  ]

  static func unknown(
    _ bytes: RawSpan, line: RequestLine, _ request: Request, _ dialect: Dialect
  ) -> Verdict {
    let from = line[0].from
    let to = line[0].to
    if http.contains(where: { bytes.isText($0, from: from, to: to) }) { return .hangUp }
    // As memcached does: a line that ends in a word beginning with `HTTP/` is from a browser.
    if bytes.hasText("HTTP/", at: line.last.from) { return .hangUp }
    if administrative.contains(where: { bytes.isText($0, from: from, to: to) }) {
      return refuse(.notPassedOn, request)
    }
    var request = request
    if dialect.classic.isStrict { request.isQuiet = endsQuietly(bytes, line) }
    return refuse(.unknown, request, swallowing: Declared.bytes(bytes, line))
  }

  static func unknown(_ bytes: RawSpan, from: Int, to: Int, _ request: Request, _ dialect: Dialect) -> Verdict
  {
    var line = RequestLine()
    line.cut(bytes, from: from, to: to)
    return unknown(bytes, line: line, request, dialect)
  }
}
