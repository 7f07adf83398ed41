import Bytes
import Routing
import Testing

struct RoutingTableTests {
  static func pool(_ name: String) -> PoolPlan {
    PoolPlan(
      name: name, scheme: .ketama,
      servers: (1...3).map { RingServer(host: "\(name)-\($0)", port: 11211) })
  }

  static func route(_ prefix: String, _ pool: Int) -> RoutingPlan.Route {
    RoutingPlan.Route(prefix: Array(prefix.utf8), pool: pool)
  }

  static let plan = RoutingPlan(
    pools: ["main", "sessions", "carts", "images"].map(pool),
    routes: [
      route("s", 2), route("session:", 1), route("session:admin:", 3), route("session:admin:", 2),
      route("img/", 3), route("\u{e9}", 3), route("user:0123456789abcdef:", 1),
    ],
    defaultPool: 0)

  @Test(arguments: [
    ("session:17", 1), ("session:", 1), ("session", 2), ("s", 2), ("session:admin:4", 3),
    ("session:admin", 1),
    ("img/1.png", 3), ("img", 0), ("user:0123456789abcdef:7", 1), ("user:0123456789abcdee:7", 0), ("x", 0),
    ("été", 3), ("S", 0), ("", 0),
  ])
  func longestMatchingPrefixWins(key: String, pool: Int) {
    let table = RoutingTable(Self.plan)
    #expect(table.where(key)?.pool == pool)
  }

  /// Bytes after the key in the buffer must not complete a prefix.
  @Test func bytesAfterTheKeyDoNotMatchAPrefix() {
    let table = RoutingTable(Self.plan)
    let line = Array("get img/".utf8)
    // SAFETY: a byte has no padding.
    let bytes = unsafe line.span.bytes
    #expect(table.pool(for: bytes, from: 4, count: 4) == 3)
    #expect(table.pool(for: bytes, from: 4, count: 3) == 0)
    #expect(table.pool(for: bytes, from: 8, count: 0) == 0)
  }

  @Test func keyWithoutMatchOrDefaultHasNoPool() {
    let plan = RoutingPlan(pools: [Self.pool("a")], routes: [Self.route("a:", 0)], defaultPool: nil)
    let table = RoutingTable(plan)
    #expect(table.where("b:1") == nil)
    #expect(table.where("a:1")?.pool == 0)
    #expect(table.defaultPool == RoutingTable.noPool)
  }

  @Test func routeWithAnEmptyPrefixIsTheDefaultPool() {
    let plan = RoutingPlan(
      pools: [Self.pool("a"), Self.pool("b")], routes: [Self.route("", 1), Self.route("a:", 0)],
      defaultPool: nil)
    let table = RoutingTable(plan)
    #expect(table.where("z")?.pool == 1 && table.where("a:")?.pool == 0)
  }

  @Test func tableOfAThousandRoutesFindsEach() {
    let routes = (0..<1000).map { Self.route("p\($0):", $0 % 4) }
    let table = RoutingTable(RoutingPlan(pools: Self.plan.pools, routes: routes, defaultPool: nil))
    for i in 0..<1000 { #expect(table.where("p\(i):x")?.pool == i % 4) }
    #expect(table.where("p1000:x") == nil)
  }

  @Test func eachPoolHasItsOwnRingAndExclusions() throws {
    var table = RoutingTable(Self.plan)
    let before = (0..<300).map { table.where("session:\($0)") }
    let others = (0..<300).map { table.where("img/\($0)") }
    #expect(Set(before.map { $0?.server }) == [0, 1, 2])
    table.pools[Ref(1)].exclude([true, false, false])
    for i in 0..<300 {
      let place = table.where("session:\(i)")
      let now = try #require(place)
      #expect(now.pool == 1 && now.server != 0)
      if before[i]?.server != 0 { #expect(now == before[i]) }
      #expect(table.where("img/\(i)") == others[i])
    }
  }

  @Test func routingPlansAreEqualWhenTheyPlaceKeysAlike() {
    #expect(Self.plan == RoutingPlan(pools: Self.plan.pools, routes: Self.plan.routes, defaultPool: 0))
    var other = Self.plan
    other.pools[2] = PoolPlan(name: "carts", scheme: .ketama, servers: [RingServer(host: "x", port: 1)])
    #expect(Self.plan != other)
  }
}
