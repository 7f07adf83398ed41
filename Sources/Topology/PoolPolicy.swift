/// A pool's timeouts and rules: how failures of its servers are handled. The same value from the configuration to the
/// worker, the health board and the failover coordinator. Extreme values are harmless: each is limited when it is read.
package struct PoolPolicy: BitwiseCopyable, Equatable, Sendable {
  package var connectTimeout: Duration = .milliseconds(200)
  /// From receiving a request to its complete reply: queue, write and read together.
  package var requestTimeout: Duration = .milliseconds(500)
  /// The number of consecutive failures before a server is out.
  package var failures = 3
  /// The time from going out to the first probe; each next interval is longer, up to `probeMax`.
  package var probeInterval: Duration = .seconds(1)
  package var probeMax: Duration = .seconds(30)
  package var onFailure = FailureRule.eject
  package var readsOnFailure = FailureAnswer.miss
  package var writesOnFailure = FailureAnswer.miss
  package var rejoin = RejoinRule.invalidate
  package var onJoin = JoinRule.auto
  /// The percentage of the pool's servers that are never ejected: the floor.
  package var floorPercent = 50
  /// The number of connections from each worker to each server.
  package var connections = 1

  package init() {}

  /// Whether keys that changed while a server was out are deleted from it before it returns.
  package var isJournaled: Bool { rejoin != .asIs }
}

/// A pool's servers, in the order of its ring, and its rules.
package struct PoolMembers: Equatable, Sendable {
  package var id: PoolID
  package var servers: [ServerID]
  package var policy: PoolPolicy
  /// The servers of the pools behind it in a `try`, which have the keys of its servers that are out. If there are any,
  /// its ring keeps all servers.
  package var standIns: [ServerID] = []

  package init(id: PoolID, servers: [ServerID], policy: PoolPolicy = PoolPolicy()) {
    self.id = id
    self.servers = servers
    self.policy = policy
  }
}

/// What happens to the keys of a server that is out.
package enum FailureRule: String, BitwiseCopyable, CaseIterable, Sendable {
  /// The server leaves the ring; only its keys move, to the remaining servers.
  case eject
  /// The ring is unchanged; requests for the server's keys get a miss or an error.
  case failFast = "fail_fast"
}

/// The reply to a request that its server cannot answer.
package enum FailureAnswer: String, BitwiseCopyable, CaseIterable, Sendable {
  /// memcached's reply for a key that does not exist.
  case miss
  /// One error line that names the server and the cause.
  case error
}

/// What is done with the items of a server that a reload adds to a pool.
package enum JoinRule: String, BitwiseCopyable, CaseIterable, Sendable {
  /// They are flushed if the server was in the pool before, since the process started: they may be outdated.
  case auto
  /// They are flushed.
  case flush
  /// They are used as they are.
  case trust
}

/// How a server that was out of its pool is made safe before it is used again.
package enum RejoinRule: String, BitwiseCopyable, CaseIterable, Sendable {
  /// Keys that changed while it was out are deleted on it; if they are too many, it is flushed.
  case invalidate
  /// It is flushed if other servers had its keys.
  case flush
  /// It is used as it is.
  case asIs = "as_is"
}
