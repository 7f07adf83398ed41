import Bytes
import Routing
import Stats
import Wire

// Changes between two requests: a new configuration, another server's health, the end.

extension Worker {
  /// Works by another plan from now on. Servers that stay keep their connections and what waits on
  /// them; those that are gone answer what they were asked, and are then let go.
  package mutating func apply(_ plan: WorkerPlan, now: Instant) {
    if isJournaling { noteInFlight() }
    limits = plan.limits
    buffers.bound = limits.memory
    easyQueue = min(limits.serverQueue, 64 << 10)
    var starts: [UInt32] = []
    var order: [UInt32] = []
    var staying: Set<UInt32> = []
    for (number, pool) in plan.pools.enumerated() {
      let patience = pool.requestTimeout * 4
      if pool.isJournaled, patience > limits.journalLife { limits.journalLife = patience }
      starts.append(UInt32(truncatingIfNeeded: order.count))
      for member in pool.members {
        let s = slot(of: member.id) ?? servers.take()
        staying.insert(s)
        servers[s].id = member.id
        servers[s].label = Array(member.label.utf8)
        servers[s].connectTimeout = pool.connectTimeout.wholeNanoseconds
        servers[s].requestTimeout = pool.requestTimeout.wholeNanoseconds
        servers[s].missesOnFailure = pool.missesOnFailure
        servers[s].writesMissOnFailure = pool.writesMissOnFailure
        servers[s].pool = UInt32(truncatingIfNeeded: number)
        servers[s].isJournaled = pool.isJournaled
        if !pool.isJournaled { journal.forget(member.id) }
        servers[s].isRetired = false
        servers[s].status = member.status
        equip(s, count: max(1, pool.connections), now: now)
        order.append(s)
      }
    }
    poolStarts = FixedArray(starts)
    destinations = FixedArray(
      order.map { s in
        Destination(
          server: s, connection: servers[s].connections[0], isAlone: servers[s].connections.count == 1)
      })
    table = RoutingTable(plan.routing)
    journal.forgetOwners()
    let wasJournaling = isJournaling
    isJournaling = false
    for i in 0..<plan.pools.count { applyStatuses(pool: i, size: plan.pools[i].members.count) }
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s) && !staying.contains(s) { retire(s, now: now) }
      s += 1
    }
    if wasJournaling { endOrphanUploads(now: now) }
    learnDialect()
  }

  func slot(of id: UInt32) -> UInt32? {
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s) && servers[s].id == id && !servers[s].isRetired { return s }
      s += 1
    }
    return nil
  }

  /// Gives a server as many connections as it shall have, and opens those that are new.
  ///
  /// With another number of them a client's requests go by another one. If anything is on its way all are made
  /// anew, and the new ones wait for what the old ones were asked.
  private mutating func equip(_ s: UInt32, count: Int, now: Instant) {
    if servers[s].connections.count != count && isBusy(s) {
      while let l = servers[s].connections.popFirst() { follow(l) }
    }
    while servers[s].connections.count < count {
      let l = connections.take()
      connections[l].server = s
      servers[s].connections.append(l)
      if servers[s].status == .up { connect(l, now: now) }
    }
    guard servers[s].connections.count > count else { return }
    var kept = Fifo<UInt32>()
    for i in 0..<servers[s].connections.count {
      let l = servers[s].connections[i]
      if i < count {
        kept.append(l)
      } else {
        retire(connection: l)
      }
    }
    servers[s].connections = kept
  }

  /// A server that is no longer in the plan: its connections go when nothing waits on them.
  private mutating func retire(_ s: UInt32, now: Instant) {
    guard !servers[s].isRetired else { return }
    servers[s].isRetired = true
    servers[s].isJournaled = false
    journal.forget(servers[s].id)
    while let l = servers[s].connections.popFirst() { follow(l) }
    while let l = servers[s].spares.popFirst() { shut(l) }
    releaseRetired(now: now)
  }

  /// Lets a connection answer what it was asked, and others, perhaps to the same server under another number, come
  /// after it.
  private mutating func follow(_ l: UInt32) {
    retire(connection: l)
    connections[l].isFollowed = true
  }

  private func isBusy(_ s: UInt32) -> Bool {
    for i in 0..<servers[s].connections.count where !connections[servers[s].connections[i]].legs.isEmpty {
      return true
    }
    return false
  }

  /// Whether a connection to the same machine still owes answers to requests that were taken before any of this one's.
  /// What a deadline has passed for counts as answered, if all of it was sent: of what is half sent it is sure that it
  /// would be done later.
  mutating func mustWait(_ l: UInt32) -> Bool {
    guard !connections[l].isPrivate, !connections[l].isRetiring else { return false }
    for i in 0..<retiring.count {
      let r = retiring[i]
      guard connections[r].isFollowed, connections[r].state != .closed,
        connections[r].late < connections[r].legs.count || connections[r].sent < connections[r].asked.count
      else { continue }
      if servers[connections[r].server].label == servers[connections[l].server].label { return true }
    }
    return false
  }

  /// Begins to use connections that have waited long enough.
  private mutating func useWaiting(now: Instant) {
    var l: UInt32 = 0
    while l < connections.end {
      if connections.isTaken(l), connections[l].state == .waiting, !mustWait(l) { use(l, now: now) }
      l += 1
    }
  }

  mutating func retire(connection l: UInt32) {
    dropReplacement(of: l)
    connections[l].isRetiring = true
    retiring.append(l)
  }

  /// Lets go of connections and servers that nothing waits on any more.
  mutating func releaseRetired(now: Instant) {
    var n = retiring.count
    while n > 0, let l = retiring.popFirst() {
      n -= 1
      guard connections[l].legs.isEmpty || connections[l].state == .closed, !isNamed(connections[l].server)
      else {
        retiring.append(l)
        continue
      }
      lost(l, .shuttingDown, now: now)
      let s = connections[l].server
      connections.give(l)
      forget(s)
    }
    useWaiting(now: now)
  }

  /// Lets go of a retired server that nothing belongs to any more.
  private mutating func forget(_ s: UInt32) {
    guard servers[s].isRetired, servers[s].connections.isEmpty, !isAwaited(s), !isStreaming(to: s),
      !isNamed(s)
    else { return }
    servers.give(s)
  }

  /// Lets go of retired servers whose last stream has ended.
  mutating func forgetRetired() {
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s) { forget(s) }
      s += 1
    }
  }

  /// Whether an answer in the making may name this server: its slot must not be another's by then.
  private func isNamed(_ s: UInt32) -> Bool {
    var f: UInt32 = 0
    while f < fanOuts.end {
      if fanOuts.isTaken(f) && (fanOuts[f].exchange != Slab<Exchange>.none || fanOuts[f].hasDeferred) {
        if fanOuts[f].failedServer == s { return true }
        if fanOuts[f].kind != .multiGet {
          for i in 0..<fanOuts[f].pieces.count where fanOuts[f].pieces[i].next == s { return true }
        }
      }
      f += 1
    }
    return false
  }

  private func isAwaited(_ s: UInt32) -> Bool {
    for i in 0..<retiring.count where connections[retiring[i]].server == s { return true }
    return false
  }

  /// A server's standing has changed; the rings follow at once.
  package mutating func set(
    _ status: ServerStatus, of id: UInt32, wasFlushed: Bool? = nil, now: Instant
  ) {
    var stale: Set<Int> = []
    guard stand(status, of: id, wasFlushed: wasFlushed, stale: &stale, now: now) else { return }
    rearrange(stale, now: now)
  }

  /// A server's standing has changed, and the rings are yet to follow: `rearrange` must come before anything is
  /// asked, surrendered, or said to be known. Adds the server's pool if its ring is `stale` now. Returns whether this is news.
  ///
  /// A ring takes tens of microseconds, hundreds with many servers, and many servers may go at once: then all that
  /// have changed are told first, and each ring is made anew once.
  package mutating func stand(
    _ status: ServerStatus, of id: UInt32, wasFlushed: Bool?, stale: inout Set<Int>, now: Instant
  ) -> Bool {
    guard let s = slot(of: id) else { return false }
    if let wasFlushed { servers[s].wasFlushed = wasFlushed }
    let before = servers[s].status
    guard before != status else { return false }
    servers[s].status = status
    for i in 0..<servers[s].connections.count {
      let l = servers[s].connections[i]
      if status == .up {
        connections[l].retryAt = .origin
        if connections[l].state == .closed { connect(l, now: now) }
      } else {
        lost(l, .ejected, now: now)
        for key in connections[l].owed { recordDoubt(key, at: s) }
        connections[l].owed = []
      }
    }
    if status == .up {
      servers[s].isSuspect = false
      if !journal.isEmpty { deleteRefused(at: s, now: now) }
    } else {
      endStreams(of: s, .ejected, now: now)
      journal.keep(id, mostKeys: limits.journalKeys, mostBytes: limits.journalBytes)
    }
    if (before == .ejected) != (status == .ejected) { stale.insert(Int(servers[s].pool)) }
    return true
  }

  /// Makes the rings of these pools anew as their servers stand, and ends what was on its way by the old ones.
  package mutating func rearrange(_ stale: Set<Int>, now: Instant) {
    if !stale.isEmpty {
      if isJournaling { noteInFlight() }
      isJournaling = false
      for pool in stale { applyStatuses(pool: pool, size: size(ofPool: pool)) }
      for i in 0..<poolStarts.count where !table.pools[UInt32(truncatingIfNeeded: i)].isWhole {
        isJournaling = true
      }
    }
    endOrphanUploads(now: now)
  }

  private func size(ofPool i: Int) -> Int {
    let end = i + 1 < poolStarts.count ? Int(poolStarts[i + 1]) : destinations.count
    return end - Int(poolStarts[i])
  }

  /// Takes the ejected servers out of a pool's ring, and the others in.
  private mutating func applyStatuses(pool i: Int, size: Int) {
    let start = Int(poolStarts[i])
    var out = [Bool](repeating: false, count: size)
    for k in 0..<size { out[k] = servers[destinations[start + k].server].status == .ejected }
    table.pools[UInt32(truncatingIfNeeded: i)].exclude(out)
    if !table.pools[UInt32(truncatingIfNeeded: i)].isWhole { isJournaling = true }
  }

  /// The server is at another address. A connection on which something is on its way answers that and goes, with
  /// another in its place; all others are made anew, with what waits to be sent on them.
  package mutating func relocate(_ id: UInt32, now: Instant) {
    guard let s = slot(of: id) else { return }
    for i in 0..<servers[s].connections.count {
      var l = servers[s].connections[i]
      if connections[l].sent > 0 || connections[l].late > 0 {
        let old = l
        l = connections.take()
        connections[l].server = s
        put(l, inPlaceOf: old, at: i, of: s)
        retire(connection: old)
      } else {
        unmake(l)
      }
      if servers[s].status == .up { connect(l, now: now) }
    }
    releaseRetired(now: now)
  }

  /// From now on requests take another connection.
  mutating func put(_ l: UInt32, inPlaceOf old: UInt32, at i: Int, of s: UInt32) {
    servers[s].connections[i] = l
    for k in 0..<destinations.count where destinations[k].connection == old { destinations[k].connection = l }
  }

  /// Closes a connection on which nothing was sent; what waits on it stays.
  mutating func unmake(_ l: UInt32) {
    if connections[l].isMade { counters.subtract(.serverConnections) }
    if connections[l].state != .closed { effects.append(.disconnect(connection: l)) }
    connections[l].state = .closed
    connections[l].isNew = false
    connections[l].input.release(to: &buffers)
    connections[l].retryAt = .origin
  }

  // MARK: - The end

  /// No more is read; each client is closed when it has been answered. The edge has read what had come.
  package mutating func drain() {
    isDraining = true
    var c: UInt32 = 0
    while c < clients.end {
      if clients.isTaken(c) { endOfInput(client: c) }
      c += 1
    }
  }

  /// The time to drain is over: what waits is answered for, what is still to be taken is refused, and no server is asked
  /// anything any more.
  package mutating func giveUp(now: Instant) {
    clock = now
    isGivingUp = true
    var l: UInt32 = 0
    while l < connections.end {
      if connections.isTaken(l) { lost(l, .shuttingDown, now: now) }
      l += 1
    }
    resumeHeldUploads()
    while let wait = streamWaits.popFirst() {
      guard clients.isCurrent(wait.client) else { continue }
      if let id = wait.stream {
        if streams.isCurrent(id) { failedDownload(id.index, .shuttingDown, now: now) }
      } else {
        clients[wait.client.index].isQueued = false
        considerResuming(wait.client.index)
      }
    }
  }

  /// Whether nothing is left to do: no client, and nothing on its way to a server.
  package var isDrained: Bool {
    guard isDraining, clients.count == 0 else { return false }
    var l: UInt32 = 0
    while l < connections.end {
      if connections.isTaken(l) && !connections[l].legs.isEmpty { return false }
      l += 1
    }
    return true
  }
}
