import Bytes

@testable import Wire

/// A request written in plain form: one space between two words, numbers as memcached reads them, no `noreply`, CR
/// LF. A request that is forwarded verbatim must already be in this form.
struct Encoding {
  private(set) var seen: Seen
  private var bytes: [UInt8] = []

  init(_ input: RawSpan, _ p: Int, _ request: Request, _ line: RequestLine, _ dialect: Dialect = Dialect()) {
    seen = .hangUp
    if request.verb.isRetrieval {
      guard read(input, p, request, dialect) else {
        seen = .refused(.badFormat, isQuiet: false)
        return
      }
    } else if request.verb.isMeta {
      meta(input, p, request)
    } else {
      command(input, p, request, line)
    }
    let isQuiet = request.isQuiet || (request.verb.isMeta && request.meta.contains(.quiet))
    seen = .request(request.verb, bytes, isQuiet: isQuiet, isVerbatim: request.isVerbatim)
  }

  private mutating func add(_ input: RawSpan, _ word: Word) {
    if !bytes.isEmpty { bytes.append(32) }
    for i in word.from..<word.to { bytes.append(input.byte(at: i)) }
  }

  private mutating func add(_ number: (some BinaryInteger)?) {
    bytes += Array((" " + (number.map { String($0) } ?? "?")).utf8)
  }

  /// False if one of the keys is invalid: then the whole line is refused.
  private mutating func read(_ input: RawSpan, _ p: Int, _ request: Request, _ dialect: Dialect) -> Bool {
    var end = p + request.lineLength - 1
    if input.byte(at: end - 1) == 13 { end -= 1 }
    var words = KeyWalk(from: p, to: end)
    _ = words.next(input)
    bytes = Array("\(request.verb)".utf8)
    if request.verb.touches, let exptime = words.next(input) { add(Number(input, exptime)?.cutToInt32) }
    var keys = 0
    var isGood = true
    var walk = KeyWalk(from: request.keyStart, to: end, nul: request.verb.nul(in: dialect))
    while let key = walk.next(input) {
      add(input, key)
      keys += 1
      isGood = isGood && walk.isGood(input, key)
    }
    bytes += [13, 10]
    if request.isMulti == (keys == 1) { bytes += Array("isMulti is wrong".utf8) }
    return isGood
  }

  /// The request as a server gets it, with the opaque 7 if the client gave none.
  private mutating func meta(_ input: RawSpan, _ p: Int, _ request: Request) {
    var pool = BufferPool()
    var buffer = Buffer()
    let line = MetaLine.write(input, p, request, opaque: 7, to: &buffer, &pool)
    for i in 0..<buffer.count { bytes.append(buffer.readable.byte(at: i)) }
    // Checks that the recorded position of the key is right.
    let key = bytes[Int(line.keyStart)...].prefix { $0 != 32 && $0 != 13 }
    if key.count != Int(line.keyLength) { bytes += Array("the key is elsewhere".utf8) }
  }

  private mutating func command(_ input: RawSpan, _ p: Int, _ request: Request, _ line: RequestLine) {
    add(input, line[0])
    let key = Word(start: request.keyStart, length: request.keyLength)
    switch request.verb {
    case .set, .add, .replace, .append, .prepend, .cas:
      add(input, key)
      add(Number(input, line[2])?.cutToUInt32)
      add(Number(input, line[3])?.cutToInt32)
      add(Number(input, line[4])?.cutToInt32)
      if request.verb == .cas { add(Number(input, line[5])?.cutToUInt64) }
    case .delete:
      add(input, key)
    case .incr, .decr:
      add(input, key)
      add(Number(input, line[2])?.cutToUInt64)
    case .touch:
      add(input, key)
      add(Number(input, line[2])?.cutToInt32)
    case .flushAll where line.count > (request.isQuiet ? 2 : 1):
      add(Number(input, line[1])?.cutToInt32)
    case .verbosity:
      add(Number(input, line[1])?.cutToUInt32)
    case .stats:
      for i in 1..<max(1, min(line.count, RequestLine.most)) { add(input, line[i]) }
    default:
      break
    }
    bytes += [13, 10]
    for i in 0..<request.bodyLength { bytes.append(input.byte(at: p + request.lineLength + i)) }
  }
}
