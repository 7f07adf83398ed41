import Bytes

// spymemcached's hashes that read a key as a Java string: UTF-16 code units, not bytes.
//
// Its FNV hashes calculate in 64 bits and return the lower 32, which the upper never affect, so 32 are enough.

/// `String.hashCode` of the key, unsigned: spymemcached's default hash, NATIVE_HASH.
func hashJavaString(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  foldUnits(bytes, from: from, count: count, 0) { hash, unit in hash &* 31 &+ unit }
}

/// spymemcached's FNV1_64_HASH.
func hashJavaFNV64(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  foldUnits(bytes, from: from, count: count, 0x8422_2325) { hash, unit in hash &* 0x1b3 ^ unit }
}

/// spymemcached's FNV1A_64_HASH.
func hashJavaFNV1a64(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  foldUnits(bytes, from: from, count: count, 0x8422_2325) { hash, unit in (hash ^ unit) &* 0x1b3 }
}

/// spymemcached's FNV1_32_HASH.
func hashJavaFNV32(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  foldUnits(bytes, from: from, count: count, 0x811c_9dc5) { hash, unit in hash &* 0x0100_0193 ^ unit }
}

/// spymemcached's FNV1A_32_HASH.
func hashJavaFNV1a32(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  foldUnits(bytes, from: from, count: count, 0x811c_9dc5) { hash, unit in (hash ^ unit) &* 0x0100_0193 }
}

/// Folds the UTF-16 code units of a key in UTF-8, first to last.
@inline(__always)
private func foldUnits(
  _ bytes: RawSpan, from: Int, count: Int, _ start: UInt32, _ step: (_ hash: UInt32, _ unit: UInt32) -> UInt32
) -> UInt32 {
  let key = bytes.rest(from: from).first(count)
  var hash = start
  var i = 0
  while i < count {
    let byte = key.byte(at: i)
    if byte < 0x80 {
      hash = step(hash, UInt32(byte))
      i &+= 1
      continue
    }
    let (scalar, length) = decoded(key, at: i)
    i &+= length
    if scalar > 0xffff {
      hash = step(hash, 0xd7c0 &+ scalar &>> 10)
      hash = step(hash, 0xdc00 | scalar & 0x3ff)
    } else {
      hash = step(hash, scalar)
    }
  }
  return hash
}

/// The character at `i`, whose first byte is not ASCII, and its number of bytes. As in Java, invalid bytes are U+FFFD,
/// one for as many of them as could begin a character.
@inline(never)
private func decoded(_ key: RawSpan, at i: Int) -> (scalar: UInt32, length: Int) {
  let replacement: UInt32 = 0xfffd
  let first = key.byte(at: i)
  let length: Int
  // The second byte's range. It excludes longer encodings than needed, and numbers that are too large.
  var low: UInt8 = 0x80
  var high: UInt8 = 0xbf
  switch first {
  case 0xc2...0xdf: length = 2
  case 0xe0...0xef:
    length = 3
    if first == 0xe0 { low = 0xa0 }
  case 0xf0...0xf4:
    length = 4
    if first == 0xf0 { low = 0x90 }
    if first == 0xf4 { high = 0x8f }
  default: return (replacement, 1)
  }
  var scalar = UInt32(first) & 0x7f &>> UInt32(truncatingIfNeeded: length)
  for k in 1..<length {
    guard i &+ k < key.byteCount else { return (replacement, k) }
    let byte = key.byte(at: i &+ k)
    guard byte >= low, byte <= high else { return (replacement, k) }
    scalar = scalar &<< 6 | UInt32(byte & 0x3f)
    low = 0x80
    high = 0xbf
  }
  // Java replaces the three bytes of an encoded surrogate together, where Swift would replace each.
  return 0xd800...0xdfff ~= scalar ? (replacement, length) : (scalar, length)
}
