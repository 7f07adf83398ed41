import Bytes

// mg, ms, md, ma, me and mn: read as memcached 1.6.18 reads them.

extension CommandTable {
  /// Words that memcached takes on a meta line.
  private static let mostWords = 19
  /// Longest opaque, with its letter.
  private static let longestOpaque = 32

  /// `mg|md|ma|me <key> <flag>*`, `ms <key> <bytes> <flag>*` and the value, `mn`.
  static func meta(
    _ bytes: RawSpan, line: RequestLine, maxValue: Int, into request: inout Request
  ) -> Verdict {
    switch bytes.byte(at: line[0].from &+ 1) {
    case 103: request.verb = .metaGet
    case 115: request.verb = .metaSet
    case 100: request.verb = .metaDelete
    case 97: request.verb = .metaArithmetic
    case 101: return debug(bytes, line: line, into: &request)
    case 110:
      request.verb = .metaNoop
      return .request
    default: return refuse(.unknown, request)
    }
    guard line.count > 1 else { return refuse(.unknown, request) }
    let isSet = request.verb == .metaSet
    guard takeKey(line, into: &request), !isSet || line.count > 2 else { return refuse(.badFormat, request) }
    guard line.count <= mostWords else {
      return refuse(request.verb == .metaGet ? .getFlagsTooLong : .flagsTooLong, request)
    }
    var body = 0
    if isSet {
      guard let length = number(bytes, line, 2)?.cutToInt32, length >= 0, length <= Int32.max - 2 else {
        return refuse(.badFormat, request)
      }
      body = Int(length) &+ 2
    }
    // From here on the value is known, and skipped with what is refused.
    if line.isAmbiguous { return refuse(.badFormat, request, swallowing: body) }
    if let why = flaw(bytes, line: line, into: &request) { return refuse(why, request, swallowing: body) }
    guard body &- 2 <= maxValue else { return refuse(.tooLarge, request, swallowing: body) }
    request.bodyLength = body
    return .request
  }

  /// Notes what the flags ask for; returns what is wrong with them, if anything is.
  private static func flaw(_ bytes: RawSpan, line: RequestLine, into request: inout Request) -> Refusal? {
    var mode: UInt8 = 0
    var opaque = 0
    if let why = flags(bytes, line: line, into: &request, &mode, &opaque) {
      // md and ma do not say what it is.
      return request.verb == .metaGet || request.verb == .metaSet ? why : .badFlags
    }
    if request.verb == .metaSet, !isMode(mode, "EAPRS") { return .badSetMode }
    if request.verb == .metaArithmetic, !isMode(mode, "I+D-") { return .badArithmeticMode }
    return opaque > longestOpaque ? .opaqueTooLong : nil
  }

  private static func isMode(_ mode: UInt8, _ known: String) -> Bool {
    mode == 0 || known.utf8.contains(mode)
  }

  /// Walks the flags as memcached does: the first that is unknown or comes again ends it; of the others
  /// that are wrong the last is told.
  private static func flags(
    _ bytes: RawSpan, line: RequestLine, into request: inout Request, _ mode: inout UInt8,
    _ opaque: inout Int
  ) -> Refusal? {
    var words = KeyWalk(from: line[request.verb == .metaSet ? 2 : 1].to, to: line.last.to)
    var seen: (low: UInt64, high: UInt64) = (0, 0)
    var isBad = false
    var why = Refusal.badFormat
    var wantsKey = false
    var isText = true
    if line.count == mostWords { request.meta.insert(.full) }
    while let word = words.next(bytes) {
      let letter = bytes.byte(at: word.from)
      let bit: UInt64 = 1 << UInt64(letter & 63)
      guard letter < 127, (letter < 64 ? seen.low : seen.high) & bit == 0 else { return .duplicateFlag }
      if letter < 64 { seen.low |= bit } else { seen.high |= bit }
      guard let token = MetaToken(letter) else { return .invalidFlag }
      if let flaw = flaw(bytes, word, token, letter) {
        isBad = true
        // Of the client's flags memcached says nothing.
        if token != .clientFlags { why = flaw }
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
      case 77: mode = word.length > 1 ? bytes.byte(at: word.from &+ 1) : 0
      case 79:
        request.meta.insert(.opaque)
        opaque = Int(word.length)
      default: break
      }
    }
    if request.verb == .metaGet, wantsKey, !isText { request.meta.insert(.hiddenKey) }
    return isBad ? why : nil
  }

  /// What is wrong with the token behind a flag's letter, if anything is.
  private static func flaw(
    _ bytes: RawSpan, _ word: Word, _ token: MetaToken, _ letter: UInt8
  ) -> Refusal? {
    let rest = Word(start: word.from &+ 1, length: Int(word.length) &- 1)
    switch token {
    case .none, .text: return nil
    case .time: return Number(bytes, rest)?.cutToInt32 == nil ? .badToken : nil
    case .clientFlags: return Number(bytes, rest)?.cutToUInt32 == nil ? .badFormat : nil
    case .mode: return word.length == 2 ? nil : .badModeLength
    case .number:
      guard Number(bytes, rest)?.cutToUInt64 == nil else { return nil }
      return letter == 68 ? .badDeltaValue : letter == 74 ? .badInitialValue : .badToken
    }
  }

  /// `me <key> [b]`; memcached looks at nothing else.
  private static func debug(
    _ bytes: RawSpan, line: RequestLine, into request: inout Request
  ) -> Verdict {
    request.verb = .metaDebug
    guard line.count > 1, takeKey(line, into: &request), !line.isAmbiguous else {
      return refuse(.badFormat, request)
    }
    guard line.count > 2, bytes.isText("b", from: line[2].from, to: line[2].to) else { return .request }
    guard let key = DecodedKey(bytes, from: request.keyStart, count: request.keyLength) else {
      return refuse(.badFormat, request)
    }
    // The server might print it raw, line ends and all.
    guard key.isText else { return refuse(.notShown, request) }
    request.meta.insert(.base64)
    return .request
  }
}
