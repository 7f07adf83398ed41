import Routing
import Settings
import TestSupport
import Testing

@testable import Console

/// Samples of clusters whose placement is known.
enum AdoptionSamples {
  static func servers(_ count: Int = 5) -> [ServerSettings] {
    (1...max(1, count)).prefix(count).map {
      ServerSettings(address: "10.0.0.\($0):11211", endpoint: .tcp(host: "10.0.0.\($0)", port: 11211))
    }
  }

  static func pool(_ scheme: String, _ servers: [ServerSettings] = servers()) -> PoolSettings {
    var pool = PoolSettings(name: "main", servers: servers)
    pool.placement = PlacementScheme(name: scheme) ?? .ketama
    return pool
  }

  /// Keys of each server as the pools place them: each key is of one of the pools, in the given shares. `noise`: of 100
  /// keys, those that are on any server.
  static func sample(
    _ pools: [(pool: PoolSettings, share: Int)], keys: Int = 600, noise: Int = 0, seed: UInt64 = 1,
    form: (Int) -> String = { "user:\($0)" }
  ) -> AdoptionSample {
    var random = Seeded(seed)
    let plans = pools.map { RoutingPlan(pools: [$0.pool.plan()], defaultPool: 0) }
    let servers = pools[0].pool.servers
    let all = pools.reduce(0) { $0 + $1.share }
    var lists = [[[UInt8]]](repeating: [], count: servers.count)
    var of = [[Int]](repeating: [], count: pools.count)
    for i in 0..<keys {
      var draw = random.below(all)
      var number = 0
      while draw >= pools[number].share {
        draw -= pools[number].share
        number += 1
      }
      of[number].append(i)
    }
    for (number, plan) in plans.enumerated() {
      let table = RoutingTable(plan)
      for i in of[number] {
        let key = Array(form(i).utf8)
        let address = pools[number].pool.servers[table.where(key)?.server ?? 0].address
        let server = servers.firstIndex { $0.address == address } ?? 0
        lists[random.below(100) < noise ? random.below(servers.count) : server].append(key)
      }
    }
    return AdoptionSample(servers: servers, keys: lists)
  }

  /// Without the optimiser the table of `rendezvous` takes a second, so it is left out where it is not looked for.
  static func result(_ sample: AdoptionSample, withRendezvous: Bool = false) -> AdoptionResult {
    let schemes = PlacementScheme.allCases.filter { withRendezvous || $0 != .rendezvous }
    return AdoptionSearch(sample, among: schemes).result()
  }
}

/// The search for the placement of a sample.
@Suite struct AdoptionTests {
  typealias Samples = AdoptionSamples

  /// The names of the placements of a fit.
  private static func names(_ fit: AdoptionFit?) -> [String] {
    fit.map { [$0.candidate] + $0.equals }?.map(\.pool.placementSummary) ?? []
  }

  private static func reordered(_ scheme: String, _ order: [Int], of servers: [ServerSettings])
    -> PoolSettings
  {
    Samples.pool(scheme, order.map { servers[$0] })
  }

  @Test(arguments: PlacementScheme.allCases.map(\.name))
  func everyPlacementIsFoundAloneOrWithItsEquals(_ scheme: String) throws {
    let result = Samples.result(
      Samples.sample([(Samples.pool(scheme), 1)], keys: 300), withRendezvous: scheme == "rendezvous")
    #expect(result.verdict == .exact && result.mixture == nil)
    #expect(Self.names(result.best).contains(scheme))
    let next = try #require(result.runnerUp?.share)
    #expect(next < 1)
  }

  @Test func anotherHashOrTagIsFound() {
    var hashed = Samples.pool("twemproxy-ketama")
    (hashed.hash, hashed.hashTag) = (.murmur, HashTag("{}"))
    let sample = Samples.sample([(hashed, 1)], keys: 300) { "{\($0 / 3)}:user:\($0)" }
    let result = Samples.result(sample)
    #expect(result.verdict == .exact)
    #expect(Self.names(result.best).contains(#"twemproxy-ketama, hash murmur, hash_tag "{}""#))
  }

  @Test func keysAsBytesAreFound() {
    var pool = Samples.pool("pymemcache")
    pool.placementOptions.keys = .bytes
    let result = Samples.result(Samples.sample([(pool, 1)], keys: 300))
    #expect(Self.names(result.best) == ["{scheme: pymemcache, keys: bytes}"])
  }

  @Test func wholeKeysOfMcrouterAreFound() {
    var pool = Samples.pool("mcrouter-ch3")
    pool.placementOptions.keys = .whole
    let result = Samples.result(Samples.sample([(pool, 1)], keys: 300) { "user:\($0 / 4)|#|\($0)" })
    #expect(Self.names(result.best).contains("{scheme: mcrouter-ch3, keys: whole}"))
  }

  @Test(arguments: [3, 5, 8])
  func orderOfServersFollowsFromTheSample(_ count: Int) {
    let servers = Samples.servers(count)
    let order = servers.indices.filter { $0 % 2 == 1 } + servers.indices.filter { $0 % 2 == 0 }.reversed()
    let plan = RoutingPlan(
      pools: [Self.reordered("python-memcached", order, of: servers).plan()], defaultPool: 0)
    let table = RoutingTable(plan)
    var lists = [[[UInt8]]](repeating: [], count: count)
    for i in 0..<500 {
      let key = Array("user:\(i)".utf8)
      lists[order[table.where(key)?.server ?? 0]].append(key)
    }
    let result = Samples.result(AdoptionSample(servers: servers, keys: lists))
    #expect(result.verdict == .exact && result.best?.candidate.order == order)
    #expect(Self.names(result.best).contains("python-memcached"))
  }

  @Test func namesAndWeightsAreTriedBothWays() throws {
    var servers = Samples.servers()
    for i in servers.indices { (servers[i].name, servers[i].weight) = ("cache-\(i)", UInt32(1 + i % 3)) }
    var plain = Samples.pool("ketama", servers)
    (plain.placementOptions.ignoresNames, plain.placementOptions.ignoresWeights) = (true, true)
    #expect(
      Self.names(Samples.result(Samples.sample([(plain, 1)])).best).contains(
        "{scheme: ketama, weights: ignored, names: ignored}"))
    let named = Samples.result(Samples.sample([(Samples.pool("ketama", servers), 1)]))
    #expect(named.best?.candidate.pool.placementSummary == "ketama" && named.verdict == .exact)
    let order = [4, 2, 0, 1, 3]
    let listed = Samples.sample([(Self.reordered("nginx-hash", order, of: servers), 1)])
    #expect(Samples.result(listed).verdict == .exact)
  }

  @Test func hostsInNumbersAreTriedForNames() {
    var servers = Samples.servers()
    let numeric = Samples.sample([(Samples.pool("dalli", servers), 1)])
    let ips = servers.indices.map { "10.0.0.\($0 + 1)" as String? }
    for i in servers.indices {
      servers[i] = ServerSettings(address: "cache-\(i)", endpoint: .tcp(host: "cache-\(i)", port: 11211))
    }
    var lists = [[[UInt8]]](repeating: [], count: servers.count)
    for (key, owner) in zip(numeric.keys, numeric.owners) { lists[owner].append(key) }
    let result = Samples.result(AdoptionSample(servers: servers, ips: ips, keys: lists))
    #expect(result.verdict == .exact)
    #expect(result.best?.candidate.pool.servers[1].address == "10.0.0.2:11211")
  }

  @Test(arguments: [
    ("dalli", "ketama"), ("gomemcache", "mcrouter-ch3"), ("rendezvous", "pymemcache"),
    ("ketama", "nginx-hash"),
  ])
  func aMixtureOfTwoIsNamedWithItsShares(_ first: String, _ second: String) {
    let sample = Samples.sample([(Samples.pool(first), 60), (Samples.pool(second), 40)], keys: 1000)
    let result = Samples.result(sample, withRendezvous: first == "rendezvous")
    #expect(result.verdict == .partial && Self.names(result.best).contains(first))
    #expect(result.mixture.map { Self.names($0.second).contains(second) } == true)
    let shares: [Double] = result.mixture.map { [$0.firstShare, $0.secondShare] } ?? [0, 0]
    #expect(abs(shares[0] - 0.6) < 0.05 && abs(shares[1] - 0.4) < 0.05)
  }

  @Test func aSmallPartOfAMixtureIsNotLost() {
    let sample = Samples.sample([(Samples.pool("dalli"), 85), (Samples.pool("ketama"), 15)], keys: 1000)
    let mixture = Samples.result(sample).mixture
    let (second, share) = (Self.names(mixture?.second), mixture?.secondShare ?? 0)
    #expect(second.contains("ketama") && abs(share - 0.15) < 0.04)
  }

  @Test(arguments: ["dalli", "python-memcached"], [2, 5])
  func noiseIsNoMixture(_ scheme: String, _ count: Int) {
    let pool = Samples.pool(scheme, Samples.servers(count))
    let result = Samples.result(Samples.sample([(pool, 1)], keys: 1000, noise: 10))
    #expect(result.verdict == .partial && result.mixture == nil)
    #expect(Self.names(result.best).contains(scheme))
    let share = result.best?.share ?? 0
    #expect(share > 0.85)
  }

  @Test func keysWithoutAPlacementAreExplainedByNothing() {
    for count in [2, 5, 10] {
      let pool = Samples.pool("ketama", Samples.servers(count))
      let result = Samples.result(Samples.sample([(pool, 1)], keys: 1000, noise: 100))
      #expect(result.verdict == .nothing && result.mixture == nil, "\(count) servers")
    }
  }

  @Test func twentyKeysListAllThatFit() throws {
    let result = Samples.result(Samples.sample([(Samples.pool("dalli"), 1)], keys: 20))
    #expect(result.isSmall && result.verdict == .exact && Self.names(result.best).contains("dalli"))
    let two = Samples.result(Samples.sample([(Samples.pool("dalli", Samples.servers(2)), 1)], keys: 3))
    #expect(Self.names(two.best).contains("dalli") && Self.names(two.best).count > 3)
  }

  @Test func oneServerAndNoKeysAreNoFault() {
    let one = Samples.result(Samples.sample([(Samples.pool("dalli", Samples.servers(1)), 1)]))
    #expect(one.verdict == .exact && one.mixture == nil)
    let empty = Samples.result(AdoptionSample(servers: Samples.servers(), keys: [[], [], [], [], []]))
    #expect(empty.verdict == .nothing && empty.fits.isEmpty)
    let none = Samples.result(AdoptionSample(servers: [], keys: []))
    #expect(none.verdict == .nothing)
  }

  @Test func positionsWithoutKeysKeepTheGivenOrder() {
    #expect(AdoptionSearch.assignment([0, 0, 1], [2, 2, 0], count: 4) == [2, 0, 1, 3])
    #expect(AdoptionSearch.assignment([], [], count: 3) == [0, 1, 2])
    #expect(AdoptionSearch.assignment([0, 1, 9], [0, 0, 9], count: 2) == [0, 1])
  }
}
