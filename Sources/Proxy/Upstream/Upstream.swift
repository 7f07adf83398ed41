import Bytes
import Stats
import Topology
import Wire

/// A worker's servers and its connections to them.
///
///     in    admit, enqueue on a connection's queue, queued ─▶ (the thread sends) · handshakeReceived · lost · expire
///     out   `settled`: the requests that will get no reply, or not in time, and what is known of each
///
/// It opens, tests, replaces and closes connections, and knows which requests were sent. It knows no client: a request
/// carries the number of its exchange or fan-out, and `Dispatcher` decides what becomes of one that failed.
package struct Upstream: ~Copyable {
  package var servers = Slab<Server>(capacity: 8)
  package var connections = Slab<ServerConnection>(capacity: 8)
  /// Each server once, in the order of the plan.
  var everyServer = FixedArray<Ref<Server>>([])
  /// The members of all pools, in the order of the plan.
  var destinations = FixedArray<Destination>([])
  var pools = PoolTable()
  /// Connections with requests to be sent.
  var dirtyConnections = Fifo<Ref<ServerConnection>>()
  /// Connections that are closed when nothing waits on them.
  var retiring = Fifo<Ref<ServerConnection>>()
  /// Requests that will get no reply, until `Dispatcher.settle` has decided about them.
  var settled = SettledRequests()
  /// Private connections that failed under a stream, until `Transfers.settle` has ended that.
  var failedTransfers = Fifo<FailedTransfer>()
  /// Deletions that clients have just been promised: see `keepPromises`.
  var promised: [Promise] = []
  /// The opaque of the last meta request. No two requests in flight have the same one.
  var opaque: UInt64 = 0
  /// A random number from the edge, sent to servers only: the key and opaque of a `Fence`.
  package var secret: UInt64
  /// The memcached versions by which the worker reads requests and words its refusals: the oldest of its servers'.
  var dialect = Dialect()
  /// Whether draining has reached its time limit: no server is sent anything more.
  var isGivingUp = false

  init(secret: UInt64) { self.secret = secret }

  // MARK: - Requests are sent

  /// The connection for requests of one lane to a server: always the same one, so that they stay in order. A client's
  /// lane is the number of its slot.
  @inline(never) mutating func connection(to s: Ref<Server>, lane: UInt32) -> Ref<ServerConnection> {
    let n = servers[s].connections.count
    return servers[s].connections[n == 1 ? 0 : Int(lane) % n]
  }

  /// The connection for requests of one lane to a member of a pool.
  @inline(__always)
  mutating func connection(to destination: Destination, lane: UInt32) -> Ref<ServerConnection> {
    destination.isAlone ? destination.connection : connection(to: destination.server, lane: lane)
  }

  /// Counts a client's request that was added to a connection's queue, and has it sent.
  @inline(__always) mutating func queued(on l: Ref<ServerConnection>, _ common: inout Common) {
    common.counters.add(.requestsForwarded)
    markDirty(l)
  }

  /// Counts bytes that a server has sent.
  @inline(__always)
  mutating func noteReceived(_ n: Int, on l: Ref<ServerConnection>, _ common: inout Common) {
    common.counters.add(n, to: .serverBytesIn)
    let s = connections[l].server
    // The connection may have been released before the edge has read what was left.
    if s != Ref<Server>.none { servers[s].counts.tally.bytesIn &+= UInt64(truncatingIfNeeded: n) }
  }

  /// Counts bytes that the edge has sent to a server.
  @inline(__always)
  mutating func noteSent(_ n: Int, on l: Ref<ServerConnection>, _ common: inout Common) {
    common.counters.add(n, to: .serverBytesOut)
    let s = connections[l].server
    if s != Ref<Server>.none { servers[s].counts.tally.bytesOut &+= UInt64(truncatingIfNeeded: n) }
    connections[l].queue.noteSent(n)
  }

  @inline(__always) mutating func markDirty(_ l: Ref<ServerConnection>) {
    if connections[l].becomeDirty() { dirtyConnections.append(l) }
  }

  /// The next connection to a server that has something to send; each once per turn of the loop.
  package mutating func nextConnectionToFlush() -> Ref<ServerConnection>? {
    while let l = dirtyConnections.popFirst() {
      connections[l].isDirty = false
      if connections[l].unsent > 0 { return l }
    }
    return nil
  }

  /// Decides whether a connection takes another request now; returns the cause if not. Opens it if it is closed,
  /// validates it if it is idle. When the queue is full, a request that `isModest` is still admitted: its client
  /// has few in flight, and did not fill it.
  @inline(never)
  mutating func admit(
    _ l: Ref<ServerConnection>, isModest: Bool = false, now: Instant, _ common: inout Common
  ) -> ServerFailure? {
    if isGivingUp { return .shuttingDown }
    let s = connections[l].server
    switch servers[s].status {
    case .up: break
    case .ejected, .failFast, .returning: return .ejected
    }
    if isFull(l, isModest: isModest, common) {
      common.counters.add(.queueFull)
      return .queueFull
    }
    if connections[l].state == .closed {
      guard now >= connections[l].attempt.retryAt else {
        return connections[l].attempt.lastFailure
      }
      connect(l, now: now, &common)
    } else if connections[l].state == .idle {
      validate(l, now: now, &common)
    }
    return nil
  }

  /// The same for a command for every server, which does not wait for one that is silent already.
  mutating func admitCommand(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common)
    -> ServerFailure?
  {
    if let failure = admit(l, now: now, &common) { return failure }
    let s = connections[l].server
    servers[s].timeouts.commandAt = now
    return isSilent(l, for: commandTimeout(of: s), now: now) ? .timedOut : nil
  }

  /// Whether a connection's queue is full.
  func isFull(_ l: Ref<ServerConnection>, isModest: Bool, _ common: borrowing Common) -> Bool {
    let most =
      isModest ? min(common.limits.serverQueue, max(1 << 20, common.queueAllowance)) : common.queueAllowance
    return connections[l].queue.bytes.count > most
      || connections[l].queue.legs.count >= common.limits.serverDepth
  }

  mutating func connect(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    connections[l].state = .connecting
    connections[l].attempt.since = now
    common.effects.append(.connect(connection: l))
  }

  /// The rules of a pool.
  @inline(__always) func policy(of pool: PoolIndex) -> RequestPolicy { pools.policies[Int(pool.number)] }

  /// The same for a request to a server. One that is no longer configured keeps the rules that it had.
  func policy(of pool: PoolIndex, at s: Ref<Server>) -> RequestPolicy {
    if servers[s].isRetired, let last = servers[s].timeouts.lastPolicy { return last }
    return policy(of: pool)
  }

  /// Counts keys of a server that are answered as misses because the server could not answer.
  mutating func countMiss(_ keys: Int = 1, at s: Ref<Server>, _ common: inout Common) {
    common.counters.add(keys, to: .readsAsMisses)
    servers[s].counts.tally.readsAsMisses &+= UInt64(truncatingIfNeeded: keys)
  }

  /// Reports a failure to the health board. `begun`: when the connection attempt began, if it never succeeded.
  mutating func reportFailure(
    _ failure: ServerFailure, of s: Ref<Server>, begun: Instant? = nil, _ common: inout Common
  ) {
    guard failure != .full else { return }
    servers[s].isSuspect = true
    if failure == .timedOut, let begun {
      common.events.append(.unanswered(server: servers[s].id, since: begun))
    } else {
      common.events.append(.failed(server: servers[s].id, failure))
    }
  }

  /// Records that a server has answered, if it was suspected to have failed.
  @inline(__always)
  mutating func noteAnswered(_ l: Ref<ServerConnection>, _ common: inout Common) {
    let s = connections[l].server
    if servers[s].isSuspect {
      servers[s].isSuspect = false
      common.events.append(.answered(server: servers[s].id))
    }
  }

  /// Records the size of a value on its way to or from a server.
  mutating func noteSize(_ bytes: Int, at s: Ref<Server>, _ common: inout Common) {
    if bytes >= common.limits.large { servers[s].large.at = common.clock }
  }

  /// Whether a server has yet to do a write that no client waits for (`noreply`, or its deadline has passed). A read on
  /// a private connection might be answered before that write; one on the shared connection is answered behind it.
  var hasUnansweredWrites: Bool {
    for l in connections.slots where connections.isTaken(l) && connections[l].queue.hasUnansweredWrite {
      return true
    }
    return false
  }

  /// Whether any connection has requests.
  var hasRequests: Bool {
    for l in connections.slots where connections.isTaken(l) && !connections[l].queue.legs.isEmpty {
      return true
    }
    return false
  }

  /// Frees the memory that a burst has left unused.
  mutating func trim() {
    for l in connections.slots {
      connections[l].queue.trim()
    }
  }

  // MARK: - What a worker publishes, several times a second

  /// Replaces `numbers` with this worker's numbers of each server. O(servers and connections).
  package mutating func giveServerNumbers(to numbers: inout [ServerNumbers]) {
    numbers.removeAll(keepingCapacity: true)
    for s in servers.slots where servers.isTaken(s) && !servers[s].isRetired {
      var one = ServerNumbers(id: servers[s].id)
      one.tally = servers[s].counts.tally
      for i in 0..<servers[s].connections.count {
        let l = servers[s].connections[i]
        one.heard = max(one.heard, connections[l].progress.heard)
        one.inFlight &+= connections[l].queue.legs.count &- connections[l].queue.late
        one.queuedBytes &+= connections[l].queue.bytes.count &- connections[l].queue.sent
        if connections[l].isMade { one.connections &+= 1 }
      }
      numbers.append(one)
    }
  }

  /// Replaces `numbers` with this worker's numbers of each pool. O(pools).
  package mutating func givePoolNumbers(to numbers: inout [PoolNumbers]) {
    if !numbers.lazy.map(\.id).elementsEqual(pools.ids) { numbers = pools.ids.map { PoolNumbers(id: $0) } }
    for i in 0..<pools.ids.count { pools.tallies[pools.places[i]].read(into: &numbers[i].results) }
  }

  /// Moves the latencies since the last call to `book`. O(servers and pools, times buckets).
  package mutating func moveLatencies(to book: inout LatencyBook) {
    for s in servers.slots where servers.isTaken(s) && !servers[s].isRetired {
      servers[s].counts.latency.move(to: &book.servers[servers[s].id, default: LatencyCounts()])
    }
    for i in 0..<pools.ids.count {
      pools.tallies[pools.places[i]].latency.move(to: &book.pools[pools.ids[i], default: LatencyCounts()])
    }
  }

  // MARK: - What is known of a connection

  /// Whether closing this connection counts as losing it: its server is up, and the connection is shared, not being
  /// replaced or drained, and not closed on purpose to skip an unwanted reply.
  package func isLoss(ofConnection l: Ref<ServerConnection>) -> Bool {
    guard connections.isTaken(l), !connections[l].isRetiring,
      !connections[l].isPrivate, !connections[l].isCut
    else { return false }
    let s = connections[l].server
    return servers.isTaken(s) && servers[s].status == .up && !servers[s].isRetired && !isGivingUp
  }

  /// Whether the connection is a replacement for one that has fallen silent.
  package func isReplacement(connection l: Ref<ServerConnection>) -> Bool {
    connections[l].check.replaces != Ref<ServerConnection>.none
  }

  /// Whether the connection is still being established, to this server.
  package func isConnecting(connection l: Ref<ServerConnection>, to server: ServerID) -> Bool {
    connections.isTaken(l) && connections[l].state == .connecting
      && servers[connections[l].server].id == server
  }

  /// Whether a request on a private connection may overtake one of before `heldSince` on the shared connection that may
  /// change its key and is not known to be done: one with `noreply`, one that is past its deadline, or a promised
  /// deletion. A server reads two connections in any order.
  mutating func wouldOvertake(
    _ shared: Ref<ServerConnection>, heldSince: Instant, _ bytes: RawSpan, _ request: Request, now: Instant
  ) -> Bool {
    // Requests on a connection that this one follows may be any client's, for any key.
    if connections[shared].state != .ready, mustWait(shared, now: now) { return true }
    if !connections[shared].owed.deletions.isEmpty {
      var keys = KeyRange(request.key)
      if let key = keys.next(bytes), connections[shared].owes(key) { return true }
    }
    var at = RequestQueue.Position()
    while let one = connections[shared].queue.next(&at) {
      let leg = one.leg
      // Later requests, of other clients, are no reason to wait longer; a deletion may have been owed before.
      guard leg.since <= heldSince || leg.isPromised,
        leg.verb == .flushAll || leg.verb.mayChange,
        !connections[shared].queue.changesNothing(one)
      else { continue }
      // A fan-out's leg may have several keys, and keys in base64 are not compared.
      if leg.fanOut != Ref<FanOut>.none || leg.verb == .flushAll || leg.meta.contains(.base64)
        || request.meta.contains(.base64)
      {
        return true
      }
      if connections[shared].queue.hasKey(
        one, matching: bytes, at: request.keyStart, count: request.keyLength)
      {
        return true
      }
    }
    return false
  }
}
