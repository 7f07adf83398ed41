import Settings
import Topology

// Servers that a reload adds. One that holds items may hold outdated ones: it was in a pool before, and its keys have
// changed on other servers since. So it is probed first, and flushed if its pool says so, before it is used:
//
//     added ─▶ probe: version, stats ─┬▶ empty, or to be trusted: used
//                                     └▶ to be flushed: rest ─▶ flush_all ─▶ used
//
// It is out until then, as an ejected server is, and the floor does not count it. If it is empty it takes its keys over at
// once, as by any change of the ring. If it keeps items, all workers confirm first that they no longer use the others for
// its keys, as when a server returns: a flush that one of them has promised a client meanwhile is done first.

/// What is done with the items of a server that joins, and why.
struct Join: Sendable {
  let flushes: Bool
  let reason: String
  /// Whether the log says what is done with its items.
  var isSaid = false
  /// Whether the log says that it stays out, because it refuses `flush_all`.
  var isSaidUnsafe = false

  /// By the pool's rule. `wasMember`: the server was in a pool before.
  init(_ rule: JoinRule, wasMember: Bool) {
    switch rule {
    case .flush: (flushes, reason) = (true, "on_join is flush")
    case .trust: (flushes, reason) = (false, "on_join is trust")
    case .auto where wasMember: (flushes, reason) = (true, "it was in a pool before")
    case .auto: (flushes, reason) = (false, "it was in no pool before")
    }
  }
}

/// The servers that were in a pool since the process started, as far as they are known. O(1) memory.
struct FormerMembers: Sendable {
  /// With more than this, every server counts as one that was there.
  static let most = 10_000
  private var servers: Set<Endpoint> = []
  private var areUnknown = false

  mutating func insert(_ pools: [PoolSettings]) {
    for pool in pools { servers.formUnion(pool.servers.lazy.map(\.endpoint.withoutAlias)) }
    guard servers.count > Self.most else { return }
    (servers, areUnknown) = ([], true)
  }

  func contains(_ server: ServerSettings) -> Bool {
    areUnknown || servers.contains(server.endpoint.withoutAlias)
  }
}

extension FailoverCoordinator {
  /// Whether a client was promised a flush of the server that is not done yet.
  func owesFlush(_ server: ServerID) -> Bool { members[server]?.owesFlush == true }

  /// A server that joins is about to be used: for the log.
  mutating func noteJoin(_ server: ServerID, isFlushed: Bool) {
    members[server]?.deleted = 0
    members[server]?.isFlushed = isFlushed
  }

  /// A server that joins holds nothing outdated. It is used when all workers know, and when the flush that a client was
  /// promised meanwhile is done.
  mutating func joins(_ server: ServerID, isFlushed: Bool) -> [Step] {
    guard let member = members[server], member.phase == .none || member.phase == .returned else { return [] }
    var steps: [Step] = []
    noteJoin(server, isFlushed: isFlushed)
    members[server]?.isEmpty = true
    members[server]?.isFlushRefused = false
    close(server, &steps)
    return steps
  }
}
