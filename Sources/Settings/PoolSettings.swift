import Routing
import Topology

/// A pool: servers that share keys, and how failures and probes are handled.
package struct PoolSettings: Equatable, Sendable {
  package var name: String
  /// In the order of the file; never empty, no address and no ring label twice.
  package var servers: [ServerSettings]
  /// The rule that places the keys.
  package var placement = PlacementScheme.ketama
  /// What the placement's clients were told besides.
  package var placementOptions = PlacementOptions()
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

/// A pool's keys in the file.
enum PoolKey: String, SettingsKey {
  case servers, placement, hash
  case hashTag = "hash_tag"
  case connectTimeout = "connect_timeout"
  case requestTimeout = "request_timeout"
  case failures
  case probeInterval = "probe_interval"
  case probeMax = "probe_max"
  case onFailure = "on_failure"
  case readsOnFailure = "reads_on_failure"
  case writesOnFailure = "writes_on_failure"
  case rejoin
  case onJoin = "on_join"
  case floor, connections

  var defaultText: String? { PoolSettings(name: "", servers: []).written(self) }
}

extension PoolSettings {
  /// The value of `key` in the form of the file; nil if it is more than one word.
  func written(_ key: PoolKey) -> String? {
    switch key {
    case .servers: nil
    case .placement: placementText
    case .hash: hash?.name ?? PlacementWords.ownHash
    case .hashTag: PlacementWords.written(hashTag)
    case .connectTimeout: Quantity.written(policy.connectTimeout)
    case .requestTimeout: Quantity.written(policy.requestTimeout)
    case .failures: String(policy.failures)
    case .probeInterval: Quantity.written(policy.probeInterval)
    case .probeMax: Quantity.written(policy.probeMax)
    case .onFailure: policy.onFailure.rawValue
    case .readsOnFailure: policy.readsOnFailure.rawValue
    case .writesOnFailure: policy.writesOnFailure.rawValue
    case .rejoin: policy.rejoin.rawValue
    case .onJoin: policy.onJoin.rawValue
    case .floor: "\(policy.floorPercent)%"
    case .connections: String(policy.connections)
    }
  }

  /// Every setting except the servers, in the order of the key table.
  var plainSettings: [(key: String, text: String)] {
    PoolKey.allCases.compactMap { key in written(key).map { (key.rawValue, $0) } }
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
  /// The address that its host resolved to for the clients, as text, for placements that hash it.
  package var resolved: String? = nil
  /// Whether the operator has taken it out: it is ejected and not probed.
  package var isMarkedDown = false

  package init(address: String, endpoint: Endpoint, weight: UInt32 = 1, name: String? = nil) {
    self.address = address
    self.endpoint = endpoint
    self.weight = weight
    self.name = name
  }
}
