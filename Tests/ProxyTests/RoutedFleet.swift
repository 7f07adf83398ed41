import Routing
import Topology

@testable import Proxy

/// A worker whose keys go through nodes: pool 0 has server `m`, pool 1 `s`, pool 2 `u`.
enum RoutedFleet {
  static func rig(
    _ node: RouteVerb, others: [RouteNode] = [], _ change: (inout RouteNode) -> Void = { _ in }
  ) -> Rig {
    var first = RouteNode(name: "first", node)
    change(&first)
    return Rig(plan: plan([first] + others))
  }

  static func plan(_ nodes: [RouteNode], _ change: (inout PoolPolicy) -> Void = { _ in }) -> WorkerPlan {
    let names = ["m", "s", "u"]
    var plan = Fleet.plan(names)
    var policy = PoolPolicy()
    policy.onFailure = .failFast
    policy.readsOnFailure = .error
    policy.writesOnFailure = .error
    change(&policy)
    plan.routing = RoutingPlan(
      pools: names.map { Fleet.pool([$0]) }, nodes: nodes, defaultTarget: .node(0))
    plan.pools = names.enumerated().map { i, name in
      PoolMembers(id: PoolID(UInt32(i)), servers: [Fleet.id(of: name)], policy: policy)
    }
    for tree in RouteEnds(nodes).trees {
      for (i, front) in tree.pools.enumerated() {
        plan.pools[front].standIns += tree.pools[(i + 1)...].map { Fleet.id(of: names[$0]) }
      }
    }
    plan.targets = plan.pools.map(\.id)
    plan.policies = [PoolID(100)]
    for i in plan.servers.indices { plan.servers[i].isJournaled = true }
    return plan
  }

  static func attempt(_ pools: [Int], _ change: (inout TryRules) -> Void = { _ in }) -> RouteVerb {
    var rules = TryRules()
    change(&rules)
    return .attempt(pools.map(RouteTarget.pool), rules)
  }
}
