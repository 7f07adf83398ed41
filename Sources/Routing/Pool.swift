import Bytes

/// Servers that share keys, and which of them has a key now.
///
/// The *owner* of a key is the server that the full ring gives it. While servers are excluded their keys
/// have a stand-in, the next server on the ring; everybody else's stay. One worker owns a pool, and
/// health reaches it as a call of `exclude` between two requests, never as a question per request.
@usableFromInline
package struct Pool: ~Copyable {
  @usableFromInline package let hash: KeyHash
  @usableFromInline package let tag: HashTag?
  /// The full ring, shared with the plan and the other workers.
  package let points: [ContinuumPoint]
  /// The ring without the excluded servers.
  @usableFromInline package private(set) var live: Continuum
  /// Whether no server is excluded: each key is with its owner.
  @usableFromInline package private(set) var isWhole = true

  /// A ring with points as a placement scheme made them.
  package init(hash: KeyHash, tag: HashTag?, points: [ContinuumPoint]) {
    self.hash = hash
    self.tag = tag
    self.points = points
    live = Continuum(points: points)
  }

  /// The position of the server that has this key now: the key is bytes `from ..< from + count`.
  ///
  /// One server is found without hashing. Allocates nothing.
  @inlinable @inline(__always)
  package func server(owning key: RawSpan, from: Int, count: Int) -> Int {
    if live.isSingle { return Int(live.firstServer) }
    return Int(live.server(owning: hash(of: key, from: from, count: count)))
  }

  /// The key's place on the ring.
  @inlinable @inline(__always)
  package func hash(of key: RawSpan, from: Int, count: Int) -> UInt32 {
    guard let tag else { return hash.hash(key, from: from, count: count) }
    let part = tag.hashed(in: key, from: from, count: count)
    return hash.hash(key, from: part.from, count: part.count)
  }

  /// The key's owner, whether or not it is excluded. By halves over all points: for what is done
  /// only while a server is out.
  package func owner(of key: RawSpan, from: Int, count: Int) -> Int {
    guard let first = points.first else { return 0 }
    let hash = hash(of: key, from: from, count: count)
    var low = 0
    var high = points.count
    while low < high {
      let middle = (low + high) / 2
      if points[middle].value < hash { low = middle + 1 } else { high = middle }
    }
    return Int(low == points.count ? first.server : points[low].server)
  }

  /// Takes these servers out of the ring and all others in: `servers[i]` says whether server `i` is out.
  ///
  /// Rebuilds the live ring: about 50 ns for each point, so 30 µs for four servers and 700 µs for a hundred.
  package mutating func exclude(_ servers: [Bool]) {
    isWhole = !servers.contains(true)
    live = isWhole ? Continuum(points: points) : Continuum(points: points, excluding: servers)
  }
}

/// A pool lives in a slab; a slot that no pool has taken is a ring without points.
extension Pool: Recyclable {
  @usableFromInline package init() { self.init(hash: .md5, tag: nil, points: []) }
  @usableFromInline package mutating func reset() { self = Pool() }
}
