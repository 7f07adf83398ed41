import Bytes
import Stats
import Topology
import Wire

// Failed requests, lost connections and protocol violations of servers.

extension Worker {
  // MARK: - Answers for requests that failed

  /// Answers a get of one key that could not be sent at all.
  @inline(never)
  mutating func turnAwayGet(_ c: Ref<Client>, at destination: Destination, _ failure: ServerFailure) {
    fail(downstream.newExchange(c), .get, at: destination.server, in: destination.pool, failure, isTrue: true)
  }

  /// Answers a request that could not be sent at all.
  @inline(never)
  mutating func turnAway(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, at destination: Destination,
    by l: Ref<ServerConnection>, _ failure: ServerFailure
  ) {
    let s = destination.server
    let key = Word(start: request.keyStart, length: request.keyLength)
    let keys = KeyRange(key: key, isEncoded: request.verb.isMeta && request.meta.contains(.base64))
    let isTrue = noteRefusal(
      bytes, lineAt: p, request.verb, keys, at: s, in: destination.pool, by: l, failure)
    if request.verb.isMeta {
      failMeta(downstream.newExchange(c), bytes, p, request, at: destination, failure, isTrue: isTrue)
    } else if request.isQuiet {
      common.counters.add(.noreplyDropped)
    } else {
      fail(downstream.newExchange(c), request.verb, at: s, in: destination.pool, failure, isTrue: isTrue)
    }
    keepPromises()
  }

  /// Answers an exchange after its server failed: a read as a miss if so configured, a write too if that `isTrue`;
  /// everything else with an error line that names server and cause.
  private mutating func fail(
    _ x: Ref<Exchange>, _ verb: Verb, at s: Ref<Server>, in pool: PoolIndex, _ failure: ServerFailure,
    isTrue: Bool
  ) {
    let target = downstream.target(of: x)
    if verb.isRetrieval && policy(of: pool, at: s).missesOnFailure {
      countMiss(at: s)
      downstream.append("END\r\n", to: target, &common)
    } else if isTrue, policy(of: pool, at: s).writesMissOnFailure, let miss = verb.missLine {
      common.counters.add(.writesAsMisses)
      downstream.append(miss, to: target, &common)
    } else {
      common.counters.add(.serverErrors)
      appendError(failure, at: s, to: target)
    }
    downstream.conclude(x, target, &common)
  }

  /// The rules of a pool.
  @inline(__always) func policy(of pool: PoolIndex) -> RequestPolicy { router.policies[Int(pool.number)] }

  /// The same for a request to a server. One that is no longer configured keeps the rules that it had.
  func policy(of pool: PoolIndex, at s: Ref<Server>) -> RequestPolicy {
    if upstream.servers[s].isRetired, let last = upstream.servers[s].timeouts.lastPolicy { return last }
    return policy(of: pool)
  }

  /// Counts keys of a server that are answered as misses because the server could not answer.
  mutating func countMiss(_ keys: Int = 1, at s: Ref<Server>) {
    common.counters.add(keys, to: .readsAsMisses)
    upstream.servers[s].readsAsMisses &+= UInt64(truncatingIfNeeded: keys)
  }

  mutating func appendError(_ failure: ServerFailure, at s: Ref<Server>, to target: ReplyTarget) {
    downstream.append("SERVER_ERROR ringroad: ", to: target, &common)
    let label = upstream.servers[s].label
    downstream.append(label.span.raw, to: target, &common)
    downstream.append(" ", to: target, &common)
    downstream.append(failure.words, to: target, &common)
    downstream.append("\r\n", to: target, &common)
  }

  /// Answers for a leg that will get no reply; the caller removes it from the queue. Its request begins at `start` in
  /// `asked`. A write is answered as a miss only if that `isTrue`.
  mutating func fail(
    _ leg: Leg, at s: Ref<Server>, _ failure: ServerFailure, _ asked: borrowing Buffer, _ start: Int,
    isTrue: Bool = false
  ) {
    if leg.fanOut != Ref<FanOut>.none {
      if fanOuts[leg.fanOut].kind == .multiGet {
        noteFailure(leg.fanOut, at: s, in: leg.pool, failure, keysFrom: leg.piece)
      } else {
        fanOuts[leg.fanOut].pieces[Int(leg.piece)].failure = failure
        noteFailure(leg.fanOut, at: s, in: leg.pool, failure)
      }
      fanOuts[leg.fanOut].pending &-= 1
    } else if leg.exchange != Ref<Exchange>.none {
      if leg.verb.isMeta { return failMeta(leg, at: s, failure, asked, start, isTrue: isTrue) }
      fail(leg.exchange, leg.verb, at: s, in: leg.pool, failure, isTrue: isTrue)
    }
  }

  // MARK: - Lost connections

  /// Handles a connection that could not be made or is lost: everything that waits on it fails. The edge has closed
  /// it, or gets the effect to do so.
  package mutating func lost(_ l: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant) {
    guard upstream.connections[l].state != .closed else { return }
    if upstream.connections[l].isPrivate { return lostPrivate(l, failure, now: now) }
    let s = upstream.connections[l].server
    let isGivenUp = failure == .ejected || failure == .shuttingDown
    if upstream.connections[l].isUnverified, !isGivenUp, !upstream.connections[l].isRetiring,
      upstream.servers[s].status == .up
    {
      if failure == .protocolError { note(failure, of: s) }
      return remake(l, now: now)
    }
    if upstream.connections[l].state == .learningMeta, failure == .connectionLost || failure == .timedOut,
      !upstream.servers[s].speech.hasShown
    {
      upstream.servers[s].speech.shunned = min(upstream.servers[s].speech.shunned, Self.mostShunned) &+ 1
      // Answered `version` but not the handshake: it does not know the commands, or has just died: the next one
      // shows.
      if !upstream.connections[l].isRetiring, upstream.servers[s].status == .up { return remake(l, now: now) }
    }
    let wasSettled =
      upstream.connections[l].state == .ready
      && now.since(upstream.connections[l].attempt.since) >= common.limits.settling
    let isStale = failure == .connectionLost && isStale(l)
    dropReplacement(of: l)
    if upstream.connections[l].isMade {
      common.counters.subtract(.serverConnections)
      common.counters.add(.serverConnectionsLost)
    } else if failure != .shuttingDown {
      common.counters.add(.serverConnectFailures)
      upstream.connections[l].attempt.retryAt = now.advanced(
        by: failure == .full ? common.limits.fullDelay : common.limits.reconnectDelay)
      upstream.connections[l].attempt.lastFailure = failure
    }
    let begun = upstream.connections[l].isMade ? nil : upstream.connections[l].attempt.since
    reset(
      l, failure, readsTo: isStale ? l : Ref<ServerConnection>.none, isEndedHere: failure != .connectionLost)
    guard !upstream.servers[s].isRetired, !upstream.connections[l].isRetiring, !isGivenUp else { return }
    let silent = upstream.connections[l].check.replaces
    if failure == .timedOut, silent != Ref<ServerConnection>.none,
      upstream.connections[silent].state == .validating
    {
      return giveUpEarlyReplacement(l)
    }
    note(failure, of: s, begun: begun)
    if upstream.connections[l].check.replaces != Ref<ServerConnection>.none {
      return giveUpReplacement(l, failure, now: now)
    }
    // Reconnect at once: a dead server is noticed before a client requests one of its keys, and no client waits for
    // the connection to a server that was restarted.
    if (wasSettled || isStale) && upstream.servers[s].status == .up { connect(l, now: now) }
  }

  /// Reports a failure to the health board. `begun`: when the connection attempt began, if it never succeeded.
  mutating func note(_ failure: ServerFailure, of s: Ref<Server>, begun: Instant? = nil) {
    guard failure != .full else { return }
    upstream.servers[s].isSuspect = true
    if failure == .timedOut, let begun {
      common.events.append(.unanswered(server: upstream.servers[s].id, since: begun))
    } else {
      common.events.append(.failed(server: upstream.servers[s].id, failure))
    }
  }

  /// Fails what waits on a connection and resets it. Reads that may be sent again are queued on `target`, which may
  /// be the same connection, ahead of all later requests.
  mutating func reset(
    _ l: Ref<ServerConnection>, _ failure: ServerFailure, readsTo target: Ref<ServerConnection>,
    isEndedHere: Bool
  ) {
    // The server may have been sent a write that it has not read yet.
    if (isEndedHere && upstream.connections[l].queue.sent > 0 && owesDeletions(l))
      || common.clock < upstream.connections[l].owed.restsUntil
    {
      upstream.connections[target == Ref<ServerConnection>.none ? l : target].owed.mustRest = true
    }
    common.effects.append(.disconnect(connection: l))
    upstream.connections[l].state = .closed
    upstream.connections[l].handshake.isNew = false
    upstream.connections[l].attempt.since = common.clock
    upstream.connections[l].input.release(to: &common.buffers)
    upstream.connections[l].awaited = 0
    upstream.connections[l].progress.of = -1
    upstream.connections[l].progress.deliveredAt = .origin
    upstream.connections[l].check.blamedUntil = .origin
    var old = upstream.connections[l].queue.takeAll()
    old.cutAnswered()
    let next = target == Ref<ServerConnection>.none ? l : target
    let trailing = target == Ref<ServerConnection>.none ? 0 : old.readsAtTheEnd
    var at = RequestQueue.Position()
    while let one = old.next(&at) {
      let (leg, start) = (one.leg, one.start)
      if old.legs.count &- at.index < trailing, leg.mayBeSentAgain {
        sendAgain(leg, old.bytes, start, on: target)
        continue
      }
      // If any byte was sent, report `connection lost`, never a cause that implies that it was not served.
      let mayBeServed = start < old.sent && leg.fanOut == Ref<FanOut>.none && failure.meansUnsent
      let told = mayBeServed ? .connectionLost : failure
      abandon(
        leg, at: upstream.connections[l].server, by: next, told,
        start >= old.sent ? .notDone : isEndedHere ? .leftBehind : .inDoubt, old.bytes, start)
    }
    old.clear(&common.buffers)
    keepPromises(isAhead: target != Ref<ServerConnection>.none)
  }

  /// What is known about a request that was given up.
  enum Fate: BitwiseCopyable {
    /// No byte of it was sent.
    case notDone
    case inDoubt
    /// In doubt, and the proxy closed the connection: the server may read it after requests sent on another.
    case leftBehind
  }

  /// Answers for a leg that has left its queue, and releases the exchange or fan-out that it belongs to.
  mutating func abandon(
    _ leg: Leg, at s: Ref<Server>, by l: Ref<ServerConnection>, _ failure: ServerFailure, _ fate: Fate,
    _ asked: borrowing Buffer,
    _ start: Int
  ) {
    if leg.isPromised {
      // A deletion sent by the proxy itself: no client waits for it, but clients were promised it.
      _ = settleDoubt(leg, at: s, by: l, failure, asked, start)
    } else if !leg.isLate {
      let isTrue =
        switch fate {
        case .inDoubt: settleDoubt(leg, at: s, by: l, failure, asked, start)
        case .leftBehind: settleDoubt(leg, at: s, by: l, failure, asked, start, isLeftBehind: true)
        case .notDone:
          noteRefusal(
            asked.readable, lineAt: start, leg.verb, KeyRange(leg, start: start), at: s, in: leg.pool, by: l,
            failure)
        }
      fail(leg, at: s, failure, asked, start, isTrue: isTrue)
    }
    if leg.fanOut != Ref<FanOut>.none {
      fanOuts[leg.fanOut].open &-= 1
      if fanOuts[leg.fanOut].pending == 0 { finish(leg.fanOut) }
    }
    if leg.exchange == Ref<Exchange>.none && leg.fanOut == Ref<FanOut>.none && !leg.isLate
      && !leg.isPromised
    {
      common.counters.add(.noreplyDropped)
    }
  }

  /// Handles bytes that cannot be the reply to the oldest request: replies no longer match requests.
  @inline(never) mutating func violation(
    _ l: Ref<ServerConnection>, _ why: ProtocolViolation, _ bytes: RawSpan, _ p: Int
  ) {
    common.counters.add(.integrityFailures)
    let s = upstream.connections[l].server
    common.events.append(
      .violation(
        server: upstream.servers[s].id, violation: why,
        asked: Outline(
          upstream.connections[l].queue.legs.first?.verb,
          bytes: Int(upstream.connections[l].queue.legs.first?.length ?? 0)),
        got: Outline(bytes, at: p)))
    forgetValues(l)
    let before = upstream.connections[l].attempt.since
    lost(l, .protocolError, now: before)
  }

  /// Discards the values of a multi-get with a bad reply: they are not trusted, and count as not answered.
  private mutating func forgetValues(_ l: Ref<ServerConnection>) {
    guard let leg = upstream.connections[l].queue.legs.first, leg.fanOut != Ref<FanOut>.none, !leg.isLate,
      fanOuts[leg.fanOut].kind == .multiGet
    else { return }
    var i = leg.piece
    while i != .max {
      fanOuts[leg.fanOut].pieces[Int(i)].length = 0
      fanOuts[leg.fanOut].pieces[Int(i)].isDeferred = false
      i = fanOuts[leg.fanOut].pieces[Int(i)].next
    }
  }
}
