import Bytes

/// Which share of a pool's keys goes from which server to which when its plan changes; positions are those in the two
/// plans' lists.
package struct PlacementMoves: Sendable {
  /// A key's server before and after.
  package struct Pair: Hashable, Sendable {
    package var from: Int
    package var to: Int
  }

  /// The shares add up to 1.
  package private(set) var shares: [Pair: Double] = [:]
  /// Whether all hashes were counted; if not, keys were tried.
  package private(set) var isExact = true

  /// Pairs of servers that are counted one by one.
  private static let mostPairs = 1 << 18

  /// O(points) for rings and tables of slots, O(entries of both lists) for lists that are not very uneven; otherwise
  /// up to 200,000 lookups in each plan.
  package init(from old: PoolPlan, to new: PoolPlan) {
    guard old.servers.count > 1 || new.servers.count > 1 else {
      shares = [Pair(from: 0, to: 0): 1]
      return
    }
    let isSameNumber = old.rule == new.rule && old.hash == new.hash && old.hash.isEven
    let isFew = old.servers.count * new.servers.count <= Self.mostPairs
    if isSameNumber, let (a, b) = Self.both(old.segments, new.segments) {
      count(a, b, below: old.hash.limit)
    } else if isSameNumber, isFew, let (a, b) = Self.both(old.list, new.list),
      let period = Self.period(a.count, b.count)
    {
      count(a, b, period: period, below: old.hash.limit)
    } else if isSameNumber, isFew, case .jump(let a) = old.layout, case .jump(let b) = new.layout {
      countJumps(a, b)
    } else {
      sample(old, new)
    }
  }

  private static func both<Value>(_ a: Value?, _ b: Value?) -> (Value, Value)? {
    if let a, let b { (a, b) } else { nil }
  }

  private mutating func add(_ share: Double, _ from: Int, _ to: Int) {
    if share > 0 { shares[Pair(from: from, to: to), default: 0] += share }
  }

  /// Goes through two divisions of the circle at once.
  private mutating func count(_ a: [Segment], _ b: [Segment], below limit: UInt64) {
    var (i, j, at) = (0, 0, UInt64(0))
    while at < limit, i < a.count, j < b.count {
      let end = min(a[i].end, b[j].end, limit)
      if end > at { add(Double(end - at) / Double(limit), a[i].server, b[j].server) }
      at = max(at, end)
      if a[i].end <= at { i += 1 }
      if j < b.count, b[j].end <= at { j += 1 }
    }
  }

  /// The number of remainders after which two lists repeat together; nil if that is very many.
  private static func period(_ a: Int, _ b: Int) -> Int? {
    guard a > 0, b > 0 else { return nil }
    var (x, y) = (a, b)
    while y != 0 { (x, y) = (y, x % y) }
    let period = a / x * b
    return period <= 1 << 24 ? period : nil
  }

  private mutating func count(_ a: [UInt16], _ b: [UInt16], period: Int, below limit: UInt64) {
    let (whole, rest) = (limit / UInt64(period), Int(limit % UInt64(period)))
    for r in 0..<period {
      let hashes = whole + (r < rest ? 1 : 0)
      add(Double(hashes) / Double(limit), Int(a[r % a.count]), Int(b[r % b.count]))
    }
  }

  /// Jump hash gives a list that grows from a to b servers (a/b)th of each old server's keys, and the new ones equal parts
  /// of the rest.
  private mutating func countJumps(_ a: Int, _ b: Int) {
    let (few, many) = (min(a, b), max(a, b))
    for i in 0..<few {
      add(1 / Double(many), i, i)
      for j in few..<max(few, many) {
        add(1 / Double(few * many), a < b ? i : j, a < b ? j : i)
      }
    }
  }

  private mutating func sample(_ old: PoolPlan, _ new: PoolPlan) {
    isExact = false
    let before = RoutingTable(RoutingPlan(pools: [old], defaultPool: 0))
    let after = RoutingTable(RoutingPlan(pools: [new], defaultPool: 0))
    let samples = min(old.samples, new.samples)
    for i in 0..<samples {
      let key = Array("sample:\(i)".utf8)
      if let from = before.where(key), let to = after.where(key) {
        add(1 / Double(samples), from.server, to.server)
      }
    }
  }
}

/// Hashes up to `end`, without it, and their server.
private struct Segment {
  var end: UInt64
  var server: Int
}

extension PoolPlan {
  /// The circle from 0 to 2^32 in pieces of one owner; nil if the layout is not one of hashes in order.
  fileprivate var segments: [Segment]? {
    let whole: UInt64 = 1 << 32
    if servers.count <= 1 { return [Segment(end: whole, server: 0)] }
    switch layout {
    case .ring(let points):
      guard let first = points.first else { return [Segment(end: whole, server: 0)] }
      var segments: [Segment] = []
      // Of points with equal values the first is the owner.
      for point in points where segments.last?.end != UInt64(point.value) + 1 {
        segments.append(Segment(end: UInt64(point.value) + 1, server: Int(point.server)))
      }
      segments.append(Segment(end: whole, server: Int(first.server)))
      return segments
    case .slots(let table):
      let width = whole / UInt64(SlotTable.count)
      return table.owners.indices.map { Segment(end: UInt64($0 + 1) * width, server: Int(table.owners[$0])) }
    default: return nil
    }
  }

  /// The number of keys that are tried where a layout cannot be counted: fewer where a lookup compares all servers.
  package var samples: Int {
    guard case .scores = layout else { return 200_000 }
    return max(1000, min(200_000, 4_000_000 / max(1, servers.count)))
  }

  /// The list that the hash's remainder indexes.
  fileprivate var list: [UInt16]? {
    if servers.count <= 1 { return [0] }
    if case .modulo(let list) = layout, !list.isEmpty { return list }
    return nil
  }
}

extension KeyHash {
  /// Its values are below this number.
  fileprivate var limit: UInt64 { self == .crc32 ? 1 << 15 : self == .crc31 ? 1 << 31 : 1 << 32 }

  /// Whether keys have all its values equally often. Java's hash of similar keys is in a small part of the circle.
  fileprivate var isEven: Bool { self != .crc16 && self != .java }
}
