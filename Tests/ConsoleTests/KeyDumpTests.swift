import TestSupport
import Testing

@testable import Console

/// Replies of memcacheds that list keys.
@Suite struct KeyDumpTests {
  private static func dump(_ lines: [String], limit: Int = 10) -> KeyDump {
    var dump = KeyDump(limit: limit)
    for line in lines { dump.take(Array(line.utf8)) }
    return dump
  }

  private static func keys(_ dump: KeyDump) -> [String] {
    dump.keys.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func keysOfAMetadumpAreDecoded() {
    let dump = Self.dump([
      "key=user%3A1 exp=-1 la=1700000000 cas=1 fetch=no cls=1 size=61", "key=b%25c exp=-1", "key=a", "END",
      "key=late",
    ])
    #expect(Self.keys(dump) == ["user:1", "b%c", "a"] && dump.end == .whole)
  }

  @Test func keysOfACachedumpMayHaveBrackets() {
    let dump = Self.dump(["ITEM user:1 [5 b; 0 s]", "ITEM a[1] [1 b; 1700000000 s]", "END"])
    #expect(Self.keys(dump) == ["user:1", "a[1]"] && dump.end == .whole)
  }

  @Test func classesWithItemsAreCounted() {
    let dump = Self.dump([
      "STAT items:1:number 5", "STAT items:1:age 9", "STAT items:42:number 7", "STAT items:3:number 0",
      "STAT items:x:number 7", "STAT items:9999:number 1", "END",
    ])
    #expect(dump.classes.map(\.id) == [1, 42] && dump.classes.map(\.items) == [5, 7])
  }

  @Test func readingEndsWithEnoughKeys() {
    let dump = Self.dump(["key=a x", "key=b x", "key=c x"], limit: 2)
    #expect(Self.keys(dump) == ["a", "b"] && dump.end == .enough)
  }

  @Test(arguments: [
    "ERROR", "BUSY currently processing crawler request", "CLIENT_ERROR lru crawler disabled",
    "CLIENT_ERROR metadump not allowed", "SERVER_ERROR out of memory",
  ])
  func refusalsEndAReply(_ line: String) {
    #expect(Self.dump([line]).end == .refused(line))
  }

  @Test func refusalsAreSafeToPrint() {
    #expect(Self.dump(["ERROR \u{1b}[2J"]).end == .refused("ERROR ?[2J"))
  }

  @Test(arguments: [
    "key=%", "key=%4", "key=%zz x", "key=", "key= x", "ITEM ", "ITEM a", "ITEM  [", "STAT items:",
    "STAT items:::",
    "", " ", "VALUE a 0 1", "key=" + String(repeating: "a", count: 251),
    "STAT items:1:number 99999999999999999999999",
  ])
  func brokenLinesAreIgnored(_ line: String) {
    let dump = Self.dump([line])
    #expect(dump.keys.isEmpty && dump.classes.isEmpty && dump.end == nil)
  }

  @Test func noBytesTrap() {
    var random = Seeded(7)
    let words = ["key=", "ITEM ", "STAT items:", "ERROR", "%", " [", ":", "END"]
    for _ in 0..<5000 {
      var line: [UInt8] = []
      for _ in 0..<random.below(6) {
        line += random.below(2) == 0 ? Array(words[random.below(words.count)].utf8) : random.bytes(3)
      }
      var dump = KeyDump(limit: 3)
      dump.take(line)
      #expect(dump.keys.count <= 3)
    }
  }
}
