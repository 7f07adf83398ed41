import Bytes

/// Twemproxy's `crc16`: the CCITT polynomial, most significant bit first, in a register of 32 bits.
///
/// The register is never truncated to 16 bits, so bits shifted past them stay in the result. This is a bug of
/// twemproxy's, kept because existing clusters are placed by it.
func hashCRC16(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var crc: UInt32 = 0
  for i in from..<from &+ count {
    crc = crc &<< 8 ^ crc16Table[Int((crc &>> 8 ^ UInt32(bytes.byte(at: i))) & 255)]
  }
  return crc
}

/// The change to the register for each value of a byte.
private let crc16Table: InlineArray<256, UInt32> = {
  var table = InlineArray<256, UInt32>(repeating: 0)
  for i in 0..<256 {
    var entry = UInt32(i) &<< 8
    for _ in 0..<8 { entry = entry & 0x8000 != 0 ? entry &<< 1 ^ 0x1021 : entry &<< 1 }
    table[i] = entry & 0xffff
  }
  return table
}()
