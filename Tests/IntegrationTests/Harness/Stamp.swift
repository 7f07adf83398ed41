/// A test value that identifies its key: key, version, checksum, and then bytes of every kind up to its length.
///
///     key:17 4 9813754061287461 <bytes that follow from key and version>
///
/// So one byte of another key's value, of another version, or of neither is detected.
enum Stamp {
  static func value(_ key: String, _ version: Int, size: Int? = nil) -> [UInt8] {
    var sum = checksum(key, version)
    var value = Array("\(key) \(version) \(sum) ".utf8)
    let size = size ?? value.count + Int(sum % 1500)
    value.reserveCapacity(size)
    while value.count < size {
      sum = sum &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      value.append(UInt8(truncatingIfNeeded: sum >> 56))
    }
    return value
  }

  /// The version of a value of this key; nil if it is not such a value.
  static func version(of bytes: [UInt8], key: String) -> Int? {
    let words = bytes.prefix(300).split(separator: 32, maxSplits: 2)
    guard words.count == 3, let version = Int(String(decoding: words[1], as: UTF8.self)) else { return nil }
    return value(key, version, size: bytes.count) == bytes ? version : nil
  }

  private static func checksum(_ key: String, _ version: Int) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(key) \(version)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }
}
