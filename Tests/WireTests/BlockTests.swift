import Bytes
import TestSupport
import Testing

@testable import Wire

/// Parses one block of a multi-get at a time, against the key at its position in the request.
struct BlockTests {
  static let request = Array("gets a ab abc\r\n".utf8)

  private func block(
    _ text: String, key: ClosedRange<Int>, cas: Bool = false, maxValue: Int = 100
  ) -> String {
    let bytes = Array(text.utf8)
    return Cliff(room: bytes.count).holding(bytes) { span in
      Cliff(room: Self.request.count).holding(Self.request) { asked in
        let block = ReplyParser.block(
          span, at: 0, asked: asked, keyStart: key.lowerBound, keyLength: key.count, withCAS: cas,
          maxValue: maxValue)
        return switch block {
        case .partial: "partial"
        case .opening(let header, let value): "opening \(header) \(value)"
        case .value(let length): "value \(length)"
        case .end: "end"
        case .otherKey: "other key"
        case .other: "other"
        case .broken(let violation): "\(violation)"
        }
      }
    }
  }

  @Test func blockMatchesOnlyTheKeyItIsCheckedAgainst() {
    #expect(block("VALUE ab 0 1\r\nx\r\n", key: 7...8) == "value 17")
    #expect(block("VALUE a 0 1\r\nx\r\nVALUE", key: 5...5) == "value 16")
    #expect(block("VALUE abc 0 0\r\n\r\n", key: 10...12) == "value 17")
    // Each of the three keys begins with the same letter.
    #expect(block("VALUE ab 0 1\r\nx\r\n", key: 5...5) == "other key")
    #expect(block("VALUE a 0 1\r\nx\r\n", key: 7...8) == "other key")
    #expect(block("VALUE ab 0 1\r\nx\r\n", key: 10...12) == "other key")
    #expect(block("VALUE abc 0 1\r\nx\r\n", key: 7...8) == "other key")
    #expect(block("END\r\n", key: 5...5) == "end")
    #expect(block("END\r\nVALUE a", key: 5...5) == "end")
    #expect(block("ERROR\r\n", key: 5...5) == "other")
    #expect(block("SERVER_ERROR out of memory\r\n", key: 5...5) == "other")
    #expect(block("STORED\r\n", key: 5...5) == "other")
  }

  @Test func blockIsPartialUntilItsHeaderAndOpeningUntilItsEnd() {
    for (text, key, cas, header, value) in [
      ("VALUE ab 0 1\r\nx\r\n", 7...8, false, 14, 1),
      ("VALUE abc 4294967295 12\r\n0123456789ab\r\n", 10...12, false, 25, 12),
      ("VALUE a 0 0\r\n\r\n", 5...5, false, 13, 0),
      ("VALUE ab 7 3 18446744073709551615\r\nabc\r\n", 7...8, true, 35, 3),
      ("VALUE a 0 5 1\r\n\r\n\r\n\r\r\n", 5...5, true, 15, 5),
    ] {
      for n in 0..<text.utf8.count {
        let part = String(decoding: text.utf8.prefix(n), as: UTF8.self)
        #expect(
          block(part, key: key, cas: cas) == (n < header ? "partial" : "opening \(header) \(value)"), "\(n)")
      }
      #expect(block(text, key: key, cas: cas) == "value \(text.utf8.count)")
    }
    for n in 0..<5 {
      #expect(block(String(decoding: "END\r\n".utf8.prefix(n), as: UTF8.self), key: 5...5) == "partial")
    }
  }

  @Test func blockAboveTheValueLimitIsRejectedAtItsHeader() {
    #expect(block("VALUE a 0 100\r\n", key: 5...5) == "opening 15 100")
    #expect(block("VALUE a 0 101\r\n", key: 5...5) == "badLength")
    #expect(block("VALUE a 0 2147483647\r\n", key: 5...5) == "badLength")
    #expect(
      block("VALUE a 0 2147483647\r\n", key: 5...5, maxValue: Int(Int32.max)) == "opening 22 2147483647")
  }
}
