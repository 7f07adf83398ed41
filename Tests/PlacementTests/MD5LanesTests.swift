import TestSupport
import Testing

@testable import Routing

/// Compares MD5 of sixteen keys in parallel with libcrypto's MD5 of each key.
struct MD5LanesTests {
  /// The hash of each key, with the keys in lanes `first`, `first + 1`, ….
  static func hashes(of keys: [[UInt8]], from first: Int = 0) -> [UInt32] {
    var lanes = MD5Lanes()
    // The keys in one line, as in a request.
    let line = keys.reduce(into: [UInt8]()) { $0 += $1 + [32] }
    var at = 0
    for (i, key) in keys.enumerated() {
      // SAFETY: a byte has no padding.
      lanes.lay(unsafe line.span.bytes, from: at, count: key.count, in: first + i)
      at += key.count + 1
    }
    let words = lanes.firstWords()
    return keys.indices.map { words[first + $0] }
  }

  @Test func md5LanesMatchLibcryptoForEveryLengthAndLane() {
    var random = Seeded(1)
    for count in 0...MD5Lanes.longestKey {
      for lane in 0..<MD5Lanes.count {
        let key = random.bytes(count)
        #expect(Self.hashes(of: [key], from: lane) == [digestWords(key)[0]], "\(count) bytes in lane \(lane)")
      }
    }
  }

  @Test func md5LanesDoNotAffectEachOther() {
    var random = Seeded(2)
    for round in 0..<2000 {
      let keys = (0..<1 + random.below(MD5Lanes.count)).map { _ in
        random.bytes(random.below(MD5Lanes.longestKey + 1))
      }
      #expect(Self.hashes(of: keys) == keys.map { digestWords($0)[0] }, "round \(round)")
    }
  }

  @Test func md5LanesMatchLibcryptoForExtremeBytes() {
    for byte: UInt8 in [0x00, 0x7f, 0x80, 0xff] {
      let keys = (40...MD5Lanes.longestKey).map { [UInt8](repeating: byte, count: $0) }
      #expect(Self.hashes(of: keys) == keys.map { digestWords($0)[0] })
    }
  }
}
