import Bytes
import TestSupport
import Testing

@testable import Routing

extension RoutingTable {
  /// The owner of a key in the first pool, whether it is in or out.
  func owner(of key: [UInt8]) -> Int { pools[Ref(0)].owner(of: key.span.raw, from: 0, count: key.count) }
}

/// What every placement promises when servers fail, return, are added or listed in another order.
@Suite struct SchemePropertyTests {
  static let keys = (0..<2000).map { Array("user:\($0):profile".utf8) }

  static func servers(_ count: Int, weights: [UInt32] = [1, 2, 3]) -> [RingServer] {
    (0..<count).map { RingServer(host: "10.0.0.\($0 + 1)", port: 11211, weight: weights[$0 % weights.count]) }
  }

  static func table(_ scheme: PlacementScheme, _ servers: [RingServer]) -> RoutingTable {
    RoutingTable(RoutingPlan(pools: [PoolPlan(name: "p", scheme: scheme, servers: servers)], defaultPool: 0))
  }

  static func places(_ table: borrowing RoutingTable, _ keys: [[UInt8]] = keys) -> [Int] {
    keys.map { table.where($0)?.server ?? -1 }
  }

  @Test(arguments: PlacementScheme.allCases)
  func onlyKeysOfServersThatAreOutMoveAndTheyReturn(scheme: PlacementScheme) {
    var random = Seeded(7)
    for count in [2, 3, 9] {
      var table = Self.table(scheme, Self.servers(count))
      let owners = Self.places(table)
      var (before, out) = (owners, [Bool](repeating: false, count: count))
      // One more fails each time: the keys of those that are in stay, wherever they are.
      for _ in 0..<count - 1 {
        let failing = (0..<count).filter { !out[$0] }.randomElement(using: &random) ?? 0
        out[failing] = true
        table.pools[Ref(0)].exclude(out)
        #expect(table.pools[Ref(0)].isWhole == false)
        let now = Self.places(table)
        for (was, place) in zip(before, now) {
          #expect(was == failing ? !out[place] : place == was)
        }
        #expect(Self.keys.map { table.owner(of: $0) } == owners)
        before = now
      }
      // If all are out nothing helps, and keys stay where they belong.
      table.pools[Ref(0)].exclude([Bool](repeating: true, count: count))
      #expect(Self.places(table) == owners)
      table.pools[Ref(0)].exclude([Bool](repeating: false, count: count))
      #expect(Self.places(table) == owners)
      #expect(table.pools[Ref(0)].isWhole == true)
    }
  }

  /// The keys of a server that fails go to all others, not to one alone.
  @Test(arguments: PlacementScheme.allCases)
  func keysOfAFailedServerGoToSeveral(scheme: PlacementScheme) {
    var table = Self.table(scheme, Self.servers(6, weights: [1]))
    let owners = Self.places(table)
    table.pools[Ref(0)].exclude([false, false, true, false, false, false])
    let moved = zip(owners, Self.places(table)).filter { $0 != $1 }
    #expect(!moved.isEmpty && Set(moved.map(\.1)).count >= 3)
  }

  @Test(arguments: PlacementScheme.allCases)
  func oneServerHasEveryKeyAndNoServersAreNoTrap(scheme: PlacementScheme) {
    #expect(Set(Self.places(Self.table(scheme, Self.servers(1)))) == [0])
    #expect(Set(Self.places(Self.table(scheme, []))) == [0])
  }

  @Test(arguments: PlacementScheme.allCases)
  func everyServerOfModerateWeightOwnsKeys(scheme: PlacementScheme) {
    let layout = scheme.layout(for: Self.servers(12))
    #expect(layout.owners == Set(0..<12))
    #expect(Set(Self.places(Self.table(scheme, Self.servers(12)))) == Set(0..<12))
  }

  /// Schemes that know their servers by a label do not care in which order they are listed.
  @Test(
    arguments: PlacementScheme.allCases.filter {
      $0.hashesLabels && $0 != McrouterPlacements.mcrouterWeightedRendezvous
    })
  func orderOfServersWithLabelsHasNoEffect(scheme: PlacementScheme) {
    let servers = Self.servers(9)
    let order = [4, 0, 8, 2, 6, 1, 7, 3, 5]
    let shuffled = Self.places(Self.table(scheme, order.map { servers[$0] }))
    #expect(Self.places(Self.table(scheme, servers)) == shuffled.map { order[$0] })
  }

  /// The schemes with a fixed number of points for each server, with scores, and those that promise it of the last one.
  @Test(
    arguments: [
      .rendezvous, PythonPlacements.pymemcache, McrouterPlacements.mcrouterRendezvous,
      McrouterPlacements.mcrouterWeightedRendezvous, McproxyPlacements.mcproxyRing,
      McproxyPlacements.mcproxyRingKetama,
      McproxyPlacements.mcproxyRingTwemproxy, McproxyPlacements.mcproxyRingEvcache,
      NginxPlacements.nginxConsistent, NginxPlacements.cacheMemcachedFastKetama,
      SpymemcachedPlacements.spymemcachedKetama,
      SpymemcachedPlacements.spymemcachedLibmemcached, McproxyPlacements.mcproxyJump,
      McrouterPlacements.mcrouterCh3,
    ] as [PlacementScheme])
  func keysMoveOnlyToAnAddedServer(scheme: PlacementScheme) {
    let before = Self.places(Self.table(scheme, Self.servers(7)))
    let after = Self.places(Self.table(scheme, Self.servers(8)))
    let moved = zip(before, after).filter { $0 != $1 }
    #expect(moved.allSatisfy { $0.1 == 7 } && moved.count > 100)
  }

  @Test func namesReplaceAddressesInLabelsUnlessIgnored() {
    var options = PlacementOptions()
    let server = RingServer(host: "10.0.0.1", port: 11212, name: "a")
    #expect(DalliPlacements.dalli.label(of: server, options) == "a")
    options.ignoresNames = true
    #expect(DalliPlacements.dalli.label(of: server, options) == "10.0.0.1:11212")
    #expect(McproxyPlacements.mcproxyRingTwemproxy.label(of: server, options) == "10.0.0.1:11212")
  }

  @Test(arguments: [
    (RingServer(host: "10.0.0.1", port: 11211), "10.0.0.1:11211"),
    (RingServer(host: "fd00::11", port: 11211), "[fd00:0:0:0:0:0:0:11]:11211"),
    (RingServer(host: "::", port: 1), "[0:0:0:0:0:0:0:0]:1"),
    (RingServer(host: "cache", port: 11211, resolved: "10.2.0.1"), "cache/10.2.0.1:11211"),
  ])
  func spymemcachedsLabelsHaveTheResolvedAddress(server: RingServer, label: String) {
    #expect(SpymemcachedPlacements.spymemcachedKetama.label(of: server) == label)
  }

  @Test func schemesHaveUniqueNamesAndSayWhoUsesThem() {
    #expect(Set(PlacementScheme.allCases.map(\.name)).count == PlacementScheme.allCases.count)
    for scheme in PlacementScheme.allCases {
      #expect(PlacementScheme(name: scheme.name) == scheme)
      #expect(scheme.hashes.contains(scheme.defaultHash), "\(scheme.name)")
      #expect(!scheme.users.isEmpty && !scheme.whenServerFails.isEmpty)
    }
  }

  // MARK: - Which part of a key is hashed

  static func text(_ key: String, _ rule: KeyRule) -> String {
    var text = KeyText()
    let bytes = Array(key.utf8)
    rule.append(bytes.span.raw, from: 0, count: bytes.count, to: &text)
    var found: [UInt8] = []
    let raw = text.raw
    for i in 0..<raw.byteCount { found.append(raw.byte(at: i)) }
    return String(decoding: found, as: UTF8.self)
  }

  @Test(arguments: [
    ("/region/cluster/user:1", "user:1"), ("/a/b", "/a/b"), ("/a/b/", ""), ("k|#|rest", "k"), ("|#|", ""),
    ("k|#", "k|#"),
    ("/a/b/k|#|/x/", "k"), ("", ""),
  ])
  func mcroutersRoutingKey(key: String, part: String) {
    #expect(Self.text(key, KeyRule(McrouterPlacements.mcrouterCh3, nil, PlacementOptions())) == part)
  }

  @Test func prefixesSaltsAndFiltersChangeWhatIsHashed() {
    var options = PlacementOptions()
    options.skippedPrefix = "app:"
    #expect(Self.text("app:user", KeyRule(.ketama, nil, options)) == "user")
    #expect(Self.text("ap", KeyRule(.ketama, nil, options)) == "ap")
    options.addedPrefix = "new:"
    #expect(Self.text("app:user", KeyRule(.ketama, HashTag("{}"), options)) == "new:user")
    #expect(Self.text("app:{u}ser", KeyRule(.ketama, HashTag("{}"), options)) == "new:u")
    options = PlacementOptions()
    options.salt = "-s"
    options.keys = .whole
    #expect(Self.text("k|#|", KeyRule(McrouterPlacements.mcrouterCh3, nil, options)) == "k|#|-s")
    options = PlacementOptions()
    options.tags = HashTag("{}")
    #expect(Self.text("a{}b", KeyRule(McproxyPlacements.mcproxyJump, nil, options)) == "")
    #expect(Self.text("a{b", KeyRule(McproxyPlacements.mcproxyJump, nil, options)) == "a{b")
  }

  @Test(arguments: [
    ("key", "b'key'"), ("it's", "b\"it's\""), ("a'\"", "b'a\\'\"'"), ("\\", "b'\\\\'"),
    ("\t\u{1}", "b'\\t\\x01'"),
    ("é", "b'\\xc3\\xa9'"),
  ])
  func bytesKeysAreHashedAsPythonWritesThem(key: String, text: String) {
    var options = PlacementOptions()
    options.keys = .bytes
    #expect(Self.text(key, KeyRule(PythonPlacements.pymemcache, nil, options)) == text)
  }

  /// A long key, with the longest prefix and in Python's longest form, is hashed whole.
  @Test func longestTextFits() {
    var options = PlacementOptions()
    options.keys = .bytes
    options.addedPrefix = String(repeating: "p", count: 250)
    let text = Self.text(
      String(repeating: "\u{1}", count: 250), KeyRule(PythonPlacements.pymemcache, nil, options))
    #expect(text.utf8.count == 250 + 3 + 1000 && text.hasSuffix("'"))
  }
}
