import Bytes
import Routing
import Stats
import Topology
import Wire

/// The pools as a request meets them: their rules, what is counted of them, and their ids, by which they are found again
/// after a reload.
struct PoolTable: ~Copyable {
  private(set) var policies = FixedArray<RequestPolicy>([])
  private(set) var ids: [PoolID] = []
  var tallies = Slab<PoolTally>(capacity: 1)
  /// Each pool's tally, which stays the same one as long as the pool has its name.
  private(set) var places = FixedArray<Ref<PoolTally>>([])

  mutating func set(_ pools: [PoolMembers]) {
    var known: [PoolID: Ref<PoolTally>] = [:]
    for (i, id) in ids.enumerated() { known[id] = places[i] }
    policies = FixedArray(pools.map { RequestPolicy($0.policy) })
    ids = pools.map(\.id)
    for (id, place) in known where !ids.contains(id) { tallies.give(place) }
    var new: [Ref<PoolTally>] = []
    for id in ids { new.append(known[id] ?? tallies.take()) }
    places = FixedArray(new)
  }

  func id(of pool: PoolIndex) -> PoolID {
    Int(pool.number) < ids.count ? ids[Int(pool.number)] : PoolID(.max)
  }

  /// The number of a pool; nil if the plan does not have it.
  func index(of id: PoolID) -> PoolIndex? { ids.firstIndex(of: id).map { PoolIndex($0) } }

  /// A pool's tally.
  @inline(__always) func place(of pool: PoolIndex) -> Ref<PoolTally> { places[Int(pool.number)] }
}

/// A server as a member of a pool, and the connection to it if the worker has only one.
struct Destination: BitwiseCopyable {
  var server: Ref<Server>
  var connection: Ref<ServerConnection>
  var isAlone: Bool
  var pool: PoolIndex
  /// Whether others have the server's keys: the pool's ring is without it, or pools behind it stand in.
  var isEjected = false
  /// Of a copy: whether something else than the key's prefix has named the pool.
  var isAimed = false
}

/// A pool's number in the plan. One byte, so that a leg has room for it: there are at most 256 pools.
struct PoolIndex: BitwiseCopyable, Equatable {
  var number: UInt8 = 0

  init(_ number: Int = 0) { self.number = UInt8(clamping: number) }
  @inline(__always) init(number: UInt8) { self.number = number }

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
