import Bytes
import Testing

@testable import Bench

@Suite struct KeySpaceTests {
  private let keys = KeySpace(seed: 0x0000_1234_dead_beef, sizes: 1...300)

  private func bytes(_ write: (inout Buffer, inout BufferPool) -> Void) -> [UInt8] {
    var buffer = Buffer()
    var pool = BufferPool()
    write(&buffer, &pool)
    return (0..<buffer.count).map { buffer.readable.byte(at: $0) }
  }

  private func value(_ key: UInt32, _ version: UInt32, of keys: KeySpace) -> [UInt8] {
    bytes { keys.append(keys.value(of: key, version: version), to: &$0, &$1) }
  }

  @Test func keysAreReadBackAndForeignOnesAreNot() {
    for key in [0, 1, 99, 12_345_678, 9_999_999] as [UInt32] {
      let text = bytes { keys.append(key: key, to: &$0, &$1) }
      #expect(text == Array(keys.name(of: key).utf8) && text.count == keys.keyLength)
      #expect(keys.key(in: text.span.raw, from: 0, to: text.count) == key)
      for i in text.indices {
        var other = text
        other[i] = UInt8(ascii: "x")
        #expect(keys.key(in: other.span.raw, from: 0, to: other.count) == nil)
      }
    }
    #expect(keys.name(of: 42) == "ringroad-bench:00001234:00000042")
  }

  @Test func lengthsAreWithinTheRangeAndFillIt() {
    let lengths = (0..<20_000).map { keys.value(of: UInt32($0), version: 1).length }
    #expect(lengths.min() == 1 && lengths.max() == 300)
    let fixed = KeySpace(seed: 1, sizes: 100...100)
    #expect((0..<100).allSatisfy { fixed.value(of: $0, version: 7).length == 100 })
  }

  @Test func valuesDifferByKeyVersionAndRun() {
    let fixed = KeySpace(seed: 1, sizes: 40...40)
    let other = KeySpace(seed: 2, sizes: 40...40)
    var seen: Set<[UInt8]> = []
    for key in 0..<100 as Range<UInt32> {
      for version in 1...20 as ClosedRange<UInt32> {
        seen.insert(value(key, version, of: fixed))
        seen.insert(value(key, version, of: other))
      }
    }
    #expect(seen.count == 4000)
  }

  @Test(arguments: [1, 7, 8, 9, 40, 300])
  func everyWrongByteIsFoundAtItsPlace(_ length: Int) {
    let keys = KeySpace(seed: 5, sizes: length...length)
    let expected = keys.value(of: 3, version: 2)
    let right = value(3, 2, of: keys)
    #expect(right.count == length)
    for wrong in 0..<length {
      var bytes = right
      bytes[wrong] ^= 0x10
      // In one piece, and in two.
      #expect(keys.difference(expected, at: 0, from: bytes.span.raw, at: 0, count: length) == wrong)
      for cut in [0, 1, 5, 8, 11, length / 2, length] where cut <= length {
        let first = keys.difference(expected, at: 0, from: bytes.span.raw, at: 0, count: cut)
        let second = keys.difference(expected, at: cut, from: bytes.span.raw, at: cut, count: length - cut)
        #expect((first ?? second) == wrong && (first == nil) == (wrong >= cut))
      }
    }
    for cut in 0...length {
      #expect(keys.difference(expected, at: cut, from: right.span.raw, at: cut, count: length - cut) == nil)
    }
  }
}
