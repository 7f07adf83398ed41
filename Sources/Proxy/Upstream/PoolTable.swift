import Bytes
import Routing
import Topology

/// The pools as a request meets them: their rules, and their ids, by which they are found again after a reload.
struct PoolTable: ~Copyable {
  var policies = FixedArray<RequestPolicy>([])
  var ids: [PoolID] = []
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

  /// A reload has given the pools other numbers: `numbers[i]` is that of the pool that was number `i`.
  mutating func renumber(_ numbers: [PoolIndex]) {
    self = Int(number) < numbers.count ? numbers[Int(number)] : PoolIndex()
  }

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
