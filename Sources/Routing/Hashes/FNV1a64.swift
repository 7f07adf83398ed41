import Bytes

/// What twemproxy and libhashkit call 64-bit FNV-1a: 32 bits of state, signed bytes.
///
/// Equal to the low 32 bits of true 64-bit FNV-1a where every byte is below 0x80. Twemproxy's default, so
/// on the path of every key of such a pool: eight bytes are checked and loaded at a time, and the
/// chain of multiplications (four cycles a byte) is all that is left.
@inlinable
func hashFNV1a64(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var hash: UInt32 = 0x8422_2325
  var i = from
  let end = from &+ count
  while i &+ 8 <= end {
    let word = bytes.word(at: i)
    hash = (hash ^ UInt8(truncatingIfNeeded: word).signExtended) &* 0x1b3
    hash = (hash ^ UInt8(truncatingIfNeeded: word &>> 8).signExtended) &* 0x1b3
    hash = (hash ^ UInt8(truncatingIfNeeded: word &>> 16).signExtended) &* 0x1b3
    hash = (hash ^ UInt8(truncatingIfNeeded: word &>> 24).signExtended) &* 0x1b3
    hash = (hash ^ UInt8(truncatingIfNeeded: word &>> 32).signExtended) &* 0x1b3
    hash = (hash ^ UInt8(truncatingIfNeeded: word &>> 40).signExtended) &* 0x1b3
    hash = (hash ^ UInt8(truncatingIfNeeded: word &>> 48).signExtended) &* 0x1b3
    hash = (hash ^ UInt8(truncatingIfNeeded: word &>> 56).signExtended) &* 0x1b3
    i &+= 8
  }
  while i < end {
    hash = (hash ^ bytes.byte(at: i).signExtended) &* 0x1b3
    i &+= 1
  }
  return hash
}
