import Bytes
import Topology

/// What the nodes of a plan make of one request before any server is asked: which pools, in which order.
package struct ResolvedRoute: Equatable, Sendable {
  /// An end of the way: a pool, or a reply without a server.
  package enum Leaf: Equatable, Sendable {
    case pool(Int)
    case answer(FixedAnswer)
    /// The command is refused; quietly: answered as if nothing was there.
    case refused(isQuiet: Bool)
  }

  /// A leaf, and when the request continues to it.
  package struct Step: Equatable, Sendable {
    package var leaf: Leaf
    /// Whether it continues here after any trouble with the leaf before; if not, only if that server is known to be out.
    package var followsTrouble = false
    /// Whether it also continues here when the leaf before does not have the key; then also at trouble.
    package var followsMiss = false
    /// The longest life, in seconds, of what is stored there; nil for any.
    package var ttl: Int?

    package init(_ leaf: Leaf) { self.leaf = leaf }
  }

  /// In the order in which they are asked; never empty. Nothing stands behind an answer or a refusal.
  package var steps: [Step]
  /// The key that was asked for.
  package var key: [UInt8]
  /// The rules for expiration times, in the order in which they apply.
  package var ttlRules: [TTLRule] = []
  /// The smallest of the limits on the way, in bytes.
  package var maxValue: Int?
  /// The shortest of the deadlines on the way.
  package var deadline: Duration?

  package init(steps: [Step], key: [UInt8]) {
    self.steps = steps
    self.key = key
  }

  /// The pool that is asked first; nil if none is.
  package var firstPool: Int? {
    if case .pool(let i)? = steps.first?.leaf { i } else { nil }
  }
}

/// Answers where requests go, for people and tests: what a worker looks up, as steps.
package struct RouteResolver: ~Copyable {
  package let plan: RoutingPlan
  /// Servers may be excluded from its pools.
  package var table: RoutingTable
  private let ends: RouteEnds

  package init(_ plan: RoutingPlan) {
    self.plan = plan
    table = RoutingTable(plan)
    ends = RouteEnds(plan.nodes)
  }

  /// The way of a request from a target, or from where the key's route leads; nil if no route matches.
  package func resolve(
    _ key: [UInt8], _ command: Command, from target: RouteTarget? = nil
  ) -> ResolvedRoute? {
    let bytes = key.span.raw
    let first = target ?? RouteTarget(number: table.pool(for: bytes, from: 0, count: bytes.byteCount))
    switch first {
    case nil: return nil
    case .pool(let pool)?: return ResolvedRoute(steps: [ResolvedRoute.Step(.pool(pool))], key: key)
    case .node(let node)?:
      return route(by: ends.end(of: node, command, bytes, from: 0, count: key.count), command, key)
    }
  }

  private func route(by end: RouteEnd, _ command: Command, _ key: [UInt8]) -> ResolvedRoute {
    var route = ResolvedRoute(steps: [], key: key)
    let rules = ends.rules[Int(end.rules)]
    (route.ttlRules, route.maxValue, route.deadline) = (rules.ttls, rules.maxValue, rules.deadline)
    switch end.way {
    case .pool: route.steps = [ResolvedRoute.Step(.pool(Int(end.number)))]
    case .answer: route.steps = [ResolvedRoute.Step(.answer(ends.answers[Int(end.number)]))]
    case .refused, .share: route.steps = [ResolvedRoute.Step(.refused(isQuiet: false))]
    case .refusedQuietly: route.steps = [ResolvedRoute.Step(.refused(isQuiet: true))]
    case .attempt:
      let tree = ends.trees[Int(end.number)]
      route.deadline = tree.deadline
      Self.follow(
        tree.root, of: tree, isRead: !RequestKind(command).isChange, into: &route.steps)
    }
    return route
  }

  /// Appends the leaves of a tree; nothing stands behind an answer.
  private static func follow(
    _ node: RouteTree.Node, of tree: RouteTree, isRead: Bool, into steps: inout [ResolvedRoute.Step]
  ) {
    switch node {
    case .leaf(let i):
      var step = ResolvedRoute.Step(of: tree.leaves[i])
      step.ttl = tree.longestLives[i]
      steps.append(step)
    case .attempt(let members, let rules):
      for (place, member) in members.enumerated() {
        if case .answer? = steps.last?.leaf { return }
        let start = steps.count
        follow(member, of: tree, isRead: isRead, into: &steps)
        guard place > 0, isRead, start < steps.count else { continue }
        steps[start].followsMiss = rules.goesOnAtMiss
        steps[start].followsTrouble = rules.goesOnAtMiss || rules.goesOnAtTrouble
      }
    }
  }

  /// For each step the position in its pool of the server that has the key now; nil without a pool, or without servers.
  package func servers(of route: ResolvedRoute) -> [Int?] {
    route.steps.map { step in
      guard case .pool(let pool) = step.leaf, plan.pools.indices.contains(pool) else { return nil }
      let server = table.server(in: pool, owning: route.key.span.raw, from: 0, count: route.key.count)
      return plan.pools[pool].servers.indices.contains(server) ? server : nil
    }
  }
}

extension ResolvedRoute.Step {
  fileprivate init(of leaf: RouteTree.Leaf) {
    switch leaf {
    case .pool(let pool): self.init(.pool(pool))
    case .answer(let fixed): self.init(.answer(fixed))
    }
  }
}
