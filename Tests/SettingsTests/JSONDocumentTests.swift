import Foundation
import Settings
import Testing

@Suite struct JSONDocumentTests {
  private func read(_ text: String) -> JSONDocument? { JSONDocument.read(Array(text.utf8)) }

  @Test(arguments: [
    "null", "true", "false", "0", "-0.5e+10", "12345678901234567890", "[]", "{}", "[1,[2,{}],\"\"]",
    #"{"a":1,"b":[true,null],"a":"twice"}"#, #""\"\\ \u001b\u00e9""#,
  ])
  func valuesAreWrittenAsTheyWereRead(_ text: String) {
    #expect(read(text).map { String(decoding: $0.bytes, as: UTF8.self) } == text)
    #expect(read(" \t\r\n\(text)\n")?.bytes == read(text)?.bytes)
  }

  @Test(arguments: [
    "", " ", "nul", "nulls", "True", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "[", "[1",
    "[1,]", "[,]",
    "{", "{a:1}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{1:2}"#, "1 2", "[] []", #"""#, #""\x""#, #""\u12""#,
    #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud800\n""#, "\"\n\"", "'a'", "// a\n1", "a: b", "- 1",
    "\u{FEFF}1", "\u{A0}1",
  ])
  func whatIsNoJSONIsRefused(_ text: String) { #expect(read(text) == nil) }

  @Test func bytesThatAreNotUTF8AreRefused() {
    #expect(JSONDocument.read([34, 0xFF, 34]) == nil)
    #expect(JSONDocument.read([34, 0xC3, 34]) == nil)
    #expect(JSONDocument.read([34, 0xED, 0xA0, 0x80, 34]) == nil)
  }

  @Test func escapesBecomeCharacters() {
    #expect(read(#""\u0041\/\b\f\n\r\t\uD83d\uDe00é""#)?.text == "A/\u{8}\u{c}\n\r\t\u{1F600}é")
  }

  @Test func membersAreFoundByName() {
    let document = read(#"{"a": {"b": 2.5}, "c": "2.5", "d": [1], "e": true, "f": 1e999, "a": 3}"#)
    #expect(document?["a"]["b"].number == 2.5 && document?["c"].number == nil)
    #expect(document?["c"].text == "2.5" && document?["d"].items.count == 1 && document?["e"].bool == true)
    #expect(document?["f"].number == nil && document?["x"]["y"] == .null)
  }

  @Test func depthAndNumberOfValuesAreBounded() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(read(nested(32)) != nil && read(nested(33)) == nil)
    #expect(read(String(repeating: "[", count: 1_000_000)) == nil)
    let many = Array(#"[1,{"a":2},[3]]"#.utf8)
    #expect(JSONDocument.read(many, mostValues: 6) != nil && JSONDocument.read(many, mostValues: 5) == nil)
  }

  /// What `ringroad top` reads each second of a proxy with a thousand servers.
  @Test func aThousandServersAreReadInTime() throws {
    let server =
      #"{"name":"10.0.0.1:11211","pools":["main"],"state":"up","note":null,"since":1764522000.5,"weight":1,"requests":123456,"hits":100000,"misses":23456,"errors":1,"failures":{"timed out":1},"reads_as_misses":0,"late_replies":0,"bytes_in":123456789,"bytes_out":123456789,"connections":2,"in_flight":1,"queued_bytes":0,"ejections":0,"journal_keys":0,"latency":{"p50":0.0001,"p99":0.001,"p999":0.01},"share":{"ring":0.001,"ideal":0.001,"traffic":null}}"#
    let text = "{\"servers\":[" + Array(repeating: server, count: 1000).joined(separator: ",") + "]}"
    let start = ContinuousClock.now
    #expect(read(text)?["servers"].items.count == 1000)
    // Unoptimised; the release build takes a tenth of it.
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func aLongTextOfEscapesIsRead() {
    let text = String(repeating: "a\\n", count: 200_000)
    let document = JSONDocument.read(Array("{\"t\": \"\(text)\"}".utf8))
    #expect(document?["t"].text?.utf8.count == 400_000)
  }
}
