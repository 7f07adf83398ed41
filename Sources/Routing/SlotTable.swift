import Bytes

/// The table of `placement: rendezvous`: 2^18 slots, each owned by the server with the least score for it.
///
/// A server's scores follow from its name and weight alone. Each of its scores is one number of the same long list,
/// `-log2(1 - x) / weight`, and its key decides in which order the slots get them. So a server that joins takes exactly
/// the slots where its score is the least, a server that leaves gives exactly its own, and all others stay. See
/// `docs/PLACEMENT.md` for the rule in full.
///
/// Built once for each reload, shared by all workers. A lookup is one load.
package final class SlotTable: Sendable {
  package static let bits = 18
  static let count = 1 << bits

  struct Server: Equatable {
    var key: SlotKey
    var weight: UInt64
    var name: [UInt8]
  }

  /// Scores that are compared to find stand-ins, before the table is made again instead.
  private static let mostComparisons = 4_000_000

  private let servers: [Server]
  /// The owner of each slot.
  package let owners: [UInt16]

  /// About 50 ms, with any number of servers; 100 ms if their weights differ.
  init(names: [String], weights: [UInt32]) {
    servers = zip(names, weights).map {
      Server(key: SlotKey(of: Array($0.utf8)), weight: UInt64($1), name: Array($0.utf8))
    }
    owners = Self.owners(of: servers)
  }

  /// The owner of each slot while some servers are out: theirs go to the server with the next score.
  /// About 10 ns for each of their slots and each server, at most as long as it takes to make the table.
  func owners(excluding excluded: [Bool]) -> [UInt16] {
    let live = servers.indices.filter { $0 >= excluded.count || !excluded[$0] }
    guard !live.isEmpty else { return owners }
    let isOut = { (slot: Int) in Int(self.owners[slot]) < excluded.count && excluded[Int(self.owners[slot])] }
    // Where many servers are out, making the table again is quicker. The other slots have the same owners in it.
    guard owners.indices.count(where: isOut) * live.count < Self.mostComparisons else {
      return Self.owners(of: live.map { servers[$0] }).map { UInt16(truncatingIfNeeded: live[Int($0)]) }
    }
    let costs = Self.costs(of: servers)
    var result = owners
    for slot in result.indices where isOut(slot) {
      var best = live[0]
      var cost = costs.of(servers[best].key.rank(of: slot))
      for i in live.dropFirst() {
        let next = costs.of(servers[i].key.rank(of: slot))
        if Self.isLess(next, servers[i], cost, servers[best]) { (best, cost) = (i, next) }
      }
      result[slot] = UInt16(truncatingIfNeeded: best)
    }
    return result
  }

  /// Finds the least score of each slot by going through the scores of all servers from the least upwards, until all
  /// slots have one: about 15 scores a slot, however many servers there are.
  private static func owners(of servers: [Server]) -> [UInt16] {
    var owners = [UInt16](repeating: 0, count: count)
    guard servers.count > 1 else { return owners }
    let costs = costs(of: servers)
    var best = [UInt64](repeating: .max, count: count)
    var reached = [Int](repeating: 0, count: servers.count)
    var left = count
    // All scores up to `limit` / weight have been seen. The first limit is about where half of the slots have one.
    let total = servers.reduce(0) { $0 + Double($1.weight) }
    var limit = Double(costs.last) / Double(bits) / total
    while left > 0 {
      for i in servers.indices {
        let most = limit * Double(servers[i].weight)
        while reached[i] < count {
          let cost = costs.of(reached[i])
          if Double(cost) > most { break }
          let slot = servers[i].key.slot(of: reached[i])
          reached[i] += 1
          if best[slot] == .max {
            left -= 1
          } else {
            let old = Int(owners[slot])
            if !isLess(cost, servers[i], best[slot], servers[old]) { continue }
          }
          (best[slot], owners[slot]) = (cost, UInt16(truncatingIfNeeded: i))
        }
      }
      limit *= 1.5
    }
    return owners
  }

  /// Whether a cost divided by its server's weight is less than another; of equal ones that of the lesser name.
  private static func isLess(_ a: UInt64, _ first: Server, _ b: UInt64, _ second: Server) -> Bool {
    let (x, y) = (a.multipliedFullWidth(by: second.weight), b.multipliedFullWidth(by: first.weight))
    if x.high != y.high { return x.high < y.high }
    if x.low != y.low { return x.low < y.low }
    return first.name.lexicographicallyPrecedes(second.name)
  }

  private static func costs(of servers: [Server]) -> SlotCosts {
    SlotCosts(hasWeights: servers.contains { $0.weight != servers[0].weight })
  }
}

extension SlotTable: Equatable {
  package static func == (a: SlotTable, b: SlotTable) -> Bool { a === b || a.servers == b.servers }
}

/// A server's order of the slots: a mixing of 18-bit numbers that can be undone.
struct SlotKey: Equatable {
  private let keys: InlineArray<4, UInt32>
  private static var mask: UInt32 { UInt32(SlotTable.count - 1) }

  init(of name: [UInt8]) {
    var keys = InlineArray<4, UInt32>(repeating: 0)
    for i in 0..<4 {
      let hash = hashXXH3(name.span.raw, from: 0, count: name.count, seed: UInt64(i))
      keys[i] = UInt32(truncatingIfNeeded: hash) & Self.mask
    }
    self.keys = keys
  }

  static func == (a: SlotKey, b: SlotKey) -> Bool { (0..<4).allSatisfy { a.keys[$0] == b.keys[$0] } }

  /// Odd, so that multiplying can be undone, and the number that undoes it.
  private static var factor: UInt32 { 0x2c1b_3c6d & mask }
  private static var inverse: UInt32 {
    var x = factor
    // Each step doubles the number of right bits.
    for _ in 0..<4 { x = x &* (2 &- factor &* x) }
    return x & mask
  }

  /// The position of a slot in this server's order.
  func rank(of slot: Int) -> Int {
    var x = UInt32(truncatingIfNeeded: slot)
    for i in 0..<4 {
      x = ((x ^ keys[i]) &* Self.factor) & Self.mask
      x ^= x &>> 9
    }
    return Int(x)
  }

  /// The slot at a position.
  func slot(of rank: Int) -> Int {
    var x = UInt32(truncatingIfNeeded: rank)
    for i in (0..<4).reversed() {
      // Half of the bits: the same step undoes it.
      x ^= x &>> 9
      x = (x &* Self.inverse) & Self.mask ^ keys[i]
    }
    return Int(x)
  }
}

/// The cost of each rank: `log2(1 / (1 - (rank + 1/2) / slots))` in units of 2^-32, which is a rank's place in an
/// exponential distribution. The rank itself if all weights are equal, because only the order matters then.
struct SlotCosts {
  private let table: [UInt64]

  private static let logarithms: [UInt64] = (0..<SlotTable.count).map { rank in
    let whole = logarithm(UInt64(SlotTable.count * 2))
    return whole &- logarithm(UInt64(2 * (SlotTable.count - rank) - 1))
  }

  init(hasWeights: Bool) { table = hasWeights ? Self.logarithms : [] }

  func of(_ rank: Int) -> UInt64 { table.isEmpty ? UInt64(rank) &+ 1 : table[rank] }

  var last: UInt64 { of(SlotTable.count - 1) }

  /// The binary logarithm in units of 2^-32, rounded down, by squaring: no floating point, so that it is the same
  /// everywhere.
  static func logarithm(_ n: UInt64) -> UInt64 {
    let whole = UInt64(63 - n.leadingZeroBitCount)
    // 1 to 2, in units of 2^-63.
    var x = n &<< (63 - whole)
    var result = whole
    for _ in 0..<32 {
      let square = x.multipliedFullWidth(by: x)
      // 1 to 4, in units of 2^-62.
      result <<= 1
      if square.high >= 1 << 63 {
        result |= 1
        x = square.high
      } else {
        x = square.high &<< 1 | square.low &>> 63
      }
    }
    return result
  }
}
