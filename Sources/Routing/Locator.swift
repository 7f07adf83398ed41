import Bytes

/// How one worker finds the servers of a pool's keys: for plain rings those of owners only, see `Pool.server`.
///
/// Owned by its pool alone, which tells it when servers are excluded and return.
@usableFromInline
final class Locator {
  /// The way to a key's server, without the servers that are out. Chosen once for each layout and state of its servers.
  private enum Way: ~Copyable {
    case ring(Continuum)
    /// An entry for each value of the hash's upper bits. Bytes if they can number the servers: a smaller table stays in
    /// the cache.
    case bytes(FixedArray<UInt8>)
    case slots(FixedArray<UInt16>)
    /// An entry for each remainder of the hash.
    case modulo(FixedArray<UInt16>)
    case jump(servers: Int)
    case furc(Furc)
    case scores(Scores)
  }

  private let plan: PoolPlan
  private let rule: KeyRule
  private let hash: KeyHash
  private let isPart: Bool
  private let hasOneServer: Bool
  private var way: Way
  /// Stands in for servers that are out, if the layout does not say who does.
  private var standIns = Continuum(points: [])
  /// The servers that were excluded, and those that are: none if all were.
  private var given: [Bool] = []
  private var out = FixedArray<Bool>([])
  private var outList: [Bool] = []

  init(_ plan: PoolPlan) {
    self.plan = plan
    (rule, hash, isPart) = (plan.rule, plan.hash, plan.rule.isPart)
    hasOneServer = plan.servers.count <= 1
    way = Self.way(of: plan, excluding: [])
  }

  private static func way(of plan: PoolPlan, excluding out: [Bool]) -> Way {
    switch plan.layout {
    case .ring(let points):
      // A pool looks up plain rings by itself.
      .ring(Continuum(points: plan.isPlainRing ? [] : points, excluding: out))
    case .slots(let table):
      slots(out.contains(true) ? table.owners(excluding: out) : table.owners, of: plan.servers.count)
    case .modulo(let list): .modulo(FixedArray(list))
    case .jump(let servers): .jump(servers: servers)
    case .furc(let furc): .furc(furc)
    case .scores(let scores): .scores(scores)
    }
  }

  private static func slots(_ owners: [UInt16], of servers: Int) -> Way {
    servers <= 256
      ? .bytes(FixedArray(owners.map { UInt8(truncatingIfNeeded: $0) })) : .slots(FixedArray(owners))
  }

  /// Excludes servers, and includes all others. Returns whether that changes anything.
  func exclude(_ servers: [Bool]) -> Bool {
    guard servers != given, servers.contains(true) || given.contains(true) else { return false }
    given = servers
    outList = servers.allSatisfy { $0 } ? [] : servers
    out = FixedArray(outList)
    way = Self.way(of: plan, excluding: outList)
    standIns = Continuum(points: outList.contains(true) ? plan.standIns : [], excluding: outList)
    return true
  }

  /// The plain ring without the servers that are excluded.
  func ring() -> Continuum { Continuum(points: plan.points, excluding: outList) }

  /// The position of the server that has this key now: the key is bytes `from ..< from + count`.
  @inline(never) @usableFromInline
  func server(owning key: RawSpan, from: Int, count: Int) -> Int {
    withText(of: key, from: from, count: count) { server(ofText: $0, from: $1, count: $2) }
  }

  /// Calls `find` with what is hashed of a key; one server needs none of it.
  @inline(__always)
  private func withText(
    of key: RawSpan, from: Int, count: Int, _ find: (_ text: RawSpan, _ from: Int, _ count: Int) -> Int
  ) -> Int {
    if hasOneServer { return 0 }
    if isPart {
      let (start, length) = rule.range(in: key, from: from, count: count)
      return find(key, start, length)
    }
    var text = KeyText()
    rule.append(key, from: from, count: count, to: &text)
    return find(text.raw, 0, text.count)
  }

  /// The server that has what is hashed of a key.
  private func server(ofText text: RawSpan, from: Int, count: Int) -> Int {
    let server: Int
    switch way {
    case .ring(let ring): return Int(ring.server(owning: number(of: text, from: from, count: count)))
    case .bytes(let table): return Int(table[slot(of: text, from: from, count: count)])
    case .slots(let table): return Int(table[slot(of: text, from: from, count: count)])
    case .scores(let scores):
      return scores.server(of: text, from: from, count: count, excluding: outList)
    case .modulo(let list):
      server = Int(
        list[Int(number(of: text, from: from, count: count) % UInt32(truncatingIfNeeded: list.count))])
    case .jump(let servers):
      server = hashJump(wideNumber(of: text, from: from, count: count), buckets: servers)
    case .furc(let furc): server = furc.server(of: text, from: from, count: count)
    }
    guard server < out.count, out[server] else { return server }
    return Int(standIns.server(owning: number(of: text, from: from, count: count).mixed))
  }

  /// The hash of what is hashed of a key.
  private func number(of text: RawSpan, from: Int, count: Int) -> UInt32 {
    if count > rule.most { return 0 }
    if rule.seed != 0 { return UInt32(truncatingIfNeeded: wideNumber(of: text, from: from, count: count)) }
    return hash.hash(text, from: from, count: count)
  }

  /// The slot that the upper bits of the hash number.
  private func slot(of text: RawSpan, from: Int, count: Int) -> Int {
    Int(number(of: text, from: from, count: count) &>> UInt32(32 - SlotTable.bits))
  }

  /// The same as `number` in 64 bits, where the hash has them.
  private func wideNumber(of text: RawSpan, from: Int, count: Int) -> UInt64 {
    hash == .xxh3
      ? hashXXH3(text, from: from, count: count, seed: rule.seed)
      : UInt64(hash.hash(text, from: from, count: count))
  }

  // MARK: - Owners

  /// The key's server while all are in.
  func owner(of key: RawSpan, from: Int, count: Int) -> Int {
    withText(of: key, from: from, count: count) { owner(ofText: $0, from: $1, count: $2) }
  }

  private func owner(ofText text: RawSpan, from: Int, count: Int) -> Int {
    switch plan.layout {
    case .ring(let points): Self.owner(of: number(of: text, from: from, count: count), on: points)
    case .slots(let table):
      Int(table.owners[slot(of: text, from: from, count: count)])
    case .scores(let scores): scores.server(of: text, from: from, count: count, excluding: [])
    case .modulo(let list): Int(list[Int(number(of: text, from: from, count: count)) % list.count])
    case .jump(let servers): hashJump(wideNumber(of: text, from: from, count: count), buckets: servers)
    case .furc(let furc): furc.server(of: text, from: from, count: count)
    }
  }

  /// A binary search over all points.
  private static func owner(of hash: UInt32, on points: [ContinuumPoint]) -> Int {
    guard let first = points.first else { return 0 }
    var low = 0
    var high = points.count
    while low < high {
      let middle = (low + high) / 2
      if points[middle].value < hash { low = middle + 1 } else { high = middle }
    }
    return Int(low == points.count ? first.server : points[low].server)
  }
}

/// Lamping and Veach's jump consistent hash, as memcached's proxy computes it.
func hashJump(_ key: UInt64, buckets: Int) -> Int {
  var (bucket, next, state) = (0, 0, key)
  while next < buckets {
    bucket = next
    state = state &* 2_862_933_555_777_941_757 &+ 1
    let jump = Double(1 &<< 31) / Double((state &>> 33) &+ 1)
    // At most 2^31 times the number of servers, so the conversion cannot fail.
    next = Int(Double(bucket &+ 1) * jump)
  }
  return bucket
}

extension UInt32 {
  /// The same number with its bits mixed, for a ring of stand-ins: some hashes have only 15 bits.
  var mixed: UInt32 {
    var x = self ^ self &>> 16
    x = x &* 0x85eb_ca6b
    x ^= x &>> 13
    x = x &* 0xc2b2_ae35
    return x ^ x &>> 16
  }
}
