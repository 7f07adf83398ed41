import Bytes
import Testing

@testable import Routing

/// `placement: rendezvous`: as balanced as docs/PLACEMENT.md says, and nothing moves that need not.
@Suite struct RendezvousTests {
  static func servers(_ count: Int, _ prefix: String = "cache-") -> [RingServer] {
    (0..<count).map { RingServer(host: "10.0.0.1", port: UInt16(20000 + $0), name: "\(prefix)\($0)") }
  }

  static func owners(_ servers: [RingServer]) -> [UInt16] {
    guard case .slots(let table) = PlacementScheme.rendezvous.layout(for: servers) else { return [] }
    return table.owners
  }

  /// Each server's number of a million keys.
  static func loads(_ servers: [RingServer]) -> [Int] {
    let table = SchemePropertyTests.table(.rendezvous, servers)
    var loads = [Int](repeating: 0, count: servers.count)
    for i in 0..<1_000_000 { loads[table.where("key:\(i)")?.server ?? 0] += 1 }
    return loads
  }

  @Test(arguments: [(10, 1.02), (100, 1.07)])
  func fullestServerIsLittleAboveTheMean(count: Int, most: Double) throws {
    let fullest = try #require(Self.loads(Self.servers(count)).max())
    #expect(Double(fullest) <= most * 1_000_000 / Double(count))
  }

  @Test func sharesAreThoseOfTheWeights() {
    let weights: [UInt32] = [1, 1, 1, 1, 1, 2, 2, 3, 4, 4]
    var servers = Self.servers(10)
    for i in 0..<10 { servers[i].weight = weights[i] }
    for (load, weight) in zip(Self.loads(servers), weights) {
      #expect(abs(Double(load) / (50_000 * Double(weight)) - 1) < 0.02)
    }
  }

  @Test func addedServerTakesItsShareAndNothingElseMoves() {
    for count in [1, 2, 10, 100] {
      let (before, after) = (Self.owners(Self.servers(count)), Self.owners(Self.servers(count + 1)))
      let moved = zip(before, after).filter { $0 != $1 }
      #expect(moved.allSatisfy { $0.1 == UInt16(count) })
      let share = Double(SlotTable.count) / Double(count + 1)
      #expect(abs(Double(moved.count) / share - 1) < 0.08)
    }
  }

  @Test func weightThatGrowsTakesSlotsAndGivesNone() {
    var servers = Self.servers(10)
    servers[3].weight = 3
    let before = Self.owners(servers)
    servers[3].weight = 4
    let moved = zip(before, Self.owners(servers)).filter { $0 != $1 }
    #expect(!moved.isEmpty && moved.allSatisfy { $0.1 == 3 })
  }

  /// Taking a server out gives each of its slots to the one that would have it without the server.
  @Test func standInsAreTheOwnersWithoutTheServer() throws {
    let servers = Self.servers(9)
    guard case .slots(let table) = PlacementScheme.rendezvous.layout(for: servers) else { return }
    var out = [Bool](repeating: false, count: 9)
    // With many out the table is made again; with few it is mended.
    for leaving in [4, 0, 8, 1, 2, 3] {
      out[leaving] = true
      let left = servers.indices.filter { !out[$0] }
      let without = Self.owners(left.map { servers[$0] }).map { UInt16(left[Int($0)]) }
      #expect(table.owners(excluding: out) == without)
    }
    #expect(table.owners(excluding: [Bool](repeating: true, count: 9)) == table.owners)
  }

  /// The quick way through the scores finds what trying every server finds.
  @Test(arguments: [[1, 1, 1, 1, 1], [1, 1_000_000, 7, 3, 1_000_000]] as [[UInt32]])
  func ownersHaveTheLeastScore(weights: [UInt32]) {
    var servers = Self.servers(5)
    for i in 0..<5 { servers[i].weight = weights[i] }
    let owners = Self.owners(servers)
    let keys = servers.map { SlotKey(of: Array(($0.name ?? "").utf8)) }
    let costs = SlotCosts(hasWeights: true)
    for slot in stride(from: 0, to: SlotTable.count, by: 131) {
      let scores = (0..<5).map { i in
        Double(costs.of(keys[i].rank(of: slot))) / Double(weights[i])
      }
      #expect(scores[Int(owners[slot])] == scores.min())
    }
  }

  @Test func orderOfSlotsIsAPermutationThatCanBeUndone() {
    let key = SlotKey(of: Array("cache-a".utf8))
    var seen = [Bool](repeating: false, count: SlotTable.count)
    for slot in 0..<SlotTable.count {
      let rank = key.rank(of: slot)
      seen[rank] = true
      if slot % 97 == 0 { #expect(key.slot(of: rank) == slot) }
    }
    #expect(seen.allSatisfy { $0 })
  }

  @Test func logarithmIsRoundedDown() {
    #expect(SlotCosts.logarithm(1) == 0 && SlotCosts.logarithm(2) == 1 << 32)
    #expect(SlotCosts.logarithm(3) == 6_807_362_105)
    #expect(SlotCosts.logarithm(1 << 19) == 19 << 32)
    let costs = SlotCosts(hasWeights: true)
    for rank in 1..<SlotTable.count { #expect(costs.of(rank) > costs.of(rank - 1)) }
  }
}
