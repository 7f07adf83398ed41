import Routing
import Synchronization
import Topology

@testable import Proxy

/// Plans for servers with names of one letter or word.
enum Fleet {
  /// A pool's rules and its servers, for a test to change.
  @dynamicMemberLookup
  struct Options {
    var policy = PoolPolicy()
    var servers: [WorkerPlan.Server] = []

    subscript<Value>(dynamicMember path: WritableKeyPath<PoolPolicy, Value>) -> Value {
      get { policy[keyPath: path] }
      set { policy[keyPath: path] = newValue }
    }

    var missesOnFailure: Bool {
      get { policy.readsOnFailure == .miss }
      set { policy.readsOnFailure = newValue ? .miss : .error }
    }
    var writesMissOnFailure: Bool {
      get { policy.writesOnFailure == .miss }
      set { policy.writesOnFailure = newValue ? .miss : .error }
    }
    var isJournaled: Bool {
      get { policy.isJournaled }
      set { policy.rejoin = newValue ? .invalidate : .asIs }
    }
  }

  static func id(of name: String) -> ServerID { ServerID(name.utf8.reduce(0) { $0 * 256 + UInt32($1) }) }

  static func name(of id: ServerID) -> String {
    var bytes: [UInt8] = []
    var rest = id.number
    while rest > 0 {
      bytes.insert(UInt8(rest % 256), at: 0)
      rest /= 256
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Rings computed earlier: computing one takes longer than most tests.
  private static let known = Mutex<[[String]: PoolPlan]>([:])

  static func pool(_ names: [String]) -> PoolPlan {
    known.withLock { known in
      if let pool = known[names] { return pool }
      let servers = names.map { RingServer(host: $0, port: 11211) }
      let pool = PoolPlan(name: "main", scheme: .ketama, servers: servers)
      known[names] = pool
      return pool
    }
  }

  static func plan(
    _ names: [String], limits: Limits = Limits(), pool: PoolPlan? = nil,
    _ change: (inout Fleet.Options) -> Void = { _ in }
  ) -> WorkerPlan {
    var options = Options()
    options.servers = names.map {
      var server = WorkerPlan.Server(id: id(of: $0))
      server.label = "\($0):11211"
      return server
    }
    // A failed write is answered with its cause, unless the test is about that.
    options.writesMissOnFailure = false
    change(&options)
    for i in options.servers.indices {
      options.servers[i].connections = options.policy.connections
      options.servers[i].isJournaled = options.policy.isJournaled
    }
    let members = PoolMembers(id: PoolID(0), servers: options.servers.map(\.id), policy: options.policy)
    var plan = WorkerPlan(
      routing: RoutingPlan(pools: [pool ?? self.pool(names)], defaultPool: 0), servers: options.servers,
      pools: [members])
    plan.limits = limits
    // Requests that a test sends in one piece are forwarded in one piece, unless the test is about that.
    plan.limits.firstRequests = limits.clientRequests
    return plan
  }
}
