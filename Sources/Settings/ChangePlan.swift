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
    /// Lines that are no keys.
    package var skipped = 0

    /// The share of the keys that have another server.
    package var share: Double { read == 0 ? 0 : Double(moved) / Double(read) }
  }

  package private(set) var pools: [Pool] = []
  package private(set) var addedPools: [String] = []
  package private(set) var removedPools: [String] = []
  package private(set) var warnings: [String] = []
  /// Nil unless keys were counted.
  package var keys: Keys?

  /// Compares two configurations, pool by pool. Milliseconds for rings; a second where samples are needed.
  package init(from old: ProxySettings, to new: ProxySettings) {
    for pool in new.pools {
      if let before = old.pools.first(where: { $0.name == pool.name }) {
        pools.append(Self.change(from: before, to: pool))
      } else {
        addedPools.append(pool.name)
      }
    }
    removedPools = old.pools.map(\.name).filter { name in !new.pools.contains { $0.name == name } }
    if old.routes.map({ [$0.prefix, $0.pool] }) != new.routes.map({ [$0.prefix, $0.pool] }) {
      warnings.append(
        "routes are different: keys whose prefix goes to another pool move too; --keys counts them")
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
    for key in [PoolKey.placement, .hash, .hashTag] {
      let (from, to) = (old.written(key) ?? "", new.written(key) ?? "")
      if from != to, moved > 0 {
        warnings.append(
          "\(key.rawValue) changes from \(from) to \(to): \(moved > 0.5 ? "nearly every key moves" : "keys move")"
        )
      }
    }
    if old.placement == new.placement, new.placement.hashesLabels {
      for server in new.servers {
        guard let before = old.servers.first(where: { $0.endpoint.comparable == server.endpoint.comparable })
        else {
          continue
        }
        let labels = (old.label(of: before), new.label(of: server))
        if labels.0 != labels.1 {
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

/// Counts the keys that move between two configurations, one by one.
package struct KeyCounter: ~Copyable {
  private let old: ProxySettings
  private let new: ProxySettings
  private let before: RoutingTable
  private let after: RoutingTable
  package private(set) var keys = ChangePlan.Keys()

  package init(from old: ProxySettings, to new: ProxySettings) {
    self.old = old
    self.new = new
    before = RoutingTable(old.routingPlan())
    after = RoutingTable(new.routingPlan())
  }

  /// A line is a key, a key and its bytes with a tab between them, or a line of `lru_crawler metadump`.
  package mutating func take(_ line: [UInt8]) {
    guard let (key, bytes) = Self.key(of: line) else {
      keys.skipped += 1
      return
    }
    keys.read += 1
    keys.bytes += bytes
    let (from, to) = (server(of: key, old, before.where(key)), server(of: key, new, after.where(key)))
    if from != to {
      keys.moved += 1
      keys.movedBytes += bytes
    }
  }

  private func server(of key: [UInt8], _ settings: ProxySettings, _ place: RoutingTable.Place?) -> Endpoint? {
    guard let place, settings.pools.indices.contains(place.pool),
      settings.pools[place.pool].servers.indices.contains(place.server)
    else { return nil }
    return settings.pools[place.pool].servers[place.server].endpoint.comparable
  }

  private static func key(of line: [UInt8]) -> (key: [UInt8], bytes: Int)? {
    var (key, bytes) = (line, 0)
    if line.starts(with: "key=".utf8) {
      let words = line.split(separator: 32)
      guard let decoded = words.first.flatMap({ decoded($0.dropFirst(4)) }) else { return nil }
      key = decoded
      if let size = words.first(where: { $0.starts(with: "size=".utf8) }) {
        bytes = number(size.dropFirst(5))
      }
    } else if let tab = line.firstIndex(of: 9) {
      key = Array(line[..<tab])
      bytes = number(line[(tab + 1)...])
    }
    if key.last == 13 { key.removeLast() }
    guard !key.isEmpty, key.count <= 250, !key.contains(where: { $0 <= 32 || $0 == 127 }) else { return nil }
    return (key, bytes)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int {
    min(Int(String(decoding: digits.prefix { (48...57).contains($0) }, as: UTF8.self)) ?? 0, 1 << 40)
  }

  /// A percent-encoded key.
  private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var key: [UInt8] = []
    var i = text.startIndex
    while i < text.endIndex {
      if text[i] == UInt8(ascii: "%") {
        guard i + 2 < text.endIndex,
          let byte = UInt8(String(decoding: text[(i + 1)...(i + 2)], as: UTF8.self), radix: 16)
        else { return nil }
        key.append(byte)
        i += 3
      } else {
        key.append(text[i])
        i += 1
      }
    }
    return key
  }
}
