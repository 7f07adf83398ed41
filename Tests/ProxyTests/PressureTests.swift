import Stats
import Testing

@testable import Proxy

/// Everything that waits is bounded, and a paused client resumes later.
@Suite struct PressureTests {
  @Test func aClientThatDoesNotReadIsPausedAtTheLimitAndResumes() {
    var limits = Limits()
    limits.clientOutput = 1000
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    let value = String(repeating: "v", count: 100)
    var answered = 0
    rig.send(c, String(repeating: "gets k\r\n", count: 50))
    #expect(rig.paused.isEmpty, "requests in flight are not yet output")
    for _ in 0..<50 {
      rig.reply("a", "VALUE k 0 100 1", value, "END")
      answered += 1
    }
    rig.send(c, String(repeating: "gets k\r\n", count: 50))
    #expect(rig.paused == [c])
    #expect(rig.asked("a") == "")
    var got = rig.got(c, atMost: 2000)
    #expect(rig.paused == [c])
    while answered < 100 {
      got += rig.got(c)
      let requests = rig.asked("a").split(separator: "\r\n").count
      #expect(requests <= 50)
      guard requests > 0 else { break }
      for _ in 0..<requests { rig.send(from: "a", lines("VALUE k 0 100 1", value, "END")) }
      answered += requests
    }
    got += rig.got(c)
    #expect(rig.paused.isEmpty)
    #expect(got == String(repeating: lines("VALUE k 0 100 1", value, "END"), count: 100))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aClientsRequestsInFlightAreLimited() {
    var limits = Limits()
    limits.clientRequests = 8
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    rig.send(c, (0..<20).map { "gets k\($0)\r\n" }.joined())
    #expect(rig.paused == [c])
    var asked = 0
    var got = ""
    while asked < 20 {
      let requests = rig.asked("a").split(separator: "\r\n")
      #expect(requests.count == min(8, 20 - asked))
      guard !requests.isEmpty else { break }
      asked += requests.count
      for request in requests {
        rig.send(from: "a", "VALUE \(request.dropFirst(5)) 0 0 1\r\n\r\nEND\r\n")
      }
      got += rig.got(c)
    }
    #expect(rig.paused.isEmpty)
    #expect(got == (0..<20).map { "VALUE k\($0) 0 0 1\r\n\r\nEND\r\n" }.joined())
  }

  /// A client that does not read can pile up only the large replies requested before the first one's size was known.
  @Test func requestsInFlightAreLimitedByTheSizeOfTheLastReply() {
    var limits = Limits()
    limits.clientOutput = 1000
    let rig = Rig(["a"], limits: limits)
    rig.worker.dispatcher.common.limits.firstRequests = 2
    let c = rig.open()
    rig.send(c, String(repeating: "gets k\r\n", count: 60))
    func answer(_ size: Int) -> Int {
      let requests = rig.asked("a").split(separator: "\r\n").count
      let value = String(repeating: "v", count: size)
      for _ in 0..<requests { rig.send(from: "a", lines("VALUE k 0 \(size) 1", value, "END")) }
      _ = rig.got(c)
      return requests
    }
    #expect(answer(600) == 2)
    #expect(answer(80) == 1, "one, however large its reply")
    #expect([2, 4, 8, 9] == (0..<4).map { _ in answer(80) }, "twice as many after every reply")
    #expect(answer(3000) == 9)
    #expect(answer(3000) == 1)
  }

  /// A client that had small replies may request large ones next.
  @Test func theRememberedReplySizeIsForgottenWhenAClientIsIdle() {
    let rig = Rig(["a"])
    rig.worker.dispatcher.common.limits.firstRequests = 4
    let c = rig.open()
    func ask(_ count: Int) -> [Int] {
      rig.send(c, String(repeating: "gets k\r\n", count: count))
      var asked: [Int] = []
      while asked.reduce(0, +) < count, asked.count < 20 {
        let requests = rig.asked("a").split(separator: "\r\n").count
        for _ in 0..<requests { rig.send(from: "a", "END\r\n") }
        _ = rig.got(c)
        asked.append(requests)
      }
      return asked
    }
    #expect(ask(60) == [4, 8, 16, 32])
    rig.say(c, "get k")
    _ = rig.asked("a")
    rig.sweep()
    rig.send(from: "a", "END\r\n")
    _ = rig.got(c)
    #expect(ask(60) == [60], "a request preceded the sweep")
    rig.sweep()
    #expect(ask(12) == [4, 8])
  }

  @Test func aPausedClientThatLeavesIsForgotten() {
    var limits = Limits()
    limits.clientRequests = 1
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    rig.say(c, "get x", "get y")
    #expect(rig.paused == [c])
    rig.hangUp(c)
    let next = rig.open()
    rig.reply("a", "VALUE x 0 1", "x", "END")
    #expect(rig.waiting(for: next) == "")
    rig.say(next, "get z")
    rig.reply("a", "END")
    #expect(rig.got(next) == lines("END"))
    rig.hangUp(next)
    #expect(rig.leak == nil)
  }

  /// Memory is short, and another client has filled the queue.
  @Test func aClientWithFewRequestsIsAdmittedToAFullQueue() {
    var limits = Limits()
    limits.memory = 1000
    let rig = Rig(["a"], limits: limits) { $0.missesOnFailure = false }
    let (greedy, modest) = (rig.open(), rig.open())
    let value = String(repeating: "v", count: 10_000)
    for _ in 0..<7 { rig.say(greedy, "set k 0 0 10000 noreply", value) }
    #expect(rig.count(.queueFull) == 0)
    rig.say(greedy, "set k 0 0 1 noreply", "v")
    #expect(rig.count(.queueFull) == 1, "a noreply client may have much queued")
    rig.say(modest, "get k", "get k j", "mg k v")
    #expect(rig.count(.queueFull) == 1)
    _ = rig.asked("a")
    for _ in 0..<7 { rig.send(from: "a", "STORED\r\n") }
    rig.send(from: "a", "END\r\nEN O1\r\n")
    #expect(rig.got(modest) == lines("END", "END", "EN"))
    rig.hangUp(greedy)
    rig.hangUp(modest)
    #expect(rig.leak == nil)
  }

  @Test func aRequestToAFullQueueFailsAtOnce() {
    var limits = Limits()
    limits.serverDepth = 4
    let rig = Rig(["a"], limits: limits) { $0.missesOnFailure = false }
    let c = rig.open()
    rig.say(c, "get k", "get k", "get k", "get k", "delete k", "get k j", "version")
    rig.reply("a", "END", "END", "END", "END")
    #expect(
      rig.got(c)
        == lines(
          "END", "END", "END", "END", "SERVER_ERROR ringroad: a:11211 queue full",
          "SERVER_ERROR ringroad: a:11211 queue full", "SERVER_ERROR ringroad: no server answered"))
    #expect(rig.count(.queueFull) == 3)
    rig.say(c, "get k")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aServersQueueIsBoundedInBytes() {
    var limits = Limits()
    limits.serverQueue = 10_000
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    let value = String(repeating: "v", count: 1000)
    for _ in 0..<20 { rig.say(c, "set k 0 0 1000 noreply", value) }
    #expect(rig.queued("a") < 12_000)
    #expect(rig.count(.noreplyDropped) == 10)
    rig.say(c, "set k 0 0 1", "v")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 queue full"))
  }

  /// Each of many clients sends one large value, and there is memory for a few.
  @Test(arguments: ["", " noreply"]) func largeValuesWaitForRoomInTheirServersQueue(noreply: String) {
    var limits = Limits()
    limits.serverQueue = 50_000
    let rig = Rig(["a"], limits: limits)
    let value = String(repeating: "v", count: 20_000)
    let clients = (0..<8).map { _ in rig.open() }
    for (i, c) in clients.enumerated() { rig.say(c, "set k\(i) 0 0 20000\(noreply)", value) }
    #expect(rig.queued("a") < 80_000)
    #expect(rig.paused.count == 5)
    var stored = ""
    while true {
      rig.tick()
      let asked = rig.asked("a")
      guard !asked.isEmpty else { break }
      stored += asked
      #expect(rig.queued("a") < 80_000)
      for line in asked.split(separator: "\r\n") where line.hasPrefix("set") {
        rig.send(from: "a", "STORED\r\n")
      }
    }
    for (i, c) in clients.enumerated() {
      #expect(stored.contains("set k\(i) 0 0 20000\r\n\(value)\r\n"))
      #expect(rig.got(c) == (noreply.isEmpty ? lines("STORED") : ""))
    }
    #expect(rig.paused.isEmpty && rig.count(.queueFull) == 0)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }

  /// The server replies, but another client takes the room that this frees.
  @Test func aLargeValueWithoutRoomWithinItsDeadlineIsRefused() {
    var limits = Limits()
    limits.serverQueue = 30_000
    let rig = Rig(["a"], limits: limits)
    let value = String(repeating: "v", count: 20_000)
    let (greedy, late) = (rig.open(), rig.open())
    for _ in 0..<2 { rig.say(greedy, "set a 0 0 20000", value) }
    rig.say(late, "set b 0 0 20000", value)
    for _ in 0..<5 {
      #expect(rig.paused == [late] && rig.got(late) == "")
      _ = rig.asked("a")
      rig.send(from: "a", "STORED\r\n")
      rig.say(greedy, "set a 0 0 20000", value)
      rig.advance(.milliseconds(110))
    }
    #expect(rig.got(late) == lines("SERVER_ERROR ringroad: a:11211 queue full"))
    #expect(rig.paused.isEmpty && rig.count(.queueFull) == 1)
    rig.hangUp(greedy)
    rig.hangUp(late)
  }

  /// One reply always waits for its turn, so the memory of those before it must be reclaimed while it waits: what is
  /// kept stays within twice what is needed.
  @Test func parkedRepliesDoNotAccumulate() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    func value(_ n: Int) -> String { String(repeating: "\(n % 10)", count: 20_000) }
    rig.say(c, "gets \(a)", "gets \(b)")
    rig.reply("b", "VALUE \(b) 0 20000 1", value(0), "END")
    var largest = 0
    for n in 1...60 {
      rig.say(c, "gets \(a)", "gets \(b)")
      rig.reply("b", "VALUE \(b) 0 20000 1", value(n), "END")
      #expect(rig.waiting(for: c) == "")
      rig.reply("a", "VALUE \(a) 0 1 1", "a", "END")
      let expected = lines("VALUE \(a) 0 1 1", "a", "END", "VALUE \(b) 0 20000 1", value(n - 1), "END")
      #expect(rig.got(c) == expected, "at \(n)")
      largest = max(largest, rig.parkedFootprint(c))
    }
    #expect(largest > 0 && largest <= 262_144)
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END", "VALUE \(b) 0 20000 1", value(60), "END"))
    #expect(rig.parkedFootprint(c) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Once warm, reads in flight need no new block and no new slot.
  @Test func aSteadyLoadTakesNoMoreMemory() {
    let rig = Rig(["a", "b"])
    let clients = (0..<4).map { _ in rig.open() }
    let keys = [rig.key(on: "a"), rig.key(on: "b")]
    var answered = 0
    func round() {
      for c in clients { rig.say(c, "gets \(keys[0])", "gets \(keys[1])", "gets \(keys[0])") }
      for (name, key) in zip(["b", "a"], keys.reversed()) {
        for _ in 0..<rig.asked(name).split(separator: "\r\n").count {
          rig.send(from: name, lines("VALUE \(key) 0 5 1", "value", "END"))
        }
      }
      for c in clients { answered += rig.got(c).split(separator: "END\r\n").count }
    }
    for _ in 0..<3 { round() }
    let (memory, slots) = (rig.memory, rig.slotsEverTaken)
    for _ in 0..<300 { round() }
    #expect(answered == 303 * 12)
    #expect(rig.memory == memory)
    #expect(rig.slotsEverTaken == slots)
  }

  @Test func anIdleClientHoldsNoBuffer() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, "get x\r\nget ")
    rig.reply("a", "END")
    rig.send(c, "y\r\n")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END", "END"))
    #expect(rig.footprint(c) == 0)
  }

  /// Whatever a worker's clients do, it exceeds its share of memory only for a short time.
  @Test func theClientWithTheMostUnreadIsClosedWhenMemoryIsShort() {
    var limits = Limits()
    limits.memory = 64 << 10
    limits.clientOutput = 1 << 20
    let rig = Rig(["a"], limits: limits)
    let modest = rig.open()
    let greedy = rig.open()
    let value = String(repeating: "v", count: 50_000)
    rig.send(modest, "gets k\r\n")
    rig.send(greedy, "gets k\r\ngets k\r\n")
    _ = rig.asked("a")
    rig.reply("a", "VALUE k 0 3 1", "abc", "END")
    #expect(!rig.isOverfull)
    rig.reply("a", "VALUE k 0 50000 1", value, "END")
    rig.reply("a", "VALUE k 0 50000 1", value, "END")
    #expect(rig.isOverfull)
    rig.closeLargestClient()
    #expect(rig.closed.contains(greedy) && !rig.closed.contains(modest))
    #expect(!rig.isOverfull)
    #expect(rig.got(modest) == lines("VALUE k 0 3 1", "abc", "END"))
    rig.hangUp(modest)
    #expect(rig.leak == nil)
  }

  /// Half a value takes as much memory as an unread reply.
  @Test func aClientWithAHalfSentValueIsClosedWhenMemoryIsShort() {
    var limits = Limits()
    limits.memory = 64 << 10
    let rig = Rig(["a"], limits: limits)
    let modest = rig.open()
    rig.say(modest, "get k")
    _ = rig.asked("a")
    rig.send(from: "a", lines("VALUE k 0 3", "abc", "END"))
    let halves = (0..<6).map { _ in rig.open() }
    for c in halves { rig.send(c, "set k 0 0 16000\r\n" + String(repeating: "v", count: 8000)) }
    #expect(rig.isOverfull)
    while rig.isOverfull {
      let before = rig.closed.count
      rig.closeLargestClient()
      guard rig.closed.count > before else { break }
    }
    #expect(!rig.isOverfull)
    #expect(!rig.closed.isEmpty && !rig.closed.contains(modest))
    #expect(rig.got(modest) == lines("VALUE k 0 3", "abc", "END"))
    for c in [modest] + halves where !rig.closed.contains(c) { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }

  /// The less memory is free, the less any one client may take.
  @Test func aClientsMemoryLimitsShrinkWithFreeMemory() {
    var limits = Limits()
    limits.memory = 16 << 20
    // Values that can be buffered are buffered.
    limits.cutThrough = limits.held
    let rig = Rig(["a"], limits: limits)
    let shares = {
      [
        rig.worker.dispatcher.common.heldLimit, rig.worker.dispatcher.common.allowance,
        rig.worker.dispatcher.common.ahead,
        rig.worker.dispatcher.common.queueAllowance,
      ]
    }
    #expect(shares() == [Limits().held, 256 << 10, 256 << 10, 8 << 20])
    let halves = (0..<60).map { _ in rig.open() }
    for c in halves { rig.send(c, "set k 0 0 \(rig.worker.dispatcher.common.heldLimit - 100)\r\nv") }
    #expect(rig.privateConnections.isEmpty && !rig.isOverfull)
    let few = shares()
    #expect(few[0] == 16 << 10 && few[1] == 2048 && few[2] == 16 << 10 && few[3] < 4 << 20)
    #expect(rig.worker.dispatcher.common.requestAllowance >= 256, "requests in progress have room")
    for c in halves { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }
}
