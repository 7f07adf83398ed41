/// How the servers of a pool become points on a ring. Which one a cluster uses is settled by the clients
/// that filled it; another one finds almost none of what they stored.
@usableFromInline @frozen
package enum PlacementScheme: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// libmemcached's weighted ketama ring: PHP's `OPT_LIBKETAMA_COMPATIBLE`, pylibmc's `ketama_weighted`.
  case ketama
  /// Twemproxy's `distribution: ketama`.
  case twemproxyKetama

  /// Servers that one pool may have. `points(for:)` gives none to those past it.
  package static var serverLimit: Int { Int(UInt16.max) }

  /// What a configuration file calls it.
  package var name: String {
    switch self {
    case .ketama: "ketama"
    case .twemproxyKetama: "twemproxy-ketama"
    }
  }

  /// The scheme with this name in a configuration file; nil when there is none.
  package init?(name: String) {
    guard let scheme = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = scheme
  }

  /// How the scheme's clients hash keys unless they are told otherwise. It has no part in the points.
  package var defaultHash: KeyHash {
    switch self {
    case .ketama: .md5
    case .twemproxyKetama: .fnv1a64
    }
  }

  /// The words that a server's points are the digests of. Two servers with one label would share all points.
  package func label(of server: RingServer) -> String {
    switch self {
    case .ketama: ketamaLabel(of: server)
    case .twemproxyKetama: twemproxyLabel(of: server)
    }
  }

  /// The ring: sorted by value; among equal values the first is the owner. A point's server is the
  /// position in `servers` as given, whatever order the scheme itself puts them in.
  ///
  /// Costs an MD5 for every four points; made once for each reload.
  package func points(for servers: [RingServer]) -> [ContinuumPoint] {
    let servers = Array(servers.prefix(Self.serverLimit))
    switch self {
    case .ketama: return ketamaPoints(for: servers)
    case .twemproxyKetama: return twemproxyKetamaPoints(for: servers)
    }
  }
}
