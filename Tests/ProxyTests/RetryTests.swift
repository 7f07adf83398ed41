import Bytes
import Stats
import Testing

@testable import Proxy

/// Reads on a connection that has gone stale.
@Suite struct RetryTests {
  /// A rig with a server that was idle for this long, and a client; no tick has marked the connection as idle.
  private func idle(
    _ idling: Duration = .seconds(60), _ names: [String] = ["a"],
    _ change: (inout Fleet.Options) -> Void = { _ in }
  ) -> (Rig, Ref<Client>) {
    let rig = Rig(names, change)
    rig.advance(idling, ticking: false)
    return (rig, rig.open())
  }

  static let reads: [(asked: String, reply: [String], got: [String])] = [
    ("get x", ["VALUE x 0 1", "x", "END"], ["VALUE x 0 1", "x", "END"]),
    ("gets x", ["VALUE x 0 1 9", "x", "END"], ["VALUE x 0 1 9", "x", "END"]),
    ("get x y", ["VALUE y 0 1", "y", "END"], ["VALUE y 0 1", "y", "END"]),
    ("mg x v k O7", ["VA 1 kx O7", "x"], ["VA 1 kx O7", "x"]),
    ("me x", ["ME x exp=-1"], ["ME x exp=-1"]),
  ]

  @Test(arguments: reads)
  func aReadOnAStaleConnectionIsSentOnceMore(_ row: (asked: String, reply: [String], got: [String])) {
    let (rig, c) = idle()
    rig.say(c, row.asked)
    let first = rig.asked("a")
    rig.lose("a")
    #expect(rig.waiting(for: c) == "")
    #expect(rig.asked("a") == first)
    rig.send(from: "a", lines(row.reply))
    #expect(rig.got(c) == lines(row.got))
    #expect(rig.count(.readRetries) == 1)
    #expect(rig.count(.requestsForwarded) == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  static let others = [
    "gat 0 x", "gats 0 x", "gat 0 x y", "mg x v N30", "mg x v R30", "mg x v T30", "mg x N0 v", "md x", "ma x",
    "delete x", "incr x 1", "touch x 0", "stats", "version", "flush_all",
  ]

  @Test(arguments: others)
  func onlyReadsAreResentAfterAStaleConnection(_ request: String) {
    let (rig, c) = idle { $0.missesOnFailure = false }
    rig.say(c, request)
    #expect(rig.asked("a") != "")
    rig.lose("a")
    #expect(rig.got(c).contains("SERVER_ERROR ringroad: "))
    #expect(rig.asked("a") == "")
    #expect(rig.count(.readRetries) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func storesOnAStaleConnectionAreNotResent() {
    let (rig, c) = idle()
    rig.say(c, "set x 0 0 1", "1", "append x 0 0 1", "2", "ms x 1", "3", "set x 0 0 1 noreply", "4")
    _ = rig.asked("a")
    rig.lose("a")
    let lost = lines("SERVER_ERROR ringroad: a:11211 connection lost")
    #expect(rig.got(c) == lost + lost + lost)
    #expect(rig.asked("a") == "")
  }

  @Test func aReadIsResentOnlyOnce() {
    let (rig, c) = idle { $0.missesOnFailure = false }
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.lose("a")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 connection lost"))
    #expect(rig.count(.readRetries) == 1)
  }

  @Test func aResentReadKeepsItsFirstDeadline() {
    let (rig, c) = idle()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.lose("a")
    _ = rig.asked("a")
    rig.advance(.milliseconds(190))
    #expect(rig.waiting(for: c) == "")
    rig.advance(.milliseconds(10))
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.timeouts) == 1)
  }

  @Test func readsFailWhenAStaleConnectionCannotBeReopened() {
    let (rig, c) = idle { $0.missesOnFailure = false }
    rig.isAccepting = false
    rig.say(c, "get x", "get x y")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(rig.waiting(for: c) == "")
    rig.lose("a", .refused)
    let refused = lines("SERVER_ERROR ringroad: a:11211 refused")
    #expect(rig.got(c) == refused + refused)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aBusyConnectionIsNotStale() {
    let (rig, c) = idle()
    rig.say(c, "get w")
    rig.reply("a", "END")
    _ = rig.got(c)
    rig.advance(.milliseconds(999))
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.readRetries) == 0)
  }

  @Test func aConnectionThatDeliveredBytesIsNotStale() {
    let (rig, c) = idle()
    rig.say(c, "get x", "get y")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE x 0 5\r\nab")
    rig.lose("a")
    #expect(rig.got(c) == lines("END", "END"))
    #expect(rig.count(.readRetries) == 0)
  }

  /// A wrong reply is no sign of a stale connection.
  @Test func nothingIsResentAfterAViolation() {
    let (rig, c) = idle()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.send(from: "a", "STORED\r\n")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.readRetries) == 0)
  }

  @Test func laterRequestsAreSentAfterResentReads() {
    let (rig, c) = idle()
    rig.isAccepting = false
    rig.say(c, "get x", "set x 0 0 1", "1", "get x")
    _ = rig.asked("a")
    rig.lose("a")
    rig.say(c, "set x 0 0 1", "2", "get x")
    rig.accept(rig.connection("a"))
    #expect(rig.asked("a") == lines("get x", "set x 0 0 1", "2", "get x"))
    rig.send(
      from: "a",
      lines("VALUE x 0 1", "1", "END", "STORED", "VALUE x 0 1", "2", "END"))
    #expect(
      rig.got(c)
        == lines(
          "END", "SERVER_ERROR ringroad: a:11211 connection lost", "VALUE x 0 1", "1", "END", "STORED",
          "VALUE x 0 1", "2", "END"))
  }

  @Test func eachServersShareOfAMultiGetIsResentSeparately() {
    let (rig, c) = idle(.seconds(5), ["a", "b"])
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "get \(a) \(b)")
    rig.reply("b", "VALUE \(b) 0 1", "b", "END")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(rig.asked("a") == lines("get \(a)"))
    #expect(rig.asked("b") == "")
    rig.send(from: "a", lines("VALUE \(a) 0 1", "a", "END"))
    #expect(rig.got(c) == lines("VALUE \(a) 0 1", "a", "VALUE \(b) 0 1", "b", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func staleReadsOfAClientThatLeftAreCleanedUp() {
    let (rig, c) = idle()
    rig.say(c, "get x", "get x y")
    _ = rig.asked("a")
    rig.hangUp(c)
    rig.lose("a")
    rig.reply("a", "END", "END")
    #expect(rig.leak == nil)
  }
}
