import Proxy
import Routing
import Settings
import Topology

/// Servers' and pools' numbers: a server keeps its id across reloads as long as it stays in its pool, a pool as long as
/// it keeps its name. Numbers are not used again.
struct ServerRegistry: Sendable {
  struct Key: Hashable {
    var pool: String
    var endpoint: Endpoint
    var name: String?
  }

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

  private var servers = Numbers<Key>()
  private var pools = Numbers<String>()

  mutating func id(of key: Key) -> ServerID { ServerID(servers.number(of: key)) }
  mutating func id(ofPool name: String) -> PoolID { PoolID(pools.number(of: name)) }

  /// Forgets all servers but these, and all pools without servers.
  mutating func keep(_ keys: Set<Key>) {
    servers.keep(keys)
    pools.keep(Set(keys.map(\.pool)))
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

  var members: [Member] = []
  package var plan: WorkerPlan

  /// The least memory of a worker, in bytes: with less it could not hold a few values at once.
  static let leastMemory = 16 << 20

  /// Numbers every server and compiles the plan that follows `old`. `status` returns a server's present status.
  init(
    _ settings: ProxySettings, workers: Int = 1, limits: Limits = Limits(), after old: WorkerPlan? = nil,
    registry: inout ServerRegistry, status: (ServerID) -> ServerStatus
  ) {
    plan = WorkerPlan(
      routing: settings.routingPlan(reusing: old?.routing.pools ?? []), servers: [], pools: [])
    var keys: Set<ServerRegistry.Key> = []
    for (index, pool) in settings.pools.enumerated() {
      var ids: [ServerID] = []
      for server in pool.servers {
        let key = ServerRegistry.Key(pool: pool.name, endpoint: server.endpoint.comparable, name: server.name)
        keys.insert(key)
        let id = registry.id(of: key)
        ids.append(id)
        members.append(Member(id: id, settings: server, pool: index))
        var planned = WorkerPlan.Server(id: id)
        planned.label = server.address
        planned.status = status(id)
        planned.connections = pool.policy.connections
        planned.isJournaled = pool.policy.isJournaled
        plan.servers.append(planned)
      }
      plan.pools.append(PoolMembers(id: registry.id(ofPool: pool.name), servers: ids, policy: pool.policy))
    }
    registry.keep(keys)
    let known = old.map { Array(zip($0.pools, $0.routing.pools)) } ?? []
    for (pool, ring) in zip(plan.pools, plan.routing.pools)
    where known.contains(where: { $0.id == pool.id && $0.servers == pool.servers && $1 == ring }) {
      plan.keptPools.insert(pool.id)
    }
    plan.limits = limits
    plan.limits.clientOutput = settings.limits.clientOutput
    plan.limits.maxValue = settings.limits.maxValue
    plan.limits.serverQueue = settings.limits.serverQueue
    plan.limits.memory = max(Self.leastMemory, settings.limits.memory / max(1, workers))
  }
}
