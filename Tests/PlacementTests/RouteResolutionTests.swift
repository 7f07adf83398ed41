import Routing
import Testing
import Topology

/// The way of a request through nodes, before any server is asked.
@Suite struct RouteResolutionTests {
  private static let pools = ["a", "b", "c", "d"].map {
    PoolPlan(name: $0, scheme: .ketama, servers: [RingServer(host: $0, port: 1)])
  }

  private static func resolve(
    _ nodes: [RouteNode], _ command: Command = .get, key: String = "key"
  ) -> ResolvedRoute {
    RouteResolver(RoutingPlan(pools: pools, nodes: nodes, defaultTarget: .node(0)))
      .resolve(Array(key.utf8), command) ?? ResolvedRoute(steps: [], key: [])
  }

  private static func step(
    _ leaf: ResolvedRoute.Leaf, trouble: Bool = false, miss: Bool = false, ttl: Int? = nil
  ) -> ResolvedRoute.Step {
    var step = ResolvedRoute.Step(leaf)
    (step.followsTrouble, step.followsMiss, step.ttl) = (trouble, miss, ttl)
    return step
  }

  private static func place(of key: [UInt8], salt: String) -> Int {
    RouteEnds.place(of: key.span.raw, from: 0, count: key.count, salt: Array(salt.utf8))
  }

  @Test func aPoolIsItsOnlyStep() {
    let plan = RoutingPlan(pools: Self.pools, defaultPool: 2)
    let resolver = RouteResolver(plan)
    #expect(
      resolver.resolve([65], .set, from: .pool(2)) == ResolvedRoute(steps: [Self.step(.pool(2))], key: [65]))
    #expect(resolver.resolve([65], .get)?.firstPool == 2)
    let empty = RouteResolver(RoutingPlan(pools: Self.pools, defaultTarget: nil))
    #expect(empty.resolve([65], .get) == nil)
  }

  @Test func membersFollowEachOtherByTheRules() {
    var inner = TryRules()
    inner.goesOnAtTrouble = false
    inner.laterTTL = 600
    var outer = TryRules()
    outer.goesOnAtMiss = true
    let nodes = [
      RouteNode(name: "x", .attempt([.pool(0), .node(1)], outer)),
      RouteNode(name: "y", .attempt([.pool(1), .pool(2)], inner)),
    ]
    #expect(
      Self.resolve(nodes).steps == [
        Self.step(.pool(0)), Self.step(.pool(1), trouble: true, miss: true, ttl: 60),
        Self.step(.pool(2), ttl: 60),
      ])
    #expect(
      Self.resolve(nodes, .set).steps == [
        Self.step(.pool(0)), Self.step(.pool(1), ttl: 60), Self.step(.pool(2), ttl: 60),
      ])
  }

  @Test func nothingFollowsAnAnswer() {
    let nodes = [
      RouteNode(name: "x", .attempt([.pool(0), .node(1), .pool(2)], TryRules())),
      RouteNode(name: "y", .answer(.done)),
    ]
    #expect(Self.resolve(nodes, .set).steps == [Self.step(.pool(0)), Self.step(.answer(.done), ttl: 60)])
  }

  @Test func aShareIsByTheHashOfSaltAndKey() {
    let parts: [(target: RouteTarget, part: Int)] = [(.pool(0), 1000), (.pool(1), 2500), (.pool(2), 6500)]
    let nodes = [RouteNode(name: "x", .share(parts, salt: "s"))]
    var counts = [0, 0, 0]
    for i in 0..<20_000 {
      let place = Self.place(of: Array("key:\(i)".utf8), salt: "s")
      let pool = Self.resolve(nodes, key: "key:\(i)").firstPool
      #expect(pool == (place < 1000 ? 0 : place < 3500 ? 1 : 2))
      counts[pool ?? 0] += 1
    }
    #expect(abs(counts[0] - 2000) < 300 && abs(counts[1] - 5000) < 400, "\(counts)")
    #expect(
      Self.place(of: Array("bc".utf8), salt: "a") == Self.place(of: Array("abc".utf8), salt: "")
    )
    // Part of no key, and of every key.
    let none: [(target: RouteTarget, part: Int)] = [(.pool(0), 0), (.pool(1), 10_000)]
    #expect(
      (0..<100).allSatisfy {
        Self.resolve([RouteNode(name: "x", .share(none, salt: ""))], key: "\($0)").firstPool == 1
      })
  }

  @Test func clausesApplyBeforeTheVerb() {
    var outer = RouteNode(name: "x", .to(.node(1)))
    outer.denied = [.stores, .counts]
    outer.deniedQuietly = .counts
    outer.maxValue = 100
    outer.ttl = TTLRule()
    outer.deadline = .seconds(2)
    var inner = RouteNode(name: "y", .share([(.pool(0), 5000), (.pool(1), 5000)], salt: ""))
    inner.maxValue = 50
    inner.deadline = .seconds(3)
    let nodes = [outer, inner]
    #expect(Self.resolve(nodes, .set).steps == [Self.step(.refused(isQuiet: false))])
    #expect(Self.resolve(nodes, .incr).steps == [Self.step(.refused(isQuiet: true))])
    for i in 0..<50 {
      let route = Self.resolve(nodes, key: "a:\(i)")
      #expect(route.key == Array("a:\(i)".utf8) && route.maxValue == 50 && route.deadline == .seconds(2))
      #expect(route.firstPool == (Self.place(of: route.key, salt: "") < 5000 ? 0 : 1))
      #expect(route.ttlRules == [TTLRule()])
    }
  }

  @Test func commandsWithoutAnEntryGoToTheRestOrAreRefused() {
    let entries: [(commands: CommandSet, target: RouteTarget)] = [(.reads, .pool(0)), (.deletes, .pool(1))]
    for (rest, leaf) in [(RouteTarget.pool(3), ResolvedRoute.Leaf.pool(3)), (nil, .refused(isQuiet: false))] {
      let nodes = [RouteNode(name: "x", .commands(entries, rest: rest))]
      #expect(Self.resolve(nodes, .gets).firstPool == 0 && Self.resolve(nodes, .delete).firstPool == 1)
      #expect(Self.resolve(nodes, .touch).steps == [Self.step(leaf)])
    }
  }

  @Test func aCircleEnds() {
    let nodes = [RouteNode(name: "x", .to(.node(0)))]
    #expect(Self.resolve(nodes).steps == [Self.step(.answer(.nothing))])
  }
}
