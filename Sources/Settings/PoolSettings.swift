import Routing

/// A pool: servers that share keys, and how failures and probes are handled.
package struct PoolSettings: Equatable, Sendable {
  package var name: String
  /// In the order of the file; never empty, no address and no ring label twice.
  package var servers: [ServerSettings]
  /// The ring that places the keys.
  package var placement = PlacementScheme.ketama
  /// The hash of keys; nil is the one that the placement's own clients use.
  package var hash: KeyHash? = nil
  /// If a key contains both of these characters, only the part between them is hashed.
  package var hashTag: HashTag? = nil
  package var connectTimeout: Duration = .milliseconds(200)
  /// From receiving a request to its complete reply: queue, write and read together.
  package var requestTimeout: Duration = .milliseconds(500)
  /// The number of consecutive failures before a server is out.
  package var failures = 3
  /// The time from going out to the first probe; each next interval is longer, up to `probeMax`.
  package var probeInterval: Duration = .seconds(1)
  package var probeMax: Duration = .seconds(30)
  package var onFailure = FailureAction.eject
  package var readsOnFailure = FailureAnswer.miss
  package var writesOnFailure = FailureAnswer.miss
  package var rejoin = RejoinAction.invalidate
  /// The percentage of the pool's servers that are never ejected.
  package var floor = 50
  /// The number of connections from each worker to each server.
  package var connections = 1

  package init(name: String, servers: [ServerSettings]) {
    self.name = name
    self.servers = servers
  }
}

/// What happens to the keys of a server that is out.
package enum FailureAction: String, CaseIterable, Sendable {
  /// Its keys move to the remaining servers.
  case eject
  /// Its keys stay on it, and their requests fail at once.
  case failFast = "fail_fast"
}

/// The reply to a request that its server cannot answer.
package enum FailureAnswer: String, CaseIterable, Sendable {
  /// memcached's reply for a key that does not exist.
  case miss
  /// One error line that names the server and the cause.
  case error
}

/// How stale values are removed from a returning server before it owns keys again.
package enum RejoinAction: String, CaseIterable, Sendable {
  /// Keys that changed while it was out are deleted on it; if they are too many, it is flushed.
  case invalidate
  case flush
  case asIs = "as_is"
}

/// One memcached of a pool.
package struct ServerSettings: Equatable, Sendable {
  /// The address as written, for reports and `ringroad route`.
  package var address: String
  package var endpoint: Endpoint
  /// Its share of the keys, relative to the pool's other servers.
  package var weight: UInt32 = 1
  /// The ring's label, if not the address, so that a machine can be replaced without moving keys.
  package var name: String? = nil

  package init(address: String, endpoint: Endpoint, weight: UInt32 = 1, name: String? = nil) {
    self.address = address
    self.endpoint = endpoint
    self.weight = weight
    self.name = name
  }
}
