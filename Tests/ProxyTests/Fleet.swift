import Routing
import Synchronization

@testable import Proxy

/// Plans for servers with names of one letter or word.
enum Fleet {
  static func id(of name: String) -> UInt32 { name.utf8.reduce(0) { $0 * 256 + UInt32($1) } }

  static func name(of id: UInt32) -> String {
    var bytes: [UInt8] = []
    var rest = id
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
    _ change: (inout WorkerPlan.Options) -> Void = { _ in }
  ) -> WorkerPlan {
    var options = WorkerPlan.Options()
    options.members = names.map { WorkerPlan.Member(id: id(of: $0), label: "\($0):11211", status: .up) }
    // A failed write is answered with its cause, unless the test is about that.
    options.writesMissOnFailure = false
    change(&options)
    var plan = WorkerPlan(
      routing: RoutingPlan(pools: [pool ?? self.pool(names)], defaultPool: 0), pools: [options])
    plan.limits = limits
    // Requests that a test sends in one piece are forwarded in one piece, unless the test is about that.
    plan.limits.firstRequests = limits.clientRequests
    return plan
  }
}
