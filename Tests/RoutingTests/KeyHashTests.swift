import Testing

@testable import Routing

struct KeyHashTests {
  /// At least one of the two knows each hash; most are known to both.
  @Test(arguments: KeyHash.allCases)
  func hashesEqualThoseOfLibhashkitAndTwemproxy(hash: KeyHash) throws {
    let rows = try vectors("hash-functions", as: HashVectors.self).rows
    var compared = 0
    for row in rows {
      let got = hash.hash(row.bytes)
      for expected in [row.libhashkit[hash.name], row.twemproxy[hash.name]].compactMap({ $0 }) {
        #expect(got == expected, "\(row.hex)")
        compared += 1
      }
    }
    #expect(compared >= rows.count && rows.count > 50)
  }

  @Test(arguments: KeyHash.allCases)
  func hashDependsOnlyOnTheBytesOfTheRange(hash: KeyHash) throws {
    for row in try vectors("hash-functions", as: HashVectors.self).rows {
      let alone = hash.hash(row.bytes)
      for shift in 1...9 {
        let padded = [UInt8](repeating: 0xa5, count: shift) + row.bytes + [0x5a, 0xff]
        // SAFETY: a byte has no padding.
        let bytes = unsafe padded.span.bytes
        #expect(hash.hash(bytes, from: shift, count: row.bytes.count) == alone, "\(row.hex) at \(shift)")
      }
    }
  }

  /// Covers the change from one block to the one-shot call of MD5: 55 bytes is the last length of one block.
  @Test func md5HashOfEveryLengthIsTheFirstWordOfTheDigest() {
    for count in 0...300 {
      let key = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
      #expect(KeyHash.md5.hash(key) == digestWords(key)[0], "\(count)")
    }
  }

  @Test func md5HashOfKnownTextMatchesRFC1321() {
    #expect(KeyHash.md5.hash(Array("message digest".utf8)) == 0x7d69_6bf9)
    #expect(digestWords(Array("abc".utf8))[3] == 0x727f_e128)
  }

  @Test func hashNamesAreUniqueAndFindTheirHash() {
    for hash in KeyHash.allCases { #expect(KeyHash(name: hash.name) == hash) }
    #expect(KeyHash(name: "fnv1a_64") == .fnv1a64)
    #expect(KeyHash(name: "one_at_a_time") == .oneAtATime)
    #expect(KeyHash(name: "MD5") == nil)
    #expect(KeyHash(name: "") == nil)
  }
}
