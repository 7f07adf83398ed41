import Bytes

// Austin Appleby's MurmurHash64A, little-endian: what mcrouter hashes keys and server names with.

/// MurmurHash64A of `count` bytes.
func hashMurmur64A(_ bytes: RawSpan, from: Int, count: Int, seed: UInt64) -> UInt64 {
  let key = bytes.rest(from: from).first(count)
  var hash = seed ^ UInt64(truncatingIfNeeded: count) &* factor
  var i = 0
  while i &+ 8 <= count {
    hash = (hash ^ scrambled(key.word(at: i))) &* factor
    i &+= 8
  }
  let rest = count & 7
  if rest > 0 { hash = (hash ^ key.lastBytes(rest, endingAt: count, keyStart: 0)) &* factor }
  return finished(hash)
}

/// MurmurHash64A of a word's eight bytes, the lowest first.
func hashMurmur64A(_ word: UInt64, seed: UInt64) -> UInt64 {
  finished((seed ^ 8 &* factor ^ scrambled(word)) &* factor)
}

@inline(__always)
private func scrambled(_ word: UInt64) -> UInt64 {
  let word = word &* factor
  return (word ^ word &>> 47) &* factor
}

@inline(__always)
private func finished(_ hash: UInt64) -> UInt64 {
  let hash = (hash ^ hash &>> 47) &* factor
  return hash ^ hash &>> 47
}

private let factor: UInt64 = 0xc6a4_a793_5bd1_e995
