import Bytes

// XXH3, Yann Collet's hash of 64 bits, with a seed: the key hash of memcached's proxy.
//
// The algorithm has a path of its own for each range of lengths. Keys of up to 128 bytes are the hot ones.

/// XXH3_64bits_withSeed of `count` bytes.
func hashXXH3(_ bytes: RawSpan, from: Int, count: Int, seed: UInt64) -> UInt64 {
  // A span of the key alone: its bounds are known, so the loads below need no checks.
  let key = bytes.rest(from: from).first(count)
  if count > 16 {
    if count <= 128 { return hash17To128(key, seed: seed) }
    return count <= 240 ? hash129To240(key, seed: seed) : hashLong(key, seed: seed)
  }
  let length = UInt64(truncatingIfNeeded: count)
  if count > 8 {
    let low = key.word(at: 0) ^ ((secret[3] ^ secret[4]) &+ seed)
    let high = key.word(at: count &- 8) ^ ((secret[5] ^ secret[6]) &- seed)
    return avalanched(length &+ low.byteSwapped &+ high &+ folded(low, high))
  }
  if count > 3 {
    let seed = seed ^ UInt64(UInt32(truncatingIfNeeded: seed).byteSwapped) &<< 32
    let data = UInt64(key.halfWord(at: count &- 4)) | UInt64(key.halfWord(at: 0)) &<< 32
    var hash = data ^ ((secret[1] ^ secret[2]) &- seed)
    hash ^= hash.rotated(by: 49) ^ hash.rotated(by: 24)
    hash &*= 0x9fb2_1c65_1e98_df25
    hash ^= (hash &>> 35) &+ length
    hash &*= 0x9fb2_1c65_1e98_df25
    return hash ^ hash &>> 28
  }
  if count > 0 {
    let first = UInt64(key.byte(at: 0))
    let middle = UInt64(key.byte(at: count &>> 1))
    let last = UInt64(key.byte(at: count &- 1))
    let data = first &<< 16 | middle &<< 24 | last | length &<< 8
    return finished(data ^ (((secret[0] ^ secret[0] &>> 32) & 0xffff_ffff) &+ seed))
  }
  return finished(seed ^ secret[7] ^ secret[8])
}

/// Sums sixteen bytes at a time, from both ends inwards; the two halves may overlap.
@inline(__always)
private func hash17To128(_ key: RawSpan, seed: UInt64) -> UInt64 {
  let count = key.byteCount
  var sum = UInt64(truncatingIfNeeded: count) &* prime1
  sum &+= mixed(key, at: 0, secret[0], secret[1], seed)
  sum &+= mixed(key, at: count &- 16, secret[2], secret[3], seed)
  if count <= 32 { return avalanched(sum) }
  sum &+= mixed(key, at: 16, secret[4], secret[5], seed)
  sum &+= mixed(key, at: count &- 32, secret[6], secret[7], seed)
  if count <= 64 { return avalanched(sum) }
  sum &+= mixed(key, at: 32, secret[8], secret[9], seed)
  sum &+= mixed(key, at: count &- 48, secret[10], secret[11], seed)
  if count <= 96 { return avalanched(sum) }
  sum &+= mixed(key, at: 48, secret[12], secret[13], seed)
  sum &+= mixed(key, at: count &- 64, secret[14], secret[15], seed)
  return avalanched(sum)
}

/// Sums sixteen bytes at a time. From byte 128 on the secret is read again, three bytes further.
@inline(never)
private func hash129To240(_ key: RawSpan, seed: UInt64) -> UInt64 {
  let count = key.byteCount
  var sum = UInt64(truncatingIfNeeded: count) &* prime1
  for i in 0..<8 { sum &+= mixed(key, at: i &* 16, secret[i &* 2], secret[i &* 2 &+ 1], seed) }
  sum = avalanched(sum)
  for i in 8..<count &>> 4 {
    let k = i &* 2 &- 16
    sum &+= mixed(key, at: i &* 16, straddling(secret, k, by: 3), straddling(secret, k &+ 1, by: 3), seed)
  }
  sum &+= mixed(key, at: count &- 16, straddling(secret, 14, by: 7), straddling(secret, 15, by: 7), seed)
  return avalanched(sum)
}

/// Keeps eight sums, each of every eighth word of the key. The seed changes the secret, not the sums.
@inline(never)
private func hashLong(_ key: RawSpan, seed: UInt64) -> UInt64 {
  let count = key.byteCount
  var secret = secret
  for i in 0..<12 {
    secret[i &* 2] &+= seed
    secret[i &* 2 &+ 1] &-= seed
  }
  var sums: InlineArray<8, UInt64> = [
    0xc2b2_ae3d, prime1, prime2, prime3,
    0x85eb_ca77_c2b2_ae63, 0x85eb_ca77, 0x27d4_eb2f_1656_67c5, 0x9e37_79b1,
  ]
  // The last 64 bytes are added separately, so at least one byte is left for them.
  for stripe in 0..<(count &- 1) &>> 6 {
    let step = stripe & 15
    for k in 0..<8 { add(key.word(at: stripe &* 64 &+ k &* 8), secret[step &+ k], to: &sums, k) }
    if step == 15 {
      for k in 0..<8 { sums[k] = (sums[k] ^ sums[k] &>> 47 ^ secret[16 &+ k]) &* 0x9e37_79b1 }
    }
  }
  for k in 0..<8 {
    add(key.word(at: count &- 64 &+ k &* 8), straddling(secret, 15 &+ k, by: 1), to: &sums, k)
  }
  var hash = UInt64(truncatingIfNeeded: count) &* prime1
  for k in 0..<4 {
    let low = sums[k &* 2] ^ straddling(secret, k &* 2 &+ 1, by: 3)
    let high = sums[k &* 2 &+ 1] ^ straddling(secret, k &* 2 &+ 2, by: 3)
    hash &+= folded(low, high)
  }
  return avalanched(hash)
}

/// Adds a word of the key to sum `k`, multiplied half by half, and to its neighbour as it is.
@inline(__always)
private func add(_ word: UInt64, _ secret: UInt64, to sums: inout InlineArray<8, UInt64>, _ k: Int) {
  let keyed = word ^ secret
  sums[k ^ 1] &+= word
  sums[k] &+= (keyed & 0xffff_ffff) &* (keyed &>> 32)
}

/// Sixteen bytes of the key and sixteen of the secret as one word.
@inline(__always)
private func mixed(_ key: RawSpan, at i: Int, _ low: UInt64, _ high: UInt64, _ seed: UInt64) -> UInt64 {
  folded(key.word(at: i) ^ (low &+ seed), key.word(at: i &+ 8) ^ (high &- seed))
}

/// The two halves of the product, combined.
@inline(__always)
private func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.low ^ product.high
}

@inline(__always)
private func avalanched(_ sum: UInt64) -> UInt64 {
  let hash = (sum ^ sum &>> 37) &* 0x1656_6791_9e37_79f9
  return hash ^ hash &>> 32
}

/// The last step for up to three bytes, which is XXH64's.
@inline(__always)
private func finished(_ word: UInt64) -> UInt64 {
  var hash = (word ^ word &>> 33) &* prime2
  hash = (hash ^ hash &>> 29) &* prime3
  return hash ^ hash &>> 32
}

/// Eight bytes of the secret that begin `bytes` (1 to 7) after its word `k`.
@inline(__always)
private func straddling(_ secret: InlineArray<24, UInt64>, _ k: Int, by bytes: UInt64) -> UInt64 {
  secret[k] &>> (bytes &* 8) | secret[k &+ 1] &<< (64 &- bytes &* 8)
}

extension UInt64 {
  /// The bits rotated left by `n` (1 to 63).
  @inline(__always)
  func rotated(by n: UInt64) -> UInt64 { self &<< n | self &>> (64 &- n) }
}

private let prime1: UInt64 = 0x9e37_79b1_85eb_ca87
private let prime2: UInt64 = 0xc2b2_ae3d_27d4_eb4f
private let prime3: UInt64 = 0x1656_67b1_9e37_79f9

/// The algorithm's 192 random bytes, as little-endian words.
private let secret: InlineArray<24, UInt64> = [
  0xbe4b_a423_396c_feb8, 0x1cad_21f7_2c81_017c, 0xdb97_9083_e96d_d4de, 0x1f67_b3b7_a4a4_4072,
  0x78e5_c0cc_4ee6_79cb, 0x2172_ffcc_7dd0_5a82, 0x8e24_43f7_7446_08b8, 0x4c26_3a81_e690_35e0,
  0xcb00_c391_bb52_283c, 0xa32e_531b_8b65_d088, 0x4ef9_0da2_9748_6471, 0xd8ac_dea9_46ef_1938,
  0x3f34_9ce3_3f76_faa8, 0x1d4f_0bc7_c7bb_dcf9, 0x3159_b4cd_4be0_518a, 0x6473_78d9_c97e_9fc8,
  0xc3eb_d334_83ac_c5ea, 0xeb63_13fa_ffa0_81c5, 0x49da_f0b7_51dd_0d17, 0x9e68_d429_2655_16d3,
  0xfca1_477d_58be_162b, 0xce31_d07a_d1b8_f88f, 0x2804_1695_8f3a_cb45, 0x7e40_4bbb_cafb_d7af,
]
