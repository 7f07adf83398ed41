import Bytes
import Routing
import Stats
import Topology
import Wire

// The reply path: from the servers' bytes to the clients' outputs.

extension Dispatcher {
  /// Handles the whole replies at the front; returns their bytes.
  mutating func digest(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    guard upstream.connections[l].state == .ready else {
      let consumed = upstream.handshakeReceived(l, bytes, now: now, &common)
      settle()
      return consumed
    }
    upstream.connections[l].awaited = 0
    var p = 0
    var isAnswered = false
    while p < bytes.byteCount {
      let (end, isAwaited, stop) = handOn(l, bytes, from: p)
      p = end
      isAnswered = isAnswered || isAwaited
      switch stop {
      case .reply:
        violation(l, .unsolicited, bytes, p)
        return bytes.byteCount
      case .opening(let header, let value):
        let leg = upstream.connections[l].queue.legs[0]
        guard let n = begin(long: value, header: header, l, leg, bytes, p) else { return bytes.byteCount }
        p &+= n
        guard n > 0 else {
          if isAnswered { upstream.noteAnswered(l, &common) }
          return p
        }
        continue
      case .partial:
        if isAnswered { upstream.noteAnswered(l, &common) }
        return p
      case .broken(let why):
        violation(l, why, bytes, p)
        return bytes.byteCount
      case nil: if p >= bytes.byteCount { continue }
      }
      guard !upstream.connections[l].queue.legs.isEmpty, upstream.connections[l].queue.sent > 0,
        upstream.connections[l].queue.front == .plain
      else {
        if upstream.connections[l].queue.front == .discarding {
          guard let n = discardValue(l, bytes, p) else { return bytes.byteCount }
          p &+= n
          guard upstream.connections[l].queue.front == .plain else {
            if isAnswered { upstream.noteAnswered(l, &common) }
            return p
          }
          isAnswered = true
          continue
        }
        common.counters.add(bytes.byteCount &- p, to: .unsolicitedBytes)
        violation(l, .unsolicited, bytes, p)
        return bytes.byteCount
      }
      if upstream.connections[l].queue.legs[0].fanOut != Ref<FanOut>.none {
        let leg = upstream.connections[l].queue.legs[0]
        guard let (n, isDone) = digestPart(l, leg, bytes, p) else { return bytes.byteCount }
        p &+= n
        guard isDone || upstream.connections[l].queue.front == .discarding else {
          if isAnswered { upstream.noteAnswered(l, &common) }
          return p
        }
        isAnswered = isAnswered || !leg.isLate
        continue
      }
      let leg = upstream.connections[l].queue.legs[0]
      guard let n = digestMeta(l, leg, bytes, p) else { return bytes.byteCount }
      p &+= n
      guard n > 0 else {
        if isAnswered { upstream.noteAnswered(l, &common) }
        return p
      }
      isAnswered = isAnswered || !leg.isLate
    }
    if isAnswered { upstream.noteAnswered(l, &common) }
    return p
  }

  /// Forwards whole replies unchanged, as long as they belong to plain requests. Returns where it stopped, whether a
  /// client waited for any of them, and what is there: nil when nothing is, or when it belongs to another kind of
  /// request.
  ///
  /// A separate loop, so that the rare cases occupy no registers in it.
  @inline(never)
  mutating func handOn(_ l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int)
    -> (end: Int, isAwaited: Bool, Answer?)
  {
    var p = start
    var isAwaited = false
    while p < bytes.byteCount, upstream.connections[l].queue.owesPlainly {
      if upstream.connections[l].queue.legs[0].isContinuedByNext {
        let (end, isAnyAwaited, stop) = share(l, bytes, from: p)
        isAwaited = isAwaited || isAnyAwaited
        p = end
        if stop != nil { return (p, isAwaited, stop) }
        continue
      }
      let reply = bytes.rest(from: p)
      let answer = upstream.connections[l].queue.parse(reply, at: 0, maxValue: common.limits.maxValue)
      guard case .reply(let length, let outcome) = answer,
        upstream.connections[l].queue.hasSentFront || mayComeEarly(outcome)
      else { return (p, isAwaited, answer) }
      let leg = upstream.connections[l].queue.legs[0]
      let x = leg.exchange
      count(leg, outcome, reply.first(length), on: l)
      if invalidation.isJournaling,
        leg.verb.saysChanged(reply.first(length))
      {
        noteChange(byFrontOf: l)
      }
      if leg.isRouted,
        Routed.isKept(&self, l, leg, LegState(outcome, reply.first(length)), reply.first(length))
      {
        upstream.connections[l].queue.dropFront(&common.buffers)
        isAwaited = true
        p &+= length
        continue
      }
      upstream.connections[l].queue.dropFront(&common.buffers)
      if x != Ref<Exchange>.none {
        downstream.answer(x, reply.first(length), &common)
        isAwaited = true
      }
      p &+= length
    }
    return (p, isAwaited, nil)
  }

  /// Whether a server may reply this before the whole request was sent: only that it refuses it.
  func mayComeEarly(_ outcome: Outcome) -> Bool {
    if case .error = outcome { return true }
    return false
  }

  /// Forwards the reply to a line to the single-key legs at the front, up to the line's last leg, one that is part of a
  /// fan-out, or one of another pool or listener. Returns where it stopped, whether a client waited for any of them, and
  /// what is there if it is no reply.
  @inline(never)
  mutating func share(_ l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int) -> (
    end: Int, isAwaited: Bool, Answer?
  ) {
    guard upstream.connections[l].queue.hasSentFront else { return (start, false, .broken(.unsolicited)) }
    var p = start
    var count = 0
    var length = 0
    var isAwaited = false
    var stop: Answer?
    shared = SharedReply(account: upstream.connections[l].queue.legs[0].account)
    while p < bytes.byteCount, count < upstream.connections[l].queue.legs.count {
      let leg = upstream.connections[l].queue.legs[count]
      guard leg.isContinuedByNext, leg.fanOut == Ref<FanOut>.none, leg.account == shared.account else {
        break
      }
      let reply = bytes.rest(from: p)
      let answer = upstream.connections[l].queue.parseShare(
        leg, count, at: length, of: reply, maxValue: common.limits.maxValue)
      guard case .reply(let n, let outcome) = answer else {
        stop = answer
        break
      }
      count &+= 1
      length &+= Int(leg.length)
      // An error is not consumed: the next leg gets it too.
      if outcome == .hit {
        p &+= n
        shared.hits &+= 1
      } else if leg.isRouted, leg.exchange != Ref<Exchange>.none {
        isAwaited = true
        Routed.noteRouted(&self, count &- 1, hasFailed: outcome == .error)
        continue
      }
      if leg.exchange == Ref<Exchange>.none {
        if leg.isLate { countLate(at: upstream.connections[l].server) }
        shared.skipped &+= 1
        if outcome == .hit { shared.hits &-= 1 }
        continue
      }
      isAwaited = true
      // Two calls, each with a constant for what it adds: one call would cost each value a dozen instructions.
      if outcome == .error {
        shared.errors &+= 1
        downstream.answer(leg.exchange, reply.first(n), &common)
      } else {
        downstream.answer(leg.exchange, reply.first(n), addingEnd: true, &common)
      }
    }
    if routed.misses.count > 0 { Routed.answerRouted(&self, count, on: l, bytes.rest(from: p)) }
    if countGets(count, on: l) { noticeGets(count, on: l, bytes, from: start) }
    if count > 0, common.hotKeys.pass(count) { sampleGets(count, on: l, bytes, from: start) }
    upstream.connections[l].queue.dropFront(count, length: length, &common.buffers)
    return (p, isAwaited, stop)
  }

  /// Records what the front leg of a connection has changed, if its server is a stand-in for the keys.
  @inline(never)
  mutating func noteChange(byFrontOf l: Ref<ServerConnection>) {
    let (leg, s) = (upstream.connections[l].queue.legs[0], upstream.connections[l].server)
    var request = upstream.connections[l].queue.copyFront(&common.buffers)
    invalidation.noteChange(leg, request, at: s, fanOuts, upstream, router, &common)
    request.release(to: &common.buffers)
  }

  // MARK: - Meta

  /// Reads the reply to the front leg, a meta request. Returns its bytes, 0 if incomplete; nil if the connection was
  /// closed.
  mutating func digestMeta(_ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int) -> Int? {
    if leg.isFenced { return digestFenced(l, leg, bytes, p) }
    let answer = ReplyParser.meta(
      bytes, at: p, to: leg.metaLine, asked: upstream.connections[l].queue.bytes.readable,
      era: upstream.connections[l].handshake.meta,
      maxValue: common.limits.maxValue)
    switch answer {
    case .partial: return 0
    case .opening(_, let header, let value):
      return begin(long: value, header: header, l, leg, bytes, p)
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    case .reply(let reply):
      // Before the whole request was sent, a server may only refuse it.
      guard upstream.connections[l].queue.sent >= Int(leg.length) || reply.status == .error else {
        violation(l, .unsolicited, bytes, p)
        return nil
      }
      take(reply, l, leg, bytes, p)
      return reply.length
    }
  }

  /// The same where a `Fence` follows the request: the server may reply nothing before it answers the fence.
  mutating func digestFenced(_ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int) -> Int? {
    switch Fence(bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, length: Int(leg.length)) {
    case .partial: return 0
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    case .met(let said, let length):
      guard said > 0 else {
        take(MetaReply.silentlyDone, l, leg, bytes, p)
        return length
      }
      let answer = ReplyParser.meta(
        bytes.first(p &+ said), at: p, to: leg.metaLine, asked: upstream.connections[l].queue.bytes.readable,
        era: upstream.connections[l].handshake.meta,
        maxValue: common.limits.maxValue)
      guard case .reply(let reply) = answer, reply.length == said else {
        violation(l, .wrongType, bytes, p)
        return nil
      }
      var told = leg
      told.meta.remove(.quiet)
      take(reply, l, told, bytes, p)
      return length
    }
  }

  /// Forwards the reply to the front leg, and removes the leg.
  mutating func take(_ reply: MetaReply, _ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int) {
    if invalidation.isJournaling, reply.saysChanged(leg.verb, bytes, at: p) { noteChange(byFrontOf: l) }
    let whole = bytes.extracting(p..<p &+ reply.length)
    if leg.isRouted, Routed.isKept(&self, l, leg, LegState(leg.verb, reply), whole) {
      // Another server's reply is the client's, or this one later.
    } else if leg.exchange != Ref<Exchange>.none {
      // The reply is completed from the request only where the server was not asked for the key.
      var request =
        leg.meta.contains(.hiddenKey) ? upstream.connections[l].queue.copyFront(&common.buffers) : Buffer()
      downstream.give(leg, reply, bytes, p, request, &common)
      request.release(to: &common.buffers)
    }
    count(leg, RequestResult(leg.verb, reply), on: l, length: reply.length)
    upstream.connections[l].queue.dropFront(&common.buffers)
  }

  // MARK: - Misses

  /// Gives memcached's reply for a key that does not exist to a leg whose request begins at `start` in `asked`.
  mutating func answerMiss(_ leg: Leg, _ asked: RawSpan, _ start: Int) {
    if leg.verb.isMeta, leg.verb.kind == .read, leg.meta.contains(.quiet) {
      return downstream.concludeSilently(leg.exchange, &common)
    }
    let target = downstream.target(of: leg.exchange)
    if let miss = leg.missLine {
      if leg.verb.isMeta {
        downstream.appendMiss(miss, leg.metaLine, asked, start, to: target, &common)
      } else {
        downstream.append(miss, to: target, &common)
      }
    }
    downstream.conclude(leg.exchange, target, &common)
  }

  // MARK: - Counting

  /// Counts the single-key gets at the front of a connection that were answered together, as `shared` says: they are of
  /// one pool. Returns whether any is to be reported.
  @inline(never) mutating func countGets(_ count: Int, on l: Ref<ServerConnection>) -> Bool {
    let (hits, errors, skipped) = (shared.hits, shared.errors, shared.skipped)
    let total = count &- skipped
    guard total > 0 else { return false }
    let s = upstream.connections[l].server
    let first = upstream.connections[l].queue.legs[0]
    let place = upstream.pools.place(of: first.pool)
    upstream.servers[s].counts.tally.hits &+= UInt64(truncatingIfNeeded: hits)
    upstream.pools.tallies[place].count(Verb.get.rawValue, .hit, hits)
    if hits < total { countGetsWithoutValue(at: s, place, misses: total &- hits &- errors, errors: errors) }
    // In the order of their arrival.
    guard skipped == 0, upstream.connections[l].queue.legs[count &- 1].since == first.since else {
      return countLatencies(of: count, on: l, place)
    }
    let elapsed = elapsed(since: first.since)
    let bucket = LatencyBuckets.bucket(of: elapsed)
    upstream.servers[s].counts.latency.record(bucket: bucket, times: UInt32(truncatingIfNeeded: count))
    upstream.pools.tallies[place].latency.record(bucket: bucket, times: UInt32(truncatingIfNeeded: count))
    downstream.listeners.count(first.listener, bucket: bucket, times: count)
    return elapsed >= common.reports.after
  }

  @inline(never)
  private mutating func countGetsWithoutValue(
    at s: Ref<Server>, _ place: Ref<PoolTally>, misses: Int, errors: Int
  ) {
    upstream.servers[s].counts.tally.misses &+= UInt64(truncatingIfNeeded: misses)
    upstream.servers[s].counts.tally.errors &+= UInt64(truncatingIfNeeded: errors)
    upstream.pools.tallies[place].count(Verb.get.rawValue, .miss, misses)
    upstream.pools.tallies[place].count(Verb.get.rawValue, .serverError, errors)
  }

  @inline(never)
  private mutating func countLatencies(of count: Int, on l: Ref<ServerConnection>, _ place: Ref<PoolTally>)
    -> Bool
  {
    var isAnyNoticed = false
    let s = upstream.connections[l].server
    for i in 0..<count {
      let leg = upstream.connections[l].queue.legs[i]
      if leg.exchange == Ref<Exchange>.none { continue }
      let bucket = bucket(since: leg.since)
      upstream.servers[s].counts.latency.record(bucket: bucket, times: 1)
      upstream.pools.tallies[place].latency.record(bucket: bucket, times: 1)
      downstream.listeners.count(leg.listener, bucket: bucket)
      isAnyNoticed = isAnyNoticed || isNoticed(since: leg.since)
    }
    return isAnyNoticed
  }

  /// The bucket of the time until now.
  @inline(__always) func bucket(since: Instant) -> Int {
    LatencyBuckets.bucket(of: elapsed(since: since))
  }

  /// Counts a request of one key that a server has answered; one that was late only as a late reply. Returns whether it is
  /// to be looked at.
  @inline(never)
  mutating func count(_ leg: Leg, _ result: RequestResult, at s: Ref<Server>) -> Bool {
    // A deletion by the proxy itself is no request of a client.
    guard !leg.isLate, !leg.isPromised else {
      if leg.isLate { countLate(at: s) }
      return false
    }
    let elapsed = elapsed(since: leg.since)
    let isChosen = common.hotKeys.pass(1) || elapsed >= common.reports.after
    let bucket = LatencyBuckets.bucket(of: elapsed)
    upstream.servers[s].counts.count(result, bucket: bucket)
    upstream.pools.tallies[upstream.pools.place(of: leg.pool)].count(
      leg.verb.rawValue, result, bucket: bucket)
    downstream.listeners.count(leg.listener, bucket: bucket)
    return isChosen
  }

  /// The same for the front leg of a connection, whose reply has `length` bytes.
  @inline(__always)
  mutating func count(_ leg: Leg, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int) {
    if count(leg, result, at: upstream.connections[l].server) { look(leg, result, on: l, length: length) }
  }

  @inline(never)
  mutating func look(_ leg: Leg, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int) {
    if isNoticed(since: leg.since) { notice(leg, result, on: l, length: length) }
    if common.hotKeys.isDue { sample(leg, at: 0, on: l, length: length) }
  }

  /// The same for a classic request.
  @inline(__always)
  mutating func count(_ leg: Leg, _ outcome: Outcome, _ reply: RawSpan, on l: Ref<ServerConnection>) {
    let result: RequestResult =
      outcome == .hit ? .hit : outcome == .miss ? .miss : RequestResult(outcome, reply)
    count(leg, result, on: l, length: reply.byteCount)
  }

  @inline(never) mutating func countLate(at s: Ref<Server>) {
    common.counters.add(.lateReplies)
    upstream.servers[s].counts.tally.lateReplies &+= 1
  }

  /// Counts the keys of a multi-get's leg that were read since the fan-out had read `before`.
  @inline(__always)
  mutating func countKeys(of leg: Leg, readSince before: FanOut.Count, at s: Ref<Server>) {
    let hits = fanOuts[leg.fanOut].count.hits &- before.hits
    let misses = fanOuts[leg.fanOut].count.misses &- before.misses
    upstream.servers[s].counts.tally.hits &+= UInt64(truncatingIfNeeded: hits)
    let place = upstream.pools.place(of: leg.pool)
    upstream.pools.tallies[place].count(leg.verb.rawValue, .hit, hits)
    if misses > 0 {
      upstream.servers[s].counts.tally.misses &+= UInt64(truncatingIfNeeded: misses)
      upstream.pools.tallies[place].count(leg.verb.rawValue, .miss, misses)
    }
  }

  /// Counts how long a server took for a leg.
  @inline(__always) mutating func recordLatency(since: Instant, at s: Ref<Server>) {
    upstream.servers[s].counts.latency.record(bucket: bucket(since: since), times: 1)
  }

  /// Counts how long a request took that is about to be answered.
  mutating func recordLatency(since: Instant, in pool: PoolIndex, _ listener: ListenerIndex) {
    let bucket = bucket(since: since)
    upstream.pools.tallies[upstream.pools.place(of: pool)].latency.record(bucket: bucket, times: 1)
    downstream.listeners.count(listener, bucket: bucket)
  }

  /// Counts requests of one command, or keys of a multi-get, that a server has not answered.
  @inline(never)
  mutating func countFailure(
    _ verb: Verb, _ failure: ServerFailure, _ times: Int = 1, at s: Ref<Server>, in pool: PoolIndex
  ) {
    upstream.servers[s].counts.tally.count(failure, times)
    upstream.pools.tallies[upstream.pools.place(of: pool)].count(
      verb.rawValue, RequestResult(failure), times)
  }
}
