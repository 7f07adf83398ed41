import Bytes
import Routing
import Testing
import Topology

@testable import Proxy

/// Clients of a listener that names a pool: all they ask concerns that pool, whatever their keys begin with.
///
/// Pools: the first has servers `a` and `s`, the second `s` and `t`; keys `x:…` are the second's for all other clients.
@Suite struct ListenerTargetTests {
  static func rig(_ change: (inout PoolPolicy) -> Void = { _ in }) -> Rig {
    var policy = PoolPolicy()
    change(&policy)
    return Rig(plan: plan([policy, policy]))
  }

  static func plan(_ policies: [PoolPolicy], ids: [UInt32] = [0, 1]) -> WorkerPlan {
    var plan = SharedServerTests.plan([["a", "s"], ["s", "t"]], policies, ids: ids)
    plan.targets = [PoolID(1)]
    return plan
  }

  static func open(_ rig: Rig, _ pool: UInt32 = 1) -> Ref<Client> { rig.worker.open(pool: PoolID(pool)) }

  /// A key of the first pool by its prefix, which a server of the second owns there.
  static func key(on name: String, _ rig: Rig) -> String {
    let pool = PoolPlan(
      name: "p", scheme: .ketama, servers: ["s", "t"].map { RingServer(host: $0, port: 11211) })
    let table = RoutingTable(RoutingPlan(pools: [pool], defaultPool: 0))
    let keys = (0..<1000).map { "k\($0)" }
    return keys.first { table.where($0)?.server == ["s", "t"].firstIndex(of: name) } ?? ""
  }

  @Test func itsRequestsGoToThatPool() {
    let rig = Self.rig()
    let c = Self.open(rig)
    let (s, t) = (Self.key(on: "s", rig), Self.key(on: "t", rig))
    rig.say(c, "get \(t)", "set \(s) 0 0 1", "1", "mg \(t) v", "incr \(t) 1", "get \(s) \(t)")
    #expect(rig.asked("t").contains("get \(t)"))
    #expect(rig.asked("s").contains("set \(s) 0 0 1"))
    #expect(rig.asked("a") == "")
  }

  @Test func commandsForAllConcernItsServersOnly() {
    let rig = Self.rig()
    let c = Self.open(rig)
    rig.say(c, "flush_all")
    for name in ["s", "t"] {
      #expect(rig.asked(name) == lines("flush_all"))
      rig.reply(name, "OK")
    }
    #expect(rig.got(c) == lines("OK"))
    rig.say(c, "version", "stats")
    for name in ["s", "t"] { #expect(rig.asked(name) == lines("version", "stats")) }
    #expect(rig.asked("a") == "")
    // Other clients speak to all.
    rig.say(rig.open(), "flush_all")
    #expect(rig.asked("a") == lines("flush_all"))
  }

  @Test func aReloadThatReordersPoolsChangesNothingForIt() {
    let rig = Self.rig()
    let c = Self.open(rig)
    var plan = SharedServerTests.plan(
      [["s", "t"], ["a", "s"]], [PoolPolicy(), PoolPolicy()], ids: [1, 0])
    plan.targets = [PoolID(1)]
    rig.worker.apply(plan, now: rig.now)
    rig.settle()
    let t = Self.key(on: "t", rig)
    rig.say(c, "get \(t)")
    #expect(rig.asked("t") == lines("get \(t)"))
  }

  @Test func withoutItsPoolItIsClosed() {
    let rig = Self.rig()
    let c = Self.open(rig)
    var plan = SharedServerTests.plan([["a", "s"], ["s"]], [PoolPolicy(), PoolPolicy()], ids: [0, 2])
    plan.targets = []
    rig.worker.apply(plan, now: rig.now)
    rig.settle()
    rig.say(c, "set k 0 0 1", "1", "get k j")
    #expect(rig.got(c) == "" && rig.closed.contains(c))
    // One that the listener has accepted just before.
    let later = Self.open(rig, 7)
    rig.settle()
    #expect(rig.closed.contains(later))
    #expect(rig.asked("a") + rig.asked("s") == "")
  }

  /// While a server is out, a change through its stand-in is recorded by the ring of the client's pool.
  @Test func itsChangesAreRecordedByThatPoolsRing() {
    let rig = Self.rig { $0.writesOnFailure = .error }
    let c = Self.open(rig)
    let key = Self.key(on: "t", rig)
    rig.set(.ejected, "t")
    rig.say(c, "set \(key) 0 0 1", "1")
    rig.reply("s", "STORED")
    #expect(rig.got(c) == lines("STORED"))
    rig.set(.returning, "t")
    #expect(rig.worker.takeEntries(Fleet.id(of: "t")).keys == [Array(key.utf8)])
    // The stand-in's copy is another's once the server is back.
    rig.set(.up, "t")
    let orphans = rig.worker.takeOrphans(of: [Fleet.id(of: "s")])
    #expect(orphans[Fleet.id(of: "s")]?.keys == [Array(key.utf8)])
  }

  /// A multi-get that touches its keys, and a meta command, are recorded in the same way.
  @Test(arguments: ["gat 0 KEY", "md KEY", "delete KEY"])
  func eachKindOfChangeIsRecorded(_ command: String) {
    let rig = Self.rig { $0.writesOnFailure = .error }
    let c = Self.open(rig)
    let key = Self.key(on: "t", rig)
    rig.set(.ejected, "t")
    rig.say(c, command.replacing("KEY", with: key))
    _ = rig.asked("s")
    rig.send(
      from: "s",
      command.hasPrefix("gat")
        ? lines("VALUE \(key) 0 1", "1", "END") : command.hasPrefix("md") ? lines("HD") : lines("DELETED"))
    rig.set(.returning, "t")
    #expect(rig.worker.takeEntries(Fleet.id(of: "t")).keys == [Array(key.utf8)])
  }
}
