import Testing

@testable import Routing

/// Compares the server of every key in every case with the recorded answers of the peers.
struct PlacementTests {
  /// The two rings of libmemcached's formula.
  static let weighted: [PlacementScheme] = [.ketama, .twemproxyKetama]

  @Test(arguments: [
    (RingServer(host: "10.0.0.1", port: 11211), "10.0.0.1", "10.0.0.1"),
    (RingServer(host: "10.0.0.1", port: 11212), "10.0.0.1:11212", "10.0.0.1:11212"),
    (RingServer(host: "fd00::1", port: 11212), "fd00::1:11212", "fd00::1:11212"),
    (RingServer(host: "Cache-A", port: 1121), "Cache-A:1121", "Cache-A:1121"),
    (RingServer(host: "/run/a.sock", port: 0, isUnix: true), "/run/a.sock", "/run/a.sock:"),
    (RingServer(host: "10.0.0.1", port: 11212, name: "a:11211"), "a:11211", "a:11211"),
    (RingServer(host: "/run/a.sock", port: 0, isUnix: true, name: "a"), "a", "a"),
  ])
  func serverLabelsAreThoseOfThePeers(server: RingServer, ketama: String, twemproxy: String) {
    #expect(PlacementScheme.ketama.label(of: server) == ketama)
    #expect(PlacementScheme.twemproxyKetama.label(of: server) == twemproxy)
  }

  /// Pool sizes at which single precision gives less than 40, and some between at which double would but single does
  /// not.
  @Test(arguments: [
    (1, 160), (2, 160), (7, 160), (24, 160), (25, 156), (26, 160), (47, 156), (50, 156), (55, 156), (61, 156),
    (71, 156), (94, 156), (99, 160), (100, 156), (101, 160), (107, 156), (159, 156), (220, 156),
  ])
  func pointsPerServerAreComputedInSinglePrecision(servers: Int, points: Int) {
    let list = (0..<servers).map { RingServer(host: "10.1.0.\($0)", port: 11211, weight: 3) }
    for scheme in Self.weighted {
      var count = [Int](repeating: 0, count: servers)
      for point in scheme.points(for: list) { count[Int(point.server)] += 1 }
      #expect(count == [Int](repeating: points, count: servers))
    }
  }

  @Test func serverWithATinyWeightHasNoPoints() {
    let list = [RingServer(host: "a", port: 1, weight: 1_000_000), RingServer(host: "b", port: 1)]
    let points = PlacementScheme.ketama.points(for: list)
    #expect(points.count == 316 && points.allSatisfy { $0.server == 0 })
  }

  @Test func sumOfWeightsMayExceed32Bits() {
    let list = (0..<3).map { RingServer(host: "h\($0)", port: 1, weight: .max) }
    #expect(PlacementScheme.ketama.points(for: list).count == 480)
  }

  @Test func pointsAreSortedAndReferToTheServerListAsGiven() {
    let names = ["zz", "a", "mmm", "b", "zzzz", "aaaa"]
    let list = names.map { RingServer(host: "10.0.0.1", port: 11211, name: $0) }
    let shuffled = [3, 0, 5, 1, 4, 2]
    for scheme in Self.weighted {
      let points = scheme.points(for: list)
      #expect(zip(points, points.dropFirst()).allSatisfy { $0.value <= $1.value })
      let again = scheme.points(for: shuffled.map { list[$0] })
      #expect(again.map(\.value) == points.map(\.value))
      #expect(again.map { shuffled[Int($0.server)] } == points.map { Int($0.server) })
    }
  }

  /// All labels are equal, so all values are shared: libmemcached's owner is the first of the list, and so is
  /// twemproxy's among servers with the same name.
  @Test func pointsOfEqualValueBelongToTheFirstServer() {
    let list = [RingServer(host: "a", port: 11211), RingServer(host: "b", port: 11211, name: "a")]
    for scheme in Self.weighted {
      let ring = Continuum(points: scheme.points(for: list))
      #expect(ring.isSingle == true)
      #expect(ring.firstServer == 0)
    }
  }

  /// Of so large a number of points some share a value; each scheme's own order decides which server is first.
  @Test func pointsOfEqualValueAreInTheOrderOfTheScheme() {
    let list = (0..<1500).map { RingServer(host: "h\((1499 - $0) * 7)", port: 11211) }
    for scheme in Self.weighted {
      let points = scheme.points(for: list)
      let ties = zip(points, points.dropFirst()).filter { $0.value == $1.value }
      #expect(!ties.isEmpty)
      for (first, second) in ties {
        let (a, b) = (list[Int(first.server)].host, list[Int(second.server)].host)
        if scheme == .ketama {
          #expect(first.server < second.server)
        } else {
          #expect((a.utf8.count, a) < (b.utf8.count, b))
        }
      }
    }
  }

  @Test func placementSchemesHaveTheHashOfTheirClients() {
    #expect(PlacementScheme(name: "ketama") == .ketama)
    #expect(PlacementScheme(name: "twemproxy-ketama") == .twemproxyKetama)
    #expect(PlacementScheme(name: "modula") == nil)
    #expect(PlacementScheme.ketama.defaultHash == .md5)
    #expect(PlacementScheme.twemproxyKetama.defaultHash == .fnv1a64)
    #expect(PoolPlan(name: "p", scheme: .twemproxyKetama, servers: []).hash == .fnv1a64)
    #expect(RingServer(host: "a", port: 1, weight: 0).weight == 1)
  }
}

extension PlacementScheme {
  /// The points of a ring, sorted; none if the scheme has no ring.
  fileprivate func points(for servers: [RingServer]) -> [ContinuumPoint] {
    if case .ring(let points) = layout(for: servers) { points } else { [] }
  }
}
