// Settings as text in the form of the file: for log lines, and for comparing two configurations.

extension PoolSettings {
  /// The value of `key` in the form of the file; nil if it is more than one word.
  func written(_ key: PoolKey) -> String? {
    switch key {
    case .servers: nil
    case .placement: placement.name
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
    case .floor: "\(policy.floorPercent)%"
    case .connections: String(policy.connections)
    }
  }

  /// Every setting except the servers, in the order of the key table.
  var plainSettings: [(key: String, text: String)] {
    PoolKey.allCases.compactMap { key in written(key).map { (key.rawValue, $0) } }
  }
}

extension ServerSettings {
  /// `10.0.0.2:11211 (weight 2, name "cache-b")`
  package var written: String {
    "\(address) (weight \(weight)\(name.map { ", name \(quoted($0))" } ?? ""))"
  }
}

extension LimitSettings {
  func written(_ key: LimitKey) -> String {
    switch key {
    case .clients: String(clients)
    case .clientOutput: Quantity.writtenSize(clientOutput)
    case .maxValue: Quantity.writtenSize(maxValue)
    case .serverQueue: Quantity.writtenSize(serverQueue)
    case .memory: Quantity.writtenSize(memory)
    }
  }
}

extension LogSettings {
  func written(_ key: LogKey) -> String {
    switch key {
    case .to: destination.description
    case .level: level.rawValue
    case .format: format.rawValue
    case .clientsMaySetLevel: String(clientsMaySetLevel)
    }
  }
}

extension ProxySettings {
  /// The settings of the whole process that a reload can change: limits, log, drain timeout.
  var plainSettings: [(key: String, text: String)] {
    LimitKey.allCases.map { ("limits.\($0.rawValue)", limits.written($0)) }
      + LogKey.allCases.map { ("log.\($0.rawValue)", log.written($0)) }
      + [(FileKey.drainTimeout.rawValue, Quantity.written(drainTimeout))]
  }

  /// `1 pool, 3 servers, 1 listener`: the output of `check` for a valid file.
  package var summary: String {
    let servers = pools.reduce(0) { $0 + $1.servers.count }
    let parts = [
      counted(pools.count, "pool"), counted(servers, "server"), counted(listeners.count, "listener"),
      counted(routes.count, "route"),
    ]
    return parts.joined(separator: ", ")
  }
}
