import Bytes
import COpenSSL

// MD5 in two forms: the first word of a key's digest, for every key of a ketama pool, and all four words of a label's
// digest (and one of a SHA-1), for the points of a ring. The only file in Routing that passes memory to C.

/// The first four bytes of the key's MD5 as a little-endian number.
///
/// A key of up to 55 bytes fits one MD5 block together with its padding, so this function lays out the block itself
/// and calls only OpenSSL's compression step, which saves a tenth of the one-shot call's time. Longer keys use the
/// one-shot call. Neither allocates.
@usableFromInline
func hashMD5(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  guard count < 56 else { return hashLongMD5(bytes, from: from, count: count) }
  var block = InlineArray<8, UInt64>(repeating: 0)
  let words = count &>> 3
  for i in 0..<words { block[i] = bytes.word(at: from &+ i &* 8) }
  // The remaining bytes of the key, then the bit that ends it, then the key's length in bits.
  let rest = count & 7
  block[words] = bytes.lastBytes(rest, endingAt: from &+ count, keyStart: from) | 0x80 &<< UInt64(rest &* 8)
  block[7] = UInt64(truncatingIfNeeded: count &* 8)
  var state = MD5_CTX()
  state.A = 0x6745_2301
  state.B = 0xefcd_ab89
  state.C = 0x98ba_dcfe
  state.D = 0x1032_5476
  // SAFETY: MD5_Transform reads the 64 bytes that `block` has and writes only the four words of `state`.
  unsafe withUnsafeBytes(of: &block) { block in
    unsafe MD5_Transform(&state, block.baseAddress?.assumingMemoryBound(to: UInt8.self))
  }
  return state.A
}

@inline(never)
private func hashLongMD5(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var digest = InlineArray<4, UInt32>(repeating: 0)
  // SAFETY: the caller has checked that from ..< from + count lies in the span; MD5 writes 16 bytes, which
  // `digest` has.
  unsafe bytes.withUnsafeBytes { key in
    guard let start = key.baseAddress else { return }
    unsafe withUnsafeMutableBytes(of: &digest) { digest in
      unsafe _ = MD5(
        (start + from).assumingMemoryBound(to: UInt8.self), count,
        digest.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }
  return digest[0]
}

/// The whole digest of a label as four little-endian numbers, each of them a point of a ketama ring.
func digestWords(_ label: [UInt8]) -> InlineArray<4, UInt32> {
  var digest = InlineArray<4, UInt32>(repeating: 0)
  // SAFETY: MD5 reads the array's own bytes and writes 16, which `digest` has.
  unsafe withUnsafeMutableBytes(of: &digest) { digest in
    unsafe _ = MD5(label, label.count, digest.baseAddress?.assumingMemoryBound(to: UInt8.self))
  }
  return digest
}

/// The first four bytes of a label's SHA-1 as a big-endian number.
func firstWordOfSHA1(_ label: [UInt8]) -> UInt32 {
  var digest = InlineArray<5, UInt32>(repeating: 0)
  // SAFETY: SHA1 reads the array's own bytes and writes 20, which `digest` has.
  unsafe withUnsafeMutableBytes(of: &digest) { digest in
    unsafe _ = SHA1(label, label.count, digest.baseAddress?.assumingMemoryBound(to: UInt8.self))
  }
  return digest[0].byteSwapped
}

extension RawSpan {
  /// The `rest` (fewer than eight) bytes before `end` as the low bytes of a word. One load, if the key is long enough
  /// for it to read earlier bytes of the key too.
  @inlinable @inline(__always)
  func lastBytes(_ rest: Int, endingAt end: Int, keyStart: Int) -> UInt64 {
    if rest == 0 { return 0 }
    if end &- keyStart >= 8 { return word(at: end &- 8) &>> UInt64(truncatingIfNeeded: 64 &- rest &* 8) }
    var tail: UInt64 = 0
    var i = end
    while i > end &- rest {
      i &-= 1
      tail = tail &<< 8 | UInt64(byte(at: i))
    }
    return tail
  }
}
