import Foundation
import Settings
import Testing

@testable import Admin

@Suite struct JSONTests {
  @Test(
    arguments: [
      (0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (1.5, "1.5"), (-2.25, "-2.25"), (0.1, "0.1"),
      (1e-9, "0.000000001"),
      (4e-10, "0"), (-4e-10, "0"), (0.999_999_999_9, "1"), (41.999_999_999_9, "42"), (-0.999_999_999_9, "-1"),
      (1_764_522_000.123, "1764522000.123"), (123_456_789_012_345, "123456789012345"), (1e15, "null"),
      (.infinity, "null"), (.nan, "null"), (0.05, "0.05"), (1.000_000_001, "1.000000001"),
    ] as [(Double, String)])
  func decimalHasNoExponentAndNoNeedlessDigits(_ value: Double, _ text: String) {
    // A sum of 1764522000 and 0.123 has fewer digits of its fraction than nine.
    let written = decimal(value)
    #expect(written == text || abs((Double(written) ?? .nan) - value) < 1e-6 && value > 1e9)
  }

  @Test func decimalIsNearRandomNumbers() throws {
    for _ in 0..<10_000 {
      let value = Double.random(in: -1e5...1e5)
      let text = decimal(value)
      #expect(abs(try #require(Double(text)) - value) <= 1e-9, "\(value)")
      #expect(
        !text.contains("e")
          && text.hasSuffix("0") == (text == "0" || !text.contains(".") && text.hasSuffix("0")))
    }
  }

  @Test(arguments: ["", "a", "\"", "\\", "\n\r\t\0\u{1f}\u{7f}", "é€😀", "</script>", "\u{2028}"])
  func textsSurviveAParser(_ text: String) throws {
    let json = JSON.object([
      JSON.Member(name: text, value: .array([.string(text), .null, .bool(true), .int(.max), .number(-0.5)]))
    ])
    let read = try #require(JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: [Any]])
    let items = try #require(read[text])
    #expect(items[0] as? String == text && items[1] is NSNull && items[2] as? Bool == true)
    #expect(items[3] as? UInt64 == .max && items[4] as? Double == -0.5)
    #expect(!json.bytes.contains { $0 < 32 || $0 == 127 })
  }

  @Test func emptyValuesAreWritten() {
    #expect(String(decoding: JSON.array([]).bytes, as: UTF8.self) == "[]")
    #expect(String(decoding: JSON.object([JSON.Member]()).bytes, as: UTF8.self) == "{}")
    #expect(JSON.count(-1) == .int(0) && JSON.text(nil) == .null)
  }

  @Test(
    arguments: [
      (nil, []), ("", []), ("a", ["a="]), ("a=", ["a="]), ("a=1&b=2", ["a=1", "b=2"]),
      ("a=1&a=2", ["a=1", "a=2"]),
      ("&&a=1&", ["a=1"]), ("a=b=c", ["a=b=c"]), ("a=%41%2b+", ["a=A++"]), ("%61=%26", ["a=&"]),
      ("=x", ["=x"]),
    ] as [(String?, [String])])
  func queryIsDecoded(_ text: String?, _ items: [String]) throws {
    let query = try #require(Query(text))
    #expect(query.items.map { "\($0.name)=\(String(decoding: $0.value, as: UTF8.self))" } == items)
  }

  @Test(arguments: ["%", "a=%", "a=%1", "a=%1g", "a=%g1", "%=1", "a=1&b=%%"])
  func damagedQueryIsRefused(_ text: String) { #expect(Query(text) == nil) }

  @Test func everyByteCanBeEncoded() {
    let bytes = (0...255).map(UInt8.init)
    let text = bytes.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(percentDecoded(text.utf8) == bytes && percentDecoded(text.uppercased().utf8) == bytes)
  }
}
