/// CityHash's Hash128to64: two words combined into one. Its arguments are not interchangeable.
///
/// mcrouter's rendezvous hash scores a server (`upper`) for a key (`lower`) with it.
func hash128to64(upper: UInt64, lower: UInt64) -> UInt64 {
  let factor: UInt64 = 0x9ddf_ea08_eb38_2d69
  var a = (lower ^ upper) &* factor
  a ^= a &>> 47
  var b = (upper ^ a) &* factor
  b ^= b &>> 47
  return b &* factor
}
