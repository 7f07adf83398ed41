import Bytes
import Proxy
import Settings
import Testing
import Topology

@testable import Control

/// Servers that the operator marks down, and servers that a reload adds, with two workers.
@Suite struct MarkAndJoinTests {
  typealias Desk = ControlPlaneTests.Desk

  private static let three = "servers: [10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3]"
  private static let two = "servers: [10.0.0.1:1, 10.0.0.2:2]"
  private static let marked = "servers: [{address: 10.0.0.1:1, mark: down}, 10.0.0.2:2, 10.0.0.3:3]"

  /// Applies a file.
  private func apply(_ text: String, _ desk: inout Desk) throws {
    desk.control.read(.success(try Desk.settings(text)), .signal, now: desk.now)
    desk.control.prepared(.success(()), now: desk.now)
  }

  /// Applies a file; returns what follows.
  private func reload(_ desk: inout Desk, _ text: String) throws -> [String] {
    try apply(text, &desk)
    return desk.orders()
  }

  /// The fields of the lines with this message that were logged by `body`.
  private func fields(of message: String, _ desk: inout Desk, _ body: (inout Desk) throws -> Void) rethrows
    -> [[String: String]]
  {
    _ = desk.control.takeEffects()
    try body(&desk)
    return desk.control.takeEffects().compactMap {
      guard case .log(_, message, let fields) = $0 else { return nil }
      return Dictionary(fields.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
  }

  private func row(_ desk: Desk, _ address: String) -> String? {
    var control = desk.control
    return control.report(time: 0).servers.first { $0.label == address }?.state.rawValue
  }

  // MARK: - Marks

  @Test func aMarkedServerIsEjectedAndNotProbed() throws {
    var desk = try Desk(Self.three)
    let orders = try reload(&desk, Self.marked)
    #expect(orders.contains("info: server marked down"))
    #expect(orders.contains("tell 0 failFast"))
    #expect(desk.confirm().contains("tell 0 ejected"))
    #expect(row(desk, "10.0.0.1:1") == "marked down")
    #expect(desk.tick(after: .seconds(100)) == [])
    #expect(desk.see(.failed(server: 0, .refused), of: 0) == [])
  }

  @Test func aServerWithoutItsMarkReturnsLikeOneThatWasOut() throws {
    var desk = try Desk(Self.three)
    _ = try reload(&desk, Self.marked)
    _ = desk.confirm()
    #expect(try reload(&desk, Self.three).contains("info: server no longer marked down"))
    #expect(row(desk, "10.0.0.1:1") == "joining")
    #expect(desk.tick(after: .milliseconds(10)) == ["open 0 to 10.0.0.1:1"])
    _ = desk.session(0, .connected)
    #expect(desk.answer(0, "VERSION 1.6.40\r\n") == ["send 0 stats\r\n"])
    _ = desk.answer(0, "STAT uptime 1000\r\nSTAT curr_items 5\r\nEND\r\n")
    _ = desk.tick(after: .milliseconds(100))
    #expect(desk.answer(0, "VERSION 1.6.40\r\n") == ["tell 0 ejected"])
    #expect(desk.confirm() == ["tell 0 returning"])
    #expect(desk.confirm() == ["close 0", "info: server up", "tell 0 up"])
    #expect(row(desk, "10.0.0.1:1") == "up")
  }

  /// The journal of an earlier process is gone: any of the server's keys may have changed.
  /// It was started before the proxy, and other servers' copies of its keys may be newer.
  @Test func aServerThatIsMarkedFromTheStartIsFlushedBeforeItIsUsed() throws {
    var desk = try Desk(Self.marked)
    #expect(desk.control.runtimePlan.plan.servers[0].status == .ejected)
    #expect(desk.orders() == ["info: server marked down"])
    _ = try reload(&desk, Self.three)
    _ = desk.tick(after: .milliseconds(10))
    _ = desk.session(0, .connected)
    _ = desk.answer(0, "VERSION 1.6.40\r\n")
    _ = desk.answer(0, "STAT uptime 500\r\nSTAT curr_items 5\r\nEND\r\n")
    _ = desk.tick(after: .milliseconds(100))
    _ = desk.answer(0, "VERSION 1.6.40\r\n")
    #expect(desk.confirm() == ["send 0 flush_all\r\n"])
  }

  /// The floor protects the others from failures; a mark is the operator's own will.
  @Test func marksAreBelowTheFloorToo() throws {
    var desk = try Desk(Self.three)
    _ = try reload(
      &desk, "servers: [{address: 10.0.0.1:1, mark: down}, {address: 10.0.0.2:2, mark: down}, 10.0.0.3:3]")
    _ = desk.confirm()
    _ = desk.confirm()
    #expect((0...1).map { desk.control.failover.status(of: ServerID($0)) } == [.ejected, .ejected])
  }

  @Test func theLastServerOfAPoolStaysInTheRingAndFailsFast() throws {
    var desk = try Desk("servers: [10.0.0.1:1]")
    _ = try reload(&desk, "servers: [{address: 10.0.0.1:1, mark: down}]")
    _ = desk.confirm()
    _ = desk.confirm()
    #expect(desk.control.failover.status(of: 0) == .failFast)
  }

  // MARK: - Joins

  /// A desk on which a third server was just added and has answered `version` to its first probe.
  private func joining(_ files: [String]) throws -> (desk: Desk, server: ServerID) {
    var desk = try Desk(files[0])
    for file in files.dropFirst() {
      _ = try reload(&desk, file)
      _ = desk.confirm()
    }
    let server = try #require(desk.control.runtimePlan.plan.servers.last).id
    #expect(row(desk, "10.0.0.3:3") == "joining")
    #expect(desk.control.runtimePlan.plan.servers.last?.status == .ejected)
    #expect(desk.tick(after: .milliseconds(10)).contains("open \(server) to 10.0.0.3:3"))
    _ = desk.session(server, .connected)
    #expect(desk.answer(server, "VERSION 1.6.40\r\n") == ["send \(server) stats\r\n"])
    return (desk, server)
  }

  private static let full = "STAT uptime 1000\r\nSTAT curr_items 12\r\nEND\r\n"

  @Test(
    arguments: [
      ("", full, "12", "keep", "it was in no pool before"),
      ("\non_join: flush", "STAT uptime 1000\r\nSTAT curr_items 0\r\nEND\r\n", "0", "keep", "it is empty"),
      ("\non_join: trust", full, "12", "keep", "on_join is trust"),
    ])
  func aServerThatNeedsNoFlushIsUsedAtOnce(
    _ rule: String, _ stats: String, _ items: String, _ act: String, _ why: String
  ) throws {
    var (desk, server) = try joining([Self.two + rule, Self.three + rule])
    let lines = fields(of: "server joins", &desk) {
      $0.control.session(server, .received(Array(stats.utf8)), now: $0.now)
    }
    #expect(lines == [["server": "10.0.0.3:3", "items": items, "do": act, "why": why]])
    if items != "0" {
      #expect(desk.control.failover.status(of: server) == .returning)
      #expect(desk.confirm() == ["close \(server)", "info: server up", "tell \(server) up"])
    }
    #expect(desk.control.failover.status(of: server) == .up)
  }

  @Test(
    arguments: [
      (["", "", ""], "it was in a pool before"),
      (["\non_join: flush", "\non_join: flush"], "on_join is flush"),
    ])
  func aServerWithOldItemsIsFlushedBeforeItIsUsed(_ rules: [String], _ why: String) throws {
    let files = rules.count == 3 ? [Self.three, Self.two, Self.three] : [Self.two, Self.three]
    var (desk, server) = try joining(zip(files, rules).map { $0 + $1 })
    let lines = fields(of: "server joins", &desk) {
      $0.control.session(server, .received(Array(Self.full.utf8)), now: $0.now)
    }
    #expect(lines == [["server": "10.0.0.3:3", "items": "12", "do": "flush", "why": why]])
    _ = desk.tick(after: .milliseconds(100))
    #expect(desk.answer(server, "VERSION 1.6.40\r\n") == ["send \(server) flush_all\r\n"])
    let up = fields(of: "server up", &desk) {
      $0.control.session(server, .received(Array("OK\r\n".utf8)), now: $0.now)
    }
    #expect(up == [["server": "10.0.0.3:3", "deleted": "everything"]])
    #expect(desk.control.failover.status(of: server) == .up)
    _ = desk.confirm()
    #expect(desk.control.failover.members[server]?.held.isEmpty == true, "nothing is left to delete on it")
  }

  /// memcached `-F`: what it holds cannot be made safe.
  @Test func aServerThatRefusesTheFlushStaysOutUntilItIsTrusted() throws {
    var (desk, server) = try joining([Self.three, Self.two, Self.three])
    _ = desk.answer(server, Self.full)
    _ = desk.tick(after: .milliseconds(100))
    _ = desk.answer(server, "VERSION 1.6.40\r\n")
    #expect(
      desk.answer(server, "CLIENT_ERROR flush_all not allowed\r\n") == [
        "warning: server stays out: its items may be outdated, and it refuses flush_all", "close \(server)",
      ])
    #expect(row(desk, "10.0.0.3:3") == "joining")
    _ = try reload(&desk, Self.three + "\non_join: trust")
    #expect(desk.tick(after: .seconds(5)).contains("open \(server) to 10.0.0.3:3"))
    _ = desk.session(server, .connected)
    _ = desk.answer(server, "VERSION 1.6.40\r\n")
    #expect(desk.answer(server, Self.full) == ["info: server joins", "tell \(server) returning"])
    #expect(desk.confirm().suffix(2) == ["info: server up", "tell \(server) up"])
  }

  /// A worker may have promised it just before the server joins.
  @Test func aFlushThatAClientWasPromisedMeanwhileIsDoneBeforeTheServerIsUsed() throws {
    var (desk, server) = try joining([Self.two, Self.three])
    #expect(desk.answer(server, Self.full).last == "tell \(server) returning")
    _ = desk.see(.flushOwed(server: server), of: server)
    #expect(desk.confirm() == ["send \(server) flush_all\r\n"])
    #expect(desk.answer(server, "OK\r\n").suffix(2) == ["info: server up", "tell \(server) up"])
  }

  @Test func aServerThatDoesNotAnswerDoesNotJoin() throws {
    var desk = try Desk(Self.two)
    _ = try reload(&desk, Self.three)
    _ = desk.tick(after: .milliseconds(10))
    _ = desk.session(2, .failed(.refused))
    #expect(desk.control.failover.status(of: 2) == .ejected)
    #expect(desk.tick(after: .seconds(2)).contains("open 2 to 10.0.0.3:3"))
  }

  /// Nothing of a new pool can be old, but what its servers had in a pool of that name.
  @Test func serversOfANewPoolAreUsedAtOnceUnlessTheyWereThereBefore() throws {
    let main = "main: {servers: [10.0.0.1:1]}"
    let other = "other: {servers: [10.0.0.8:8]}"
    let routes = "routes: [{pool: main}]"
    var desk = try Desk("pools: {\(main)}\n\(routes)")
    _ = try reload(&desk, "pools: {\(main), \(other)}\n\(routes)")
    #expect(desk.control.runtimePlan.plan.servers.last?.status == .up)
    _ = try reload(&desk, "pools: {\(main)}\n\(routes)")
    _ = try reload(&desk, "pools: {\(main), \(other)}\n\(routes)")
    #expect(desk.control.runtimePlan.plan.servers.last?.status == .failFast, "the only one of its pool")
  }

  @Test func aServerInUseJoinsAnotherPoolAsItIsAndTheLogSaysSo() throws {
    let both = "other: {servers: [10.0.0.8:8, 10.0.0.1:1]}"
    let one = "other: {servers: [10.0.0.8:8]}"
    func file(_ other: String) -> String {
      "pools: {main: {servers: [10.0.0.1:1, 10.0.0.2:2]}, \(other)}\nroutes: [{pool: main}]"
    }
    var desk = try Desk(file(both))
    _ = try reload(&desk, file(one))
    let lines = try fields(
      of: "server joins another pool as it is: its items of before may be outdated", &desk
    ) { try apply(file(both), &$0) }
    #expect(lines.map { $0["pool"] } == ["other"])
    #expect(desk.control.failover.status(of: 0) == .up)
  }

  // MARK: - Moved keys

  @Test(
    arguments: [
      ("servers: [10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3, 10.0.0.4:4]", true),
      ("servers: [{address: 10.0.0.1:1, name: a}, 10.0.0.2:2, 10.0.0.3:3]", true),
      ("servers: [10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3]\nhash: fnv1a_64", true),
      ("servers: [{address: 10.0.0.1:1, mark: down}, 10.0.0.2:2, 10.0.0.3:3]", false),
      ("servers: [10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3]\nfailures: 9", false),
      ("servers: [10.0.0.3:3, 10.0.0.1:1, 10.0.0.2:2]", false),
    ])
  func aReloadSaysHowManyKeysMove(_ text: String, _ isMany: Bool) throws {
    var desk = try Desk(Self.three)
    let lines = try fields(of: "keys have another server now", &desk) { try apply(text, &$0) }
    let share = lines.first?["share"].flatMap { Int($0.dropLast(2)) }
    #expect(isMany ? (11...100).contains(share ?? 0) : share ?? 0 == 0, "\(lines)")
  }

  /// Libketama's promise: a server of four has a quarter of the keys.
  @Test func theShareOfAFourthServerIsAQuarter() throws {
    let old = try Desk.settings(Self.three).pools[0]
    let new = try Desk.settings("servers: [10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3, 10.0.0.4:4]").pools[0]
    let share = try #require(old.movedShare(in: new))
    #expect((15...35).contains(share), "\(share) %")
  }
}
