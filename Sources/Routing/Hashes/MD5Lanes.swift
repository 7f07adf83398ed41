import Bytes

/// MD5 of sixteen keys in parallel: each operation processes the same word of all sixteen at once.
///
/// MD5 is one chain in which each step waits for the one before, so a single key leaves most of the processor idle.
/// Sixteen lanes are four SSE2 vectors on every x86-64: four chains that hide each other's latency. Sixteen keys take
/// about as long as three do one by one.
struct MD5Lanes: BitwiseCopyable {
  typealias Words = SIMD16<UInt32>

  static var count: Int { 16 }
  /// The longest key that fits one MD5 block together with its padding.
  static var longestKey: Int { 55 }

  /// `blocks[w]` holds word `w` of every lane's block.
  private var blocks = InlineArray<16, Words>(repeating: Words())

  /// Copies bytes `from ..< from + count`, at most `longestKey`, into an empty lane.
  @inline(__always)
  mutating func lay(_ bytes: RawSpan, from: Int, count: Int, in lane: Int) {
    precondition(from >= 0 && count >= 0 && count <= Self.longestKey && count <= bytes.byteCount &- from)
    let lane = lane & (Self.count &- 1)
    let pairs = count &>> 3
    for i in 0..<pairs { put(bytes.word(at: from &+ i &* 8), at: i &* 2, in: lane) }
    // The remaining bytes of the key, then the bit that ends it, then the key's length in bits.
    let rest = count & 7
    let last = bytes.lastBytes(rest, endingAt: from &+ count, keyStart: from)
    put(last | 0x80 &<< UInt64(truncatingIfNeeded: rest &* 8), at: pairs &* 2, in: lane)
    blocks[14][lane] = UInt32(truncatingIfNeeded: count &* 8)
  }

  /// Stores eight bytes of a key as two words of its lane.
  @inline(__always)
  private mutating func put(_ pair: UInt64, at w: Int, in lane: Int) {
    blocks[w & 15][lane] = UInt32(truncatingIfNeeded: pair)
    blocks[(w &+ 1) & 15][lane] = UInt32(truncatingIfNeeded: pair &>> 32)
  }

  /// For each lane the first four bytes of its MD5 as a little-endian number; meaningless for an empty lane.
  ///
  /// This and the steps are `mutating` because Swift would otherwise copy the 1 KB of `blocks` for each of them.
  @inline(never)
  mutating func firstWords() -> Words {
    var a = Words(repeating: 0x6745_2301)
    var b = Words(repeating: 0xefcd_ab89)
    var c = Words(repeating: 0x98ba_dcfe)
    var d = Words(repeating: 0x1032_5476)
    for i in stride(from: 0, to: 16, by: 4) {
      a = choose(a, b, c, d, i, word: i, turn: 7)
      d = choose(d, a, b, c, i &+ 1, word: i &+ 1, turn: 12)
      c = choose(c, d, a, b, i &+ 2, word: i &+ 2, turn: 17)
      b = choose(b, c, d, a, i &+ 3, word: i &+ 3, turn: 22)
    }
    for i in stride(from: 16, to: 32, by: 4) {
      a = chooseByThird(a, b, c, d, i, word: 5 &* i &+ 1, turn: 5)
      d = chooseByThird(d, a, b, c, i &+ 1, word: 5 &* i &+ 6, turn: 9)
      c = chooseByThird(c, d, a, b, i &+ 2, word: 5 &* i &+ 11, turn: 14)
      b = chooseByThird(b, c, d, a, i &+ 3, word: 5 &* i &+ 16, turn: 20)
    }
    for i in stride(from: 32, to: 48, by: 4) {
      a = combine(a, b, c, d, i, word: 3 &* i &+ 5, turn: 4)
      d = combine(d, a, b, c, i &+ 1, word: 3 &* i &+ 8, turn: 11)
      c = combine(c, d, a, b, i &+ 2, word: 3 &* i &+ 11, turn: 16)
      b = combine(b, c, d, a, i &+ 3, word: 3 &* i &+ 14, turn: 23)
    }
    for i in stride(from: 48, to: 64, by: 4) {
      a = cross(a, b, c, d, i, word: 7 &* i, turn: 6)
      d = cross(d, a, b, c, i &+ 1, word: 7 &* i &+ 7, turn: 10)
      c = cross(c, d, a, b, i &+ 2, word: 7 &* i &+ 14, turn: 15)
      b = cross(b, c, d, a, i &+ 3, word: 7 &* i &+ 21, turn: 21)
    }
    return a &+ Words(repeating: 0x6745_2301)
  }

  // MARK: The steps of RFC 1321's four rounds, F, G, H and I

  @inline(__always)
  private mutating func choose(
    _ a: Words, _ b: Words, _ c: Words, _ d: Words, _ i: Int, word: Int, turn: UInt32
  ) -> Words {
    Self.turn(sum(a, i, word) &+ (d ^ (b & (c ^ d))), by: turn, b)
  }

  /// The two halves have no bit in common, so they can be added separately, and only the second waits for the step
  /// before.
  @inline(__always)
  private mutating func chooseByThird(
    _ a: Words, _ b: Words, _ c: Words, _ d: Words, _ i: Int, word: Int, turn: UInt32
  ) -> Words {
    Self.turn((sum(a, i, word) &+ (c & ~d)) &+ (b & d), by: turn, b)
  }

  @inline(__always)
  private mutating func combine(
    _ a: Words, _ b: Words, _ c: Words, _ d: Words, _ i: Int, word: Int, turn: UInt32
  ) -> Words {
    Self.turn(sum(a, i, word) &+ (b ^ (c ^ d)), by: turn, b)
  }

  @inline(__always)
  private mutating func cross(
    _ a: Words, _ b: Words, _ c: Words, _ d: Words, _ i: Int, word: Int, turn: UInt32
  ) -> Words {
    Self.turn(sum(a, i, word) &+ (c ^ (b | ~d)), by: turn, b)
  }

  /// The part of a step's sum that does not depend on the step before.
  @inline(__always)
  private mutating func sum(_ a: Words, _ i: Int, _ word: Int) -> Words {
    let eight = SIMD8(lowHalf: md5Sines[i & 63], highHalf: md5Sines[i & 63])
    return a &+ (blocks[word & 15] &+ Words(lowHalf: eight, highHalf: eight))
  }

  /// Rotates left and adds `b`, one half after the other: a plain rotation would be computed lane by lane, because
  /// SSE2 has no rotate instruction.
  @inline(__always)
  private static func turn(_ x: Words, by bits: UInt32, _ b: Words) -> Words {
    (b &+ (x &<< Words(repeating: bits))) &+ (x &>> Words(repeating: 32 &- bits))
  }
}

/// The integer part of 2³² · |sin(i + 1)|, four times, so that no step has to fill a vector with it.
private let md5Sines: InlineArray<64, SIMD4<UInt32>> = {
  let sines: InlineArray<64, UInt32> = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
  ]
  var fours = InlineArray<64, SIMD4<UInt32>>(repeating: SIMD4())
  for i in 0..<64 { fours[i] = SIMD4(repeating: sines[i]) }
  return fours
}()
