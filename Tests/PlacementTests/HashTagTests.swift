import Routing
import Testing

struct HashTagTests {
  /// Tag, key, and the part that is hashed.
  @Test(arguments: [
    ("{}", "user:{42}:name", "42"),
    ("{}", "{42}", "42"),
    ("{}", "plain", "plain"),
    ("{}", "{}x{y}", "{}x{y}"),
    ("{}", "a}b{c}d", "c"),
    ("{}", "{open", "{open"),
    ("{}", "shut}", "shut}"),
    ("{}", "{a}{b}", "a"),
    ("{}", "{{a}}", "{a"),
    ("$$", "a$bc$d", "bc"),
    ("$$", "a$$bc$", "a$$bc$"),
    ("$$", "$one", "$one"),
    ("{}", "", ""),
  ])
  func hashTagSelectsTheBytesBetweenTheFirstPair(tag: String, key: String, hashed: String) throws {
    let tag = try #require(HashTag(tag))
    for (before, after) in [("", ""), ("{x}$y$", "}$")] {
      let text = Array((before + key + after).utf8)
      // SAFETY: a byte has no padding.
      let bytes = unsafe text.span.bytes
      let part = tag.hashed(in: bytes, from: before.utf8.count, count: key.utf8.count)
      #expect(String(decoding: text[part.from..<part.from + part.count], as: UTF8.self) == hashed)
    }
  }

  @Test(arguments: ["", "{", "{}}", "é!"])
  func hashTagHasExactlyTwoBytes(text: String) {
    #expect(HashTag(text) == nil)
  }
}
