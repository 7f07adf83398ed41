import Routing

/// A route: it takes the keys that begin with `prefix`, unless a longer prefix matches too, or the keys that it lists.
package struct RouteSettings: Equatable, Sendable {
  /// "" is the default route, which matches every key, unless the route has `keys`.
  package var prefix: String
  /// Whole keys, which beat all prefixes. If there are any, the prefix is "" and means nothing.
  package var keys: [String]
  /// What is done with the requests for these keys. Its targets are indexes in `ProxySettings.pools` and `.policies`.
  package var node: RouteNode

  /// The node's name is what the route says of its keys.
  package init(prefix: String = "", keys: [String] = [], node: RouteNode) {
    self.prefix = prefix
    self.keys = keys
    self.node = node
    self.node.name = keys.first ?? (prefix.isEmpty ? "default" : quoted(prefix))
  }

  /// A route that passes requests on as they are.
  package init(prefix: String = "", keys: [String] = [], to target: RouteTarget) {
    self.init(prefix: prefix, keys: keys, node: RouteNode(name: "", .to(target)))
  }

  package var isDefault: Bool { prefix.isEmpty && keys.isEmpty }

  /// What tells it from other routes: its prefix, or its keys.
  var taken: [String] { keys.isEmpty ? [prefix] : keys + [""] }
}

extension ProxySettings {
  /// The pool or policy with a name, as `routingPlan` numbers it; nil if there is none.
  package func target(named name: String) -> RouteTarget? {
    if let index = pools.firstIndex(where: { $0.name == name }) { return .pool(index) }
    return policies.firstIndex { $0.name == name }.map { direct(.node($0)) }
  }

  /// The name of a pool or policy.
  package func name(of target: RouteTarget) -> String {
    switch target {
    case .pool(let i): pools.indices.contains(i) ? pools[i].name : ""
    case .node(let i): policies.indices.contains(i) ? policies[i].name : ""
    }
  }

  /// The target behind policies that only pass requests on.
  func direct(_ target: RouteTarget) -> RouteTarget {
    var target = target
    // Never longer than the number of policies, if there is no cycle.
    for _ in policies.indices {
      guard case .node(let i) = target, policies.indices.contains(i), policies[i].isPlain,
        let next = policies[i].verb.targets.first
      else { break }
      target = next
    }
    return target
  }

  /// Every pool and policy to which some request may go, from a route that a listener uses, or from a listener.
  var usedTargets: Set<RouteTarget> {
    var open: [RouteTarget] = listeners.compactMap { listener in
      listener.pool.flatMap { name in
        pools.firstIndex { $0.name == name }.map(RouteTarget.pool)
          ?? policies.firstIndex { $0.name == name }.map(RouteTarget.node)
      }
    }
    if listeners.contains(where: { $0.pool == nil }) { open += routes.flatMap(\.node.verb.targets) }
    return reached(from: open)
  }

  /// These targets, and all behind them.
  package func reached(from targets: [RouteTarget]) -> Set<RouteTarget> {
    var open = targets
    var used: Set<RouteTarget> = []
    while let target = open.popLast() {
      guard used.insert(target).inserted, case .node(let i) = target, policies.indices.contains(i) else {
        continue
      }
      open += policies[i].verb.targets
    }
    return used
  }

  /// The pools that are before another member in a `try`.
  var triedPools: [Int] {
    var before: Set<RouteTarget> = []
    for node in policies + routes.map(\.node) {
      if case .attempt(let members, _) = node.verb { before.formUnion(reached(from: members.dropLast())) }
    }
    return pools.indices.filter { before.contains(.pool($0)) }
  }

  /// Gives these pools the rule that their keys stay where they are, but for those whose rule is written.
  mutating func keepKeysOfTriedPools(butOf written: Set<String>) {
    for i in triedPools where !written.contains(pools[i].name) { pools[i].policy.onFailure = .failFast }
  }

  /// The prefixes of the routes through which some key may come to a pool.
  package func prefixes(leadingTo pool: String) -> [String] {
    guard let index = pools.firstIndex(where: { $0.name == pool }) else { return [] }
    let wanted = RouteTarget.pool(index)
    return routes.filter { route in
      guard route.keys.isEmpty else { return false }
      let targets = route.node.verb.targets
      // Most routes name a pool.
      let nodes = targets.filter { if case .node = $0 { true } else { false } }
      return targets.contains(wanted) || !nodes.isEmpty && reached(from: nodes).contains(wanted)
    }.map(\.prefix)
  }

  /// The nodes of the routing plan: the policies, then those of the routes that do more than name a target.
  var routingNodes: [RouteNode] { policies + routes.map(\.node).filter { !$0.isPlain } }

  /// The routing plan with every ring computed, unless it is one of `known`; pools and servers keep their indexes. Its
  /// nodes are the policies, then the nodes of the routes that do more than name a target.
  package func routingPlan(reusing known: [PoolPlan] = []) -> RoutingPlan {
    let nodes = routingNodes
    var next = policies.count
    var planned: [RoutingPlan.Route] = []
    var fallback: RouteTarget?
    for route in routes {
      let target: RouteTarget
      if route.node.isPlain, let only = route.node.verb.targets.first {
        target = direct(only)
      } else {
        target = .node(next)
        next += 1
      }
      if route.isDefault {
        fallback = fallback ?? target
      } else if route.keys.isEmpty {
        planned.append(RoutingPlan.Route(prefix: Array(route.prefix.utf8), to: target))
      } else {
        planned += route.keys.map { RoutingPlan.Route(prefix: Array($0.utf8), isWhole: true, to: target) }
      }
    }
    return RoutingPlan(
      pools: pools.map { $0.plan(reusing: known) }, nodes: nodes, routes: planned, defaultTarget: fallback)
  }
}
