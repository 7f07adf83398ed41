import Testing

@testable import Proxy

/// `noreply`: the client gets no reply, the server still sends one, and replies stay matched to requests.
@Suite struct QuietTests {
  static let requests: [(said: String, sent: String, reply: String)] = [
    ("set k 0 0 1 noreply\r\nx\r\n", "set k 0 0 1\r\nx\r\n", "STORED\r\n"),
    ("add k 0 0 1 noreply\r\nx\r\n", "add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
    ("cas k 0 0 1 5 noreply\r\nx\r\n", "cas k 0 0 1 5\r\nx\r\n", "EXISTS\r\n"),
    ("delete k noreply\r\n", "delete k\r\n", "NOT_FOUND\r\n"),
    ("delete k 0 noreply\r\n", "delete k\r\n", "DELETED\r\n"),
    ("incr k 1 noreply\r\n", "incr k 1\r\n", "CLIENT_ERROR cannot increment\r\n"),
    ("decr k 1 noreply\r\n", "decr k 1\r\n", "5\r\n"),
    ("touch k 0 noreply\r\n", "touch k 0\r\n", "TOUCHED\r\n"),
    ("set k 0 0 1 noreply\r\nx\r\n", "set k 0 0 1\r\nx\r\n", "SERVER_ERROR out of memory\r\n"),
    ("flush_all noreply\r\n", "flush_all\r\n", "OK\r\n"),
    ("flush_all 10 noreply\r\n", "flush_all 10\r\n", "OK\r\n"),
  ]

  @Test(arguments: requests)
  func noreplyRequestsGetNoReplyAndOthersStayMatched(_ row: (said: String, sent: String, reply: String)) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, "get one\r\n" + row.said + "get two\r\n")
    #expect(rig.asked("a") == "get one\r\n" + row.sent + "get two\r\n")
    rig.send(from: "a", "VALUE one 0 1\r\n1\r\nEND\r\n" + row.reply + "VALUE two 0 1\r\n2\r\nEND\r\n")
    #expect(rig.got(c) == lines("VALUE one 0 1", "1", "END", "VALUE two 0 1", "2", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test(arguments: requests)
  func noreplyRequestsToAFailedServerFailSilently(_ row: (said: String, sent: String, reply: String)) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, row.said)
    _ = rig.asked("a")
    rig.lose("a")
    rig.say(c, "mn")
    #expect(rig.got(c) == lines("MN"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func refusedNoreplyRequestsAreSilentWhereMemcachedIs() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "incr k x noreply", "set k 0 0 1 noreply", "xyz", "mn")
    // As in memcached, the rest of the bad chunk is read as a command.
    #expect(rig.got(c).hasSuffix(lines("MN")))
    #expect(!rig.got(c).contains("CLIENT_ERROR"))
    #expect(rig.asked("a") == "")
  }

  @Test func aLateReplyToANoreplyRequestIsDiscarded() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "set k 0 0 1 noreply", "x")
    _ = rig.asked("a")
    rig.advance(.milliseconds(500))
    rig.say(c, "get k")
    rig.reply("a", "STORED", "VALUE k 0 1", "x", "END")
    #expect(rig.got(c) == lines("VALUE k 0 1", "x", "END"))
    #expect(rig.count(.integrityFailures) == 0)
  }

  /// The replies parked before and behind an unanswered request leave at different times.
  @Test func anEmptyReplyOutlivesTheRepliesParkedBeforeIt() {
    let rig = Rig()
    let c = rig.open()
    let (a, b, other) = (rig.key(on: "a"), rig.key(on: "b"), rig.key(on: "c"))
    rig.say(c, "get \(a)", "get \(b)", "get \(other)", "md \(b) q Ox")
    rig.reply("b", "END", "HD Ox")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END", "END"))
    rig.reply("c", "END")
    rig.say(c, "mn")
    #expect(rig.got(c) == lines("END", "MN"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test(arguments: [true, false])
  func aClientThatEndedItsInputIsClosedAfterAnEmptyReply(hasQuit: Bool) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "ms k 1 q Ox", "x")
    if hasQuit { rig.say(c, "quit") } else { rig.endInput(c) }
    rig.reply("a", "HD Ox")
    // There is nothing to send, so the edge only checks.
    _ = rig.worker.nextClientToFlush()
    rig.settle()
    #expect(rig.closed == [c])
    #expect(rig.leak == nil)
  }
}
