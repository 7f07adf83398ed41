import Bytes

// Parsing of mg, ms, md, ma, me and mn by the rules of a memcached era.

extension CommandTable {
  /// Longest opaque in bytes, including its letter `O`.
  private static let longestOpaque = 32

  /// The largest number of words that memcached accepts on a meta line.
  private static func mostWords(_ era: Era) -> Int { era.isStrict ? 20 : 19 }

  /// The command that the letter after `m` names.
  static func metaVerb(_ letter: UInt8) -> Verb? {
    switch letter {
    case 103: .metaGet
    case 115: .metaSet
    case 100: .metaDelete
    case 97: .metaArithmetic
    case 101: .metaDebug
    case 110: .metaNoop
    default: nil
    }
  }

  /// Parses `mg|md|ma|me <key> <flag>*`, `ms <key> <bytes> <flag>*` with its value, and `mn`. `request` has the verb
  /// already.
  static func meta(
    _ bytes: RawSpan, line: RequestLine, maxValue: Int, _ era: Era, into request: inout Request
  ) -> Verdict {
    if era < .v1_6_0 { return unspoken(bytes, line: line, era, request) }
    if request.verb == .metaNoop { return .request }
    if request.verb == .metaDebug { return debug(bytes, line: line, era, into: &request) }
    let isSet = request.verb == .metaSet
    // A refused `ms` is skipped together with its value, if its length can be read.
    func refuse(_ why: Refusal, _ request: Request) -> Verdict {
      Self.refuse(why, request, swallowing: isSet ? Declared.bytes(bytes, line) : 0)
    }
    guard line.count > 1 else { return refuse(era.isStrict ? .badFormat : .unknown, request) }
    if era.isStrict, !areFlags(bytes, line: line, from: isSet ? 3 : 2) { return refuse(.badFormat, request) }
    if isSet, line.count == 2 { return refuse(.badFormat, request) }
    guard takeKey(line, into: &request) else {
      let isUnsaid = era.isStrict && request.verb == .metaArithmetic
      return refuse(isUnsaid ? .badFlags : .badFormat, request)
    }
    // 1.6.0 to 1.6.17 require a flag.
    if request.verb == .metaGet, line.count == 2, era < .v1_6_18 { return refuse(.badFormat, request) }
    guard line.count <= mostWords(era) else { return refuse(tooManyWords(request.verb, era), request) }
    if isSet, era < .v1_6_10 {
      // The length is in a flag there. A server that reads it elsewhere would run the value as commands: never sent.
      return refuse(flaw(bytes, line: line, era, into: &request) ?? .invalidFlag, request)
    }
    var body = 0
    if isSet {
      guard let length = number(bytes, line, 2)?.int32(era), length >= 0, length <= Int32.max - 2 else {
        return refuse(.badFormat, request)
      }
      body = Int(length) &+ 2
    }
    // From here on the length of the value is known, and a refused request is skipped with its value.
    if line.hasNUL, !era.isStrict { return Self.refuse(.badFormat, request, swallowing: body) }
    if let why = flaw(bytes, line: line, era, into: &request) {
      return Self.refuse(why, request, swallowing: body)
    }
    if line.isAmbiguous, holdsReturn(bytes, line: line, request) {
      return Self.refuse(.badFormat, request, swallowing: body)
    }
    guard body &- 2 <= maxValue else { return Self.refuse(.tooLarge, request, swallowing: body) }
    request.bodyLength = body
    return .request
  }

  /// Whether a part that is copied to the server unchanged, the key or a text, holds a CR, or the line a NUL.
  private static func holdsReturn(_ bytes: RawSpan, line: RequestLine, _ request: Request) -> Bool {
    if isAmbiguous(bytes, line) { return true }
    var words = KeyWalk(from: line[request.verb == .metaSet ? 2 : 1].to, to: line.last.to)
    while let word = words.next(bytes) {
      switch MetaToken(bytes.byte(at: word.from)) {
      case .text, .mode: if bytes.first(13, from: word.from, to: word.to) != nil { return true }
      default: break
      }
    }
    return false
  }

  private static func tooManyWords(_ verb: Verb, _ era: Era) -> Refusal {
    if era.isStrict { return verb == .metaArithmetic ? .badFlags : .getFlagsTooLong }
    return verb == .metaGet ? .getFlagsTooLong : .flagsTooLong
  }

  /// Since 1.6.40: whether each word from `first` on begins with a letter, a digit or one of the bytes between upper
  /// and lower case letters in ASCII. Checks only the words that memcached keeps.
  private static func areFlags(_ bytes: RawSpan, line: RequestLine, from first: Int) -> Bool {
    guard line.count > first else { return true }
    var words = KeyWalk(from: line[first &- 1].to, to: line.last.to)
    var count = first
    while count < 23, let word = words.next(bytes) {
      let byte = bytes.byte(at: word.from)
      guard byte > 64 && byte < 123 || byte >= 48 && byte <= 57 else { return false }
      count &+= 1
    }
    return true
  }

  /// Records the flags in `request`; returns what is wrong with them, if anything.
  private static func flaw(
    _ bytes: RawSpan, line: RequestLine, _ era: Era, into request: inout Request
  ) -> Refusal? {
    var mode: UInt8 = 0
    var opaque = 0
    if let why = flags(bytes, line: line, era, into: &request, &mode, &opaque) {
      // Some commands do not report which flag is wrong.
      let isSaid =
        request.verb == .metaGet || request.verb == .metaSet || era.isStrict && request.verb == .metaDelete
      return isSaid ? why : .badFlags
    }
    if request.verb == .metaSet, !isMode(mode, "EAPRS") { return .badSetMode }
    if request.verb == .metaArithmetic, !isMode(mode, "I+D-") { return .badArithmeticMode }
    return opaque > longestOpaque ? .opaqueTooLong : nil
  }

  private static func isMode(_ mode: UInt8, _ known: String) -> Bool {
    mode == 0 || known.utf8.contains(mode)
  }

  /// Parses the flags as memcached does: the first unknown or repeated flag ends parsing; if several others are
  /// wrong, the last one is reported.
  private static func flags(
    _ bytes: RawSpan, line: RequestLine, _ era: Era, into request: inout Request, _ mode: inout UInt8,
    _ opaque: inout Int
  ) -> Refusal? {
    let isBehindLength = request.verb == .metaSet && era >= .v1_6_10
    var words = KeyWalk(from: line[isBehindLength ? 2 : 1].to, to: line.last.to)
    var seen: (low: UInt64, high: UInt64) = (0, 0)
    var isBad = false
    var why = Refusal.badFormat
    var wantsKey = false
    var isText = true
    if line.count == mostWords(era) { request.meta.insert(.full) }
    while let word = words.next(bytes) {
      let letter = bytes.byte(at: word.from)
      let bit: UInt64 = 1 << UInt64(letter & 63)
      guard letter < 127, (letter < 64 ? seen.low : seen.high) & bit == 0 else { return .duplicateFlag }
      if letter < 64 { seen.low |= bit } else { seen.high |= bit }
      guard let token = MetaToken(letter, era) else { return .invalidFlag }
      if let flaw = flaw(bytes, word, token, letter, era) {
        isBad = true
        // memcached reports nothing specific for bad client flags or for a bad length.
        if flaw != .badFormat { why = flaw }
      }
      switch letter {
      case 98:
        request.meta.insert(.base64)
        if let key = DecodedKey(bytes, from: request.keyStart, count: request.keyLength) {
          isText = key.isText
        } else {
          isBad = true
          why = .badBase64
        }
      case 107: wantsKey = true
      case 113: request.meta.insert(.quiet)
      case 118: request.meta.insert(.value)
      case 67: request.meta.insert(.compare)
      // Without a letter, memcached reads the byte after `M` as the mode, which is not a valid one.
      case 77: mode = word.length > 1 ? bytes.byte(at: word.from &+ 1) : era.isStrict ? 32 : 0
      case 79:
        request.meta.insert(.opaque)
        opaque = Int(word.length)
      default: break
      }
    }
    if request.verb == .metaGet, wantsKey, !isText { request.meta.insert(.hiddenKey) }
    return isBad ? why : nil
  }

  /// What is wrong with the token after a flag's letter, if anything.
  private static func flaw(
    _ bytes: RawSpan, _ word: Word, _ token: MetaToken, _ letter: UInt8, _ era: Era
  ) -> Refusal? {
    let rest = Word(start: word.from &+ 1, length: Int(word.length) &- 1)
    switch token {
    case .none, .text: return nil
    case .time:
      let time = Number(bytes, rest)?.int32(era)
      guard letter == 83, era < .v1_6_10 else { return time == nil ? .badToken : nil }
      guard let size = time else { return .badFormat }
      return size < 0 || size > Int32.max - 2 ? .invalidLength : nil
    case .clientFlags: return Number(bytes, rest)?.uint32(era) == nil ? .badFormat : nil
    case .mode: return word.length == 2 || era.isStrict ? nil : .badModeLength
    case .number:
      guard Number(bytes, rest)?.uint64(era) == nil else { return nil }
      return letter == 68 ? .badDeltaValue : letter == 74 ? .badInitialValue : .badToken
    }
  }

  /// Parses `me <key> [b]`; memcached ignores other words. Since 1.6.40 it reads the `b` only if another word
  /// follows.
  private static func debug(
    _ bytes: RawSpan, line: RequestLine, _ era: Era, into request: inout Request
  ) -> Verdict {
    // Without a key, older versions look up an empty key and do not find it.
    guard line.count > 1 else { return refuse(era < .v1_6_10 ? .experimentalMiss : .badFormat, request) }
    if era.isStrict, !areFlags(bytes, line: line, from: 2) { return refuse(.badFormat, request) }
    guard takeKey(line, into: &request), !line.hasNUL else { return refuse(.badFormat, request) }
    // No item can have a key with a CR.
    if isAmbiguous(bytes, line) { return refuse(.experimentalMiss, request) }
    guard era >= .v1_6_10, line.count > (era.isStrict ? 3 : 2),
      bytes.isText("b", from: line[2].from, to: line[2].to)
    else { return .request }
    guard let key = DecodedKey(bytes, from: request.keyStart, count: request.keyLength) else {
      return refuse(.badFormat, request)
    }
    request.meta.insert(.base64)
    // A server might print this key raw, line ends included.
    if !key.isText { request.meta.insert(.unshown) }
    return .request
  }

  // MARK: - Before 1.6

  /// Refuses a meta request that a server older than 1.6 would get: no word of it is sent. 1.4 does not know the
  /// commands; 1.5 has others of the same names: the client gets 1.5's error lines, and what 1.5 would execute is
  /// refused too.
  private static func unspoken(
    _ bytes: RawSpan, line: RequestLine, _ era: Era, _ request: Request
  ) -> Verdict {
    var request = request
    func refuse(_ why: Refusal) -> Verdict {
      Self.refuse(why, request, swallowing: Declared.bytes(bytes, line))
    }
    if era < .v1_5 || request.verb == .metaArithmetic { return refuse(.unknown) }
    if request.verb == .metaNoop { return refuse(.experimentalMiss) }
    if line.count > 1, !takeKey(line, into: &request) { return refuse(.badFormat) }
    if request.verb == .metaDebug { return refuse(.experimentalMiss) }
    guard line.count > 1 else { return refuse(.unknown) }
    if request.verb == .metaSet, line.count == 2 { return refuse(.badFormat) }
    guard line[2].length <= 20 else {
      return refuse(request.verb == .metaGet ? .getFlagsTooLong : .flagsTooLong)
    }
    guard let tokens = experimentalTokens(bytes, line[2]) else { return refuse(.badFlags) }
    guard line.count == min(line.count, 3) + tokens else { return refuse(.wrongTokens) }
    return refuse(.badFlags)
  }

  /// The number of tokens that must follow the flags that 1.5 takes in one word; nil if a flag is unknown or
  /// repeated.
  private static func experimentalTokens(_ bytes: RawSpan, _ word: Word) -> Int? {
    let known: StaticString = "NTRlOkstcvfhuqFSCI"
    let wanting: StaticString = "NTROFSC"
    var seen: UInt64 = 0
    var tokens = 0
    for i in word.from..<word.to {
      let letter = bytes.byte(at: i)
      let bit: UInt64 = 1 << UInt64(letter & 63)
      guard letter > 64, letter < 127, seen & bit == 0, holds(known, letter) else { return nil }
      seen |= bit
      if holds(wanting, letter) { tokens &+= 1 }
    }
    return tokens
  }

  private static func holds(_ text: StaticString, _ letter: UInt8) -> Bool {
    String(describing: text).utf8.contains(letter)
  }
}
