import Stats
import Testing

@testable import Proxy

@Suite struct DeadlineTests {
  @Test func aLateReplyIsDiscardedAndItsNeighboursAreKept() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    // The server is slow on all connections: a replacement's handshake is not answered sooner.
    rig.isAccepting = false
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.say(c, "get y")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    rig.send(from: "a", "VALUE x 0 1\r\nx\r\nEND\r\nVALUE y 0 1\r\ny\r\nEND\r\n")
    #expect(rig.got(c) == lines("VALUE y 0 1", "y", "END"))
    #expect(rig.count(.lateReplies) == 1)
    #expect(rig.count(.timeouts) == 1)
    #expect(!rig.effects.contains(.disconnect(connection: rig.connection("a"))))
    #expect(rig.events().isEmpty, "the server is late, but answers")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aReplyIsInTimeUntilTheDeadline() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.advance(.nanoseconds(499_999_999))
    rig.send(from: "a", "VALUE x 0 1\r\nx\r\nEND\r\n")
    #expect(rig.got(c) == lines("VALUE x 0 1", "x", "END"))
  }

  @Test func aTricklingReplyMissesTheDeadline() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    rig.say(c, "get x")
    _ = rig.asked("a")
    for byte in "VALUE x 0 100\r\n0123456789".utf8 {
      rig.send(from: "a", String(decoding: [byte], as: UTF8.self))
      rig.advance(.milliseconds(20))
    }
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
  }

  @Test func aConnectionIsClosedAfterTwiceTheDeadline() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.advance(.milliseconds(600))
    rig.say(c, "delete y")
    _ = rig.asked("a")
    let effects = rig.effects.count
    rig.advance(.milliseconds(400))
    // It was up for a second, so it is reconnected at once, and its replacement is closed.
    let connection = rig.connection("a")
    #expect(
      rig.effects[effects...].prefix(2) == [
        .disconnect(connection: connection), .connect(connection: connection),
      ])
    #expect(rig.connecting == [connection])
    #expect(
      rig.events() == [
        .failed(server: Fleet.id(of: "a"), .timedOut)
      ])
    #expect(rig.got(c) == lines("END", "SERVER_ERROR ringroad: a:11211 timed out"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func tooManyLateRepliesCloseTheConnection() {
    var limits = Limits()
    limits.lateReplies = 3
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    rig.say(c, "get x", "get x", "get x", "get x")
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.advance(.milliseconds(500))
    #expect(rig.effects.last == .disconnect(connection: rig.connection("a")))
    #expect(rig.got(c) == lines("END", "END", "END", "END"))
  }

  @Test func connectingHasItsOwnDeadline() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "delete x", "get y")
    let begun = rig.now
    rig.advance(.milliseconds(199))
    #expect(rig.waiting(for: c) == "")
    rig.advance(.milliseconds(1))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out", "END"))
    #expect(rig.effects.last == .disconnect(connection: rig.connection("a")))
    #expect(rig.events() == [.unanswered(server: Fleet.id(of: "a"), since: begun)])
  }

  @Test func anUnansweredHandshakeCountsAsConnecting() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "delete x")
    rig.advance(.milliseconds(150))
    rig.worker.dispatcher.upstream.connected(rig.connection("a"), now: rig.now)
    rig.advance(.milliseconds(50))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
  }

  @Test func aRefusedConnectFailsAtOnceAndRetriesAreSpaced() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "delete x")
    rig.lose("a", .refused)
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 refused"))
    rig.say(c, "delete x")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 refused"))
    #expect(rig.connecting.isEmpty)
    rig.advance(.milliseconds(50))
    rig.say(c, "delete x")
    #expect(rig.connecting == [rig.connection("a")])
    rig.accept(rig.connection("a"))
    rig.reply("a", "DELETED")
    #expect(rig.got(c) == lines("DELETED"))
    #expect(rig.events().last == .answered(server: Fleet.id(of: "a")))
  }

  @Test(arguments: [true, false])
  func aReconnectedConnectionKeepsNothingOfTheLostOne(isStillTalking: Bool) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "get w", "get x", "set y 0 0 1", "y")
    _ = rig.asked("a", atMost: 20)
    rig.advance(.milliseconds(500))
    rig.send(from: "a", "VALUE w 0 5\r\nab")
    rig.lose("a")
    #expect(rig.got(c) == lines("END", "END", "SERVER_ERROR ringroad: a:11211 timed out"))
    rig.say(c, "get z")
    if isStillTalking { rig.send(from: "a", "VERSION 1\r\n") }
    #expect(rig.asked("a") == "", "bytes of the old connection are discarded")
    rig.accept(rig.connection("a"))
    #expect(rig.count(.integrityFailures) == 0)
    #expect(rig.asked("a") == lines("get z"), "no request is sent twice")
    rig.advance(.milliseconds(400))
    #expect(rig.waiting(for: c) == "")
    rig.send(from: "a", lines("VALUE z 0 1", "z", "END"))
    #expect(rig.got(c) == lines("VALUE z 0 1", "z", "END"))
    rig.say(c, "delete z")
    _ = rig.asked("a")
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"), "deadlines work again")
    rig.hangUp(c)
    #expect(!rig.effects.suffix(1).contains(.disconnect(connection: rig.connection("a"))))
  }

  /// With a client's timeouts of ten seconds.
  private func patientRig() -> Rig {
    var limits = Limits()
    limits.halfRequestTimeout = .seconds(10)
    limits.unreadTimeout = .seconds(10)
    return Rig(["a"], limits: limits)
  }

  @Test func aClientThatStallsInARequestIsClosed() {
    let rig = patientRig()
    let c = rig.open()
    let idle = rig.open()
    rig.send(c, "set k 0 0 100\r\nabc")
    for _ in 0..<9 {
      rig.advance(.seconds(1))
      rig.send(c, "d")
      rig.sweep()
    }
    #expect(rig.closed.isEmpty)
    rig.advance(.seconds(1))
    rig.sweep()
    #expect(rig.closed == [c])
    rig.hangUp(idle)
    #expect(rig.leak == nil)
  }

  @Test func aLongValueMayTakeLongAsLongAsItKeepsArriving() {
    let rig = patientRig()
    let c = rig.open()
    rig.send(c, "set k 0 0 800000\r\n")
    let piece = String(repeating: "x", count: 20_000)
    for _ in 0..<40 {
      rig.advance(.seconds(1))
      rig.send(c, piece)
      rig.sweep()
    }
    rig.send(c, "\r\n")
    #expect(rig.closed.isEmpty)
    rig.reply("a", "STORED")
    #expect(rig.got(c) == lines("STORED"))
  }

  @Test func aCompleteRequestStopsTheClientsDeadline() {
    let rig = patientRig()
    let c = rig.open()
    rig.send(c, "get")
    rig.advance(.seconds(9))
    rig.send(c, " x\r\n")
    rig.reply("a", "END")
    rig.advance(.seconds(60))
    rig.sweep()
    #expect(rig.closed.isEmpty)
  }

  @Test func aClientThatReadsNoRepliesIsClosed() {
    let rig = patientRig()
    let c = rig.open()
    rig.say(c, "get x")
    rig.reply("a", "VALUE x 0 3", "abc", "END")
    #expect(rig.got(c, atMost: 5).count == 5)
    rig.advance(.seconds(9))
    #expect(rig.got(c, atMost: 5).count == 5, "the client reads, and has ten more seconds")
    rig.advance(.seconds(9))
    rig.sweep()
    #expect(rig.closed.isEmpty)
    _ = rig.got(c, atMost: 0)
    rig.advance(.seconds(1))
    rig.sweep()
    #expect(rig.closed == [c])
    #expect(rig.leak == nil)
  }
}
