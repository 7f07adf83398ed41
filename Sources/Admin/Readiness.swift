import Settings
import Stats

extension Snapshot {
  /// Why the proxy is not ready for clients, one sentence each: a pool has too few servers that are up, by its `floor`.
  package func unreadyReasons(_ settings: ProxySettings) -> [String] {
    if control.isDraining { return ["the proxy is stopping"] }
    return control.pools.compactMap { pool in
      let states = control.servers.filter { pool.servers.contains($0.id) }.map(\.state)
      let up = states.count { $0 == .up }
      let floor = settings.pools.first { $0.name == pool.name }?.policy.floorPercent ?? 0
      let least = max(1, (states.count * floor + 99) / 100)
      guard up < least else { return nil }
      return "pool \(pool.name): \(up) of \(counted(states.count, "server")) up, at least \(least) needed"
    }
  }
}

/// Something that an operator should look at.
struct Concern: Sendable {
  enum Level: String, Sendable {
    case error, warning, info
  }

  var level: Level
  var text: String
  var server: String?
  var pool: String?

  var json: JSON {
    .object([
      "level": .string(level.rawValue), "text": .string(text), "server": .text(server), "pool": .text(pool),
    ])
  }
}

extension Snapshot {
  /// What needs attention, the worst first.
  func concerns(_ settings: ProxySettings) -> [Concern] {
    var concerns = unreadyReasons(settings).map { Concern(level: .error, text: $0) }
    for server in control.servers {
      switch server.state {
      case .up: break
      case .ejected, .down:
        let cause = server.cause.map { " (\($0))" } ?? ""
        let effect = server.state == .ejected ? "its keys are on other servers" : "its keys fail fast"
        concerns.append(
          Concern(
            level: .warning, text: "server \(server.label) is \(server.state.rawValue)\(cause): \(effect)",
            server: server.label, pool: server.pools.first))
      case .markedDown, .joining:
        concerns.append(
          Concern(
            level: .info, text: "server \(server.label) is \(server.state.rawValue)", server: server.label,
            pool: server.pools.first))
      }
      if let note = server.note {
        concerns.append(
          Concern(
            level: .warning, text: "server \(server.label): \(note)", server: server.label,
            pool: server.pools.first))
      }
    }
    if !control.lastReloadError.isEmpty {
      concerns.append(
        Concern(level: .warning, text: "the last reload was refused: \(control.lastReloadError)"))
    }
    if totals[.configUnreadable] > 0 {
      concerns.append(Concern(level: .warning, text: "the configuration file cannot be read"))
    }
    let order: [Concern.Level] = [.error, .warning, .info]
    return order.flatMap { level in concerns.filter { $0.level == level } }
  }
}
