import Bytes
import Stats
import Testing
import Topology

@testable import Proxy

/// What is counted of each listener's clients: how many there are, their requests, and how long they waited.
@Suite struct ListenerCountingTests {
  private static func rig(_ servers: [String] = ["a"], listeners: [UInt32] = [1, 2]) -> Rig {
    Rig(plan: plan(servers, listeners: listeners))
  }

  private static func plan(_ servers: [String] = ["a"], listeners: [UInt32]) -> WorkerPlan {
    var plan = Fleet.plan(servers)
    plan.listeners = listeners.map { ListenerID($0) }
    return plan
  }

  private static func open(_ rig: Rig, _ listener: UInt32) -> Ref<Client> {
    rig.worker.open(from: ListenerID(listener))
  }

  /// Clients and requests by listener.
  private static func numbers(_ rig: Rig) -> [UInt32: [Int]] {
    var numbers: [ListenerNumbers] = []
    rig.worker.dispatcher.downstream.listeners.giveNumbers(to: &numbers)
    return numbers.reduce(into: [:]) { $0[$1.id.number] = [$1.clients, Int($1.requests)] }
  }

  /// The latencies of a listener in whole milliseconds, the least and the greatest, with their number.
  private static func latencies(_ rig: Rig) -> [UInt32: [Int]] {
    var book = LatencyBook()
    rig.worker.dispatcher.downstream.listeners.moveLatencies(to: &book)
    return book.listeners.reduce(into: [:]) { found, one in
      guard let times = one.value.quantiles([0, 1]) else { return }
      found[one.key.number] = [Int(one.value.total)] + times.map { Int(($0 * 1000).rounded()) }
    }
  }

  @Test func getsOfOneLineAreCountedForTheirClientsListeners() {
    let rig = Self.rig()
    let (c, d, e) = (Self.open(rig, 1), Self.open(rig, 2), Self.open(rig, 2))
    rig.say(c, "get v", "get w")
    rig.say(d, "get x")
    rig.advance(.milliseconds(10))
    rig.say(c, "get y")
    rig.say(e, "get z")
    #expect(rig.asked("a") == lines("get v w x y z"))
    rig.advance(.milliseconds(20))
    rig.send(from: "a", "VALUE w 0 1\r\nv\r\nVALUE x 0 1\r\nv\r\nVALUE z 0 1\r\nv\r\nEND\r\n")
    #expect(rig.got(c) == lines("END", "VALUE w 0 1", "v", "END", "END"))
    #expect(Self.numbers(rig) == [1: [1, 3], 2: [2, 2]])
    #expect(Self.latencies(rig) == [1: [3, 20, 30], 2: [2, 20, 30]])
    #expect(Self.latencies(rig) == [:], "they are moved once")
  }

  /// A request, the server's reply, and how many requests that is.
  @Test(arguments: [
    ("get x", "END\r\n", 1), ("get x y z", "VALUE x 0 1\r\nv\r\nEND\r\n", 1),
    ("set x 0 0 1\r\nv", "STORED\r\n", 1),
    ("set x 0 0 1 noreply\r\nv", "STORED\r\n", 1), ("get x", "SERVER_ERROR busy\r\n", 1),
    ("version", "VERSION 1\r\n", 0),
    ("mn", "", 0), ("nonsense", "", 0),
  ])
  func aRequestOfKeysIsCountedOnce(_ asked: String, _ reply: String, _ count: Int) {
    let rig = Self.rig()
    let c = Self.open(rig, 2)
    rig.say(c, asked)
    _ = rig.asked("a")
    rig.advance(.milliseconds(3))
    rig.send(from: "a", reply)
    #expect(Self.numbers(rig) == [1: [0, 0], 2: [1, count]])
    #expect(Self.latencies(rig) == (count > 0 ? [2: [1, 3, 3]] : [:]))
  }

  @Test func aFailureIsARequestThatItsClientWaitedFor() {
    let rig = Self.rig()
    let c = Self.open(rig, 2)
    rig.say(c, "set x 0 0 1\r\nv", "get y z")
    _ = rig.asked("a")
    rig.advance(.milliseconds(7))
    rig.lose("a")
    #expect(Self.numbers(rig)[2] == [1, 2])
    #expect(Self.latencies(rig) == [2: [2, 7, 7]])
  }

  @Test func aMetaRequestIsCountedForItsListener() {
    let rig = Self.rig()
    let c = Self.open(rig, 2)
    rig.say(c, "mg x v")
    let opaque = rig.asked("a").firstMatch(of: /\ O[0-9a-z]+/)?.0 ?? ""
    rig.send(from: "a", "VA 1\(opaque)\r\nv\r\n")
    #expect(rig.got(c) == lines("VA 1", "v"))
    #expect(Self.numbers(rig)[2] == [1, 1])
  }

  @Test func clientsAreCountedAsLongAsTheyAreConnected() {
    let rig = Self.rig()
    let (c, d) = (Self.open(rig, 1), Self.open(rig, 1))
    #expect(Self.numbers(rig) == [1: [2, 0], 2: [0, 0]])
    rig.hangUp(c)
    #expect(Self.numbers(rig) == [1: [1, 0], 2: [0, 0]])
    rig.hangUp(d)
    #expect(Self.numbers(rig) == [1: [0, 0], 2: [0, 0]])
  }

  @Test func aListenerKeepsItsNumbersThroughAReload() {
    let rig = Self.rig()
    let c = Self.open(rig, 2)
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.worker.apply(Self.plan(listeners: [3, 2]), now: rig.now)
    rig.send(from: "a", "END\r\n")
    #expect(Self.numbers(rig) == [2: [1, 1], 3: [0, 0]])
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.send(from: "a", "END\r\n")
    #expect(Self.numbers(rig) == [2: [1, 2], 3: [0, 0]])
  }

  /// Requests in every state, of a client whose listener is removed: none is another listener's, though one has its place.
  @Test func whatIsInFlightForARemovedListenerIsNoOthers() {
    let limits = Limits()
    let rig = Self.rig()
    let (c, d, e) = (Self.open(rig, 2), Self.open(rig, 2), Self.open(rig, 2))
    rig.say(c, "get x", "get y z", "set x 0 0 1\r\nv", "mg x v")
    rig.say(d, "get l")
    rig.say(e, "set l 0 0 \(limits.held * 2)\r\n" + String(repeating: "v", count: 1000))
    let asked = rig.asked("a")
    let before = Self.poolRequests(rig)
    rig.worker.apply(Self.plan(listeners: [1, 3]), now: rig.now)
    rig.settle()
    #expect(Self.numbers(rig) == [1: [0, 0], 3: [0, 0]])
    let opaque = asked.firstMatch(of: /\ O[0-9a-z]+/)?.0 ?? ""
    rig.send(from: "a", "END\r\n")
    rig.send(from: "a", "STORED\r\nEN\(opaque)\r\nEND\r\n")
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.send(from: "a", "END\r\n")
    for one in [c, d, e] { rig.hangUp(one) }
    #expect(Self.numbers(rig) == [1: [0, 0], 3: [0, 0]])
    #expect(Self.latencies(rig) == [:])
    #expect(Self.poolRequests(rig) > before, "the pool's go on")
    // The place is the new one's.
    let f = Self.open(rig, 3)
    rig.say(f, "get x")
    _ = rig.asked("a")
    rig.send(from: "a", "END\r\n")
    #expect(Self.numbers(rig) == [1: [0, 0], 3: [1, 1]])
  }

  private static func poolRequests(_ rig: Rig) -> UInt64 {
    var numbers: [PoolNumbers] = []
    rig.worker.dispatcher.upstream.givePoolNumbers(to: &numbers)
    return RequestResult.allCases.reduce(0) { $0 + numbers[0].results[$1] }
  }

  @Test func aClientOfAnUnknownListenerIsServedAndCountedForNone() {
    let rig = Self.rig()
    let c = Self.open(rig, 9)
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.send(from: "a", "END\r\n")
    #expect(rig.got(c) == lines("END"))
    #expect(Self.numbers(rig) == [1: [0, 0], 2: [0, 0]])
  }

  /// As many as a configuration may have, twice.
  @Test func everyListenerHasAPlaceOfItsOwn() {
    let rig = Self.rig(listeners: Array(0..<255))
    rig.worker.apply(Self.plan(listeners: Array(255..<510)), now: rig.now)
    for listener in 255..<510 as Range<UInt32> {
      for _ in 0..<Int(listener - 254) { _ = Self.open(rig, listener) }
    }
    let numbers = Self.numbers(rig)
    #expect(numbers.count == 255)
    #expect(numbers.allSatisfy { $0.value == [Int($0.key) - 254, 0] })
  }
}
