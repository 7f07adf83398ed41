import Bytes
import Routing
import Topology
import Wire

/// Where the request for a key is sent. What follows from its outcome, `Exchange.step` says.
enum Route: BitwiseCopyable {
  /// No pool has such keys.
  case none
  /// To one member of a pool, by its number in `Upstream.destinations`.
  case single(Int)
}

/// Where each key belongs: the rings. It sends nothing and changes nothing.
struct Router: ~Copyable {
  var table = RoutingTable(RoutingPlan(pools: [], defaultPool: nil))
  /// For each pool, the number of its first member in `Upstream.destinations`.
  var poolStarts = FixedArray<UInt32>([])

  /// The route of a key, which is bytes `from ..< from + count`.
  ///
  /// Accesses each field separately: see `docs/ARCHITECTURE.md` for the cost of borrowing a large value.
  @inline(always)
  mutating func route(of bytes: RawSpan, from: Int, count: Int) -> Route {
    let pool = table.hasPrefixes ? table.pool(for: bytes, from: from, count: count) : table.defaultPool
    guard pool >= 0 else { return .none }
    let i = Ref<Pool>(UInt32(truncatingIfNeeded: pool))
    guard table.pools[i].isPlainRing else {
      return .single(
        Int(poolStarts[pool]) &+ table.otherServer(in: pool, owning: bytes, from: from, count: count))
    }
    let server =
      table.pools[i].live.isSingle
      ? table.pools[i].live.firstServer
      : table.pools[i].live.server(owning: table.pools[i].hash(of: bytes, from: from, count: count))
    return .single(Int(poolStarts[pool]) &+ Int(server))
  }

  /// The route of a key that was located in a batch.
  @inline(always)
  func route(of key: KeyBatch.Entry) -> Route {
    key.pool < 0 ? .none : .single(Int(poolStarts[Int(key.pool)]) &+ Int(key.server))
  }

  /// The route of a key that may be in base64. It is decoded before it is hashed, so that it has the same server as in the
  /// classic commands.
  mutating func route(of bytes: RawSpan, _ key: Word, isEncoded: Bool) -> Route {
    if isEncoded, let key = DecodedKey(bytes, from: key.from, count: Int(key.length)) {
      return route(of: key.bytes.span.raw, from: 0, count: key.count)
    }
    return route(of: bytes, from: key.from, count: Int(key.length))
  }

  /// The pool whose ring places a key; nil if no route matches it.
  func pool(of key: [UInt8]) -> PoolIndex? {
    let i = table.pool(for: key.span.raw, from: 0, count: key.count)
    return i < 0 ? nil : PoolIndex(i)
  }

  /// The server that has a key now: its owner, or a stand-in. `s` if no route matches the key.
  func liveOwner(of key: [UInt8], besides s: Ref<Server>, _ upstream: borrowing Upstream) -> Ref<Server> {
    guard let pool = pool(of: key) else { return s }
    let place = table.pools[pool.ring].server(owning: key.span.raw, from: 0, count: key.count)
    return upstream.destinations[Int(poolStarts[Int(pool.number)]) + place].server
  }

  /// The server that owns a key on its pool's full ring. `s` if no route matches the key.
  func owner(of key: [UInt8], besides s: Ref<Server>, _ upstream: borrowing Upstream) -> Ref<Server> {
    guard let pool = pool(of: key) else { return s }
    let home = table.pools[pool.ring].owner(of: key.span.raw, from: 0, count: key.count)
    return upstream.destinations[Int(poolStarts[Int(pool.number)]) + home].server
  }
}
