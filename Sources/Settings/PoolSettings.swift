import Routing
import Topology

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
  /// Timeouts, and how failures and probes are handled.
  package var policy = PoolPolicy()

  package init(name: String, servers: [ServerSettings]) {
    self.name = name
    self.servers = servers
  }
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
