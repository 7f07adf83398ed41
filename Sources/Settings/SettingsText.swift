// Settings as text in the form of the file: for log lines, and for comparing two configurations.

extension ServerSettings {
  /// `10.0.0.2:11211 (weight 2, name "cache-b")`
  package var written: String {
    "\(address) (weight \(weight)\(name.map { ", name \(quoted($0))" } ?? ""))"
  }
}

extension ServerSettings {
  /// In the form of the file.
  var yaml: YAMLNode {
    var pairs = [(key: ServerKey.address.rawValue, value: YAMLNode.word(address))]
    if weight != 1 { pairs.append((ServerKey.weight.rawValue, .word(String(weight)))) }
    if let name { pairs.append((ServerKey.name.rawValue, .word(name))) }
    if let resolved { pairs.append((ServerKey.resolved.rawValue, .word(resolved))) }
    if isMarkedDown { pairs.append((ServerKey.mark.rawValue, .word(ServerMark.down.rawValue))) }
    return .pairs(pairs)
  }
}

extension ListenerSettings {
  /// In the form of the file: the address alone, or a mapping.
  var yaml: YAMLNode {
    mode == nil && owner == nil && pool == nil ? .word(endpoint.description) : .pairs(pairs)
  }

  fileprivate var pairs: [(key: String, value: YAMLNode)] {
    var pairs = [(key: ListenerKey.address.rawValue, value: YAMLNode.word(endpoint.description))]
    if let mode { pairs.append((ListenerKey.mode.rawValue, .word("0" + String(mode, radix: 8)))) }
    if let owner { pairs.append((ListenerKey.owner.rawValue, .word(owner))) }
    if let pool { pairs.append((ListenerKey.pool.rawValue, .word(pool))) }
    return pairs
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
    case .slow: slow.yaml.written
    }
  }

  /// The same as it is written in a file.
  func yaml(_ key: LogKey) -> YAMLNode { key == .slow ? slow.yaml : .word(written(key)) }
}

extension ProxySettings {
  /// The settings of the whole process that a reload can change: limits, log, drain timeout.
  var plainSettings: [(key: String, text: String)] {
    LimitKey.allCases.map { ("limits.\($0.rawValue)", limits.written($0)) }
      + LogKey.allCases.map { ("log.\($0.rawValue)", log.written($0)) }
      + [(FileKey.drainTimeout.rawValue, Quantity.written(drainTimeout))]
  }

  /// The whole configuration in the form of the file, with all defaults. A token's file is named, its content is not read.
  package var yaml: String {
    func words(_ pairs: [(key: String, text: String)]) -> YAMLNode {
      .pairs(pairs.map { (key: $0.key, value: YAMLNode.word($0.text)) })
    }
    var lines = [
      "listen: \(YAMLNode.items(listeners.map(\.yaml)).written)",
      "threads: \(threads.map(String.init) ?? "auto")", "pin_threads: \(pinsThreads)",
      "drain_timeout: \(Quantity.written(drainTimeout))", "admin: \(adminYAML.written)",
      "limits: \(words(LimitKey.allCases.map { ($0.rawValue, limits.written($0)) }).written)",
      "log: \(YAMLNode.pairs(LogKey.allCases.map { (key: $0.rawValue, value: log.yaml($0)) }).written)",
      "pools:",
    ]
    for pool in pools {
      lines.append("  \(YAMLNode.word(pool.name).written):")
      // These two have their quotes already.
      let whole = [PoolKey.hashTag.rawValue, PoolKey.placement.rawValue]
      lines += pool.plainSettings.map { key, text in
        "    \(key): \(whole.contains(key) ? text : YAMLNode.word(text).written)"
      }
      lines.append("    servers:")
      lines += pool.servers.map { "      - \($0.yaml.written)" }
    }
    if !policies.isEmpty { lines.append("policies:") }
    lines += policies.map { "  \(YAMLNode.word($0.name).written): \(written($0))" }
    if !routes.isEmpty { lines.append("routes:") }
    lines += routes.map { "  - \(written($0))" }
    return lines.map { $0 + "\n" }.joined()
  }

  private var adminYAML: YAMLNode {
    guard let one = admin.listener else { return .word("off") }
    var pairs = one.pairs
    if !admin.hosts.isEmpty {
      pairs.append((AdminKey.hosts.rawValue, .items(admin.hosts.map(YAMLNode.word))))
    }
    if let file = admin.tokenFile {
      pairs.append((AdminKey.token.rawValue, .pairs([(TokenKey.file.rawValue, .word(file))])))
    }
    return pairs.count == 1 ? one.yaml : .pairs(pairs)
  }

  /// `1 pool, 3 servers, 1 listener`: the output of `check` for a valid file. A server in two pools is one.
  package var summary: String {
    let servers = Set(pools.flatMap(\.servers).map(\.endpoint.comparable)).count
    var parts = [
      counted(pools.count, "pool"), counted(servers, "server"), counted(listeners.count, "listener"),
      counted(routes.count, "route"),
    ]
    if !policies.isEmpty { parts.append(policies.count == 1 ? "1 policy" : "\(policies.count) policies") }
    return parts.joined(separator: ", ")
  }
}
