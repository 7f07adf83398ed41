import Bytes
import Routing
import Stats
import Testing
import Topology
import Wire

@testable import Proxy

/// What is counted of requests: by command and result, by server, and how long they took.
@Suite struct CountingTests {
  /// The results so far, as `get hit 2`, sorted by command and result.
  private static func results(_ rig: Rig, pool: Int = 0) -> [String] {
    var numbers: [PoolNumbers] = []
    rig.worker.dispatcher.upstream.givePoolNumbers(to: &numbers)
    return Verb.allCases.flatMap { verb in
      RequestResult.allCases.compactMap { result in
        let count = numbers[pool].results[Int(verb.rawValue), result]
        return count > 0 ? "\(verb.word) \(result.name) \(count)" : nil
      }
    }
  }

  private static func latencies(_ rig: Rig) -> LatencyBook {
    var book = LatencyBook()
    rig.worker.dispatcher.upstream.moveLatencies(to: &book)
    return book
  }

  /// The reply with the request's opaque in its first line, if it has one.
  private static func answering(_ asked: String, _ reply: String) -> String {
    guard let opaque = asked.firstMatch(of: /\ O[0-9a-z]+/)?.0, let end = reply.firstIndex(of: "\r\n") else {
      return reply
    }
    return String(reply[..<end] + opaque + reply[end...])
  }

  private static func total(_ book: [some Hashable: LatencyCounts]) -> UInt64 {
    book.values.reduce(0) { $0 + $1.total }
  }

  /// A request, the server's reply, and the result.
  static let replies: [(asked: String, reply: String, result: String)] = [
    ("get x", "VALUE x 0 1\r\nv\r\nEND\r\n", "get hit 1"),
    ("get x", "END\r\n", "get miss 1"),
    ("gets x", "VALUE x 0 1 7\r\nv\r\nEND\r\n", "gets hit 1"),
    ("gat 5 x", "END\r\n", "gat miss 1"),
    ("get x", "SERVER_ERROR out of memory\r\n", "get server_error 1"),
    ("set x 0 0 1\r\nv", "STORED\r\n", "set stored 1"),
    ("add x 0 0 1\r\nv", "NOT_STORED\r\n", "add not_stored 1"),
    ("cas x 0 0 1 7\r\nv", "EXISTS\r\n", "cas exists 1"),
    ("cas x 0 0 1 7\r\nv", "NOT_FOUND\r\n", "cas not_found 1"),
    ("delete x", "DELETED\r\n", "delete deleted 1"),
    ("delete x", "NOT_FOUND\r\n", "delete not_found 1"),
    ("touch x 5", "TOUCHED\r\n", "touch touched 1"),
    ("incr x 1", "5\r\n", "incr done 1"),
    ("mg x v", "VA 1\r\nv\r\n", "mg hit 1"),
    ("mg x", "HD\r\n", "mg hit 1"),
    ("mg x v", "EN\r\n", "mg miss 1"),
    ("ms x 1\r\nv", "HD\r\n", "ms stored 1"),
    ("md x", "HD\r\n", "md deleted 1"),
    ("md x", "NF\r\n", "md not_found 1"),
    ("ma x", "HD\r\n", "ma done 1"),
  ]

  @Test(arguments: replies)
  func aReplyIsOneResult(_ row: (asked: String, reply: String, result: String)) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, row.asked)
    let asked = rig.asked("a")
    rig.advance(.milliseconds(3))
    rig.send(from: "a", Self.answering(asked, row.reply))
    #expect(rig.got(c) == row.reply)
    #expect(Self.results(rig) == [row.result])
    let tally = rig.worker.serverNumbers[0].tally
    #expect(tally.answered == 1 && tally.failed == 0)
    let book = Self.latencies(rig)
    #expect(Self.total(book.servers) == 1 && Self.total(book.pools) == 1)
    let took = book.pools.values.first?.quantiles([0.5])?[0] ?? 0
    #expect((0.0029...0.0031).contains(took), "three milliseconds have passed")
    #expect(Self.total(Self.latencies(rig).servers) == 0, "they are moved once")
  }

  @Test func getsOfOneLineAreCountedEach() {
    let rig = Rig(["a"])
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "get x", "get y", "get z")
    rig.advance(.milliseconds(10))
    rig.say(d, "get w")
    #expect(rig.asked("a") == lines("get x y z w"))
    rig.advance(.milliseconds(10))
    rig.send(from: "a", "VALUE y 0 1\r\nv\r\nVALUE w 0 1\r\nv\r\nEND\r\n")
    #expect(Self.results(rig) == ["get hit 2", "get miss 2"])
    let tally = rig.worker.serverNumbers[0].tally
    #expect(tally.hits == 2 && tally.misses == 2)
    let counts = Self.latencies(rig).pools.values.first
    let times = counts?.quantiles([0.1, 0.9]) ?? []
    #expect(counts?.total == 4 && times.count == 2)
    #expect(times.first.map { (0.0098...0.0102).contains($0) } == true, "the last came later")
    #expect(times.last.map { (0.0197...0.0203).contains($0) } == true)
  }

  /// Its server has answered it.
  @Test func aGetOfAClientThatHasLeftIsStillARequest() {
    let rig = Rig(["a"])
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "get x")
    rig.say(d, "get y")
    rig.say(d, "get z")
    rig.hangUp(c)
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE x 0 1\r\nv\r\nVALUE y 0 1\r\nv\r\nEND\r\n")
    #expect(Self.results(rig) == ["get hit 2", "get miss 1"])
  }

  @Test func anErrorIsEveryGetsOfTheLine() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x", "get y", "get z")
    _ = rig.asked("a")
    rig.send(from: "a", "SERVER_ERROR out of memory\r\n")
    #expect(Self.results(rig) == ["get server_error 3"])
    #expect(rig.worker.serverNumbers[0].tally.errors == 3)
  }

  @Test func keysOfAMultiGetAreCountedByServer() {
    let rig = Rig(["a", "b"])
    let (x, y, z) = (rig.key(on: "a"), rig.key(on: "a", 1), rig.key(on: "b"))
    let c = rig.open()
    rig.say(c, "get \(x) \(z) \(y)")
    _ = rig.asked("a")
    _ = rig.asked("b")
    rig.send(from: "a", "VALUE \(y) 0 1\r\nv\r\nEND\r\n")
    rig.advance(.milliseconds(4))
    rig.send(from: "b", "VALUE \(z) 0 1\r\nv\r\nEND\r\n")
    #expect(Self.results(rig) == ["get hit 2", "get miss 1"])
    let numbers = rig.worker.serverNumbers
    #expect(numbers.map(\.tally.hits).sorted() == [1, 1] && numbers.map(\.tally.misses).sorted() == [0, 1])
    let book = Self.latencies(rig)
    #expect(Self.total(book.servers) == 2, "one for each server")
    #expect(Self.total(book.pools) == 1, "one for the client")
  }

  /// In pieces, as it may arrive.
  @Test(arguments: 1..<40)
  func aMultiGetThatArrivesInTwoPiecesIsCountedOnce(_ cut: Int) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x y z")
    _ = rig.asked("a")
    let reply = "VALUE x 0 1\r\nv\r\nVALUE z 0 1\r\nv\r\nEND\r\n"
    rig.send(from: "a", String(reply.prefix(cut)))
    rig.send(from: "a", String(reply.dropFirst(cut)))
    #expect(Self.results(rig) == ["get hit 2", "get miss 1"])
  }

  @Test func aFailureIsCountedByItsCause() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "set x 0 0 1\r\nv")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(Self.results(rig) == ["set connection_lost 1"])
    #expect(rig.worker.serverNumbers[0].tally.failures[Int(ServerFailure.connectionLost.rawValue)] == 1)
    #expect(Self.total(Self.latencies(rig).pools) == 1, "the client waited for the error")
    #expect(Self.total(Self.latencies(rig).servers) == 0, "the server has not replied")
  }

  @Test func aLateReplyIsNoResult() {
    let rig = Rig(["a"])
    let c = rig.open()
    // The server is slow on all connections, so no replacement shows that this one hangs.
    rig.isAccepting = false
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.say(c, "get y")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    #expect(Self.results(rig) == ["get timed_out 1"])
    rig.send(from: "a", "VALUE x 0 1\r\nx\r\nEND\r\nEND\r\n")
    #expect(Self.results(rig) == ["get miss 1", "get timed_out 1"])
    let tally = rig.worker.serverNumbers[0].tally
    #expect(tally.answered == 1 && tally.lateReplies == 1)
  }

  @Test func bytesAreCountedByServer() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    let before = rig.worker.serverNumbers[0].tally
    _ = rig.asked("a")
    rig.send(from: "a", "END\r\n")
    let after = rig.worker.serverNumbers[0].tally
    #expect(after.bytesIn - before.bytesIn == 5 && after.bytesOut - before.bytesOut == 7)
  }

  @Test func aPoolKeepsItsCountsThroughAReload() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.send(from: "a", "END\r\n")
    rig.apply(["a", "b"])
    #expect(Self.results(rig) == ["get miss 1"])
  }

  /// Its pool has another number when the reply arrives, or is gone.
  @Test func aMultiGetOverAReloadIsCounted() {
    let before = SharedServerTests.plan([["s"], ["s"]], [PoolPolicy(), PoolPolicy()])
    let rig = Rig(plan: before)
    let c = rig.open()
    rig.say(c, "get x:a x:b")
    _ = rig.asked("s")
    var after = before
    after.pools = [before.pools[1]]
    after.routing = RoutingPlan(pools: [Fleet.pool(["s"])], defaultPool: 0)
    rig.worker.apply(after, now: rig.now)
    rig.settle()
    rig.send(from: "s", lines("VALUE x:a 0 1", "v", "END"))
    #expect(rig.got(c) == lines("VALUE x:a 0 1", "v", "END"))
    #expect(Self.results(rig) == ["get hit 1", "get miss 1"])
  }

  /// The proxy's own failures to reach every server are no requests of a pool.
  @Test func aCommandForEveryServerIsOfNoPool() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "flush_all")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(Self.results(rig) == [])
  }

  @Test func aRefusedKeyOfAMultiGetIsTheServersError() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x y")
    _ = rig.asked("a")
    rig.send(from: "a", "SERVER_ERROR out of memory\r\n")
    #expect(Self.results(rig) == ["get server_error 2"])
    #expect(rig.worker.serverNumbers[0].tally.errors == 2)
  }

  // MARK: - Hot keys

  /// The counter of the sample is due after enough uploads, and the next reply to a line of gets begins in part.
  @Test func uploadsAreSampledAndDisturbNothing() throws {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    let rig = Rig(["a"], limits: limits)
    let (c, d) = (rig.open(), rig.open())
    let value = String(repeating: "v", count: 500)
    for _ in 0..<HotKeys.interval * 3 {
      rig.send(c, "set big 0 0 \(value.utf8.count)\r\n")
      rig.send(c, value + "\r\n")
      let own = try #require(rig.privateConnections.first)
      _ = rig.asked(own)
      rig.send(from: own, "STORED\r\n")
      #expect(rig.got(c) == lines("STORED"))
      rig.say(d, "get x", "get y")
      _ = rig.asked("a")
      rig.send(from: "a", "VALUE x 0 1\r\n")
      rig.send(from: "a", "v\r\nVALUE y 0 1\r\nv\r\nEND\r\n")
      #expect(rig.got(d) == "VALUE x 0 1\r\nv\r\nEND\r\nVALUE y 0 1\r\nv\r\nEND\r\n")
    }
    let report = rig.worker.dispatcher.common.hotKeys.report()
    #expect(report.byBytes.first.map { String(decoding: $0.key, as: UTF8.self) } == "big")
  }

  /// One request in `HotKeys.interval` is looked at, whatever way it came.
  @Test(arguments: [
    ("get hot", "VALUE hot 0 1\r\nv\r\nEND\r\n"), ("delete hot", "DELETED\r\n"),
    ("mg hot v", "VA 1\r\nv\r\n"),
  ])
  func requestsAreSampled(_ request: String, _ reply: String) {
    let rig = Rig(["a"])
    let c = rig.open()
    let rounds = HotKeys.interval * 40
    for _ in 0..<rounds {
      rig.say(c, request)
      rig.send(from: "a", Self.answering(rig.asked("a"), reply))
      _ = rig.got(c)
    }
    let report = rig.worker.dispatcher.common.hotKeys.report()
    #expect(report.byRequests.map { String(decoding: $0.key, as: UTF8.self) } == ["hot"])
    #expect((30...50).contains(report.requests), "\(report.requests) of \(rounds) requests")
    #expect(report.bytes >= report.requests * 10)
  }

  @Test func getsOfALineAreSampledWithTheirOwnValues() {
    let rig = Rig(["a"])
    let c = rig.open()
    let big = String(repeating: "v", count: 1000)
    for _ in 0..<HotKeys.interval * 40 {
      rig.say(c, "get small1", "get big", "get small2", "get small3")
      _ = rig.asked("a")
      rig.send(
        from: "a", "VALUE small1 0 1\r\nv\r\nVALUE big 0 1000\r\n\(big)\r\nVALUE small3 0 1\r\nv\r\nEND\r\n")
      _ = rig.got(c)
    }
    let report = rig.worker.dispatcher.common.hotKeys.report()
    let keys = report.byBytes.map { String(decoding: $0.key, as: UTF8.self) }
    #expect(Set(report.byRequests.map { String(decoding: $0.key, as: UTF8.self) }).count == 4)
    #expect(keys.first == "big")
    #expect((report.byBytes.first?.count ?? 0) * 10 > report.bytes * 8, "nearly all bytes are its own")
  }
}
