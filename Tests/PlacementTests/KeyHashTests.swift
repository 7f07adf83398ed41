import Testing

@testable import Routing

struct KeyHashTests {
  /// At least one of the two knows each hash; most are known to both.
  @Test(arguments: KeyHash.commonCases)
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

  @Test func wideHashesEqualThoseOfTheProxies() throws {
    let rows = try vectors("hash-functions", as: HashVectors.self).rows
    for row in rows {
      let (bytes, count) = (row.bytes.span.raw, row.bytes.count)
      for (name, seed) in [
        ("xxh3_64", 0), ("xxh3_64_seed1", 1), ("xxh3_64_seed_0xdeadbeefcafef00d", 0xdead_beef_cafe_f00d),
      ] as [(String, UInt64)] {
        #expect(row.mcproxy[name] == String(hashXXH3(bytes, from: 0, count: count, seed: seed)), "\(row.hex)")
      }
      #expect(row.mcproxy["xxh3_64_low32"] == String(KeyHash.xxh3.hash(row.bytes)))
      for seed in [4_193_360_111, 2_718_281_828] as [UInt64] {
        let own = hashMurmur64A(bytes, from: 0, count: count, seed: seed)
        #expect(row.mcrouter["murmur64a_seed\(seed)"]?.value == own, "\(row.hex)")
      }
      #expect(row.mcrouter["crc32"]?.value == UInt64(KeyHash.crc32a.hash(row.bytes)))
      for buckets in [2, 10, 100, 1000, 8_388_608] {
        let own = hashFurc(bytes, from: 0, count: count, buckets: buckets)
        #expect(row.mcrouter["furc_\(buckets)"]?.value == UInt64(own), "\(row.hex)")
      }
    }
    #expect(rows.count > 100)
  }

  /// Answered by SpookyHashV2 of another library, on both sides of the length at which it changes.
  @Test(
    arguments: [
      ("", 0x6f2b_12a5), ("foo", 0xa7c9_f4ed), ("user:1001", 0x2fe4_5bd4), ("session:abc", 0x349d_41bc),
      (String(repeating: "x", count: 191), 0x1f91_db9b), (String(repeating: "x", count: 192), 0x1006_f934),
      (String(repeating: "x", count: 250), 0x8474_293c),
    ] as [(String, UInt32)])
  func spookyHashEqualsThatOfItsLibrary(text: String, expected: UInt32) {
    let bytes = Array(text.utf8)
    #expect(hashSpooky32(bytes.span.raw, from: 0, count: bytes.count, seed: 0xface_2014) == expected)
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
