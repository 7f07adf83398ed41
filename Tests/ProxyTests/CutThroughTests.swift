import Stats
import Testing

@testable import Proxy

/// Values that could be held are passed on as they come where nobody has to wait for that.
@Suite struct CutThroughTests {
  private func rig(_ change: (inout Limits) -> Void = { _ in }) -> Rig {
    var limits = Limits()
    limits.cutThrough = 100
    limits.ahead = 200
    change(&limits)
    return Rig(["a"], limits: limits)
  }

  /// A client whose value is underway, and the connection that it has; what came of it until now is sent.
  private func begun(_ rig: Rig) throws -> (client: UInt32, connection: UInt32) {
    let c = rig.open()
    store(rig)
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    return (c, own)
  }

  private let long = String(repeating: "v", count: 1000)

  /// Says that a value comes, and the first half of it.
  private func begin(_ c: UInt32, _ key: String, _ rig: Rig) {
    rig.send(c, "set \(key) 0 0 1000\r\n\(long.prefix(500))")
  }

  /// A value that is held.
  private func hold(_ c: UInt32, _ rig: Rig) {
    begin(c, "k", rig)
    #expect(rig.privateConnections.isEmpty)
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(rig.asked("a") == lines("set k 0 0 1000", long))
    rig.send(from: "a", lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
  }

  /// A value of another client's, after which the next is not the first in a while.
  private func store(_ rig: Rig) {
    let c = rig.open()
    hold(c, rig)
    rig.hangUp(c)
  }

  /// The rest of a value that is passed on, its answer, and what it was asked behind it.
  private func end(_ c: UInt32, _ rig: Rig, ahead: String = "") throws {
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.send(c, "\(long.dropFirst(500))\r\n" + ahead)
    #expect(rig.asked(own) == "\(long.dropFirst(500))\r\n")
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
  }

  @Test func theFirstInAWhileIsHeldAndTheNextOfAnotherClientIsPassedOn() throws {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    for _ in 0..<2 {
      for _ in 0..<2 { hold(c, rig) }
      begin(other, "k", rig)
      let own = try #require(rig.privateConnections.first)
      #expect(rig.asked(own) == "set k 0 0 1000\r\n\(long.prefix(500))")
      try end(other, rig)
      rig.advance(.seconds(1))
      rig.sweep()
    }
    #expect(rig.count(.streamedValues) == 2)
    for one in [c, other] { rig.hangUp(one) }
    #expect(rig.leak == nil)
  }

  /// What is there as a whole, or short, gains nothing by it.
  @Test(arguments: [(80, 40), (1000, 1002)])
  func aShortValueAndAWholeOneTakeTheSharedConnection(length: Int, come: Int) {
    let rig = rig()
    let c = rig.open()
    store(rig)
    rig.send(
      c, "set k 0 0 \(length)\r\n" + (String(repeating: "v", count: length) + "\r\n").prefix(come))
    #expect(rig.privateConnections.isEmpty)
  }

  /// Its client would have to wait for its answer before the next is taken, or it for what was asked before.
  @Test(arguments: [
    "set k 0 0 1000 noreply\r\n", "ms k 1000 q\r\n", "get j\r\nset k 0 0 1000\r\n",
    "delete k noreply\r\nset k 0 0 1000\r\n",
  ])
  func aValueOfWhoAsksWithoutWaitingIsHeld(request: String) {
    let rig = rig()
    let c = rig.open()
    store(rig)
    rig.send(c, request + long.prefix(500))
    #expect(rig.privateConnections.isEmpty && rig.paused.isEmpty)
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(rig.asked("a").hasSuffix("\(long)\r\n"))
  }

  /// Once it was seen to; a second of silence is forgiveness.
  @Test func aClientThatAsksAheadHasItsValuesHeld() throws {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    store(rig)
    begin(c, "k", rig)
    try end(c, rig, ahead: "get k\r\n")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END"))
    begin(other, "k", rig)
    try end(other, rig)
    hold(c, rig)
    rig.sweep()
    for one in [c, other] {
      begin(one, "k", rig)
      try end(one, rig)
    }
  }

  /// Whoever asked for it: a server reads two connections in any order.
  @Test func aValueIsHeldWhileAnotherOfTheSameKeyIsUnderway() {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    store(rig)
    rig.say(other, "set k 0 0 1", "x")
    begin(c, "k", rig)
    #expect(rig.privateConnections.isEmpty)
    begin(other, "j", rig)
    #expect(rig.privateConnections.isEmpty, "its own request is not answered")
    rig.reply("a", "STORED")
    let third = rig.open()
    begin(third, "k", rig)
    #expect(rig.privateConnections.count == 1)
  }

  /// A half of the connections for long values is left to those that cannot be held.
  @Test func halfOfTheStreamsAreLeftToLongerValues() {
    let rig = rig { $0.streams = 4 }
    let clients = (0..<4).map { _ in rig.open() }
    store(rig)
    for (i, c) in clients.enumerated() {
      begin(c, "k\(i)", rig)
      #expect(rig.privateConnections.count == min(i + 1, 2))
    }
  }

  /// Nor is its client hurried by them; but half a request has its time.
  @Test func aClientThatStopsIsClosedNoSoonerThanIfItsValueWereHeld() throws {
    let rig = rig {
      $0.streams = 2
      $0.held = 2000
    }
    let (c, d, e) = (rig.open(), rig.open(), rig.open())
    store(rig)
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    for client in [d, e] { rig.send(client, "set \(client) 0 0 5000\r\nv") }
    #expect(rig.privateConnections.count == 2)
    rig.advance(.milliseconds(2000))
    rig.sweep()
    #expect(!rig.closed.contains(c))
    rig.advance(.milliseconds(8000))
    rig.sweep()
    #expect(rig.closed.contains(c))
  }

  /// It is kept from it when it does so.
  @Test func aClientThatAsksNothingBehindItsValueIsNotPaused() throws {
    let rig = rig()
    let (c, own) = try begun(rig)
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(!rig.effects.contains(.pause(client: c)))
    rig.send(c, "get k\r\n")
    #expect(rig.paused == [c])
    #expect(rig.asked("a") == "")
    _ = rig.asked(own)
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    #expect(rig.paused.isEmpty)
    #expect(rig.asked("a") == lines("get k"))
  }

  @Test func whoLeavesBehindItsWholeValueHasStoredIt() throws {
    let rig = rig()
    let clients = [rig.open(), rig.open()]
    store(rig)
    for (c, isMeta) in zip(clients, [false, true]) {
      rig.send(c, (isMeta ? "ms k 1000\r\n" : "set k 0 0 1000\r\n") + long.prefix(500))
      let own = try #require(rig.privateConnections.first)
      let line = rig.asked(own)
      rig.send(c, "\(long.dropFirst(500))\r\n")
      rig.endInput(c)
      #expect(rig.closed.isEmpty)
      rig.hangUp(c)
      #expect(rig.asked(own).hasSuffix("v\r\n"))
      let opaque = line.split(separator: "\r\n")[0].split(separator: " ").last ?? ""
      rig.send(from: own, lines(isMeta ? "HD \(opaque)" : "STORED"))
      #expect(rig.privateConnections.isEmpty && rig.worker.spareConnections == 1)
    }
    #expect(rig.leak == nil)
  }

  // MARK: - Read to where it is sent from

  @Test func theRestIsReadToWhereItIsSentFrom() throws {
    let rig = rig()
    let c = rig.open()
    #expect(rig.worker.appetite(of: c) > 4096)
    store(rig)
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    #expect(rig.worker.clients[c].missing == 502)
    _ = rig.asked(own)
    #expect(rig.pass(c, String(long.dropFirst(500).prefix(100))))
    #expect(rig.paused.isEmpty)
    // The server takes less than comes.
    #expect(rig.pass(c, String(long.dropFirst(600).prefix(50))))
    #expect(rig.paused == [c] && !rig.pass(c, "v"))
    #expect(rig.asked(own) == long.prefix(150))
    #expect(rig.paused.isEmpty)
    #expect(rig.pass(c, long.dropFirst(650) + "\r\n"))
    #expect(rig.worker.clients[c].missing == 0 && !rig.pass(c, "v"))
    #expect(rig.asked(own) == long.dropFirst(650) + "\r\n")
    #expect(rig.worker.connections[own].asked.footprint == 0)
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    // Once no more is read than tells what comes.
    #expect(rig.worker.appetite(of: c) == 4096)
    #expect(rig.worker.appetite(of: c) > 4096)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A little of it is gathered before it is sent, but no longer than to the next tick, so that its server is not waited for.
  @Test func whatWasGatheredIsSentWithTheNextTick() throws {
    let rig = rig()
    let (c, own) = try begun(rig)
    while rig.worker.nextConnectionToFlush() != nil {}
    #expect(rig.pass(c, "vvv"))
    #expect(rig.worker.nextConnectionToFlush() == nil)
    rig.tick()
    #expect(rig.worker.nextConnectionToFlush() == own)
    _ = rig.asked(own)
    rig.tick()
    #expect(rig.worker.nextConnectionToFlush() == nil)
  }

  /// Nothing is sent before it is greeted, and no more taken than there is room for.
  @Test func aPassageThatIsNotMadeYetTakesALittle() throws {
    let rig = rig()
    let c = rig.open()
    store(rig)
    rig.isAccepting = false
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    #expect(rig.pass(c, "v"))
    #expect(rig.paused == [c] && rig.asked(own) == "")
    rig.accept(own)
    #expect(rig.asked(own) == "set k 0 0 1000\r\n\(long.prefix(501))")
    #expect(rig.paused.isEmpty)
  }
}

extension Rig {
  /// The edge reads these bytes of a client's value straight to where they are sent from, and the server takes nothing yet;
  /// false when they are not to be read so.
  fileprivate func pass(_ c: UInt32, _ text: String) -> Bool {
    guard let (l, room) = worker.cutThroughRoom(of: c), room >= text.utf8.count else { return false }
    if worker.clientReceived(c, passed: Array(text.utf8), on: l, now: now) { worker.endCutThrough(c) }
    settle()
    return true
  }
}
