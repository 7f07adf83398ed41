import Bytes
import Routing
import Topology

/// Where each key belongs: the rings, and the members of the pools that the rings' places stand for.
struct Router: ~Copyable {
  var table = RoutingTable(RoutingPlan(pools: [], defaultPool: nil))
  /// For each pool, the index of its first server in `destinations`.
  var poolStarts = FixedArray<UInt32>([])
  /// The members of all pools, in the order of the plan.
  var destinations = FixedArray<Destination>([])
  /// For each pool, its rules; and its id, by which it is found again after a reload.
  var policies = FixedArray<RequestPolicy>([])
  var poolIDs: [PoolID] = []
}

/// A server as a member of a pool, and the connection to it if the worker has only one.
struct Destination: BitwiseCopyable {
  var server: Ref<Server>
  var connection: Ref<ServerConnection>
  var isAlone: Bool
  var pool: PoolIndex
  /// Whether the pool's ring is without the server.
  var isEjected = false
}

/// A pool's number in the plan. One byte, so that a leg has room for it: there are at most 256 pools.
struct PoolIndex: BitwiseCopyable, Equatable {
  var number: UInt8 = 0

  init(_ number: Int = 0) { self.number = UInt8(clamping: number) }

  /// Its ring and hash.
  @inline(__always) var ring: Ref<Pool> { Ref(UInt32(number)) }
}

/// What a pool's policy means for a request.
struct RequestPolicy: BitwiseCopyable, Equatable {
  /// Nanoseconds until a request that is not answered is late.
  var requestTimeout: UInt64
  var missesOnFailure: Bool
  var writesMissOnFailure: Bool
  /// Whether keys that change while a server of the pool is out are recorded.
  var isJournaled: Bool

  init(_ policy: PoolPolicy) {
    requestTimeout = policy.requestTimeout.wholeNanoseconds
    missesOnFailure = policy.readsOnFailure == .miss
    writesMissOnFailure = policy.writesOnFailure == .miss
    isJournaled = policy.isJournaled
  }
}
