import Bytes

/// One worker's view of a pool: its placement, and the server that has each key now.
///
/// The *owner* of a key is its server while all are in. While a server is excluded, others stand in for it: the next on a
/// ring, or by the rule of the placement; keys of other servers stay. One worker owns a pool. Health changes arrive as a
/// call of `exclude` between two requests, so requests never check health.
@usableFromInline
package struct Pool: ~Copyable {
  @usableFromInline package let hash: KeyHash
  @usableFromInline package let tag: HashTag?
  /// Whether a ring places what `hash` makes of a key, or of the part in its tag: most pools.
  @usableFromInline package let isPlainRing: Bool
  /// Whether no server is excluded, so that each key is on its owner.
  @usableFromInline package private(set) var isWhole = true
  /// Whether the places of several keys at once are found quicker: it hashes by MD5.
  package private(set) var usesLanes: Bool
  /// The ring without the excluded servers, if the pool is a plain ring.
  @usableFromInline package private(set) var live: Continuum
  /// Everything else, behind a reference: a worker's borrowed pools are copied, so they are small.
  @usableFromInline let locator: Locator

  package init(_ plan: PoolPlan) {
    (hash, tag) = (plan.hash, plan.tag)
    locator = Locator(plan)
    isPlainRing = plan.isPlainRing
    live = Continuum(points: plan.isPlainRing ? plan.points : [])
    usesLanes = plan.hash == .md5 && plan.isPlainRing && !live.isSingle
  }

  /// The position of the server that has this key now: the key is bytes `from ..< from + count`.
  ///
  /// A ring with one server needs no hash. Allocates nothing.
  @inlinable @inline(__always)
  package func server(owning key: RawSpan, from: Int, count: Int) -> Int {
    // Of a pool that is no plain ring `live` has no points, so that the others need not ask what they are.
    if live.isSingle {
      return isPlainRing
        ? Int(live.firstServer) : locator.server(owning: key, from: from, count: count)
    }
    return Int(live.server(owning: hash(of: key, from: from, count: count)))
  }

  /// The key's position on a plain ring.
  @inlinable @inline(__always)
  package func hash(of key: RawSpan, from: Int, count: Int) -> UInt32 {
    guard let tag else { return hash.hash(key, from: from, count: count) }
    let part = tag.hashed(in: key, from: from, count: count)
    return hash.hash(key, from: part.from, count: part.count)
  }

  /// The key's owner, excluded or not. Only for work that is done while a server is out.
  package func owner(of key: RawSpan, from: Int, count: Int) -> Int {
    locator.owner(of: key, from: from, count: count)
  }

  /// Excludes the servers with `servers[i]` true, and includes all others. If all are out, keys stay where they were,
  /// because a placement without servers would help no request.
  ///
  /// Rebuilds what finds the servers, if that changes it. A ring takes about 50 ns per point, so 30 µs for four servers
  /// and 700 µs for a hundred; a table of slots 1 ms for each server that is out.
  package mutating func exclude(_ servers: [Bool]) {
    guard locator.exclude(servers) else { return }
    isWhole = !servers.contains(true)
    guard isPlainRing else { return }
    live = locator.ring()
    usesLanes = hash == .md5 && !live.isSingle
  }
}

/// Pools are stored in a slab; a free slot holds a ring without points.
extension Pool: Recyclable {
  @usableFromInline package init() { self.init(PoolPlan(name: "", scheme: .ketama, servers: [])) }
  @usableFromInline package mutating func reset() { self = Pool() }
}
