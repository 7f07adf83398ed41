import Stats
import Testing
import Wire

@testable import Proxy

/// The meta commands through the worker: rewritten, checked, restored, in the client's order.
@Suite struct MetaTests {
  /// One client's request, the bytes sent to the server for it, the server's reply, and the client's.
  struct Talk: CustomTestStringConvertible, Sendable {
    let said: String
    let sent: String
    let reply: String
    let got: String
    var testDescription: String { said.debugDescription + " ← " + reply.debugDescription }

    /// Lines are separated by `|`.
    init(_ said: String, _ sent: String, _ reply: String, _ got: String) {
      func wire(_ text: String) -> String { text.isEmpty ? "" : text.replacing("|", with: "\r\n") + "\r\n" }
      self.said = wire(said)
      self.sent = wire(sent)
      self.reply = wire(reply)
      self.got = wire(got)
    }
  }

  static let opaques: [Talk] = [
    // If the client sent no opaque, the proxy adds its own, which the client does not see.
    Talk("mg k v", "mg k v O1", "VA 2 O1|ab", "VA 2|ab"),
    Talk("mg k v t", "mg k v t O1", "VA 2 t-1 O1 Z X W|ab", "VA 2 t-1 Z X W|ab"),
    Talk("mg k", "mg k O1", "HD O1", "HD"),
    Talk("mg k", "mg k O1", "EN O1", "EN"),
    Talk("mg k k s", "mg k k s O1", "EN kk O1", "EN kk"),
    Talk("ms k 2 T0|ab", "ms k 2 T0 O1|ab", "HD O1", "HD"),
    Talk("ms k 2 c k|ab", "ms k 2 c k O1|ab", "HD c7 kk O1", "HD c7 kk"),
    Talk("md k", "md k O1", "NF O1", "NF"),
    Talk("ma k v", "ma k v O1", "VA 1 O1|7", "VA 1|7"),
    Talk("mg k v", "mg k v O1", "VA 8 O1|x O1|ab", "VA 8|x O1|ab"),
    // The client's own opaque is sent and returned.
    Talk("mg k Oab v", "mg k Oab v", "VA 2 Oab|ab", "VA 2 Oab|ab"),
    Talk("mg k O1", "mg k O1", "EN O1", "EN O1"),
    Talk("ms k 2 O|ab", "ms k 2 O|ab", "NS O", "NS O"),
    Talk("me k", "me k", "ME k exp=-1 la=0", "ME k exp=-1 la=0"),
    Talk("me k", "me k", "EN", "EN"),
    // Error lines contain no opaque.
    Talk("ma k", "ma k O1", "CLIENT_ERROR cannot increment", "CLIENT_ERROR cannot increment"),
    Talk("ma k O5 q", "ma k O5", "SERVER_ERROR out of memory", "SERVER_ERROR out of memory"),
    Talk("mg k L5", "mg k L5 O1", "CLIENT_ERROR invalid flag", "CLIENT_ERROR invalid flag"),
    // Written in canonical form.
    Talk("  mg  k  vv  T+030 ", "mg k v T30 O1", "VA 1 O1|x", "VA 1|x"),
  ]

  /// Where memcached is quiet: a read's miss, a change's success, and nowhere else.
  static let quiet: [Talk] = [
    Talk("mg k q", "mg k O1", "EN O1", ""),
    Talk("mg k q O5 k", "mg k O5 k", "EN O5 kk", ""),
    Talk("mg k q", "mg k O1", "HD O1", "HD"),
    Talk("mg k q v", "mg k v O1", "VA 1 O1|x", "VA 1|x"),
    Talk("ms k 1 q|x", "ms k 1 O1|x", "HD O1", ""),
    Talk("ms k 1 q O5 k c|x", "ms k 1 O5 k c|x", "HD O5 kk c7", ""),
    Talk("ms k 1 q ME|x", "ms k 1 ME O1|x", "NS O1", "NS"),
    Talk("ms k 1 q C5|x", "ms k 1 C5 O1|x", "EX O1", "EX"),
    Talk("ms k 1 q C5 O9|x", "ms k 1 C5 O9|x", "NF O9", "NF O9"),
    Talk("md k q", "md k O1", "HD O1", ""),
    Talk("md k q", "md k O1", "NF O1", "NF"),
    Talk("md k q C5", "md k C5 O1", "EX O1", "EX"),
    Talk("ma k q", "ma k O1", "HD O1", ""),
    Talk("ma k q v", "ma k v O1", "VA 1 O1|7", ""),
    Talk("ma k q", "ma k O1", "NF O1", "NF"),
    Talk("ma k q C5", "ma k C5 O1", "EX O1", "EX"),
    Talk("me k q", "me k", "EN", "EN"),
    Talk("mg k q", "mg k O1", "SERVER_ERROR x", "SERVER_ERROR x"),
    Talk("ms k 1 q|x", "ms k 1 O1|x", "SERVER_ERROR out of memory", "SERVER_ERROR out of memory"),
    Talk("md k q", "md k O1", "CLIENT_ERROR x", "CLIENT_ERROR x"),
    Talk("ma k q", "ma k O1", "CLIENT_ERROR cannot increment", "CLIENT_ERROR cannot increment"),
  ]

  /// Before 1.6.40 a server reports what `N` creates in spite of `q`: the request stays quiet, with a fence behind.
  static let creating: [Talk] = [
    Talk("ma k q N0", "ma k N0 q O1|md 77 O77", "HD O1|NF O77", "HD"),
    Talk("ma k N0 q", "ma k N0 q O1|md 77 O77", "NF O77", ""),
    Talk("ma k q N30 J5 v", "ma k N30 J5 v q O1|md 77 O77", "VA 1 O1|5|NF O77", "VA 1|5"),
    Talk("ma k q N30 t O5 k", "ma k N30 t O5 k q|md 77 O77", "HD t30 O5 kk|NF O77", "HD t30 O5 kk"),
    Talk("ma k q N0", "ma k N0 q O1|md 77 O77", "NS O1|NF O77", "NS"),
    Talk("ma k q N0", "ma k N0 q O1|md 77 O77", "EX O1|NF O77", "EX"),
    Talk("ma YSBi b q N0", "ma YSBi b N0 q O1|md 77 O77", "HD O1|NF O77", "HD"),
    Talk("ma k q N0", "ma k N0 q O1|md 77 O77", "CLIENT_ERROR x|NF O77", "CLIENT_ERROR x"),
    Talk("ma k N0", "ma k N0 O1", "HD O1", "HD"),
    Talk("ms k 1 I N0 q|x", "ms k 1 I N0 O1|x", "HD O1", ""),
    Talk("mg k N0 q", "mg k N0 O1", "HD O1 W", "HD W"),
  ]

  /// A binary key is never requested back where a server may print it raw: the proxy writes it.
  static let hidden: [Talk] = [
    Talk("mg YSBi b k v", "mg YSBi b v O1", "VA 1 O1|x", "VA 1 kYSBi b|x"),
    Talk("mg YSBi k b v s", "mg YSBi b v s O1", "VA 1 s1 O1 W|x", "VA 1 kYSBi b s1 W|x"),
    Talk("mg YSBi s k t b", "mg YSBi s t b O1", "HD s1 t-1 O1", "HD s1 kYSBi b t-1"),
    Talk("mg YSBi b s t k", "mg YSBi b s t O1", "HD s1 t-1 O1 X", "HD s1 t-1 kYSBi b X"),
    Talk("mg YSBi b O5 k", "mg YSBi b O5", "HD O5", "HD O5 kYSBi b"),
    Talk("mg YSBi b k O5 s", "mg YSBi b O5 s", "HD O5 s1", "HD kYSBi b O5 s1"),
    Talk("mg YSBi b s k O5", "mg YSBi b s O5", "EN O5", "EN kYSBi b O5"),
    Talk("mg YSBi b s O5 t k", "mg YSBi b s O5 t", "EN O5", "EN O5 kYSBi b"),
    Talk("mg YSBi b k", "mg YSBi b O1", "EN O1", "EN kYSBi b"),
    Talk("mg YSBi b k q", "mg YSBi b O1", "EN O1", ""),
    Talk("mg YSBi b k", "mg YSBi b O1", "SERVER_ERROR x", "SERVER_ERROR x"),
    Talk("mg Y-SB!i b k", "mg YSBi b O1", "HD O1", "HD kYSBi b"),
    Talk("ms YSBi 1 b k|x", "ms YSBi 1 b k O1|x", "HD kYSBi b O1", "HD kYSBi b"),
    Talk("md YSBi b k", "md YSBi b k O1", "HD kYSBi b O1", "HD kYSBi b"),
    // A text key is returned as the server has it.
    Talk("mg Zm9v b k", "mg Zm9v b k O1", "HD kfoo O1", "HD kfoo"),
    Talk("mg Zm9v b k", "mg Zm9v b k O1", "HD kZm9v b O1", "HD kZm9v b"),
    Talk("mg foo k", "mg foo k O1", "HD kZm9v b O1", "HD kZm9v b"),
    // Only whether the key exists is requested, not what a server shows of it.
    Talk(
      "me YSBi b", "mg YSBi b u O1", "HD O1",
      "CLIENT_ERROR ringroad does not show keys that hold a blank, a line end or a NUL"),
    Talk("me YSBi b", "mg YSBi b u O1", "EN O1", "EN"),
    Talk("me YSBi b", "mg YSBi b u O1", "SERVER_ERROR x", "SERVER_ERROR x"),
  ]

  @Test(arguments: opaques + quiet + creating + hidden)
  func aMetaRequestIsRewrittenAndItsReplyRestored(_ talk: Talk) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, talk.said + "mn\r\n")
    #expect(rig.asked("a") == talk.sent)
    rig.send(from: "a", talk.reply)
    #expect(rig.got(c) == talk.got + "MN\r\n")
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// The same with the reply in single bytes, and behind a reply that waits for a second connection.
  @Test(arguments: opaques + quiet + creating + hidden)
  func aMetaReplyInSingleBytesIsRestoredInItsTurn(_ talk: Talk) {
    let rig = Rig(["a"], isAccepting: false) { $0.connections = 2 }
    let (c, d) = (rig.open(), rig.open())
    rig.say(d, "get k")
    rig.send(c, "stats ringroad\r\n" + talk.said + "mn\r\n")
    rig.hangUp(d)
    #expect(rig.got(c) == "STAT own 1\r\nEND\r\n" + (talk.sent.isEmpty ? talk.got + "MN\r\n" : ""))
    guard !talk.sent.isEmpty else { return }
    for l in rig.connecting { rig.accept(l) }
    let l = rig.connections("a")[Int(c.index) % 2]
    #expect(rig.asked(l) == talk.sent)
    for byte in talk.reply.utf8 {
      #expect(rig.got(c) == "")
      rig.send(from: l, String(decoding: [byte], as: UTF8.self))
    }
    #expect(rig.got(c) == talk.got + "MN\r\n")
    rig.hangUp(c)
  }

  @Test func base64KeysAreRoutedByTheirDecodedBytes() {
    let rig = Rig(["a", "b", "c"])
    let c = rig.open()
    for (text, encoded) in [
      ("foo", "Zm9v"), ("k1", "azE="), ("session:17", "c2Vzc2lvbjoxNw=="), ("k2", "a-z!I="),
      ("k3", "azM=AAAA"), ("k4", "azQ="), ("k5", "azU="), ("k6", "azY="), ("k7", "azc="),
    ] {
      let owner = rig.owner(of: text)
      for verb in [
        "mg \(encoded) b", "ms \(encoded) 1 b\r\nx", "md \(encoded) b", "ma \(encoded) b", "me \(encoded) b",
      ] {
        rig.say(c, verb)
        for name in ["a", "b", "c"] {
          #expect((rig.asked(name) != "") == (name == owner), "\(verb) → \(name)")
        }
      }
    }
  }

  @Test func classicAndMetaRequestsAreAnsweredInRequestOrder() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (x, y) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(
      c, "get \(x)", "mg \(y) v", "mg \(x) q", "set \(y) 0 0 1", "z", "mg \(y) q v", "get \(x) \(y)",
      "ms \(x) 1 q", "z", "md \(y)", "mn", "ma \(x) v", "mg \(x) z", "version2", "mn")
    #expect(
      rig.asked("a") == lines("get \(x)", "mg \(x) O2", "get \(x)", "ms \(x) 1 O4", "z", "ma \(x) v O6"))
    #expect(
      rig.asked("b") == lines("mg \(y) v O1", "set \(y) 0 0 1", "z", "mg \(y) v O3", "get \(y)", "md \(y) O5")
    )
    rig.send(from: "b", lines("VA 1 O1", "1", "STORED", "EN O3", "END", "HD O5"))
    #expect(rig.got(c) == "")
    rig.send(from: "a", lines("END", "EN O2"))
    #expect(rig.got(c) == lines("END", "VA 1", "1", "STORED"))
    rig.send(from: "a", lines("VALUE \(x) 0 1", "2", "END", "HD O4", "VA 1 O6", "5"))
    #expect(
      rig.got(c)
        == lines(
          "VALUE \(x) 0 1", "2", "END", "HD", "MN", "VA 1", "5", "CLIENT_ERROR invalid flag", "ERROR", "MN"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A silent reply that waits for its turn outlives the buffer in which other replies waited.
  @Test func aSilentMetaReplyThatWaitsTakesNoMemory() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (x, y) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "gets \(y)", "get \(x)", "gets \(y)", "mg \(x) q", "gets \(y)")
    rig.reply("a", "END", "EN O1")
    #expect(rig.got(c) == "")
    rig.reply("b", "END")
    #expect(rig.got(c) == lines("END", "END"))
    rig.reply("b", "END", "END")
    #expect(rig.got(c) == lines("END", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aSilentMetaReplyStaysSilentWhenParkedRepliesAreCompacted() {
    let rig = Rig(["a", "b", "c"])
    let c = rig.open()
    let (x, y, z) = (rig.key(on: "a"), rig.key(on: "b"), rig.key(on: "c"))
    func hit(_ n: Int) -> String { lines("VALUE \(x) 0 \(n) 1", String(repeating: "v", count: n), "END") }
    rig.say(
      c, "gets \(y)", "gets \(x)", "gets \(y)", "gets \(x)", "gets \(x)", "gets \(y)", "mg \(z) q")
    rig.reply("c", "EN O1")
    _ = rig.asked("a")
    rig.send(from: "a", hit(60_000) + hit(1000))
    rig.reply("b", "END")
    #expect(rig.got(c) == "END\r\n" + hit(60_000))
    rig.send(from: "a", hit(20_000))
    #expect(rig.parkedFootprint(c) < 60_000, "sent replies are dropped")
    rig.send(from: "b", "END\r\n")
    #expect(rig.got(c) == "END\r\n" + hit(1000) + hit(20_000))
    rig.send(from: "b", "END\r\n")
    #expect(rig.got(c) == lines("END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func noTwoRequestsInFlightHaveTheSameOpaque() {
    let rig = Rig(["a", "b"])
    let (c, d) = (rig.open(), rig.open())
    for i in 0..<40 { rig.say(i % 2 == 0 ? c : d, "mg k\(i)") }
    let sent = (rig.asked("a") + rig.asked("b")).split(separator: "\r\n").compactMap {
      $0.split(separator: "O").last
    }
    #expect(sent.count == 40)
    #expect(Set(sent).count == 40)
  }

  static let lies: [(said: String, answer: String, violation: ProtocolViolation)] = [
    ("mg k v", "VA 1 O2\r\nx\r\n", .wrongOpaque),
    ("mg k v", "VA 1\r\nx\r\n", .wrongOpaque),
    ("mg k v O1", "VA 1 O2\r\nx\r\n", .wrongOpaque),
    ("mg k q", "EN O7\r\n", .wrongOpaque),
    ("mg k", "EN\r\n", .wrongOpaque),
    ("md k q", "HD O7\r\n", .wrongOpaque),
    ("mg k k", "HD kj O1\r\n", .wrongKey),
    ("me k", "ME j exp=-1\r\n", .wrongKey),
    ("mg k", "HD O1\r\nHD O1\r\n", .unsolicited),
    ("mg k", "STORED\r\n", .wrongType),
    ("mg k", "END\r\n", .wrongType),
    ("mg k v", "HD O1\r\n", .wrongType),
    ("md k", "VA 1 O1\r\nx\r\n", .wrongType),
    ("mg k v", "VA 99999999999 O1\r\n", .badLength),
    ("mg k v", "VA 1 O1\r\nxyz\r\n", .badLength),
    ("get k", "HD O1\r\n", .wrongType),
    ("get k", "VA 1 O1\r\nx\r\n", .wrongType),
  ]

  @Test(arguments: lies)
  func aWrongMetaReplyClosesTheConnectionAndReachesNoClient(
    _ lie: (said: String, answer: String, violation: ProtocolViolation)
  ) {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    rig.say(c, lie.said)
    _ = rig.asked("a")
    let before = rig.connection("a")
    rig.send(from: "a", lie.answer)
    #expect(rig.effects.contains(.disconnect(connection: before)))
    #expect(rig.count(.integrityFailures) == 1)
    let got = rig.got(c)
    if lie.violation == .unsolicited {
      #expect(got == lines("HD"))
    } else {
      #expect(got == lines("SERVER_ERROR ringroad: a:11211 protocol error"))
    }
    guard case .violation(_, lie.violation, _, _) = rig.events().first else {
      Issue.record("another violation")
      return
    }
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func anOldServersMissHasNoOpaque() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "mg k O5 k v", "mg YSBi b k", "mg k v q", "mn")
    rig.accept(rig.connection("a"), version: "1.6.14")
    rig.reply("a", "EN", "EN", "EN")
    #expect(rig.got(c) == lines("EN", "EN", "MN"))
    #expect(rig.count(.integrityFailures) == 0)
    // Every other reply must return it.
    rig.say(c, "md k")
    rig.reply("a", "HD")
    #expect(rig.count(.integrityFailures) == 1)
  }

  // MARK: - Failures

  /// A failed read returns what a miss returns; a failed write is an error line that names the cause.
  static let failures: [(said: String, miss: String)] = [
    ("mg k v", "EN\r\n"), ("mg k v q", ""), ("mg k k v O5 t", "EN kk O5\r\n"),
    ("mg k t O5 v k", "EN O5 kk\r\n"),
    ("mg k O5 q", ""), ("mg Zm9v b k", "EN kZm9v b\r\n"), ("mg YSBi s b k O5", "EN kYSBi b O5\r\n"),
    ("mg YSBi O5 b s k", "EN O5 kYSBi b\r\n"), ("mg YSBi b k", "EN kYSBi b\r\n"),
    ("mg  Y-SBi  s  b  k ", "EN kYSBi b\r\n"),
    ("me k", "EN\r\n"), ("ms k 1\r\nx", "-"), ("ms k 1 q O5\r\nx", "-"), ("md k", "-"), ("md k q", "-"),
    ("ma k v", "-"), ("ma k q O5", "-"),
  ]

  @Test(arguments: failures, [true, false])
  func aMetaRequestToAFailedServerIsAMissOrAnErrorLine(_ row: (said: String, miss: String), asMiss: Bool) {
    func expected(_ cause: String) -> String {
      asMiss && row.miss != "-" ? row.miss : "SERVER_ERROR ringroad: a:11211 \(cause)\r\n"
    }
    let rig = Rig(["a"]) { $0.missesOnFailure = asMiss }
    let c = rig.open()
    // Behind another request, so that this one does not begin at offset 0.
    rig.say(c, "set k 0 0 1 noreply", "x", row.said, "mn")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(rig.got(c) == expected("connection lost") + "MN\r\n")
    // In time, but behind two late requests.
    rig.say(c, "mg k q", "md other q", row.said, "mn")
    _ = rig.asked("a")
    rig.advance(.milliseconds(600))
    let error = "SERVER_ERROR ringroad: a:11211 timed out\r\n"
    #expect(rig.got(c) == (asMiss ? "" : error) + error + expected("timed out") + "MN\r\n")
    // Not sent at all.
    rig.set(.failFast, "a")
    rig.say(c, row.said, "mn")
    #expect(rig.got(c) == expected("down") + "MN\r\n")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func lateMetaRepliesAreDiscarded() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "mg x v", "ms y 1 q", "z", "mg z O9")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.say(c, "mg w v k O4")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("EN", "SERVER_ERROR ringroad: a:11211 timed out", "EN O9"))
    rig.send(from: "a", lines("VA 1 O1", "1", "HD O2"))
    rig.advance(.milliseconds(300))
    #expect(rig.got(c) == lines("EN kw O4"))
    rig.send(from: "a", lines("EN O9", "VA 1 kw O4", "1"))
    rig.say(c, "mg v v")
    rig.reply("a", "EN O5")
    #expect(rig.got(c) == lines("EN"))
    #expect(rig.count(.lateReplies) == 4)
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aMetaValueThatIsRefusedEarlyIsStillSentToItsEnd() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "ms k 10 O5", "0123456789", "mg k")
    #expect(rig.asked("a", atMost: 15) == "ms k 10 O5\r\n012")
    rig.send(from: "a", "SERVER_ERROR object too large for cache\r\n")
    #expect(rig.got(c) == lines("SERVER_ERROR object too large for cache"))
    #expect(rig.asked("a") == "3456789\r\nmg k O2\r\n")
    rig.send(from: "a", "EN O2\r\n")
    #expect(rig.got(c) == lines("EN"))
    // Success before the end of the value is a violation.
    rig.say(c, "ms k 10 q", "0123456789")
    _ = rig.asked("a", atMost: 15)
    rig.send(from: "a", "HD O3\r\n")
    #expect(rig.count(.integrityFailures) == 1)
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 protocol error"))
  }

  @Test func metaRepliesForAClientThatLeftAreDiscarded() {
    let rig = Rig(["a"])
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "mg k v", "mg YSBi b k", "ms k 1 q", "x")
    rig.say(d, "mg j v")
    _ = rig.asked("a")
    rig.hangUp(c)
    rig.send(from: "a", lines("VA 1 O1", "x", "HD O2", "HD O3", "VA 1 O4", "j"))
    #expect(rig.got(d) == lines("VA 1", "j"))
    rig.hangUp(d)
    #expect(rig.leak == nil)
  }

  @Test func aLegTakesAtMost32Bytes() {
    #expect(MemoryLayout<Leg>.stride <= 32)
  }
}
