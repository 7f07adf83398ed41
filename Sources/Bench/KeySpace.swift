import Bytes

/// The keys of one run, and the value of each key and version.
///
///     ringroad-bench:5f0c93ab:00001234
///
/// The prefix has a random number, so no key is another program's. A value follows from its key, its version and the
/// run's seed: eight bytes that name them, then a part of a long random text. So a reply is compared byte by byte, and a
/// value of another key or version differs. Versions travel in the flags, which every memcached returns unchanged.
struct KeySpace {
  let prefix: [UInt8]
  let sizes: ClosedRange<Int>
  private let seed: UInt64
  private let text: [UInt8]
  private static let digits = 8
  /// The number of places at which a value's part of the text may begin.
  private static let places = 4096

  init(seed: UInt64, sizes: ClosedRange<Int>) {
    let number = String(UInt32(truncatingIfNeeded: seed >> 32), radix: 16)
    prefix = Array("ringroad-bench:\(String(repeating: "0", count: 8 - number.count))\(number):".utf8)
    self.seed = RandomNumbers.mix(seed)
    self.sizes = sizes
    var random = RandomNumbers(seed: self.seed)
    var text: [UInt8] = []
    text.reserveCapacity(sizes.upperBound + Self.places + 8)
    while text.count < sizes.upperBound + Self.places {
      let word = random.next()
      for shift in stride(from: UInt64(0), to: 64, by: 8) {
        text.append(UInt8(truncatingIfNeeded: word >> shift))
      }
    }
    self.text = text
  }

  /// The length of every key.
  var keyLength: Int { prefix.count + Self.digits }

  /// A key as text, for messages.
  func name(of key: UInt32) -> String {
    let digits = String(key)
    let zeros = String(repeating: "0", count: max(0, Self.digits - digits.count))
    return String(decoding: prefix, as: UTF8.self) + zeros + digits
  }

  func append(key: UInt32, to buffer: inout Buffer, _ pool: inout BufferPool) {
    buffer.append(prefix.span.raw, from: 0, count: prefix.count, &pool)
    var divisor: UInt32 = 10_000_000
    while divisor > 0 {
      buffer.append(byte: UInt8(truncatingIfNeeded: 48 + key / divisor % 10), &pool)
      divisor /= 10
    }
  }

  /// The number of the key in `from ..< to`; nil if it is none of this run's.
  func key(in bytes: RawSpan, from: Int, to: Int) -> UInt32? {
    guard to - from == keyLength, bytes.matches(at: from, prefix.span.raw, at: 0, count: prefix.count),
      let number = bytes.decimal(from: from + prefix.count, to: to)
    else { return nil }
    return UInt32(exactly: number)
  }

  // MARK: Values

  func value(of key: UInt32, version: UInt32) -> Value {
    let name = RandomNumbers.mix(seed ^ (UInt64(key) << 32 | UInt64(version)))
    let more = RandomNumbers.mix(name)
    let span = UInt64(sizes.upperBound - sizes.lowerBound + 1)
    return Value(
      name: name, place: Int(more % UInt64(Self.places)),
      length: sizes.lowerBound + Int((more >> 12) % span))
  }

  /// What the bytes of one value are.
  struct Value: BitwiseCopyable, Equatable {
    /// The first eight bytes, the lowest one first; a shorter value has only some of them.
    var name: UInt64
    /// Where the other bytes are in the text.
    var place: Int
    var length: Int

    func nameByte(_ i: Int) -> UInt8 { UInt8(truncatingIfNeeded: name >> UInt64(i * 8)) }
  }

  func append(_ value: Value, to buffer: inout Buffer, _ pool: inout BufferPool) {
    buffer.reserve(value.length + 2, &pool)
    let head = min(8, value.length)
    for i in 0..<head { buffer.append(byte: value.nameByte(i), &pool) }
    buffer.append(text.span.raw, from: value.place, count: value.length - head, &pool)
  }

  /// The offset of the first byte of `value` that differs, or nil: `bytes` from `from` on are the value's from `offset`
  /// on. The caller has checked that both have `count` bytes there.
  func difference(_ value: Value, at offset: Int, from bytes: RawSpan, at from: Int, count: Int) -> Int? {
    var i = 0
    while i < count && offset + i < 8 {
      if bytes.byte(at: from + i) != value.nameByte(offset + i) { return offset + i }
      i += 1
    }
    let rest = text.span.raw
    let start = value.place + offset - 8
    if i >= count || bytes.matches(at: from + i, rest, at: start + i, count: count - i) { return nil }
    while i < count && bytes.byte(at: from + i) == rest.byte(at: start + i) { i += 1 }
    return offset + i
  }
}
