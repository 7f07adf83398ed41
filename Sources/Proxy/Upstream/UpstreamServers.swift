import Bytes
import Stats
import Topology
import Wire

// The servers and their connections as a plan has them: new ones, retired ones, those that have moved, and the private
// connections that a server has besides.

extension Upstream {
  /// Gives each server of a plan its slot, its settings and its connections.
  mutating func takeServers(of plan: WorkerPlan, now: Instant, _ common: inout Common) -> [ServerID: Ref<
    Server
  >] {
    var policies: [ServerID: [PoolPolicy]] = [:]
    for pool in plan.pools {
      for id in pool.servers { policies[id, default: []].append(pool.policy) }
    }
    var slots: [ServerID: Ref<Server>] = [:]
    for member in plan.servers {
      let s = slot(of: member.id) ?? servers.take()
      slots[member.id] = s
      servers[s].id = member.id
      servers[s].label = Array(member.label.utf8)
      servers[s].isJournaled = member.isJournaled
      servers[s].isRetired = false
      if servers[s].status != .up, member.status == .up { servers[s].upSince = now }
      servers[s].status = member.status
      setTimeouts(of: s, policies[member.id] ?? [], &common)
      equip(s, count: max(1, member.connections), now: now, &common)
    }
    return slots
  }

  /// Makes the members of a plan's pools of its servers; returns the number of each pool's first one.
  mutating func takeMembers(of plan: WorkerPlan, _ slots: [ServerID: Ref<Server>]) -> [UInt32] {
    everyServer = FixedArray(plan.servers.compactMap { slots[$0.id] })
    var starts: [UInt32] = []
    var members: [Destination] = []
    for (number, pool) in plan.pools.enumerated() {
      starts.append(UInt32(truncatingIfNeeded: members.count))
      for s in pool.servers.compactMap({ slots[$0] }) {
        members.append(
          Destination(
            server: s, connection: servers[s].connections[0], isAlone: servers[s].connections.count == 1,
            pool: PoolIndex(number)))
      }
    }
    destinations = FixedArray(members)
    for server in plan.servers {
      if let s = slots[server.id] { _ = setEjected(s, from: server.ejectedFrom) }
    }
    return starts
  }

  /// Whether a server is a member of a pool, whose first member has the number in `starts`.
  func isMember(_ s: Ref<Server>, of pool: PoolIndex, _ starts: borrowing FixedArray<UInt32>) -> Bool {
    var i = Int(starts[Int(pool.number)])
    while i < destinations.count, destinations[i].pool == pool {
      if destinations[i].server == s { return true }
      i += 1
    }
    return false
  }

  /// Takes the deletions that a server's connections owe.
  mutating func takeOwed(of s: Ref<Server>) -> [Deletion] {
    var owed: [Deletion] = []
    for i in 0..<servers[s].connections.count {
      let l = servers[s].connections[i]
      owed += connections[l].owed.deletions
      connections[l].owed.deletions = []
    }
    return owed
  }

  /// Sets a server's status. Connections of one that is out are lost. Returns whether the status is new.
  mutating func setStatus(_ status: ServerStatus, of s: Ref<Server>, now: Instant, _ common: inout Common)
    -> Bool
  {
    guard servers[s].status != status else { return false }
    servers[s].status = status
    for i in 0..<servers[s].connections.count {
      let l = servers[s].connections[i]
      guard status == .up else {
        lost(l, .ejected, now: now, &common)
        continue
      }
      connections[l].attempt.retryAt = .origin
      if connections[l].state == .closed { connect(l, now: now, &common) }
    }
    if status == .up {
      servers[s].isSuspect = false
      servers[s].upSince = now
    }
    return true
  }

  /// Takes the timeouts by which a server's connections are judged from the rules of its pools.
  mutating func setTimeouts(of s: Ref<Server>, _ policies: [PoolPolicy], _ common: inout Common) {
    let timeouts = policies.map(\.requestTimeout.wholeNanoseconds)
    servers[s].timeouts.connect = policies.map(\.connectTimeout.wholeNanoseconds).max() ?? 0
    servers[s].timeouts.request = timeouts.max() ?? 0
    servers[s].timeouts.lastPolicy = policies.first.map { RequestPolicy($0) }
    servers[s].timeouts.areMixed = Set(timeouts).count > 1
    for policy in policies
    where policy.isJournaled && policy.requestTimeout * 4 > common.limits.journalLife {
      common.limits.journalLife = policy.requestTimeout * 4
    }
  }

  /// Gives the requests in flight their pools' new numbers. A pool that is gone leaves its requests to the first one's
  /// rules. O(requests in flight).
  mutating func renumberPools(_ numbers: [PoolIndex]) {
    for l in connections.slots where connections.isTaken(l) {
      connections[l].queue.renumberPools(numbers)
      for i in connections[l].owed.deletions.indices {
        connections[l].owed.deletions[i].pool.renumber(numbers)
      }
    }
  }

  /// A reload has removed the listeners at these places. O(requests in flight).
  mutating func forgetListeners(_ gone: Set<UInt8>) {
    for l in connections.slots where connections.isTaken(l) { connections[l].queue.forgetListeners(gone) }
  }

  /// The slot of a server that is configured.
  func slot(of id: ServerID) -> Ref<Server>? {
    for s in servers.slots where servers.isTaken(s) && servers[s].id == id && !servers[s].isRetired {
      return s
    }
    return nil
  }

  /// Gives a server `count` connections, and opens the new ones.
  ///
  /// A different number maps clients to other connections. If any request is in flight, all connections are replaced,
  /// and the new ones wait until the old ones have their replies.
  mutating func equip(_ s: Ref<Server>, count: Int, now: Instant, _ common: inout Common) {
    if servers[s].connections.count != count && isBusy(s) {
      while let l = servers[s].connections.popFirst() { follow(l) }
    }
    while servers[s].connections.count < count {
      let l = connections.take()
      connections[l].server = s
      servers[s].connections.append(l)
      if servers[s].status == .up { connect(l, now: now, &common) }
    }
    guard servers[s].connections.count > count else { return }
    var kept = Fifo<Ref<ServerConnection>>()
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

  /// Removes a server that is not in the plan: its connections are closed when nothing waits on them.
  mutating func retire(server s: Ref<Server>, _ common: inout Common) {
    guard !servers[s].isRetired else { return }
    servers[s].isRetired = true
    servers[s].isJournaled = false
    while let l = servers[s].connections.popFirst() { follow(l) }
    while let l = servers[s].spares.popFirst() { shut(l, &common) }
  }

  /// Retires a connection, and makes later connections, perhaps to the same server under another id, wait until it
  /// has its replies.
  mutating func follow(_ l: Ref<ServerConnection>) {
    retire(connection: l)
    connections[l].isFollowed = true
  }

  func isBusy(_ s: Ref<Server>) -> Bool {
    for i in 0..<servers[s].connections.count
    where !connections[servers[s].connections[i]].queue.legs.isEmpty {
      return true
    }
    return false
  }

  /// Whether a connection to the same machine still owes replies to requests taken before any of this one's. A
  /// request past its deadline counts as answered if all of it was sent; if only a part was sent, it would surely be
  /// executed later.
  mutating func mustWait(_ l: Ref<ServerConnection>, now: Instant) -> Bool {
    guard !connections[l].isPrivate, !connections[l].isRetiring else { return false }
    if now < connections[l].owed.restsUntil { return true }
    for i in 0..<retiring.count {
      let r = retiring[i]
      guard connections[r].isFollowed, connections[r].state != .closed,
        connections[r].queue.late < connections[r].queue.legs.count
          || connections[r].queue.sent < connections[r].queue.bytes.count
      else { continue }
      if servers[connections[r].server].label == servers[connections[l].server].label {
        return true
      }
    }
    return false
  }

  /// Starts to use connections that have waited long enough.
  mutating func useWaiting(now: Instant, _ common: inout Common) {
    for l in connections.slots
    where connections.isTaken(l) && connections[l].state == .waiting && !mustWait(l, now: now) {
      use(l, now: now, &common)
    }
  }

  mutating func retire(connection l: Ref<ServerConnection>) {
    dropReplacement(of: l)
    connections[l].isRetiring = true
    retiring.append(l)
  }

  /// Closes and releases retired connections on which nothing waits, except those of the servers `named`.
  mutating func releaseRetired(except named: Set<Ref<Server>>, now: Instant, _ common: inout Common) {
    var n = retiring.count
    while n > 0, let l = retiring.popFirst() {
      n -= 1
      guard connections[l].queue.legs.isEmpty || connections[l].state == .closed,
        !named.contains(connections[l].server)
      else {
        retiring.append(l)
        continue
      }
      lost(l, .shuttingDown, now: now, &common)
      // A closed connection may have deletions that were to be done when it is open.
      connections[l].queue.clear(&common.buffers)
      connections.give(l)
    }
    useWaiting(now: now, &common)
  }

  /// Releases retired servers that have no connection, except those `inUse`.
  mutating func forgetRetired(except inUse: Set<Ref<Server>>) {
    for s in servers.slots
    where servers.isTaken(s) && servers[s].isRetired && servers[s].connections.isEmpty
      && servers[s].spares.isEmpty
      && !isAwaited(s) && !inUse.contains(s)
    {
      servers.give(s)
    }
  }

  func isAwaited(_ s: Ref<Server>) -> Bool {
    for i in 0..<retiring.count where connections[retiring[i]].server == s {
      return true
    }
    return false
  }

  /// Takes a server that is ejected out of these pools, and only these; out of all if nil. Returns the pools for which
  /// that changes something: their rings are to be rebuilt.
  mutating func setEjected(_ s: Ref<Server>, from pools: Set<PoolID>?) -> Set<Int> {
    var stale: Set<Int> = []
    for i in 0..<destinations.count where destinations[i].server == s {
      let number = Int(destinations[i].pool.number)
      let isEjected = servers[s].status == .ejected && (pools?.contains(self.pools.ids[number]) ?? true)
      if destinations[i].isEjected != isEjected { stale.insert(number) }
      destinations[i].isEjected = isEjected
    }
    return stale
  }

  /// Moves a server to a new address. A connection with a request in flight gets its replies and is closed, and a new
  /// one replaces it; all others are reconnected and keep their unsent queues.
  package mutating func relocate(_ id: ServerID, now: Instant, _ common: inout Common) {
    guard let s = slot(of: id) else { return }
    for i in 0..<servers[s].connections.count {
      let l = servers[s].connections[i]
      if connections[l].queue.sent > 0 || connections[l].queue.late > 0 {
        let new = connections.take()
        connections[new].server = s
        replace(l, at: i, of: s, with: new)
        if servers[s].status == .up { connect(new, now: now, &common) }
      } else {
        close(l, &common)
        if servers[s].status == .up { connect(l, now: now, &common) }
      }
    }
  }

  /// Puts a connection in the place of another, which answers what it has and is then closed.
  mutating func replace(
    _ old: Ref<ServerConnection>, at i: Int, of s: Ref<Server>, with new: Ref<ServerConnection>
  ) {
    servers[s].connections[i] = new
    for k in 0..<destinations.count where destinations[k].connection == old {
      destinations[k].connection = new
    }
    retire(connection: old)
  }

  /// Closes a connection on which nothing was sent, and opens it again; its queue is kept.
  mutating func reopen(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    close(l, &common)
    connect(l, now: now, &common)
  }

  /// Closes a connection on which nothing was sent; its queue is kept.
  private mutating func close(_ l: Ref<ServerConnection>, _ common: inout Common) {
    if connections[l].isMade { common.counters.subtract(.serverConnections) }
    if connections[l].state != .closed { common.effects.append(.disconnect(connection: l)) }
    connections[l].state = .closed
    connections[l].handshake.isNew = false
    connections[l].input.release(to: &common.buffers)
    connections[l].attempt.retryAt = .origin
  }

  // MARK: - Private connections

  /// Gives a stream a connection, which is ready or being opened.
  mutating func takePrivateConnection(
    for i: Ref<Stream>, to s: Ref<Server>, now: Instant, _ common: inout Common
  ) -> Ref<ServerConnection> {
    // A connection that was idle for long may be dead; it is not validated, as a new one costs hardly more.
    while let old = servers[s].spares.first,
      now.since(connections[old].attempt.since) >= common.limits.sparePatience
    {
      servers[s].spares.dropFirst()
      shut(old, &common)
    }
    let l: Ref<ServerConnection>
    if let spare = servers[s].spares.popFirst() {
      l = spare
    } else {
      l = connections.take()
      connections[l].server = s
      connections[l].isPrivate = true
      connect(l, now: now, &common)
    }
    connections[l].stream = i
    return l
  }

  /// Releases a stream's connection. If its last reply has ended, it is kept for the next stream.
  mutating func leavePrivateConnection(_ l: Ref<ServerConnection>, isClean: Bool, _ common: inout Common) {
    let s = connections[l].server
    connections[l].stream = Ref<Stream>.none
    connections[l].queue.endTransfer()
    if isClean, connections[l].state == .ready, connections[l].queue.bytes.isEmpty,
      connections[l].queue.legs.isEmpty, connections[l].input.isEmpty,
      servers[s].status == .up, !servers[s].isRetired, servers[s].spares.count < common.limits.spares
    {
      connections[l].attempt.since = common.clock
      servers[s].spares.append(l)
    } else {
      shut(l, &common)
    }
  }

  /// Closes a private connection; its slot is freed when the edge has closed the socket.
  mutating func shut(_ l: Ref<ServerConnection>, _ common: inout Common) {
    if connections[l].state == .ready { common.counters.subtract(.serverConnections) }
    common.effects.append(.disconnect(connection: l))
    connections[l].state = .closed
    connections[l].queue.clear(&common.buffers)
    connections[l].input.release(to: &common.buffers)
    retiring.append(l)
  }

  /// Closes private connections that were idle for `Limits.sparePatience`.
  mutating func sweepSpares(now: Instant, _ common: inout Common) {
    for s in servers.slots where servers.isTaken(s) {
      while let l = servers[s].spares.first,
        now.since(connections[l].attempt.since) >= common.limits.sparePatience
      {
        servers[s].spares.dropFirst()
        shut(l, &common)
      }
    }
  }
}
