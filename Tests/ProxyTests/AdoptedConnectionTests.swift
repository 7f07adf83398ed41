import Stats
import Testing

@testable import Proxy

// A server that stays, with other connections or at another address.

extension AdoptionTests {
  // MARK: - Another number of connections

  /// A client's requests go by another connection then; they must not get there before those on the old one.
  @Test(arguments: [(1, 2), (2, 1), (2, 3), (3, 2), (1, 8)])
  func withOtherConnectionsNoRequestOvertakesAnother(_ before: Int, _ after: Int) {
    let rig = Rig(["a"]) { $0.connections = before }
    let clients = (0..<6).map { _ in rig.open() }
    for c in clients { rig.say(c, "set k\(c) 0 0 1 noreply", "1", "incr k\(c) 1") }
    let old = rig.links("a")
    for l in old { _ = rig.asked(l) }
    rig.adopt(["a"]) { $0.connections = after }
    #expect(rig.links("a").count == after)
    for c in clients { rig.say(c, "get k\(c)") }
    for l in rig.links("a") { #expect(rig.asked(l) == "", "the old ones owe answers") }
    for l in old.dropLast() { answer(l) }
    rig.tick()
    for l in rig.links("a") { #expect(rig.asked(l) == "", "one of them still does") }
    if let last = old.last { answer(last) }
    rig.tick()
    for l in rig.links("a") {
      let keys = rig.asked(l).dropFirst(4).dropLast(1).split(separator: " ")
      if !keys.isEmpty { rig.send(from: l, lines(keys.map { "VALUE \($0) 0 1\r\n2" } + ["END"])) }
    }
    for c in clients { #expect(rig.got(c) == lines("2", "VALUE k\(c) 0 1", "2", "END")) }
    for l in old where !rig.links("a").contains(l) { #expect(!rig.isOpen(link: l)) }
    #expect(rig.linkCount == UInt32(after))
    #expect(rig.count(.serverConnections) == after)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil && rig.notices().isEmpty)

    func answer(_ l: UInt32) {
      for c in clients where Int(c) % before == old.firstIndex(of: l) {
        rig.send(from: l, lines("STORED", "2"))
      }
    }
  }

  @Test func withOtherConnectionsWhatIsIdleStays() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    rig.reply("a", "END")
    let old = rig.link("a")
    let orders = rig.orders.count
    rig.adopt(["a"]) { $0.connections = 2 }
    #expect(rig.links("a").first == old)
    #expect(Array(rig.orders[orders...]) == [.connect(link: rig.links("a")[1])])
    rig.adopt(["a"])
    #expect(rig.links("a") == [old])
    rig.tick()
    #expect(rig.linkCount == 1)
  }

  /// Who hangs holds up what comes after for one deadline and no longer.
  @Test func whatTheOldConnectionsNeverAnswerIsNotWaitedForLongerThanItsDeadline() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "set x 0 0 1", "1")
    let old = rig.link("a")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.adopt(["a"]) { $0.connections = 2 }
    rig.say(other, "get x")
    #expect(rig.links("a").allSatisfy { rig.asked($0) == "" })
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    #expect(rig.links("a").map { rig.asked($0) }.joined() == lines("get x"))
    rig.send(from: rig.links("a")[Int(other) % 2], lines("END"))
    #expect(rig.got(other) == lines("END"))
    rig.send(from: old, lines("STORED"))
    rig.tick()
    #expect(!rig.isOpen(link: old))
  }

  /// What is half sent will be done as soon as the other half gets there, however late.
  @Test func whatTheOldConnectionsHaveSentByHalfIsWaitedFor() {
    let rig = Rig(["a"])
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "set x 0 0 3", "old")
    let old = rig.link("a")
    #expect(rig.asked(old, atMost: 14) == "set x 0 0 3\r\no")
    rig.adopt(["a"]) { $0.connections = 2 }
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    rig.say(c, "set x 0 0 3", "new")
    rig.tick()
    #expect(rig.links("a").allSatisfy { rig.asked($0) == "" })
    #expect(rig.asked(old) == "ld\r\n")
    rig.tick()
    #expect(rig.links("a").map { rig.asked($0) }.joined() == lines("set x 0 0 3", "new"))
    rig.send(from: rig.links("a")[Int(c) % 2], lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    rig.hangUp(other)
  }

  @Test func oneThatWaitsAndSaysSomethingIsNotTrusted() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.adopt(["a"]) { $0.connections = 2 }
    let new = rig.links("a")[0]
    rig.send(from: new, lines("END"))
    #expect(rig.orders.last == .disconnect(link: new))
    #expect(rig.count(.integrityFailures) == 1)
  }

  /// A pool that was given another name has the same machines under other numbers.
  @Test func aServerUnderAnotherNumberIsAskedAfterItWasAnswered() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set x 0 0 1 noreply", "1")
    let old = rig.link("a")
    _ = rig.asked("a")
    rig.adopt(["b"]) { $0.members[0].label = "a:11211" }
    rig.say(c, "get x")
    #expect(rig.asked("b") == "")
    rig.send(from: old, lines("STORED"))
    rig.tick()
    #expect(rig.asked("b") == lines("get x"))
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("END"))
  }

  // MARK: - Another address

  @Test func aMoveDrainsWhatIsOnItsWayAndAsksTheNewAddress() {
    let rig = Rig(["a"])
    let c = rig.open()
    let other = rig.open()
    let old = rig.link("a")
    rig.say(c, "get x", "set y 0 0 1", "1")
    _ = rig.asked("a")
    rig.relocate("a")
    let new = rig.link("a")
    #expect(new != old)
    rig.say(other, "get x")
    #expect(rig.asked(new) == lines("get x"))
    rig.send(from: new, lines("VALUE x 0 3", "new", "END"))
    #expect(rig.got(other) == lines("VALUE x 0 3", "new", "END"))
    #expect(!rig.orders.contains(.disconnect(link: old)))
    rig.send(from: old, lines("VALUE x 0 3", "old", "END", "STORED"))
    #expect(rig.got(c) == lines("VALUE x 0 3", "old", "END", "STORED"))
    rig.tick()
    #expect(rig.orders.last == .disconnect(link: old))
    #expect(rig.linkCount == 1)
    #expect(rig.count(.serverConnections) == 1)
    rig.hangUp(c)
    rig.hangUp(other)
    #expect(rig.leak == nil)
  }

  /// Nobody cares how the old machine ends.
  @Test func whatFailsAtTheOldAddressIsNoFailureOfTheServer() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    let old = rig.link("a")
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
    #expect(rig.notices().isEmpty)
    #expect(rig.linkCount == 1)
  }

  @Test func whatWasNotSentYetGoesToTheNewAddress() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "set x 0 0 1", "1")
    let l = rig.link("a")
    rig.relocate("a")
    #expect(rig.orders.suffix(2) == [.disconnect(link: l), .connect(link: l)])
    rig.accept(rig.link("a"))
    rig.reply("a", "STORED")
    #expect(rig.got(c) == lines("STORED"))
    // One that is idle, and one that had been refused.
    rig.relocate("a")
    rig.lose("a", .refused)
    rig.relocate("a")
    #expect(rig.orders.last == .connect(link: l), "at once, whenever the old address was tried last")
    rig.accept(rig.link("a"))
    rig.say(c, "get x")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.serverConnections) == 1)
    #expect(rig.linkCount == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aServerThatIsOutIsNotConnectedToWhenItMoves() {
    let rig = Rig(["a", "b"])
    rig.set(.ejected, "a")
    let orders = rig.orders.count
    rig.relocate("a")
    rig.relocate("z")
    #expect(rig.orders.count == orders)
    rig.set(.up, "a")
    #expect(rig.orders.last == .connect(link: rig.link("a")))
  }

  @Test func everyOneOfSeveralConnectionsMoves() {
    let rig = Rig(["a"]) { $0.connections = 3 }
    let clients = (0..<3).map { _ in rig.open() }
    for c in clients { rig.say(c, "get x") }
    let old = rig.links("a")
    for l in old { _ = rig.asked(l) }
    rig.relocate("a")
    #expect(Set(old).isDisjoint(with: rig.links("a")))
    for c in clients { rig.say(c, "get y") }
    for l in rig.links("a") {
      #expect(rig.asked(l) == lines("get y"))
      rig.send(from: l, lines("END"))
    }
    for l in old { rig.send(from: l, lines("END")) }
    for c in clients { #expect(rig.got(c) == lines("END", "END")) }
    rig.tick()
    #expect(rig.linkCount == 3)
  }
}
