// The placements of pymemcache and python-memcached.

/// `host:port`, an IPv6 address without brackets; the path of a unix socket.
@Sendable func hostAndPort(of server: RingServer) -> String {
  server.isUnix ? server.host : "\(server.host):\(server.port)"
}

/// Those of pymemcache and python-memcached.
enum PythonPlacements {
  static let all: [PlacementScheme] = [
    pymemcache, pythonMemcached,
  ]

  /// pymemcache's HashClient: the server whose MurmurHash3 with the key is the highest.
  static let pymemcache = PlacementScheme(
    "pymemcache", users: "pymemcache's HashClient",
    whenServerFails: "its keys go to the server with their next highest score", hash: .murmur3,
    options: [.keys], hasWeights: false, labels: hostAndPort
  ) { .scores(Scores(.pymemcache, $0)) }

  /// python-memcached: CRC-32 modulo the list, in which each server stands as often as its weight says.
  static let pythonMemcached = PlacementScheme(
    "python-memcached", users: "python-memcached 1.60 and later, Django's MemcachedCache",
    whenServerFails: "its keys are hashed again, up to 10 times", hash: .crc32, hashes: [.crc32, .crc32a],
    entriesOfWeight: 1
  ) { .modulo($0.repeated($0.order)) }
}
