import Bytes

// The other three hashes of the FNV family, as libhashkit and twemproxy have them: signed bytes, 32-bit results.

/// The low half of 64-bit FNV-1. The upper half never affects the lower, so it is not computed.
func hashFNV64(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var hash: UInt32 = 0x8422_2325
  for i in from..<from &+ count { hash = hash &* 0x1b3 ^ bytes.byte(at: i).signExtended }
  return hash
}

/// 32-bit FNV-1.
func hashFNV32(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var hash: UInt32 = 0x811c_9dc5
  for i in from..<from &+ count { hash = hash &* 0x0100_0193 ^ bytes.byte(at: i).signExtended }
  return hash
}

/// 32-bit FNV-1a.
func hashFNV1a32(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var hash: UInt32 = 0x811c_9dc5
  for i in from..<from &+ count { hash = (hash ^ bytes.byte(at: i).signExtended) &* 0x0100_0193 }
  return hash
}
