import Bytes

/// A number as memcached reads it: what strtol accepts, followed by a blank or the end of the word.
///
///     "12" → 12     "+12" → 12     "12\t" → 12     "12x" → nothing
///
/// A sign and leading blanks are allowed, as in C's functions. The proxy rewrites a number that is not in plain form,
/// so that no server can read it differently.
package struct Number: BitwiseCopyable, Equatable {
  package var isNegative: Bool
  package var magnitude: UInt64
  /// Whether it is in plain form: digits without a leading zero (except `0` itself), and a minus in front only if it
  /// is negative.
  package var isPlain: Bool
  /// Whether it consists of digits with an optional minus.
  private var isBare = true
  /// The length of the word in bytes.
  private var length: Int
  /// Whether it is a minus without digits, which only memcached since 1.6.40 accepts as a number.
  private var isLoneMinus = false
  /// Whether the word contains a minus anywhere: memcached checks this if a number is large.
  private var hasMinus: Bool

  /// The number in the word, or nil if memcached reads none there or it exceeds 64 bits.
  package init?(_ bytes: RawSpan, _ word: Word) {
    var i = word.from
    let end = word.to
    guard i >= 0, end <= bytes.byteCount, i < end else { return nil }
    isPlain = true
    isNegative = false
    hasMinus = false
    length = end &- i
    while i < end, Self.isBlank(bytes.byte(at: i)) {
      isBare = false
      isPlain = false
      i += 1
    }
    if i < end, bytes.byte(at: i) == 43 || bytes.byte(at: i) == 45 {
      isNegative = bytes.byte(at: i) == 45
      hasMinus = isNegative
      if !isNegative {
        isBare = false
        isPlain = false
      }
      i += 1
    }
    let digits = i
    var value: UInt64 = 0
    while i < end {
      let digit = bytes.byte(at: i) &- 48
      guard digit <= 9 else { break }
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
      if over || carry { return nil }
      value = sum
      i += 1
    }
    // memcached since 1.6.40 accepts a lone minus and reads it as 0.
    isLoneMinus = i == digits && isNegative && i == end && length == 1
    guard i > digits || isLoneMinus else { return nil }
    if i < end {
      guard Self.isBlank(bytes.byte(at: i)) else { return nil }
      isBare = false
      isPlain = false
      hasMinus = hasMinus || bytes.first(45, from: i, to: end) != nil
    }
    if isLoneMinus || bytes.byte(at: digits) == 48 && (isNegative || i > digits &+ 1) { isPlain = false }
    magnitude = value
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (byte >= 9 && byte <= 13) }

  /// The value as C's `long`, truncated to 32 bits as memcached does; nil outside 64 bits.
  package var cutToInt32: Int32? {
    if isNegative {
      guard magnitude <= UInt64(Int64.max) + 1 else { return nil }
      return Int32(truncatingIfNeeded: 0 &- Int64(bitPattern: magnitude))
    }
    guard magnitude <= UInt64(Int64.max) else { return nil }
    return Int32(truncatingIfNeeded: magnitude)
  }

  /// The value as C's `unsigned long`. A minus wraps, and is refused if the result has the top bit set.
  package var cutToUInt64: UInt64? {
    let value = isNegative ? 0 &- magnitude : magnitude
    if hasMinus && Int64(bitPattern: value) < 0 { return nil }
    return value
  }

  /// The same, truncated to 32 bits.
  package var cutToUInt32: UInt32? { cutToUInt64.map { UInt32(truncatingIfNeeded: $0) } }

  /// A signed 32-bit number as memcached reads it: truncated, or since 1.6.40 in range and at most eleven bytes long.
  func int32(_ era: Era) -> Int32? {
    guard era.isStrict else { return isLoneMinus ? nil : cutToInt32 }
    guard isBare, length <= 11, magnitude <= UInt64(Int32.max) + (isNegative ? 1 : 0) else { return nil }
    return cutToInt32
  }

  /// The same for an unsigned 32-bit number.
  func uint32(_ era: Era) -> UInt32? {
    guard era.isStrict else { return isLoneMinus ? nil : cutToUInt32 }
    return isBare && !isNegative && length <= 11 ? UInt32(exactly: magnitude) : nil
  }

  /// The same for an unsigned 64-bit number, at most 22 bytes long since 1.6.40.
  func uint64(_ era: Era) -> UInt64? {
    guard era.isStrict else { return isLoneMinus ? nil : cutToUInt64 }
    return isBare && !isNegative && length <= 22 ? magnitude : nil
  }
}
