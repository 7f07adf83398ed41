import Bytes
import Stats
import Testing

@testable import Proxy

// Servers that stay, with another number of connections or at a new address.

extension ReconfigurationTests {
  // MARK: - Another number of connections

  /// A client's requests then use another connection; they must not overtake those on the old one.
  @Test(arguments: [(1, 2), (2, 1), (2, 3), (3, 2), (1, 8)])
  func noRequestOvertakesAnotherWhenTheNumberOfConnectionsChanges(_ before: Int, _ after: Int) {
    let rig = Rig(["a"]) { $0.connections = before }
    let clients = (0..<6).map { _ in rig.open() }
    for c in clients { rig.say(c, "set k\(c) 0 0 1 noreply", "1", "incr k\(c) 1") }
    let old = rig.connections("a")
    for l in old { _ = rig.asked(l) }
    rig.apply(["a"]) { $0.connections = after }
    #expect(rig.connections("a").count == after)
    for c in clients { rig.say(c, "get k\(c)") }
    for l in rig.connections("a") { #expect(rig.asked(l) == "", "the old connections owe replies") }
    for l in old.dropLast() { answer(l) }
    rig.tick()
    for l in rig.connections("a") { #expect(rig.asked(l) == "", "one of them still owes replies") }
    if let last = old.last { answer(last) }
    rig.tick()
    for l in rig.connections("a") {
      let keys = rig.asked(l).dropFirst(4).dropLast(1).split(separator: " ")
      if !keys.isEmpty { rig.send(from: l, lines(keys.map { "VALUE \($0) 0 1\r\n2" } + ["END"])) }
    }
    for c in clients { #expect(rig.got(c) == lines("2", "VALUE k\(c) 0 1", "2", "END")) }
    for l in old where !rig.connections("a").contains(l) { #expect(!rig.isOpen(connection: l)) }
    #expect(rig.connectionCount == UInt32(after))
    #expect(rig.count(.serverConnections) == after)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil && rig.events().isEmpty)

    func answer(_ l: Ref<ServerConnection>) {
      for c in clients where Int(c.index) % before == old.firstIndex(of: l) {
        rig.send(from: l, lines("STORED", "2"))
      }
    }
  }

  @Test func anIdleConnectionIsKeptWhenTheNumberOfConnectionsChanges() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    rig.reply("a", "END")
    let old = rig.connection("a")
    let effects = rig.effects.count
    rig.apply(["a"]) { $0.connections = 2 }
    #expect(rig.connections("a").first == old)
    #expect(Array(rig.effects[effects...]) == [.connect(connection: rig.connections("a")[1])])
    rig.apply(["a"])
    #expect(rig.connections("a") == [old])
    rig.tick()
    #expect(rig.connectionCount == 1)
  }

  /// A server that hangs delays later requests for one deadline and no longer.
  @Test func newConnectionsWaitForOldRepliesOnlyUntilTheirDeadline() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "set x 0 0 1", "1")
    let old = rig.connection("a")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.apply(["a"]) { $0.connections = 2 }
    rig.say(other, "get x")
    #expect(rig.connections("a").allSatisfy { rig.asked($0) == "" })
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    #expect(rig.connections("a").map { rig.asked($0) }.joined() == lines("get x"))
    rig.send(from: rig.connections("a")[Int(other.index) % 2], lines("END"))
    #expect(rig.got(other) == lines("END"))
    rig.send(from: old, lines("STORED"))
    rig.tick()
    #expect(!rig.isOpen(connection: old))
  }

  /// A half-sent request is executed as soon as its other half arrives, however late.
  @Test func newConnectionsWaitForHalfSentRequestsOnOldOnes() {
    let rig = Rig(["a"])
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "set x 0 0 3", "old")
    let old = rig.connection("a")
    #expect(rig.asked(old, atMost: 14) == "set x 0 0 3\r\no")
    rig.apply(["a"]) { $0.connections = 2 }
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    rig.say(c, "set x 0 0 3", "new")
    rig.tick()
    #expect(rig.connections("a").allSatisfy { rig.asked($0) == "" })
    #expect(rig.asked(old) == "ld\r\n")
    rig.tick()
    #expect(rig.connections("a").map { rig.asked($0) }.joined() == lines("set x 0 0 3", "new"))
    rig.send(from: rig.connections("a")[Int(c.index) % 2], lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    rig.hangUp(other)
  }

  @Test func unsolicitedBytesCloseAWaitingConnection() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.apply(["a"]) { $0.connections = 2 }
    let new = rig.connections("a")[0]
    rig.send(from: new, lines("END"))
    #expect(rig.effects.last == .disconnect(connection: new))
    #expect(rig.count(.integrityFailures) == 1)
  }

  /// A renamed pool has the same machines under new ids.
  @Test func aServerUnderANewIDWaitsForItsOldReplies() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set x 0 0 1 noreply", "1")
    let old = rig.connection("a")
    _ = rig.asked("a")
    rig.apply(["b"]) { $0.servers[0].label = "a:11211" }
    rig.say(c, "get x")
    #expect(rig.asked("b") == "")
    rig.send(from: old, lines("STORED"))
    rig.tick()
    #expect(rig.asked("b") == lines("get x"))
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("END"))
  }

  // MARK: - A new address

  @Test func aMoveDrainsTheOldAddressAndUsesTheNewOne() {
    let rig = Rig(["a"])
    let c = rig.open()
    let other = rig.open()
    let old = rig.connection("a")
    rig.say(c, "get x", "set y 0 0 1", "1")
    _ = rig.asked("a")
    rig.relocate("a")
    let new = rig.connection("a")
    #expect(new != old)
    rig.say(other, "get x")
    #expect(rig.asked(new) == lines("get x"))
    rig.send(from: new, lines("VALUE x 0 3", "new", "END"))
    #expect(rig.got(other) == lines("VALUE x 0 3", "new", "END"))
    #expect(!rig.effects.contains(.disconnect(connection: old)))
    rig.send(from: old, lines("VALUE x 0 3", "old", "END", "STORED"))
    #expect(rig.got(c) == lines("VALUE x 0 3", "old", "END", "STORED"))
    rig.tick()
    #expect(rig.effects.last == .disconnect(connection: old))
    #expect(rig.connectionCount == 1)
    #expect(rig.count(.serverConnections) == 1)
    rig.hangUp(c)
    rig.hangUp(other)
    #expect(rig.leak == nil)
  }

  /// How the old machine ends does not matter.
  @Test func failuresAtAServersOldAddressAreNotReported() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    let old = rig.connection("a")
    rig.say(c, "get x")
    rig.advance(.milliseconds(300))
    rig.say(c, "delete y")
    _ = rig.asked("a")
    rig.relocate("a")
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    rig.worker.lost(old, .connectionLost, now: rig.now)
    rig.settle()
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 connection lost"))
    rig.tick()
    #expect(rig.events().isEmpty)
    #expect(rig.connectionCount == 1)
  }

  @Test func unsentRequestsGoToAServersNewAddress() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "set x 0 0 1", "1")
    let l = rig.connection("a")
    rig.relocate("a")
    #expect(rig.effects.suffix(2) == [.disconnect(connection: l), .connect(connection: l)])
    rig.accept(rig.connection("a"))
    rig.reply("a", "STORED")
    #expect(rig.got(c) == lines("STORED"))
    // An idle connection, and one that was refused.
    rig.relocate("a")
    rig.lose("a", .refused)
    rig.relocate("a")
    #expect(rig.effects.last == .connect(connection: l), "at once, whenever the old address was tried last")
    rig.accept(rig.connection("a"))
    rig.say(c, "get x")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.serverConnections) == 1)
    #expect(rig.connectionCount == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aServerThatIsOutIsNotConnectedToWhenItMoves() {
    let rig = Rig(["a", "b"])
    rig.set(.ejected, "a")
    let effects = rig.effects.count
    rig.relocate("a")
    rig.relocate("z")
    #expect(rig.effects.count == effects)
    rig.set(.up, "a")
    #expect(rig.effects.last == .connect(connection: rig.connection("a")))
  }

  @Test func allConnectionsOfAServerMove() {
    let rig = Rig(["a"]) { $0.connections = 3 }
    let clients = (0..<3).map { _ in rig.open() }
    for c in clients { rig.say(c, "get x") }
    let old = rig.connections("a")
    for l in old { _ = rig.asked(l) }
    rig.relocate("a")
    #expect(Set(old).isDisjoint(with: rig.connections("a")))
    for c in clients { rig.say(c, "get y") }
    for l in rig.connections("a") {
      #expect(rig.asked(l) == lines("get y"))
      rig.send(from: l, lines("END"))
    }
    for l in old { rig.send(from: l, lines("END")) }
    for c in clients { #expect(rig.got(c) == lines("END", "END")) }
    rig.tick()
    #expect(rig.connectionCount == 3)
  }
}
