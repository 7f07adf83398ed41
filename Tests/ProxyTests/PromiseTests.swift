import Bytes
import Stats
import Testing
import Topology

@testable import Proxy

/// Failed writes that are answered as if their key did not exist, and the deletions that make that true.
@Suite struct PromiseTests {
  private static func rig(_ names: [String] = ["a"], _ change: (inout Fleet.Options) -> Void = { _ in })
    -> Rig
  {
    Rig(names) {
      $0.writesMissOnFailure = true
      change(&$0)
    }
  }

  /// A server that is up, but refuses connections.
  private static func refusing() -> (Rig, client: Ref<Client>) {
    let rig = rig()
    let c = rig.open()
    rig.isAccepting = false
    rig.lose("a")
    rig.say(c, "get w")
    rig.lose("a", .refused)
    return (rig, c)
  }

  /// Each kind of write, and its answer as a miss.
  static let writes: [(lines: [String], miss: String)] = [
    (["set x 0 0 1", "v"], "NOT_STORED"), (["add x 0 0 1", "v"], "NOT_STORED"),
    (["replace x 0 0 1", "v"], "NOT_STORED"), (["append x 0 0 1", "v"], "NOT_STORED"),
    (["prepend x 0 0 1", "v"], "NOT_STORED"), (["cas x 0 0 1 7", "v"], "NOT_FOUND"),
    (["delete x"], "NOT_FOUND"), (["incr x 1"], "NOT_FOUND"), (["decr x 1"], "NOT_FOUND"),
    (["touch x 9"], "NOT_FOUND"), (["ms x 1", "v"], "NS"), (["ms x 1 k O5 q", "v"], "NS kx O5"),
    (["ms x 1 C7", "v"], "NF"), (["md x"], "NF"), (["md x q O5 k"], "NF O5 kx"), (["ma x N0"], "NF"),
    (["ms eA== 1 b k", "v"], "NS keA== b"),
  ]

  @Test(arguments: writes)
  func aRefusedWriteIsAnsweredAsAMiss(_ row: (lines: [String], miss: String)) {
    let rig = Self.rig()
    let c = rig.open()
    rig.set(.failFast, "a")
    rig.send(c, lines(row.lines))
    #expect(rig.got(c) == lines(row.miss))
    #expect(rig.count(.writesAsMisses) == 1 && rig.count(.serverErrors) == 0)
  }

  @Test(arguments: writes)
  func aRefusedWriteIsAnErrorIfSoConfigured(_ row: (lines: [String], miss: String)) {
    let rig = Self.rig { $0.writesMissOnFailure = false }
    let c = rig.open()
    rig.set(.failFast, "a")
    rig.send(c, lines(row.lines))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 down"))
  }

  /// The deadline has passed: the write may be done at any time, so its key is deleted behind it.
  @Test(arguments: writes)
  func aWriteInDoubtIsFollowedByADeletion(_ row: (lines: [String], miss: String)) {
    let rig = Self.rig()
    let c = rig.open()
    rig.send(c, lines(row.lines))
    _ = rig.asked("a")
    // The server is not silent, so that the connection stays open.
    rig.advance(.milliseconds(400))
    rig.isAccepting = false
    rig.advance(.milliseconds(100))
    #expect(rig.got(c) == lines(row.miss))
    #expect(rig.asked("a") == lines("delete x"))
    rig.say(c, "get x")
    #expect(rig.asked("a") == lines("get x"))
  }

  /// Where a deletion cannot be promised the answer is an error.
  @Test func noDeletionIsPromisedOnAServerWithoutAJournal() {
    let rig = Self.rig { $0.isJournaled = false }
    let c = rig.open()
    rig.say(c, "set x 0 0 1", "v")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 connection lost"))
    rig.set(.failFast, "a")
    rig.say(c, "set x 0 0 1", "v", "delete x")
    #expect(rig.got(c) == lines("NOT_STORED", "SERVER_ERROR ringroad: a:11211 down"))
  }

  /// The connection is lost: the deletion goes ahead of all requests that wait for the next one.
  @Test func theNextConnectionSendsOwedDeletionsFirst() {
    let rig = Self.rig()
    let c = rig.open()
    rig.say(c, "set x 0 0 1", "v", "incr n 1", "get y")
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.lose("a")
    #expect(rig.got(c) == lines("NOT_STORED", "NOT_FOUND", "END"))
    rig.advance(.milliseconds(100))
    rig.say(c, "get x", "set x 0 0 1", "w")
    let l = rig.connection("a")
    rig.accept(l)
    #expect(rig.asked("a") == lines("delete x", "delete n", "get x", "set x 0 0 1", "w"))
    rig.send(from: "a", lines("DELETED", "NOT_FOUND", "END", "STORED"))
    #expect(rig.got(c) == lines("END", "STORED"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// The server is up but refuses connections: a refused delete is owed as well.
  @Test func aRefusedDeleteIsSentOnTheNextConnection() {
    let (rig, c) = Self.refusing()
    _ = rig.got(c)
    rig.say(c, "set y 0 0 1", "v", "delete x", "delete z noreply", "get y")
    #expect(rig.got(c).hasPrefix(lines("NOT_STORED", "NOT_FOUND")))
    rig.advance(.seconds(2))
    rig.say(c, "get x")
    rig.accept(rig.connection("a"))
    #expect(rig.asked("a") == lines("delete x", "delete z", "get x"))
  }

  /// Requests for the same key behind a write in doubt on its connection are in doubt as well: they might show what
  /// the write has done.
  @Test func requestsBehindAWriteInDoubtDoNotSeeIt() {
    let rig = Self.rig()
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "set x 0 0 1", "v")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.say(c, "get x")
    rig.say(d, "get y x", "get y", "add x 0 0 1", "w")
    rig.isAccepting = false
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("NOT_STORED", "END"))
    #expect(rig.asked("a") == lines("delete x", "delete x"))
    // The server does all of it after all.
    rig.send(
      from: "a",
      lines(
        "STORED", "VALUE x 0 1", "v", "VALUE y 0 1", "y", "VALUE x 0 1", "v", "VALUE y 0 1", "y", "END",
        "NOT_STORED", "DELETED", "NOT_FOUND"))
    #expect(rig.got(d) == lines("END", "VALUE y 0 1", "y", "END", "NOT_STORED"))
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    rig.hangUp(d)
    #expect(rig.leak == nil)
  }

  /// A deletion that was promised is promised again when its connection is lost, however late it is.
  @Test func aPromisedDeletionOutlivesItsConnection() {
    let rig = Self.rig()
    let c = rig.open()
    rig.say(c, "set x 0 0 1", "v")
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.advance(.milliseconds(500))
    #expect(rig.asked("a") == lines("delete x"))
    rig.lose("a")
    rig.advance(.seconds(2))
    for l in rig.connecting { rig.accept(l) }
    #expect(rig.asked("a") == lines("delete x"))
    rig.lose("a")
    rig.advance(.seconds(2))
    for l in rig.connecting { rig.accept(l) }
    #expect(rig.asked("a") == lines("delete x"))
    rig.send(from: "a", lines("DELETED"))
    rig.lose("a")
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == ["x"], "in doubt once; another delete does no harm")
  }

  /// The server goes out: the journal has the key.
  @Test func deletionsOwedToAServerThatGoesOutAreInItsJournal() {
    let (rig, c) = Self.refusing()
    rig.say(c, "delete x")
    for _ in 0..<30 {
      rig.advance(.seconds(1))
      rig.sweep()
    }
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == ["x"])
  }

  /// Half of a large value is never stored; a whole one may be, at any time.
  @Test(arguments: [(50, "NOT_STORED"), (1000, "SERVER_ERROR ringroad: a:11211 connection lost")])
  func aLargeValueIsInDoubtOnlyIfAllOfItWasSent(_ sent: Int, _ answer: String) {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    limits.ahead = 4000
    let rig = Rig(["a"], limits: limits) { $0.writesMissOnFailure = true }
    let c = rig.open()
    rig.send(c, "set x 0 0 1000\r\n" + String(repeating: "v", count: 500))
    guard let l = rig.privateConnections.first else { return #expect(Bool(false), "no upload") }
    _ = rig.asked(l, atMost: sent)
    rig.send(c, String(repeating: "v", count: 500) + "\r\n")
    if sent > 500 { _ = rig.asked(l) }
    rig.lose(connection: l)
    #expect(rig.got(c) == lines(answer))
  }

  /// The deletion waits for a new connection. A large value for the same key that did not wait for it would be stored
  /// and then deleted, although its client was told `STORED`.
  @Test(arguments: [("set x 0 0 1000", true), ("ms eA== 1000 b", true), ("set y 0 0 1000", false)])
  func aLargeValueIsStoredAfterAPromisedDeletion(_ line: String, _ isHeld: Bool) {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    let rig = Rig(["a"], limits: limits) { $0.writesMissOnFailure = true }
    let c = rig.open()
    rig.advance(.seconds(2))
    rig.say(c, "set x 0 0 1", "v")
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.lose("a")
    #expect(rig.got(c) == lines("NOT_STORED"))
    rig.send(c, line + "\r\n" + String(repeating: "v", count: 500))
    #expect(rig.privateConnections.isEmpty == isHeld)
    rig.isAccepting = true
    rig.accept(rig.connection("a"))
    #expect(rig.asked("a") == lines("delete x"))
    rig.advance(.milliseconds(10))
    #expect(rig.privateConnections.isEmpty == isHeld)
    rig.send(from: "a", lines("NOT_FOUND"))
    rig.advance(.milliseconds(10))
    #expect(rig.privateConnections.count == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func noDeletionIsPromisedWhenTheProxyShutsDown() {
    let rig = Self.rig()
    let c = rig.open()
    rig.say(c, "set x 0 0 1", "v")
    _ = rig.asked("a")
    rig.worker.giveUp(now: rig.now)
    rig.settle()
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 shutting down"))
  }

  // MARK: - While a server changes its status

  /// Another worker may have learned of the ejection first, and stored a value on the stand-in.
  @Test(arguments: [1, 2]) func aDeleteRefusedBeforeAnEjectionIsSentToTheStandIn(_ connections: Int) {
    let rig = Self.rig(["a", "b"]) { $0.connections = connections }
    let key = rig.key(on: "a")
    let c = rig.open()
    rig.set(.failFast, "a")
    rig.say(c, "delete \(key)", "set \(key) 0 0 1", "v")
    #expect(rig.got(c) == lines("NOT_FOUND", "NOT_STORED"))
    rig.set(.ejected, "a")
    rig.say(c, "get \(key)")
    let asked = rig.connections("b").map { rig.asked($0) }
    #expect(asked.allSatisfy { $0.hasPrefix(lines("delete \(key)")) } && asked.count == connections)
    #expect(asked.filter { $0 == lines("delete \(key)", "get \(key)") }.count == 1)
  }

  @Test func aDeletionThatWaitsForARemovedServerIsReleased() {
    let rig = Self.rig(["a", "b"])
    let key = rig.key(on: "a")
    let c = rig.open()
    rig.set(.failFast, "a")
    rig.say(c, "delete \(key)")
    rig.hangUp(c)
    rig.isAccepting = false
    rig.lose("b")
    rig.set(.ejected, "a")
    #expect(rig.queued("b") > 0)
    rig.apply(["a"])
    rig.tick()
    #expect(rig.leak == nil)
  }

  /// No worker takes that long to learn of an ejection.
  /// The first stand-in is out as well: it is ejected next, or returns.
  @Test(arguments: [ServerStatus.ejected, .up])
  func aDeleteRefusedBeforeTwoEjectionsIsSentToTheLastStandIn(_ next: ServerStatus) throws {
    let rig = Rig { $0.writesMissOnFailure = true }
    let keys = (0..<100).map { rig.key(on: "a", $0) }
    rig.set(.ejected, "a")
    let key = try #require(keys.first { rig.owner(of: $0) == "b" })
    rig.set(.up, "a")
    let c = rig.open()
    rig.set([("a", .failFast), ("b", .failFast)])
    rig.say(c, "delete \(key)")
    #expect(rig.got(c) == lines("NOT_FOUND"))
    rig.set(.ejected, "a")
    #expect(rig.asked("c") == "")
    rig.set(next, "b")
    let last = next == .up ? "b" : "c"
    #expect(rig.asked(last) == lines("delete \(key)"))
  }

  @Test func aDeleteRefusedLongBeforeAnEjectionIsNotSentToTheStandIn() {
    let rig = Self.rig(["a", "b"])
    let key = rig.key(on: "a")
    rig.set(.failFast, "a")
    rig.say(rig.open(), "delete \(key)")
    rig.advance(.seconds(3))
    rig.set(.ejected, "a")
    #expect(!rig.asked("b").contains("delete"))
  }

  /// However small the journal: what was refused after the last cleanup is deleted before anything is read.
  @Test func deletesRefusedWhileAServerReturnsAreSentWhenItIsUp() {
    var limits = Limits()
    limits.journalKeys = 1
    let rig = Rig(["a"], limits: limits) { $0.writesMissOnFailure = true }
    let c = rig.open()
    rig.set(.failFast, "a")
    rig.say(c, "delete before")
    rig.set(.returning, "a")
    rig.say(c, "delete x", "delete y", "delete z")
    #expect(rig.got(c) == lines("NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"))
    rig.set(.up, "a")
    #expect(rig.asked("a") == lines("delete x", "delete y", "delete z"))
  }

  /// The write may lie unread in the old connection: the server gets the time to execute it before its key is deleted.
  @Test func aConnectionThatFollowsOneWithAWriteInDoubtRestsFirst() {
    let rig = Self.rig()
    let c = rig.open()
    rig.say(c, "set x 0 0 1", "v")
    _ = rig.asked("a")
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("NOT_STORED"))
    // The connection was silent for a deadline: another has replaced it at once.
    #expect(rig.worker.dispatcher.upstream.connections[rig.connection("a")].state == .waiting)
    rig.say(c, "get x")
    rig.advance(.milliseconds(90))
    #expect(rig.asked("a") == "")
    rig.advance(.milliseconds(20))
    #expect(rig.asked("a") == lines("delete x", "get x"))
    rig.reply("a", "DELETED", "END")
    #expect(rig.got(c) == lines("END"))
  }

  /// A read behind a write in doubt is not answered from before it, even if unsent requests are dropped in the same tick.
  @Test func aReadBehindAWriteInDoubtFailsWithItWhateverElseIsDropped() throws {
    let rig = Rig(["a"]) {
      $0.writesMissOnFailure = true
      $0.isJournaled = true
    }
    let c = rig.open()
    rig.say(c, "gets z")
    rig.say(c, "delete k")
    _ = rig.asked("a")
    rig.say(c, "gets j")
    rig.advance(.milliseconds(200))
    rig.send(from: "a", lines("END"))
    rig.advance(.milliseconds(100))
    rig.say(c, "gets k")
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("END", "NOT_FOUND", "END", "END"))
    #expect(rig.asked("a") == lines("gets k", "delete k"))
  }
}
