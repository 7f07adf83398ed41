import Bytes

/// What twemproxy and libhashkit call 64-bit FNV-1a: 32 bits of state, signed bytes.
///
/// Equal to the low 32 bits of true 64-bit FNV-1a where every byte is below 0x80. Twemproxy's default, so
/// on the path of every key of such a pool: the chain of multiplications (four cycles a byte) is all that is left.
@inlinable @inline(always)
func hashFNV1a64(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  bytes.fold(0x8422_2325, from: from, count: count) { hash, byte in (hash ^ byte.signExtended) &* 0x1b3 }
}
