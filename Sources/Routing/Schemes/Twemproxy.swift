// Twemproxy's distributions: libmemcached's formula with twemproxy's labels and order.
//
// Sources: twitter/twemproxy, src/nc_conf.c (names, order), src/hashkit/nc_ketama.c and nc_modula.c.

/// Twemproxy's label of a server without a name: the host, and the port unless it is 11211.
///
/// The label of a unix socket is its path and a colon: twemproxy cuts off the port but not the separator before it.
@Sendable private func twemproxyLabel(of server: RingServer) -> String {
  if server.isUnix { return server.host + ":" }
  return server.port == 11211 ? server.host : "\(server.host):\(server.port)"
}

private let keysFail =
  "its keys fail; with auto_eject_hosts the placement is built again without it"

/// Twemproxy's distributions.
enum TwemproxyPlacements {
  static let all: [PlacementScheme] = [
    twemproxyKetama, twemproxyModula,
  ]

  static let twemproxyKetama = PlacementScheme(
    "twemproxy-ketama", users: "twemproxy with distribution: ketama", whenServerFails: keysFail,
    hash: .fnv1a64, hashes: KeyHash.commonCases, labels: twemproxyLabel
  ) { .ring(weightedPoints(of: $0.servers, $0.labels, order: order($0.labels))) }

  static let twemproxyModula = PlacementScheme(
    "twemproxy-modula", users: "twemproxy with distribution: modula", whenServerFails: keysFail,
    hash: .fnv1a64, hashes: KeyHash.commonCases, entriesOfWeight: 1, labels: twemproxyLabel
  ) { .modulo($0.repeated(order($0.labels))) }

  /// Twemproxy sorts its servers by the length of their names, then by their bytes. Two servers with the same name,
  /// which twemproxy refuses, keep their order.
  private static func order(_ labels: [String]) -> [Int] {
    let names = labels.map { Array($0.utf8) }
    return names.indices.sorted { a, b in
      if names[a].count != names[b].count { return names[a].count < names[b].count }
      if names[a] != names[b] { return names[a].lexicographicallyPrecedes(names[b]) }
      return a < b
    }
  }
}
