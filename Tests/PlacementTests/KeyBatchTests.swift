import Bytes
import TestSupport
import Testing

@testable import Routing

extension RoutingTable {
  /// The current places of keys, looked up in batches of `size`.
  mutating func places(of keys: [[UInt8]], inBatchesOf size: Int = KeyBatch.most) -> [Place?] {
    var places: [Place?] = []
    for start in stride(from: 0, to: keys.count, by: size) {
      var batch = KeyBatch()
      var line: [UInt8] = []
      for key in keys[start..<min(start + size, keys.count)] {
        batch.add(from: line.count, length: key.count)
        line += key + [32]
      }
      // SAFETY: a byte has no padding.
      locate(
        &batch, in: unsafe line.span.bytes, PoolChoice(fallback: defaultPool, usesPrefixes: hasPrefixes))
      for i in 0..<batch.count {
        let entry = batch.entries[i]
        places.append(entry.pool < 0 ? nil : Place(pool: Int(entry.pool), server: Int(entry.server)))
      }
    }
    return places
  }
}

/// Keys located in a batch are on the same servers as keys located one by one.
struct KeyBatchTests {
  static func pool(
    _ name: String, hash: KeyHash? = nil, tag: HashTag? = nil, servers: Int = 5
  ) -> PoolPlan {
    PoolPlan(
      name: name, scheme: .ketama, hash: hash, tag: tag,
      servers: (0..<servers).map { RingServer(host: "\(name)-\($0)", port: 11211) })
  }

  static let prefixes = ["tagged:", "fnv:", "alone:", ""]

  static func plan(hasDefault: Bool = true) -> RoutingPlan {
    let routes = (1...3).map { RoutingPlan.Route(prefix: Array(prefixes[$0 - 1].utf8), pool: $0) }
    return RoutingPlan(
      pools: [
        pool("main"), pool("tagged", tag: HashTag("{}")), pool("fnv", hash: .fnv1a64),
        pool("alone", servers: 1),
      ],
      routes: routes, defaultPool: hasDefault ? 0 : nil)
  }

  static func key(_ random: inout Seeded, longest: Int) -> [UInt8] {
    let prefix = prefixes[random.below(prefixes.count)]
    var key = Array(prefix.utf8) + random.bytes(random.below(longest + 1))
    if random.below(2) == 0 { key += Array("{".utf8) + random.bytes(random.below(80)) + Array("}".utf8) }
    return key
  }

  /// A key of more than 55 bytes needs more than one MD5 block.
  @Test func batchPlacesKeysOfEveryLengthAsSingleLookupsDo() {
    var table = RoutingTable(RoutingPlan(pools: [Self.pool("main")], defaultPool: 0))
    var random = Seeded(3)
    let keys = (0...300).flatMap { count in (0..<8).map { _ in random.bytes(count) } }
    #expect(table.places(of: keys) == keys.map { table.where($0) })
    let mixed = keys.shuffled(using: &random)
    #expect(table.places(of: mixed) == mixed.map { table.where($0) })
  }

  @Test(arguments: 1...KeyBatch.most, [true, false])
  func batchOfAnySizePlacesKeysOfSeveralPools(size: Int, hasDefault: Bool) {
    var table = RoutingTable(Self.plan(hasDefault: hasDefault))
    var random = Seeded(UInt64(size))
    for longest in [12, 60, 250] {
      let keys = (0..<max(40, size * 6)).map { _ in Self.key(&random, longest: longest) }
      let places = table.places(of: keys, inBatchesOf: size)
      #expect(places == keys.map { table.where($0) })
      #expect(Set(places.map { $0?.pool }).count == 4)
    }
  }

  @Test func batchPlacesKeysOfExcludedServersOnStandIns() {
    var table = RoutingTable(Self.plan())
    table.pools[Ref(0)].exclude([false, true, false, true, false])
    table.pools[Ref(1)].exclude([true, true, true, true, false])
    var random = Seeded(5)
    let keys = (0..<400).map { _ in Self.key(&random, longest: 40) }
    let places = table.places(of: keys)
    #expect(places == keys.map { table.where($0) })
    #expect(places.allSatisfy { $0?.pool != 1 || $0?.server == 4 })
  }

  @Test func fullBatchIgnoresKeysAndAnEmptiedOneAcceptsThem() {
    var batch = KeyBatch()
    for i in 0..<KeyBatch.most + 3 { batch.add(from: i * 10, length: i) }
    #expect(batch.count == KeyBatch.most)
    #expect(batch.entries[15].from == 150 && batch.entries[15].length == 15)
    batch.removeAll()
    batch.add(from: 7, length: 1)
    #expect(batch.count == 1 && batch.entries[0].from == 7)
  }

  @Test(arguments: [
    (KeyHash.md5, 2, true), (.md5, 1, false), (.fnv1a64, 5, false), (.murmur, 5, false),
  ])
  func batchesArePreferredOnlyForMD5Pools(hash: KeyHash, servers: Int, pays: Bool) {
    let table = RoutingTable(
      RoutingPlan(pools: [Self.pool("a", hash: hash, servers: servers)], defaultPool: 0))
    #expect(table.prefersBatches == pays)
  }
}
