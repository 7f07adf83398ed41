import Testing
import Topology

@testable import Routing

/// What nodes come to for each command.
@Suite struct RouteEndTests {
  private static func end(_ nodes: [RouteNode], _ command: Command, _ key: String = "k", of node: Int = 0)
    -> RouteEnd
  {
    let ends = RouteEnds(nodes)
    let bytes = Array(key.utf8)
    return ends.end(of: node, command, bytes.span.raw, from: 0, count: bytes.count)
  }

  @Test func commandsGoWhereTheirWordSays() {
    let nodes = [
      RouteNode(
        name: "by command",
        .commands([(.stores, .pool(1)), (CommandSet([.get]), .pool(2))], rest: .pool(0)))
    ]
    #expect(Self.end(nodes, .set) == RouteEnd(.pool, 1))
    #expect(Self.end(nodes, .get) == RouteEnd(.pool, 2))
    #expect(Self.end(nodes, .gets) == RouteEnd(.pool, 0))
    #expect(
      Self.end([RouteNode(name: "x", .commands([(.stores, .pool(1))], rest: nil))], .get).way == .refused)
  }

  @Test func denialsAreFoundBehindOtherNodes() {
    var inner = RouteNode(name: "inner", .to(.pool(3)))
    inner.denied = .writes
    inner.deniedQuietly = CommandSet([.delete])
    let nodes = [RouteNode(name: "outer", .to(.node(1))), inner]
    #expect(Self.end(nodes, .set).way == .refused)
    #expect(Self.end(nodes, .delete).way == .refusedQuietly)
    #expect(Self.end(nodes, .get) == RouteEnd(.pool, 3))
  }

  @Test func clausesOfAllNodesOnTheWayApply() {
    var (outer, inner) = (RouteNode(name: "outer", .to(.node(1))), RouteNode(name: "inner", .to(.pool(0))))
    outer.maxValue = 100
    inner.maxValue = 200
    inner.deadline = .seconds(1)
    let ends = RouteEnds([outer, inner])
    let key: [UInt8] = [1]
    let rules = ends.rules[Int(ends.end(of: 0, .set, key.span.raw, from: 0, count: 1).rules)]
    #expect(rules.maxValue == 100)
    #expect(rules.deadline == .seconds(1))
    let own = ends.rules[Int(ends.end(of: 1, .set, key.span.raw, from: 0, count: 1).rules)]
    #expect(own.maxValue == 200)
  }

  @Test func aShareTakesItsPartOfTheKeys() {
    let nodes = [RouteNode(name: "split", .share([(.pool(1), 1000), (.pool(0), 9000)], salt: "s"))]
    let ends = RouteEnds(nodes)
    var counts = [0, 0]
    for i in 0..<20_000 {
      let key = Array("key:\(i)".utf8)
      let end = ends.end(of: 0, .get, key.span.raw, from: 0, count: key.count)
      counts[Int(end.number)] += 1
      #expect(end == ends.end(of: 0, .delete, key.span.raw, from: 0, count: key.count))
    }
    #expect((1800...2200).contains(counts[1]))
    let other = [RouteNode(name: "split", .share([(.pool(1), 1000), (.pool(0), 9000)], salt: "t"))]
    #expect((0..<1000).contains { Self.end(nodes, .get, "k\($0)") != Self.end(other, .get, "k\($0)") })
  }

  @Test func equalTreesAreOne() {
    let nodes = [
      RouteNode(name: "a", .attempt([.pool(0), .pool(1)], TryRules())),
      RouteNode(name: "b", .attempt([.pool(0), .node(2)], TryRules())),
      RouteNode(name: "c", .to(.pool(1))),
    ]
    let ends = RouteEnds(nodes)
    #expect(ends.trees.count == 1)
    #expect(Self.end(nodes, .get, of: 1) == RouteEnd(.attempt, 0))
  }

  @Test func wholeKeysBeatPrefixes() {
    let servers = [RingServer(host: "10.0.0.1", port: 11211)]
    let pools = ["a", "b", "c"].map { PoolPlan(name: $0, scheme: .ketama, servers: servers) }
    func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    let table = RoutingTable(
      RoutingPlan(
        pools: pools,
        routes: [
          RoutingPlan.Route(prefix: bytes("menu"), pool: 1),
          RoutingPlan.Route(prefix: bytes("menu"), isWhole: true, to: .pool(2)),
        ], defaultPool: 0))
    #expect(table.where("menu")?.pool == 2)
    #expect(table.where("menus")?.pool == 1)
    #expect(table.where("men")?.pool == 0)
  }

  /// Three levels of many shares each: every way would be millions.
  @Test func nodesThatManyNameAreResolvedOnce() {
    let many = 60
    var nodes = (0..<many).map { RouteNode(name: "a\($0)", .to(.pool($0 % 2))) }
    for level in 0..<3 {
      let parts = (0..<many).map { (target: RouteTarget.node(level * many + $0), part: $0 == 0 ? 9941 : 1) }
      nodes += (0..<many).map { RouteNode(name: "s\(level).\($0)", .share(parts, salt: "\($0)")) }
    }
    let ends = RouteEnds(nodes)
    #expect(ends.ends.count <= (nodes.count + 2) * Command.withKey.count)
    let key: [UInt8] = [107]
    #expect(ends.end(of: nodes.count - 1, .get, key.span.raw, from: 0, count: 1).way == .pool)
  }
}
