import Bytes
import Routing
import Stats
import Topology

// Changes between two requests: a new configuration, a server's status or address, draining.

extension Worker {
  /// Applies a new plan. Servers that stay keep their connections and queues; removed servers answer the requests
  /// they have, and their connections are then closed.
  package mutating func apply(_ plan: WorkerPlan, now: Instant) {
    if invalidation.isJournaling { noteInFlight() }
    common.limits = plan.limits
    common.buffers.bound = common.limits.memory
    fastPathBytes = min(common.limits.serverQueue, 64 << 10)
    let before = router.poolIDs
    router.poolIDs = plan.pools.map(\.id)
    router.policies = FixedArray(plan.pools.map { RequestPolicy($0.policy) })
    let slots = takeServers(of: plan, now: now)
    upstream.everyServer = FixedArray(plan.servers.compactMap { slots[$0.id] })
    var starts: [UInt32] = []
    var members: [Destination] = []
    for (number, pool) in plan.pools.enumerated() {
      starts.append(UInt32(truncatingIfNeeded: members.count))
      for s in pool.servers.compactMap({ slots[$0] }) {
        members.append(
          Destination(
            server: s, connection: upstream.servers[s].connections[0],
            isAlone: upstream.servers[s].connections.count == 1,
            pool: PoolIndex(number)))
      }
    }
    router.poolStarts = FixedArray(starts)
    router.destinations = FixedArray(members)
    for member in plan.servers {
      if let s = slots[member.id] { _ = setEjected(s, from: member.ejectedFrom) }
    }
    let staying = Set(slots.values)
    if before != router.poolIDs { renumberPools(from: before) }
    let kept = plan.keptPools
    router.table = RoutingTable(plan.routing, rings: &router.table.pools) { i in
      kept.contains(plan.pools[i].id) ? before.firstIndex(of: plan.pools[i].id) : nil
    }
    for pool in plan.pools where !kept.contains(pool.id) {
      invalidation.journal.forgetOwners(on: pool.servers)
    }
    let wasJournaling = invalidation.isJournaling
    invalidation.isJournaling = false
    for i in 0..<plan.pools.count { applyStatuses(pool: i) }
    var s = Ref<Server>(0)
    while s.index < upstream.servers.end {
      if upstream.servers.isTaken(s) && !staying.contains(s) { retire(s, now: now) }
      s = s.next
    }
    if wasJournaling { endOrphanUploads(now: now) }
    learnDialect()
  }

  /// Gives each server of a plan its slot, its settings and its connections.
  private mutating func takeServers(of plan: WorkerPlan, now: Instant) -> [ServerID: Ref<Server>] {
    var policies: [ServerID: [PoolPolicy]] = [:]
    for pool in plan.pools {
      for id in pool.servers { policies[id, default: []].append(pool.policy) }
    }
    var slots: [ServerID: Ref<Server>] = [:]
    for member in plan.servers {
      let s = slot(of: member.id) ?? upstream.servers.take()
      slots[member.id] = s
      upstream.servers[s].id = member.id
      upstream.servers[s].label = Array(member.label.utf8)
      upstream.servers[s].isJournaled = member.isJournaled
      if !member.isJournaled { invalidation.journal.forget(member.id) }
      upstream.servers[s].isRetired = false
      upstream.servers[s].status = member.status
      setTimeouts(of: s, policies[member.id] ?? [])
      equip(s, count: max(1, member.connections), now: now)
    }
    return slots
  }

  /// Takes the timeouts by which a server's connections are judged from the rules of its pools.
  private mutating func setTimeouts(of s: Ref<Server>, _ policies: [PoolPolicy]) {
    let timeouts = policies.map(\.requestTimeout.wholeNanoseconds)
    upstream.servers[s].timeouts.connect = policies.map(\.connectTimeout.wholeNanoseconds).max() ?? 0
    upstream.servers[s].timeouts.request = timeouts.max() ?? 0
    upstream.servers[s].timeouts.lastPolicy = policies.first.map { RequestPolicy($0) }
    upstream.servers[s].timeouts.areMixed = Set(timeouts).count > 1
    for policy in policies
    where policy.isJournaled && policy.requestTimeout * 4 > common.limits.journalLife {
      common.limits.journalLife = policy.requestTimeout * 4
    }
  }

  /// Gives the requests in flight their pools' new numbers. A pool that is gone leaves its requests to the first one's
  /// rules. O(requests in flight).
  private mutating func renumberPools(from before: [PoolID]) {
    let numbers = before.map { id in PoolIndex(router.poolIDs.firstIndex(of: id) ?? 0) }
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      if upstream.connections.isTaken(l) { upstream.connections[l].queue.renumberPools(numbers) }
      l = l.next
    }
    var i = Ref<Stream>(0)
    while i.index < transfers.streams.end {
      if transfers.streams.isTaken(i) { transfers.streams[i].leg.renumberPool(numbers) }
      i = i.next
    }
  }

  func slot(of id: ServerID) -> Ref<Server>? {
    var s = Ref<Server>(0)
    while s.index < upstream.servers.end {
      if upstream.servers.isTaken(s) && upstream.servers[s].id == id && !upstream.servers[s].isRetired {
        return s
      }
      s = s.next
    }
    return nil
  }

  /// Gives a server `count` connections, and opens the new ones.
  ///
  /// A different number maps clients to other connections. If any request is in flight, all connections are replaced,
  /// and the new ones wait until the old ones have their replies.
  private mutating func equip(_ s: Ref<Server>, count: Int, now: Instant) {
    if upstream.servers[s].connections.count != count && isBusy(s) {
      while let l = upstream.servers[s].connections.popFirst() { follow(l) }
    }
    while upstream.servers[s].connections.count < count {
      let l = upstream.connections.take()
      upstream.connections[l].server = s
      upstream.servers[s].connections.append(l)
      if upstream.servers[s].status == .up { connect(l, now: now) }
    }
    guard upstream.servers[s].connections.count > count else { return }
    var kept = Fifo<Ref<ServerConnection>>()
    for i in 0..<upstream.servers[s].connections.count {
      let l = upstream.servers[s].connections[i]
      if i < count {
        kept.append(l)
      } else {
        retire(connection: l)
      }
    }
    upstream.servers[s].connections = kept
  }

  /// Removes a server that is not in the plan: its connections are closed when nothing waits on them.
  private mutating func retire(_ s: Ref<Server>, now: Instant) {
    guard !upstream.servers[s].isRetired else { return }
    upstream.servers[s].isRetired = true
    upstream.servers[s].isJournaled = false
    invalidation.journal.forget(upstream.servers[s].id)
    // Its slot may become another server's.
    _ = takeRefusals(of: s)
    while let l = upstream.servers[s].connections.popFirst() { follow(l) }
    while let l = upstream.servers[s].spares.popFirst() { shut(l) }
    releaseRetired(now: now)
  }

  /// Retires a connection, and makes later connections, perhaps to the same server under another id, wait until it
  /// has its replies.
  private mutating func follow(_ l: Ref<ServerConnection>) {
    retire(connection: l)
    upstream.connections[l].isFollowed = true
  }

  private func isBusy(_ s: Ref<Server>) -> Bool {
    for i in 0..<upstream.servers[s].connections.count
    where !upstream.connections[upstream.servers[s].connections[i]].queue.legs.isEmpty {
      return true
    }
    return false
  }

  /// Whether a connection to the same machine still owes replies to requests taken before any of this one's. A
  /// request past its deadline counts as answered if all of it was sent; if only a part was sent, it would surely be
  /// executed later.
  mutating func mustWait(_ l: Ref<ServerConnection>, now: Instant) -> Bool {
    guard !upstream.connections[l].isPrivate, !upstream.connections[l].isRetiring else { return false }
    if now < upstream.connections[l].owed.restsUntil { return true }
    for i in 0..<upstream.retiring.count {
      let r = upstream.retiring[i]
      guard upstream.connections[r].isFollowed, upstream.connections[r].state != .closed,
        upstream.connections[r].queue.late < upstream.connections[r].queue.legs.count
          || upstream.connections[r].queue.sent < upstream.connections[r].queue.bytes.count
      else { continue }
      if upstream.servers[upstream.connections[r].server].label
        == upstream.servers[upstream.connections[l].server].label
      {
        return true
      }
    }
    return false
  }

  /// Starts to use connections that have waited long enough.
  private mutating func useWaiting(now: Instant) {
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      if upstream.connections.isTaken(l), upstream.connections[l].state == .waiting, !mustWait(l, now: now) {
        use(l, now: now)
      }
      l = l.next
    }
  }

  mutating func retire(connection l: Ref<ServerConnection>) {
    dropReplacement(of: l)
    upstream.connections[l].isRetiring = true
    upstream.retiring.append(l)
  }

  /// Closes and releases retired connections on which nothing waits, and their servers.
  mutating func releaseRetired(now: Instant) {
    var n = upstream.retiring.count
    while n > 0, let l = upstream.retiring.popFirst() {
      n -= 1
      guard upstream.connections[l].queue.legs.isEmpty || upstream.connections[l].state == .closed,
        !isNamed(upstream.connections[l].server)
      else {
        upstream.retiring.append(l)
        continue
      }
      lost(l, .shuttingDown, now: now)
      // A closed connection may have deletions that were to be done when it is open.
      upstream.connections[l].queue.clear(&common.buffers)
      let s = upstream.connections[l].server
      upstream.connections.give(l)
      forget(s)
    }
    useWaiting(now: now)
  }

  /// Releases a retired server that no connection, stream or answer refers to.
  private mutating func forget(_ s: Ref<Server>) {
    guard upstream.servers[s].isRetired, upstream.servers[s].connections.isEmpty, !isAwaited(s),
      !isStreaming(to: s),
      !isNamed(s)
    else { return }
    upstream.servers.give(s)
  }

  /// Releases retired servers after their last stream has ended.
  mutating func forgetRetired() {
    var s = Ref<Server>(0)
    while s.index < upstream.servers.end {
      if upstream.servers.isTaken(s) { forget(s) }
      s = s.next
    }
  }

  /// Whether an answer being assembled may name this server: until it is sent, the slot must not be given to another.
  private func isNamed(_ s: Ref<Server>) -> Bool {
    var f = Ref<FanOut>(0)
    while f.index < fanOuts.end {
      if fanOuts.isTaken(f) && (fanOuts[f].exchange != Ref<Exchange>.none || fanOuts[f].hasDeferred) {
        if fanOuts[f].failedServer == s { return true }
        if fanOuts[f].kind != .multiGet {
          for i in 0..<fanOuts[f].pieces.count where fanOuts[f].pieces[i].server == s { return true }
        }
      }
      f = f.next
    }
    return false
  }

  private func isAwaited(_ s: Ref<Server>) -> Bool {
    for i in 0..<upstream.retiring.count where upstream.connections[upstream.retiring[i]].server == s {
      return true
    }
    return false
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
    guard let s = slot(of: id) else { return false }
    if let wasFlushed { upstream.servers[s].wasFlushed = wasFlushed }
    let before = upstream.servers[s].status
    upstream.servers[s].status = status
    guard before != status else {
      stale.formUnion(setEjected(s, from: pools))
      return false
    }
    for i in 0..<upstream.servers[s].connections.count {
      let l = upstream.servers[s].connections[i]
      if status == .up {
        upstream.connections[l].attempt.retryAt = .origin
        if upstream.connections[l].state == .closed { connect(l, now: now) }
      } else {
        lost(l, .ejected, now: now)
        for key in upstream.connections[l].owed.keys { recordDoubt(key, at: s) }
        upstream.connections[l].owed.keys = []
      }
    }
    if status == .up {
      upstream.servers[s].isSuspect = false
      deleteRefused(at: s)
    } else {
      endStreams(of: s, .ejected, now: now)
      // A job deletes the keys of what was refused until now.
      if status == .returning { _ = takeRefusals(of: s) }
      invalidation.journal.keep(
        id, mostKeys: common.limits.journalKeys, mostBytes: common.limits.journalBytes)
    }
    stale.formUnion(setEjected(s, from: pools))
    return true
  }

  /// Takes a server that is ejected out of these pools, and only these; out of all if nil. Returns the pools for which
  /// that changes something: their rings are to be rebuilt.
  private mutating func setEjected(_ s: Ref<Server>, from pools: Set<PoolID>?) -> Set<Int> {
    var stale: Set<Int> = []
    for i in 0..<router.destinations.count where router.destinations[i].server == s {
      let number = Int(router.destinations[i].pool.number)
      let isEjected =
        upstream.servers[s].status == .ejected && (pools?.contains(router.poolIDs[number]) ?? true)
      if router.destinations[i].isEjected != isEjected { stale.insert(number) }
      router.destinations[i].isEjected = isEjected
    }
    return stale
  }

  /// Rebuilds the rings of these pools from their servers' statuses, and ends uploads to servers that lost the key.
  package mutating func updateRings(_ stale: Set<Int>, now: Instant) {
    if !stale.isEmpty {
      if invalidation.isJournaling { noteInFlight() }
      invalidation.isJournaling = false
      for pool in stale { applyStatuses(pool: pool) }
      for i in 0..<router.poolStarts.count
      where !router.table.pools[Ref(UInt32(truncatingIfNeeded: i))].isWhole {
        invalidation.isJournaling = true
      }
    }
    if !invalidation.refusals.isEmpty { deleteRefusedOnStandIns() }
    endOrphanUploads(now: now)
  }

  /// Takes the ejected servers out of a pool's ring, and puts the others in.
  private mutating func applyStatuses(pool i: Int) {
    let start = Int(router.poolStarts[i])
    let end = i + 1 < router.poolStarts.count ? Int(router.poolStarts[i + 1]) : router.destinations.count
    let out = (start..<end).map { router.destinations[$0].isEjected }
    router.table.pools[Ref(UInt32(truncatingIfNeeded: i))].exclude(out)
    if !router.table.pools[Ref(UInt32(truncatingIfNeeded: i))].isWhole { invalidation.isJournaling = true }
  }

  /// Moves a server to a new address. A connection with a request in flight gets its replies and is closed, and a new
  /// one replaces it; all others are reconnected and keep their unsent queues.
  package mutating func relocate(_ id: ServerID, now: Instant) {
    guard let s = slot(of: id) else { return }
    for i in 0..<upstream.servers[s].connections.count {
      var l = upstream.servers[s].connections[i]
      if upstream.connections[l].queue.sent > 0 || upstream.connections[l].queue.late > 0 {
        let old = l
        l = upstream.connections.take()
        upstream.connections[l].server = s
        put(l, inPlaceOf: old, at: i, of: s)
        retire(connection: old)
      } else {
        unmake(l)
      }
      if upstream.servers[s].status == .up { connect(l, now: now) }
    }
    releaseRetired(now: now)
  }

  /// Replaces a server's connection: later requests use `l`.
  mutating func put(
    _ l: Ref<ServerConnection>, inPlaceOf old: Ref<ServerConnection>, at i: Int, of s: Ref<Server>
  ) {
    upstream.servers[s].connections[i] = l
    for k in 0..<router.destinations.count where router.destinations[k].connection == old {
      router.destinations[k].connection = l
    }
  }

  /// Closes a connection on which nothing was sent; its queue is kept.
  mutating func unmake(_ l: Ref<ServerConnection>) {
    if upstream.connections[l].isMade { common.counters.subtract(.serverConnections) }
    if upstream.connections[l].state != .closed { common.effects.append(.disconnect(connection: l)) }
    upstream.connections[l].state = .closed
    upstream.connections[l].handshake.isNew = false
    upstream.connections[l].input.release(to: &common.buffers)
    upstream.connections[l].attempt.retryAt = .origin
  }

  // MARK: - Draining

  /// Starts draining: nothing more is read (the edge has read all that arrived); clients close after their replies.
  package mutating func drain() {
    isDraining = true
    var c = Ref<Client>(0)
    while c.index < downstream.clients.end {
      if downstream.clients.isTaken(c) { endOfInput(client: c) }
      c = c.next
    }
  }

  /// Ends draining at its time limit: waiting requests are answered with errors, requests not yet taken are refused,
  /// and nothing more is sent to any server.
  package mutating func giveUp(now: Instant) {
    common.clock = now
    isGivingUp = true
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      if upstream.connections.isTaken(l) { lost(l, .shuttingDown, now: now) }
      l = l.next
    }
    resumeHeldUploads()
    while let wait = transfers.streamWaits.popFirst() {
      guard downstream.clients.isCurrent(wait.client) else { continue }
      if let id = wait.stream {
        if transfers.streams.isCurrent(id) { failedDownload(id.slot, .shuttingDown, now: now) }
      } else {
        downstream.clients[wait.client.slot].large.isQueued = false
        downstream.considerResuming(wait.client.slot, &common)
      }
    }
  }

  /// Whether draining is complete: no client is left, and no request is in flight to a server.
  package var isDrained: Bool {
    guard isDraining, downstream.clients.count == 0 else { return false }
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      if upstream.connections.isTaken(l) && !upstream.connections[l].queue.legs.isEmpty { return false }
      l = l.next
    }
    return true
  }
}
