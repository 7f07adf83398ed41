import Bytes
import Stats
import Wire

// What happens when a server does not answer as it should.

extension Worker {
  // MARK: - Answers for requests that failed

  /// A get of one key that could not be sent at all.
  @inline(never)
  mutating func turnAwayGet(_ c: UInt32, at s: UInt32, _ trouble: Trouble) {
    fail(newExchange(c), .get, at: s, trouble, isTrue: true)
  }

  /// A request that could not be sent at all.
  @inline(never)
  mutating func turnAway(
    _ c: UInt32, _ bytes: RawSpan, _ p: Int, _ request: Request, at s: UInt32, by l: UInt32,
    _ trouble: Trouble
  ) {
    let key = Word(start: request.keyStart, length: request.keyLength)
    let keys = KeyRange(key: key, isEncoded: request.verb.isMeta && request.meta.contains(.base64))
    let isTrue = noteRefusal(bytes, lineAt: p, request.verb, keys, at: s, by: l, trouble)
    if request.verb.isMeta {
      failMeta(newExchange(c), bytes, p, request, at: s, trouble, isTrue: isTrue)
    } else if request.isQuiet {
      counters.add(.noreplyDropped)
    } else {
      fail(newExchange(c), request.verb, at: s, trouble, isTrue: isTrue)
    }
    keepPromises()
  }

  /// Answers an exchange whose server failed: a read may count as a miss, and so may a write, if that `isTrue`; everything
  /// else is an error line that names server and cause.
  private mutating func fail(_ x: UInt32, _ verb: Verb, at s: UInt32, _ trouble: Trouble, isTrue: Bool) {
    let destination = destination(of: x)
    if verb.isRetrieval && servers[s].missesOnFailure {
      countMiss(at: s)
      append("END\r\n", to: destination)
    } else if isTrue, servers[s].writesMissOnFailure, let miss = verb.missLine {
      counters.add(.writesAsMisses)
      append(miss, to: destination)
    } else {
      counters.add(.serverErrors)
      appendError(trouble, at: s, to: destination)
    }
    conclude(x, destination)
  }

  /// Counts keys of a server's that are answered as misses because it could not answer.
  mutating func countMiss(_ keys: Int = 1, at s: UInt32) {
    counters.add(keys, to: .readsAsMisses)
    servers[s].readsAsMisses &+= UInt64(truncatingIfNeeded: keys)
  }

  mutating func appendError(_ trouble: Trouble, at s: UInt32, to destination: Destination) {
    append("SERVER_ERROR ringroad: ", to: destination)
    let label = servers[s].label
    // SAFETY: a byte has no padding that could be uninitialised.
    append(unsafe label.span.bytes, to: destination)
    append(" ", to: destination)
    append(trouble.words, to: destination)
    append("\r\n", to: destination)
  }

  /// Answers for a leg that will not be answered; its place in the queue is the caller's business. Its
  /// request stands in `asked` at `start`. A write is told that its key is not there if that `isTrue`.
  mutating func fail(
    _ leg: Leg, at s: UInt32, _ trouble: Trouble, _ asked: borrowing Buffer, _ start: Int,
    isTrue: Bool = false
  ) {
    if leg.fanOut != Slab<FanOut>.none {
      if fanOuts[leg.fanOut].kind == .multiGet {
        noteFailure(leg.fanOut, at: s, trouble, keysFrom: leg.piece)
      } else {
        fanOuts[leg.fanOut].pieces[Int(leg.piece)].trouble = trouble
        noteFailure(leg.fanOut, at: s, trouble)
      }
      fanOuts[leg.fanOut].pending &-= 1
    } else if leg.exchange != Slab<Exchange>.none {
      if leg.verb.isMeta { return failMeta(leg, at: s, trouble, asked, start, isTrue: isTrue) }
      fail(leg.exchange, leg.verb, at: s, trouble, isTrue: isTrue)
    }
  }

  // MARK: - Connections that are lost

  /// The connection could not be made, or is gone: everything that waits on it fails. The edge has
  /// closed it, or is ordered to.
  package mutating func lost(_ l: UInt32, _ trouble: Trouble, now: Instant) {
    guard links[l].state != .closed else { return }
    if links[l].isPrivate { return lostPrivate(l, trouble, now: now) }
    let s = links[l].server
    let isGivenUp = trouble == .ejected || trouble == .shuttingDown
    if links[l].isIdle, !isGivenUp, !links[l].isRetiring, servers[s].standing == .up {
      if trouble == .protocolError { note(trouble, of: s) }
      return makeAnew(l, now: now)
    }
    if links[l].state == .probing, trouble == .connectionLost || trouble == .timedOut, !servers[s].hasShown {
      servers[s].shunned = min(servers[s].shunned, Self.mostShunned) &+ 1
      // It has answered `version`: what it was asked next it does not know, or it has just died, which the next one tells.
      if !links[l].isRetiring, servers[s].standing == .up { return makeAnew(l, now: now) }
    }
    let wasSettled = links[l].state == .ready && now.since(links[l].since) >= limits.settling
    let isStale = trouble == .connectionLost && isStale(l)
    dissolveRelief(of: l)
    if links[l].isMade {
      counters.subtract(.serverConnections)
      counters.add(.serverConnectionsLost)
    } else if trouble != .shuttingDown {
      counters.add(.serverConnectFailures)
      links[l].retryAt = now.advanced(by: trouble == .full ? limits.fullDelay : limits.reconnectDelay)
      links[l].lastTrouble = trouble
    }
    let begun = links[l].isMade ? nil : links[l].since
    reset(
      l, trouble, readsTo: isStale ? l : Slab<Link>.none, isEndedHere: trouble != .connectionLost)
    guard !servers[s].isRetired, !links[l].isRetiring, !isGivenUp else { return }
    let relieved = links[l].relieves
    if trouble == .timedOut, relieved != Slab<Link>.none, links[relieved].state == .waking {
      return giveUpEarlyRelief(l)
    }
    note(trouble, of: s, begun: begun)
    if links[l].relieves != Slab<Link>.none { return giveUpRelief(l, trouble, now: now) }
    // Tried again at once: a server that has died is known before a client asks for one of its keys, and one
    // that was restarted costs nobody the time to connect.
    if (wasSettled || isStale) && servers[s].standing == .up { connect(l, now: now) }
  }

  /// Tells the board of a failure. `begun`: when the connection was begun, if it was never made.
  mutating func note(_ trouble: Trouble, of s: UInt32, begun: Instant? = nil) {
    guard trouble != .full else { return }
    servers[s].isSuspect = true
    if trouble == .timedOut, let begun {
      notices.append(.unanswered(server: servers[s].id, since: begun))
    } else {
      notices.append(.failed(server: servers[s].id, trouble))
    }
  }

  /// Fails what waits on a connection and makes it as new. Reads that may be sent again are queued at `target`,
  /// which may be the same connection, before anything that comes later.
  mutating func reset(_ l: UInt32, _ trouble: Trouble, readsTo target: UInt32, isEndedHere: Bool) {
    orders.append(.disconnect(link: l))
    links[l].state = .closed
    links[l].isNew = false
    links[l].since = clock
    var asked = exchange(&links[l].asked, with: Buffer())
    var start = 0
    links[l].input.release(to: &pool)
    let sent = links[l].sent
    links[l].sent = 0
    links[l].late = 0
    links[l].lateLength = 0
    links[l].cursorAt = 0
    links[l].missed = 0
    links[l].lineLength = 0
    links[l].awaited = 0
    links[l].partOf = -1
    links[l].deliveredAt = .origin
    links[l].blamedUntil = .origin
    // Answered already, only not sent to its end.
    if links[l].front == .answered, let leg = links[l].legs.popFirst() { start &+= Int(leg.length) }
    links[l].front = .plain
    // Answering may lead to new requests only through the edge, never here: nothing else joins the queue.
    var left = links[l].legs.count
    let next = target == Slab<Link>.none ? l : target
    let trailing = target == Slab<Link>.none ? 0 : readsAtTheEnd(of: l, asked, start)
    while left > 0, let leg = links[l].legs.popFirst() {
      left &-= 1
      if left < trailing, mayBeSentAgain(leg) {
        sendAgain(leg, asked, start, on: target)
        start &+= Int(leg.length)
        continue
      }
      // A request whose bytes have left is never told what means that nothing was sent: it may have been served.
      let mayBeServed = start < sent && leg.fanOut == Slab<FanOut>.none && trouble.meansUnsent
      let told = mayBeServed ? .connectionLost : trouble
      abandon(
        leg, at: links[l].server, by: next, told,
        start >= sent ? .notDone : isEndedHere ? .leftBehind : .inDoubt, asked, start)
      start &+= Int(leg.length)
    }
    asked.release(to: &pool)
    keepPromises(isAhead: target != Slab<Link>.none)
  }

  /// What is known of a request that was given up.
  enum Fate: BitwiseCopyable {
    /// Nothing of it was sent.
    case notDone
    case inDoubt
    /// In doubt, and the connection was closed by the proxy: its server may read the request after all that is sent on another.
    case leftBehind
  }

  /// Answers for a leg that has left its queue, and lets go of what it belongs to.
  mutating func abandon(
    _ leg: Leg, at s: UInt32, by l: UInt32, _ trouble: Trouble, _ fate: Fate, _ asked: borrowing Buffer,
    _ start: Int
  ) {
    if leg.isPromised {
      // A deletion of the proxy's own: no client waits for it, but clients were promised it.
      _ = settleDoubt(leg, at: s, by: l, trouble, asked, start)
    } else if !leg.isLate {
      let isTrue =
        switch fate {
        case .inDoubt: settleDoubt(leg, at: s, by: l, trouble, asked, start)
        case .leftBehind: settleDoubt(leg, at: s, by: l, trouble, asked, start, isLeftBehind: true)
        case .notDone:
          noteRefusal(
            asked.readable, lineAt: start, leg.verb, KeyRange(leg, start: start), at: s, by: l, trouble)
        }
      fail(leg, at: s, trouble, asked, start, isTrue: isTrue)
    }
    if leg.fanOut != Slab<FanOut>.none {
      fanOuts[leg.fanOut].open &-= 1
      if fanOuts[leg.fanOut].pending == 0 { finish(leg.fanOut) }
    }
    if leg.exchange == Slab<Exchange>.none && leg.fanOut == Slab<FanOut>.none && !leg.isLate
      && !leg.isPromised
    {
      counters.add(.noreplyDropped)
    }
  }

  /// A server sent what no request can have been answered with: the connection has lost its place.
  @inline(never) mutating func breach(_ l: UInt32, _ why: Breach, _ bytes: RawSpan, _ p: Int) {
    counters.add(.integrityFailures)
    let s = links[l].server
    notices.append(
      .breach(
        server: servers[s].id, breach: why,
        asked: Outline(links[l].legs.first?.verb, bytes: Int(links[l].legs.first?.length ?? 0)),
        got: Outline(bytes, at: p)))
    forgetValues(l)
    let before = links[l].since
    lost(l, .protocolError, now: before)
  }

  /// Values of a multi-get whose reply went wrong are not to be trusted either: they count as not answered.
  private mutating func forgetValues(_ l: UInt32) {
    guard let leg = links[l].legs.first, leg.fanOut != Slab<FanOut>.none, !leg.isLate,
      fanOuts[leg.fanOut].kind == .multiGet
    else { return }
    var i = leg.piece
    while i != .max {
      fanOuts[leg.fanOut].pieces[Int(i)].length = 0
      fanOuts[leg.fanOut].pieces[Int(i)].isPutOff = false
      i = fanOuts[leg.fanOut].pieces[Int(i)].next
    }
  }
}
