// Settings as text in the form of the file: for log lines, and for comparing two configurations.

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
    case .halfRequestTimeout: Quantity.written(halfRequestTimeout)
    case .unreadTimeout: Quantity.written(unreadTimeout)
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

  /// `1 pool, 3 servers, 1 listener`: the output of `check` for a valid file. A server in two pools is one.
  package var summary: String {
    let servers = Set(pools.flatMap(\.servers).map(\.endpoint.comparable)).count
    let parts = [
      counted(pools.count, "pool"), counted(servers, "server"), counted(listeners.count, "listener"),
      counted(routes.count, "route"),
    ]
    return parts.joined(separator: ", ")
  }
}
