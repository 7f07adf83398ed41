import Stats
import Testing
import Wire

@testable import Proxy

/// A server that sends what cannot be the reply to a request: its connection is closed, its requests fail, and no
/// byte of that reply reaches a client.
@Suite struct IntegrityTests {
  struct Lie: CustomTestStringConvertible, Sendable {
    var request: String
    var answer: String
    var violation: ProtocolViolation
    var testDescription: String { request.debugDescription + " ← " + answer.debugDescription }

    init(_ request: String, _ answer: String, _ violation: ProtocolViolation) {
      self.request = request
      self.answer = answer
      self.violation = violation
    }
  }

  static let lies: [Lie] = [
    Lie("get k\r\n", "VALUE other 0 1\r\nx\r\nEND\r\n", .wrongKey),
    Lie("get k\r\n", "VALUE kk 0 1\r\nx\r\nEND\r\n", .wrongKey),
    Lie("get kk\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n", .wrongKey),
    Lie("get k\r\n", "STORED\r\n", .wrongType),
    Lie("get k\r\n", "VALUE k 0 1\r\nx\r\nSTORED\r\n", .wrongType),
    Lie("get k\r\n", "VALUE k 0 1\r\nxyz\r\nEND\r\n", .badLength),
    Lie("get k\r\n", "VALUE k 0 99999999999\r\n", .badLength),
    Lie("get k\r\n", "VALUE k 0 -1\r\n\r\nEND\r\n", .wrongType),
    Lie("get k\r\n", "VALUE k 0 1 77\r\nx\r\nEND\r\n", .wrongType),
    Lie("gets k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n", .wrongType),
    Lie("get k\r\n", "\u{0}\u{1}\u{2} garbage\r\n", .wrongType),
    Lie("get k j\r\n", "VALUE i 0 1\r\nx\r\nEND\r\n", .wrongKey),
    Lie("get k j\r\n", "VALUE j 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nEND\r\n", .wrongKey),
    Lie("get k j\r\n", "VALUE k 0 1\r\nx\r\nVALUE j 0 1\r\nx\r\nVALUE j 0 1\r\nx\r\nEND\r\n", .wrongKey),
    Lie("get k j\r\n", "VALUE k 0 1\r\nx\r\nVALUE j 0 1\r\nx\r\nVALUE  0 1\r\nx\r\nEND\r\n", .wrongKey),
    Lie("get k j\r\n", "VALUE k 0 1\r\nx\r\nDELETED\r\n", .wrongType),
    Lie("set k 0 0 1\r\nx\r\n", "DELETED\r\n", .wrongType),
    Lie("set k 0 0 1\r\nx\r\n", "END\r\n", .wrongType),
    Lie("set k 0 0 1\r\nx\r\n", "STORED\n", .wrongType),
    Lie("delete k\r\n", "STORED\r\n", .wrongType),
    Lie("delete k\r\n", "TOUCHED\r\n", .wrongType),
    Lie("incr k 1\r\n", "STORED\r\n", .wrongType),
    Lie("incr k 1\r\n", "12x\r\n", .wrongType),
    Lie("touch k 1\r\n", "OK\r\n", .wrongType),
    Lie("version\r\n", "OK\r\n", .wrongType),
    Lie("flush_all\r\n", "STORED\r\n", .wrongType),
    Lie("stats\r\n", "VALUE k 0 1\r\n", .wrongType),
    Lie("get k\r\n", "END\r\nEND\r\n", .unsolicited),
    Lie("delete k\r\n", String(repeating: "D", count: 5000), .lineTooLong),
  ]

  @Test(arguments: lies)
  func aWrongReplyClosesTheConnectionAndReachesNoClient(_ lie: Lie) {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    rig.send(c, lie.request)
    #expect(rig.asked("a") == lie.request)
    let effects = rig.effects.count
    rig.isAccepting = false
    rig.send(from: "a", lie.answer)
    #expect(rig.effects[effects...].first == .disconnect(connection: rig.connection("a")))
    #expect(rig.effects.count - effects == (lie.request == "stats\r\n" ? 2 : 1), "stats are merged")
    let got = rig.got(c)
    if lie.violation == .unsolicited {
      #expect(got == lines("END"), "the first of the two was requested")
    } else {
      #expect(got.hasPrefix("SERVER_ERROR ringroad: ") && got.hasSuffix("\r\n"))
    }
    #expect(rig.count(.integrityFailures) == 1)
    let violation = rig.events().compactMap { workerEvent -> ProtocolViolation? in
      if case .violation(_, let violation, _, _) = workerEvent { return violation }
      return nil
    }
    #expect(violation == [lie.violation])

    // Then it works again.
    rig.isAccepting = true
    rig.say(c, "get k")
    rig.reply("a", "VALUE k 0 1", "y", "END")
    #expect(rig.got(c) == lines("VALUE k 0 1", "y", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test(arguments: lies)
  func aWrongReplyByteByByteReachesNoClient(_ lie: Lie) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, lie.request)
    _ = rig.asked("a")
    for byte in lie.answer.utf8 where rig.count(.integrityFailures) == 0 {
      rig.send(from: "a", String(decoding: [byte], as: UTF8.self))
    }
    #expect(rig.count(.integrityFailures) == 1)
    #expect(!rig.got(c).contains("VALUE"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Bytes lost from a value are made up for by the next reply, or never. No byte of the value is given, unless
  /// that reply or its first line ends where the value would have: then the damaged reply is well-formed.
  @Test(arguments: 1...19, ["md j", "mg j v", "mg j t"])
  func aMetaValueWithMissingBytesIsNotDelivered(lost: Int, next: String) {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "mg k v s")
    rig.say(other, next)
    let opaques = rig.asked("a").split(separator: "\r\n").map {
      $0.split(separator: " ").last.map(String.init) ?? ""
    }
    let (first, second) = (opaques[0], opaques[1])
    let line = (next == "mg j v" ? "VA 3 " : next == "mg j t" ? "HD t-1 " : "HD ") + second + "\r\n"
    let answer = line + (next == "mg j v" ? "abc\r\n" : "")
    rig.send(
      from: "a", "VA 20 s20 \(first)\r\n" + String(repeating: "v", count: 20 - lost) + "\r\n" + answer)
    guard lost != line.utf8.count, lost != answer.utf8.count else { return }
    #expect(rig.waiting(for: c).first != "V")
    rig.advance(.milliseconds(500))
    #expect(rig.got(c).hasPrefix("SERVER_ERROR ringroad: a:11211 "))
    #expect(rig.got(other).hasPrefix("SERVER_ERROR ringroad: a:11211 "))
    rig.hangUp(c)
    rig.hangUp(other)
  }

  /// A client may store a value that contains the next reply.
  @Test func aMetaValueThatContainsTheNextReplyIsDelivered() {
    let rig = Rig(["a"])
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "mg k v O1")
    rig.say(other, "md j O2")
    let value = "text\r\nHD O2"
    _ = rig.asked("a")
    rig.send(from: "a", "VA 11 O1\r\n\(value)\r\nHD O2\r\n")
    #expect(rig.got(c) == "VA 11 O1\r\n\(value)\r\n")
    #expect(rig.got(other) == lines("HD O2"))
    #expect(rig.asked("a") == "")
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    rig.hangUp(other)
    #expect(rig.leak == nil)
  }

  @Test func unsolicitedBytesCloseAConnectionBeforeItIsUsed() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(from: "a", "STORED\r\n")
    #expect(rig.effects.suffix(1) == [.disconnect(connection: rig.connection("a"))])
    rig.say(c, "set k 0 0 1", "x")
    #expect(rig.asked("a") == lines("set k 0 0 1", "x"))
    #expect(rig.waiting(for: c) == "")
    rig.reply("a", "NOT_STORED")
    #expect(rig.got(c) == lines("NOT_STORED"))
  }

  @Test(arguments: [0, 1, 8, 15])
  func aReplyToAnUnsentWriteIsAViolation(sent: Int) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set k 0 0 1", "x")
    #expect(rig.asked("a", atMost: sent).utf8.count == sent)
    rig.send(from: "a", "STORED\r\n")
    #expect(rig.count(.integrityFailures) == 1)
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 protocol error"))
  }

  @Test(arguments: [1, 3, 7])
  func aMissBeforeTheReadWasSentIsAViolation(sent: Int) {
    let rig = Rig(["a"])
    let c = rig.open()
    for keys in ["kkkkkk", "kkkk j"] {
      rig.say(c, "get \(keys)")
      #expect(rig.asked("a", atMost: sent).utf8.count == sent)
      rig.send(from: "a", "END\r\n")
      #expect(rig.got(c) == lines("END"), "a failure, answered as a miss")
    }
    #expect(rig.count(.integrityFailures) == 2)
    #expect(rig.count(.readsAsMisses) == 3)
  }

  /// A value that is too large is refused as soon as the line is read (and then discarded).
  @Test func anErrorReplyMayArriveBeforeTheValueIsSent() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set k 0 0 20", "01234567890123456789", "get j")
    let first = rig.asked("a", atMost: 17)
    rig.send(from: "a", "SERVER_ERROR object too large for cache\r\n")
    #expect(rig.got(c) == lines("SERVER_ERROR object too large for cache"))
    let rest = rig.asked("a", atMost: 10) + rig.asked("a")
    #expect(first + rest == lines("set k 0 0 20", "01234567890123456789", "get j"))
    rig.send(from: "a", "VALUE j 0 1\r\nj\r\nEND\r\n")
    #expect(rig.got(c) == lines("VALUE j 0 1", "j", "END"))
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aConnectionLostAfterAnEarlyErrorFailsOnlyTheRest() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set k 0 0 5", "01234", "delete j")
    _ = rig.asked("a", atMost: 14)
    rig.send(from: "a", "SERVER_ERROR object too large for cache\r\n")
    rig.lose("a")
    #expect(
      rig.got(c)
        == lines(
          "SERVER_ERROR object too large for cache", "SERVER_ERROR ringroad: a:11211 connection lost"))
    #expect(rig.count(.noreplyDropped) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aSecondEarlyReplyIsAViolation() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set k 0 0 5", "01234", "delete j")
    _ = rig.asked("a", atMost: 14)
    rig.send(from: "a", "SERVER_ERROR no\r\nDELETED\r\n")
    #expect(
      rig.got(c) == lines("SERVER_ERROR no", "SERVER_ERROR ringroad: a:11211 protocol error"))
  }

  @Test func aViolationDoesNotAffectOtherConnections() {
    let rig = Rig(["a", "b"])
    let first = rig.open()
    let second = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(first, "delete \(a)", "delete \(b)")
    rig.say(second, "delete \(b)")
    rig.reply("a", "STORED")
    rig.reply("b", "DELETED", "NOT_FOUND")
    #expect(rig.got(first) == lines("SERVER_ERROR ringroad: a:11211 protocol error", "DELETED"))
    #expect(rig.got(second) == lines("NOT_FOUND"))
  }

  /// Bad answers to `version` on a new connection.
  @Test(arguments: ["ERROR\r\n", "STORED\r\n", "VERSION 1\r\nVERSION 1\r\n", "SSH-2.0-OpenSSH\r\n"])
  func aNewConnectionWithABadVersionReplyIsNotUsed(_ handshaking: String) {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "set k 0 0 1", "x")
    rig.worker.dispatcher.upstream.connected(rig.connection("a"), now: rig.now)
    #expect(rig.asked("a") == "", "nothing is sent before `version` is answered")
    rig.send(from: "a", handshaking)
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 protocol error"))
    #expect(rig.effects.last == .disconnect(connection: rig.connection("a")))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aVersionReplyMayArriveInPieces() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "get k")
    rig.worker.dispatcher.upstream.connected(rig.connection("a"), now: rig.now)
    for piece in ["VERS", "ION 1.6", ".40\r", "\n"] {
      #expect(rig.asked("a") == "")
      rig.send(from: "a", piece)
    }
    #expect(rig.asked("a") == lines("get k"))
  }

  /// The header of a value may end where a segment ends.
  @Test(arguments: ["get k\r\n", "gets k\r\n", "get k j\r\n"], ["", "v", "0123456789"])
  func aValueReplyMayBeCutAnywhere(_ request: String, _ value: String) {
    let cas = request.hasPrefix("gets") ? " 5" : ""
    let reply = "VALUE k 0 \(value.count)\(cas)\r\n\(value)\r\nEND\r\n"
    for cut in 1..<reply.count {
      let rig = Rig(["a"])
      let c = rig.open()
      rig.send(c, request)
      _ = rig.asked("a")
      rig.send(from: "a", String(reply.prefix(cut)))
      rig.send(from: "a", String(reply.dropFirst(cut)))
      #expect(rig.got(c) == reply, "cut at \(cut)")
    }
  }
}
