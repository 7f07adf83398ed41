import Bytes

/// MurmurHash3 with seed 0xdeadbeef times the length: libhashkit's `murmur3`.
func hashMurmur3(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  hashMurmur3(bytes, from: from, count: count, seed: 0xdead_beef &* UInt32(truncatingIfNeeded: count))
}

/// Austin Appleby's 32-bit MurmurHash3.
func hashMurmur3(_ bytes: RawSpan, from: Int, count: Int, seed: UInt32) -> UInt32 {
  let length = UInt32(truncatingIfNeeded: count)
  var hash = seed
  var i = from
  for _ in 0..<count / 4 {
    hash ^= scrambled(bytes.halfWord(at: i))
    hash = hash.rotated(by: 13) &* 5 &+ 0xe654_6b64
    i &+= 4
  }
  let rest = count & 3
  if rest > 0 {
    var tail: UInt32 = 0
    for k in 0..<rest { tail |= UInt32(bytes.byte(at: i &+ k)) &<< UInt32(k &* 8) }
    hash ^= scrambled(tail)
  }
  hash ^= length
  hash ^= hash &>> 16
  hash &*= 0x85eb_ca6b
  hash ^= hash &>> 13
  hash &*= 0xc2b2_ae35
  hash ^= hash &>> 16
  return hash
}

private func scrambled(_ word: UInt32) -> UInt32 {
  (word &* 0xcc9e_2d51).rotated(by: 15) &* 0x1b87_3593
}

extension UInt32 {
  /// The bits rotated left by `n` (1 to 31).
  func rotated(by n: UInt32) -> UInt32 { self &<< n | self &>> (32 &- n) }
}
