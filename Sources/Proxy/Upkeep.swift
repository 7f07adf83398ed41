import Bytes
import Stats
import Topology

// What a worker does besides requests and replies: deadlines, memory, a new configuration, a server's status or address,
// draining.

extension Worker {
  // MARK: - Time

  /// Checks all deadlines; called every few milliseconds. Cost: one check per server connection, and per client once
  /// a second (`sweep`).
  package mutating func tick(now: Instant) {
    dispatcher.common.clock = now
    dispatcher.noteRecords()
    for l in dispatcher.upstream.connections.slots where dispatcher.upstream.connections.isTaken(l) {
      dispatcher.expire(l, now: now)
      transfers.settle(&dispatcher)
    }
    if dispatcher.streams.count > 0 || !transfers.streamWaits.isEmpty {
      transfers.expireStreams(now: now, &dispatcher)
    }
    dispatcher.resumeHeld()
    releaseRetired(now: now)
  }

  /// Closes clients that keep the proxy waiting. Called once a second; also frees memory left over from a burst.
  package mutating func sweep(now: Instant) {
    dispatcher.downstream.sweep(now: now, &dispatcher.common)
    closeWaitingClients(now: now)
    dispatcher.upstream.sweepSpares(now: now, &dispatcher.common)
    dispatcher.upstream.forgetRetired(except: dispatcher.serversInUse)
    dispatcher.trimMemory()
    dispatcher.common.hotKeys.age(now: now)
    if !dispatcher.invalidation.journal.isEmpty {
      dispatcher.invalidation.journal.turn(now: now, life: dispatcher.common.limits.journalLife)
    }
  }

  /// Releases what was retired and is no longer needed.
  private mutating func releaseRetired(now: Instant) {
    if dispatcher.upstream.retiring.isEmpty { return }
    dispatcher.upstream.releaseRetired(except: dispatcher.serversNamed, now: now, &dispatcher.common)
    dispatcher.upstream.forgetRetired(except: dispatcher.serversInUse)
    transfers.settle(&dispatcher)
  }

  // MARK: - Memory

  /// Updates the gauges among the counters.
  package mutating func noteMemory() {
    dispatcher.noteRecords()
    dispatcher.common.counters.set(.memoryInUse, to: dispatcher.common.memoryInUse)
    dispatcher.common.counters.set(.memoryIdle, to: dispatcher.common.buffers.idleBytes)
    dispatcher.common.counters.set(.streams, to: transfers.streamsAtWork)
    dispatcher.common.counters.set(.streamsWaiting, to: transfers.streamWaits.count)
  }

  /// Whether the buffers exceed the memory limit by more than a quarter.
  package var isOverfull: Bool {
    mutating get {
      let memory = dispatcher.common.limits.memory
      return dispatcher.common.buffers.inUse > memory &+ memory / 4
    }
  }

  /// Closes the client with the most buffered bytes, if they are many: it leaves replies unread, or a value unfinished.
  /// This bounds a worker's memory. A client that reads its replies and finishes its values is never closed by it.
  package mutating func closeLargestClient() {
    // One with less is not the cause of the shortage.
    var most = 8192
    var victim = Ref<Client>.none
    for c in dispatcher.downstream.clients.slots
    where dispatcher.downstream.clients.isTaken(c) && !dispatcher.downstream.clients[c].life.isClosed
      && dispatcher.memory(of: c) > most
    {
      most = dispatcher.memory(of: c)
      victim = c
    }
    guard victim != Ref<Client>.none else { return }
    closeForMemory(victim, held: most)
  }

  /// While more than half of the memory is in use, closes clients that have kept the proxy waiting for `shortPatience`,
  /// those that hold the most first: what they hold, others may need. Clients that wait longer than their own timeouts
  /// are closed anyway (`Downstream.sweep`).
  private mutating func closeWaitingClients(now: Instant) {
    dispatcher.noteRecords()
    var excess = dispatcher.common.memoryInUse &- dispatcher.common.limits.memory / 2
    guard excess > 0 else { return }
    let patience = dispatcher.common.limits.shortPatience
    var waiting: [(client: Ref<Client>, held: Int)] = []
    for c in dispatcher.downstream.clients.slots
    where dispatcher.downstream.clients.isTaken(c) && !dispatcher.downstream.clients[c].life.isClosed
      && (dispatcher.downstream.clients[c].hasHalfRequest(for: patience, now: now)
        || dispatcher.downstream.clients[c].hasUnread(for: patience, now: now))
    {
      waiting.append((c, dispatcher.memory(of: c)))
    }
    waiting.sort { $0.held > $1.held }
    for (c, held) in waiting where excess > 0 {
      closeForMemory(c, held: held)
      excess &-= held
    }
  }

  private mutating func closeForMemory(_ c: Ref<Client>, held: Int) {
    dispatcher.common.note(.heldMostMemory, by: c, number: UInt64(clamping: held))
    dispatcher.downstream.close(client: c, &dispatcher.common)
  }

  // MARK: - Plans, statuses, addresses

  /// Applies a new plan: see `Dispatcher.apply`.
  package mutating func apply(_ plan: WorkerPlan, now: Instant) {
    let wasJournaling = dispatcher.invalidation.isJournaling
    dispatcher.apply(plan, now: now)
    releaseRetired(now: now)
    if wasJournaling { transfers.endOrphanUploads(now: now, &dispatcher) }
  }

  /// Sets a server's status without updating the ring: `updateRings` must follow before any request is routed, entries
  /// are handed over, or the status is confirmed. An ejected server leaves the rings of `pools`; of all its pools if that
  /// is nil. Adds the pools whose rings must change to `stale`. Returns whether the status is new.
  ///
  /// Rebuilding a ring takes tens of microseconds, hundreds with many servers, and many servers may fail at once:
  /// callers set all statuses first and rebuild each ring once.
  package mutating func setStatus(
    _ status: ServerStatus, of id: ServerID, from pools: Set<PoolID>? = nil, wasFlushed: Bool?,
    stale: inout Set<Int>, now: Instant
  ) -> Bool {
    guard let s = dispatcher.upstream.slot(of: id) else { return false }
    if let wasFlushed { dispatcher.upstream.servers[s].wasFlushed = wasFlushed }
    let isNew = dispatcher.setStatus(status, of: s, now: now)
    if isNew, status != .up { transfers.endStreams(of: s, .ejected, now: now, &dispatcher) }
    stale.formUnion(dispatcher.upstream.setEjected(s, from: pools))
    return isNew
  }

  /// Rebuilds the rings of these pools from their servers' statuses, and ends uploads to servers that lost the key.
  package mutating func updateRings(_ stale: Set<Int>, now: Instant) {
    dispatcher.updateRings(stale)
    transfers.endOrphanUploads(now: now, &dispatcher)
  }

  /// Moves a server to a new address: see `Upstream.relocate`.
  package mutating func relocate(_ id: ServerID, now: Instant) {
    dispatcher.upstream.relocate(id, now: now, &dispatcher.common)
    releaseRetired(now: now)
  }

  /// Removes and returns a server's journal entries, so that they are deleted there before the server is used.
  package mutating func takeEntries(_ server: ServerID) -> Journal.Entries {
    if dispatcher.invalidation.isJournaling { dispatcher.noteInFlight() }
    return dispatcher.invalidation.journal.take(server)
  }

  /// Removes and returns the copies that these servers hold of keys that other servers own now: see
  /// `Invalidation.takeOrphans`.
  package mutating func takeOrphans(of ids: [ServerID], in pool: PoolID? = nil) -> [ServerID: Journal.Entries]
  {
    dispatcher.invalidation.takeOrphans(
      of: ids, in: pool, dispatcher.upstream, dispatcher.router, &dispatcher.common)
  }

  // MARK: - Draining

  /// Starts draining: nothing more is read (the edge has read all that arrived); clients close after their replies.
  package mutating func drain() {
    isDraining = true
    for c in dispatcher.downstream.clients.slots where dispatcher.downstream.clients.isTaken(c) {
      endOfInput(client: c)
    }
  }

  /// Ends draining at its time limit: waiting requests are answered with errors, requests not yet taken are refused,
  /// and nothing more is sent to any server.
  package mutating func giveUp(now: Instant) {
    dispatcher.common.clock = now
    dispatcher.upstream.isGivingUp = true
    for l in dispatcher.upstream.connections.slots where dispatcher.upstream.connections.isTaken(l) {
      lost(l, .shuttingDown, now: now)
    }
    dispatcher.resumeHeld()
    transfers.giveUp(now: now, &dispatcher)
  }

  /// Whether draining is complete: no client is left, and no request is in flight to a server.
  package var isDrained: Bool {
    isDraining && dispatcher.downstream.clients.count == 0 && !dispatcher.upstream.hasRequests
  }
}
