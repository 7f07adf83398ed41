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
  var bits = FurcBits(first: hashMurmur64A(bytes, from: from, count: count, seed: FurcBits.seed))
  // The gap between the bits of a number. Together with the depth it places the bits, so it cannot be changed.
  let stride = 23
  var depth = 64 &- (buckets &- 1).leadingZeroBitCount
  var i = depth
  for _ in 0..<32 {
    while bits[i] == 0 {
      depth &-= 1
      if depth == 0 { return 0 }
      i = depth
    }
    i &+= stride
    var bucket = 1
    for _ in 1..<depth {
      bucket = bucket &<< 1 | bits[i]
      i &+= stride
    }
    if bucket < buckets { return bucket }
  }
  // As in mcrouter, after 32 numbers that were too large.
  return 0
}

/// An endless sequence of bits: the key's hash, then that hash's hash, and so forth.
///
/// Only the first word and the current one are kept: the walk only ever goes back to the first.
private struct FurcBits {
  static var seed: UInt64 { 4_193_360_111 }

  private let first: UInt64
  private var word: UInt64
  private var index = 0

  init(first: UInt64) {
    self.first = first
    word = first
  }

  subscript(i: Int) -> Int {
    mutating get {
      let wanted = i &>> 6
      if wanted < index {
        word = first
        index = 0
      }
      while index < wanted {
        word = hashMurmur64A(word, seed: Self.seed)
        index &+= 1
      }
      return Int(truncatingIfNeeded: word &>> UInt64(truncatingIfNeeded: i & 63)) & 1
    }
  }
}
