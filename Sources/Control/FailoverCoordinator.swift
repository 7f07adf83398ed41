import Bytes
import Proxy
import Topology

/// Coordinates failover across all workers: moves keys when a server leaves the ring or returns, so that no key ever
/// has two owners and no owner has an old copy.
///
///     out    up ─▶ failFast ─ all workers know ─ pool is clean ─▶ ejected
///     back   ejected ─ collect ─ delete ─▶ returning ─ all workers know, collect ─ delete ─▶ up
///            then, when no request can be in flight any more, the stand-ins' copies are collected and deleted
///
/// A stand-in is the server that has an ejected server's keys. Every worker fails fast for a key before any worker
/// uses its next owner. A pool is *clean* when no server that is up holds copies of other servers' keys; until then,
/// a server that fails there fails fast and is ejected later. After a journal overflow a copy's owner is known, but
/// not its key, so it cannot be deleted: while a server that is up holds such an unlisted copy, the owner fails fast
/// and is not ejected. Only that owner is affected: while an owner is in the ring, no other server is sent its keys.
///
/// Pure decisions: events in, steps out, in order (the rules: `FailoverRules.swift`; what it knows:
/// `FailoverMembers.swift`). It reads no clock and does no I/O; the control thread carries the steps out, as the
/// simulation does.
package struct FailoverCoordinator: Sendable {
  /// What must be done on a server before it is trusted.
  package struct CleanupJob: Sendable, Equatable {
    package var flushes: Bool
    package var keys: [[UInt8]]

    package init(flushes: Bool, keys: [[UInt8]]) {
      self.flushes = flushes
      self.keys = keys
    }
  }

  /// What the control thread must do.
  package enum Step: Sendable, Equatable {
    /// Send the server's status to every worker; each confirms with `answered`, and with `takesEntries` also hands
    /// over its journal entries for the server. `wasFlushed` is nil if unchanged.
    case tell(ServerID, ServerStatus, ticket: UInt64, takesEntries: Bool, wasFlushed: Bool?)
    /// Request from every worker the copies that these servers hold of other servers' keys.
    case collectOrphans([ServerID], ticket: UInt64)
    /// Run this job on the server and report the end with `cleaned`.
    case clean(ServerID, CleanupJob)
    /// Stop the job that runs on the server, without reporting `cleaned`.
    case abandon(ServerID)
    /// To the health board: the server has been made safe, or could not be.
    case rejoined(ServerID, ok: Bool)
    /// For the log.
    case event(ServerID, FailoverEvent)
  }

  /// What happened to a server, for the log.
  package enum FailoverEvent: Sendable, Equatable {
    /// The server is back, after `deleted` deletes or a flush.
    case safe(deleted: Int, isFlushed: Bool)
    /// It was a stand-in and holds no other server's keys any more.
    case swept(deleted: Int)
    /// It was a stand-in for more keys of these owners than the journal could hold.
    case overflowed(of: Journal.Owners)
    /// Its journal had overflowed, and it has been flushed since.
    case trusted
    /// It could not be reached, or a cleanup command failed; retried.
    case unswept
    /// It refuses `flush_all`. The recorded keys are deleted instead.
    case unflushed
    /// It refuses `flush_all`, and not all of its old keys were recorded: it stays out.
    case unsafe
  }

  enum Purpose: Sendable {
    case told(ServerID)
    case orphans(PoolID)
  }

  struct Inquiry: Sendable {
    var purpose: Purpose
    var pending: Set<Int>
  }

  var members = Members([])
  var pools: [PoolState] = []
  var inquiries: [UInt64: Inquiry] = [:]
  var lastTicket: UInt64 = 0
  let workers: Int
  let mostKeys: Int
  let mostBytes: Int
  /// Keys deleted on servers since the start.
  package private(set) var deleted = 0

  /// Delay before orphaned copies are collected again after a cleanup job on a server that is up has failed.
  static let retry = Duration.seconds(1)
  /// Added to two request deadlines, because a worker checks its deadlines only every few milliseconds.
  static let slack = Duration.milliseconds(100)

  /// All servers start up, but for those that are `out`, of these pools. The limits are those of one worker; entries kept here for one server may reach their sum.
  package init(
    _ pools: [PoolMembers], workers: Int, limits: Limits = Limits(), out: [ServerID: Set<PoolID>] = [:]
  ) {
    self.workers = workers
    let share = max(1, workers)
    mostKeys = limits.journalKeys.multipliedReportingOverflow(by: share).partialValue
    mostBytes = limits.journalBytes.multipliedReportingOverflow(by: share).partialValue
    _ = reload(pools, out: out, now: .origin)
  }

  /// The status of a server as last sent to the workers.
  package func status(of server: ServerID) -> ServerStatus { members[server]?.told ?? .up }

  /// If it is ejected, the pools whose rings are without it, as last sent to the workers.
  package func ejectedFrom(_ server: ServerID) -> Set<PoolID> { members[server]?.toldFrom ?? [] }

  /// The pool for which a ticket collects copies.
  package func pool(ofCollection ticket: UInt64) -> PoolID? {
    if case .orphans(let id) = inquiries[ticket]?.purpose { id } else { nil }
  }

  /// Whether the server could leave a ring now: the pool's stand-ins hold no copies that prevent it.
  package func mayEject(_ server: ServerID) -> Bool {
    members[server]?.pools.contains { isClean($0, for: server) } ?? false
  }

  /// When `tick` has something to do.
  package var nextDeadline: Instant {
    pools.reduce(.never) { $1.round == nil ? min($0, $1.due ?? .never) : $0 }
  }

  // MARK: - Events

  /// The health board has changed a server's status.
  /// An ejected server leaves the rings of `pools`; of all its pools if that is nil.
  package mutating func wants(
    _ server: ServerID, _ status: ServerStatus, from pools: Set<PoolID>? = nil, now: Instant
  ) -> [Step] {
    guard let member = members[server] else { return [] }
    var steps: [Step] = []
    if members[server]?.phase == .returned { members[server]?.phase = .none }
    members[server]?.wanted = status
    members[server]?.wantedFrom =
      status == .ejected ? pools ?? Set(member.pools.map { self.pools[$0].members.id }) : []
    if status != .up { giveUpSweeping(server, &steps) }
    reconcile(server, now: now, &steps)
    advance(poolOf: server, now: now, &steps)
    return steps
  }

  /// The server answers probes again, and a connection for its cleanup is open. `isEmpty`: the server was restarted
  /// while it was out, no earlier than `since`.
  package mutating func returns(
    _ server: ServerID, isEmpty: Bool, since: Instant = .origin, now: Instant
  ) -> [Step] {
    guard var member = members[server], member.phase == .none || member.phase == .returned else { return [] }
    var steps: [Step] = []
    member.isEmpty = isEmpty
    member.isFlushRefused = false
    // The restart left nothing that would need the flush.
    if isEmpty, member.owedAt <= since { member.owesFlush = false }
    member.deleted = 0
    member.isFlushed = false
    member.phase = .collecting
    members[server] = member
    if isJournaled(member) {
      tell(server, member.told, takesEntries: true, &steps)
    } else {
      // Nothing is to be deleted, but clients may have been promised a flush.
      close(server, &steps)
    }
    return steps
  }

  /// A worker has done what a ticket requested, and hands over these entries.
  package mutating func answered(
    _ worker: Int, ticket: UInt64, _ entries: [ServerID: Journal.Entries], now: Instant
  ) -> [Step] {
    for (server, var entries) in entries where !entries.isEmpty && members[server]?.isNew != true {
      if ticket <= members[server]?.lastOfOldRing ?? 0 { entries.forgetOwners() }
      members[server]?.held.merge(entries, mostKeys: mostKeys, mostBytes: mostBytes)
    }
    guard inquiries[ticket]?.pending.remove(worker) != nil, let inquiry = inquiries[ticket],
      inquiry.pending.isEmpty
    else { return [] }
    inquiries[ticket] = nil
    var steps: [Step] = []
    switch inquiry.purpose {
    case .orphans(let id):
      guard let pool = pools.firstIndex(where: { $0.members.id == id && $0.round == ticket }) else {
        return []
      }
      pools[pool].round = nil
      members.free(pool)
      pools[pool].askedAt = now
      for id in pools[pool].holders { sweep(id, now: now, &steps) }
      advance(pool, now: now, &steps)
    case .told(let server):
      guard members[server]?.ticket == ticket else { return [] }
      members[server]?.isKnown = true
      allKnow(server, now: now, &steps)
    }
    return Self.ordered(steps)
  }

  /// A cleanup job has ended.
  package mutating func cleaned(_ server: ServerID, ok: Bool, now: Instant) -> [Step] {
    guard var member = members[server], let underway = member.underway else { return [] }
    var steps: [Step] = []
    member.underway = nil
    if ok {
      deleted += underway.keys.count
      member.deleted += underway.keys.count
      if member.flushes { member.isFlushed = true }
    } else {
      member.held.merge(underway, mostKeys: mostKeys, mostBytes: mostBytes)
      if member.flushes { member.owesFlush = true }
    }
    member.flushes = false
    let phase = member.phase
    if !ok { member.phase = .none }
    members[server] = member
    switch (phase, ok) {
    case (.none, true):
      if member.concerned.allSatisfy({ pools[$0].round == nil }), member.held.isEmpty {
        steps.append(.event(server, .swept(deleted: member.deleted)))
        members[server]?.deleted = 0
      }
      sweep(server, now: now, &steps)
    case (.none, false):
      for pool in member.concerned {
        schedule(pool, at: now.advanced(by: Self.retry), owes: member.owesFlush)
      }
      steps.append(.event(server, .unswept))
    case (_, false): steps.append(.rejoined(server, ok: false))
    case (.deleting, true): close(server, &steps)
    // Deletes or flushes that became due meanwhile, such as a flush that a client requested.
    default: clean(server, now: now, &steps)
    }
    advance(poolOf: server, now: now, &steps)
    return Self.ordered(steps)
  }

  /// The server refuses `flush_all`: recorded keys are deleted instead. With unrecorded old keys it stays out.
  package mutating func refusedFlush(_ server: ServerID, now: Instant) -> [Step] {
    guard var member = members[server], let underway = member.underway, member.flushes else { return [] }
    var steps: [Step] = []
    member.underway = nil
    member.flushes = false
    member.held.merge(underway, mostKeys: mostKeys, mostBytes: mostBytes)
    let phase = member.phase
    if phase != .none, isForgotten(member) {
      member.phase = .none
      if !member.isSaidUnsafe { steps.append(.event(server, .unsafe)) }
      member.isSaidUnsafe = true
      member.owesFlush = true
      members[server] = member
      steps.append(.rejoined(server, ok: false))
    } else {
      if !member.isFlushRefused || phase == .none { steps.append(.event(server, .unflushed)) }
      member.isFlushRefused = true
      members[server] = member
      if phase == .none { sweep(server, now: now, &steps) } else { clean(server, now: now, &steps) }
    }
    advance(poolOf: server, now: now, &steps)
    return Self.ordered(steps)
  }

  /// The connection to a returning server was lost, before or during its cleanup job.
  package mutating func interrupted(_ server: ServerID, now: Instant) -> [Step] {
    guard let member = members[server], member.phase != .none else { return [] }
    if member.underway != nil { return cleaned(server, ok: false, now: now) }
    members[server]?.phase = .none
    var steps: [Step] = [.rejoined(server, ok: false)]
    advance(poolOf: server, now: now, &steps)
    return Self.ordered(steps)
  }

  /// A client's `flush_all` did not reach the server.
  package mutating func oweFlush(_ server: ServerID, now: Instant) -> [Step] {
    members[server]?.owesFlush = true
    members[server]?.owedAt = now
    var steps: [Step] = []
    sweep(server, now: now, &steps)
    return steps
  }

  /// The server has done a client's `flush_all` without delay, which a worker sent at `asked`. The server holds no
  /// earlier copies any more; writes in flight then may still have added some.
  package mutating func flushed(_ server: ServerID, asked: Instant, now: Instant) -> [Step] {
    guard let member = members[server], member.told == .up, member.phase == .none,
      member.pools.allSatisfy({ asked > pools[$0].askedAt })
    else { return [] }
    guard !takeCleared(server).isEmpty else { return [] }
    var steps: [Step] = [.event(server, .trusted)]
    if members[server]?.held.hasOverflowed == true {
      steps = []
    } else {
      members[server]?.overflowed = Journal.Owners()
    }
    advance(poolOf: server, now: now, &steps)
    return steps
  }

  /// A server that is out may hold any outdated keys: it is flushed before it is used.
  mutating func mustFlush(_ server: ServerID) {
    members[server]?.isNew = false
    members[server]?.owesFlush = true
    members[server]?.held.overflowAll()
  }

  /// The server has a new address. If it is out, its entries describe another machine: it is unknown which keys the
  /// new machine must delete.
  package mutating func moved(_ server: ServerID) {
    guard let member = members[server], member.told != .up || member.wanted != .up,
      isJournaled(member)
    else { return }
    members[server]?.held.overflowAll()
  }

  /// Starts the collection of orphaned copies in pools where it is due.
  package mutating func tick(now: Instant) -> [Step] {
    var steps: [Step] = []
    for i in pools.indices {
      guard let due = pools[i].due, now >= due, pools[i].round == nil else { continue }
      pools[i].due = nil
      let up = pools[i].holders.filter { members[$0]?.told == .up }
      let ticket = newTicket(.orphans(pools[i].members.id))
      pools[i].round = ticket
      steps.append(.collectOrphans(up, ticket: ticket))
    }
    return steps
  }

  /// Applies a new configuration. Servers that stay keep what is known about them; the others are forgotten. `kept`:
  /// pools with the same ring and servers as before; of these nothing is forgotten. If a server of another pool was
  /// out, or its stand-ins were not clean yet, keys written elsewhere may now have other owners: the pool is checked
  /// once more for copies on servers that do not own them. `out`: of new servers, those that are out from the start.
  package mutating func reload(
    _ new: [PoolMembers], keeping kept: Set<PoolID> = [], out: [ServerID: Set<PoolID>] = [:], now: Instant
  ) -> [Step] {
    let (old, oldPools) = (members, pools)
    let quiet = pools.indices.map { i in
      isClean(i) && pools[i].servers.allSatisfy { members[$0]?.told ?? .up == .up }
    }
    var steps: [Step] = []
    members = Members(new.map { $0.servers + $0.standIns })
    pools = new.map { PoolState(members: $0) }
    for (i, pool) in new.enumerated() {
      let before = oldPools.first { $0.members.id == pool.id }
      let isJournaled = pool.policy.isJournaled
      let isKept = kept.contains(pool.id) && before?.servers == pool.servers
      var (isBegun, isQuiet) = (false, true)
      for id in pool.servers {
        if members[id] == nil {
          var member = old[id] ?? Member(outOf: out[id])
          member.pools = []
          member.standsInFor = []
          members[id] = member
        }
        guard var member = members[id], !member.pools.contains(i) else { continue }
        member.pools.append(i)
        if let before = old[id] {
          isBegun = isBegun || isJournaled && !before.pools.contains { oldPools[$0].isJournaled }
          isQuiet = isQuiet && before.pools.allSatisfy { quiet[$0] }
        }
        if !isKept {
          member.lastOfOldRing = lastTicket
          member.held.forgetOwners()
          member.underway?.forgetOwners()
        }
        members[id] = member
      }
      if isKept, !isBegun, isJournaled, let before {
        (pools[i].due, pools[i].round, pools[i].askedAt) = (before.due, before.round, before.askedAt)
      } else if !isQuiet, isJournaled {
        pools[i].due = now.advanced(by: pool.policy.requestTimeout * 2 + Self.slack)
      }
      if isBegun { begin(i) }
    }
    for (i, pool) in new.enumerated() {
      for id in pool.standIns
      where members[id] != nil && members[id]?.concerned.contains(i) == false {
        members[id]?.standsInFor.append(i)
      }
    }
    for id in old.servers where members[id] == nil && old[id]?.underway != nil {
      steps.append(.abandon(id))
    }
    for id in members.servers.sorted() { leaveRemovedPools(id, now: now, &steps) }
    return steps
  }
}
