import Proxy
import Routing
import Settings
import Topology

/// Servers', pools' and listeners' numbers: a server keeps its id as long as some pool has its address, a pool as long as
/// it keeps its name, and a listener as long as its address is configured. Numbers are not used again.
struct ServerRegistry: Sendable {
  private struct Numbers<Key: Hashable & Sendable>: Sendable {
    private var known: [Key: UInt32] = [:]
    private var next: UInt32 = 0

    mutating func number(of key: Key) -> UInt32 {
      if let number = known[key] { return number }
      defer { next &+= 1 }
      known[key] = next
      return next
    }

    mutating func keep(_ keys: Set<Key>) { known = known.filter { keys.contains($0.key) } }
  }

  private var servers = Numbers<Endpoint>()
  private var pools = Numbers<String>()
  private var listeners = Numbers<Endpoint>()

  /// The id of the server at an address, which is what makes a server one.
  mutating func id(of endpoint: Endpoint) -> ServerID { ServerID(servers.number(of: endpoint.comparable)) }
  mutating func id(ofPool name: String) -> PoolID { PoolID(pools.number(of: name)) }
  mutating func id(ofListener endpoint: Endpoint) -> ListenerID {
    ListenerID(listeners.number(of: endpoint.comparable))
  }

  /// Forgets all servers, pools and listeners but these.
  mutating func keep(_ endpoints: [Endpoint], pools names: [String], listeners: [Endpoint]) {
    servers.keep(Set(endpoints.map(\.comparable)))
    pools.keep(Set(names))
    self.listeners.keep(Set(listeners.map(\.comparable)))
  }
}

/// A configuration in the form that the threads use: the servers, and the workers' plan with the pools and their rules.
package struct RuntimePlan: Sendable {
  struct Member {
    var id: ServerID
    var settings: ServerSettings
    /// The pool's index in the settings.
    var pool: Int
  }

  private(set) var members: [Member] = []
  /// Where each server is among the members: once for each of its pools.
  private var memberships: [ServerID: [Int]] = [:]
  package var plan: WorkerPlan

  /// The least memory of a worker, in bytes: with less it could not hold a few values at once.
  static let leastMemory = 16 << 20

  /// The servers that the operator has marked down, in any pool.
  var marked: Set<ServerID> { Set(members.filter(\.settings.isMarkedDown).map(\.id)) }

  /// A server as its pools have it, in their order.
  func members(of server: ServerID) -> [Member] { (memberships[server] ?? []).map { members[$0] } }

  /// Numbers every server and compiles the plan that follows `old`. All servers are up in it until `setStatuses`.
  init(
    _ settings: ProxySettings, workers: Int = 1, limits: Limits = Limits(), after old: WorkerPlan? = nil,
    registry: inout ServerRegistry
  ) {
    plan = WorkerPlan(
      routing: settings.routingPlan(reusing: old?.routing.pools ?? []), servers: [], pools: [])
    var places: [ServerID: Int] = [:]
    for (index, pool) in settings.pools.enumerated() {
      let ids = pool.servers.map { registry.id(of: $0.endpoint) }
      for (id, server) in zip(ids, pool.servers) {
        memberships[id, default: []].append(members.count)
        members.append(Member(id: id, settings: server, pool: index))
        let place = places[id] ?? plan.servers.count
        places[id] = place
        if place == plan.servers.count {
          var planned = WorkerPlan.Server(id: id)
          planned.label = server.address
          planned.isJournaled = false
          plan.servers.append(planned)
        }
        plan.servers[place].connections = max(plan.servers[place].connections, pool.policy.connections)
        plan.servers[place].isJournaled = plan.servers[place].isJournaled || pool.policy.isJournaled
      }
      plan.pools.append(PoolMembers(id: registry.id(ofPool: pool.name), servers: ids, policy: pool.policy))
    }
    setStandIns()
    plan.listeners = settings.listeners.map { registry.id(ofListener: $0.endpoint) }
    registry.keep(
      members.map(\.settings.endpoint), pools: settings.pools.map(\.name) + settings.policies.map(\.name),
      listeners: settings.listeners.map(\.endpoint))
    let known = old.map { Array(zip($0.pools, $0.routing.pools)) } ?? []
    for (pool, ring) in zip(plan.pools, plan.routing.pools)
    where known.contains(where: { $0.id == pool.id && $0.servers == pool.servers && $1 == ring }) {
      plan.keptPools.insert(pool.id)
    }
    let targets = Set(settings.listeners.compactMap(\.pool))
    let reached = settings.reached(from: plan.routing.nodes.flatMap(\.verb.targets))
    plan.targets = plan.pools.indices
      .filter { targets.contains(settings.pools[$0].name) || reached.contains(.pool($0)) }
      .map { plan.pools[$0].id }
    plan.policies = settings.policies.map { registry.id(ofPool: $0.name) }
    plan.limits = limits
    plan.limits.clientOutput = settings.limits.clientOutput
    plan.limits.maxValue = settings.limits.maxValue
    plan.limits.serverQueue = settings.limits.serverQueue
    plan.limits.halfRequestTimeout = settings.limits.halfRequestTimeout
    plan.limits.unreadTimeout = settings.limits.unreadTimeout
    plan.limits.slow = settings.log.slow.over?.wholeNanoseconds ?? .max
    plan.limits.memory = max(Self.leastMemory, settings.limits.memory / max(1, workers))
  }

  /// Has the pools behind others in a `try` stand in for those that do not eject.
  private mutating func setStandIns() {
    for tree in RouteEnds(plan.routing.nodes).trees {
      for (i, front) in tree.pools.enumerated() where plan.pools[front].policy.onFailure == .failFast {
        for pool in tree.pools[(i + 1)...] {
          for id in plan.pools[pool].servers
          where !plan.pools[front].standIns.contains(id) && !plan.pools[front].servers.contains(id) {
            plan.pools[front].standIns.append(id)
            guard plan.pools[front].policy.isJournaled,
              let place = plan.servers.firstIndex(where: { $0.id == id })
            else { continue }
            plan.servers[place].isJournaled = true
          }
        }
      }
    }
  }

  /// Enters each server's present status, and the pools whose rings are without it if it is ejected.
  mutating func setStatuses(_ status: (ServerID) -> (ServerStatus, ejectedFrom: Set<PoolID>)) {
    for i in plan.servers.indices {
      (plan.servers[i].status, plan.servers[i].ejectedFrom) = status(plan.servers[i].id)
    }
  }
}
