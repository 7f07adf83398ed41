import Bytes

// The built-in proxy of memcached. Sources: memcached, proxy_lua.c, proxy_jump_hash.c, proxy_ring_hash.c.

private let keysFail = "its keys fail; what else happens is a matter of the Lua code"
@Sendable private func withoutSockets(_ server: RingServer) -> String? {
  server.isUnix ? "has no unix sockets" : nil
}

/// Those of memcached's built-in proxy.
enum McproxyPlacements {
  static let all: [PlacementScheme] = [
    mcproxyJump, mcproxyRing, mcproxyRingKetama, mcproxyRingTwemproxy, mcproxyRingEvcache,
  ]

  /// The default: jump hash over XXH3.
  static let mcproxyJump = PlacementScheme(
    "mcproxy-jump", users: "memcached's built-in proxy without dist", whenServerFails: keysFail,
    hash: .xxh3, hashes: [.xxh3, .md5], options: [.seed, .filterStop, .filterTags], hasWeights: false,
    objection: withoutSockets
  ) { .jump(servers: $0.servers.count) }

  /// The points of `mcp.dist_ring_hash` without omode: XXH3 of each label.
  static let mcproxyRing = ring(
    "mcproxy-ring", "mcp.dist_ring_hash", pointsInDigest: 1, hostAndPort
  ) { input, points in
    labelledPoints(input.labels, order: input.order, "-", count: { _ in points }) { text, add in
      add(KeyHash.xxh3.hash(text.span.raw, from: 0, count: text.count))
    }
  }
  static let mcproxyRingKetama = ring(
    "mcproxy-ring-ketama", #"omode = "ketama""#, hostAndPort, digests)
  static let mcproxyRingTwemproxy = ring(
    "mcproxy-ring-twemproxy", #"omode = "twemproxy""#, ketamaLabel, digests)
  static let mcproxyRingEvcache = ring(
    "mcproxy-ring-evcache", #"omode = "evcache""#, { "\($0.host)/\($0.host):\($0.port)" }, digests)

  @Sendable private static func digests(_ input: PlacementInput, _ points: Int) -> [ContinuumPoint] {
    digestPoints(input.labels, order: input.order) { _ in points / 4 }
  }

  private static func ring(
    _ name: String, _ what: String, pointsInDigest: Int = 4,
    _ label: @escaping @Sendable (RingServer) -> String,
    _ points: @escaping @Sendable (PlacementInput, Int) -> [ContinuumPoint]
  ) -> PlacementScheme {
    PlacementScheme(
      name, users: "memcached's built-in proxy with \(what)", whenServerFails: keysFail,
      hash: .xxh3, hashes: [.xxh3, .md5], options: [.seed, .points, .filterStop, .filterTags],
      hasWeights: false, pointsInDigest: pointsInDigest, labels: label, objection: withoutSockets
    ) { .ring(points($0, $0.options.points ?? 160)) }
  }
}
