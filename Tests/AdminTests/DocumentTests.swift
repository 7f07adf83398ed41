import Foundation
import Settings
import Stats
import Testing
import Topology
import Wire

@testable import Admin

@Suite struct DocumentTests {
  @Test func poolHasItsResultsByCommand() throws {
    var fixture = try Fixture()
    fixture.count(pool: 0, .get, .hit, 7)
    fixture.count(pool: 0, .get, .miss, 2)
    fixture.count(pool: 0, .metaSet, .timedOut, 1)
    let pools = try #require(try fixture.document("/api/v1/pools")["pools"] as? [[String: Any]])
    #expect(pools.map { $0["name"] as? String } == ["main", "sessions"])
    let main = pools[0]
    #expect(
      main["outcomes"] as? [String: [String: Int]] == ["get": ["hit": 7, "miss": 2], "ms": ["timed_out": 1]])
    #expect(
      [main["requests"], main["hits"], main["misses"], main["errors"]].map { $0 as? Int } == [10, 7, 2, 1])
    #expect(main["routes"] as? [String] == ["s:x", ""] && main["hash"] as? String == "md5")
    #expect(main["servers"] as? [String] == ["10.0.0.1", "10.0.0.2:11212", "10.0.0.3"])
    #expect(main["up"] as? Int == 3 && main["latency"] is NSNull)
  }

  @Test func serverHasItsNumbersAndShares() throws {
    var fixture = try Fixture()
    var numbers = ServerNumbers(id: ServerID(2))
    numbers.tally.hits = 5
    numbers.tally.errors = 1
    numbers.tally.count(.timedOut, 2)
    numbers.tally.readsAsMisses = 2
    fixture.snapshot.servers[ServerID(2)] = numbers
    var book = LatencyBook()
    book.servers[ServerID(2), default: LatencyCounts()].record(nanoseconds: 1_000_000, times: 100)
    fixture.recorder.record(fixture.snapshot, book)
    let servers = try #require(try fixture.document("/api/v1/servers")["servers"] as? [[String: Any]])
    let third = servers[2]
    #expect(third["pools"] as? [String] == ["main", "sessions"] && third["weight"] as? Int == 2)
    #expect(
      third["requests"] as? Int == 8 && third["errors"] as? Int == 3)
    #expect(third["failures"] as? [String: Int] == ["timed_out": 2])
    let latency = try #require(third["latency"] as? [String: Double])
    #expect(latency.count == 3 && latency.values.allSatisfy { abs($0 - 0.001) < 0.00001 })
    let share = try #require(third["share"] as? [String: Any])
    #expect(share["ideal"] as? Double == 0.5 && share["traffic"] is NSNull)
    let rings = servers.prefix(3).compactMap { ($0["share"] as? [String: Any])?["ring"] as? Double }
    #expect(rings.count == 3 && abs(rings.reduce(0, +) - 1) < 1e-6)
  }

  @Test func statusHasEachListenersNumbers() throws {
    var fixture = try Fixture()
    var (one, two) = (
      ListenerReport(id: ListenerID(5), "127.0.0.1:1"), ListenerReport(id: ListenerID(3), "unix:/run/r")
    )
    (one.accepted, two.accepted) = (9, 0)
    fixture.snapshot.control.listeners = [one, two]
    var numbers = ListenerNumbers(id: one.id)
    (numbers.clients, numbers.requests) = (4, 70)
    fixture.snapshot.listeners[one.id] = numbers
    var book = LatencyBook()
    book.listeners[one.id, default: LatencyCounts()].record(nanoseconds: 1_000_000, times: 100)
    fixture.recorder.record(fixture.snapshot, book)
    let listeners = try #require(try fixture.document("/api/v1/status")["listeners"] as? [[String: Any]])
    #expect(listeners.map { $0["address"] as? String } == ["127.0.0.1:1", "unix:/run/r"])
    #expect(listeners.map { $0["clients"] as? Int } == [4, 0])
    #expect(listeners.map { $0["accepted"] as? Int } == [9, 0])
    #expect(listeners.map { $0["requests"] as? Int } == [70, 0])
    let latency = try #require(listeners[0]["latency"] as? [String: Double])
    #expect(latency.count == 3 && latency.values.allSatisfy { abs($0 - 0.001) < 0.00001 })
    #expect(listeners[1]["latency"] is NSNull)
    #expect(
      fixture.snapshot.rows.map { "\($0.name) \($0.value)" }.filter { $0.hasPrefix("listener") } == [
        "listener:127.0.0.1:1:clients 4", "listener:127.0.0.1:1:clients_accepted 9",
        "listener:127.0.0.1:1:requests 70", "listener:unix:/run/r:clients 0",
        "listener:unix:/run/r:clients_accepted 0", "listener:unix:/run/r:requests 0",
      ])
  }

  @Test func statusNamesWhatNeedsAttention() throws {
    var fixture = try Fixture()
    try fixture.setState(.markedDown, of: "10.0.0.4")
    try fixture.setState(.ejected, of: "10.0.0.1")
    fixture.snapshot.control.servers[0].cause = "timed out"
    fixture.snapshot.control.servers[1].note = "its name is unknown"
    fixture.snapshot.control.lastReloadError = "2:1: bad"
    fixture.snapshot.totals.set(.configUnreadable, to: 1)
    let status = try fixture.document("/api/v1/status")
    let attention = try #require(status["attention"] as? [[String: Any]])
    #expect(
      attention.map { $0["text"] as? String } == [
        "server 10.0.0.1 is ejected (timed out): its keys are on other servers",
        "server 10.0.0.2:11212: its name is unknown", "the last reload was refused: 2:1: bad",
        "the configuration file cannot be read", "server 10.0.0.4 is marked down",
      ])
    #expect(attention.map { $0["level"] as? String } == ["warning", "warning", "warning", "warning", "info"])
    #expect(status["ready"] as? Bool == true && status["config"] is NSNull)
    let counters = try #require(status["counters"] as? [String: Int])
    #expect(counters.count == Counter.allCases.count)
  }

  @Test func configIsTheYAMLInForce() throws {
    var fixture = try Fixture()
    fixture.settings.admin.tokenFile = "/etc/ringroad.token"
    let config = try fixture.document("/api/v1/config")
    let yaml = try #require(config["yaml"] as? String)
    #expect(try ProxySettings.decode(bytes: Array(yaml.utf8), file: "f") == fixture.settings)
  }

  @Test func historyHasOneEntryForEachStep() throws {
    var fixture = try Fixture()
    for second in 0..<5 {
      fixture.snapshot.time = Double(second)
      fixture.count(pool: 0, .get, .hit, second)
      var book = LatencyBook()
      if second == 4 { book.pools[PoolID(0), default: LatencyCounts()].record(nanoseconds: 50_000) }
      fixture.recorder.record(fixture.snapshot, book)
    }
    let history = try fixture.document("/api/v1/history?since=2&server=10.0.0.1")
    #expect(history["first"] as? Int == 2 && history["last"] as? Int == 4 && history["now"] as? Double == 4)
    let total = try #require(history["total"] as? [String: [Any]])
    #expect(total["requests"] as? [Int] == [2, 3, 4] && total["hits"] as? [Int] == [2, 3, 4])
    #expect(total["p50"]?.first is NSNull && abs((total["p50"]?.last as? Double ?? 0) - 50.5e-6) < 1e-9)
    let servers = try #require(history["servers"] as? [String: [String: [Any]]])
    #expect(servers.keys.sorted() == ["10.0.0.1"] && servers["10.0.0.1"]?["requests"]?.count == 3)
    let future = try fixture.document("/api/v1/history?since=99")
    #expect((future["total"] as? [String: [Any]])?["requests"]?.isEmpty == true)
  }

  @Test func ringNamesTheServerOfEachSlice() throws {
    var fixture = try Fixture()
    try fixture.setState(.ejected, of: "10.0.0.2:11212")
    let ring = try fixture.document("/api/v1/ring?pool=main")
    let slices = try #require(ring["slices"] as? [Int])
    #expect(slices.count == 720 && Set(slices) == [0, 2])
    let servers = try #require(ring["servers"] as? [[String: Any]])
    #expect(servers.map { $0["state"] as? String } == ["up", "ejected", "up"])
    #expect(servers[1]["ring"] as? Double == 0 && servers[1]["ideal"] as? Double == 0)
    #expect(try fixture.document("/api/v1/ring")["pool"] as? String == "main")
    #expect(try fixture.document("/api/v1/ring?pool=sessions")["pool"] as? String == "sessions")
  }
}
