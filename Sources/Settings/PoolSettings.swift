import Routing

/// Servers that share keys, and how they are watched.
package struct PoolSettings: Equatable, Sendable {
  package var name: String
  /// In the order of the file; never empty, no address and no ring label twice.
  package var servers: [ServerSettings]
  /// Which ring places the keys.
  package var placement = PlacementScheme.ketama
  /// What a key is hashed with; nil is what the placement's own clients use.
  package var hash: KeyHash? = nil
  /// Only what stands between these two is hashed, where a key has both.
  package var hashTag: HashTag? = nil
  package var connectTimeout: Duration = .milliseconds(200)
  /// From the moment a request is taken until its reply has come: queue, write and read together.
  package var requestTimeout: Duration = .milliseconds(500)
  /// Consecutive failures before a server is out.
  package var failures = 3
  /// From going out to the first probe; each next one waits longer, up to `probeMax`.
  package var probeInterval: Duration = .seconds(1)
  package var probeMax: Duration = .seconds(30)
  package var onFailure = FailureAction.eject
  package var readsOnFailure = FailureAnswer.miss
  package var writesOnFailure = FailureAnswer.miss
  package var rejoin = RejoinAction.invalidate
  /// Percent of the pool's servers that are never ejected.
  package var floor = 50
  /// Connections to each server from each worker.
  package var connections = 1

  package init(name: String, servers: [ServerSettings]) {
    self.name = name
    self.servers = servers
  }
}

/// What the ring does about a server that is out.
package enum FailureAction: String, CaseIterable, Sendable {
  /// Its keys move to the servers that are left.
  case eject
  /// Its keys stay its own and fail at once.
  case failFast = "fail_fast"
}

/// How a request is answered when its server cannot answer.
package enum FailureAnswer: String, CaseIterable, Sendable {
  /// As memcached answers when the key is not there.
  case miss
  /// With one error line that names the server and the cause.
  case error
}

/// How a server that was away is made safe before it owns keys again.
package enum RejoinAction: String, CaseIterable, Sendable {
  /// What changed meanwhile is deleted on it; it is flushed when too much did.
  case invalidate
  case flush
  case asIs = "as_is"
}

/// One memcached of a pool.
package struct ServerSettings: Equatable, Sendable {
  /// As it was written; what reports and `ringroad route` show.
  package var address: String
  package var endpoint: Endpoint
  /// Its share of the keys, relative to the others of the pool.
  package var weight: UInt32 = 1
  /// The ring's label where that is not the address, so that a machine can be replaced without moving keys.
  package var name: String? = nil

  package init(address: String, endpoint: Endpoint, weight: UInt32 = 1, name: String? = nil) {
    self.address = address
    self.endpoint = endpoint
    self.weight = weight
    self.name = name
  }
}
