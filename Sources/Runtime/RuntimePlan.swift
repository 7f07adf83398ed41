import Health
import Net
import Proxy
import Routing
import Settings
import Topology

/// Server ids: a server keeps its id across reloads as long as it stays in its pool.
struct ServerRegistry {
  struct Key: Hashable {
    var pool: String
    var endpoint: Endpoint
    var name: String?
  }

  private var ids: [Key: ServerID] = [:]
  private var next = ServerID(0)

  mutating func id(of key: Key) -> ServerID {
    if let id = ids[key] { return id }
    defer { next.number &+= 1 }
    ids[key] = next
    return next
  }

  /// Forgets all servers but these. Ids are not used again.
  mutating func keep(_ keys: Set<Key>) {
    ids = ids.filter { keys.contains($0.key) }
  }
}

/// A configuration in the form that the threads use: the servers, and the workers' plan with the pools and their rules.
struct RuntimePlan {
  struct Member {
    var id: ServerID
    var settings: ServerSettings
    var pool: Int
  }

  var members: [Member] = []
  var plan: WorkerPlan

  /// The least memory of a worker, in bytes: with less it could not hold a few values at once.
  static let leastMemory = 16 << 20

  /// Numbers every server and compiles the plan. `status` returns a server's present status.
  init(
    _ settings: ProxySettings, workers: Int = 1, registry: inout ServerRegistry,
    status: (ServerID) -> ServerStatus
  ) {
    plan = WorkerPlan(routing: settings.routingPlan, servers: [], pools: [])
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
      let number = PoolID(UInt32(truncatingIfNeeded: index))
      plan.pools.append(PoolMembers(id: number, servers: ids, policy: pool.policy))
    }
    registry.keep(keys)
    plan.limits.clientOutput = settings.limits.clientOutput
    plan.limits.maxValue = settings.limits.maxValue
    plan.limits.serverQueue = settings.limits.serverQueue
    plan.limits.memory = max(Self.leastMemory, settings.limits.memory / max(1, workers))
  }
}
