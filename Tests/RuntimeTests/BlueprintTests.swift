import Health
import Proxy
import Settings
import Testing

@testable import Runtime

@Suite struct RosterTests {
  @Test func aServerKeepsItsNumberAsLongAsItStays() {
    var roster = Roster()
    let keys = (1...3).map { key("main", UInt16($0)) }
    let numbers = keys.map { roster.number(of: $0) }
    #expect(Set(numbers).count == 3)
    roster.keep(Set(keys))
    #expect(keys.reversed().map { roster.number(of: $0) } == numbers.reversed())
  }

  @Test func aNumberIsNotGivenToAnother() {
    var roster = Roster()
    let first = roster.number(of: key("main", 1))
    roster.keep([])
    let again = roster.number(of: key("main", 1))
    let other = roster.number(of: key("main", 2))
    #expect(Set([first, again, other]).count == 3)
  }

  @Test func poolAndNameTellServersApart() {
    var roster = Roster()
    var named = key("main", 1)
    named.name = "cache-a"
    let numbers = [key("main", 1), key("other", 1), named].map { roster.number(of: $0) }
    #expect(Set(numbers).count == 3)
  }

  private func key(_ pool: String, _ port: UInt16) -> Roster.Key {
    Roster.Key(pool: pool, endpoint: .tcp(host: "127.0.0.1", port: port), name: nil)
  }
}

@Suite struct BlueprintTests {
  @Test func aReloadKeepsTheNumbersOfThoseThatStay() throws {
    var roster = Roster()
    let before = Blueprint(try settings("servers: [a:1, b:2, c:3]"), roster: &roster) { _ in .up }
    let after = Blueprint(try settings("servers: [d:4, c:3, a:1]"), roster: &roster) { _ in .up }
    let old = numbers(before)
    let new = numbers(after)
    #expect(new["a:1"] == old["a:1"] && new["c:3"] == old["c:3"])
    let fourth = try #require(new["d:4"])
    #expect(!old.values.contains(fourth))
    // b comes back as another: nobody takes it for the one that was there.
    let later = Blueprint(try settings("servers: [a:1, b:2]"), roster: &roster) { _ in .up }
    #expect(numbers(later)["b:2"] != old["b:2"])
    #expect(numbers(later)["a:1"] == old["a:1"])
  }

  @Test func thePlanSaysWhatTheFileSays() throws {
    var roster = Roster()
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
      limits: {client_output: 64KiB, max_value: 2MiB, server_queue: 3MiB}
      """
    let blueprint = Blueprint(try settings(text), roster: &roster) { _ in .up }
    let one = blueprint.plan.pools[0]
    #expect(one.connectTimeout == .milliseconds(50) && one.requestTimeout == .milliseconds(70))
    #expect(!one.missesOnFailure && !one.writesMissOnFailure && one.connections == 3)
    #expect(one.members.map(\.label) == ["a:1", "b:2"])
    let two = blueprint.plan.pools[1]
    #expect(two.missesOnFailure && two.writesMissOnFailure && two.connections == 1)
    // One address in two pools is two servers: their keys have nothing to do with each other.
    #expect(Set((one.members + two.members).map(\.id)).count == 3)
    #expect(blueprint.members.map(\.pool) == [0, 0, 1])
    #expect(blueprint.plan.limits.clientOutput == 64 << 10)
    #expect(blueprint.plan.limits.maxValue == 2 << 20)
    #expect(blueprint.plan.limits.serverQueue == 3 << 20)
    #expect(
      blueprint.healthPools[0]
        == HealthPool(
          id: PoolID(0), servers: one.members.map { ServerID($0.id) },
          rules: HealthRules(
            failures: 7, probeInterval: .seconds(2), probeMax: .seconds(9), onFailure: .failFast,
            floorPercent: 20)))
    #expect(blueprint.healthPools[1].rules.onFailure == .eject)
  }

  @Test(arguments: [(1, 48), (2, 24), (3, 16), (8, 16)])
  func theWorkersShareTheMemoryButEachHasEnough(workers: Int, mebibytes: Int) throws {
    var roster = Roster()
    let blueprint = Blueprint(try settings("servers: [a:1]"), workers: workers, roster: &roster) { _ in .up }
    #expect(blueprint.plan.limits.memory == mebibytes << 20)
  }

  @Test func whoIsOutStaysOutAcrossAReload() throws {
    var roster = Roster()
    let before = Blueprint(try settings("servers: [a:1, b:2]"), roster: &roster) { _ in .up }
    let down = try #require(numbers(before)["b:2"])
    let after = Blueprint(try settings("servers: [b:2, c:3]"), roster: &roster) {
      $0 == down ? .ejected : .up
    }
    #expect(after.plan.pools[0].members.map(\.standing) == [.ejected, .up])
  }

  private func settings(_ text: String) throws -> ProxySettings {
    try ProxySettings.decode(bytes: Array(text.utf8), file: "test.yml")
  }

  private func numbers(_ blueprint: Blueprint) -> [String: UInt32] {
    Dictionary(uniqueKeysWithValues: blueprint.members.map { ($0.settings.address, $0.id) })
  }
}
