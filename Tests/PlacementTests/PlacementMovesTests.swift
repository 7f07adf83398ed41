import TestSupport
import Testing

@testable import Routing

/// The counted shares are those that keys have, tried one by one.
@Suite struct PlacementMovesTests {
  static func plan(_ scheme: PlacementScheme, _ servers: [RingServer], _ hash: KeyHash? = nil) -> PoolPlan {
    PoolPlan(name: "p", scheme: scheme, hash: hash, servers: servers)
  }

  static func servers(_ numbers: Range<Int>, weights: [UInt32] = [1]) -> [RingServer] {
    numbers.map { RingServer(host: "10.0.0.\($0)", port: 11211, weight: weights[$0 % weights.count]) }
  }

  /// The greatest difference between a counted share and that of 100,000 keys.
  static func error(_ old: PoolPlan, _ new: PoolPlan) -> Double {
    let moves = PlacementMoves(from: old, to: new)
    var found: [PlacementMoves.Pair: Double] = [:]
    let a = RoutingTable(RoutingPlan(pools: [old], defaultPool: 0))
    let b = RoutingTable(RoutingPlan(pools: [new], defaultPool: 0))
    for i in 0..<100_000 {
      let key = Array("item:\(i &* 7919):x".utf8)
      found[
        PlacementMoves.Pair(from: a.where(key)?.server ?? -1, to: b.where(key)?.server ?? -1), default: 0] +=
        1e-5
    }
    return Set(found.keys).union(moves.shares.keys)
      .reduce(0) { max($0, abs((moves.shares[$1] ?? 0) - (found[$1] ?? 0))) }
  }

  /// Of Java's hash the shares are other ones for other keys.
  @Test(arguments: PlacementScheme.allCases.filter { $0.defaultHash != .java })
  func sharesAreThoseOfKeys(scheme: PlacementScheme) {
    let before = Self.plan(scheme, Self.servers(1..<6, weights: [1, 2]))
    for after in [Self.servers(1..<7, weights: [1, 2]), Self.servers(2..<6, weights: [1, 2])] {
      let new = Self.plan(scheme, after)
      #expect(Self.error(before, new) < 0.01)
      #expect(abs(PlacementMoves(from: before, to: new).shares.values.reduce(0, +) - 1) < 1e-6)
    }
  }

  /// Hashes of 15 bits, points of equal values, one server before or after, and another hash.
  @Test func cornersAreCountedToo() {
    let ketama = PlacementScheme.ketama
    let (one, five) = (Self.servers(1..<2), Self.servers(1..<6))
    #expect(
      Self.error(Self.plan(ketama, five, .crc32), Self.plan(ketama, Self.servers(1..<7), .crc32)) < 0.01)
    #expect(Self.error(Self.plan(ketama, one), Self.plan(ketama, five)) < 0.01)
    #expect(Self.error(Self.plan(ketama, five), Self.plan(ketama, one)) < 0.01)
    #expect(Self.error(Self.plan(ketama, five, .md5), Self.plan(ketama, five, .fnv1a64)) < 0.01)
    #expect(PlacementMoves(from: Self.plan(ketama, one), to: Self.plan(ketama, one)).shares.count == 1)
  }

  /// Large lists have too many pairs of servers to count each.
  @Test func manyServersAreTriedInsteadOfCounted() {
    let many = (0..<1000).map { RingServer(host: "10.\($0 / 250).0.\($0 % 250)", port: 11211) }
    let moves = PlacementMoves(
      from: Self.plan(McproxyPlacements.mcproxyJump, Array(many.dropLast())),
      to: Self.plan(McproxyPlacements.mcproxyJump, many))
    #expect(!moves.isExact && moves.shares.count < 3000)
    let stay = moves.shares.filter { $0.key.from == $0.key.to }.values.reduce(0, +)
    #expect(abs(stay - 0.999) < 0.002)
  }

  @Test func equalHashesAreCountedExactly() {
    for scheme in [
      PlacementScheme.ketama, .rendezvous, McproxyPlacements.mcproxyJump, LibmemcachedPlacements.phpDefault,
    ] {
      #expect(
        PlacementMoves(
          from: Self.plan(scheme, Self.servers(1..<6)), to: Self.plan(scheme, Self.servers(1..<7))
        ).isExact)
    }
    let (old, new) = (Self.plan(.ketama, Self.servers(1..<6)), Self.plan(.rendezvous, Self.servers(1..<6)))
    #expect(!PlacementMoves(from: old, to: new).isExact)
  }
}
