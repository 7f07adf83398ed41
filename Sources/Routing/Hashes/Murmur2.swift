import Bytes

/// Austin Appleby's MurmurHash2 with seed 0xdeadbeef times the length: libhashkit's and twemproxy's `murmur`.
func hashMurmur2(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  let mix: UInt32 = 0x5bd1_e995
  let length = UInt32(truncatingIfNeeded: count)
  var hash = 0xdead_beef &* length ^ length
  var i = from
  for _ in 0..<count / 4 {
    var word = bytes.halfWord(at: i) &* mix
    word ^= word &>> 24
    hash = hash &* mix ^ word &* mix
    i &+= 4
  }
  let rest = count & 3
  if rest > 0 {
    for k in 0..<rest { hash ^= UInt32(bytes.byte(at: i &+ k)) &<< UInt32(k &* 8) }
    hash &*= mix
  }
  hash ^= hash &>> 13
  hash &*= mix
  hash ^= hash &>> 15
  return hash
}
