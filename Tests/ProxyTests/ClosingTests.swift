import Bytes
import Testing

@testable import Proxy

@Suite struct ClosingTests {
  @Test func quitClosesTheClientAfterEarlierReplies() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x", "quit", "get y")
    #expect(rig.asked("a") == lines("get x"))
    #expect(rig.closed.isEmpty)
    rig.send(from: "a", "VALUE x 0 1\r\nx\r\nEND\r\n")
    #expect(rig.closed.isEmpty, "the reply is not sent yet")
    #expect(rig.got(c) == lines("VALUE x 0 1", "x", "END"))
    #expect(rig.closed == [c])
    #expect(rig.leak == nil)
  }

  @Test func quitWithNothingInFlightClosesAtOnce() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "quit")
    #expect(rig.closed == [c])
    #expect(rig.leak == nil)
  }

  @Test(arguments: ["", "get z", "set k 0 0 10\r\nabc"])
  func requestsInFlightAreAnsweredAfterTheEndOfInput(_ half: String) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, "get x\r\nget y\r\n" + half)
    rig.endInput(c)
    #expect(rig.closed.isEmpty)
    rig.reply("a", "END", "END")
    #expect(rig.got(c) == lines("END", "END"))
    #expect(rig.closed == [c])
    #expect(rig.leak == nil)
  }

  @Test func aHalfRequestIsNotWaitedForAfterTheEndOfInput() {
    var limits = Limits()
    limits.halfRequestTimeout = .seconds(10)
    let rig = Rig(["a"], limits: limits) { $0.requestTimeout = .seconds(30) }
    let c = rig.open()
    rig.send(c, "get x\r\nget")
    rig.advance(.seconds(9))
    rig.endInput(c)
    rig.advance(.seconds(2))
    rig.sweep()
    #expect(rig.closed.isEmpty)
    rig.reply("a", "VALUE x 0 1", "x", "END")
    #expect(rig.got(c) == lines("VALUE x 0 1", "x", "END"))
    #expect(rig.closed == [c])
  }

  @Test func aPausedClientsRequestsAreAnsweredAfterTheEndOfInput() {
    var limits = Limits()
    limits.clientRequests = 1
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    rig.send(c, "get x\r\nget y\r\nget z\r\nget")
    rig.endInput(c)
    for key in ["x", "y", "z"] {
      #expect(rig.closed.isEmpty)
      #expect(rig.asked("a") == lines("get \(key)"))
      rig.send(from: "a", "END\r\n")
      #expect(rig.got(c) == lines("END"))
    }
    #expect(rig.closed == [c])
    #expect(rig.leak == nil)
  }

  @Test func repliesForAClientThatLeftAreDiscarded() {
    let rig = Rig()
    let c = rig.open()
    let keys = ["a", "b", "c"].map { rig.key(on: $0) }
    rig.say(c, "get \(keys[0])", "get \(keys[1])", "get \(keys.joined(separator: " "))", "version", "stats")
    rig.reply("b", "VALUE \(keys[1]) 0 1", "b", "END")
    rig.hangUp(c)
    let next = rig.open()
    #expect(next == c, "the slot is reused")
    rig.say(next, "get \(keys[0])")
    rig.reply(
      "a", "VALUE \(keys[0]) 0 1", "a", "VALUE \(keys[0]) 0 1", "a", "END", "VERSION 1", "END",
      "VALUE \(keys[0]) 0 1", "n", "END")
    rig.reply("b", "VERSION 1", "END")
    rig.reply("c", "END", "VERSION 1", "END")
    #expect(rig.got(next) == lines("VALUE \(keys[0]) 0 1", "n", "END"))
    rig.hangUp(next)
    #expect(rig.leak == nil)
  }

  @Test func aDrainAnswersRequestsInFlightAndThenClosesAllClients() {
    var limits = Limits()
    limits.clientRequests = 2
    let rig = Rig(["a"], limits: limits)
    let (busy, idle, paused) = (rig.open(), rig.open(), rig.open())
    rig.say(busy, "get x")
    rig.say(paused, "get p", "get q", "get r")
    rig.worker.drain()
    rig.settle()
    #expect(rig.closed == [idle])
    #expect(!rig.isDrained)
    rig.reply("a", "END", "END", "END")
    #expect(rig.got(busy) == lines("END"))
    #expect(rig.got(paused) == lines("END", "END"))
    rig.reply("a", "VALUE r 0 1", "r", "END")
    #expect(rig.got(paused) == lines("VALUE r 0 1", "r", "END"))
    #expect(Set(rig.closed) == [busy, idle, paused])
    #expect(rig.isDrained)
    #expect(rig.leak == nil)
  }

  @Test func aDrainWaitsForNoreplyRequests() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set k 0 0 1 noreply", "x")
    rig.worker.drain()
    rig.settle()
    #expect(rig.closed == [c])
    #expect(!rig.isDrained)
    rig.reply("a", "STORED")
    #expect(rig.isDrained)
  }
}

/// Effects for a slot that was reused: the edge carries effects out at the end of a turn.
@Suite struct StaleEffectTests {
  private func worker(_ names: [String], _ limits: Limits = Limits()) -> Worker {
    var worker = Worker(plan: Fleet.plan(names, limits: limits), processID: 1, secret: 1, now: .origin)
    while worker.nextEffect() != nil {}
    return worker
  }

  @Test func aNewClientIsNotClosedForItsPredecessor() {
    var worker = worker(["a"])
    let c = worker.open()
    worker.endOfInput(client: c)
    worker.closed(client: c)
    #expect(worker.open() == c)
    #expect(worker.nextEffect() == nil)
  }

  @Test func aNewClientIsNotPausedForItsPredecessor() {
    var limits = Limits()
    limits.clientRequests = 1
    var worker = worker(["a"], limits)
    let c = worker.open()
    let text = Array("get x\r\nget y\r\n".utf8)
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe worker.clientReceived(c, text.span.bytes, now: .origin)
    worker.closed(client: c)
    #expect(worker.open() == c)
    var effects: [Effect] = []
    while let order = worker.nextEffect() { effects.append(order) }
    #expect(effects.allSatisfy { if case .connect = $0 { true } else { false } })
  }

  @Test func aServerAddedAndRemovedInOneTurnIsNotConnectedTo() {
    var worker = worker(["a"])
    worker.apply(Fleet.plan(["a", "b"]), now: .origin)
    worker.apply(Fleet.plan(["a"]), now: .origin)
    var effects: [Effect] = []
    while let order = worker.nextEffect() { effects.append(order) }
    #expect(effects == [.disconnect(connection: Ref(1))])
  }

  // MARK: - The end of a drain

  @Test(arguments: [true, false])
  func clientsWaitingAtTheEndOfADrainGetShuttingDown(_ misses: Bool) {
    let rig = Rig(["a", "b"]) { $0.missesOnFailure = misses }
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    let clients = (0..<3).map { _ in rig.open() }
    rig.say(clients[0], "get \(a)", "set \(a) 0 0 1", "x", "set \(a) 0 0 1 noreply", "x")
    rig.say(clients[1], "get \(a) \(b)", "mg \(a) v Oq", "delete \(b)")
    rig.say(clients[2], "get \(b)")
    _ = rig.asked("a")
    rig.reply("b", "VALUE \(b) 0 1", "x", "END")
    for c in clients { rig.endInput(c) }
    rig.worker.giveUp(now: rig.now)
    rig.settle()
    let error = "SERVER_ERROR ringroad: a:11211 shutting down"
    let read = misses ? "END" : error
    #expect(rig.got(clients[0]) == lines(read, error))
    #expect(
      rig.got(clients[1])
        == lines("VALUE \(b) 0 1", "x", read, misses ? "EN Oq" : error)
        + lines("SERVER_ERROR ringroad: b:11211 shutting down"))
    #expect(rig.got(clients[2]) == lines(misses ? "END" : "SERVER_ERROR ringroad: b:11211 shutting down"))
    #expect(Set(rig.closed) == Set(clients))
    #expect(rig.events().isEmpty && rig.leak == nil)
  }

  /// Requests that had arrived but were not taken yet, because their client was at its limit.
  @Test func requestsNotYetTakenAtTheEndOfADrainAreRefused() {
    var limits = Limits()
    limits.clientRequests = 1
    let rig = Rig(["a"], limits: limits) { $0.missesOnFailure = false }
    let c = rig.open()
    rig.say(c, "get x", "delete y", "get z", "version")
    _ = rig.asked("a")
    let effects = rig.effects.count
    rig.worker.drain()
    rig.worker.giveUp(now: rig.now)
    rig.settle()
    var told = rig.got(c)
    for _ in 0..<4 { told += rig.got(c) }
    let error = "SERVER_ERROR ringroad: a:11211 shutting down"
    #expect(told.hasPrefix(lines(error, error, error)))
    #expect(rig.closed == [c] && rig.leak == nil)
    #expect(!rig.effects[effects...].contains { if case .connect = $0 { true } else { false } })
  }

  @Test func theEndOfADrainClosesAHalfDoneAndAWaitingUpload() {
    var limits = Limits()
    limits.streams = 1
    let rig = Rig(["a"], limits: limits)
    let clients = (0..<2).map { _ in rig.open() }
    for c in clients { rig.send(c, "set big 0 0 3000000\r\n" + String(repeating: "x", count: 100_000)) }
    for l in rig.privateConnections { _ = rig.asked(l) }
    rig.worker.drain()
    rig.worker.giveUp(now: rig.now)
    rig.settle()
    for c in clients { _ = rig.got(c) }
    #expect(Set(rig.closed) == Set(clients))
    #expect(rig.leak == nil)
  }
}
