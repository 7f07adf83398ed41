import Bytes
import TestSupport
import Testing

@testable import Wire

/// The result of parsing a server's bytes.
enum Told: Equatable, Sendable {
  case partial
  case hit(Int)
  case miss(Int)
  case done(Int)
  case error(Int)
  case broken(ProtocolViolation)

  init(_ answer: Answer) {
    switch answer {
    case .partial, .opening: self = .partial
    case .reply(let n, .hit): self = .hit(n)
    case .reply(let n, .miss): self = .miss(n)
    case .reply(let n, .done): self = .done(n)
    case .reply(let n, .error): self = .error(n)
    case .broken(let violation): self = .broken(violation)
    }
  }

  var isBroken: Bool {
    if case .broken = self { true } else { false }
  }
}

/// A server's reply to a request, and the expected parse.
struct Reply: CustomTestStringConvertible, Sendable {
  /// The request: the key of a read, or a family of one-line replies.
  enum Asked: Sendable {
    case key(String, cas: Bool = false)
    case line(Wire.Expectation)
    case report
  }

  let asked: Asked
  let bytes: [UInt8]
  let told: Told

  init(_ asked: Asked, _ text: String, _ told: Told) {
    self.asked = asked
    self.bytes = Array(text.utf8)
    self.told = told
  }

  var testDescription: String { "\(asked) ← \(escaped(bytes.prefix(80)))" }

  static let maxValue = 1 << 20

  /// Parses `bytes`, which follow other bytes and end at an inaccessible page.
  static func parse(_ asked: Asked, _ bytes: [UInt8]) -> Told {
    let lead = Array("END\r\nVALUE".utf8)
    return Cliff(room: lead.count + bytes.count).holding(lead + bytes) { span in
      switch asked {
      case .report: Told(ReplyParser.report(span, at: lead.count))
      case .line(let expected): Told(ReplyParser.line(span, at: lead.count, expected))
      case .key(let key, let cas): single(span, lead.count, Array(key.utf8), cas)
      }
    }
  }

  private static func single(_ span: RawSpan, _ p: Int, _ key: [UInt8], _ cas: Bool) -> Told {
    let request = Array("get ".utf8) + key
    return Cliff(room: request.count).holding(request) { asked in
      Told(
        ReplyParser.single(
          span, at: p, asked: asked, keyStart: 4, keyLength: key.count, withCAS: cas, maxValue: maxValue))
    }
  }
}

struct ReplyParserTests {
  @Test(arguments: Reply.whole)
  func wholeReplyIsParsed(reply: Reply) {
    #expect(Reply.parse(reply.asked, reply.bytes) == reply.told, "\(reply.testDescription)")
  }

  @Test(arguments: Reply.whole)
  func incompleteReplyIsPartial(reply: Reply) {
    for n in 0..<reply.bytes.count {
      #expect(
        Reply.parse(reply.asked, Array(reply.bytes[..<n])) == .partial, "\(reply.testDescription), \(n) bytes"
      )
    }
  }

  @Test(arguments: Reply.whole)
  func bytesAfterAReplyDoNotChangeIt(reply: Reply) {
    for next in [
      "V", "END\r\n", "VALUE key 0 3\r\nabc\r\nEND\r\n", "STORED\r\n", "\r\n", "\0\0\0\0\0\0\0\0\0",
    ] {
      #expect(
        Reply.parse(reply.asked, reply.bytes + Array(next.utf8)) == reply.told, "\(reply.testDescription)")
    }
  }

  @Test(arguments: Reply.bad)
  func invalidReplyIsAViolation(reply: Reply) {
    #expect(Reply.parse(reply.asked, reply.bytes) == reply.told, "\(reply.testDescription)")
    // No prefix is accepted as a reply, and once broken it stays broken.
    var isBroken = false
    for n in 0..<reply.bytes.count {
      let told = Reply.parse(reply.asked, Array(reply.bytes[..<n]))
      #expect(
        told.isBroken || (told == .partial && !isBroken), "\(reply.testDescription), \(n) bytes: \(told)")
      isBroken = told.isBroken
    }
  }

  @Test(arguments: [
    Reply.Asked.key("key"), .key("key", cas: true), .line(.stored), .line(.deleted), .line(.touched),
    .line(.number), .line(.done), .line(.version), .report,
  ])
  func replyLineWithoutAnEndIsAViolation(asked: Reply.Asked) {
    for start in [
      "", "S", "SERVER_ERROR ", "VALUE key ", "VALUE key 0 ", "VALUE key 0 1 ", "VERSION ", "STAT a ", "7",
    ] {
      for filler: UInt8 in [32, 48, 120] {
        let bytes = Array(start.utf8) + [UInt8](repeating: filler, count: ReplyParser.longestLine + 1)
        #expect(Reply.parse(asked, bytes).isBroken, "\(asked) \(start) \(filler)")
      }
    }
  }

  @Test func reportMayBeLongButNotEndless() {
    let row = Array("STAT \(String(repeating: "n", count: 1000)) 1\r\n".utf8)
    var report: [UInt8] = []
    for _ in 0..<1000 { report += row }
    #expect(Reply.parse(.report, report) == .partial)
    #expect(Reply.parse(.report, report + Array("END\r\n".utf8)) == .done(report.count + 5))
    while report.count <= ReplyParser.longestReport { report += row }
    #expect(Reply.parse(.report, report) == .broken(.lineTooLong))
    #expect(Reply.parse(.report, report + Array("END\r\n".utf8)) == .broken(.lineTooLong))
  }

  /// Damaged replies: a verdict on a prefix holds for the whole, and no length exceeds the bytes.
  @Test(arguments: 0..<UInt64(6))
  func damagedRepliesParseTheSameHoweverTheyAreSplit(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<250 {
      guard
        let reply = (Reply.whole + Reply.bad).filter({ $0.bytes.count < 400 }).randomElement(using: &random)
      else { return }
      var bytes = reply.bytes
      for _ in 0..<(1 + random.below(3)) where !bytes.isEmpty {
        let i = random.below(bytes.count)
        switch random.below(4) {
        case 0: bytes[i] = UInt8(random.below(256))
        case 1: bytes[i] = [10, 13, 32, 48, 57, 45].randomElement(using: &random) ?? 0
        case 2: bytes.remove(at: i)
        default: bytes.insert([10, 13, 32, 48, 57, 45].randomElement(using: &random) ?? 0, at: i)
        }
      }
      var before = Told.partial
      for n in 0...bytes.count {
        let told = Reply.parse(reply.asked, Array(bytes[..<n]))
        let holds = before == .partial || told == before || (before.isBroken && told.isBroken)
        #expect(holds, "\(reply.asked) \(escaped(bytes)): \(before), with \(n) bytes \(told)")
        switch told {
        case .hit(let length), .miss(let length), .done(let length), .error(let length):
          #expect(length > 0 && length <= n)
        case .partial, .broken: break
        }
        before = told
      }
    }
  }
}
