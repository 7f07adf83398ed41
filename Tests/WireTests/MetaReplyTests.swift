import Bytes
import TestSupport
import Testing

@testable import Wire

/// A server's reply to a meta request, and the expected parse.
struct MetaCase: CustomTestStringConvertible, Sendable {
  enum Told: Equatable, Sendable {
    case partial
    case reply(MetaStatus, Int)
    case broken(ProtocolViolation)
  }

  let asked: String
  let bytes: [UInt8]
  let told: Told
  /// The reply without the opaque 7, which the proxy added.
  let shown: String

  /// A valid reply: all of `reply`.
  init(_ asked: String, _ reply: String, _ status: MetaStatus, shown: String? = nil) {
    self.asked = asked
    bytes = Array(reply.utf8)
    told = .reply(status, bytes.count)
    self.shown = shown ?? reply
  }

  init(_ asked: String, _ reply: String, _ violation: ProtocolViolation) {
    self.asked = asked
    bytes = Array(reply.utf8)
    told = .broken(violation)
    shown = ""
  }

  var testDescription: String { "\(asked) ← \(escaped(bytes.prefix(80)))" }

  func parse(_ bytes: [UInt8], era: Era = .v1_6_18) -> (told: Told, shown: String) {
    let lead = Array("HD O7\r\n".utf8)
    return Cliff(room: lead.count + bytes.count).holding(lead + bytes) { span in
      let question = MetaQuestion(
        Array(asked.utf8) + (asked.hasPrefix("ms") ? [13, 10, 120, 13, 10] : [13, 10]), era: .v1_6_27)
      switch question.answer(span, at: lead.count, era: era, maxValue: 1 << 20) {
      case .partial, .opening: return (.partial, "")
      case .broken(let why): return (.broken(why), "")
      case .reply(let reply):
        var shown: [UInt8] = []
        for i in lead.count..<min(span.byteCount, lead.count + reply.length) {
          let isOpaque = reply.opaque.from <= i && i < reply.opaque.to && question.line.hasOwnOpaque
          if !isOpaque { shown.append(span.byte(at: i)) }
        }
        return (.reply(reply.status, reply.length), String(decoding: shown, as: UTF8.self))
      }
    }
  }
}

extension MetaCase {
  private static let key250 = String(repeating: "k", count: 250)
  private static let base250 = String(repeating: "a2tr", count: 83) + "aw=="

  static let good: [MetaCase] = [
    MetaCase("mg k v", "VA 2 O7\r\nab\r\n", .value, shown: "VA 2\r\nab\r\n"),
    MetaCase("mg k v", "VA 0 O7\r\n\r\n", .value, shown: "VA 0\r\n\r\n"),
    MetaCase("mg k v s t", "VA 2 s2 t-1 O7 Z X W\r\nab\r\n", .value, shown: "VA 2 s2 t-1 Z X W\r\nab\r\n"),
    MetaCase("mg k v O7", "VA 2 O7\r\nab\r\n", .value),
    MetaCase("mg k O1 v s q", "VA 13 O1 s13\r\nVA 1 O1\r\nHD\r\n\r\n", .value),
    MetaCase("mg k v O", "VA 2 O\r\nab\r\n", .value),
    MetaCase("mg k v k", "VA 2 kk O7\r\nab\r\n", .value, shown: "VA 2 kk\r\nab\r\n"),
    MetaCase("mg k v k c", "VA 2 kaw== b c5 O7\r\nab\r\n", .value, shown: "VA 2 kaw== b c5\r\nab\r\n"),
    MetaCase("mg Zm9v b k v", "VA 1 kfoo O7\r\na\r\n", .value, shown: "VA 1 kfoo\r\na\r\n"),
    MetaCase("mg Zm9v b k v", "VA 1 kZm9v b O7\r\na\r\n", .value, shown: "VA 1 kZm9v b\r\na\r\n"),
    MetaCase("mg \(key250) k", "HD k\(key250) O7\r\n", .done, shown: "HD k\(key250)\r\n"),
    MetaCase("mg \(key250) k", "HD k\(base250) b O7\r\n", .done, shown: "HD k\(base250) b\r\n"),
    MetaCase("mg k", "HD O7\r\n", .done, shown: "HD\r\n"),
    MetaCase("mg k N30", "HD O7 W\r\n", .done, shown: "HD W\r\n"),
    MetaCase("mg k", "EN O7\r\n", .miss, shown: "EN\r\n"),
    MetaCase("mg k v k Oabc q", "EN kk Oabc\r\n", .miss),
    MetaCase("mg k C5 v", "HD O7\r\n", .done, shown: "HD\r\n"),
    MetaCase("mg k C5 v", "VA 1 O7\r\na\r\n", .value, shown: "VA 1\r\na\r\n"),
    MetaCase("ms k 1", "HD O7\r\n", .done, shown: "HD\r\n"),
    MetaCase("ms k 1 k c s", "HD kk c5 s1 O7\r\n", .done, shown: "HD kk c5 s1\r\n"),
    MetaCase("ms k 1 O1 k", "NS O1 kk\r\n", .notStored),
    MetaCase("ms k 1 C5", "EX O7\r\n", .exists, shown: "EX\r\n"),
    MetaCase("ms k 1 C5", "NF O7\r\n", .notFound, shown: "NF\r\n"),
    MetaCase("ms k 1", "SERVER_ERROR object too large for cache\r\n", .error),
    MetaCase("ms k 1 O1", "CLIENT_ERROR bad data chunk\r\n", .error),
    MetaCase("md k", "HD O7\r\n", .done, shown: "HD\r\n"),
    MetaCase("md k q", "NF O7\r\n", .notFound, shown: "NF\r\n"),
    MetaCase("md k C1 O2", "EX O2\r\n", .exists),
    MetaCase("md k x", "NS O7\r\n", .notStored, shown: "NS\r\n"),
    MetaCase("md k x", "CLIENT_ERROR invalid or duplicate flag\r\n", .error),
    MetaCase("ma k", "HD O7\r\n", .done, shown: "HD\r\n"),
    MetaCase("ma k v t c", "VA 2 t-1 c5 O7\r\n12\r\n", .value, shown: "VA 2 t-1 c5\r\n12\r\n"),
    MetaCase("ma k", "NF O7\r\n", .notFound, shown: "NF\r\n"),
    MetaCase("ma k C1", "EX O7\r\n", .exists, shown: "EX\r\n"),
    MetaCase("ma k N0", "NS O7\r\n", .notStored, shown: "NS\r\n"),
    MetaCase("ma k", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", .error),
    MetaCase("me k", "EN\r\n", .miss),
    MetaCase("me k", "ME k exp=-1 la=2 cas=3 fetch=no cls=1 size=63\r\n", .shown),
    MetaCase("me k", "ME aw== exp=-1 la=2\r\n", .shown),
    MetaCase("me aw== b", "ME k exp=-1 la=2\r\n", .shown),
    MetaCase("me aw== b", "ME aw== exp=-1 la=2\r\n", .shown),
    MetaCase("me k", "ERROR\r\n", .error),
    // The request has no room for an opaque.
    MetaCase("mg a v s t c f l h k u N0 T0 R0 C0 P L M1 D1", "EN ka\r\n", .miss),
  ]

  static let bad: [MetaCase] = [
    // The answer to another request.
    MetaCase("mg k v", "VA 2 O8\r\nab\r\n", .wrongOpaque),
    MetaCase("mg k v", "VA 2 O77\r\nab\r\n", .wrongOpaque),
    MetaCase("mg k v", "VA 2 O\r\nab\r\n", .wrongOpaque),
    MetaCase("mg k v", "VA 2\r\nab\r\n", .wrongOpaque),
    MetaCase("mg k v", "VA 2 o7\r\nab\r\n", .wrongType),
    MetaCase("mg k v", "VA 2 O7 O7\r\nab\r\n", .wrongOpaque),
    MetaCase("mg k v O1", "VA 2 O7\r\nab\r\n", .wrongOpaque),
    MetaCase("mg k v O1", "EN O2\r\n", .wrongOpaque),
    MetaCase("mg k", "EN\r\n", .wrongOpaque),
    MetaCase("ms k 1", "HD\r\n", .wrongOpaque),
    MetaCase("md k", "HD O6\r\n", .wrongOpaque),
    MetaCase("ma k", "NF O\r\n", .wrongOpaque),
    MetaCase("mg a v s t c f l h k u N0 T0 R0 C0 P L M1 D1", "EN O7\r\n", .wrongOpaque),
    MetaCase("mg k k", "HD kl O7\r\n", .wrongKey),
    MetaCase("mg k k", "HD kk2 O7\r\n", .wrongKey),
    MetaCase("mg k k", "HD k O7\r\n", .wrongKey),
    MetaCase("mg Zm9v b k", "HD kfob O7\r\n", .wrongKey),
    MetaCase("mg Zm9v b k", "HD kZm9w b O7\r\n", .wrongKey),
    MetaCase("mg a v s t c f l h k u N0 T0 R0 C0 P L M1 D1", "EN kb\r\n", .wrongKey),
    MetaCase("me k", "ME l exp=-1\r\n", .wrongKey),
    MetaCase("me k", "ME kk exp=-1\r\n", .wrongKey),
    // A status that is invalid for the request.
    MetaCase("mg k", "VA 2 O7\r\nab\r\n", .wrongType),
    MetaCase("mg k v", "HD O7\r\n", .wrongType),
    MetaCase("mg k t", "HD \0t-1 O7\r\n", .wrongType),
    MetaCase("mg k t", "HD t\u{1}1 O7\r\n", .wrongType),
    MetaCase("mg k t", "HD s1 O7\r\n", .wrongType),
    MetaCase("mg k v", "VA 2 t-1 O7\r\nab\r\n", .wrongType),
    MetaCase("mg k", "NF O7\r\n", .wrongType),
    MetaCase("ms k 1", "HD HD O7\r\n", .wrongType),
    MetaCase("ms k 1", "HD D O7\r\n", .wrongType),
    MetaCase("mg k v", "VA 2 EN O7\r\nab\r\n", .wrongType),
    MetaCase("mg k v", "VA 2 o7\r\nab\r\n", .wrongType),
    // Remains of tokens after bytes were lost, repeated or inserted.
    MetaCase("md k k", "HD ount:0 O7\r\n", .wrongType),
    MetaCase("mg k f", "HD fkk O7\r\n", .wrongType),
    MetaCase("mg k f", "HD f O7\r\n", .wrongType),
    MetaCase("mg k t", "HD t- O7\r\n", .wrongType),
    MetaCase("mg k f", "HD 3 O7\r\n", .wrongType),
    MetaCase("mg k k", "HD kk kk O7\r\n", .wrongType),
    MetaCase("mg k s", "HD s2 s2 O7\r\n", .wrongType),
    MetaCase("mg k k", "HD kk bb O7\r\n", .wrongType),
    MetaCase("ms k 1 k", "EX X kk O7\r\n", .wrongType),
    MetaCase("ms k 1 k", "HD \0kk O7\r\n", .wrongType),
    MetaCase("mg k", "NS O7\r\n", .wrongType),
    MetaCase("mg k", "ME k exp=-1\r\n", .wrongType),
    MetaCase("mg k", "MN\r\n", .wrongType),
    MetaCase("mg k", "END\r\n", .wrongType),
    MetaCase("mg k", "VALUE k 0 1\r\nx\r\nEND\r\n", .wrongType),
    MetaCase("ms k 1", "EN O7\r\n", .wrongType),
    MetaCase("ms k 1", "STORED\r\n", .wrongType),
    MetaCase("ms k 1 v", "VA 1 O7\r\nx\r\n", .wrongType),
    MetaCase("md k", "EN O7\r\n", .wrongType),
    MetaCase("md k v", "VA 1 O7\r\nx\r\n", .wrongType),
    MetaCase("md k", "DELETED\r\n", .wrongType),
    MetaCase("ma k", "VA 1 O7\r\n1\r\n", .wrongType),
    MetaCase("ma k v", "HD O7\r\n", .wrongType),
    MetaCase("ma k", "EN O7\r\n", .wrongType),
    MetaCase("ma k", "12\r\n", .wrongType),
    MetaCase("me k", "HD\r\n", .wrongType),
    MetaCase("me k", "EN O7\r\n", .wrongType),
    MetaCase("me k", "ME k\r\n", .wrongType),
    // A malformed line.
    MetaCase("mg k", "HD  O7\r\n", .wrongType),
    MetaCase("mg k", "HD O7 \r\n", .wrongType),
    MetaCase("mg k", "HD O7\n", .wrongType),
    MetaCase("mg k", "HDO7\r\n", .wrongType),
    MetaCase("mg k", "HD O7\r W\r\n", .wrongType),
    MetaCase("mg k", "hd O7\r\n", .wrongType),
    MetaCase("mg k", "\r\n", .wrongType),
    MetaCase("mg k", "garbage", .wrongType),
    MetaCase("mg k v", "VA\r\n", .wrongType),
    MetaCase("mg k v", "VA O7\r\nab\r\n", .wrongType),
    MetaCase("mg k v", "VA  2 O7\r\nab\r\n", .wrongType),
    MetaCase("mg k v", "VA -2 O7\r\nab\r\n", .wrongType),
    MetaCase("mg k v", "VA 2x O7\r\nab\r\n", .wrongType),
    MetaCase("mg k v", "VA 1048577 O7\r\n", .badLength),
    MetaCase("mg k v", "VA 4294967298 O7\r\nab\r\n", .badLength),
    MetaCase("mg k v", "VA 18446744073709551618 O7\r\nab\r\n", .badLength),
    MetaCase("mg k v", "VA 00000000002 O7\r\nab\r\n", .badLength),
    MetaCase("mg k v", "VA 1 O7\r\nab\r\n", .badLength),
    MetaCase("mg k v", "VA 3 O7\r\nab\r\n\r\n", .badLength),
  ]
}

struct MetaReplyTests {
  @Test(arguments: MetaCase.good)
  func wholeMetaReplyIsParsed(one: MetaCase) {
    let (told, shown) = one.parse(one.bytes)
    #expect(told == one.told, "\(one.testDescription)")
    #expect(shown == one.shown, "\(one.testDescription)")
  }

  @Test(arguments: MetaCase.good)
  func incompleteMetaReplyIsPartial(one: MetaCase) {
    for n in 0..<one.bytes.count {
      #expect(one.parse(Array(one.bytes[..<n])).told == .partial, "\(one.testDescription), \(n) bytes")
    }
  }

  @Test(arguments: MetaCase.good)
  func bytesAfterAMetaReplyDoNotChangeIt(one: MetaCase) {
    for next in ["V", "EN O7\r\n", "VA 1 O7\r\nx\r\n", "HD\r\n", "\r\n", "\0\0\0\0"] {
      let (told, shown) = one.parse(one.bytes + Array(next.utf8))
      #expect(told == one.told, "\(one.testDescription)")
      #expect(shown == one.shown, "\(one.testDescription)")
    }
  }

  @Test(arguments: MetaCase.bad)
  func invalidMetaReplyIsAViolation(one: MetaCase) {
    #expect(one.parse(one.bytes).told == one.told, "\(one.testDescription)")
    var isBroken = false
    for n in 0..<one.bytes.count {
      let told = one.parse(Array(one.bytes[..<n])).told
      if case .broken = told { isBroken = true } else { #expect(told == .partial && !isBroken) }
    }
  }

  /// Replies of servers before 1.6.18: several blanks between two words, and blanks at the end.
  @Test(arguments: [
    MetaCase("md k", "HD  O7\r\n", .done, shown: "HD \r\n"),
    MetaCase("md k", "NF  O7\r\n", .notFound, shown: "NF \r\n"),
    MetaCase("md k C5", "EX  O7\r\n", .exists, shown: "EX \r\n"),
    MetaCase("md k k O5", "NF  kk O5\r\n", .notFound),
    MetaCase("md k k", "NF  kk O7\r\n", .notFound, shown: "NF  kk\r\n"),
    MetaCase("ma k k O5", "EX  kk O5\r\n", .exists),
    MetaCase("ma k v", "NS  O7\r\n", .notStored, shown: "NS \r\n"),
    MetaCase("ma k O5", "NF  O5\r\n", .notFound), MetaCase("md k O5", "HD  O5 \r\n", .done),
    MetaCase("md k O5", "OK  O5\r\n", .done), MetaCase("mg k t O5", "OK t-1 O5\r\n", .done),
    MetaCase("mg k k", "OK kk O7\r\n", .done, shown: "OK kk\r\n"),
    MetaCase("ms k 1", "OK  O7\r\n", .done, shown: "OK \r\n"),
  ])
  func extraBlanksInMetaRepliesOfOldServersAreAccepted(one: MetaCase) {
    for era in [Era.v1_6_0, .v1_6_10] {
      let (told, shown) = one.parse(one.bytes, era: era)
      #expect(told == one.told, "\(one.testDescription)")
      #expect(shown == one.shown, "\(one.testDescription)")
      for n in 0..<one.bytes.count { #expect(one.parse(Array(one.bytes[..<n]), era: era).told == .partial) }
    }
    for era in Era.allCases where era >= .v1_6_18 {
      guard case .broken = one.parse(one.bytes, era: era).told else {
        Issue.record("\(one.testDescription) was taken of \(era)")
        continue
      }
    }
  }

  /// Extra blanks do not turn the answer to another request into the answer to this one.
  @Test(arguments: [
    MetaCase("md k", "HD  O8\r\n", .wrongOpaque), MetaCase("md k", "HD \r\n", .wrongOpaque),
    MetaCase("md k", "OK\r\n", .wrongOpaque), MetaCase("md k k", "NF  kl O7\r\n", .wrongKey),
    MetaCase("mg k v", "OK O7\r\n", .wrongType), MetaCase("md k", "OKAY O7\r\n", .wrongType),
    MetaCase("md k", "HD  O7  O7\r\n", .wrongOpaque), MetaCase("mg k", "EN  \r\n", .wrongOpaque),
  ])
  func invalidMetaReplyOfAnOldServerIsAViolation(one: MetaCase) {
    #expect(one.parse(one.bytes, era: .v1_6_0).told == one.told, "\(one.testDescription)")
  }

  @Test func bareMissOfAnOldServerIsAccepted() {
    let one = MetaCase("mg k v O1", "EN\r\n", .miss)
    #expect(one.parse(one.bytes, era: .v1_6_10).told == one.told)
    for wrong in ["EN kk\r\n", "EN O2\r\n", "HD\r\n", "VA 1\r\nx\r\n"] {
      guard case .broken = one.parse(Array(wrong.utf8), era: .v1_6_10).told else {
        Issue.record("\(wrong) was taken")
        continue
      }
    }
  }

  @Test(arguments: [
    ("VERSION 1.6.18\r\n", false), ("VERSION 1.6.40\r\n", false), ("VERSION 1.6.17\r\n", true),
    ("VERSION 1.6.9\r\n", true), ("VERSION 1.5.22\r\n", true), ("VERSION 1.7.0\r\n", false),
    ("VERSION 2.0\r\n", false), ("VERSION 0.9.99\r\n", true), ("VERSION 1.6.18_4_gabc\r\n", false),
    ("VERSION 1.6\r\n", true), ("VERSION pelikan\r\n", true), ("VERSION \r\n", true), ("VERSION 1.", true),
    ("VERSION 99999999999999999999.9.9\r\n", true),
  ])
  func bareMissesAreExpectedOfVersionsBefore1618(version: String, mayBeBare: Bool) {
    let bytes = Array(version.utf8)
    #expect(
      Cliff(room: bytes.count).holding(bytes) { !ReplyParser.isVersion($0, atLeast: 1, 6, 18) } == mayBeBare)
  }

  @Test(arguments: [
    ("VERSION 1.6.0\r\n", true), ("VERSION 1.6.40\r\n", true), ("VERSION 1.5.22\r\n", false),
    ("VERSION 1.4.99\r\n", false), ("VERSION 2.0\r\n", true), ("VERSION own\r\n", false),
    ("VERSION 1.6\r\n", false),
  ])
  func metaCommandsAreExpectedOfVersionsFrom160(version: String, knows: Bool) {
    let bytes = Array(version.utf8)
    #expect(Cliff(room: bytes.count).holding(bytes) { ReplyParser.isVersion($0, atLeast: 1, 6, 0) } == knows)
  }

  @Test(arguments: ["mg k v", "ms k 1", "md k", "ma k v", "me k"])
  func metaReplyLineWithoutAnEndIsAViolation(asked: String) {
    for start in ["", "H", "HD ", "VA ", "VA 1 ", "EN ", "ME k ", "NF ", "SERVER_ERROR ", "7"] {
      for filler: UInt8 in [32, 48, 120] {
        let bytes = Array(start.utf8) + [UInt8](repeating: filler, count: ReplyParser.longestLine + 1)
        guard case .broken = MetaCase(asked, "", .wrongType).parse(bytes).told else {
          Issue.record("\(asked) ← \(start) and \(filler) without an end")
          continue
        }
      }
    }
  }

  /// Damaged replies: a verdict on a prefix holds for the whole, and no length exceeds the bytes.
  @Test(arguments: 0..<UInt64(6))
  func damagedMetaRepliesParseTheSameHoweverTheyAreSplit(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<150 {
      let all = (MetaCase.good + MetaCase.bad).filter { $0.bytes.count < 200 }
      guard let one = all.randomElement(using: &random) else { return }
      var bytes = one.bytes
      for _ in 0..<(1 + random.below(3)) where !bytes.isEmpty {
        let i = random.below(bytes.count)
        switch random.below(4) {
        case 0: bytes[i] = UInt8(random.below(256))
        case 1: bytes[i] = [10, 13, 32, 48, 57, 79].randomElement(using: &random) ?? 0
        case 2: bytes.remove(at: i)
        default: bytes.insert([10, 13, 32, 48, 57, 79].randomElement(using: &random) ?? 0, at: i)
        }
      }
      var before = MetaCase.Told.partial
      for n in 0...bytes.count {
        let told = one.parse(Array(bytes[..<n])).told
        switch (before, told) {
        case (.partial, _), (.broken, .broken): break
        default: #expect(told == before, "\(one.testDescription) \(escaped(bytes)), \(n) bytes")
        }
        if case .reply(_, let length) = told { #expect(length > 0 && length <= n) }
        before = told
      }
    }
  }
}
