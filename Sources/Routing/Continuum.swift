import Bytes

/// A place on the ring and who owns it. `server` is a position in the pool's list.
@usableFromInline @frozen
package struct ContinuumPoint: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline package let value: UInt32
  @usableFromInline package let server: UInt16

  @inlinable package init(value: UInt32, server: UInt16) {
    self.value = value
    self.server = server
  }
}

/// Where each key's server is found: sorted points around a 32-bit circle.
///
/// A key belongs to the first point at or after its hash, wrapping past the top:
///
///     points   10 ─ A    400 ─ B    900 ─ A
///     hash 400 → B       hash 401 → A       hash 901 → A (wrapped to 10)
///
/// The circle is cut into equal slices, a few for each point. Most have one owner from end to end, and
/// for their keys the answer is one load from a table; for the others the table says at which point to start:
///
///     slices   │ A │ A │start 1│ B │ B │start 2│ …
///
/// Built when servers or their health change, never changed, owned by one worker. A lookup takes
/// 2 to 4 ns with up to 25 servers and allocates nothing. Without points every key belongs to server 0.
@usableFromInline
package struct Continuum: ~Copyable {
  /// For each slice its owner, or `isCut` and where in `points` to start.
  @usableFromInline let slices: FixedArray<UInt32>
  /// Points that matter, then the first again at the top of the circle: the search always ends.
  @usableFromInline let points: FixedArray<ContinuumPoint>
  /// Bits of a hash below those that number its slice.
  @usableFromInline let shift: UInt32

  /// Whether one server owns the whole circle, so that nobody needs to hash.
  @usableFromInline package let isSingle: Bool
  /// The owner of the lowest hash; of every hash, when `isSingle`.
  @usableFromInline package let firstServer: UInt16

  @inlinable static var isCut: UInt32 { 0x8000_0000 }

  /// The ring of these points, sorted by value; where values are equal, the first in the list owns.
  package init(points: [ContinuumPoint]) {
    self.init(points: points, sliceBits: Self.sliceBits(for: points.count))
  }

  /// The ring without some servers: their keys move on to the next point, all other keys stay.
  ///
  /// `excluded[i]` says whether server `i` is out; servers past its end are in. When all are out, nothing is
  /// gained by having none: the ring is as if all were in.
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

  /// The same for a slice that several share: a step or two from its first point on.
  @inlinable
  func server(owning hash: UInt32, from start: Int) -> UInt16 {
    var i = start
    while points[i].value < hash {
      i &+= 1
      if i &- start == 8 { return Self.serverInCrowd(points, owning: hash, from: i) }
    }
    return points[i].server
  }

  /// The same where points crowd, which no digest does by chance: by halves.
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

  /// Four slices for each point, in powers of two: about four keys in five are answered by the table,
  /// and the table of a small ring stays in the first-level cache.
  private static func sliceBits(for points: Int) -> Int {
    let wanted = max(1, points) * 4
    return min(max(Int.bitWidth - (wanted - 1).leadingZeroBitCount, 8), 16)
  }

  /// The points that decide anything: sorted, the first of each value, and of neighbours with
  /// one owner only the last. A ring with one owner comes out as one point.
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

  /// By value, equal values in the order given. Placement schemes sort already.
  private static func sorted(_ points: [ContinuumPoint]) -> [ContinuumPoint] {
    var isSorted = true
    for i in points.indices.dropFirst() where points[i - 1].value > points[i].value { isSorted = false }
    if isSorted { return points }
    return points.enumerated()
      .sorted { ($0.element.value, $0.offset) < ($1.element.value, $1.offset) }
      .map(\.element)
  }

  /// What the table says of each slice of a circle that ends with its first point again.
  private static func slices(of circle: [ContinuumPoint], bits: Int) -> [UInt32] {
    let shift = UInt32(32 - bits)
    var i = 0
    return (0..<1 << bits).map { slice in
      let lowest = UInt32(slice) << shift
      let highest = lowest | (1 << shift - 1)
      // The owner of the lowest hash; it owns the slice when its point is not inside it, or is its end.
      while circle[i].value < lowest { i += 1 }
      return circle[i].value >= highest ? UInt32(circle[i].server) : isCut | UInt32(i)
    }
  }
}
