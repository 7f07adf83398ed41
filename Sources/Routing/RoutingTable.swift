import Bytes

/// The lookup from a key to its pool and server: one worker's own copy of a routing plan.
///
/// The plan never changes; the pools' live rings do, when servers are excluded and return.
@usableFromInline
package struct RoutingTable: ~Copyable {
  /// The pools in the order of the plan, modified in place: `table.pools[i].exclude(…)`.
  @usableFromInline package var pools: Slab<Pool>
  /// The prefixes, sorted by first byte, then the longest first.
  @usableFromInline let prefixes: FixedArray<Prefix>
  /// For each first byte, the index of its first prefix in `prefixes`; entry 256 is the end.
  @usableFromInline let starts: FixedArray<UInt32>
  /// The bytes of all prefixes, concatenated.
  @usableFromInline let text: Buffer
  /// The number of the target of keys without a matching prefix, or `noPool`.
  @usableFromInline package let defaultPool: Int
  /// Whether placing several keys together (`locate`) is faster than one by one: true if some pool hashes with MD5.
  @usableFromInline package let prefersBatches: Bool

  /// The number that means that no route matches the key. Those below are nodes: see `RouteTarget`.
  @inlinable package static var noPool: Int { -1 }

  @usableFromInline @frozen
  struct Prefix: BitwiseCopyable {
    @usableFromInline let offset: UInt32
    @usableFromInline let length: UInt16
    /// Whether only the key that has no more bytes matches.
    @usableFromInline let isWhole: Bool
    @usableFromInline let target: Int32
  }

  package init(_ plan: RoutingPlan) {
    var nothing = Slab<Pool>(capacity: 1)
    self.init(plan, rings: &nothing) { _ in nil }
  }

  /// Takes from `old` the pools with an index there, and builds the others.
  package init(_ plan: RoutingPlan, rings old: inout Slab<Pool>, _ oldIndex: (Int) -> Int?) {
    var pools = Slab<Pool>(capacity: max(1, plan.pools.count))
    var prefersBatches = false
    for (number, pool) in plan.pools.enumerated() {
      let i = pools.take()
      if let kept = oldIndex(number) {
        pools[i] = exchange(&old[Ref(UInt32(truncatingIfNeeded: kept))], with: Pool())
      } else {
        pools[i] = Pool(pool)
      }
      if pool.hash == .md5, pool.servers.count > 1, pools[i].isPlainRing { prefersBatches = true }
    }
    self.pools = pools
    self.prefersBatches = prefersBatches
    // A route with an empty prefix is another way to write the default pool.
    let fallback = plan.routes.first { $0.prefix.isEmpty }?.target ?? plan.defaultTarget
    defaultPool = fallback?.number ?? Self.noPool
    let routes = plan.routes.enumerated()
      .filter { !$0.element.prefix.isEmpty }
      .sorted { Self.comesBefore($0, $1) }
      .map(\.element)
    var blocks = BufferPool()
    var text = Buffer()
    var prefixes: [Prefix] = []
    var starts = [UInt32](repeating: 0, count: 257)
    for route in routes {
      prefixes.append(
        Prefix(
          offset: UInt32(clamping: text.count), length: UInt16(clamping: route.prefix.count),
          isWhole: route.isWhole, target: Int32(clamping: route.target.number)))
      for byte in route.prefix { text.append(byte: byte, &blocks) }
      for after in Int(route.prefix[0]) + 1...256 { starts[after] += 1 }
    }
    self.text = text
    self.prefixes = FixedArray(prefixes)
    self.starts = FixedArray(starts)
  }

  /// The order of `prefixes`. Of two equal ones the first stays in front and therefore wins.
  private static func comesBefore(
    _ a: (offset: Int, element: RoutingPlan.Route), _ b: (offset: Int, element: RoutingPlan.Route)
  ) -> Bool {
    let (p, q) = (a.element.prefix, b.element.prefix)
    if p[0] != q[0] { return p[0] < q[0] }
    if p.count != q.count { return p.count > q.count }
    if a.element.isWhole != b.element.isWhole { return a.element.isWhole }
    return a.offset < b.offset
  }

  /// The number of a key's target, or `noPool`: the key is bytes `from ..< from + count`.
  ///
  /// Without prefixes this is one load; with them, only prefixes with the key's first byte are compared.
  @inlinable @inline(__always)
  package func pool(for key: RawSpan, from: Int, count: Int) -> Int {
    if !hasPrefixes || count == 0 { return defaultPool }
    return poolByPrefix(of: key, from: from, count: count)
  }

  /// Whether a key's pool depends on the key.
  @inlinable package var hasPrefixes: Bool { @inline(__always) get { prefixes.count != 0 } }

  @inlinable
  func poolByPrefix(of key: RawSpan, from: Int, count: Int) -> Int {
    let first = Int(key.byte(at: from))
    var i = Int(truncatingIfNeeded: starts[first])
    let end = Int(truncatingIfNeeded: starts[first &+ 1])
    while i < end {
      let prefix = prefixes[i]
      let length = Int(truncatingIfNeeded: prefix.length)
      if prefix.isWhole ? length == count : length <= count,
        key.matches(at: from, text.readable, at: Int(truncatingIfNeeded: prefix.offset), count: length)
      {
        return Int(truncatingIfNeeded: prefix.target)
      }
      i &+= 1
    }
    return defaultPool
  }

  /// The position of the server of `pool` (not `noPool`) that has this key now.
  @inlinable @inline(__always)
  package func server(in pool: Int, owning key: RawSpan, from: Int, count: Int) -> Int {
    pools[Ref(UInt32(truncatingIfNeeded: pool))].server(owning: key, from: from, count: count)
  }

  /// The same for a pool that is no plain ring, out of the way of those that are.
  @inline(never)
  package func otherServer(in pool: Int, owning key: RawSpan, from: Int, count: Int) -> Int {
    pools[Ref(UInt32(truncatingIfNeeded: pool))].locator.server(owning: key, from: from, count: count)
  }

  /// A pool and a position in its list of servers.
  package struct Place: Hashable, Sendable {
    package let pool: Int
    package let server: Int

    package init(pool: Int, server: Int) {
      self.pool = pool
      self.server = server
    }
  }

  /// The current pool and server of a key, for diagnostics; nil if no route matches the key, or a node decides.
  package func `where`(_ key: [UInt8]) -> Place? {
    let bytes = key.span.raw
    let pool = pool(for: bytes, from: 0, count: bytes.byteCount)
    guard pool >= 0 else { return nil }
    let server = server(in: pool, owning: bytes, from: 0, count: bytes.byteCount)
    return Place(pool: pool, server: server)
  }

  package func `where`(_ key: String) -> Place? { self.where(Array(key.utf8)) }
}
