import Bytes

/// A point on the ring and its owner. `server` is a position in the pool's list.
@usableFromInline @frozen
package struct ContinuumPoint: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline package let value: UInt32
  @usableFromInline package let server: UInt16

  @inlinable package init(value: UInt32, server: UInt16) {
    self.value = value
    self.server = server
  }
}

/// The ring of a pool: sorted points around a 32-bit circle, arranged for fast lookup of a key's server.
///
/// A key belongs to the first point at or after its hash, wrapping past the top:
///
///     points   10 ─ A    400 ─ B    900 ─ A
///     hash 400 → B       hash 401 → A       hash 901 → A (wrapped to 10)
///
/// The circle is divided into equal slices, a few per point. Most have one owner from end to end, and a lookup there
/// is one load from a table; for the others the table gives the point at which to start:
///
///     slices   │ A │ A │start 1│ B │ B │start 2│ …
///
/// Built when servers or their health change, immutable after that, owned by one worker. A lookup takes 2 to 4 ns
/// with up to 25 servers and allocates nothing. Without points every key belongs to server 0.
@usableFromInline
package struct Continuum: ~Copyable {
  /// For each slice its owner, or `isCut` plus the index in `points` at which to start.
  @usableFromInline let slices: FixedArray<UInt32>
  /// The points needed for lookups, then the first again at the top of the circle, so that every search ends.
  @usableFromInline let points: FixedArray<ContinuumPoint>
  /// The number of low bits of a hash that do not number its slice.
  @usableFromInline let shift: UInt32

  /// Whether one server owns the whole circle, so that keys need no hashing.
  @usableFromInline package let isSingle: Bool
  /// The owner of hash 0; with `isSingle`, of every hash.
  @usableFromInline package let firstServer: UInt16

  @inlinable static var isCut: UInt32 { 0x8000_0000 }

  /// The ring of these points, sorted by value. Of points with equal values the first in the list is the owner.
  package init(points: [ContinuumPoint]) {
    self.init(points: points, sliceBits: Self.sliceBits(for: points.count))
  }

  /// The ring without some servers: their keys move to the next point, all other keys stay.
  ///
  /// `excluded[i]` says whether server `i` is out; servers past its end are in. If all are out, the ring is built as
  /// if all were in, because a ring without servers would help no request.
  package init(points: [ContinuumPoint], excluding excluded: [Bool]) {
    let left = points.filter { Int($0.server) >= excluded.count || !excluded[Int($0.server)] }
    self.init(points: left.isEmpty ? points : left)
  }

  init(points given: [ContinuumPoint], sliceBits bits: Int) {
    var circle = Self.essential(given)
    firstServer = circle.first?.server ?? 0
    isSingle = circle.count <= 1
    circle.append(ContinuumPoint(value: .max, server: firstServer))
    shift = UInt32(32 - bits)
    slices = FixedArray(Self.slices(of: circle, bits: bits))
    points = FixedArray(circle)
  }

  /// The server whose point is the first at or after `hash`.
  @inlinable @inline(__always)
  package func server(owning hash: UInt32) -> UInt16 {
    let slice = slices[Int(truncatingIfNeeded: hash &>> shift)]
    if slice & Self.isCut == 0 { return UInt16(truncatingIfNeeded: slice) }
    return server(owning: hash, from: Int(truncatingIfNeeded: slice & ~Self.isCut))
  }

  /// The same for a slice with several owners: one or two steps from the slice's first point.
  @inlinable
  func server(owning hash: UInt32, from start: Int) -> UInt16 {
    var i = start
    while points[i].value < hash {
      i &+= 1
      if i &- start == 8 { return Self.serverInCrowd(points, owning: hash, from: i) }
    }
    return points[i].server
  }

  /// The same for a dense run of points, which digests do not produce by chance: a binary search.
  @inline(never) @usableFromInline
  static func serverInCrowd(
    _ points: borrowing FixedArray<ContinuumPoint>, owning hash: UInt32, from start: Int
  ) -> UInt16 {
    var low = start
    var high = points.count - 1
    while low < high {
      let middle = (low + high) / 2
      if points[middle].value < hash { low = middle + 1 } else { high = middle }
    }
    return points[low].server
  }

  // MARK: Building

  /// Four slices per point, rounded to a power of two: the table answers about four keys in five, and the table of a
  /// small ring fits in the first-level cache.
  private static func sliceBits(for points: Int) -> Int {
    let wanted = max(1, points) * 4
    return min(max(Int.bitWidth - (wanted - 1).leadingZeroBitCount, 8), 16)
  }

  /// The points that affect lookups, sorted: the first of each value, and of adjacent points of one owner only the
  /// last. A ring with one owner becomes one point.
  private static func essential(_ given: [ContinuumPoint]) -> [ContinuumPoint] {
    var circle: [ContinuumPoint] = []
    circle.reserveCapacity(given.count + 1)
    for point in sorted(given) {
      if let last = circle.last {
        if last.value == point.value { continue }
        if last.server == point.server { circle.removeLast() }
      }
      circle.append(point)
    }
    return circle
  }

  /// Sorts by value; equal values keep their order. Placement schemes return sorted points already.
  private static func sorted(_ points: [ContinuumPoint]) -> [ContinuumPoint] {
    var isSorted = true
    for i in points.indices.dropFirst() where points[i - 1].value > points[i].value { isSorted = false }
    if isSorted { return points }
    return points.enumerated()
      .sorted { ($0.element.value, $0.offset) < ($1.element.value, $1.offset) }
      .map(\.element)
  }

  /// The table entry of each slice, for a circle that ends with its first point again.
  private static func slices(of circle: [ContinuumPoint], bits: Int) -> [UInt32] {
    let shift = UInt32(32 - bits)
    var i = 0
    return (0..<1 << bits).map { slice in
      let lowest = UInt32(slice) << shift
      let highest = lowest | (1 << shift - 1)
      // The owner of the slice's lowest hash. It owns the whole slice if its point is at or past the slice's end.
      while circle[i].value < lowest { i += 1 }
      return circle[i].value >= highest ? UInt32(circle[i].server) : isCut | UInt32(i)
    }
  }
}
