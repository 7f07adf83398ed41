import Health
import Net
import Proxy
import Routing
import Settings

/// Server ids: a server keeps its id across reloads as long as it stays in its pool.
struct ServerRegistry {
  struct Key: Hashable {
    var pool: String
    var endpoint: Endpoint
    var name: String?
  }

  private var numbers: [Key: UInt32] = [:]
  private var next: UInt32 = 0

  mutating func number(of key: Key) -> UInt32 {
    if let number = numbers[key] { return number }
    defer { next &+= 1 }
    numbers[key] = next
    return next
  }

  /// Forgets all servers but these. Ids are not used again.
  mutating func keep(_ keys: Set<Key>) {
    numbers = numbers.filter { keys.contains($0.key) }
  }
}

/// A configuration in the form that the threads use: the servers, the workers' plan, and the rules of the health board
/// and of the failover coordinator.
struct RuntimePlan {
  struct Member {
    var id: UInt32
    var settings: ServerSettings
    var pool: Int
  }

  var members: [Member] = []
  var plan: WorkerPlan
  var healthPools: [HealthPool] = []
  var failoverPools: [FailoverCoordinator.Pool] = []

  /// The least memory of a worker, in bytes: with less it could not hold a few values at once.
  static let leastMemory = 16 << 20

  /// Numbers every server and compiles the plan. `status` returns a server's present status.
  init(
    _ settings: ProxySettings, workers: Int = 1, registry: inout ServerRegistry,
    status: (UInt32) -> ServerStatus
  ) {
    var options: [WorkerPlan.Options] = []
    var keys: Set<ServerRegistry.Key> = []
    for (index, pool) in settings.pools.enumerated() {
      var option = WorkerPlan.Options()
      option.connectTimeout = pool.connectTimeout
      option.requestTimeout = pool.requestTimeout
      option.missesOnFailure = pool.readsOnFailure == .miss
      option.writesMissOnFailure = pool.writesOnFailure == .miss
      option.isJournaled = pool.rejoin != .asIs
      option.connections = pool.connections
      for server in pool.servers {
        let key = ServerRegistry.Key(pool: pool.name, endpoint: server.endpoint.comparable, name: server.name)
        keys.insert(key)
        let id = registry.number(of: key)
        members.append(Member(id: id, settings: server, pool: index))
        option.members.append(
          WorkerPlan.Member(id: id, label: server.address, status: status(id)))
      }
      options.append(option)
      failoverPools.append(
        FailoverCoordinator.Pool(
          members: option.members.map(\.id), rejoin: RejoinRule(pool.rejoin),
          requestTimeout: pool.requestTimeout))
      healthPools.append(
        HealthPool(
          id: PoolID(UInt32(index)), servers: option.members.map { ServerID($0.id) },
          rules: HealthRules(
            failures: pool.failures, probeInterval: pool.probeInterval, probeMax: pool.probeMax,
            onFailure: pool.onFailure == .eject ? .eject : .failFast, floorPercent: pool.floor)))
    }
    registry.keep(keys)
    plan = WorkerPlan(routing: settings.routingPlan, pools: options)
    plan.limits.clientOutput = settings.limits.clientOutput
    plan.limits.maxValue = settings.limits.maxValue
    plan.limits.serverQueue = settings.limits.serverQueue
    plan.limits.memory = max(Self.leastMemory, settings.limits.memory / max(1, workers))
  }
}

extension RejoinRule {
  init(_ action: RejoinAction) {
    switch action {
    case .invalidate: self = .invalidate
    case .flush: self = .flush
    case .asIs: self = .asIs
    }
  }
}
