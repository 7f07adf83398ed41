import Routing

/// One difference between the running configuration and a new one, printed as text for the log.
///
///     pool "main": added server 10.0.0.4:11211 (weight 1)
///     threads: changed from auto to 8 (needs a restart)
package enum SettingsChange: Equatable, Sendable {
  case listenerAdded(ListenerSettings)
  case listenerRemoved(ListenerSettings)
  /// The same address with another mode, owner or pool.
  case listenerChanged(ListenerSettings)
  case poolAdded(String, servers: Int)
  case poolRemoved(String)
  case poolsReordered
  case serverAdded(pool: String, ServerSettings)
  case serverRemoved(pool: String, ServerSettings)
  case serverReweighted(pool: String, address: String, from: UInt32, to: UInt32)
  /// The ring's label changed, so its keys move.
  case serverRenamed(pool: String, address: String, from: String, to: String)
  /// The same address and label, written differently.
  case serverRewritten(pool: String, from: String, to: String)
  /// The operator takes the server out, or back.
  case serverMarked(pool: String, address: String, isDown: Bool)
  case serversReordered(pool: String)
  case poolSetting(pool: String, key: String, from: String, to: String)
  case policyAdded(String, text: String)
  case policyRemoved(String)
  case policyChanged(String, from: String, to: String)
  case policiesReordered
  /// `route`: which one, as `route for prefix "a:"`; its destination is `pool "main"` or a node in the form of the file.
  case routeAdded(route: String, to: String)
  case routeRemoved(route: String, to: String)
  case routeMoved(route: String, from: String, to: String)
  case routesReordered
  case setting(key: String, from: String, to: String)
  /// A setting that the running process cannot change.
  case needsRestart(key: String, from: String, to: String)

  /// A change of the file that has no effect, because a flag of the command line sets the same.
  case hiddenByFlag(HiddenSetting, from: String)

  /// The changes from one configuration to the other; empty exactly when they are equal,
  /// given the same flags.
  package static func compare(_ old: ProxySettings, _ new: ProxySettings) -> [SettingsChange] {
    var changes: [SettingsChange] = []
    compareListeners(old.listeners, new.listeners, &changes)
    if old.threads != new.threads {
      let words = [old.threads, new.threads].map { $0.map(String.init) ?? "auto" }
      changes.append(.needsRestart(key: FileKey.threads.rawValue, from: words[0], to: words[1]))
    }
    if old.pinsThreads != new.pinsThreads {
      changes.append(
        .needsRestart(
          key: FileKey.pinThreads.rawValue, from: String(old.pinsThreads), to: String(new.pinsThreads)))
    }
    let admins = [old, new].map { $0.admin.listener?.yaml.written ?? "off" }
    if admins[0] != admins[1] {
      changes.append(.needsRestart(key: FileKey.admin.rawValue, from: admins[0], to: admins[1]))
    }
    if old.admin.hosts != new.admin.hosts {
      let words = [old, new].map { YAMLNode.items($0.admin.hosts.map(YAMLNode.word)).written }
      changes.append(.needsRestart(key: "admin.hosts", from: words[0], to: words[1]))
    }
    if old.admin.tokenFile != new.admin.tokenFile {
      let words = [old, new].map { $0.admin.tokenFile ?? "none" }
      changes.append(.setting(key: "admin.token", from: words[0], to: words[1]))
    }
    comparePools(old.pools, new.pools, &changes)
    comparePolicies(old, new, &changes)
    compareRoutes(old, new, &changes)
    for ((key, from), (_, to)) in zip(old.plainSettings, new.plainSettings) where from != to {
      changes.append(.setting(key: key, from: from, to: to))
    }
    for (before, after) in zip(old.hidden, new.hidden) where before != after {
      changes.append(.hiddenByFlag(after, from: before.text))
    }
    return changes
  }

  private static func compareListeners(
    _ old: [ListenerSettings], _ new: [ListenerSettings], _ changes: inout [SettingsChange]
  ) {
    // The order of listeners has no effect, but a reload without any logged change would puzzle the operator.
    var isSame = true
    for listener in old where !new.contains(where: { $0.endpoint == listener.endpoint }) {
      changes.append(.listenerRemoved(listener))
      isSame = false
    }
    for listener in new {
      guard let before = old.first(where: { $0.endpoint == listener.endpoint }) else {
        changes.append(.listenerAdded(listener))
        isSame = false
        continue
      }
      if before != listener {
        changes.append(.listenerChanged(listener))
        isSame = false
      }
    }
    if isSame, old != new {
      let words = [old, new].map { $0.map(\.endpoint.description).joined(separator: ", ") }
      changes.append(.setting(key: FileKey.listen.rawValue, from: words[0], to: words[1]))
    }
  }

  private static func comparePools(
    _ old: [PoolSettings], _ new: [PoolSettings], _ changes: inout [SettingsChange]
  ) {
    for pool in old where !new.contains(where: { $0.name == pool.name }) {
      changes.append(.poolRemoved(pool.name))
    }
    for pool in new {
      guard let before = old.first(where: { $0.name == pool.name }) else {
        changes.append(.poolAdded(pool.name, servers: pool.servers.count))
        continue
      }
      for ((key, from), (_, to)) in zip(before.plainSettings, pool.plainSettings) where from != to {
        changes.append(.poolSetting(pool: pool.name, key: key, from: from, to: to))
      }
      compareServers(before, pool, &changes)
    }
    if inBoth(old.map(\.name), new.map(\.name)) != inBoth(new.map(\.name), old.map(\.name)) {
      changes.append(.poolsReordered)
    }
  }

  private static func compareServers(
    _ oldPool: PoolSettings, _ newPool: PoolSettings, _ changes: inout [SettingsChange]
  ) {
    let (pool, old, new) = (newPool.name, oldPool.servers, newPool.servers)
    let before = Dictionary(old.map { ($0.endpoint.comparable, $0) }, uniquingKeysWith: { first, _ in first })
    let after = Set(new.map(\.endpoint.comparable))
    for server in old where !after.contains(server.endpoint.comparable) {
      changes.append(.serverRemoved(pool: pool, server))
    }
    for server in new {
      guard let was = before[server.endpoint.comparable] else {
        changes.append(.serverAdded(pool: pool, server))
        continue
      }
      if was.weight != server.weight {
        changes.append(
          .serverReweighted(pool: pool, address: server.address, from: was.weight, to: server.weight))
      }
      if was.isMarkedDown != server.isMarkedDown {
        changes.append(
          .serverMarked(pool: pool, address: server.address, isDown: server.isMarkedDown))
      }
      let labels = [was, server].map { newPool.label(of: $0) }
      if labels[0] != labels[1] {
        changes.append(
          .serverRenamed(pool: pool, address: server.address, from: labels[0], to: labels[1]))
      } else if was.address != server.address || was.endpoint != server.endpoint || was.name != server.name {
        changes.append(.serverRewritten(pool: pool, from: was.written, to: server.written))
      }
    }
    let (from, to) = (old.map(\.endpoint.comparable), new.map(\.endpoint.comparable))
    if inBoth(from, to) != inBoth(to, from) { changes.append(.serversReordered(pool: pool)) }
  }

  private static func comparePolicies(
    _ old: ProxySettings, _ new: ProxySettings, _ changes: inout [SettingsChange]
  ) {
    let before = Dictionary(old.policies.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let names = new.policies.map(\.name)
    for policy in old.policies where !names.contains(policy.name) {
      changes.append(.policyRemoved(policy.name))
    }
    for policy in new.policies {
      guard let was = before[policy.name] else {
        changes.append(.policyAdded(policy.name, text: new.written(policy)))
        continue
      }
      let texts = (old.written(was), new.written(policy))
      if texts.0 != texts.1 {
        changes.append(.policyChanged(policy.name, from: texts.0, to: texts.1))
      }
    }
    if inBoth(old.policies.map(\.name), names) != inBoth(names, old.policies.map(\.name)) {
      changes.append(.policiesReordered)
    }
  }

  private static func compareRoutes(
    _ before: ProxySettings, _ after: ProxySettings, _ changes: inout [SettingsChange]
  ) {
    let (old, new) = (before.routes, after.routes)
    let known = Dictionary(old.map { ($0.taken, $0) }, uniquingKeysWith: { first, _ in first })
    let taken = Set(new.map(\.taken))
    for route in old where !taken.contains(route.taken) {
      changes.append(.routeRemoved(route: route.subject, to: before.destination(of: route)))
    }
    for route in new {
      guard let was = known[route.taken] else {
        changes.append(.routeAdded(route: route.subject, to: after.destination(of: route)))
        continue
      }
      let words = (before.destination(of: was), after.destination(of: route))
      if words.0 != words.1 {
        // "from pool "a" to "b"": the second kind is the first's.
        let isPool = words.0.hasPrefix("pool ") && words.1.hasPrefix("pool ")
        changes.append(
          .routeMoved(
            route: route.subject, from: words.0, to: isPool ? String(words.1.dropFirst(5)) : words.1))
      }
    }
    if inBoth(old.map(\.taken), new.map(\.taken)) != inBoth(new.map(\.taken), old.map(\.taken)) {
      changes.append(.routesReordered)
    }
  }

  /// The items of the first list that the second has too, in the order of the first.
  private static func inBoth<Item: Hashable>(_ items: [Item], _ others: [Item]) -> [Item] {
    let known = Set(others)
    return items.filter(known.contains)
  }
}

extension SettingsChange: CustomStringConvertible {
  package var description: String {
    switch self {
    case .listenerAdded(let listener): "added listener \(listener.endpoint)"
    case .listenerRemoved(let listener): "removed listener \(listener.endpoint)"
    case .listenerChanged(let listener): "listener \(listener.endpoint): changed to \(listener.yaml.written)"
    case .poolAdded(let pool, let count): "added pool \(quoted(pool)) with \(counted(count, "server"))"
    case .poolRemoved(let pool): "removed pool \(quoted(pool))"
    case .poolsReordered: "pools: changed order"
    case .serverAdded(let pool, let server): "pool \(quoted(pool)): added server \(server.written)"
    case .serverRemoved(let pool, let server): "pool \(quoted(pool)): removed server \(server.written)"
    case .serverReweighted(let pool, let address, let from, let to):
      "pool \(quoted(pool)): server \(address) changed weight from \(from) to \(to)"
    case .serverRenamed(let pool, let address, let from, let to):
      "pool \(quoted(pool)): server \(address) changed name from \(quoted(from)) to \(quoted(to))"
    case .serverRewritten(let pool, let from, let to):
      "pool \(quoted(pool)): server \(from) is now written \(to)"
    case .serverMarked(let pool, let address, let isDown):
      "pool \(quoted(pool)): server \(address) \(isDown ? "marked down" : "is no longer marked down")"
    case .serversReordered(let pool): "pool \(quoted(pool)): servers changed order"
    case .poolSetting(let pool, let key, let from, let to):
      "pool \(quoted(pool)): \(key) changed from \(from) to \(to)"
    case .policyAdded(let name, let text): "policies.\(name): added, \(text)"
    case .policyRemoved(let name): "policies.\(name): removed"
    case .policyChanged(let name, let from, let to): "policies.\(name): changed from \(from) to \(to)"
    case .policiesReordered: "policies: changed order"
    case .routeAdded(let route, let to): "added \(route) to \(to)"
    case .routeRemoved(let route, let to): "removed \(route) to \(to)"
    case .routeMoved(let route, let from, let to): "\(route) changed from \(from) to \(to)"
    case .routesReordered: "routes: changed order"
    case .setting(let key, let from, let to): "\(key): changed from \(from) to \(to)"
    case .hiddenByFlag(let hidden, let from):
      "\(hidden.key): changed from \(from) to \(hidden.text) in the file; the flag \(hidden.flag) stays in force"
    case .needsRestart(let key, let from, let to):
      "\(key): changed from \(from) to \(to) (needs a restart)"
    }
  }
}

/// "1 server", "3 servers".
package func counted(_ count: Int, _ noun: String) -> String {
  count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
}
