import Bytes

/// Bob Jenkins's lookup3 (`hashlittle`) with seed 13: libhashkit's and twemproxy's `jenkins`.
///
/// Reads twelve bytes per step, as three little-endian words. The last step, of 1 to 12 bytes padded with zeros, is
/// mixed differently. An empty key is not mixed at all.
func hashJenkins(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  let start = 0xdead_beef &+ UInt32(truncatingIfNeeded: count) &+ 13
  var a = start
  var b = start
  var c = start
  var i = from
  var left = count
  while left > 12 {
    a &+= bytes.halfWord(at: i)
    b &+= bytes.halfWord(at: i &+ 4)
    c &+= bytes.halfWord(at: i &+ 8)
    mix(&a, &b, &c)
    i &+= 12
    left &-= 12
  }
  if left == 0 { return c }
  a &+= paddedWord(bytes, at: i, count: left)
  b &+= paddedWord(bytes, at: i &+ 4, count: left &- 4)
  c &+= paddedWord(bytes, at: i &+ 8, count: left &- 8)
  finish(&a, &b, &c)
  return c
}

/// Up to four bytes as a little-endian word, padded with zeros.
private func paddedWord(_ bytes: RawSpan, at i: Int, count: Int) -> UInt32 {
  if count >= 4 { return bytes.halfWord(at: i) }
  var word: UInt32 = 0
  for k in 0..<max(0, count) { word |= UInt32(bytes.byte(at: i &+ k)) &<< UInt32(k &* 8) }
  return word
}

private func mix(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
  a = a &- c ^ c.rotated(by: 4)
  c &+= b
  b = b &- a ^ a.rotated(by: 6)
  a &+= c
  c = c &- b ^ b.rotated(by: 8)
  b &+= a
  a = a &- c ^ c.rotated(by: 16)
  c &+= b
  b = b &- a ^ a.rotated(by: 19)
  a &+= c
  c = c &- b ^ b.rotated(by: 4)
  b &+= a
}

private func finish(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
  c = (c ^ b) &- b.rotated(by: 14)
  a = (a ^ c) &- c.rotated(by: 11)
  b = (b ^ a) &- a.rotated(by: 25)
  c = (c ^ b) &- b.rotated(by: 16)
  a = (a ^ c) &- c.rotated(by: 4)
  b = (b ^ a) &- a.rotated(by: 14)
  c = (c ^ b) &- b.rotated(by: 24)
}
