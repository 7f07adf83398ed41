import Bytes
import Stats
import Testing

@testable import Proxy

/// How long a client may keep the proxy waiting: for the rest of a request, or until it reads its replies.
@Suite struct PatienceTests {
  /// Seconds pass one by one, with a sweep in each.
  private func wait(_ seconds: Int, _ rig: Rig) {
    for _ in 0..<seconds {
      rig.advance(.seconds(1))
      rig.sweep()
    }
  }

  @Test(arguments: ["ge", "set k 0 0 5\r\n", "set k 0 0 5\r\nhe"])
  func aPersonMayThinkForHalfAMinuteOverARequest(half: String) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, half)
    wait(30, rig)
    #expect(rig.closed.isEmpty)
    let whole = half.hasPrefix("g") ? "get k\r\n" : "set k 0 0 5\r\nhello\r\n"
    rig.send(c, String(decoding: whole.utf8.dropFirst(half.utf8.count), as: UTF8.self))
    rig.reply("a", half.hasPrefix("g") ? "END" : "STORED")
    #expect(rig.got(c) == (half.hasPrefix("g") ? lines("END") : lines("STORED")))
    #expect(rig.clientEvents().isEmpty)
  }

  @Test func halfRequestTimeoutClosesAClientAndCountsIt() {
    var limits = Limits()
    limits.halfRequestTimeout = .seconds(90)
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    rig.send(c, "set k 0 0 5\r\nhe")
    wait(89, rig)
    #expect(rig.closed.isEmpty)
    wait(1, rig)
    #expect(rig.closed == [c] && rig.count(.clientsClosedHalfRequest) == 1)
    #expect(rig.clientEvents() == [ClientEvent(.leftHalfRequest, by: c)])
  }

  @Test func unreadTimeoutClosesAClientAndCountsIt() {
    var limits = Limits()
    limits.unreadTimeout = .seconds(90)
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    rig.say(c, "get x")
    rig.reply("a", "VALUE x 0 3", "abc", "END")
    #expect(rig.got(c, atMost: 5).count == 5)
    wait(89, rig)
    #expect(rig.closed.isEmpty)
    wait(1, rig)
    #expect(rig.closed == [c] && rig.count(.clientsClosedUnread) == 1)
    #expect(rig.clientEvents() == [ClientEvent(.leftRepliesUnread, by: c)])
  }

  @Test func aReloadChangesTheTimeoutsOfConnectedClients() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, "ge")
    wait(20, rig)
    var limits = Limits()
    limits.halfRequestTimeout = .seconds(21)
    rig.apply(["a"], limits: limits)
    wait(1, rig)
    #expect(rig.closed == [c])
  }

  /// It has requested values of 20 MB in all, small enough to be buffered or streamed, reads a little, and pauses.
  @Test(arguments: [(1_000_000, 20), (2_000_000, 10)])
  func aConsumerMayPauseForAMinuteWith20MBUnread(size: Int, count: Int) throws {
    let rig = Rig(["a"])
    rig.worker.dispatcher.common.limits.firstRequests = Limits().firstRequests
    let c = rig.open()
    let value = String(repeating: "v", count: size)
    let pieces = (0..<size / 50_000).map { _ in String(repeating: "v", count: 50_000) }
    // What the server sends on each connection as soon as that is read.
    var unsent: [Ref<ServerConnection>: ArraySlice<String>] = [:]
    func serve() {
      var isMoving = true
      while isMoving {
        isMoving = false
        for l in [rig.connection("a")] + rig.privateConnections {
          for line in rig.asked(l).split(separator: "\r\n") {
            for key in line.split(separator: " ").dropFirst() {
              unsent[l, default: []] += ["VALUE \(key) 0 \(size)\r\n"] + pieces + ["\r\n"]
            }
            unsent[l, default: []].append("END\r\n")
          }
          while !rig.pausedConnections.contains(l), let next = unsent[l]?.popFirst() {
            rig.send(from: l, next)
            isMoving = true
          }
        }
      }
    }
    let keys = (0..<count).map { "k\($0 % 10)" }
    rig.send(c, keys.map { "get \($0)\r\n" }.joined())
    serve()
    var read = rig.got(c, atMost: 100_000)
    serve()
    wait(60, rig)
    #expect(rig.closed.isEmpty, "\(rig.clientEvents())")
    #expect(rig.memory < 10 << 20)
    for _ in 0..<200 {
      read += rig.got(c)
      serve()
    }
    let isWhole = read == keys.map { lines("VALUE \($0) 0 \(size)", value, "END") }.joined()
    #expect(isWhole)
    #expect(rig.clientEvents().isEmpty && rig.count(.timeouts) == 0)
  }

  /// They hold 260 KiB and five times 64 KiB of the 1 MiB.
  @Test func clientsThatHoldTheMostAreClosedFirstWhenMemoryIsShort() {
    var limits = Limits()
    limits.memory = 1 << 20
    let rig = Rig(["a"], limits: limits)
    func holding(_ size: Int) -> Ref<Client> {
      let c = rig.open()
      rig.say(c, "gets k")
      rig.reply("a", "VALUE k 0 \(size) 1", String(repeating: "v", count: size), "END")
      _ = rig.got(c, atMost: 1)
      return c
    }
    let big = holding(180_000)
    let slow = (0..<5).map { _ in holding(40_000) }
    let half = rig.open()
    rig.send(half, "ge")
    #expect(rig.worker.dispatcher.common.memoryInUse > 1 << 19)
    wait(9, rig)
    #expect(rig.closed.isEmpty)
    wait(1, rig)
    #expect(rig.closed == [big])
    wait(30, rig)
    #expect(rig.closed == [big], "no more than half is in use")
    for _ in 0..<2 { _ = holding(100_000) }
    #expect(rig.worker.dispatcher.common.memoryInUse > 1 << 19)
    wait(9, rig)
    #expect(
      rig.closed.count == 3 && rig.closed.dropFirst().allSatisfy(slow.contains), "the others read until now")
    #expect(rig.worker.dispatcher.common.memoryInUse <= 1 << 19)
    wait(10, rig)
    #expect(rig.closed.count == 3 && !rig.closed.contains(half))
    #expect(rig.count(.clientsClosedMemory) == 3)
    #expect(rig.clientEvents().map(\.kind) == [.heldMostMemory])
  }

  /// Thousands of half requests, each in the smallest buffer: they may hold half of the memory, and no longer than 10 s
  /// more than that; the clients between them are served.
  @Test func thousandsOfHalfRequestsStayBounded() {
    var limits = Limits()
    limits.memory = 4 << 20
    let rig = Rig(["a"], limits: limits)
    let halves = (0..<3000).map { _ in rig.open() }
    for c in halves { rig.send(c, "set k 0 0 1000\r\nv") }
    #expect(rig.worker.dispatcher.common.memoryInUse > limits.memory)
    let other = rig.open()
    for second in 0..<30 {
      for c in halves where !rig.closed.contains(c) && c.index % 10 == 0 { rig.send(c, "v") }
      rig.say(other, "get x")
      rig.reply("a", "VALUE x 0 3", "abc", "END")
      #expect(rig.got(other) == lines("VALUE x 0 3", "abc", "END"))
      wait(1, rig)
      if second >= 10 { #expect(rig.worker.dispatcher.common.memoryInUse <= limits.memory / 2) }
    }
    #expect(!rig.closed.contains(other))
    #expect(rig.clientEvents().count == 1, "however many were closed")
    wait(60, rig)
    #expect(rig.closed.count == 3000)
  }

  @Test func clientsRequestsThatConcernAllAreReported() {
    let rig = Rig(["a"])
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "flush_all", "stats reset", "stats", "stats settings", "verbosity 1")
    rig.say(d, "flush_all noreply", "verbosity 2")
    var flushed = ClientEvent(.flushedAll, by: c)
    flushed.count = 2
    var levelled = ClientEvent(.setLogLevel, by: c, number: 2)
    levelled.count = 2
    #expect(rig.clientEvents() == [flushed, ClientEvent(.resetStats, by: c), levelled])
    #expect(rig.count(.clientFlushes) == 2 && rig.count(.clientStatsResets) == 1)
    #expect(rig.count(.clientLogLevels) == 2)
  }
}
