import Stats
import Testing

@testable import Proxy

/// Another configuration, or another server's health, in the middle of traffic.
@Suite struct AdoptionTests {
  @Test func unchangedServersKeepTheirConnectionsAndWhatWaitsOnThem() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "get \(a)", "get \(b) \(a)")
    #expect(rig.asked("a") == lines("get \(a)", "get \(a)"))
    let (linkA, linkB) = (rig.link("a"), rig.link("b"))
    let orders = rig.orders.count
    rig.adopt(["b", "c", "a"])
    #expect(rig.link("a") == linkA && rig.link("b") == linkB)
    #expect(Array(rig.orders[orders...]) == [.connect(link: rig.link("c"))])
    rig.send(from: "a", lines("VALUE \(a) 0 1", "1", "END", "END"))
    rig.reply("b", "VALUE \(b) 0 1", "2", "END")
    #expect(rig.got(c) == lines("VALUE \(a) 0 1", "1", "END", "VALUE \(b) 0 1", "2", "END"))
    let own = rig.key(on: "c")
    rig.say(c, "get \(own)")
    #expect(rig.asked("c") == lines("get \(own)"))
    rig.hangUp(c)
    rig.reply("c", "END")
    #expect(rig.leak == nil)
  }

  @Test func aRemovedServerAnswersWhatItWasAskedAndGoes() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "get \(a)", "set \(a) 0 0 1 noreply", "x")
    #expect(rig.asked("a") == lines("get \(a)", "set \(a) 0 0 1", "x"))
    let (link, slot) = (rig.link("a"), rig.slot("a"))
    rig.adopt(["b"])
    #expect(!rig.orders.contains(.disconnect(link: link)))
    rig.say(c, "get \(a)")
    #expect(rig.asked("b") == lines("get \(a)"), "its keys are others' now")
    rig.send(from: link, lines("VALUE \(a) 0 1", "1", "END"))
    rig.advance(.milliseconds(5))
    #expect(!rig.orders.contains(.disconnect(link: link)), "the quiet one is not answered yet")
    rig.send(from: link, lines("STORED"))
    rig.advance(.milliseconds(5))
    #expect(rig.orders.last == .disconnect(link: link))
    #expect(!rig.isOpen(link: link) && !rig.isKnown(slot: slot))
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("VALUE \(a) 0 1", "1", "END", "END"))
    #expect(rig.notices().isEmpty)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aRemovedServerThatIsStillConnectingIsAskedToo() {
    let rig = Rig(["a", "b"], isAccepting: false)
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "delete \(a)")
    let link = rig.link("a")
    rig.adopt(["b"])
    rig.tick()
    #expect(rig.waiting(for: c) == "")
    rig.accept(link)
    #expect(rig.asked(link) == lines("delete \(a)"))
    rig.send(from: link, lines("DELETED"))
    #expect(rig.got(c) == lines("DELETED"))
    rig.tick()
    #expect(!rig.isOpen(link: link))
  }

  @Test func aRemovedServerThatNeverAnswersGoesAtItsDeadline() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "delete \(a)")
    _ = rig.asked("a")
    let (link, slot) = (rig.link("a"), rig.slot("a"))
    rig.adopt(["b"])
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    rig.advance(.milliseconds(500))
    rig.tick()
    #expect(!rig.isOpen(link: link) && !rig.isKnown(slot: slot))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aRemovedServerIsNamedUntilTheAnswerIsMade() {
    let rig = Rig(["a", "b"]) { $0.missesOnFailure = false }
    let c = rig.open()
    let keys = [rig.key(on: "a"), rig.key(on: "b")]
    rig.say(c, "get \(keys[0]) \(keys[1])", "stats servers")
    _ = rig.asked("b")
    rig.lose("a")
    rig.adopt(["b"])
    rig.adopt(["b", "c"])
    rig.tick()
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 connection lost"))
    rig.send(from: "b", lines("END"))
    #expect(rig.got(c) == lines("STAT a:11211:ringroad_error connection lost", "END"))
    rig.tick()
    #expect(rig.slot("a") == .max)
  }

  @Test func aServerThatComesBackIsANewOne() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let a = rig.key(on: "a")
    rig.say(c, "get \(a)")
    _ = rig.asked("a")
    let old = rig.link("a")
    rig.adopt(["b"])
    rig.adopt(["a", "b"])
    let new = rig.worker.servers[rig.worker.lanes[0].server].links[0]
    #expect(new != old)
    rig.say(c, "get \(a)")
    #expect(rig.asked(new) == "", "it is the same machine, and owes an answer")
    rig.send(from: old, lines("VALUE \(a) 0 1", "1", "END"))
    rig.tick()
    #expect(rig.asked(new) == lines("get \(a)"))
    rig.send(from: new, lines("VALUE \(a) 0 1", "2", "END"))
    #expect(rig.got(c) == lines("VALUE \(a) 0 1", "1", "END", "VALUE \(a) 0 1", "2", "END"))
  }

  @Test func connectionsAreAddedAndTakenAway() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    let old = rig.link("a")
    rig.adopt(["a"]) { $0.connections = 3 }
    #expect(rig.links("a").count == 3)
    #expect(rig.linkCount == 4)
    #expect(rig.asked(old) == lines("get x"))
    rig.send(from: old, lines("END"))
    rig.tick()
    #expect(rig.linkCount == 3)
    rig.adopt(["a"]) { $0.connections = 1 }
    rig.tick()
    #expect(rig.linkCount == 1)
    #expect(rig.got(c) == lines("END"))
    #expect(rig.notices().isEmpty)
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
    // It may have been deleted: whoever is told `ejected` may be sure that it was not.
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

  @Test(arguments: [Standing.ejected, .failFast, .returning])
  func onlyWhatWasNeverSentIsToldSo(_ standing: Standing) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "delete sent")
    _ = rig.asked("a")
    rig.say(c, "delete unsent")
    rig.set(standing, "a")
    let error = "SERVER_ERROR ringroad: a:11211 "
    #expect(rig.got(c) == lines(error + "connection lost", error + "ejected"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func failFastKeepsTheRingAndFailsAtOnce() {
    let rig = Rig { $0.missesOnFailure = false }
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.set(.failFast, "b")
    let orders = rig.orders.count
    rig.say(c, "get \(b)", "delete \(b)", "get \(a) \(b)")
    rig.reply("a", "VALUE \(a) 0 1", "a", "END")
    let failed = "SERVER_ERROR ringroad: b:11211 ejected"
    #expect(rig.got(c) == lines(failed, failed, "VALUE \(a) 0 1", "a", failed))
    #expect(rig.orders.count == orders, "no client's request is a probe")
    #expect(rig.held(against: "b") == [b])
    rig.set(.up, "b")
    rig.say(c, "get \(b)")
    rig.reply("b", "END")
    #expect(rig.got(c) == lines("END"))
  }

  @Test func whenAllAreOutNobodyIsAsked() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.set(.ejected, "a")
    rig.set(.ejected, "b")
    rig.say(c, "get x", "set x 0 0 1", "1", "get x y")
    let got = rig.got(c)
    #expect(got.hasPrefix(lines("END") + "SERVER_ERROR ringroad: "))
    #expect(got.hasSuffix(lines(" ejected", "END").dropFirst(0)))
    rig.set(.up, "a")
    rig.say(c, "get x", "get y")
    rig.reply("a", "END", "END")
    #expect(rig.got(c) == lines("END", "END"))
  }

  @Test func aServerThatIsOutFromTheStartIsNotConnectedTo() {
    let rig = Rig(["a"])
    let orders = rig.orders.count
    rig.adopt(["a", "b"]) { $0.members[1].standing = .ejected }
    #expect(rig.orders.count == orders)
    #expect(rig.owner(of: rig.key(on: "a")) == "a")
    #expect(rig.key(on: "a", 20) == "k20", "all keys are a's")
    rig.set(.up, "b")
    #expect(rig.orders.last == .connect(link: rig.link("b")))
  }

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
      let asked = rig.asked(l).split(separator: "\r\n")
      for line in asked { rig.send(from: l, lines("VALUE \(line.dropFirst(4)) 0 1", "2", "END")) }
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

  @Test func limitsChangeAtOnce() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    rig.adopt(["a"]) { $0.requestTimeout = .milliseconds(20) }
    _ = rig.asked("a")
    rig.advance(.milliseconds(20))
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.timeouts) == 1)
  }
}
