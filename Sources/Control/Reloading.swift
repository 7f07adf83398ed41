import Bytes
import Proxy
import Settings
import Topology

// Reloading: a new configuration is read, checked and built beside the one in force, then given to every worker, which
// applies it between two requests. A bad configuration changes nothing.

/// What caused a reload.
package enum ReloadCause: String, Sendable {
  case signal = "SIGHUP"
  case file = "the file has changed"
  case request = "asked by the admin interface"
}

/// Why the proxy cannot start, or cannot apply a configuration, in one line.
package struct StartFailure: Error {
  package let reason: String
  /// Whether a retry may succeed, as for a lack of descriptors.
  package let isPassing: Bool

  package init(_ reason: String, isPassing: Bool = false) {
    self.reason = reason
    self.isPassing = isPassing
  }
}

/// A valid configuration that is not in force yet.
struct WaitingReload {
  let settings: ProxySettings
  let changes: [SettingsChange]
  let cause: ReloadCause
  /// When it is applied even if its names, which were never looked up, are still unknown.
  let deadline: Instant

  /// The host names of its servers and listeners.
  var names: [String] {
    let servers = settings.pools.flatMap(\.servers).map(\.endpoint)
    return (servers + settings.listeners.map(\.endpoint)).compactMap(ResolverCache.name)
  }
}

extension ControlPlane {
  /// Begins the reloads whose time has come.
  mutating func reloadWhatIsDue(now: Instant) {
    // An editor writes a file in several steps: the reload waits until they are over.
    if let changed = fileChangedAt, now.since(changed) >= .milliseconds(50) {
      fileChangedAt = nil
      reload(.file, now: now)
    }
    if let postponedReload, now >= postponedReload.until { reload(postponedReload.cause, now: now) }
  }

  /// Begins a reload; a signal also has all names looked up again.
  package mutating func reload(_ cause: ReloadCause, now: Instant) {
    if cause == .signal { names.refresh(at: now) }
    guard !isDraining else { return emit(.reloaded(.refused("the proxy is stopping"))) }
    postponedReload = nil
    emit(.readSettings(cause))
  }

  /// Handles the configuration that was read, or the reasons why there is none.
  package mutating func read(
    _ result: Result<ProxySettings, ConfigFailure>, _ cause: ReloadCause, now: Instant
  ) {
    let new: ProxySettings
    switch result {
    case .success(let settings): new = settings
    case .failure(let error):
      return refuse(error.errors.map(\.description), isPassing: error.isPassing, cause, now: now)
    }
    if let waiting {
      if SettingsChange.compare(waiting.settings, new).isEmpty { return }
      // The waiting configuration is applied first, with the addresses known so far.
      emit(.prepare(waiting.settings))
      return emit(.readSettings(cause))
    }
    let changes = SettingsChange.compare(settings, new)
    guard !changes.isEmpty else {
      // A signal is answered with a log line; a file may be touched without a change.
      if cause != .file { logAlways(.info, "reload: nothing has changed", [("why", cause.rawValue)]) }
      // The file is again the configuration in force.
      lastReloadError = ""
      emit(.report)
      return emit(.reloaded(.applied([])))
    }
    let next = WaitingReload(
      settings: new, changes: changes, cause: cause, deadline: now.advanced(by: Self.patience))
    for name in next.names { names.wantLookup(of: name) }
    lookUpNames(now: now)
    waiting = next
    finishReload(now: now)
  }

  /// Applies the waiting configuration once its names were looked up or its deadline has passed.
  mutating func finishReload(now: Instant) {
    guard let waiting, !isDraining else { return }
    guard now >= waiting.deadline || waiting.names.allSatisfy(names.isAnswered) else { return }
    emit(.prepare(waiting.settings))
  }

  /// The configuration's listeners are open; or they could not be opened, and nothing has changed.
  package mutating func prepared(_ result: Result<Void, StartFailure>, now: Instant) {
    guard let reload = waiting else { return }
    waiting = nil
    if case .failure(let error) = result {
      findMembers()
      return refuse([error.reason], isPassing: error.isPassing, reload.cause, now: now)
    }
    let before = settings.pools
    take(reload.settings, now: now)
    reloads += 1
    lastReloadError = ""
    for change in reload.changes {
      if case .hiddenByFlag = change {
        hiddenChanges += 1
        logAlways(.warning, "reload", [("change", change.description), ("why", reload.cause.rawValue)])
        continue
      }
      logAlways(.info, "reload", [("change", change.description), ("why", reload.cause.rawValue)])
    }
    noteMovedKeys(from: before)
    emit(.report)
    emit(.reloaded(.applied(reload.changes.map(\.description))))
  }

  /// Whether a restart would fail, because the file cannot be read.
  package var isFileUnreadable: Bool { fileProblem.map { $0.checks >= 2 } ?? false }

  /// Notes whether the file can be read; `unreadable` is the reason why not. Called once a second. An editor may take the
  /// file away for a moment, so one check is not enough.
  package mutating func fileChecked(unreadable: String?, now: Instant) {
    let wasUnreadable = isFileUnreadable
    fileProblem = unreadable.map { ($0, (fileProblem?.checks ?? 0) + 1) }
    guard isFileUnreadable != wasUnreadable else { return }
    if let unreadable {
      logSeldom(
        .warning,
        "the configuration file cannot be read: the running configuration stays, a restart would fail",
        [("reason", unreadable)], now: now)
    } else {
      logSeldom(.info, "the configuration file can be read again", [], now: now)
    }
    emit(.report)
  }

  /// Keeps the old configuration. What may be a temporary failure is tried again in a second, and logged once per
  /// reason.
  private mutating func refuse(_ reasons: [String], isPassing: Bool, _ cause: ReloadCause, now: Instant) {
    emit(.reloaded(.refused(reasons.first ?? "")))
    if isPassing { postponedReload = (cause, until: now.advanced(by: .seconds(1))) }
    guard !isPassing || lastReloadError != reasons.first else { return }
    reloadFailures += 1
    lastReloadError = reasons.first ?? ""
    if isPassing {
      logSeldom(
        .warning, "reload postponed: tried again each second",
        [("why", cause.rawValue), ("reason", lastReloadError)], now: now)
    } else {
      for reason in reasons {
        logAlways(
          .error, "reload refused: the old configuration stays",
          [("why", cause.rawValue), ("reason", reason)])
      }
    }
    emit(.report)
  }

  private mutating func take(_ new: ProxySettings, now: Instant) {
    let (old, known) = (settings, Set(runtimePlan.plan.servers.map(\.id)))
    formerMembers.insert(old.pools)
    settings = new
    settings.threads = old.threads
    settings.pinsThreads = old.pinsThreads
    let before = runtimePlan.plan
    runtimePlan = RuntimePlan(
      new, workers: workers, limits: before.limits, after: before, registry: &registry)
    findMembers()
    let ids = Set(runtimePlan.plan.servers.map(\.id))
    for server in runtimePlan.marked where !board.isMarked(server) { abandonSession(server, now: now) }
    noteJoins(known: known, oldPools: old.pools)
    let changes = board.reload(
      runtimePlan.plan.pools, marked: runtimePlan.marked, joining: Set(joins.keys), at: now)
    let (current, out) = (failover, board.out)
    runtimePlan.setStatuses { id in
      guard !known.contains(id), let pools = out[id] else {
        return (current.status(of: id), current.ejectedFrom(id))
      }
      return (pools.isEmpty ? .failFast : .ejected, pools)
    }
    for server in sessions.keys.sorted() where !ids.contains(server) { leave(server) }
    waitingProbes = waitingProbes.filter { ids.contains($0.key) }
    records = records.filter { ids.contains($0.key) }
    emit(.tell(.apply(runtimePlan.plan, addresses: names.addresses, named: names.named)))
    perform(
      failover.reload(
        runtimePlan.plan.pools, keeping: runtimePlan.plan.keptPools, out: out, now: now), now: now)
    // The floor may allow other servers to be ejected among the new ones.
    apply(changes, now: now)
  }

  /// Marks a server down, or removes its mark, until the next reload. As if the file had that mark.
  package mutating func mark(_ address: String, isDown: Bool, now: Instant) {
    var new = settings
    for i in new.pools.indices {
      for n in new.pools[i].servers.indices where new.pools[i].servers[n].address == address {
        new.pools[i].servers[n].isMarkedDown = isDown
      }
    }
    guard new != settings else { return }
    take(new, now: now)
    emit(.report)
  }

  // MARK: - Servers that join, keys that move

  /// Notes what is to be done with the items of servers that a reload has added to pools; `known` are those that some pool
  /// had before. One of those is used in its new pool at once: a flush would take the other pool's keys. So is a server of
  /// a pool that is new too, if it holds nothing that is known to be old.
  mutating func noteJoins(known: Set<ServerID>, oldPools: [PoolSettings]) {
    let known = known.subtracting(joins.keys)
    joins = [:]
    for member in runtimePlan.members {
      let pool = settings.pools[member.pool]
      let wasMember = formerMembers.contains(member.settings)
      let join = Join(pool.policy.onJoin, wasMember: wasMember)
      if known.contains(member.id) {
        let isNew = oldPools.first { $0.name == pool.name }.map { old in
          !old.servers.contains { $0.endpoint.comparable == member.settings.endpoint.comparable }
        }
        guard isNew == true, join.flushes else { continue }
        log(
          .warning, member.id, "server joins another pool as it is: its items of before may be outdated",
          ["pool": pool.name, "why": "it is in use: a flush would take its other keys"])
      } else if join.flushes || oldPools.contains(where: { $0.name == pool.name }) {
        if joins[member.id]?.flushes != true { joins[member.id] = join }
      }
    }
  }

  /// A server that joins has told its number of items, or that it does not tell it: what is done with them is logged.
  /// Without a flush it is used now.
  mutating func decideJoin(_ server: ServerID, _ join: Join, items: UInt64?, now: Instant) {
    let flushes = join.flushes && items != 0
    if !join.isSaid {
      joins[server]?.isSaid = true
      log(
        .info, server, "server joins",
        [
          "items": items.map { "\($0)" } ?? "unknown",
          "do": flushes ? "flush" : "keep",
          "why": items == 0 ? "it is empty" : join.reason,
        ])
    }
    if !flushes { endJoin(server, isFlushed: false, isEmpty: items == 0, now: now) }
  }

  /// A server that joins holds nothing outdated: it is used. If it holds anything, all workers confirm first, because one
  /// of them may have promised a client that it will be flushed.
  mutating func endJoin(_ server: ServerID, isFlushed: Bool, isEmpty: Bool, now: Instant) {
    joins[server] = nil
    if isEmpty, !failover.owesFlush(server) {
      leave(server)
      failover.noteJoin(server, isFlushed: isFlushed)
      apply(board.rejoined(server, ok: true, at: now, random: nextRandom()), now: now)
    } else {
      perform(failover.joins(server, isFlushed: isFlushed), now: now)
    }
  }

  /// A server that joins refuses `flush_all`: it stays out, and is asked again with the next probe.
  mutating func refuseJoin(_ server: ServerID, now: Instant) {
    note(server, .unsafe)
    if joins[server]?.isSaidUnsafe == false {
      joins[server]?.isSaidUnsafe = true
      log(
        .warning, server, "server stays out: its items may be outdated, and it refuses flush_all",
        ["do": "restart it, or set on_join: trust"])
    }
    leave(server)
    apply(board.rejoined(server, ok: false, at: now, random: nextRandom()), now: now)
  }

  /// Logs how many keys a reload has moved, for each pool that was there before.
  mutating func noteMovedKeys(from old: [PoolSettings]) {
    for pool in settings.pools {
      guard let share = old.first(where: { $0.name == pool.name })?.movedShare(in: pool) else { continue }
      let isMany = share > PoolSettings.notableShare
      logAlways(
        isMany ? .warning : .info, "keys have another server now",
        [
          ("pool", pool.name), ("share", "\(share) %"), ("do", isMany ? "expect misses for them" : "nothing"),
        ])
    }
  }
}
