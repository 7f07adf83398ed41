import Routing
import Settings
import Testing

@Suite struct EndpointTests {
  @Test(
    arguments: [
      ("10.0.0.1:11211", .tcp(host: "10.0.0.1", port: 11211)),
      ("Cache-A.example.:65535", .tcp(host: "Cache-A.example.", port: 65535)),
      ("[::1]:1", .tcp(host: "::1", port: 1)),
      ("[fe80::1%eth0]:11211", .tcp(host: "fe80::1%eth0", port: 11211)),
      ("unix:/run/a b.sock", .unix(path: "/run/a b.sock")),
    ] as [(String, Endpoint)])
  func endpointPrintsInTheFormItIsParsedFrom(_ text: String, _ endpoint: Endpoint) throws {
    #expect(try Endpoint.parse(text, for: .listener(defaultPort: nil)) == endpoint)
    #expect(endpoint.description == text)
  }

  @Test(arguments: [
    ("cache-a", "cache-a:11211"), ("[::1]", "[::1]:11211"), ("/run/a.sock", "unix:/run/a.sock"),
  ])
  func missingPortAndSchemeOfAnEndpointAreFilledIn(_ text: String, _ whole: String) throws {
    #expect(try Endpoint.parse(text, for: .server).description == whole)
  }

  @Test(arguments: [
    "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "::ffff:10.0.0.1", "1:2:3:4:5:6:10.0.0.1",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8", "FD00::abCD", "fe80::1%eth0",
  ])
  func ipv6AddressIsRecognised(_ text: String) { #expect(HostName.isIPv6(text)) }

  @Test(arguments: [
    "", ":", ":::", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7:8::", ":1::2",
    "1::2:",
    "g::", "12345::", "::1%", "::10.0.0.256", "1:2:3:4:5:6:7:10.0.0.1", "10.0.0.1", "::1%a/b", "::1 ",
    "1:2:3:4::5:6:7:8",
  ])
  func invalidIPv6AddressIsRefused(_ text: String) { #expect(!HostName.isIPv6(text)) }
}

@Suite struct QuantityTests {
  static let anyTime: ClosedRange<Duration> = .zero ... .seconds(1_000_000)

  @Test(
    arguments: [
      ("1us", .microseconds(1)), ("200ms", .milliseconds(200)), ("1.5s", .milliseconds(1500)), ("0s", .zero),
      ("5m", .seconds(300)), ("2h", .seconds(7200)), ("10 s", .seconds(10)), ("0.001ms", .microseconds(1)),
    ] as [(String, Duration)])
  func durationIsParsed(_ text: String, _ duration: Duration) throws {
    #expect(try Quantity.duration(text, in: Self.anyTime) == duration)
  }

  @Test(arguments: [
    "", "s", "-1s", "+1s", "1", "1 ", " 1s", "1d", "1S", "1ss", "1,5s", ".5s", "5.s", "1e3s", "１s",
    "9999999999999999s",
    "999999999999999h", "1s ", "0x1s",
  ])
  func invalidDurationIsRefused(_ text: String) {
    #expect(throws: Complaint.self) { try Quantity.duration(text, in: Self.anyTime) }
  }

  @Test(
    arguments: [
      (.microseconds(1500), "1500us"), (.milliseconds(200), "200ms"), (.seconds(90), "90s"),
      (.seconds(60), "1m"),
      (.seconds(86_400), "24h"), (.nanoseconds(5), "5ns"), (.zero, "0us"),
      (.seconds(Int64.max), "9223372036854775807s"),
    ] as [(Duration, String)])
  func durationIsPrintedInItsLargestWholeUnit(_ duration: Duration, _ text: String) {
    #expect(Quantity.written(duration) == text)
  }

  @Test(arguments: [
    ("1B", 1), ("1KB", 1000), ("256KiB", 262_144), ("1.5KiB", 1536), ("64MB", 64_000_000), ("1GiB", 1 << 30),
  ])
  func sizeIsParsed(_ text: String, _ bytes: Int) throws {
    #expect(try Quantity.size(text, in: 0...(1 << 40)) == bytes)
  }

  @Test(arguments: ["", "1", "1.5B", "1kib", "1K", "-1B", "999999999999999GiB", "1TiB", "KiB", "0.3KiB"])
  func invalidSizeIsRefused(_ text: String) {
    #expect(throws: Complaint.self) { try Quantity.size(text, in: 0...(1 << 60)) }
  }

  @Test(arguments: [
    (0, "0B"), (1, "1B"), (1000, "1000B"), (1024, "1KiB"), (64 << 20, "64MiB"), (3 << 30, "3GiB"),
  ])
  func sizeIsPrintedInItsLargestWholeUnit(_ bytes: Int, _ text: String) {
    #expect(Quantity.writtenSize(bytes) == text)
  }

  @Test(arguments: [("0700", 0o700), ("0o770", 0o770), ("7", 7), ("0000", 0)] as [(String, UInt16)])
  func modeIsParsedAsOctal(_ text: String, _ mode: UInt16) throws { #expect(try Quantity.mode(text) == mode) }

  @Test(arguments: ["", "0o", "8", "1000", "07777", "-7", "rwx", "00700"])
  func invalidModeIsRefused(_ text: String) {
    #expect(throws: Complaint.self) { try Quantity.mode(text) }
  }
}

@Suite struct NearestWordTests {
  @Test(arguments: [
    ("fvn1a_64", "fnv1a_64"), ("FNV1A_64", "fnv1a_64"), ("fnv1a-64", "fnv1a_64"), ("mdr", "md5"),
    ("mdr5", "md5"),
    ("one_at_time", "one_at_a_time"), ("crc-16", "crc16"), ("jenkin", "jenkins"), ("sieh", "hsieh"),
  ])
  func wordWithOneTypingErrorFindsItsMatch(_ word: String, _ meant: String) {
    #expect(nearestWord(to: word, among: PlacementScheme.ketama.hashes.map(\.name)) == meant)
  }

  @Test(arguments: ["", "blake3", "x", "sha1", "fnv", String(repeating: "m", count: 100_000)])
  func wordNearNoKnownWordFindsNoMatch(_ word: String) {
    #expect(nearestWord(to: word, among: PlacementScheme.ketama.hashes.map(\.name)) == nil)
  }

  @Test func nearestOfSeveralWordsIsChosen() {
    #expect(nearestWord(to: "crc32b", among: ["crc16", "crc32a", "crc32"]) == "crc32a")
    #expect(nearestWord(to: "crc3", among: ["crc16", "crc32a", "crc32"]) == "crc32")
  }
}
