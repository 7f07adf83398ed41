import Routing
import Topology

/// What a change of the configuration moves, before it is made.
package struct ChangePlan {
  /// One pair of servers between which keys move, by their addresses.
  package struct Move: Equatable {
    package var from: String
    package var to: String
    /// Of all keys of the pool.
    package var share: Double
  }

  /// A pool that both configurations have.
  package struct Pool {
    package var name: String
    /// The share of its keys that have another server.
    package var moved: Double
    package var isExact: Bool
    /// The largest first.
    package var moves: [Move]
    package var serversBefore: Int
    package var serversAfter: Int
    package var placement: String
    package var warnings: [String]
  }

  /// Keys that were counted one by one.
  package struct Keys {
    package var read = 0
    package var moved = 0
    package var bytes = 0
    package var movedBytes = 0
    /// Keys that no route leads anywhere, before and after.
    package var unrouted = 0
    /// Lines that are no keys.
    package var skipped = 0

    /// The share of the keys that have another server.
    package var share: Double { read == 0 ? 0 : Double(moved) / Double(read) }
  }

  package private(set) var pools: [Pool] = []
  package private(set) var addedPools: [String] = []
  package private(set) var removedPools: [String] = []
  package private(set) var warnings: [String] = []
  /// Whether keys move that only a list of keys can count.
  package private(set) var isUncertain = false
  /// Nil unless keys were counted.
  package var keys: Keys?

  /// Compares two configurations, pool by pool. Milliseconds for rings; a second where samples are needed.
  package init(from old: ProxySettings, to new: ProxySettings) {
    for pool in new.pools {
      if let before = old.pools.first(where: { $0.name == pool.name }) {
        pools.append(Self.change(from: before, to: pool))
        if before.hashesOtherParts(than: pool) { isUncertain = true }
      } else {
        addedPools.append(pool.name)
      }
    }
    removedPools = old.pools.map(\.name).filter { name in !new.pools.contains { $0.name == name } }
    if !removedPools.isEmpty { isUncertain = true }
    for listener in new.listeners {
      guard let before = old.listeners.first(where: { $0.endpoint == listener.endpoint }),
        before.pool != listener.pool
      else { continue }
      let words = [(old, before), (new, listener)].map { settings, listener in
        listener.pool.map { name in
          settings.policies.contains { $0.name == name } ? "policy \(quoted(name))" : "pool \(quoted(name))"
        } ?? "the routes"
      }
      isUncertain = true
      warnings.append(
        "listener \(listener.endpoint) leads to \(words[1]) instead of \(words[0]): the keys of its clients move"
      )
    }
    let texts = (NodeText(settings: old), NodeText(settings: new))
    if old.routes.map(texts.0.written) != new.routes.map(texts.1.written) {
      isUncertain = true
      warnings.append(
        "routes are different: keys whose prefix goes to another pool move too; --keys counts them")
    }
    let changed = new.policies.filter { policy in
      old.policies.first { $0.name == policy.name }.map { texts.0.written($0) != texts.1.written(policy) }
        ?? false
    }
    if !changed.isEmpty {
      isUncertain = true
      let names = changed.prefix(10).map { quoted($0.name) }.joined(separator: ", ")
      warnings.append(
        "policies are different (\(names)): keys that they send to another pool move too; --keys counts them")
    }
  }

  /// The largest share of any pool, or of the counted keys if there are any.
  package var mostMoved: Double { keys?.share ?? pools.map(\.moved).max() ?? 0 }

  private static func change(from old: PoolSettings, to new: PoolSettings) -> Pool {
    let moves = PlacementMoves(from: old.plan(), to: new.plan())
    var shares: [[String]: Double] = [:]
    for (pair, share) in moves.shares
    where old.servers.indices.contains(pair.from) && new.servers.indices.contains(pair.to) {
      let (from, to) = (old.servers[pair.from], new.servers[pair.to])
      // While a server is marked down, others have its keys.
      if from.isMarkedDown != to.isMarkedDown, !new.servers.allSatisfy(\.isMarkedDown) {
        let others = "the others"
        let names = to.isMarkedDown ? [from.address, others] : [others, to.address]
        shares[names, default: 0] += share
        continue
      }
      if from.endpoint.comparable != to.endpoint.comparable {
        shares[[from.address, to.address], default: 0] += share
      }
    }
    let list = shares.map { Move(from: $0.key[0], to: $0.key[1], share: $0.value) }
      .sorted { ($1.share, $0.from, $0.to) < ($0.share, $1.from, $1.to) }
    let moved = list.reduce(0) { $0 + $1.share }
    return Pool(
      name: new.name, moved: min(1, moved), isExact: moves.isExact, moves: list,
      serversBefore: old.servers.count, serversAfter: new.servers.count, placement: new.placement.name,
      warnings: warnings(from: old, to: new, moved: moved))
  }

  private static func warnings(from old: PoolSettings, to new: PoolSettings, moved: Double) -> [String] {
    var warnings: [String] = []
    let hashes = [old, new].map { ($0.hash ?? $0.placement.defaultHash).name }
    for (key, from, to) in [
      (PoolKey.placement, old.placementText, new.placementText), (.hash, hashes[0], hashes[1]),
      (.hashTag, PlacementWords.written(old.hashTag), PlacementWords.written(new.hashTag)),
    ] where from != to {
      let effect =
        moved > 0.8
        ? "nearly every key moves"
        : old.hashesOtherParts(than: new) && key != .hash
          ? "keys move that it concerns; --keys counts them" : moved > 0 ? "keys move" : nil
      if let effect { warnings.append("\(key.rawValue) changes from \(from) to \(to): \(effect)") }
    }
    for server in new.servers where server.isMarkedDown {
      let before = old.servers.first { $0.endpoint.comparable == server.endpoint.comparable }
      if before?.isMarkedDown == false {
        warnings.append(
          "server \(server.address) is marked down: the others have its keys until the mark is removed")
      }
    }
    if old.placement == new.placement, new.placement.hashesLabels {
      for server in new.servers {
        guard let before = old.servers.first(where: { $0.endpoint.comparable == server.endpoint.comparable })
        else {
          continue
        }
        let labels = (old.label(of: before), new.label(of: server))
        if labels.0 != labels.1, old.placementOptions == new.placementOptions,
          before.resolved == server.resolved
        {
          warnings.append(
            "server \(server.address) is renamed from \(labels.0) to \(labels.1): its keys move; "
              + "name: \(labels.0) would keep them")
        }
      }
    } else if old.placement == new.placement {
      warnings += positionWarnings(from: old, to: new)
    }
    if old.placement == new.placement, new.placement.movesNearlyAll, moved > 0.5 {
      warnings.append("with placement \(new.placement.name) nearly every key moves when the list changes")
    }
    return warnings
  }

  /// Of a placement in which servers count by their position.
  private static func positionWarnings(from old: PoolSettings, to new: PoolSettings) -> [String] {
    let (before, after) = (old.servers.map(\.endpoint.comparable), new.servers.map(\.endpoint.comparable))
    guard before.count != after.count || before != after && Set(before) == Set(after) else { return [] }
    let common = min(before.count, after.count)
    if before.prefix(common) == after.prefix(common) { return [] }
    return [
      "placement \(new.placement.name) counts servers by their position: add and remove at the end of the list, "
        + "or put a new server in the place of an old one"
    ]
  }
}

extension PoolSettings {
  /// Whether other parts of keys are hashed, which only keys can show.
  fileprivate func hashesOtherParts(than new: PoolSettings) -> Bool {
    let (a, b) = (placementOptions, new.placementOptions)
    return hashTag != new.hashTag || a.skippedPrefix != b.skippedPrefix || a.stop != b.stop
      || a.tags != b.tags
      || a.keys != b.keys
  }
}

/// Counts the keys that move between two configurations, one by one.
package struct KeyCounter: ~Copyable {
  private let old: ProxySettings
  private let new: ProxySettings
  private let before: RouteResolver
  private let after: RouteResolver
  package private(set) var keys = ChangePlan.Keys()

  package init(from old: ProxySettings, to new: ProxySettings) {
    self.old = old
    self.new = new
    let oldPlan = old.routingPlan()
    before = old.resolver(of: oldPlan)
    after = new.resolver(of: new.routingPlan(reusing: oldPlan.pools))
  }

  /// A line is a key, a key and its bytes with a tab between them, or a line of `lru_crawler metadump`.
  package mutating func take(_ line: [UInt8]) {
    guard let (key, bytes) = Self.key(of: line) else {
      keys.skipped += 1
      return
    }
    count(key, bytes)
  }

  /// A key, and the bytes of its item.
  package mutating func count(_ key: [UInt8], _ bytes: Int) {
    guard !key.isEmpty, key.count <= 250, !key.contains(where: { $0 <= 32 || $0 == 127 }) else {
      keys.skipped += 1
      return
    }
    keys.read += 1
    keys.bytes = Self.sum(keys.bytes, bytes)
    let from = Self.server(of: key, old, before)
    let to = Self.server(of: key, new, after)
    if from == nil, to == nil { keys.unrouted += 1 }
    if from != to {
      keys.moved += 1
      keys.movedBytes = Self.sum(keys.movedBytes, bytes)
    }
  }

  /// Sizes are whatever a file says.
  private static func sum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }

  /// The server that a get asks first while none is out; nil if none is asked.
  private static func server(
    of key: [UInt8], _ settings: ProxySettings, _ resolver: borrowing RouteResolver
  ) -> Endpoint? {
    guard let route = resolver.resolve(key, .get), let pool = route.firstPool,
      case let server?? = resolver.servers(of: route).first
    else { return nil }
    return settings.pools[pool].servers[server].endpoint.comparable
  }

  private static func key(of line: [UInt8]) -> (key: [UInt8], bytes: Int)? {
    var (key, bytes) = (line, 0)
    if line.starts(with: "key=".utf8) {
      guard let item = MetadumpLine.item(line) else { return nil }
      (key, bytes) = item
    } else if let tab = line.firstIndex(of: 9) {
      key = Array(line[..<tab])
      bytes = MetadumpLine.number(line[(tab + 1)...])
    }
    if key.last == 13 { key.removeLast() }
    return key.isEmpty ? nil : (key, bytes)
  }
}
