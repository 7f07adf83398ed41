import Bytes

/// Numbers as memcached reads them: what strtol accepts, and then a blank or the end.
///
///     "12" → 12     "+12" → 12     "12\t" → 12     "12x" → nothing
///
/// A sign and leading blanks are allowed, as C's functions do; whatever is not plainly written is
/// sent on plainly, so that no server can read it otherwise.
package struct Number: BitwiseCopyable, Equatable {
  package var isNegative: Bool
  package var magnitude: UInt64
  /// Whether it is written the one plain way: digits, the first of several not zero, and a minus in
  /// front when it is below zero.
  package var isPlain: Bool
  /// Whether there are only digits, behind a minus perhaps.
  private var isBare = true
  /// Bytes of the word.
  private var length: Int
  /// Whether there are no digits, which only memcached since 1.6.40 takes for a number.
  private var isLoneMinus = false
  /// Whether a minus stands anywhere in the word: memcached looks for it there when a number is large.
  private var hasMinus: Bool

  /// The number in `from ..< to`, or nil where memcached finds none. Past 64 bits there is none.
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
    // memcached since 1.6.40 takes a minus alone for nothing, and nothing for 0.
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

  /// As C's `long`, cut to 32 bits as memcached cuts it; nil outside 64 bits.
  package var cutToInt32: Int32? {
    if isNegative {
      guard magnitude <= UInt64(Int64.max) + 1 else { return nil }
      return Int32(truncatingIfNeeded: 0 &- Int64(bitPattern: magnitude))
    }
    guard magnitude <= UInt64(Int64.max) else { return nil }
    return Int32(truncatingIfNeeded: magnitude)
  }

  /// As C's `unsigned long`: a minus wraps, and is refused when the outcome is a large number.
  package var cutToUInt64: UInt64? {
    let value = isNegative ? 0 &- magnitude : magnitude
    if hasMinus && Int64(bitPattern: value) < 0 { return nil }
    return value
  }

  /// The same, cut to 32 bits.
  package var cutToUInt32: UInt32? { cutToUInt64.map { UInt32(truncatingIfNeeded: $0) } }

  /// As memcached reads a signed number of 32 bits: cut to them, or since 1.6.40 digits that fit, at most eleven.
  func int32(_ era: Era) -> Int32? {
    guard era.isStrict else { return isLoneMinus ? nil : cutToInt32 }
    guard isBare, length <= 11, magnitude <= UInt64(Int32.max) + (isNegative ? 1 : 0) else { return nil }
    return cutToInt32
  }

  /// The same without a sign.
  func uint32(_ era: Era) -> UInt32? {
    guard era.isStrict else { return isLoneMinus ? nil : cutToUInt32 }
    return isBare && !isNegative && length <= 11 ? UInt32(exactly: magnitude) : nil
  }

  /// The same of 64 bits.
  func uint64(_ era: Era) -> UInt64? {
    guard era.isStrict else { return isLoneMinus ? nil : cutToUInt64 }
    return isBare && !isNegative && length <= 22 ? magnitude : nil
  }
}
