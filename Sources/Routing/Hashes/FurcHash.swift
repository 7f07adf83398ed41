import Bytes

/// mcrouter's `furc_hash`, which its HashRoute calls Ch3: the key's bucket, 0 to `buckets` - 1.
///
/// Consistent: if a bucket is added after the last, one key in `buckets` + 1 moves, and moves to it. mcrouter allows up
/// to 2^23 buckets.
///
/// A binary tree of buckets, walked by pseudo-random bits of the key: `depth` is the length of the bucket's number, and
/// the following bits are the number. A number that is too large is drawn again.
func hashFurc(_ bytes: RawSpan, from: Int, count: Int, buckets: Int) -> Int {
  if buckets <= 1 { return 0 }
  var bits = FurcBits(bytes, from: from, count: count)
  var start = 0
  return bits.walk(from: &start, buckets: buckets)
}

/// The endless sequence of bits that a walk reads: MurmurHash64A of the key, then of the word before.
struct FurcBits {
  private let first: UInt64
  private var word: UInt64
  private var index = 0

  private static var seed: UInt64 { 4_193_360_111 }
  /// The gap between the bits of a number. Together with the depth it places the bits, so it cannot be changed.
  private static var step: Int { 23 }
  private static var tries: Int { 32 }

  init(_ bytes: RawSpan, from: Int, count: Int) {
    first = hashMurmur64A(bytes, from: from, count: count, seed: Self.seed)
    word = first
  }

  /// Word `i`. A walk reads forward but for a few bits, so going back starts again from the first.
  private mutating func word(_ i: Int) -> UInt64 {
    if i < index { (word, index) = (first, 0) }
    while index < i {
      word = hashMurmur64A(word, seed: Self.seed)
      index &+= 1
    }
    return word
  }

  private mutating func bit(_ p: Int) -> Int { Int(word(p &>> 6) &>> UInt64(p & 63) & 1) }

  /// The 32 bits from `p`, the first the least significant.
  mutating func number(at p: Int) -> UInt32 {
    let shift = UInt64(p & 63)
    var value = word(p &>> 6) &>> shift
    if shift > 32 { value |= word((p &>> 6) &+ 1) &<< (64 &- shift) }
    return UInt32(truncatingIfNeeded: value)
  }

  /// One walk from bit `start`, which becomes the bit after the last that was read.
  mutating func walk(from start: inout Int, buckets n: Int) -> Int {
    var depth = Int.bitWidth &- (n &- 1).leadingZeroBitCount
    var p = start &+ depth
    for _ in 0..<Self.tries {
      while bit(p) == 0 {
        depth &-= 1
        if depth == 0 {
          start = p &+ Self.step
          return 0
        }
        p = start &+ depth
      }
      p &+= Self.step
      var number = 1
      for _ in 0..<depth &- 1 {
        number = number &<< 1 | bit(p)
        p &+= Self.step
      }
      if number < n {
        start = p
        return number
      }
    }
    // As in mcrouter, after numbers that were all too large.
    start = p
    return 0
  }
}
