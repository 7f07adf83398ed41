// libmemcached's placements, and those of PHP and pylibmc, which call it.
//
// Source: awesomized/libmemcached, src/libmemcached/hosts.cc, update_continuum(), and hash.cc.

/// libmemcached's label of a server: the host, and the port unless it is 11211.
///
///     10.0.0.1 port 11211 → 10.0.0.1       10.0.0.1 port 11212 → 10.0.0.1:11212      fd00::1 port 11212 → fd00::1:11212
///
/// The label of a unix socket is its path alone, as PHP's `addServer(path, 0)` makes it.
@Sendable func ketamaLabel(of server: RingServer) -> String {
  server.isUnix || server.port == 11211 ? server.host : "\(server.host):\(server.port)"
}

/// The same, with the label that `memcached_server_add_unix_socket` gives a socket.
@Sendable private func libmemcachedLabel(of server: RingServer) -> String {
  server.isUnix ? server.host + ":0" : ketamaLabel(of: server)
}

private let libhashkit: [KeyHash] = [
  .oneAtATime, .md5, .crc32, .fnv64, .fnv1a64, .fnv32, .fnv1a32, .hsieh, .murmur, .murmur3, .jenkins,
]
private let keysFail = "its keys fail; with AUTO_EJECT_HOSTS the ring is built again without it"

/// libmemcached's placements, and those of PHP and pylibmc.
enum LibmemcachedPlacements {
  static let all: [PlacementScheme] = [
    ketama, libmemcachedDefault, phpDefault, pylibmcDefault, libmemcachedKetama, phpConsistent, pylibmcKetama,
    libmemcachedKetamaWeighted, phpKetama, pylibmcKetamaWeighted, libmemcachedKetamaSpy,
  ]

  /// libmemcached's weighted ketama ring, as PHP makes it.
  static let ketama = PlacementScheme(
    "ketama", users: "PHP with OPT_LIBKETAMA_COMPATIBLE, libmemcached with KETAMA_WEIGHTED",
    whenServerFails: keysFail, hash: .md5, hashes: KeyHash.commonCases, options: [.order],
    labels: ketamaLabel, build: weighted)

  /// libmemcached without any options: the servers count by their position.
  static let libmemcachedDefault = PlacementScheme(
    "libmemcached-default", users: "libmemcached without options", whenServerFails: "its keys fail",
    hash: .oneAtATime, hashes: libhashkit, options: [.order], hasWeights: false
  ) { .modulo($0.order.map { UInt16(truncatingIfNeeded: $0) }) }
  static let phpDefault = libmemcachedDefault.named("php-default", users: "PHP's Memcached without options")
  static let pylibmcDefault = libmemcachedDefault.named("pylibmc-default", users: "pylibmc without behaviors")

  /// libmemcached with KETAMA: a ring of the key hash, or of MD5 once a server has a weight.
  static let libmemcachedKetama = PlacementScheme(
    "libmemcached-ketama", users: "libmemcached with KETAMA or DISTRIBUTION=consistent",
    whenServerFails: keysFail, hash: .oneAtATime, hashes: libhashkit, options: [.order],
    labels: libmemcachedLabel, build: mixed)
  static let phpConsistent = PlacementScheme(
    "php-consistent", users: "PHP with OPT_DISTRIBUTION = DISTRIBUTION_CONSISTENT",
    whenServerFails: keysFail, hash: .oneAtATime, hashes: libhashkit, options: [.order],
    labels: ketamaLabel, build: mixed)
  static let pylibmcKetama = libmemcachedKetama.named(
    "pylibmc-ketama", users: #"pylibmc with {"ketama": True}"#)

  /// libmemcached with KETAMA_WEIGHTED.
  static let libmemcachedKetamaWeighted = PlacementScheme(
    "libmemcached-ketama-weighted", users: "libmemcached with KETAMA_WEIGHTED",
    whenServerFails: keysFail, hash: .md5, hashes: libhashkit, options: [.order],
    labels: libmemcachedLabel, build: weighted)
  static let phpKetama = ketama.named("php-ketama", users: "PHP with OPT_LIBKETAMA_COMPATIBLE")
  static let pylibmcKetamaWeighted = libmemcachedKetamaWeighted.named(
    "pylibmc-ketama-weighted", users: #"pylibmc with {"ketama_weighted": True}"#)

  /// libmemcached with spymemcached's labels.
  static let libmemcachedKetamaSpy = PlacementScheme(
    "libmemcached-ketama-spy", users: "libmemcached with DISTRIBUTION=consistent_ketama_spy",
    whenServerFails: keysFail, hash: .oneAtATime, hashes: libhashkit, options: [.order],
    labels: { "/\($0.host):\($0.port)" }, build: mixed)

  @Sendable private static func weighted(_ input: PlacementInput) -> Layout {
    .ring(weightedPoints(of: input.servers, input.labels, order: input.order))
  }

  /// A hundred points a server, each of one hash; the weighted ring if any weight is above 1.
  @Sendable private static func mixed(_ input: PlacementInput) -> Layout {
    if input.servers.contains(where: { $0.weight > 1 }) { return weighted(input) }
    return .ring(
      labelledPoints(input.labels, order: input.order, "-", count: { _ in 100 }) { text, add in
        add(input.hash.hash(text.span.raw, from: 0, count: text.count))
      })
  }
}
