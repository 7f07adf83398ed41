import Bytes
import Routing
import Stats
import Testing
import Topology

@testable import Proxy

/// Servers that are in two pools: keys `x:…` are the second pool's, all others the first one's.
@Suite struct SharedServerTests {
  /// Pools of these servers; each server has one connection, whatever pools it is in.
  static func rig(
    _ first: [String] = ["s"], _ second: [String] = ["s"],
    _ changeFirst: (inout PoolPolicy) -> Void = { _ in },
    _ changeSecond: (inout PoolPolicy) -> Void = { _ in }
  ) -> Rig {
    var policies = [PoolPolicy(), PoolPolicy()]
    for i in policies.indices { policies[i].writesOnFailure = .error }
    changeFirst(&policies[0])
    changeSecond(&policies[1])
    return Rig(plan: plan([first, second], policies))
  }

  static func plan(_ pools: [[String]], _ policies: [PoolPolicy], ids: [UInt32] = [0, 1]) -> WorkerPlan {
    var plan = Fleet.plan(Array(Set(pools.joined())).sorted())
    plan.routing = RoutingPlan(
      pools: pools.map { Fleet.pool($0) }, routes: [RoutingPlan.Route(prefix: Array("x:".utf8), pool: 1)],
      defaultPool: 0)
    plan.pools = pools.indices.map { i in
      PoolMembers(id: PoolID(ids[i]), servers: pools[i].map(Fleet.id(of:)), policy: policies[i])
    }
    for i in plan.servers.indices {
      plan.servers[i].isJournaled = policies.contains { $0.isJournaled }
    }
    return plan
  }

  @Test func itHasOneConnectionForAllPools() {
    let rig = Self.rig()
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "get a")
    rig.say(d, "get x:a")
    #expect(rig.connectionCount == 1)
    #expect(rig.asked("s") == lines("get a x:a"))
    rig.send(from: "s", lines("VALUE x:a 0 1", "1", "END"))
    #expect(rig.got(c) == lines("END"))
    #expect(rig.got(d) == lines("VALUE x:a 0 1", "1", "END"))
  }

  @Test func aMultiGetOverItsPoolsIsOneRequest() {
    let rig = Self.rig()
    let c = rig.open()
    rig.say(c, "get a x:a b x:b")
    #expect(rig.asked("s") == lines("get a x:a b x:b"))
    rig.send(from: "s", lines("VALUE a 0 1", "1", "VALUE x:b 0 1", "2", "END"))
    #expect(rig.got(c) == lines("VALUE a 0 1", "1", "VALUE x:b 0 1", "2", "END"))
  }

  @Test func aCommandForAllServersReachesItOnce() {
    let rig = Self.rig(["s", "t"], ["s"])
    let c = rig.open()
    rig.say(c, "flush_all")
    #expect(rig.asked("s") == lines("flush_all"))
    rig.reply("s", "OK")
    rig.reply("t", "OK")
    #expect(rig.got(c) == lines("OK"))
    #expect(rig.worker.serverNumbers.count == 2)
  }

  @Test func eachPoolSaysWhatAFailedReadIsAnswered() {
    let rig = Self.rig(["s"], ["s"], { $0.readsOnFailure = .error })
    let c = rig.open()
    rig.set(.failFast, "s")
    rig.say(c, "get a", "get x:a", "mg a", "mg x:a")
    #expect(
      rig.got(c)
        == lines(
          "SERVER_ERROR ringroad: s:11211 down", "END", "SERVER_ERROR ringroad: s:11211 down", "EN"))
  }

  /// The stricter pool's rules apply to keys that share a request, whatever their order.
  @Test(arguments: ["get a x:a", "get x:a a", "get x:a a x:b"])
  func aFailedMultiGetOverItsPoolsIsAnErrorIfOneWantsThat(_ line: String) {
    let rig = Self.rig(["s"], ["s"], { $0.readsOnFailure = .error })
    let c = rig.open()
    rig.say(c, line)
    _ = rig.asked("s")
    rig.lose(connection: rig.connection("s"))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: s:11211 connection lost"))
  }

  @Test func eachPoolHasItsOwnDeadline() {
    let rig = Self.rig(["s"], ["s"], { _ in }, { $0.requestTimeout = .milliseconds(50) })
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "get a")
    _ = rig.asked("s")
    rig.say(d, "incr x:a 1")
    _ = rig.asked("s")
    rig.advance(.milliseconds(60))
    #expect(rig.got(d) == lines("SERVER_ERROR ringroad: s:11211 timed out"))
    #expect(rig.got(c) == "")
    // A passed deadline of the impatient pool is no failure of the server.
    #expect(rig.events() == [])
    rig.send(from: "s", lines("END", "5"))
    #expect(rig.got(c) == lines("END"))
    #expect(rig.got(d) == "")
    #expect(rig.count(.lateReplies) == 1)
    rig.say(d, "get x:a")
    rig.reply("s", "END")
    #expect(rig.got(d) == lines("END"))
  }

  @Test func anUnsentRequestPastItsPoolsDeadlineIsNotSent() {
    let rig = Self.rig(["s"], ["s"], { _ in }, { $0.requestTimeout = .milliseconds(50) })
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "get a")
    rig.say(d, "get x:a")
    rig.say(c, "get b")
    rig.advance(.milliseconds(60))
    #expect(rig.got(d) == lines("END"))
    #expect(rig.asked("s") == lines("get a b"))
    rig.send(from: "s", lines("VALUE b 0 1", "1", "END"))
    #expect(rig.got(c) == lines("END", "VALUE b 0 1", "1", "END"))
  }

  @Test func itLeavesOnlyTheRingsOfPoolsThatEjectIt() {
    let rig = Self.rig(["s", "t"], ["s", "t"])
    let c = rig.open()
    let (mine, other) = (rig.key(on: "s"), rig.key(on: "s", prefix: "x:"))
    rig.worker.set(.ejected, of: Fleet.id(of: "s"), from: [PoolID(0)], now: rig.now)
    rig.settle()
    rig.say(c, "get \(mine)")
    #expect(rig.asked("t") == lines("get \(mine)"))
    rig.send(from: "t", lines("END"))
    #expect(rig.got(c) == lines("END"))
    rig.say(c, "get \(other)")
    #expect(rig.asked("t") == "")
    #expect(rig.got(c) == lines("END"))
    // Later it may leave the other ring too.
    rig.worker.set(.ejected, of: Fleet.id(of: "s"), from: [PoolID(0), PoolID(1)], now: rig.now)
    rig.settle()
    rig.say(c, "get \(other)")
    #expect(rig.asked("t") == lines("get \(other)"))
  }

  @Test func changesAreRecordedByTheRingOfTheirPool() {
    let rig = Self.rig(["s", "t"], ["s", "t"], { _ in }, { $0.rejoin = .asIs })
    let c = rig.open()
    let (mine, other) = (rig.key(on: "s"), rig.key(on: "s", prefix: "x:"))
    rig.set(.ejected, "s")
    rig.say(c, "set \(mine) 0 0 1", "1", "set \(other) 0 0 1", "1")
    rig.reply("t", "STORED", "STORED")
    #expect(rig.got(c) == lines("STORED", "STORED"))
    // The second pool uses a server as it is when it returns.
    #expect(rig.worker.takeEntries(Fleet.id(of: "s")).keys == [Array(mine.utf8)])
  }

  @Test func aReloadKeepsThePoolsOfRequestsInFlight() {
    let rig = Self.rig(["s"], ["s"], { $0.readsOnFailure = .error })
    let c = rig.open()
    rig.say(c, "get a", "get x:a")
    _ = rig.asked("s")
    // The same pools in another order.
    var strict = PoolPolicy()
    strict.readsOnFailure = .error
    var plan = Self.plan([["s"], ["s"]], [PoolPolicy(), strict], ids: [1, 0])
    plan.routing = RoutingPlan(
      pools: [Fleet.pool(["s"]), Fleet.pool(["s"])],
      routes: [RoutingPlan.Route(prefix: Array("x:".utf8), pool: 0)], defaultPool: 1)
    rig.worker.apply(plan, now: rig.now)
    rig.settle()
    rig.lose(connection: rig.connection("s"))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: s:11211 connection lost", "END"))
  }
}
