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

/// Which pool a request's keys are in, if it is not the keys that say so.
struct Target: BitwiseCopyable, Equatable {
  /// The pool's number; `byKey` or `nowhere`.
  var number: Int32 = -1

  /// The keys' prefixes decide.
  static var byKey: Target { Target() }
  /// A pool that the plan does not have.
  static var nowhere: Target { Target(number: -2) }

  init(number: Int32 = -1) { self.number = number }
  init(_ pool: PoolIndex) { number = Int32(pool.number) }

  var isPool: Bool { @inline(__always) get { number >= 0 } }
}

extension Leg {
  /// The pool of its keys.
  var target: Target { isAimed ? Target(pool) : .byKey }
}

/// Where each key belongs: the rings. It sends nothing and changes nothing.
struct Router: ~Copyable {
  var table = RoutingTable(RoutingPlan(pools: [], defaultPool: nil))
  /// For each pool, the number of its first member in `Upstream.destinations`.
  var poolStarts = FixedArray<UInt32>([])
  /// The pools that listeners name.
  var targets: [PoolIndex] = []

  /// The route of a key, which is bytes `from ..< from + count`.
  ///
  /// Accesses each field separately: see `docs/ARCHITECTURE.md` for the cost of borrowing a large value.
  @inline(always)
  mutating func route(of bytes: RawSpan, from: Int, count: Int, _ choice: PoolChoice) -> Route {
    let pool =
      choice.usesPrefixes ? table.pool(for: bytes, from: from, count: count) : choice.fallback
    guard pool >= 0 else { return .none }
    let i = Ref<Pool>(UInt32(truncatingIfNeeded: pool))
    // Of a pool that is no plain ring `live` has no points, so that the others need not ask what they are.
    if table.pools[i].live.isSingle {
      guard table.pools[i].isPlainRing else {
        return .single(
          Int(poolStarts[pool]) &+ table.otherServer(in: pool, owning: bytes, from: from, count: count))
      }
      return .single(Int(poolStarts[pool]) &+ Int(table.pools[i].live.firstServer))
    }
    let server = table.pools[i].live.server(
      owning: table.pools[i].hash(of: bytes, from: from, count: count))
    return .single(Int(poolStarts[pool]) &+ Int(server))
  }

  @inline(always)
  mutating func route(of bytes: RawSpan, from: Int, count: Int, _ target: Target) -> Route {
    route(of: bytes, from: from, count: count, choice(for: target))
  }

  /// How the pools of several keys of one client are found.
  @inline(always)
  func choice(for target: Target) -> PoolChoice {
    target == .byKey
      ? PoolChoice(fallback: table.defaultPool, usesPrefixes: table.hasPrefixes)
      : PoolChoice(fallback: Int(target.number), usesPrefixes: false)
  }

  /// The route of a key that was located in a batch.
  @inline(always)
  func route(of key: KeyBatch.Entry) -> Route {
    key.pool < 0 ? .none : .single(Int(poolStarts[Int(key.pool)]) &+ Int(key.server))
  }

  /// The route of a key that may be in base64. It is decoded before it is hashed, so that it has the same server as in the
  /// classic commands.
  mutating func route(of bytes: RawSpan, _ key: Word, isEncoded: Bool, _ target: Target) -> Route {
    if isEncoded, let key = DecodedKey(bytes, from: key.from, count: Int(key.length)) {
      return route(of: key.bytes.span.raw, from: 0, count: key.count, target)
    }
    return route(of: bytes, from: key.from, count: Int(key.length), target)
  }

  /// The pool whose ring places a key; nil if no route matches it.
  func pool(of key: [UInt8], _ target: Target = .byKey) -> PoolIndex? {
    if target.isPool { return PoolIndex(Int(target.number)) }
    let i = table.pool(for: key.span.raw, from: 0, count: key.count)
    return i < 0 ? nil : PoolIndex(i)
  }

  /// The server that has a key now: its owner, or a stand-in. `s` if no route matches the key.
  func liveOwner(
    of key: [UInt8], _ target: Target, besides s: Ref<Server>, _ upstream: borrowing Upstream
  ) -> Ref<Server> {
    guard let pool = pool(of: key, target) else { return s }
    let place = table.pools[pool.ring].server(owning: key.span.raw, from: 0, count: key.count)
    return upstream.destinations[Int(poolStarts[Int(pool.number)]) + place].server
  }

  /// The server that owns a key on its pool's full ring. `s` if no route matches the key.
  func owner(
    of key: [UInt8], _ target: Target, besides s: Ref<Server>, _ upstream: borrowing Upstream
  ) -> Ref<Server> {
    guard let pool = pool(of: key, target) else { return s }
    let home = table.pools[pool.ring].owner(of: key.span.raw, from: 0, count: key.count)
    return upstream.destinations[Int(poolStarts[Int(pool.number)]) + home].server
  }

  /// Whether a server holds a copy of a key that is another's now, in any pool through which the key may have been
  /// written: that of its prefix, and those that listeners name. `pool`: in that one only.
  func isOrphan(
    _ key: [UInt8], at s: Ref<Server>, in pool: PoolID?, _ upstream: borrowing Upstream
  ) -> Bool {
    func isMeant(_ index: PoolIndex) -> Bool { pool == nil || upstream.pools.id(of: index) == pool }
    if let own = self.pool(of: key), isMeant(own), liveOwner(of: key, .byKey, besides: s, upstream) != s {
      return true
    }
    return targets.contains { target in
      isMeant(target) && upstream.isMember(s, of: target, poolStarts)
        && liveOwner(of: key, Target(target), besides: s, upstream) != s
    }
  }
}
