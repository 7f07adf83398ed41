import Bytes
import Stats
import Testing

@testable import Proxy

/// One client's requests for one key are executed in the order in which it sent them, on whatever connections, and a
/// request reported as failed is not executed after a later one was answered.
@Suite struct OvertakingTests {
  private func rig(connections: Int = 1) -> Rig {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    return Rig(["a"], limits: limits) { $0.connections = connections }
  }

  private let timedOut = lines("SERVER_ERROR ringroad: a:11211 timed out")
  private let long = String(repeating: "v", count: 1000)

  /// Sends the line of a set of this key, and the first half of its large value.
  private func begin(_ c: Ref<Client>, _ key: String, _ rig: Rig) {
    rig.send(c, "set \(key) 0 0 1000\r\n\(long.prefix(500))")
  }

  /// Sends the rest, and the server stores it.
  private func end(_ c: Ref<Client>, _ key: String, _ rig: Rig) throws {
    let own = try #require(rig.privateConnections.first)
    #expect(rig.asked(own) == "set \(key) 0 0 1000\r\n\(long.prefix(500))")
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(rig.asked(own) == "\(long.dropFirst(500))\r\n")
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
  }

  // MARK: - Requests that were not sent in time

  @Test(arguments: [
    "set k 0 0 3\r\nold\r\n", "set k 0 0 3 noreply\r\nold\r\n", "delete k\r\n", "get k\r\n", "get k j\r\n",
    "ms k 3\r\nold\r\n", "md k q\r\n", "flush_all\r\n", "stats\r\n",
  ])
  func aRequestNotSentByItsDeadlineIsNeverSent(_ request: String) {
    let rig = rig()
    let (first, c, next) = (rig.open(), rig.open(), rig.open())
    // The server is slow on all connections: a replacement's handshake is not answered sooner.
    rig.isAccepting = false
    rig.say(first, "set j 0 0 1", "j", "get i")
    #expect(rig.asked("a", atMost: 18) == lines("set j 0 0 1", "j") + "ge")
    rig.advance(.milliseconds(100))
    rig.send(c, request)
    rig.advance(.milliseconds(100))
    rig.say(next, "get l")
    rig.advance(.milliseconds(300))
    #expect(rig.got(first) == timedOut + lines("END"))
    rig.advance(.milliseconds(100))
    #expect((rig.got(c) == "") == request.contains("noreply"))
    #expect(rig.got(next) == "")
    #expect(rig.asked("a") == "t i\r\n" + lines("get l"))
    rig.send(from: "a", lines("STORED", "END", "VALUE l 0 1", "l", "END"))
    #expect(rig.got(next) == lines("VALUE l 0 1", "l", "END"))
    #expect(rig.got(first) + rig.got(c) == "")
    #expect(rig.count(.timeouts) == 3 && rig.count(.lateReplies) == 2)
    for client in [first, c, next] { rig.hangUp(client) }
    #expect(rig.leak == nil)
  }

  /// It is still reported as a failure of the server, once per deadline.
  @Test func aConnectionThatAcceptsNoBytesIsReportedAsAFailure() {
    let rig = rig()
    let c = rig.open()
    for n in 1...3 {
      rig.say(c, "set k 0 0 1", "1")
      rig.advance(.milliseconds(500))
      #expect(rig.got(c) == timedOut)
      #expect(rig.events().filter { $0 == .failed(server: Fleet.id(of: "a"), .timedOut) }.count == 1)
      #expect(rig.queued("a") == 0 && rig.count(.timeouts) == n)
    }
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A write that waited in vain must not be done after a newer one on another connection.
  @Test func anOverdueUnsentWriteIsNotDoneAfterANewerLargeOne() throws {
    let rig = rig()
    let (other, c) = (rig.open(), rig.open())
    rig.say(other, "get j")
    _ = rig.asked("a")
    rig.say(c, "set k 0 0 3", "old")
    rig.isAccepting = false
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == timedOut)
    begin(c, "k", rig)
    rig.accept(try #require(rig.privateConnections.first))
    try end(c, "k", rig)
    #expect(rig.asked("a") == "")
  }

  // MARK: - Requests that were sent

  /// Only its reply shows that it is done before a later request on another connection.
  @Test(arguments: [3, 14, 20], [true, false])
  func aLargeWriteWaitsForAnEarlierWriteThatIsLate(bytes: Int, isAnswered: Bool) throws {
    let rig = rig()
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "set k 0 0 3", "old")
    #expect(rig.asked("a", atMost: bytes).isEmpty == false)
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == timedOut)
    rig.isAccepting = isAnswered
    begin(c, "k", rig)
    rig.advance(.milliseconds(100))
    #expect(rig.privateConnections.isEmpty && rig.paused == [c])
    guard isAnswered else {
      rig.advance(.milliseconds(399))
      #expect(rig.privateConnections.isEmpty && rig.got(c) == "")
      // The old one is given up as well, and its connection closed; but the new one has waited as long.
      rig.hangUp(c)
      rig.advance(.milliseconds(100))
      #expect(rig.leak == nil)
      return
    }
    rig.reply("a", "STORED")
    #expect(rig.privateConnections.isEmpty)
    rig.tick()
    try end(c, "k", rig)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Its client gets an error when that takes a whole deadline.
  @Test(arguments: ["set k 0 0 1000", "set k 0 0 1000 noreply", "ms k 1000", "ms aw== 1000 b"])
  func aLargeWriteWaitsNoLongerThanItsDeadline(_ line: String) {
    let rig = rig()
    let c = rig.open()
    // No other connection replaces it.
    rig.isAccepting = false
    rig.say(c, "delete k noreply")
    _ = rig.asked("a")
    rig.advance(.milliseconds(499))
    rig.send(c, "\(line)\r\n\(long.prefix(500))")
    for _ in 0..<49 { rig.advance(.milliseconds(10)) }
    #expect(rig.got(c) == "" && rig.paused == [c])
    rig.advance(.milliseconds(10))
    #expect(rig.privateConnections.isEmpty && rig.paused.isEmpty && rig.count(.timeouts) == 2)
    rig.send(c, "\(long.dropFirst(500))\r\nmn\r\n")
    #expect(rig.got(c) == (line.contains("noreply") ? "" : timedOut) + lines("MN"))
    rig.hangUp(c)
    rig.send(from: "a", lines("DELETED"))
    #expect(rig.leak == nil)
  }

  /// No client waits for the replies to `noreply` writes, but these must still be done in their order.
  @Test(arguments: [
    ("set k 0 0 3 noreply\r\nold\r\n", "STORED", true), ("delete k noreply\r\n", "DELETED", true),
    ("flush_all noreply\r\n", "OK", true), ("set j 0 0 3 noreply\r\nold\r\n", "STORED", false),
    ("md aw== b q\r\n", nil, false),
  ])
  func aLargeWriteWaitsForNoreplyWritesInFlightToItsKey(_ first: String, _ reply: String?, _ waits: Bool)
    throws
  {
    let rig = rig()
    let c = rig.open()
    rig.send(c, first)
    _ = rig.asked("a")
    begin(c, "k", rig)
    guard let reply else {
      // A request that gets a reply is waited for anyway.
      #expect(rig.privateConnections.isEmpty)
      return
    }
    #expect(rig.privateConnections.isEmpty == waits)
    rig.send(from: "a", lines(reply))
    rig.tick()
    try end(c, "k", rig)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Otherwise it might wait for ever.
  @Test func aLargeWriteDoesNotWaitForOtherClientsLaterRequests() throws {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "delete k noreply")
    _ = rig.asked("a")
    begin(c, "k", rig)
    rig.advance(.milliseconds(10))
    rig.say(other, "incr k 1")
    _ = rig.asked("a")
    #expect(rig.privateConnections.isEmpty)
    rig.send(from: "a", lines("DELETED"))
    rig.tick()
    try end(c, "k", rig)
    rig.send(from: "a", lines("NOT_FOUND"))
    #expect(rig.got(other) == lines("NOT_FOUND"))
  }

  /// A read changes nothing, and other clients' requests use other connections.
  @Test func aLargeWriteDoesNotWaitForReadsOrOtherConnections() throws {
    let rig = rig(connections: 2)
    let (c, other) = (rig.open(), rig.open())
    rig.say(other, "delete k noreply")
    rig.say(c, "get k", "mg k v")
    rig.isAccepting = false
    _ = rig.connections("a").map { rig.asked($0) }
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("END", "EN"))
    begin(c, "k", rig)
    rig.accept(try #require(rig.privateConnections.first))
    try end(c, "k", rig)
  }

  @Test func aWaitingLargeWriteOfAClientThatLeavesIsDiscarded() {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "delete k noreply")
    _ = rig.asked("a")
    begin(c, "k", rig)
    rig.hangUp(c)
    rig.tick()
    rig.send(from: "a", lines("DELETED"))
    #expect(rig.leak == nil && rig.privateConnections.isEmpty)
  }
}
