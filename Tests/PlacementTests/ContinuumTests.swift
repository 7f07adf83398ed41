import TestSupport
import Testing

@testable import Routing

struct ContinuumTests {
  static let three = [
    ContinuumPoint(value: 10, server: 0), ContinuumPoint(value: 400, server: 1),
    ContinuumPoint(value: 900, server: 0), ContinuumPoint(value: 0xf000_0000, server: 2),
  ]

  @Test(
    arguments: [
      (0, 0), (9, 0), (10, 0), (11, 1), (399, 1), (400, 1), (401, 0), (900, 0), (901, 2), (0xefff_ffff, 2),
      (0xf000_0000, 2), (0xf000_0001, 0), (.max, 0),
    ] as [(UInt32, UInt16)])
  func hashBelongsToTheFirstPointAtOrAfterItAndWraps(hash: UInt32, server: UInt16) {
    #expect(Continuum(points: Self.three).server(owning: hash) == server)
    #expect(Continuum(points: Self.three.reversed()).server(owning: hash) == server)
  }

  @Test func pointsAtTheEndsOfTheRingAreFound() {
    let ring = Continuum(points: [
      ContinuumPoint(value: 0, server: 4), ContinuumPoint(value: 7, server: 5),
      ContinuumPoint(value: .max, server: 6), ContinuumPoint(value: .max, server: 7),
    ])
    #expect(ring.server(owning: 0) == 4)
    #expect(ring.server(owning: 1) == 5)
    #expect(ring.server(owning: 8) == 6)
    #expect(ring.server(owning: .max) == 6)
  }

  @Test func ringWithOneOwnerNeedsNoHash() {
    let alone = Continuum(points: [ContinuumPoint(value: 5, server: 3), ContinuumPoint(value: 9, server: 3)])
    #expect(alone.isSingle == true)
    #expect(alone.firstServer == 3)
    #expect(alone.server(owning: 0) == 3 && alone.server(owning: .max) == 3)
    #expect(Continuum(points: Self.three).isSingle == false)
    let empty = Continuum(points: [])
    #expect(empty.isSingle == true)
    #expect(empty.firstServer == 0 && empty.server(owning: 77) == 0)
  }

  /// A ring for the property tests: its number of servers and the layout of its points.
  struct Shape: CustomTestStringConvertible, Sendable {
    let seed: UInt64
    let servers: Int
    let pointsEach: Int
    /// The number of low bits in which the values of a crowd differ; the bits above are equal.
    let spread: UInt32
    let crowds: Int

    var testDescription: String {
      "seed \(seed), \(servers) servers of \(pointsEach) points, \(crowds) crowds of \(spread) bits"
    }

    func points() -> [ContinuumPoint] {
      var random = Seeded(seed)
      let bases = (0..<crowds).map { _ in UInt32.random(in: 0 ... .max, using: &random) }
      let mask: UInt32 = spread >= 32 ? .max : 1 << spread - 1
      return (0..<servers * pointsEach).map { i in
        let base = bases[Int.random(in: 0..<crowds, using: &random)]
        let low = UInt32.random(in: 0 ... .max, using: &random) & mask
        return ContinuumPoint(value: base & ~mask | low, server: UInt16(i % servers))
      }.sorted { $0.value < $1.value }
    }
  }

  static let shapes: [Shape] =
    [1, 2, 3, 4, 7, 10, 25, 64, 100, 173, 300].enumerated().map {
      Shape(seed: UInt64($0.offset), servers: $0.element, pointsEach: 160, spread: 32, crowds: 1)
    } + [
      Shape(seed: 100, servers: 1, pointsEach: 1, spread: 32, crowds: 1),
      Shape(seed: 101, servers: 2, pointsEach: 1, spread: 32, crowds: 1),
      Shape(seed: 102, servers: 300, pointsEach: 160, spread: 16, crowds: 1),
      Shape(seed: 103, servers: 40, pointsEach: 160, spread: 8, crowds: 3),
      Shape(seed: 104, servers: 40, pointsEach: 160, spread: 12, crowds: 60),
      Shape(seed: 105, servers: 9, pointsEach: 100, spread: 3, crowds: 200),
      Shape(seed: 106, servers: 12, pointsEach: 40, spread: 0, crowds: 5),
    ]

  /// Hashes worth testing: at every point, next to it, at slices' edges, and random ones.
  static func hashes(around points: [ContinuumPoint], seed: UInt64) -> [UInt32] {
    var random = Seeded(seed ^ 0xabcd)
    var hashes: [UInt32] = [0, 1, .max, .max - 1]
    for point in points { hashes += [point.value &- 1, point.value, point.value &+ 1] }
    for slice in 0..<UInt32(256) {
      hashes += [slice << 24, slice << 24 &- 1, slice << 16, slice << 20 | 0xfffff]
    }
    for _ in 0..<20_000 { hashes.append(UInt32.random(in: 0 ... .max, using: &random)) }
    return hashes
  }

  /// The rule itself: a binary search over all points.
  static func owner(of hash: UInt32, in points: [ContinuumPoint]) -> UInt16 {
    var low = 0
    var high = points.count
    while low < high {
      let middle = (low + high) / 2
      if points[middle].value < hash { low = middle + 1 } else { high = middle }
    }
    return points[low == points.count ? 0 : low].server
  }

  @Test(arguments: shapes)
  func sliceTableAgreesWithASearchOverAllPoints(shape: Shape) {
    let points = shape.points()
    let ring = Continuum(points: points)
    var wrong: [UInt32] = []
    for hash in Self.hashes(around: points, seed: shape.seed)
    where ring.server(owning: hash) != Self.owner(of: hash, in: points) {
      wrong.append(hash)
    }
    #expect(wrong == [])
  }

  @Test(arguments: [1, 2, 5, 8, 12, 16])
  func ringLookupDoesNotDependOnTheNumberOfSlices(bits: Int) {
    let points = Shape(seed: 7, servers: 30, pointsEach: 160, spread: 32, crowds: 1).points()
    let ring = Continuum(points: points, sliceBits: bits)
    let wrong = Self.hashes(around: points, seed: 7)
      .filter { ring.server(owning: $0) != Self.owner(of: $0, in: points) }
    #expect(wrong == [])
  }

  @Test(arguments: shapes)
  func excludingServersMovesOnlyTheirKeys(shape: Shape) {
    let points = shape.points()
    let full = Continuum(points: points)
    var random = Seeded(shape.seed ^ 0x5eed)
    for share in [0.05, 0.3, 0.9] {
      let excluded = (0..<shape.servers).map { _ in Double.random(in: 0..<1, using: &random) < share }
      // Servers without a point on the ring do not matter.
      guard points.contains(where: { !excluded[Int($0.server)] }) else { continue }
      let rest = Continuum(points: points, excluding: excluded)
      var wrong = 0
      for hash in Self.hashes(around: points, seed: shape.seed) {
        let before = full.server(owning: hash)
        let after = rest.server(owning: hash)
        if excluded[Int(after)] || (!excluded[Int(before)] && after != before) { wrong += 1 }
      }
      #expect(wrong == 0)
    }
  }

  @Test func ringWithAllServersExcludedIsTheFullRing() {
    let points = Self.three
    let ring = Continuum(points: points, excluding: [true, true, true])
    for hash in Self.hashes(around: points, seed: 1) {
      #expect(ring.server(owning: hash) == Self.owner(of: hash, in: points))
    }
  }

  @Test func serversPastTheEndOfTheExclusionListAreIncluded() {
    let ring = Continuum(points: Self.three, excluding: [true])
    #expect(ring.server(owning: 10) == 1 && ring.server(owning: 900) == 2)
  }
}
