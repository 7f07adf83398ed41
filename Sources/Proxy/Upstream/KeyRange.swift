import Bytes
import Wire

/// The keys of a request, decoded, one after the other.
struct KeyRange: BitwiseCopyable {
  private var walk: KeyWalk
  private var single: Word?
  private let isEncoded: Bool
  private let hasMany: Bool
  /// Where the first key ends.
  let firstEnd: Int

  /// For a request with one key.
  init(_ key: RequestKey) {
    walk = KeyWalk(from: key.word.to, to: key.word.to)
    single = key.word
    isEncoded = key.isEncoded
    hasMany = false
    firstEnd = key.word.to
  }

  /// For a request with several keys, which are in `from ..< to`.
  init(from: Int, to: Int, firstEnd: Int) {
    walk = KeyWalk(from: from, to: to)
    isEncoded = false
    hasMany = true
    self.firstEnd = firstEnd
  }

  /// For a request that begins at `start`.
  init(_ leg: Leg, start: Int) {
    let key = Word(start: start &+ Int(leg.keyStart), length: Int(leg.keyLength))
    if leg.fanOut != Ref<FanOut>.none, leg.verb.isRetrieval {
      let end = start &+ Int(leg.length) &- (leg.isContinuedByNext ? 0 : 2)
      self.init(from: key.from, to: end, firstEnd: key.from)
    } else {
      self.init(RequestKey(word: key, isEncoded: leg.meta.contains(.base64)))
    }
  }

  mutating func next(_ bytes: RawSpan) -> [UInt8]? {
    if hasMany { return walk.next(bytes).map { Self.array(bytes, $0.from, Int($0.length)) } }
    guard let key = single else { return nil }
    single = nil
    if isEncoded, let decoded = DecodedKey(bytes, from: key.from, count: Int(key.length)) {
      return Self.array(decoded.bytes.span.raw, 0, decoded.count)
    }
    return Self.array(bytes, key.from, Int(key.length))
  }

  private static func array(_ bytes: RawSpan, _ from: Int, _ count: Int) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(count)
    for i in 0..<count { copy.append(bytes.byte(at: from &+ i)) }
    return copy
  }
}

/// Where the one key of a request is, and whether it is written in base64.
struct RequestKey: BitwiseCopyable {
  var word: Word
  var isEncoded = false
}

extension Request {
  /// Its key, or the first of several.
  var key: RequestKey {
    RequestKey(
      word: Word(start: keyStart, length: keyLength), isEncoded: verb.isMeta && meta.contains(.base64))
  }
}
