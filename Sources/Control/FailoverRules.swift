import Bytes
import Proxy
import Topology

// The failover rules: which servers may leave the ring, what is done on a server next, which pools are clean.

extension FailoverCoordinator {
  // MARK: - Leaving and returning

  /// Starts a pool's journal. While servers are out, all members overflow: what changed before is unknown.
  mutating func begin(_ pool: Int) {
    guard pools[pool].servers.contains(where: { members[$0]?.told != .up }) else { return }
    for id in pools[pool].servers { members[id]?.held.overflowAll() }
  }

  /// Sends the workers the next status on the way to the one that the health board has set.
  mutating func reconcile(_ server: ServerID, now: Instant, _ steps: inout [Step]) {
    guard let member = members[server], member.phase == .none else { return }
    switch (member.wanted, member.told) {
    case (.up, .failFast), (.up, .ejected), (.up, .returning):
      members[server]?.wasEjected = false
      members[server]?.isSaidUnsafe = false
      steps.append(.event(server, .safe(deleted: member.deleted, isFlushed: member.isFlushed)))
      let wasFlushed: Bool? = member.isFlushed ? true : member.isEmpty ? false : nil
      members[server]?.deleted = 0
      tell(server, .up, takesEntries: true, wasFlushed: wasFlushed, &steps)
    case (.failFast, .up), (.failFast, .ejected), (.failFast, .returning), (.ejected, .up),
      (.ejected, .returning):
      tell(server, .failFast, takesEntries: false, &steps)
    case (.ejected, .ejected) where !member.toldFrom.isSubset(of: member.wantedFrom):
      // One pool has it back, though it is out: all its keys fail fast until the other pools eject it again.
      tell(server, .failFast, takesEntries: false, &steps)
    case (.ejected, .failFast), (.ejected, .ejected):
      let ready = member.pools.filter { isClean($0, for: server) }.map { pools[$0].members.id }
      let from = member.toldFrom.union(member.wantedFrom.intersection(ready))
      guard member.isKnown, from != member.toldFrom else { break }
      members[server]?.wasEjected = true
      members[server]?.toldFrom = from
      tell(server, .ejected, takesEntries: false, &steps)
    default: break
    }
  }

  /// After a reload: a server that was ejected from pools that it is no longer in.
  mutating func leaveRemovedPools(_ server: ServerID, now: Instant, _ steps: inout [Step]) {
    guard let member = members[server] else { return }
    let ids = Set(member.pools.map { pools[$0].members.id })
    guard !member.toldFrom.isSubset(of: ids) || !member.wantedFrom.isSubset(of: ids) else { return }
    members[server]?.toldFrom.formIntersection(ids)
    members[server]?.wantedFrom.formIntersection(ids)
    if member.wanted == .ejected, members[server]?.wantedFrom.isEmpty == true {
      members[server]?.wanted = .failFast
    }
    reconcile(server, now: now, &steps)
  }

  /// Whether changes of keys are recorded for some pool of the server.
  func isJournaled(_ member: Member) -> Bool { member.pools.contains { pools[$0].isJournaled } }

  mutating func allKnow(_ server: ServerID, now: Instant, _ steps: inout [Step]) {
    guard let member = members[server] else { return }
    if member.told == .up { members[server]?.isNew = false }
    if member.isReclaiming {
      members[server]?.isReclaiming = false
      // Requests sent to its stand-ins are answered or given up within one deadline, and a connection that owes
      // replies is closed within two.
      let longest = member.pools.map { pools[$0].policy.requestTimeout }.max() ?? .zero
      for pool in member.pools { schedule(pool, at: now.advanced(by: longest * 2 + Self.slack)) }
    }
    switch member.phase {
    case .collecting:
      members[server]?.phase = .deleting
      clean(server, now: now, &steps)
    case .closing:
      members[server]?.phase = .finishing
      clean(server, now: now, &steps)
    default:
      // Deletes entries for writes refused while it failed fast, after the last collection.
      sweep(server, now: now, &steps)
      reconcile(server, now: now, &steps)
    }
    advance(poolOf: server, now: now, &steps)
  }

  /// Cleans a returning server: starts the next cleanup job, or enters the next phase if there is nothing to delete.
  mutating func clean(_ server: ServerID, now: Instant, _ steps: inout [Step]) {
    guard var member = members[server] else { return }
    // A flush for one pool would wipe the keys of another: there the recorded keys are deleted instead.
    let isWanted =
      member.pools.allSatisfy { pools[$0].policy.rejoin == .flush } && member.wasEjected && !member.isEmpty
      && !member.isFlushed && !member.isFlushRefused
    let flushes = member.owesFlush || isForgotten(member) || isWanted
    if flushes || !member.held.keys.isEmpty {
      send(server, flushes: flushes, &steps)
    } else if member.phase == .deleting {
      member.held = Journal.Entries()
      members[server] = member
      close(server, &steps)
    } else {
      member.held = Journal.Entries()
      member.phase = .returned
      member.overflowed = Journal.Owners()
      members[server] = member
      steps.append(.rejoined(server, ok: true))
    }
  }

  /// Whether a returning server may hold old copies of keys that were not recorded.
  func isForgotten(_ member: Member) -> Bool {
    member.held.hasOverflowed && !member.isEmpty && isJournaled(member)
  }

  /// Moves the steps for the health board to the end: its answer makes further steps, which must not overtake these.
  static func ordered(_ steps: [Step]) -> [Step] {
    func isForBoard(_ step: Step) -> Bool {
      if case .rejoined = step { return true }
      return false
    }
    return steps.filter { !isForBoard($0) } + steps.filter(isForBoard)
  }

  mutating func close(_ server: ServerID, _ steps: inout [Step]) {
    members[server]?.phase = .closing
    tell(server, .returning, takesEntries: true, &steps)
  }

  /// Deletes the copies that a server that is up must not hold.
  mutating func sweep(_ server: ServerID, now: Instant, _ steps: inout [Step]) {
    guard let member = members[server], member.told == .up, member.phase == .none, member.underway == nil
    else { return }
    if !member.held.hasOverflowed {
      members[server]?.overflowed = Journal.Owners()
    } else if !member.held.lost.isCovered(by: member.overflowed) {
      members[server]?.overflowed.add(member.held.lost)
      steps.append(.event(server, .overflowed(of: member.held.lost)))
    }
    guard member.owesFlush || !member.held.keys.isEmpty else { return }
    send(server, flushes: member.owesFlush, &steps)
  }

  /// Removes and returns the overflow flags that a flush of a server that is up clears: those of owners that have
  /// been back in the ring for so long that no request for their keys can be in flight to this stand-in.
  mutating func takeCleared(_ server: ServerID) -> Journal.Entries {
    guard let member = members[server], member.held.hasOverflowed else { return Journal.Entries() }
    let own = member.concerned.map { pools[$0] }
    let servers = Set(own.flatMap(\.servers))
    guard own.allSatisfy({ $0.due == nil && $0.round == nil }),
      !servers.contains(where: { members[$0]?.isReclaiming == true })
    else { return Journal.Entries() }
    let out = servers.filter { members[$0]?.told == .ejected }
    return members[server]?.held.takeLost { id in id.map { !out.contains($0) } ?? out.isEmpty }
      ?? Journal.Entries()
  }

  /// Starts the cleanup job for a server's entries. Overflow flags that the job does not clear are kept.
  mutating func send(_ server: ServerID, flushes: Bool, _ steps: inout [Step]) {
    guard let member = members[server] else { return }
    let keys = flushes ? [] : Array(member.held.keys)
    var underway = member.held
    members[server]?.held = Journal.Entries()
    if member.phase == .none || !flushes {
      members[server]?.held = underway.takeLost { _ in true }
      if flushes { underway.merge(takeCleared(server), mostKeys: .max, mostBytes: .max) }
    }
    members[server]?.underway = underway
    members[server]?.flushes = flushes
    members[server]?.owesFlush = false
    steps.append(.clean(server, CleanupJob(flushes: flushes, keys: keys)))
  }

  /// Stops the cleanup of a server that goes out: its entries are deleted before it returns.
  mutating func giveUpSweeping(_ server: ServerID, _ steps: inout [Step]) {
    guard let member = members[server], member.phase == .none, let underway = member.underway else { return }
    members[server]?.underway = nil
    members[server]?.held.merge(underway, mostKeys: mostKeys, mostBytes: mostBytes)
    if member.flushes { members[server]?.owesFlush = true }
    members[server]?.flushes = false
    steps.append(.abandon(server))
  }

  mutating func tell(
    _ server: ServerID, _ status: ServerStatus, takesEntries: Bool, wasFlushed: Bool? = nil,
    _ steps: inout [Step]
  ) {
    let ticket = newTicket(.told(server))
    if members[server]?.told == .ejected && status != .ejected { members[server]?.isReclaiming = true }
    members[server]?.told = status
    if status != .ejected { members[server]?.toldFrom = [] }
    members[server]?.ticket = ticket
    members[server]?.isKnown = false
    steps.append(
      .tell(server, status, ticket: ticket, takesEntries: takesEntries, wasFlushed: wasFlushed))
  }

  mutating func newTicket(_ purpose: Purpose) -> UInt64 {
    lastTicket &+= 1
    inquiries[lastTicket] = Inquiry(purpose: purpose, pending: Set(0..<workers))
    return lastTicket
  }

  // MARK: - Clean pools

  /// Has the pool's copies collected, and what its servers owe done, at a time. A pool without a journal has no copies, but
  /// may owe flushes: `owes`.
  mutating func schedule(_ pool: Int, at time: Instant, owes: Bool = false) {
    guard pool < pools.count, pools[pool].isJournaled || owes else { return }
    pools[pool].due = max(pools[pool].due ?? .origin, time)
  }

  /// Whether no server of the pool that is up holds copies of other servers' keys; unknown counts as no. With an
  /// owner: whether that server can leave the ring. Unlisted copies then count only if their keys are its own or an
  /// ejected server's.
  func isClean(_ pool: Int, for owner: ServerID? = nil) -> Bool {
    guard mayBeClean(pool) else { return false }
    guard pools[pool].isJournaled else { return true }
    guard let owner else { return members.tallies[pool].holders == 0 }
    return !members.areHeld(in: pool, against: owner)
  }

  /// Whether the pool is clean but for copies that no list names.
  private func mayBeClean(_ pool: Int) -> Bool {
    guard pools[pool].isJournaled else { return true }
    return pools[pool].due == nil && pools[pool].round == nil && members.tallies[pool].blocking == 0
  }

  mutating func advance(poolOf server: ServerID, now: Instant, _ steps: inout [Step]) {
    for pool in members[server]?.concerned ?? [] { advance(pool, now: now, &steps) }
  }

  /// Ejects servers that have waited for a clean pool. After a failed return a server is out again. Looked at are the
  /// servers that have changed, and all that wait for a pool that may be clean again: not all for each event.
  mutating func advance(_ pool: Int, now: Instant, _ steps: inout [Step]) {
    for pool in members.freer where mayBeClean(pool) { members.lookAtWaiting(pool) }
    for id in members.takeDue(pool) { reconcile(id, now: now, &steps) }
  }
}
