import Topology

/// What a server is used for, in the words that operators see.
package enum ServerState: String, CaseIterable, Sendable {
  case up
  /// Its keys are on other servers.
  case ejected
  /// Its keys fail fast.
  case down
  case markedDown = "marked down"
  case joining
}

/// What the control thread knows of a server.
package struct ServerReport: Sendable, Equatable {
  package var id: ServerID
  /// Its address as configured.
  package var label: String
  /// Its pools' names, in the order of the file.
  package var pools: [String]
  package var state = ServerState.up
  /// The pools whose rings are without it: not all of its pools may be.
  package var ejectedFrom: Set<PoolID> = []
  /// A condition that needs attention besides the state.
  package var note: String?
  /// Why it was taken out, while it is ejected or down.
  package var cause: String?
  /// When it took on that state.
  package var since: Double = 0
  /// How often it was taken out of a ring because it had failed.
  package var ejections = 0

  package init(id: ServerID, label: String, pools: [String]) {
    self.id = id
    self.label = label
    self.pools = pools
  }

  /// The beginning of its rows' names in `stats ringroad`.
  var rowName: String { "server:\(pools.joined(separator: ",")):\(label)" }
}

/// A pool, as far as numbers are shown of it.
package struct PoolReport: Sendable, Equatable {
  package var id: PoolID
  package var name: String
  /// In the order of the file.
  package var servers: [ServerID]

  package init(id: PoolID, name: String, servers: [ServerID]) {
    self.id = id
    self.name = name
    self.servers = servers
  }
}

/// An address that clients connect to.
package struct ListenerReport: Sendable, Equatable {
  package var id: ListenerID
  package var address: String
  /// Clients that have connected there, rejected ones included.
  package var accepted: UInt64 = 0

  package init(id: ListenerID, _ address: String) {
    self.id = id
    self.address = address
  }

  /// The beginning of its rows' names in `stats ringroad`.
  var rowName: String { "listener:\(address)" }
}

/// What has happened to the servers' host names.
package struct HostCounts: Sendable, Equatable {
  package var lookups = 0
  package var failures = 0
  package var addressChanges = 0

  package init() {}
}

/// What the control thread publishes whenever it has changed.
package struct ControlReport: Sendable {
  package var version = ""
  package var processID: Int32 = 0
  package var workers = 0
  package var reloads = 0
  package var reloadFailures = 0
  package var hosts = HostCounts()
  /// Of all workers, in bytes.
  package var memoryLimit = 0
  package var clientLimit = 0
  package var lastReloadError = ""
  package var isDraining = false
  package var listeners: [ListenerReport] = []
  package var configPath: String?
  package var servers: [ServerReport] = []
  package var pools: [PoolReport] = []
  /// The control thread's own gauges.
  package var numbers = Counters()

  package init() {}
}
