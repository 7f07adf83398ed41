import Bytes
import Routing
import Stats
import Topology
import Wire

/// Joins a worker's clients and servers: it sends each request to the servers of its route, and makes one reply of what
/// becomes of it there.
///
///     request ─▶ route ─▶ legs on server connections ─▶ outcomes ─▶ Exchange.step ─▶ wait, answer, ask again, or say
///
/// Requests go out in `Forwarding.swift`, `MultiGet.swift` and `Broadcast.swift`; replies arrive in `Replies.swift`;
/// requests that get none are settled here.
package struct Dispatcher: ~Copyable {
  package var common: Common
  package var upstream: Upstream
  package var downstream = Downstream()
  var router = Router()
  var invalidation = Invalidation()
  /// Requests of several parts, and large values on their way.
  var fanOuts = Slab<FanOut>(capacity: 16)
  var streams = Slab<Stream>(capacity: 4)
  var routed = RoutedState()
  /// The words of the current request line.
  var line = RequestLine()
  /// Connections that the current multi-get has begun to write to.
  var openLegs = List<OpenLeg>()
  /// Bytes that may be queued for a server before `admit` has to decide about another request.
  var fastPathBytes = 0
  /// The reply that is being forwarded to the gets of a line.
  var shared = SharedReply()
  /// Number of the current multi-get, a multiple of 256: tells its share on a connection from that of an earlier one.
  var round: UInt64 = 0
  /// Clients whose large request waits for the next tick: it would overtake an earlier one, or a queue is full.
  var heldRequests = Fifo<SlotID<Client>>()

  init(limits: Limits, processID: Int32, secret: UInt64) {
    common = Common(limits: limits, seed: secret)
    upstream = Upstream(secret: secret)
    common.processID = processID
  }

  // MARK: - Requests that could not be sent

  /// Answers a get of one key that could not be sent at all.
  @inline(never)
  mutating func turnAwayGet(_ c: Ref<Client>, at destination: Destination, _ failure: ServerFailure) {
    var leg = Leg()
    leg.exchange = downstream.newExchange(c)
    leg.account = Account(destination.pool, downstream.clients[c].listener)
    leg.since = common.clock
    fail(leg, at: destination.server, failure, isTrue: true)
  }

  /// Answers a request that could not be sent at all. `mayBeElsewhere`: its key may be found on another server, and so a
  /// miss is no true answer.
  @inline(never)
  mutating func turnAway(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, at destination: Destination,
    by l: Ref<ServerConnection>, _ failure: ServerFailure, mayBeElsewhere: Bool = false
  ) {
    let s = destination.server
    let keys = KeyRange(request.key)
    let isRecorded = invalidation.noteRefusal(
      bytes, lineAt: p, request.verb, keys, at: s, in: destination.pool, target(of: destination, for: c),
      by: l, failure, &upstream, router, &common)
    let isTrue = isRecorded && !mayBeElsewhere
    var asked = Buffer()
    var leg = Leg()
    leg.verb = request.verb
    // A miss returns the flags that the request line asks for.
    if request.verb.isMeta {
      leg = Leg(MetaLine.write(bytes, p, request.withoutBody, opaque: 0, to: &asked, &common.buffers))
    }
    leg.account = Account(destination.pool, downstream.clients[c].listener)
    leg.isAimed = target(of: destination, for: c).isPool
    leg.since = common.clock
    if request.isQuiet, !request.verb.isMeta {
      common.counters.add(.noreplyDropped)
      countFailure(request.verb, failure, at: s, in: destination.pool)
    } else {
      leg.exchange = downstream.newExchange(c)
      fail(leg, at: s, failure, asked.readable, isTrue: isTrue)
    }
    asked.release(to: &common.buffers)
    upstream.keepPromises(&common)
  }

  /// What says where the keys of a client's request to this destination belong.
  func target(of destination: Destination, for c: Ref<Client>) -> Target {
    destination.isAimed ? Target(destination.pool) : downstream.clients[c].target
  }

  // MARK: - Requests that get no reply

  /// Decides about the requests that will get no reply from their servers, or not in time.
  @inline(__always) mutating func settle() {
    if upstream.settled.list.count > 0 || !upstream.promised.isEmpty { settleAll() }
  }

  @inline(never) private mutating func settleAll() {
    settleRequests()
    upstream.keepPromises(&common)
  }

  /// Checks a connection's deadlines.
  mutating func expire(_ l: Ref<ServerConnection>, now: Instant) {
    guard let isOverdue = upstream.expire(l, now: now, &common) else { return settle() }
    settleRequests()
    if !upstream.promised.isEmpty {
      upstream.giveUpBehind(l, &common)
      settle()
    }
    upstream.judge(l, isOverdue: isOverdue, now: now, &common)
    settle()
  }

  /// The same as `settle`, before the deletions that were promised are sent.
  private mutating func settleRequests() {
    while upstream.settled.list.count > 0 {
      var settled = upstream.settled.take()
      for i in 0..<settled.list.count { settle(settled.list[i], settled.bytes) }
      settled.bytes.release(to: &common.buffers)
    }
  }

  /// Decides about one of them, and releases the exchange or fan-out that it belongs to.
  private mutating func settle(_ one: Settled, _ asked: borrowing Buffer) {
    let (leg, s) = (one.leg, one.server)
    if leg.isPromised, leg.isRouted, !leg.isLate, let gate = leg.route.gate {
      Routed.pass(&self, gate, hasDeleted: false)
    }
    switch one.fate {
    case .stale, .unspoken:
      // A replacement that is used already may have found a server that does not understand the request.
      let isSpoken = one.fate == .stale && !upstream.isUnspoken(leg.verb, on: one.next)
      let outcome = isSpoken ? LegOutcome.stale : .unspoken
      guard case .ask = Exchange.step(leg.verb.kind, after: outcome, upstream.policy(of: leg.pool, at: s))
      else {
        return refuse(leg.exchange, Upstream.unspoken(in: upstream.connections[one.next].handshake.meta))
      }
      return upstream.sendAgain(leg, asked, one.start, on: one.next, &common)
    case .late where leg.isPromised: return
    case .unsent where !leg.isPromised && !leg.isLate:
      let isTrue = invalidation.noteRefusal(
        asked.readable, lineAt: one.start, leg.verb, KeyRange(leg, start: one.start), at: s, in: leg.pool,
        leg.target, by: one.next, isAhead: one.isAhead, one.failure, &upstream, router, &common)
      fail(leg, at: s, one.failure, asked.readable, one.start, isTrue: isTrue, sentAt: one.sentAt)
    case .unsent, .inDoubt, .late, .leftBehind:
      if leg.isLate, !leg.isPromised { break }
      let isTrue = invalidation.settleDoubt(one, asked.readable, &upstream, router, &common)
      // No client waits for a deletion by the proxy itself, but clients were promised it.
      if !leg.isPromised {
        fail(leg, at: s, one.failure, asked.readable, one.start, isTrue: isTrue, sentAt: one.sentAt)
      }
    }
    if leg.fanOut != Ref<FanOut>.none {
      if one.fate != .late { fanOuts[leg.fanOut].open &-= 1 }
      finish(leg.fanOut)
    } else if leg.exchange == Ref<Exchange>.none, !leg.isLate, !leg.isPromised, one.fate != .late {
      common.counters.add(.noreplyDropped)
    }
  }

  /// Answers for a leg that will get no reply: a read as a miss if so configured, a write too if that `isTrue`;
  /// everything else with an error line that names server and cause. Its request begins at `start` in `asked`.
  mutating func fail(
    _ leg: Leg, at s: Ref<Server>, _ failure: ServerFailure, _ asked: RawSpan = RawSpan(), _ start: Int = 0,
    isTrue: Bool = false, sentAt: Instant? = nil
  ) {
    if isNoticed(since: leg.since) {
      notice(leg, RequestResult(failure), at: s, asked, start, sentAt: sentAt)
    }
    if leg.fanOut != Ref<FanOut>.none { return fail(partOf: leg.fanOut, leg, at: s, failure) }
    let x = leg.exchange
    var isTrue = isTrue
    if leg.isRouted, x != Ref<Exchange>.none {
      if let gate = leg.route.gate, Routed.leave(&self, gate) { isTrue = false }
      if Routed.goesOn(&self, leg, failure.meansUnsent ? .unsent : .doubt, asked, start) {
        return countFailure(leg.verb, failure, at: s, in: leg.pool)
      }
    }
    countFailure(leg.verb, failure, at: s, in: leg.pool)
    guard x != Ref<Exchange>.none else { return }
    recordLatency(since: leg.since, in: leg.pool, leg.listener)
    let target = downstream.target(of: x)
    let step = Exchange.step(
      leg.verb.kind, after: .failed(isTrue: isTrue), upstream.policy(of: leg.pool, at: s))
    guard case .say(.miss) = step, leg.missLine != nil else {
      appendError(failure.words, at: s, to: target)
      return downstream.conclude(x, target, &common)
    }
    if leg.verb.kind == .read {
      upstream.countMiss(at: s, &common)
    } else {
      common.counters.add(.writesAsMisses)
    }
    answerMiss(leg, asked, start)
  }

  /// Records that a server does not answer its part of a request to several.
  private mutating func fail(partOf f: Ref<FanOut>, _ leg: Leg, at s: Ref<Server>, _ failure: ServerFailure) {
    if fanOuts[f].kind == .multiGet {
      if failure == .protocolError { fanOuts[f].forgetValues(from: leg.piece) }
      if !fanOuts[f].routed.isEmpty {
        Routed.goOn(&self, f, from: leg.piece, failure.meansUnsent ? .unsent : .doubt)
      }
      noteFailure(f, at: s, in: leg.pool, failure, keysFrom: leg.piece)
    } else {
      fanOuts[f].pieces[Int(leg.piece)].failure = failure
      noteFailure(f, at: s, in: leg.pool, failure)
    }
    fanOuts[f].pending &-= 1
  }

  // MARK: - Requests that are reported

  /// Whether a request that arrived then and is answered now is to be reported.
  @inline(__always) func isNoticed(since: Instant) -> Bool { elapsed(since: since) >= common.reports.after }

  /// Nanoseconds until now.
  @inline(__always) func elapsed(since: Instant) -> UInt64 { common.clock.nanoseconds &- since.nanoseconds }

  /// Reports a leg whose request begins at `start` in its queue and whose reply has `length` bytes. `result`: nil for a
  /// multi-get's leg, whose keys tell.
  @inline(never)
  mutating func notice(
    _ leg: Leg, _ result: RequestResult?, on l: Ref<ServerConnection>, at start: Int = 0, length: Int
  ) {
    let s = upstream.connections[l].server
    guard isWanted(leg, at: s) else { return }
    let sentAt = upstream.connections[l].queue.sentAt(start &+ Int(leg.length))
    let key = upstream.connections[l].queue.copyKey(
      from: start &+ Int(leg.keyStart), count: keyLength(of: leg))
    report(leg, result, at: s, length: length, sentAt: sentAt, key)
  }

  /// The same for a request that is in `asked`, from `start`.
  @inline(never)
  mutating func notice(
    _ leg: Leg, _ result: RequestResult, at s: Ref<Server>, _ asked: RawSpan, _ start: Int, sentAt: Instant?,
    length: Int = 0
  ) {
    // The other commands for several servers take as long as the slowest of them.
    if leg.fanOut != Ref<FanOut>.none, fanOuts[leg.fanOut].kind != .multiGet { return }
    guard isWanted(leg, at: s) else { return }
    let key = asked.copy(from: start &+ Int(leg.keyStart), count: keyLength(of: leg))
    report(leg, result, at: s, length: length, sentAt: sentAt, key)
  }

  private mutating func isWanted(_ leg: Leg, at s: Ref<Server>) -> Bool {
    let elapsed = elapsed(since: leg.since)
    if common.reports.isSlow(elapsed) { common.counters.add(.slowRequests) }
    return common.reports.wants(at: upstream.servers[s].id, took: elapsed)
  }

  /// Bytes of a leg's first key.
  private func keyLength(of leg: Leg) -> Int {
    let isShare = leg.fanOut != Ref<FanOut>.none && leg.piece != .max
    return Int(isShare ? fanOuts[leg.fanOut].pieces[Int(leg.piece)].keyLength : leg.keyLength)
  }

  private mutating func report(
    _ leg: Leg, _ result: RequestResult?, at s: Ref<Server>, length: Int, sentAt: Instant?, _ key: [UInt8]
  ) {
    var one = AnsweredRequest(
      leg, result, at: s, length: length, sentAt: sentAt, now: common.clock, upstream, downstream, fanOuts)
    one.key = key
    common.reports.add(one, took: elapsed(since: leg.since))
  }

  /// Appends the error line for a server that did not answer.
  mutating func appendError(_ cause: StaticString, at s: Ref<Server>, to target: ReplyTarget) {
    common.counters.add(.serverErrors)
    downstream.append("SERVER_ERROR ringroad: ", to: target, &common)
    let label = upstream.servers[s].label
    downstream.append(label.span.raw, to: target, &common)
    downstream.append(" ", to: target, &common)
    downstream.append(cause, to: target, &common)
    downstream.append("\r\n", to: target, &common)
  }

  /// Answers an exchange with a refusal.
  mutating func refuse(_ x: Ref<Exchange>, _ why: Refusal) {
    guard x != Ref<Exchange>.none else { return }
    common.counters.add(.clientErrors)
    let target = downstream.target(of: x)
    downstream.append(why.line, to: target, &common)
    downstream.conclude(x, target, &common)
  }

  /// Handles bytes that cannot be the reply to the oldest request: the connection is closed.
  @inline(never)
  mutating func violation(_ l: Ref<ServerConnection>, _ why: ProtocolViolation, _ bytes: RawSpan, _ p: Int) {
    upstream.violation(l, why, bytes, p, &common)
    settle()
  }

  // MARK: - Plans and statuses

  /// Applies a new plan. Servers that stay keep their connections and queues; removed servers answer the requests
  /// they have, and their connections are then closed.
  mutating func apply(_ plan: WorkerPlan, now: Instant) {
    if invalidation.isJournaling { noteInFlight() }
    common.set(plan.limits)
    common.buffers.bound = common.limits.memory
    fastPathBytes = min(common.limits.serverQueue, 64 << 10)
    setListeners(plan.listeners)
    let before = upstream.pools.ids
    upstream.pools.set(plan.pools)
    let slots = upstream.takeServers(of: plan, now: now, &common)
    let starts = upstream.takeMembers(of: plan, slots)
    router.poolStarts = FixedArray(starts)
    router.targets = plan.targets.compactMap { upstream.pools.index(of: $0) }
    router.take(plan.routing.nodes, of: plan.policies, pools: plan.pools)
    for c in downstream.clients.slots where downstream.clients.isTaken(c) { aim(c) }
    if before != upstream.pools.ids { renumberPools(from: before) }
    let kept = plan.keptPools
    router.table = RoutingTable(plan.routing, rings: &router.table.pools) { i in
      kept.contains(plan.pools[i].id) ? before.firstIndex(of: plan.pools[i].id) : nil
    }
    for server in plan.servers where !server.isJournaled { invalidation.journal.forget(server.id) }
    for pool in plan.pools where !kept.contains(pool.id) {
      invalidation.journal.forgetOwners(on: pool.servers)
    }
    invalidation.isJournaling = false
    for i in 0..<plan.pools.count { applyStatuses(pool: i) }
    let staying = Set(slots.values)
    for s in upstream.servers.slots
    where upstream.servers.isTaken(s) && !staying.contains(s) && !upstream.servers[s].isRetired {
      invalidation.journal.forget(upstream.servers[s].id)
      // Its slot may become another server's.
      _ = invalidation.takeRefusals(of: s)
      upstream.retire(server: s, &common)
    }
    upstream.learnDialect()
  }

  /// Gives the requests in flight their pools' new numbers.
  private mutating func renumberPools(from before: [PoolID]) {
    let ids = upstream.pools.ids
    let numbers = before.map { id in PoolIndex(ids.firstIndex(of: id) ?? 0) }
    upstream.renumberPools(numbers)
    invalidation.renumberPools(numbers)
    for i in streams.slots where streams.isTaken(i) { streams[i].leg.pool.renumber(numbers) }
    for f in fanOuts.slots where fanOuts.isTaken(f) { fanOuts[f].count.pool.renumber(numbers) }
  }

  /// Sets a server's status, settles its requests if it is out, and has it forget what it must if it is up.
  mutating func setStatus(_ status: ServerStatus, of s: Ref<Server>, now: Instant) -> Bool {
    guard upstream.setStatus(status, of: s, now: now, &common) else { return false }
    settle()
    if status == .up {
      invalidation.deleteRefused(at: s, &upstream, router, &common)
      return true
    }
    for one in upstream.takeOwed(of: s) {
      invalidation.recordDoubt(one.key, Target(one.pool), at: s, upstream, router, &common)
    }
    // A job deletes the keys of what was refused until now.
    if status == .returning { _ = invalidation.takeRefusals(of: s) }
    invalidation.journal.keep(
      upstream.servers[s].id, mostKeys: common.limits.journalKeys, mostBytes: common.limits.journalBytes)
    return true
  }

  /// Rebuilds the rings of these pools from their servers' statuses.
  mutating func updateRings(_ stale: Set<Int>) {
    if !stale.isEmpty {
      if invalidation.isJournaling { noteInFlight() }
      invalidation.isJournaling = false
      for pool in stale { applyStatuses(pool: pool) }
      for i in 0..<router.poolStarts.count where hasStandIns(pool: i) { invalidation.isJournaling = true }
    }
    if !invalidation.refusals.isEmpty { invalidation.deleteRefusedOnStandIns(&upstream, router, &common) }
  }

  /// Whether other servers have keys of a pool's servers now.
  private func hasStandIns(pool i: Int) -> Bool {
    router.passesOn[i]
      ? members(ofPool: i).contains { upstream.destinations[$0].isEjected }
      : !router.table.pools[PoolIndex(i).ring].isWhole
  }

  private func members(ofPool i: Int) -> Range<Int> {
    let end = i + 1 < router.poolStarts.count ? Int(router.poolStarts[i + 1]) : upstream.destinations.count
    return Int(router.poolStarts[i])..<end
  }

  /// Takes the ejected servers out of a pool's ring, and puts the others in.
  private mutating func applyStatuses(pool i: Int) {
    let out = members(ofPool: i).map { upstream.destinations[$0].isEjected }
    router.table.pools[PoolIndex(i).ring].exclude(router.passesOn[i] ? [] : out)
    if hasStandIns(pool: i) { invalidation.isJournaling = true }
  }

  /// Records the changes in flight to stand-ins: see `Invalidation.noteInFlight`.
  mutating func noteInFlight() { invalidation.noteInFlight(streams, upstream, router, &common) }

  /// Whether the slot that an effect is about has not been reused since.
  func isCurrent(_ effect: Effect) -> Bool {
    switch effect {
    case .connect(let l): upstream.connections.isTaken(l) && upstream.connections[l].state == .connecting
    case .handshake(let l):
      upstream.connections.isTaken(l)
        && (upstream.connections[l].state == .validating || upstream.connections[l].state == .learningMeta)
    case .close(let c): downstream.clients.isTaken(c) && downstream.clients[c].life.isClosed
    case .pause(let c): downstream.clients.isTaken(c) && downstream.clients[c].life.isStalled
    case .resume(let c): downstream.clients.isTaken(c) && !downstream.clients[c].life.isStalled
    case .pauseConnection(let l): upstream.connections.isTaken(l) && isHeldUp(l)
    case .resumeConnection(let l): upstream.connections.isTaken(l) && !isHeldUp(l)
    case .disconnect, .report, .mergeStats: true
    }
  }

  /// Whether the connection is not read because the client of its stream reads more slowly than the server sends.
  private func isHeldUp(_ l: Ref<ServerConnection>) -> Bool {
    upstream.connections[l].stream != Ref<Stream>.none && streams[upstream.connections[l].stream].isHeldUp
  }

  /// Bytes of buffers that a client keeps occupied.
  func memory(of c: Ref<Client>) -> Int {
    let total =
      downstream.clients[c].input.footprint &+ downstream.clients[c].output.footprint
      &+ downstream.clients[c].parked.footprint
    let i = downstream.clients[c].large.stream
    guard i != Ref<Stream>.none, downstream.clients[c].large.isUploading else { return total }
    return total &+ upstream.connections[streams[i].connection].queue.bytes.footprint
  }

  /// Frees the memory that a burst has left unused.
  mutating func trimMemory() {
    common.buffers.trim()
    downstream.exchanges.trim()
    fanOuts.trim()
    common.effects.trim()
    upstream.trim()
  }

  /// Notes how many requests are in flight, before memory is asked for.
  @inline(__always) mutating func noteRecords() {
    common.noteRecords(exchanges: downstream.exchanges.count, fanOuts: fanOuts.count)
  }
}
