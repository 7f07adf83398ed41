import Glibc

// Reading text from a connection. Each function checks its range once, then reads it word by word.

extension Span where Element == UInt8 {
  /// The same bytes as a raw span.
  @inlinable package var raw: RawSpan {
    // SAFETY: a byte has no padding that could be uninitialised.
    @_lifetime(copy self) @inline(__always) get { unsafe bytes }
  }
}

extension RawSpan {
  /// The bytes from `i` to the end, checked. Offsets in the result are sums of non-negative numbers, which saves
  /// checks.
  @_lifetime(copy self) @inlinable @inline(always) package func rest(from i: Int) -> RawSpan {
    precondition(i >= 0 && i <= byteCount)
    return part(from: i, count: byteCount &- i)
  }

  /// The first `n` bytes, checked.
  @_lifetime(copy self) @inlinable @inline(always) package func first(_ n: Int) -> RawSpan {
    precondition(n >= 0 && n <= byteCount)
    return part(from: 0, count: n)
  }

  /// `count` bytes from `i`. The caller has checked that they exist.
  @_lifetime(copy self) @inlinable @inline(always) func part(from i: Int, count: Int) -> RawSpan {
    // SAFETY: both callers checked that neither is negative and that i + count is within the span.
    unsafe extracting(unchecked: Range(uncheckedBounds: (i, i &+ count)))
  }

  /// One byte, checked.
  @inlinable @inline(__always) package func byte(at i: Int) -> UInt8 {
    precondition(i >= 0 && i < byteCount)
    // SAFETY: checked above.
    return unsafe unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
  }

  /// Eight bytes as a little-endian number, checked. All eight must exist.
  @inlinable @inline(__always) package func word(at i: Int) -> UInt64 {
    precondition(i >= 0 && i <= byteCount &- 8)
    // SAFETY: checked above.
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self)
  }

  /// Four bytes as a little-endian number, checked.
  @inlinable @inline(__always) package func halfWord(at i: Int) -> UInt32 {
    precondition(i >= 0 && i <= byteCount &- 4)
    // SAFETY: checked above.
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt32.self)
  }

  /// Two bytes as a little-endian number, checked.
  @inlinable @inline(__always) package func pair(at i: Int) -> UInt16 {
    precondition(i >= 0 && i <= byteCount &- 2)
    // SAFETY: checked above.
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt16.self)
  }

  /// Folds `count` bytes from `i`, first to last, with one range check: for hashes that read one byte at a time.
  @inlinable @inline(__always)
  package func fold(
    _ start: UInt32, from i: Int, count: Int, _ step: (_ sum: UInt32, _ byte: UInt8) -> UInt32
  ) -> UInt32 {
    precondition(i >= 0 && count >= 0 && count <= byteCount &- i)
    var sum = start
    var q = i
    let end = i &+ count
    while q &+ 8 <= end {
      // SAFETY: i <= q and q + 8 <= end <= byteCount, here and for the four bytes and the rest below.
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 1, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 2, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 3, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 4, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 5, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 6, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 7, as: UInt8.self))
      q &+= 8
    }
    if q &+ 4 <= end {
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 1, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 2, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 3, as: UInt8.self))
      q &+= 4
    }
    if q &+ 2 <= end {
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q, as: UInt8.self))
      sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q &+ 1, as: UInt8.self))
      q &+= 2
    }
    if q < end { sum = step(sum, unsafe unsafeLoad(fromUncheckedByteOffset: q, as: UInt8.self)) }
    return sum
  }

  /// The position of the first space or control byte at or after `i`; `byteCount` if there is none.
  @inlinable @inline(__always) package func firstBreak(from i: Int) -> Int {
    precondition(i >= 0)
    var q = i
    while q &+ 8 <= byteCount {
      // SAFETY: 0 <= q and q + 8 <= byteCount.
      let v = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: q, as: UInt64.self)
      let m = (v &- 0x2121_2121_2121_2121) & ~v & 0x8080_8080_8080_8080
      if m != 0 { return q &+ (m.trailingZeroBitCount &>> 3) }
      q &+= 8
    }
    while q < byteCount {
      // SAFETY: q < byteCount.
      if unsafe unsafeLoad(fromUncheckedByteOffset: q, as: UInt8.self) <= 32 { return q }
      q &+= 1
    }
    return byteCount
  }

  /// The position of the first `\n` at or after `i`, or nil.
  @inlinable package func firstNewline(from i: Int) -> Int? {
    first(10, from: i, to: byteCount)
  }

  /// The position of the first byte equal to `wanted` in `i ..< end`, or nil.
  @inlinable package func first(_ wanted: UInt8, from i: Int, to end: Int) -> Int? {
    precondition(i >= 0 && end <= byteCount)
    guard i < end else { return nil }
    // SAFETY: i ..< end lies inside the span.
    return unsafe withUnsafeBytes { bytes in
      guard let p = bytes.baseAddress, let hit = unsafe memchr(p + i, Int32(wanted), end &- i) else {
        return nil
      }
      return unsafe UnsafeRawPointer(hit) - p
    }
  }

  /// Whether `count` bytes at `i` equal those of `other` at `j`. False if either range is out of bounds.
  @inlinable @inline(__always)
  package func matches(at i: Int, _ other: RawSpan, at j: Int, count: Int) -> Bool {
    guard i >= 0, j >= 0, count >= 0, count <= byteCount &- i, count <= other.byteCount &- j else {
      return false
    }
    var k = 0
    let last = count &- 8
    if last >= 0 {
      // Compare the first and the last eight bytes, which may overlap: enough for up to 16 bytes, as most keys have.
      // SAFETY: both ranges were checked above, and 0 <= k <= last = count - 8, here and below.
      let a = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self)
      let b = unsafe other.unsafeLoadUnaligned(fromUncheckedByteOffset: j, as: UInt64.self)
      let c = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: i &+ last, as: UInt64.self)
      let d = unsafe other.unsafeLoadUnaligned(fromUncheckedByteOffset: j &+ last, as: UInt64.self)
      if (a ^ b) | (c ^ d) != 0 { return false }
      k = 8
      while k < last {
        let a = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: i &+ k, as: UInt64.self)
        let b = unsafe other.unsafeLoadUnaligned(fromUncheckedByteOffset: j &+ k, as: UInt64.self)
        if a != b { return false }
        k &+= 8
      }
      return true
    }
    while k < count {
      // SAFETY: both ranges were checked above, and k < count.
      let a = unsafe unsafeLoad(fromUncheckedByteOffset: i &+ k, as: UInt8.self)
      let b = unsafe other.unsafeLoad(fromUncheckedByteOffset: j &+ k, as: UInt8.self)
      if a != b { return false }
      k &+= 1
    }
    return true
  }

  /// Whether the bytes at `i` begin with this text.
  @inlinable package func hasText(_ text: StaticString, at i: Int) -> Bool {
    let n = text.utf8CodeUnitCount
    guard i >= 0, n <= byteCount &- i else { return false }
    // SAFETY: the range was checked; a StaticString's text is n bytes of the executable.
    return unsafe withUnsafeBytes { bytes in
      guard let p = bytes.baseAddress else { return n == 0 }
      return unsafe memcmp(p + i, text.utf8Start, n) == 0
    }
  }

  /// Whether `from ..< to` is this text and nothing else.
  @inlinable package func isText(_ text: StaticString, from: Int, to: Int) -> Bool {
    to &- from == text.utf8CodeUnitCount && to <= byteCount && hasText(text, at: from)
  }

  /// Whether `from ..< to` is a non-empty prefix of this text, or all of it.
  package func isBeginning(of text: StaticString, from: Int, to: Int) -> Bool {
    guard from >= 0, to > from, to <= byteCount, to &- from <= text.utf8CodeUnitCount else { return false }
    // SAFETY: both ranges were checked; a StaticString's text is in the executable.
    return unsafe withUnsafeBytes { bytes in
      guard let p = bytes.baseAddress else { return false }
      return unsafe memcmp(p + from, text.utf8Start, to &- from) == 0
    }
  }

  /// Reads the decimal digits from `i`, stopping before `end`: their value, and the position after the last one. The
  /// value wraps past 18 digits, so callers that read untrusted lengths must limit the number of digits.
  @inlinable @inline(__always) package func digits(from i: Int, to end: Int) -> (value: Int, end: Int) {
    precondition(i >= 0 && end <= byteCount)
    if i &+ 8 <= end {
      // SAFETY: 0 <= i and i + 8 <= end <= byteCount.
      let word =
        unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self) ^ 0x3030_3030_3030_3030
      // The top bit of each byte that is not a digit. Above the first such byte the bits mean nothing.
      let stops = (word &+ 0x7676_7676_7676_7676 | word) & 0x8080_8080_8080_8080
      if stops != 0 {
        let bits = stops.trailingZeroBitCount & 0x38
        return (Self.number((word &<< UInt64(truncatingIfNeeded: 56 &- bits)) &<< 8), i &+ bits &>> 3)
      }
    }
    return manyDigits(from: i, to: end)
  }

  /// The value of eight digits, the first in the lowest byte: multiplies neighbours into pairs, then pairs into
  /// fours.
  @inlinable @inline(__always) static func number(_ digits: UInt64) -> Int {
    let pairs = (digits &* 2561) &>> 8 & 0x00ff_00ff_00ff_00ff
    let fours = (pairs &* 6_553_601) &>> 16 & 0x0000_ffff_0000_ffff
    return Int(truncatingIfNeeded: (fours &* 42_949_672_960_001) &>> 32)
  }

  /// The byte-by-byte version, for eight or more digits and for the end of the range.
  @inline(never) @usableFromInline func manyDigits(from i: Int, to end: Int) -> (value: Int, end: Int) {
    var value = 0
    var q = i
    while q < end {
      // SAFETY: 0 <= q < end <= byteCount, as `digits` checked.
      let digit = unsafe unsafeLoad(fromUncheckedByteOffset: q, as: UInt8.self) &- 48
      if digit > 9 { break }
      value = value &* 10 &+ Int(digit)
      q &+= 1
    }
    return (value, q)
  }

  /// The value of the decimal digits in `from ..< to`; nil if the range is empty, holds another byte, or the value
  /// exceeds 64 bits.
  @inlinable package func decimal(from: Int, to: Int) -> UInt64? {
    guard from >= 0, to <= byteCount, from < to, to &- from <= 20 else { return nil }
    var value: UInt64 = 0
    var i = from
    if to &- from < 20 {
      // Nineteen digits cannot overflow.
      while i < to {
        // SAFETY: 0 <= i < to <= byteCount.
        let digit = unsafe unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self) &- 48
        if digit > 9 { return nil }
        value = value &* 10 &+ UInt64(digit)
        i &+= 1
      }
      return value
    }
    while i < to {
      let digit = byte(at: i) &- 48
      if digit > 9 { return nil }
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
      if over || carry { return nil }
      value = sum
      i &+= 1
    }
    return value
  }
}
