import Stats
import Testing
import Topology

@testable import Proxy

/// A new configuration, or a change of a server's status, under traffic.
@Suite struct ReconfigurationTests {
  @Test func unchangedServersKeepTheirConnectionsAndQueues() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "get \(a)", "get \(b) \(a)")
    #expect(rig.asked("a") == lines("get \(a) \(a)"))
    let (connectionA, connectionB) = (rig.connection("a"), rig.connection("b"))
    let effects = rig.effects.count
    rig.apply(["b", "c", "a"])
    #expect(rig.connection("a") == connectionA && rig.connection("b") == connectionB)
    #expect(Array(rig.effects[effects...]) == [.connect(connection: rig.connection("c"))])
    rig.send(from: "a", lines("VALUE \(a) 0 1", "1", "END"))
    rig.reply("b", "VALUE \(b) 0 1", "2", "END")
    #expect(rig.got(c) == lines("VALUE \(a) 0 1", "1", "END", "VALUE \(b) 0 1", "2", "END"))
    let own = rig.key(on: "c")
    rig.say(c, "get \(own)")
    #expect(rig.asked("c") == lines("get \(own)"))
    rig.hangUp(c)
    rig.reply("c", "END")
    #expect(rig.leak == nil)
  }

  @Test func aRemovedServerIsClosedAfterItsLastReplies() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "get \(a)", "set \(a) 0 0 1 noreply", "x")
    #expect(rig.asked("a") == lines("get \(a)", "set \(a) 0 0 1", "x"))
    let (connection, slot) = (rig.connection("a"), rig.slot("a"))
    rig.apply(["b"])
    #expect(!rig.effects.contains(.disconnect(connection: connection)))
    rig.say(c, "get \(a)")
    #expect(rig.asked("b") == lines("get \(a)"), "its keys have moved")
    rig.send(from: connection, lines("VALUE \(a) 0 1", "1", "END"))
    rig.advance(.milliseconds(5))
    #expect(!rig.effects.contains(.disconnect(connection: connection)), "the noreply set is not answered yet")
    rig.send(from: connection, lines("STORED"))
    rig.advance(.milliseconds(5))
    #expect(rig.effects.last == .disconnect(connection: connection))
    #expect(!rig.isOpen(connection: connection) && !rig.isKnown(slot: slot))
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("VALUE \(a) 0 1", "1", "END", "END"))
    #expect(rig.events().isEmpty)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aRemovedServerThatIsStillConnectingGetsItsRequests() {
    let rig = Rig(["a", "b"], isAccepting: false)
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "delete \(a)")
    let connection = rig.connection("a")
    rig.apply(["b"])
    rig.tick()
    #expect(rig.waiting(for: c) == "")
    rig.accept(connection)
    #expect(rig.asked(connection) == lines("delete \(a)"))
    rig.send(from: connection, lines("DELETED"))
    #expect(rig.got(c) == lines("DELETED"))
    rig.tick()
    #expect(!rig.isOpen(connection: connection))
  }

  @Test func aRemovedServerThatNeverAnswersIsClosedAfterItsDeadline() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "delete \(a)")
    _ = rig.asked("a")
    let (connection, slot) = (rig.connection("a"), rig.slot("a"))
    rig.apply(["b"])
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    rig.advance(.milliseconds(500))
    rig.tick()
    #expect(!rig.isOpen(connection: connection) && !rig.isKnown(slot: slot))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aRemovedServerIsNamedInAnswersUntilTheyAreComplete() {
    let rig = Rig(["a", "b"]) { $0.missesOnFailure = false }
    let c = rig.open()
    let keys = [rig.key(on: "a"), rig.key(on: "b")]
    rig.say(c, "get \(keys[0]) \(keys[1])", "stats servers")
    _ = rig.asked("b")
    rig.lose("a")
    rig.apply(["b"])
    rig.apply(["b", "c"])
    rig.tick()
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 connection lost"))
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("STAT a:11211:ringroad_error connection lost", "END"))
    rig.tick()
    #expect(rig.slot("a") == .none)
  }

  @Test func aServerRemovedAndAddedAgainWaitsForItsOldReplies() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "get \(a)")
    _ = rig.asked("a")
    let old = rig.connection("a")
    rig.apply(["b"])
    rig.apply(["a", "b"])
    let new = rig.worker.dispatcher.upstream.servers[rig.worker.dispatcher.upstream.destinations[0].server]
      .connections[0]
    #expect(new != old)
    rig.say(c, "get \(a)")
    #expect(rig.asked(new) == "", "the same machine still owes a reply")
    rig.send(from: old, lines("VALUE \(a) 0 1", "1", "END"))
    rig.tick()
    #expect(rig.asked(new) == lines("get \(a)"))
    rig.send(from: new, lines("VALUE \(a) 0 1", "2", "END"))
    #expect(rig.got(c) == lines("VALUE \(a) 0 1", "1", "END", "VALUE \(a) 0 1", "2", "END"))
  }

  @Test func aReloadChangesTheNumberOfServerConnections() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    let old = rig.connection("a")
    rig.apply(["a"]) { $0.connections = 3 }
    #expect(rig.connections("a").count == 3)
    #expect(rig.connectionCount == 4)
    #expect(rig.asked(old) == lines("get x"))
    rig.send(from: old, lines("END"))
    rig.tick()
    #expect(rig.connectionCount == 3)
    rig.apply(["a"]) { $0.connections = 1 }
    rig.tick()
    #expect(rig.connectionCount == 1)
    #expect(rig.got(c) == lines("END"))
    #expect(rig.events().isEmpty)
  }

  @Test func anEjectedServersKeysMoveAndNoOthers() {
    let rig = Rig()
    let c = rig.open()
    let keys = (0..<300).map { "k\($0)" }
    let before = keys.map { rig.owner(of: $0) }
    let (b, a) = (rig.key(on: "b"), rig.key(on: "a"))
    rig.say(c, "delete \(b)", "get \(a)")
    _ = rig.asked("b")
    rig.set(.ejected, "b")
    // It may have been deleted: the error `ejected` must mean that it was not.
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: b:11211 connection lost"))
    let after = keys.map { rig.owner(of: $0) }
    #expect(!after.contains("b"))
    #expect(zip(before, after).allSatisfy { $0 == "b" || $0 == $1 })
    #expect(Set(zip(before, after).filter { $0.0 == "b" }.map(\.1)) == ["a", "c"])
    rig.say(c, "delete \(b)")
    rig.reply("a", "END")
    rig.reply(rig.owner(of: b), "DELETED")
    #expect(rig.got(c) == lines("END", "DELETED"))

    #expect(rig.held(against: "b") == [b])
    rig.set(.up, "b")
    #expect(keys.map { rig.owner(of: $0) } == before)
    rig.say(c, "delete \(b)")
    rig.reply("b", "NOT_FOUND")
    #expect(rig.got(c) == lines("NOT_FOUND"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test(arguments: [ServerStatus.ejected, .failFast, .returning])
  func onlyUnsentRequestsFailWithDown(_ status: ServerStatus) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "delete sent")
    _ = rig.asked("a")
    rig.say(c, "delete unsent")
    rig.set(status, "a")
    let error = "SERVER_ERROR ringroad: a:11211 "
    #expect(rig.got(c) == lines(error + "connection lost", error + "down"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func failFastKeepsTheRingAndFailsAtOnce() {
    let rig = Rig { $0.missesOnFailure = false }
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.set(.failFast, "b")
    let effects = rig.effects.count
    rig.say(c, "get \(b)", "delete \(b)", "get \(a) \(b)")
    rig.reply("a", "VALUE \(a) 0 1", "a", "END")
    let failed = "SERVER_ERROR ringroad: b:11211 down"
    #expect(rig.got(c) == lines(failed, failed, "VALUE \(a) 0 1", "a", failed))
    #expect(rig.effects.count == effects, "no client's request is a probe")
    #expect(rig.held(against: "b") == [b])
    rig.set(.up, "b")
    rig.say(c, "get \(b)")
    rig.reply("b", "END")
    #expect(rig.got(c) == lines("END"))
  }

  @Test func noServerIsAskedWhenAllAreEjected() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.set(.ejected, "a")
    rig.set(.ejected, "b")
    rig.say(c, "get x", "set x 0 0 1", "1", "get x y")
    let got = rig.got(c)
    #expect(got.hasPrefix(lines("END") + "SERVER_ERROR ringroad: "))
    #expect(got.hasSuffix(lines(" down", "END").dropFirst(0)))
    rig.set(.up, "a")
    rig.say(c, "get x", "get y")
    rig.reply("a", "END", "END")
    #expect(rig.got(c) == lines("END", "END"))
  }

  @Test func aServerThatIsOutFromTheStartIsNotConnectedTo() {
    let rig = Rig(["a"])
    let effects = rig.effects.count
    rig.apply(["a", "b"]) { $0.servers[1].status = .ejected }
    #expect(rig.effects.count == effects)
    #expect(rig.owner(of: rig.key(on: "a")) == "a")
    #expect(rig.key(on: "a", 20) == "k20", "all keys are a's")
    rig.set(.up, "b")
    #expect(rig.effects.last == .connect(connection: rig.connection("b")))
  }

  @Test func aReloadedRequestTimeoutAppliesAtOnce() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    rig.apply(["a"]) { $0.requestTimeout = .milliseconds(20) }
    _ = rig.asked("a")
    rig.advance(.milliseconds(20))
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.timeouts) == 1)
  }

  // MARK: - Rings that a reload keeps

  /// A ring that may have changed gives recorded keys other owners; one that is kept does not.
  @Test(arguments: [true, false])
  func journalForgetsTheOwnersOnlyOfAChangedRing(_ isKept: Bool) {
    let rig = Rig(["a", "b"])
    for key in ["k1", "k2"] {
      _ = rig.worker.dispatcher.invalidation.journal.record(
        Array(key.utf8), of: Fleet.id(of: "a"), against: Fleet.id(of: "b"), isLasting: true, mostKeys: 1,
        mostBytes: .max)
    }
    var plan = Fleet.plan(["a", "b"])
    plan.keptPools = isKept ? [PoolID(0)] : []
    rig.worker.apply(plan, now: rig.now)
    let lost = rig.worker.dispatcher.invalidation.journal.take(Fleet.id(of: "b")).lost
    #expect(lost.areAll != isKept && (lost.ids == [Fleet.id(of: "a")]) == isKept)
  }

  @Test(arguments: [true, false])
  func ejectedServerStaysOutOfAKeptRing(_ isKept: Bool) {
    let rig = Rig(["a", "b"])
    rig.set(.ejected, "a")
    var plan = Fleet.plan(["a", "b"]) { $0.servers[0].status = .ejected }
    plan.keptPools = isKept ? [PoolID(0)] : []
    rig.worker.apply(plan, now: rig.now)
    #expect(rig.key(on: "b", 20) == "k20", "all keys are b's")
    rig.set(.up, "a")
    #expect(rig.owner(of: rig.key(on: "a")) == "a")
  }
}
