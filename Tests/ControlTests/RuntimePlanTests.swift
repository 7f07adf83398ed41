import Proxy
import Settings
import TestSupport
import Testing
import Topology

@testable import Control

@Suite struct ServerRegistryTests {
  @Test func serverKeepsItsIdAsLongAsItStays() {
    var registry = ServerRegistry()
    let keys = (1...3).map { endpoint(UInt16($0)) }
    let numbers = keys.map { registry.id(of: $0) }
    #expect(Set(numbers).count == 3)
    registry.keep(keys, pools: [], listeners: [])
    #expect(keys.reversed().map { registry.id(of: $0) } == numbers.reversed())
  }

  @Test func serverIdsAreNotReused() {
    var registry = ServerRegistry()
    let first = registry.id(of: endpoint(1))
    registry.keep([], pools: [], listeners: [])
    let again = registry.id(of: endpoint(1))
    let other = registry.id(of: endpoint(2))
    #expect(Set([first, again, other]).count == 3)
  }

  private func endpoint(_ port: UInt16) -> Endpoint { .tcp(host: "127.0.0.1", port: port) }
}

@Suite struct RuntimePlanTests {
  @Test func reloadKeepsTheIdsOfServersThatStay() throws {
    var registry = ServerRegistry()
    let before = RuntimePlan(try settings("servers: [a:1, b:2, c:3]"), registry: &registry)
    let after = RuntimePlan(try settings("servers: [d:4, c:3, a:1]"), registry: &registry)
    let old = numbers(before)
    let new = numbers(after)
    #expect(new["a:1"] == old["a:1"] && new["c:3"] == old["c:3"])
    let fourth = try #require(new["d:4"])
    #expect(!old.values.contains(fourth))
    // A server that was removed and returns has a new id, so that it is not taken for the old one.
    let later = RuntimePlan(try settings("servers: [a:1, b:2]"), registry: &registry)
    #expect(numbers(later)["b:2"] != old["b:2"])
    #expect(numbers(later)["a:1"] == old["a:1"])
  }

  @Test func reloadKeepsTheIdsOfListenersThatStay() throws {
    var registry = ServerRegistry()
    func listeners(_ addresses: String) throws -> [ListenerID] {
      let settings = try settings("listen: [\(addresses)]\nservers: [a:1]")
      return RuntimePlan(settings, registry: &registry).plan.listeners
    }
    let before = try listeners("127.0.0.1:1, 127.0.0.1:2, unix:/run/r")
    #expect(Set(before).count == 3)
    #expect(try listeners("unix:/run/r, 127.0.0.1:1") == [before[2], before[0]])
    // One that was removed and returns has a new id: its old clients are not counted for it.
    let after = try listeners("127.0.0.1:2, 127.0.0.1:3, unix:/run/r")
    #expect(after[2] == before[2] && Set(after).union(before).count == 5)
  }

  /// Whatever its name on their rings.
  @Test func aServerInTwoPoolsIsOneServer() throws {
    var registry = ServerRegistry()
    let text = """
      pools:
        one: {servers: [{address: "a:1", name: alpha}, b:2], connections: 2, rejoin: as_is}
        two: {servers: [c:3, a:1], connections: 3}
      routes: [{prefix: "x:", pool: two}, {pool: one}]
      """
    let plan = RuntimePlan(try settings(text), registry: &registry).plan
    #expect(plan.servers.map(\.label) == ["a:1", "b:2", "c:3"])
    #expect(plan.servers.map(\.connections) == [3, 2, 3])
    #expect(plan.servers.map(\.isJournaled) == [true, false, true])
    let ids = plan.servers.map(\.id)
    #expect(plan.pools.map(\.servers) == [[ids[0], ids[1]], [ids[2], ids[0]]])
  }

  @Test func runtimePlanHasTheConfiguredSettings() throws {
    var registry = ServerRegistry()
    let text = """
      pools:
        one:
          servers: [a:1, b:2]
          connect_timeout: 50ms
          request_timeout: 70ms
          reads_on_failure: error
          writes_on_failure: error
          connections: 3
          failures: 7
          probe_interval: 2s
          probe_max: 9s
          on_failure: fail_fast
          floor: 20%
        two: {servers: [a:1]}
      routes: [{prefix: "x:", pool: two}, {pool: one}]
      limits: {client_output: 64KiB, max_value: 2MiB, server_queue: 3MiB, half_request_timeout: 7s, unread_timeout: 9s}
      """
    let runtimePlan = RuntimePlan(try settings(text), registry: &registry)
    let one = runtimePlan.plan.pools[0]
    let policy = one.policy
    #expect(policy.connectTimeout == .milliseconds(50) && policy.requestTimeout == .milliseconds(70))
    #expect(policy.readsOnFailure == .error && policy.writesOnFailure == .error && policy.connections == 3)
    #expect(one.servers.map { label($0, runtimePlan) } == ["a:1", "b:2"])
    let two = runtimePlan.plan.pools[1]
    #expect(two.policy == PoolPolicy())
    #expect(runtimePlan.plan.servers.map(\.connections) == [3, 3])
    // One address in two pools is one server.
    #expect(Set(one.servers + two.servers).count == 2)
    #expect(runtimePlan.members.map(\.pool) == [0, 0, 1])
    #expect(runtimePlan.plan.limits.clientOutput == 64 << 10)
    #expect(runtimePlan.plan.limits.maxValue == 2 << 20)
    #expect(runtimePlan.plan.limits.serverQueue == 3 << 20)
    #expect(runtimePlan.plan.limits.halfRequestTimeout == .seconds(7))
    #expect(runtimePlan.plan.limits.unreadTimeout == .seconds(9))
    #expect(one.id == PoolID(0) && two.id == PoolID(1))
    #expect(policy.failures == 7 && policy.probeInterval == .seconds(2) && policy.probeMax == .seconds(9))
    #expect(policy.onFailure == .failFast && policy.floorPercent == 20)
  }

  @Test(arguments: [(1, 48), (2, 24), (3, 16), (8, 16)])
  func workersShareTheMemoryLimitButEachGetsAtLeastTheMinimum(workers: Int, mebibytes: Int) throws {
    var registry = ServerRegistry()
    let runtimePlan = RuntimePlan(try settings("servers: [a:1]"), workers: workers, registry: &registry)
    #expect(runtimePlan.plan.limits.memory == mebibytes << 20)
  }

  @Test func serverThatIsOutStaysOutAcrossAReload() throws {
    var registry = ServerRegistry()
    let before = RuntimePlan(try settings("servers: [a:1, b:2]"), registry: &registry)
    let down = try #require(numbers(before)["b:2"])
    var after = RuntimePlan(try settings("servers: [b:2, c:3]"), registry: &registry)
    after.setStatuses { ($0 == down ? .ejected : .up, []) }
    #expect(after.plan.servers.map(\.status) == [.ejected, .up])
  }

  private func settings(_ text: String) throws -> ProxySettings {
    try ProxySettings.decode(bytes: Array(text.utf8), file: "test.yml")
  }

  private func label(_ id: ServerID, _ runtimePlan: RuntimePlan) -> String? {
    runtimePlan.plan.servers.first { $0.id == id }?.label
  }

  private func numbers(_ runtimePlan: RuntimePlan) -> [String: ServerID] {
    Dictionary(uniqueKeysWithValues: runtimePlan.members.map { ($0.settings.address, $0.id) })
  }
}
