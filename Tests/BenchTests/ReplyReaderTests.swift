import Bytes
import Testing

@testable import Bench

@Suite struct ReplyReaderTests {
  private static let keys = KeySpace(seed: 1, sizes: 10...10)

  /// The parts of an input that arrives in these pieces; bytes of a value in one part, whatever their pieces.
  private static func parts(_ pieces: [ArraySlice<UInt8>]) -> [String] {
    var reader = ReplyReader()
    var parts: [String] = []
    var value: [UInt8] = []
    for piece in pieces {
      let bytes = Array(piece)
      var position = 0
      while let part = reader.next(bytes.span.raw, &position, keys) {
        switch part {
        case .bytes(let from, let count, let offset):
          #expect(offset == value.count)
          value += bytes[from..<from + count]
        case .valueEnd(let isClean):
          parts.append("bytes \(String(decoding: value, as: UTF8.self)) \(isClean)")
          value = []
        case .value(let key, let flags, let length):
          parts.append("value \(key.map { "\($0)" } ?? "foreign") \(flags) \(length)")
        case .end: parts.append("end")
        case .stored: parts.append("stored")
        case .refusal(let text): parts.append(text)
        case .unknown:
          parts.append("unknown")
          return parts
        }
      }
      #expect(position == bytes.count)
    }
    return parts
  }

  private static let name = keys.name(of: 7)

  /// A value with what looks like a reply in it, and every other reply.
  private static let long = """
    VALUE \(name) 3 12\r\nEND\r\nSTORED\r\r\nEND\r\nSTORED\r\nVALUE other 0 0\r\n\r\nVALUE \(name) 4294967295 2\r\n\
    ab\r\nEND\r\nNOT_STORED\r\nSERVER_ERROR out of memory\r\nERROR\r\nCLIENT_ERROR bad\r\nERROR why\r\n
    """
  private static let longParts = [
    "value 7 3 12", "bytes END\r\nSTORED\r true", "end", "stored", "value foreign 0 0", "bytes  true",
    "value 7 4294967295 2", "bytes ab true", "end", "NOT_STORED", "SERVER_ERROR out of memory", "ERROR",
    "CLIENT_ERROR bad", "ERROR why",
  ]

  @Test func everyReplyIsReadWhereverItIsSplit() {
    let bytes = Array(Self.long.utf8)
    for cut in 0...bytes.count {
      #expect(Self.parts([bytes[..<cut], bytes[cut...]]) == Self.longParts, "cut at \(cut)")
    }
    #expect(Self.parts(bytes.indices.map { bytes[$0...$0] }) == Self.longParts)
    for cut in 0..<bytes.count - 3 {
      #expect(Self.parts([bytes[..<cut], bytes[cut..<cut + 3], bytes[(cut + 3)...]]) == Self.longParts)
    }
  }

  @Test(arguments: [
    "END\n", "END \r\n", "end\r\n", "\r\n", "\n", "STORED?\r\n", "VALUE\r\n", "VALUE k 0\r\n",
    "VALUE k 0 x\r\n",
    "VALUE k 0 -1\r\n", "VALUE k x 1\r\n", "VALUE k 4294967296 1\r\n", "VALUE k 0 99999999999\r\n",
    "VALUE k 0 1 2\r\n", "VALUE k 0 1073741825\r\n", "HTTP/1.1 400 Bad Request\r\n", "VERSION 1.6\r\n",
    "SERVER_ERRO\r\n", "\u{80}\u{81}\r\n",
  ])
  func otherLinesAreUnknown(_ line: String) {
    let bytes = Array(line.utf8)
    #expect(Self.parts([bytes[...]]) == ["unknown"])
    #expect(Self.parts(bytes.indices.map { bytes[$0...$0] }) == ["unknown"])
  }

  @Test(arguments: ["xx", "\n\r", "\rx", "x\n"])
  func missingLineEndAfterAValueIsNoticed(_ end: String) {
    let bytes = Array("VALUE k 0 1\r\na\(end)".utf8)
    #expect(Self.parts([bytes[...]]) == ["value foreign 0 1", "bytes a false"])
    #expect(Self.parts(bytes.indices.map { bytes[$0...$0] }) == ["value foreign 0 1", "bytes a false"])
  }

  @Test func lineWithoutAnEndIsUnknownAndNotKept() {
    let piece = [UInt8](repeating: 65, count: 700)
    #expect(Self.parts([piece[...], piece[...]]) == ["unknown"])
  }

  @Test func errorLinesAreCutAndCleaned() {
    let line = Array("SERVER_ERROR \u{7}\(String(repeating: "x", count: 300))\r\n".utf8)
    let parts = Self.parts([line[...]])
    #expect(parts.count == 1 && parts[0].hasPrefix("SERVER_ERROR ?xxx") && parts[0].count == 100)
  }
}
