import Routing
import Testing

struct PoolTests {
  static let plan = plan(.md5)

  static func plan(_ hash: KeyHash, _ tag: HashTag? = nil) -> PoolPlan {
    PoolPlan(
      name: "main", scheme: .ketama, hash: hash, tag: tag,
      servers: (0..<8).map { RingServer(host: "10.0.0.\($0)", port: 11211, weight: $0 == 3 ? 4 : 1) })
  }

  static func keys(_ count: Int) -> [[UInt8]] { (0..<count).map { Array("user:\($0):profile".utf8) } }

  static func server(_ pool: borrowing Pool, _ key: [UInt8]) -> Int {
    // SAFETY: a byte has no padding.
    let bytes = unsafe key.span.bytes
    return pool.server(owning: bytes, from: 0, count: bytes.byteCount)
  }

  static func owner(_ pool: borrowing Pool, _ key: [UInt8]) -> Int {
    // SAFETY: a byte has no padding.
    let bytes = unsafe key.span.bytes
    return pool.owner(of: bytes, from: 0, count: bytes.byteCount)
  }

  @Test func onlyKeysOfAnExcludedServerMoveAndReturn() {
    var pool = Pool(Self.plan)
    let keys = Self.keys(3000)
    let before = keys.map { Self.server(pool, $0) }
    #expect(pool.isWhole == true)
    #expect(Set(before).count == 8)
    #expect(keys.map { Self.owner(pool, $0) } == before)

    var excluded = [Bool](repeating: false, count: 8)
    excluded[3] = true
    excluded[5] = true
    pool.exclude(excluded)
    #expect(pool.isWhole == false)
    for (key, was) in zip(keys, before) {
      let now = Self.server(pool, key)
      #expect(was == 3 || was == 5 ? now != 3 && now != 5 : now == was)
      #expect(Self.owner(pool, key) == was)
    }

    excluded[3] = false
    excluded[5] = false
    pool.exclude(excluded)
    #expect(pool.isWhole == true)
    #expect(keys.map { Self.server(pool, $0) } == before)
  }

  @Test func poolWithAllServersExcludedPlacesKeysAsIfNoneWere() {
    var pool = Pool(Self.plan)
    let keys = Self.keys(500)
    let before = keys.map { Self.server(pool, $0) }
    pool.exclude([Bool](repeating: true, count: 8))
    #expect(keys.map { Self.server(pool, $0) } == before)
  }

  @Test func lastServerInThePoolHasEveryKey() {
    var pool = Pool(Self.plan(.fnv1a64))
    pool.exclude((0..<8).map { $0 != 6 })
    for key in Self.keys(200) { #expect(Self.server(pool, key) == 6) }
  }

  @Test func keysWithTheSameHashTagShareAServer() {
    let pool = Pool(Self.plan(.fnv1a64, HashTag("{}")))
    let servers = Set((0..<200).map { Self.server(pool, Array("{cart7}:\($0)".utf8)) })
    #expect(servers.count == 1)
    #expect(servers.first == Self.server(pool, Array("cart7".utf8)))
  }

  @Test func keyIsPlacedIndependentlyOfItsOffsetInTheRequest() {
    let pool = Pool(Self.plan)
    for key in Self.keys(100) {
      let line = Array("get ".utf8) + key + Array("\r\n".utf8)
      // SAFETY: a byte has no padding.
      let bytes = unsafe line.span.bytes
      #expect(pool.server(owning: bytes, from: 4, count: key.count) == Self.server(pool, key))
    }
  }
}
