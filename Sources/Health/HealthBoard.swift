import Bytes
import Topology

/// The health of all servers of all pools, and every decision about it: one per process.
///
///     workers ── failed, answered ──▶ ┌───────┐ ── changes ────▶ failover coordinator
///     probes ─── probed ────────────▶ │ board │ ── due probes ─▶ probes
///     rejoin ─── rejoined ──────────▶ └───────┘ ── rejoining ──▶ rejoin
///
/// Owned by the control thread. It reads no clock and draws no random number: the caller passes both in, so that the
/// same events give the same decisions. A failure and a return cost next to nothing, however many servers are out;
/// `dueProbes` and `nextDeadline` O(all servers). Events about unknown or removed servers are ignored.
package struct HealthBoard: Sendable {
  /// A status change, to be applied in the order returned.
  package enum Change: Equatable, Sendable {
    /// The server went out. `ejected` tells whether it may leave the ring, or stays there and fails fast (the floor).
    case down(ServerID, ServerFailure, ejected: Bool)
    /// The server answers probes again: clean it up, then report `rejoined`. Not used until then.
    case rejoining(ServerID)
    /// The server is in the ring and used again.
    case up(ServerID)
    /// The server was failing fast; the floor now permits ejection, and it leaves the ring of a pool.
    case ejected(ServerID)
    /// The server was ejected; a reload left too few servers, so it is back in the ring and fails fast.
    case restored(ServerID)
    /// The operator has taken the server out, or has it return.
    case marked(ServerID, isDown: Bool)
  }

  /// Why a server is out though it has not failed. The floor does not count such a server: it protects from failures.
  private enum Hold {
    /// The operator has marked it. It is not probed.
    case marked
    /// It is new in the process, or was marked: it is used when it has answered and is safe.
    case joining
  }

  private struct Entry {
    var pools: [PoolID]
    var health = ServerHealth()
    /// The position in the order in which servers failed.
    var fall: UInt64 = 0
    /// The pools whose rings may be without it.
    var ejectedFrom: Set<PoolID> = []
    var hold: Hold?
  }

  /// How a pool stands: the servers that have failed and are still out, in the order in which they failed, and how many of
  /// them, from the first on, its ring may be without. Servers that are held out do not count.
  private struct Outage {
    var failed: [ServerID] = []
    var mayEject = 0
  }

  private var pools: [PoolID: PoolMembers] = [:]
  private var outages: [PoolID: Outage] = [:]
  private var entries: [ServerID: Entry] = [:]
  private var falls: UInt64 = 0

  /// Every server counts as up until it fails, but for those that are marked: their outage begins now.
  package init(_ pools: [PoolMembers], marked: Set<ServerID> = [], at now: Instant = .origin) {
    _ = reload(pools, marked: marked, at: now)
  }

  // MARK: - Events

  /// A worker saw a server fail. Each failure of a burst may be reported.
  package mutating func failed(
    _ server: ServerID, _ cause: ServerFailure, at now: Instant, random: UInt64
  ) -> [Change] {
    guard var entry = entries[server], let policy = policy(of: entry) else { return [] }
    let action = entry.health.failed(cause, at: now, random: random, policy)
    guard case .takeOut(let cause) = action else {
      entries[server] = entry
      return []
    }
    falls += 1
    entry.fall = falls
    // It is the last to have failed, so it changes nothing for the others.
    for pool in entry.pools {
      outages[pool]?.failed.append(server)
      guard let outage = outages[pool], outage.failed.count <= outage.mayEject else { continue }
      entry.ejectedFrom.insert(pool)
    }
    entries[server] = entry
    return [.down(server, cause, ejected: !entry.ejectedFrom.isEmpty)]
  }

  /// A worker received a reply of this server at `now`. Workers need to report this only after a failure; reporting
  /// the time of the last reply just before a failure is enough as well.
  package mutating func answered(_ server: ServerID, at now: Instant) {
    entries[server]?.health.answered(at: now)
  }

  /// A probe from `dueProbes` finished; if it failed, for a cause.
  package mutating func probed(
    _ server: ServerID, ok: Bool, _ cause: ServerFailure = .timedOut, at now: Instant, random: UInt64
  ) -> [Change] {
    guard let policy = entries[server].flatMap(policy) else { return [] }
    guard ok else {
      entries[server]?.health.probeFailed(cause, at: now, random: random, policy)
      return []
    }
    let action = entries[server]?.health.probeSucceeded(at: now, random: random, policy)
    return action == .rejoin ? [.rejoining(server)] : []
  }

  /// The cleanup of a `rejoining` server finished (`ok`) or failed.
  package mutating func rejoined(
    _ server: ServerID, ok: Bool, at now: Instant, random: UInt64
  ) -> [Change] {
    guard let policy = entries[server].flatMap(policy) else { return [] }
    guard ok else {
      entries[server]?.health.rejoinFailed(at: now, random: random, policy)
      return []
    }
    guard entries[server]?.health.rejoined(at: now) == .bringBack else { return [] }
    entries[server]?.ejectedFrom = []
    let wasHeld = entries[server]?.hold != nil
    entries[server]?.hold = nil
    let own = entries[server]?.pools ?? []
    // With one less that is held out, the floor is another.
    if wasHeld { return [.up(server)] + own.compactMap { pools[$0] }.flatMap { settle($0) } }
    return [.up(server)] + own.flatMap { leave(server, $0) }
  }

  /// The server has a new address: earlier failures do not count, and if it is out it is probed at once.
  package mutating func moved(_ server: ServerID, at now: Instant) {
    entries[server]?.health.moved(at: now)
  }

  /// Replaces the pools. Servers that stay (by number, in any pool) keep their health, removed servers are forgotten,
  /// new ones count as up, but for those `joining`: these are probed first. Those `marked` are out until they are no longer.
  /// Returns the changes only of servers that were out and still are, or are marked, because a new configuration includes
  /// new views anyway.
  package mutating func reload(
    _ newPools: [PoolMembers], marked: Set<ServerID> = [], joining: Set<ServerID> = [], at now: Instant
  ) -> [Change] {
    var kept: [ServerID: Entry] = [:]
    pools = [:]
    outages = [:]
    var order: [PoolMembers] = []
    for pool in newPools where pools[pool.id] == nil {
      for server in pool.servers where kept[server]?.pools.contains(pool.id) != true {
        if kept[server] == nil {
          kept[server] = entries[server] ?? Entry(pools: [])
          kept[server]?.pools = []
        }
        kept[server]?.pools.append(pool.id)
      }
      pools[pool.id] = pool
      order.append(pool)
    }
    let known = entries
    entries = kept
    var changes: [Change] = []
    for server in kept.keys.sorted() {
      entries[server]?.ejectedFrom.formIntersection(kept[server]?.pools ?? [])
      if marked.contains(server) != (kept[server]?.hold == .marked) {
        changes.append(.marked(server, isDown: marked.contains(server)))
        hold(server, marked.contains(server) ? .marked : .joining, at: now)
      } else if known[server] == nil, joining.contains(server) {
        hold(server, .joining, at: now)
      }
      if entries[server]?.hold != .marked { update(server) { $0.obey($1, at: now) } }
    }
    return changes + order.flatMap { settle($0) }
  }

  private mutating func hold(_ server: ServerID, _ hold: Hold, at now: Instant) {
    entries[server]?.hold = hold
    entries[server]?.health.takeOut(at: now, nextProbe: hold == .marked ? .never : now)
  }

  // MARK: - Probes

  /// The servers to probe now, longest due first. Each is returned once; the caller reports the probe's result.
  package mutating func dueProbes(at now: Instant) -> [ServerID] {
    var due: [(at: Instant, server: ServerID)] = []
    for (server, entry) in entries where entry.health.nextProbe <= now {
      due.append((entry.health.nextProbe, server))
    }
    due.sort { ($0.at, $0.server) < ($1.at, $1.server) }
    for (_, server) in due { update(server) { $0.probeSent(at: now, $1) } }
    return due.map(\.server)
  }

  /// The time of the next probe; `never` if all servers are up.
  package var nextDeadline: Instant {
    entries.values.reduce(.never) { min($0, $1.health.nextProbe) }
  }

  // MARK: - Views

  /// The status of each server of a pool, in the pool's order; empty for an unknown pool.
  package func view(_ pool: PoolID) -> [ServerStatus] {
    pools[pool]?.servers.map { status(of: $0) } ?? []
  }

  /// The status of a server; an unknown server counts as up.
  package func status(of server: ServerID) -> ServerStatus {
    guard let entry = entries[server], !entry.health.isUp else { return .up }
    return entry.ejectedFrom.isEmpty ? .failFast : .ejected
  }

  /// The pools whose rings may be without the server.
  package func ejectedFrom(_ server: ServerID) -> Set<PoolID> { entries[server]?.ejectedFrom ?? [] }

  /// The servers that are out, and the pools whose rings may be without them.
  package var out: [ServerID: Set<PoolID>] {
    entries.filter { !$0.value.health.isUp }.mapValues(\.ejectedFrom)
  }

  /// Whether the operator has taken the server out.
  package func isMarked(_ server: ServerID) -> Bool { entries[server]?.hold == .marked }

  /// Whether the server is to be used as soon as it has answered and is safe, for the first time or after a mark.
  package func isJoining(_ server: ServerID) -> Bool { entries[server]?.hold == .joining }

  /// The health of a server, for display.
  package func health(of server: ServerID) -> ServerHealth? { entries[server]?.health }

  // MARK: - The floor

  /// A server that had failed is up again: the first of those that wait is ejected in its place.
  private mutating func leave(_ server: ServerID, _ pool: PoolID) -> [Change] {
    guard let place = outages[pool]?.failed.firstIndex(of: server) else { return [] }
    outages[pool]?.failed.remove(at: place)
    guard let outage = outages[pool], place < outage.mayEject,
      outage.failed.count >= outage.mayEject
    else { return [] }
    let next = outage.failed[outage.mayEject - 1]
    entries[next]?.ejectedFrom.insert(pool)
    return [.ejected(next)]
  }

  /// Applies the floor to a pool in its current state and returns the changes, in the order in which the servers
  /// failed.
  private mutating func settle(_ pool: PoolMembers) -> [Change] {
    var seen: Set<ServerID> = []
    let own = pool.servers.filter { entries[$0] != nil && seen.insert($0).inserted }
    let fallen = own.compactMap { server in entries[server].map { (server, $0) } }
      .filter { !$0.1.health.isUp }
      .sorted { $0.1.fall < $1.1.fall }
    // A pool without any other server keeps the last that is held out.
    let passesOn = !pool.standIns.isEmpty
    let held = fallen.filter { $0.1.hold != nil }.prefix(passesOn ? own.count : own.count - 1)
    let limit =
      passesOn
      ? PoolGuard(passingOn: own.count)
      : PoolGuard(
        servers: own.count - held.count, floorPercent: pool.policy.floorPercent,
        onFailure: pool.policy.onFailure)
    let failed = fallen.filter { $0.1.hold == nil }.map(\.0)
    outages[pool.id] = Outage(failed: failed, mayEject: limit.mayEject)
    let out = Set(held.map(\.0) + limit.ejected(of: failed))
    var changes: [Change] = []
    for (server, entry) in fallen where entry.ejectedFrom.contains(pool.id) != out.contains(server) {
      if out.contains(server) {
        entries[server]?.ejectedFrom.insert(pool.id)
      } else {
        entries[server]?.ejectedFrom.remove(pool.id)
      }
      changes.append(out.contains(server) ? .ejected(server) : .restored(server))
    }
    return changes
  }

  /// The rules by which a server's health is decided: of several pools, the most impatient.
  private func policy(of entry: Entry) -> PoolPolicy? {
    let all = entry.pools.compactMap { pools[$0]?.policy }
    return all.dropFirst().reduce(all.first) { merged, other in
      guard var merged else { return nil }
      merged.failures = min(merged.failures, other.failures)
      merged.probeInterval = min(merged.probeInterval, other.probeInterval)
      merged.probeMax = min(merged.probeMax, other.probeMax)
      return merged
    }
  }

  private mutating func update(_ server: ServerID, _ body: (inout ServerHealth, PoolPolicy) -> Void) {
    guard var entry = entries[server], let policy = policy(of: entry) else { return }
    body(&entry.health, policy)
    entries[server] = entry
  }
}
