/// The algorithm that turns the servers of a pool into points on a ring. The cluster's existing clients determine
/// which one to use; with another one almost none of the stored items are found.
@usableFromInline @frozen
package enum PlacementScheme: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// libmemcached's weighted ketama ring: PHP's `OPT_LIBKETAMA_COMPATIBLE`, pylibmc's `ketama_weighted`.
  case ketama
  /// Twemproxy's `distribution: ketama`.
  case twemproxyKetama

  /// The largest number of servers in one pool. `points(for:)` ignores servers past it.
  package static var serverLimit: Int { Int(UInt16.max) }

  /// Its name in a configuration file.
  package var name: String {
    switch self {
    case .ketama: "ketama"
    case .twemproxyKetama: "twemproxy-ketama"
    }
  }

  /// The scheme with this name in a configuration file; nil if there is none.
  package init?(name: String) {
    guard let scheme = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = scheme
  }

  /// The scheme's clients' default hash for keys. It does not affect the points.
  package var defaultHash: KeyHash {
    switch self {
    case .ketama: .md5
    case .twemproxyKetama: .fnv1a64
    }
  }

  /// The text whose digests are a server's points. Two servers with the same label would share all points.
  package func label(of server: RingServer) -> String {
    switch self {
    case .ketama: ketamaLabel(of: server)
    case .twemproxyKetama: twemproxyLabel(of: server)
    }
  }

  /// The ring, sorted by value; of equal values the first is the owner. A point's server is the position in `servers`
  /// as given, whatever order the scheme itself uses.
  ///
  /// Costs one MD5 for every four points; computed once for each reload.
  package func points(for servers: [RingServer]) -> [ContinuumPoint] {
    let servers = Array(servers.prefix(Self.serverLimit))
    switch self {
    case .ketama: return ketamaPoints(for: servers)
    case .twemproxyKetama: return twemproxyKetamaPoints(for: servers)
    }
  }
}
