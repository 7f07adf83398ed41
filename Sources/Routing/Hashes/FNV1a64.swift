import Bytes

/// The hash that twemproxy and libhashkit call 64-bit FNV-1a: 32 bits of state, signed bytes.
///
/// Equal to the low 32 bits of true 64-bit FNV-1a if every byte is below 0x80. It is twemproxy's default and runs for
/// every key of such a pool: only the chain of multiplications (four cycles a byte) is left as its cost.
@inlinable @inline(always)
func hashFNV1a64(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  bytes.fold(0x8422_2325, from: from, count: count) { hash, byte in (hash ^ byte.signExtended) &* 0x1b3 }
}
