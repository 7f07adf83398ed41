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

  // MARK: - Connections

  /// The connection is established; it is tried with `version` before anything is sent on it. Returns
  /// whether the edge shall send that.
  package mutating func connected(_ l: UInt32, now: Instant) {
    guard links[l].state == .connecting else { return }
    links[l].state = .greeting
    links[l].isNew = true
    links[l].isGreeted = false
  }

  /// What a connection is sent before anything else, or after a rest: `version`, and then `Handshake`.
  package mutating func greeting(for l: UInt32) -> [UInt8] {
    guard links[l].state == .probing else { return Array("version\r\n".utf8) }
    var text: [UInt8] = []
    Handshake.write(links[l].secret, to: &text)
    return text
  }

  /// Reads what a connection says before it is used.
  mutating func greeted(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    switch links[l].state {
    case .greeting, .waking: return readVersion(l, bytes, now: now)
    case .probing: return readHandshake(l, bytes, now: now)
    case .resting, .waiting:
      counters.add(bytes.byteCount, to: .unsolicitedBytes)
      breach(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    case .closed, .connecting, .ready: return bytes.byteCount
    }
  }

  private mutating func readVersion(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    let isWaking = links[l].state == .waking
    switch ReplyParser.line(bytes, at: 0, .version) {
    case .partial where Unsuited(greeting: bytes) == nil: return 0
    case .reply(let length, .done) where length == bytes.byteCount:
      let s = links[l].server
      let version = Era(version: bytes)
      if servers[s].version != version {
        servers[s].version = version
        servers[s].shunned = 0
        servers[s].hasShown = false
      }
      if isWaking, servers[s].isUnproven, now >= servers[s].proveAt {
        handshakeAgain(l, now: now)
      } else if isWaking {
        links[l].state = .ready
        links[l].heard = now
        dissolveRelief(of: l)
        goOn(l)
      } else if servers[s].shunned >= Self.mostShunned {
        // Asked once more later, in case these were lost by accident.
        servers[s].shunned &-= 1
        servers[s].proveAt = now.advanced(by: .seconds(1 << Int(min(servers[s].shuns, 12))))
        servers[s].shuns = min(servers[s].shuns, 200) &+ 1
        learn(.v1_4, of: l)
        greeted(l, now: now)
      } else if links[l].isPrivate, !servers[s].hasShown, servers[s].shuns > 0 {
        // Whether it answers by now is found out on connections that lose nothing by it.
        learn(.v1_4, of: l)
        greeted(l, now: now)
      } else {
        startHandshake(l, now: now)
      }
      return length
    default:
      refused(l, bytes, now: now)
      return bytes.byteCount
    }
  }

  /// Asks which meta requests the server speaks.
  private mutating func startHandshake(_ l: UInt32, now: Instant) {
    links[l].state = .probing
    links[l].since = now
    links[l].secret = secret &+ UInt64(l)
    orders.append(.greet(link: l))
  }

  /// A connection that is used without a handshake is asked for one, with nothing on its way.
  private mutating func handshakeAgain(_ l: UInt32, now: Instant) {
    counters.subtract(.serverConnections)
    dissolveRelief(of: l)
    startHandshake(l, now: now)
  }

  /// Once a server has closed this many connections in a row over the handshake, or left them unanswered, the next one is
  /// used without: twemproxy closes one on every request that it does not know.
  private static let mostShunned: UInt8 = 2

  private mutating func readHandshake(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    switch Handshake(bytes, secret: links[l].secret) {
    case .partial: return 0
    case .speaks(let era, let length) where length == bytes.byteCount:
      servers[links[l].server].shunned = 0
      servers[links[l].server].hasShown = true
      learn(era, of: l)
      greeted(l, now: now)
      return length
    case .speaks:
      breach(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    case .broken(let why):
      breach(l, why, bytes, 0)
      return bytes.byteCount
    }
  }

  /// The server has shown what it speaks. All versions from 1.6.18 on show the same: `version` tells them apart.
  private mutating func learn(_ era: Era, of l: UInt32) {
    let s = links[l].server
    links[l].meta = era == .v1_6_18 ? max(era, servers[s].version ?? era) : era
    servers[s].meta = links[l].meta
    learnDialect()
  }

  /// The worker speaks as the oldest of its servers does.
  mutating func learnDialect() {
    var lowest: Dialect?
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s), !servers[s].isRetired, let version = servers[s].version {
        // One that has not answered the handshake may have been slow: its own connections refuse what it may not speak.
        let meta = servers[s].isUnproven ? version : min(version, servers[s].meta)
        let one = Dialect(classic: version, meta: meta)
        lowest = Dialect(
          classic: min(one.classic, lowest?.classic ?? one.classic),
          meta: min(one.meta, lowest?.meta ?? one.meta))
      }
      s += 1
    }
    dialect = lowest ?? Dialect()
  }

  /// The server is known: the connection is used, unless another has to come to its end first.
  private mutating func greeted(_ l: UInt32, now: Instant) {
    servers[links[l].server].isFull = false
    links[l].isNew = false
    links[l].isGreeted = true
    if mustWait(l) { links[l].state = .waiting } else { use(l, now: now) }
  }

  /// The server answers `version` with something else.
  private mutating func refused(_ l: UInt32, _ bytes: RawSpan, now: Instant) {
    let s = links[l].server
    if bytes.hasText("ERROR Too many open connections\r\n", at: 0) {
      if !servers[s].isFull { notices.append(.full(server: servers[s].id)) }
      servers[s].isFull = true
      return lost(l, .full, now: now)
    }
    guard let why = Unsuited(greeting: bytes) else { return breach(l, .wrongType, bytes, 0) }
    notices.append(.unsuited(server: servers[s].id, why))
    lost(l, .protocolError, now: now)
  }

  /// The connection takes requests from now on.
  mutating func use(_ l: UInt32, now: Instant) {
    links[l].state = .ready
    links[l].isCut = false
    links[l].since = now
    links[l].heard = now
    counters.add(.serverConnects)
    counters.add(.serverConnections)
    if links[l].relieves != Slab<Link>.none { takeOver(l, now: now) }
    goOn(l)
  }

  /// What waited for the connection is sent, as far as its server speaks it.
  private mutating func goOn(_ l: UInt32) {
    if links[l].meta < .v1_6_10 { refuseUnspoken(l) }
    if !links[l].owed.isEmpty { sendOwed(l) }
    if links[l].unsent > 0 { markDirty(link: l) }
    noteUsable(l)
  }

  private mutating func noteUsable(_ l: UInt32) {
    let s = links[l].server
    if servers[s].isSuspect {
      servers[s].isSuspect = false
      notices.append(.answered(server: servers[s].id))
    }
  }

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
    /// In doubt, and the connection was ended here: its server may yet find the request, after all that is sent on another.
    case leftBehind
  }

  /// Answers for a leg that has left its queue, and lets go of what it belongs to.
  mutating func abandon(
    _ leg: Leg, at s: UInt32, by l: UInt32, _ trouble: Trouble, _ fate: Fate, _ asked: borrowing Buffer,
    _ start: Int
  ) {
    if leg.isPromised {
      // Nobody waits for it, and yet it must be done.
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

  // MARK: - Deadlines

  /// Looks at every clock there is; called every few milliseconds. Cost: one look per connection to a
  /// server, and per client once a second.
  package mutating func tick(now: Instant) {
    clock = now
    var l: UInt32 = 0
    while l < links.end {
      if links.isTaken(l) {
        if links[l].state != .closed { expire(l, now: now) } else { reconnect(l, now: now) }
      }
      l += 1
    }
    if streams.count > 0 || !streamWaits.isEmpty { expireStreams(now: now) }
    if !uploadsHeld.isEmpty { resumeHeldUploads() }
    if !retiring.isEmpty { releaseRetired(now: now) }
  }

  /// Tries a connection again that nobody asks for: so a server that has died is known to be out, and one that is back is
  /// used, with no client to find out.
  private mutating func reconnect(_ l: UInt32, now: Instant) {
    let s = links[l].server
    guard !links[l].isPrivate, !links[l].isRetiring, !isGivingUp, servers.isTaken(s), !servers[s].isRetired,
      servers[s].standing == .up, now >= links[l].retryAt, now.since(links[l].since) >= limits.reconnecting
    else { return }
    connect(l, now: now)
  }

  private mutating func expire(_ l: UInt32, now: Instant) {
    let s = links[l].server
    if links[l].state == .resting { return lookAfterIdle(l, now: now) }
    if links[l].state == .ready, links[l].legs.isEmpty, servers[s].isUnproven, now >= servers[s].proveAt,
      !links[l].isPrivate, !links[l].isRetiring
    {
      return handshakeAgain(l, now: now)
    }
    if links[l].state == .waking { return expireWaking(l, now: now) }
    if links[l].state != .ready && links[l].state != .waiting {
      let age = now.nanoseconds &- min(now.nanoseconds, links[l].since.nanoseconds)
      if age >= servers[s].connectTimeout { return lost(l, .timedOut, now: now) }
    }
    if links[l].isPrivate { return }
    let timeout = servers[s].requestTimeout
    var isOverdue = false
    while links[l].late < links[l].legs.count {
      let i = links[l].late
      let leg = links[l].legs[i]
      let age = now.nanoseconds &- min(now.nanoseconds, max(leg.since, links[l].deliveredAt).nanoseconds)
      guard age >= timeout else { break }
      // A server that keeps delivering is not late, however long it takes, and nor is what waits behind.
      if isDelivering(l, within: timeout, now: now) {
        links[l].deliveredAt = now
        break
      }
      isOverdue = true
      // Nothing was sent yet: nothing will come, and nothing must be sent for a request given up.
      guard links[l].state == .ready else {
        counters.add(.timeouts)
        return lost(l, .timedOut, now: now)
      }
      if links[l].lateLength >= links[l].sent, !leg.isJoined {
        dropUnsent(l, now: now)
        break
      }
      if !leg.isLate, !(links[l].front == .answered && i == 0) {
        counters.add(.timeouts)
        expire(leg, i, at: links[l].lateLength, on: l)
      }
      links[l].late &+= 1
      links[l].lateLength &+= Int(leg.length)
    }
    if !promised.isEmpty {
      giveUpBehind(l)
      keepPromises()
    }
    // A silent connection is judged by what another one meets.
    if isOverdue && !isSilent(l, now: now) { blame(l, now: now) }
    guard links[l].late > 0, let oldest = links[l].legs.first else {
      dissolveRelief(of: l)
      return lookAfterIdle(l, now: now)
    }
    let age = now.nanoseconds &- min(now.nanoseconds, max(oldest.since, links[l].deliveredAt).nanoseconds)
    let (limit, overflow) = timeout.multipliedReportingOverflow(by: 2)
    if links[l].late > limits.lateReplies || (!overflow && age >= limit) {
      return lost(l, .timedOut, now: now)
    }
    seekRelief(for: l, now: now)
  }

  /// Whether a server is in the middle of a reply, and has got on with it within the deadline.
  private func isDelivering(_ l: UInt32, within timeout: UInt64, now: Instant) -> Bool {
    links[l].state == .ready && links[l].partAt != .origin && links[l].partOf == links[l].legs.place
      && !links[l].legs.isEmpty
      && now.nanoseconds &- min(now.nanoseconds, links[l].partAt.nanoseconds) < timeout
  }

  /// Answers for the `i`th leg of a connection, whose request stands in `asked` at `start` and was sent; its reply will be
  /// recognised in its place and dropped.
  mutating func expire(_ leg: Leg, _ i: Int, at start: Int, on l: UInt32) {
    let s = links[l].server
    var late = leg
    late.isLate = true
    late.exchange = Slab<Exchange>.none
    links[l].legs[i] = late
    let asked = exchange(&links[l].asked, with: Buffer())
    // A deletion of the proxy's own will be done in its place; should the connection be lost, it is promised again.
    let isTrue = leg.isPromised ? false : settleDoubt(leg, at: s, by: l, .timedOut, asked, start)
    fail(leg, at: s, .timedOut, asked, start, isTrue: isTrue)
    links[l].asked = asked
    if leg.fanOut != Slab<FanOut>.none && fanOuts[leg.fanOut].pending == 0 { finish(leg.fanOut) }
  }

  /// Answers for the legs behind the late ones whose deadline has passed and of which no byte was sent, and takes them
  /// out: what somebody was told has failed is not done after what that client has been told since.
  mutating func dropUnsent(_ l: UInt32, now: Instant) {
    let s = links[l].server
    let (first, start) = (links[l].late, links[l].lateLength)
    var count = 0
    var length = 0
    while first &+ count < links[l].legs.count {
      let leg = links[l].legs[first &+ count]
      let age = now.nanoseconds &- min(now.nanoseconds, leg.since.nanoseconds)
      guard age >= servers[s].requestTimeout else { break }
      if !leg.isLate { counters.add(.timeouts) }
      let asked = exchange(&links[l].asked, with: Buffer())
      abandon(leg, at: s, by: l, .timedOut, .notDone, asked, start &+ length)
      links[l].asked = asked
      count &+= 1
      length &+= Int(leg.length)
    }
    guard count > 0 else { return }
    links[l].legs.remove(from: first, count: count)
    links[l].lineLength = 0
    if first < links[l].legs.count, links[l].legs[first].isJoined {
      links[l].beginLine(at: first, end: start &+ length)
      length &-= 3
    }
    links[l].asked.remove(from: start, count: length)
    if links[l].asked.isEmpty && links[l].asked.footprint > 65_536 { links[l].asked.release(to: &pool) }
    keepPromises()
  }

  /// Ends clients that have kept the proxy waiting: half a request, or an answer not taken. Called once
  /// a second; also gives memory back that a burst has left.
  package mutating func sweep(now: Instant) {
    var c: UInt32 = 0
    while c < clients.end {
      if clients.isTaken(c) && !clients[c].isClosed {
        let isHalfAsked =
          clients[c].partialSince != .never
          && now.since(clients[c].partialSince) >= limits.requestPatience
        let isDeaf =
          clients[c].blockedSince != .never
          && now.since(clients[c].blockedSince) >= limits.writePatience
        if isHalfAsked || isDeaf { close(client: c) }
        clients[c].forgetWindow(limits)
      }
      c += 1
    }
    sweepSpares(now: now)
    forgetRetired()
    trimMemory()
    if !journal.isEmpty { journal.turn(now: now, life: limits.journalLife) }
  }
}
