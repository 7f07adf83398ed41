import Bytes

/// What a pool's servers owe each other when one of them has been out.
package enum RejoinRule: Sendable, Equatable {
  /// What changed meanwhile is deleted on it.
  case invalidate
  /// It is flushed, if others had its keys.
  case flush
  /// It is trusted.
  case asIs
}

/// Hands keys over when a server leaves the ring or returns, so that no key ever has two owners and none is
/// with an owner that has an old copy.
///
///     out    up ─▶ failFast ─ all workers know ─ pool is clean ─▶ ejected
///     back   ejected ─ collect ─ delete ─▶ returning ─ all workers know, collect ─ delete ─▶ up
///            then, when nothing can be underway any more, the stand-ins' copies are collected and deleted
///
/// Between two owners a key has none: every worker fails fast for it before any worker uses the next one. A
/// pool is *clean* when no server that is up holds copies of others' keys; as long as it is not, who fails
/// there fails fast and is ejected later. Copies of which only the owner is known cannot be deleted: as long as
/// a server that is up holds them their owner fails fast, and only that, for nobody is asked for another's key as
/// long as its owner is in the ring.
///
/// Plain decisions: events come in, steps come out, in order (what follows from what: `HandoverRules.swift`). It reads no clock and does nothing itself; the
/// control thread carries the steps out, as the simulation does.
package struct FailoverCoordinator: Sendable {
  package struct Pool: Sendable, Equatable {
    package var members: [UInt32]
    package var rejoin: RejoinRule
    package var requestTimeout: Duration

    package init(members: [UInt32], rejoin: RejoinRule, requestTimeout: Duration) {
      self.members = members
      self.rejoin = rejoin
      self.requestTimeout = requestTimeout
    }
  }

  /// What is to be done on a server before it is trusted.
  package struct CleanupJob: Sendable, Equatable {
    package var flushes: Bool
    package var keys: [[UInt8]]

    package init(flushes: Bool, keys: [[UInt8]]) {
      self.flushes = flushes
      self.keys = keys
    }
  }

  package enum Step: Sendable, Equatable {
    /// Tell every worker how the server stands; each says `answered`, and if it shall surrender what its
    /// journal holds against the server, with that. `wasFlushed` is nil where nothing is new.
    case tell(UInt32, ServerStatus, ticket: UInt64, takesEntries: Bool, wasFlushed: Bool?)
    /// Ask every worker for the copies that these servers hold of others' keys.
    case collectOrphans([UInt32], ticket: UInt64)
    /// Do this on the server and say `cleaned`.
    case clean(UInt32, CleanupJob)
    /// Whatever is being done on the server: stop it, and do not say `cleaned`.
    case abandon(UInt32)
    /// To the board: the server has been made safe, or could not be.
    case rejoined(UInt32, ok: Bool)
    /// For the log.
    case event(UInt32, FailoverEvent)
  }

  package enum FailoverEvent: Sendable, Equatable {
    /// The server is back, after so many deletes or a flush.
    case safe(deleted: Int, isFlushed: Bool)
    /// It was a stand-in and holds no others' keys any more.
    case swept(deleted: Int)
    /// It was a stand-in for more keys of these owners than could be noted.
    case overflowed(of: Journal.Owners)
    /// It was that, and has been flushed since.
    case trusted
    /// It could not be reached, or did not do as it was told; tried again.
    case unswept
    /// It refuses `flush_all`. The noted keys are deleted instead.
    case unflushed
    /// It refuses `flush_all`, and not all of its old keys were noted: it stays out.
    case unsafe
  }

  enum Phase: Sendable, Equatable {
    case none
    /// Returning: the workers are asked what they have so far.
    case collecting
    case deleting
    /// The workers stop using its stand-ins, say what has come since, and promise no more in its name.
    case closing
    case finishing
    /// It is safe; the board has its say before anything else is decided about it.
    case returned
  }

  struct Member: Sendable {
    var pool: Int
    /// What the board wants, and what the workers were told.
    var wanted = ServerStatus.up
    var told = ServerStatus.up
    /// The last thing told, and whether all workers have it.
    var ticket: UInt64 = 0
    var isKnown = true
    /// It left a state in which others had its keys, and not all workers know.
    var isReclaiming = false
    var phase = Phase.none
    /// To be deleted on it, and what an errand is deleting now.
    var held = Journal.Entries()
    var underway: Journal.Entries?
    var flushes = false
    var owesFlush = false
    /// When a client last asked for that.
    var owedAt = Instant.origin
    /// Whether it refused `flush_all` in this return, and whether the log has that it stays out for it.
    var isFlushRefused = false
    var isSaidUnsafe = false
    var wasEjected = false
    var isEmpty = false
    var deleted = 0
    var isFlushed = false
    /// Whose keys the log has named as too many.
    var overflowed = Journal.Owners()
  }

  struct PoolState: Sendable {
    var rules: Pool
    /// When the stand-ins' copies are to be collected.
    var due: Instant?
    /// The workers are being asked for them.
    var round: UInt64?
    /// When they last had been.
    var askedAt = Instant.origin

    var isJournaled: Bool { rules.rejoin != .asIs }
  }

  enum Purpose: Sendable {
    case told(UInt32)
    case orphans(Int)
  }

  struct Inquiry: Sendable {
    var purpose: Purpose
    var pending: Set<Int>
  }

  var members: [UInt32: Member] = [:]
  var pools: [PoolState] = []
  var inquiries: [UInt64: Inquiry] = [:]
  var lastTicket: UInt64 = 0
  /// Whoever answers a ticket up to this one may name owners by a ring of before.
  var lastOfOldRing: UInt64 = 0
  let workers: Int
  let mostKeys: Int
  let mostBytes: Int
  /// Keys deleted on servers since the start.
  package private(set) var deleted = 0

  /// How long after a failure, or after an errand that failed, stand-ins are looked at again.
  static let retry = Duration.seconds(1)
  /// A worker looks at its deadlines every few milliseconds.
  static let slack = Duration.milliseconds(100)

  /// All servers are up. The limits are a worker's; what is held here for one server may be as much of each.
  package init(_ pools: [Pool], workers: Int, limits: Limits = Limits()) {
    self.workers = workers
    let share = max(1, workers)
    mostKeys = limits.journalKeys.multipliedReportingOverflow(by: share).partialValue
    mostBytes = limits.journalBytes.multipliedReportingOverflow(by: share).partialValue
    self.pools = pools.map { PoolState(rules: $0) }
    for (i, pool) in pools.enumerated() {
      for id in pool.members { members[id] = Member(pool: i) }
    }
  }

  /// How the workers have been told that a server stands.
  package func status(of server: UInt32) -> ServerStatus { members[server]?.told ?? .up }

  /// Whether the server could leave the ring now: the pool's stand-ins hold nothing that they should not.
  package func mayEject(_ server: UInt32) -> Bool {
    members[server].map { isClean($0.pool, for: server) } ?? false
  }

  /// When `tick` has something to do.
  package var nextDeadline: Instant {
    pools.reduce(.never) { $1.round == nil ? min($0, $1.due ?? .never) : $0 }
  }

  // MARK: - Events

  /// The board's word on a server has changed.
  package mutating func wants(_ server: UInt32, _ status: ServerStatus, now: Instant) -> [Step] {
    guard members[server] != nil else { return [] }
    var steps: [Step] = []
    if members[server]?.phase == .returned { members[server]?.phase = .none }
    members[server]?.wanted = status
    if status != .up { giveUpSweeping(server, &steps) }
    reconcile(server, now: now, &steps)
    advance(poolOf: server, now: now, &steps)
    return steps
  }

  /// The server answers probes again, and the way to it is open. `isEmpty` says that it was started anew
  /// while it was out, and no sooner than at `since`.
  package mutating func returns(
    _ server: UInt32, isEmpty: Bool, since: Instant = .origin, now: Instant
  ) -> [Step] {
    guard var member = members[server], member.phase == .none || member.phase == .returned else { return [] }
    var steps: [Step] = []
    member.isEmpty = isEmpty
    member.isFlushRefused = false
    // Nothing of before is left to be flushed.
    if isEmpty, member.owedAt <= since { member.owesFlush = false }
    member.deleted = 0
    member.isFlushed = false
    member.phase = .collecting
    members[server] = member
    if pools[member.pool].isJournaled {
      tell(server, member.told, takesEntries: true, &steps)
    } else {
      // Nothing is to be deleted, but clients may have been told that it will be flushed.
      close(server, &steps)
    }
    return steps
  }

  /// A worker has done what a ticket asked of it, and surrendered this.
  package mutating func answered(
    _ worker: Int, ticket: UInt64, _ entries: [UInt32: Journal.Entries], now: Instant
  ) -> [Step] {
    for (server, var entries) in entries where !entries.isEmpty {
      if ticket <= lastOfOldRing { entries.forgetOwners() }
      members[server]?.held.merge(entries, mostKeys: mostKeys, mostBytes: mostBytes)
    }
    guard inquiries[ticket]?.pending.remove(worker) != nil, let inquiry = inquiries[ticket],
      inquiry.pending.isEmpty
    else { return [] }
    inquiries[ticket] = nil
    var steps: [Step] = []
    switch inquiry.purpose {
    case .orphans(let pool):
      guard pool < pools.count, pools[pool].round == ticket else { return [] }
      pools[pool].round = nil
      pools[pool].askedAt = now
      for id in pools[pool].rules.members { sweep(id, now: now, &steps) }
      advance(pool, now: now, &steps)
    case .told(let server):
      guard members[server]?.ticket == ticket else { return [] }
      members[server]?.isKnown = true
      allKnow(server, now: now, &steps)
    }
    return Self.ordered(steps)
  }

  /// An errand has come to its end.
  package mutating func cleaned(_ server: UInt32, ok: Bool, now: Instant) -> [Step] {
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
      if pools[member.pool].round == nil, member.held.isEmpty {
        steps.append(.event(server, .swept(deleted: member.deleted)))
        members[server]?.deleted = 0
      }
      sweep(server, now: now, &steps)
    case (.none, false):
      schedule(member.pool, at: now.advanced(by: Self.retry))
      steps.append(.event(server, .unswept))
    case (_, false): steps.append(.rejoined(server, ok: false))
    case (.deleting, true): close(server, &steps)
    // What has come since: a flush that a client wants.
    default: clean(server, now: now, &steps)
    }
    advance(poolOf: server, now: now, &steps)
    return Self.ordered(steps)
  }

  /// The server refuses `flush_all`. The noted keys are deleted instead; a server with old keys that were not noted stays out.
  package mutating func refusedFlush(_ server: UInt32, now: Instant) -> [Step] {
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

  /// The way to a returning server broke before it was asked anything.
  package mutating func interrupted(_ server: UInt32, now: Instant) -> [Step] {
    guard let member = members[server], member.phase != .none else { return [] }
    if member.underway != nil { return cleaned(server, ok: false, now: now) }
    members[server]?.phase = .none
    var steps: [Step] = [.rejoined(server, ok: false)]
    advance(poolOf: server, now: now, &steps)
    return Self.ordered(steps)
  }

  /// A client's `flush_all` did not reach the server.
  package mutating func oweFlush(_ server: UInt32, now: Instant) -> [Step] {
    members[server]?.owesFlush = true
    members[server]?.owedAt = now
    var steps: [Step] = []
    sweep(server, now: now, &steps)
    return steps
  }

  /// The server, asked by a worker at `asked`, has done a client's `flush_all` that is without a delay. What it held then
  /// it holds no more; what may have been underway to it it may still hold.
  package mutating func flushed(_ server: UInt32, asked: Instant, now: Instant) -> [Step] {
    guard let member = members[server], member.told == .up, member.phase == .none,
      asked > pools[member.pool].askedAt
    else { return [] }
    guard !takeCleared(server).isEmpty else { return [] }
    var steps: [Step] = [.event(server, .trusted)]
    if members[server]?.held.hasOverflowed == true {
      steps = []
    } else {
      members[server]?.overflowed = Journal.Owners()
    }
    advance(member.pool, now: now, &steps)
    return steps
  }

  /// The server is at another address. If it is out, what it must forget was noted of another machine: which keys
  /// this one must forget is not known.
  package mutating func moved(_ server: UInt32) {
    guard let member = members[server], member.told != .up || member.wanted != .up,
      pools[member.pool].isJournaled
    else { return }
    members[server]?.held.overflowAll()
  }

  /// Looks at the stand-ins of pools where that is due.
  package mutating func tick(now: Instant) -> [Step] {
    var steps: [Step] = []
    for i in pools.indices {
      guard let due = pools[i].due, now >= due, pools[i].round == nil else { continue }
      pools[i].due = nil
      let up = pools[i].rules.members.filter { members[$0]?.told == .up }
      let ticket = newTicket(.orphans(i))
      pools[i].round = ticket
      steps.append(.collectOrphans(up, ticket: ticket))
    }
    return steps
  }

  /// A new configuration. Servers that stay keep what is known of them, the others are forgotten. If a
  /// server was out, or its stand-ins were not clean yet, keys that were written elsewhere may have other owners
  /// from now on: all pools are looked at once more for copies that nobody should hold. `keepsRings` says that every
  /// key has the owner that it had.
  package mutating func reload(_ new: [Pool], keepsRings: Bool = false, now: Instant) -> [Step] {
    let (old, oldPools) = (members, pools)
    let isQuiet = old.values.allSatisfy { $0.told == .up } && pools.indices.allSatisfy { isClean($0) }
    let keepsOwners = keepsRings && new.map(\.members) == oldPools.map(\.rules.members)
    if !keepsOwners { lastOfOldRing = lastTicket }
    var steps: [Step] = []
    members = [:]
    pools = new.map { PoolState(rules: $0) }
    for (i, pool) in new.enumerated() {
      let wait = pool.requestTimeout * 2 + Self.slack
      pools[i].due = isQuiet || pool.rejoin == .asIs ? nil : now.advanced(by: wait)
      var isBegun = false
      for id in pool.members {
        guard var member = old[id] else {
          members[id] = Member(pool: i)
          continue
        }
        isBegun = isBegun || !oldPools[member.pool].isJournaled && pool.rejoin != .asIs
        member.pool = i
        if !keepsOwners {
          member.held.forgetOwners()
          member.underway?.forgetOwners()
        }
        members[id] = member
      }
      if isBegun { begin(i) }
    }
    for (id, member) in old where members[id] == nil && member.underway != nil {
      steps.append(.abandon(id))
    }
    return steps
  }
}
