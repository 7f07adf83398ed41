import Bytes

/// The CRC-32 of zlib and Ethernet, all 32 bits: twemproxy's `crc32a`.
func hashCRC32(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var crc: UInt32 = .max
  for i in from..<from &+ count {
    crc = crc &>> 8 ^ crc32Table[Int((crc ^ UInt32(bytes.byte(at: i))) & 255)]
  }
  return ~crc
}

/// Bits 16 to 30 of the CRC-32: what libmemcached and twemproxy call `crc` and `crc32`.
///
/// Fifteen bits on a 32-bit ring put every key into its lowest 32,768 values, where few points are. The balance is
/// useless; kept because existing clusters are placed by it.
func hashCRC32Folded(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  hashCRC32(bytes, from: from, count: count) &>> 16 & 0x7fff
}

/// The change to the register for each value of a byte, least significant bit first.
private let crc32Table: InlineArray<256, UInt32> = {
  var table = InlineArray<256, UInt32>(repeating: 0)
  for i in 0..<256 {
    var entry = UInt32(i)
    for _ in 0..<8 { entry = entry & 1 != 0 ? entry &>> 1 ^ 0xedb8_8320 : entry &>> 1 }
    table[i] = entry
  }
  return table
}()
