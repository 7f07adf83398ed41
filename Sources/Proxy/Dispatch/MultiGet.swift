import Bytes
import Routing
import Stats
import Topology
import Wire

// A multi-get: one request to each server that owns any of its keys, and one reply of theirs.

/// One server's share of the current multi-get while it is written to a connection.
struct OpenLeg: BitwiseCopyable {
  var connection: Ref<ServerConnection>
  var server: Ref<Server>
  /// The pool whose rules apply if the server fails.
  var pool: PoolIndex
  /// The first piece of its chain.
  var first: UInt32
  var share = RequestQueue.Share(start: 0, keyStart: 0)
  /// Why the server cannot be asked.
  var failure: ServerFailure?
}

extension Dispatcher {
  /// Forwards a get of several keys: one request to each server that owns any of them, written in one pass over the
  /// keys. Nothing is sent unless every key is valid.
  mutating func multiGet(_ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant) {
    if router.table.prefersBatches { return multiGetInBatches(c, bytes, p, request, now: now) }
    let f = fanOuts.take()
    let choice = router.choice(for: downstream.clients[c].target)
    var words = beginKeys(bytes, p, request)
    while let key = words.next(bytes) {
      guard words.isGood(bytes, key) else {
        cancel(f)
        return downstream.refuse(c, .badFormat, isQuiet: false, &common)
      }
      let i = fanOuts[f].add(key)
      let route = router.route(of: bytes, from: key.from, count: Int(key.length), choice)
      guard addKey(i, c, key, by: route, bytes, p, request, f, now: now) else { return cancel(f) }
    }
    ask(c, f, request, now: now)
  }

  /// Like `multiGet`, sixteen keys at a time.
  @inline(never)
  mutating func multiGetInBatches(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    let f = fanOuts.take()
    var words = beginKeys(bytes, p, request)
    var batch = KeyBatch()
    let choice = router.choice(for: downstream.clients[c].target)
    repeat {
      batch.removeAll()
      while batch.count < KeyBatch.most, let key = words.next(bytes) {
        guard words.isGood(bytes, key) else {
          cancel(f)
          return downstream.refuse(c, .badFormat, isQuiet: false, &common)
        }
        batch.add(from: key.from, length: Int(key.length))
      }
      router.table.locate(&batch, in: bytes, choice)
      for n in 0..<batch.count {
        let key = Word(start: Int(batch.entries[n].from), length: Int(batch.entries[n].length))
        let i = fanOuts[f].add(key)
        let route = router.route(of: batch.entries[n])
        guard addKey(i, c, key, by: route, bytes, p, request, f, now: now) else { return cancel(f) }
      }
    } while batch.count == KeyBatch.most
    ask(c, f, request, now: now)
  }

  /// The keys of a request, to be walked through. No connection has been written to for it yet.
  @inline(__always)
  mutating func beginKeys(_ bytes: RawSpan, _ p: Int, _ request: Request) -> KeyWalk {
    openLegs.removeAll()
    var end = p &+ request.lineLength &- 1
    if end > p, bytes.byte(at: end &- 1) == 13 { end &-= 1 }
    round &+= 256
    return KeyWalk(from: request.keyStart, to: end, nul: request.verb.nul(in: upstream.dialect))
  }

  /// Queues the requests, after all keys were written, and gives the reply its place in the client's order.
  @inline(__always)
  mutating func ask(_ c: Ref<Client>, _ f: Ref<FanOut>, _ request: Request, now: Instant) {
    common.counters.add(fanOuts[f].pieces.count, to: .keysRequested)
    let x = downstream.newExchange(c)
    fanOuts[f].exchange = x
    fanOuts[f].count.verb = request.verb
    fanOuts[f].count.since = now
    fanOuts[f].count.listener = downstream.clients[c].listener
    if openLegs.count > 0 { fanOuts[f].count.pool = openLegs[0].pool }
    send(f, request.verb, for: c, now: now)
    finish(f)
  }

  /// Adds a key, piece `i`, to the request for its server. False if its client was answered: its route does not allow the
  /// command.
  @inline(always)
  mutating func addKey(
    _ i: UInt32, _ c: Ref<Client>, _ key: Word, by route: Route, _ bytes: RawSpan, _ p: Int,
    _ request: Request,
    _ f: Ref<FanOut>, now: Instant
  ) -> Bool {
    guard route.number >= 0 else {
      return Routed.addKey(&self, i, c, key, besides: route, bytes, p, request, f, now: now)
    }
    addKey(i, c, key, to: upstream.destinations[route.number], bytes, p, request, f, now: now)
    return true
  }

  @inline(always)
  mutating func addKey(
    _ i: UInt32, _ c: Ref<Client>, _ key: Word, to destination: Destination, _ bytes: RawSpan, _ p: Int,
    _ request: Request,
    _ f: Ref<FanOut>, now: Instant
  ) {
    let l = upstream.connection(to: destination, lane: c.index)
    if upstream.connections[l].queue.round == round &+ UInt64(destination.pool.number)
      || joinsOtherPool(l, destination.pool)
    {
      let before = upstream.connections[l].queue.join(i, bytes, key, &common.buffers)
      fanOuts[f].pieces[Int(before)].next = i
    } else if beginLeg(c, l, destination, i, bytes, p, request, now: now) {
      upstream.connections[l].queue.write(bytes, from: key.from, count: Int(key.length), &common.buffers)
    }
  }

  /// Whether the current multi-get has written keys of another pool to this connection: its server is in both. The key
  /// joins them, and the stricter pool's rules apply to all.
  @inline(never)
  mutating func joinsOtherPool(_ l: Ref<ServerConnection>, _ pool: PoolIndex) -> Bool {
    guard upstream.connections[l].queue.round & ~255 == round else { return false }
    for i in 0..<openLegs.count where openLegs[i].connection == l {
      let (one, other) = (upstream.policy(of: openLegs[i].pool), upstream.policy(of: pool))
      if one.missesOnFailure != other.missesOnFailure
        ? one.missesOnFailure : one.requestTimeout < other.requestTimeout
      {
        openLegs[i].pool = pool
      }
    }
    upstream.connections[l].queue.continueRound(round &+ UInt64(pool.number))
    return true
  }

  /// Begins a request on a connection; false when the connection refuses it.
  @inline(never)
  mutating func beginLeg(
    _ c: Ref<Client>, _ l: Ref<ServerConnection>, _ destination: Destination, _ piece: UInt32,
    _ bytes: RawSpan,
    _ p: Int, _ request: Request,
    now: Instant
  ) -> Bool {
    var open = OpenLeg(connection: l, server: destination.server, pool: destination.pool, first: piece)
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth) {
      open.failure = upstream.admit(l, isModest: downstream.isModest(c), now: now, &common)
    }
    if open.failure == nil {
      open.share = upstream.connections[l].queue.beginShare(bytes, p, request, &common.buffers)
    }
    upstream.connections[l].queue.beginRound(
      round &+ UInt64(destination.pool.number), piece, isRefusing: open.failure != nil)
    openLegs.append(open)
    return open.failure == nil
  }

  /// Ends the begun requests and queues their legs.
  mutating func send(_ f: Ref<FanOut>, _ verb: Verb, for c: Ref<Client>, now: Instant) {
    let isAimed = downstream.clients[c].target.isPool || !fanOuts[f].routed.isEmpty
    for i in 0..<openLegs.count {
      let open = openLegs[i]
      let l = open.connection
      if let failure = open.failure {
        noteFailure(f, at: open.server, in: open.pool, failure, keysFrom: open.first)
        continue
      }
      // A key that is requested by itself is asked of one server only.
      if fanOuts[f].routed.isEmpty, mayBeLarge(at: open.server, for: c, verb, now: now) { split(open, f) }
      var leg = Leg()
      leg.verb = verb
      leg.fanOut = f
      leg.pool = open.pool
      if isAimed { leg.isAimed = true }
      leg.piece = open.first
      leg.since = now
      upstream.connections[l].queue.enqueue(leg, open.share, &common.buffers)
      fanOuts[f].pending &+= 1
      fanOuts[f].open &+= 1
      if open.share.continuesPreviousLine { common.counters.add(.readsJoined) }
      upstream.queued(on: l, &common)
    }
    openLegs.removeAll()
  }

  /// Removes what was written for a request that turned out to be invalid.
  mutating func cancel(_ f: Ref<FanOut>) {
    for i in 0..<openLegs.count where openLegs[i].failure == nil {
      upstream.connections[openLegs[i].connection].queue.cancel(openLegs[i].share, &common.buffers)
    }
    openLegs.removeAll()
    release(f)
  }

  /// Records that a server does not answer its share of a multi-get: the chain of keys that begins with this piece, and
  /// the rest that was to be requested after it.
  mutating func noteFailure(
    _ f: Ref<FanOut>, at s: Ref<Server>, in pool: PoolIndex, _ failure: ServerFailure, keysFrom first: UInt32
  ) {
    noteFailure(f, at: s, in: pool, failure, keys: takeMissing(f, from: first))
  }

  /// The number of keys without a value in the chain that begins with this piece, and in its rest, which is given up.
  private mutating func takeMissing(_ f: Ref<FanOut>, from first: UInt32) -> Int {
    var i = first
    var missing = 0
    while i != .max {
      if fanOuts[f].pieces[Int(i)].length == 0, !fanOuts[f].pieces[Int(i)].hasMoved { missing &+= 1 }
      i = fanOuts[f].pieces[Int(i)].next
    }
    if let rest = fanOuts[f].takeRest(of: first) { missing &+= fanOuts[f].count(from: rest) }
    return missing
  }

  /// Records that a server does not answer its share of a fan-out. `keys`: the keys of a multi-get without an answer.
  mutating func noteFailure(
    _ f: Ref<FanOut>, at s: Ref<Server>, in pool: PoolIndex, _ failure: ServerFailure, keys missing: Int = 0
  ) {
    if missing > 0 { countFailure(fanOuts[f].count.verb, failure, missing, at: s, in: pool) }
    lack(f, at: s, in: pool, failure, keys: missing)
  }

  /// Records that a server has answered keys of a multi-get with an error line.
  mutating func noteRefusal(_ f: Ref<FanOut>, at s: Ref<Server>, in pool: PoolIndex, keys: Int) {
    upstream.servers[s].counts.tally.errors &+= UInt64(truncatingIfNeeded: keys)
    upstream.pools.tallies[upstream.pools.place(of: pool)].count(
      fanOuts[f].count.verb.rawValue, .serverError, keys)
    lack(f, at: s, in: pool, .protocolError, keys: keys)
  }

  /// Records that a fan-out lacks a server's share, or keys of it, and how it is answered because of that.
  private mutating func lack(
    _ f: Ref<FanOut>, at s: Ref<Server>, in pool: PoolIndex, _ failure: ServerFailure, keys missing: Int
  ) {
    // All its keys are asked of other servers.
    if missing == 0, !fanOuts[f].routed.isEmpty { return }
    fanOuts[f].unanswered &+= missing
    if upstream.policy(of: pool, at: s).missesOnFailure {
      upstream.servers[s].counts.tally.readsAsMisses &+= UInt64(truncatingIfNeeded: missing)
    }
    if fanOuts[f].failure == nil {
      fanOuts[f].failure = failure
      fanOuts[f].failedServer = s
    }
    fanOuts[f].failures &+= 1
    if failure == .ejected && fanOuts[f].kind == .flushAll {
      common.events.append(.flushOwed(server: upstream.servers[s].id))
    }
    if !upstream.policy(of: pool, at: s).missesOnFailure { fanOuts[f].isStrict = true }
  }

  // MARK: - Gets of one line

  /// Reports those of the single-key gets at the front of a connection that are to be; their values are in `bytes` from
  /// `start`.
  @inline(never)
  mutating func noticeGets(_ count: Int, on l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int) {
    var (p, at) = (start, 0)
    for i in 0..<count {
      let leg = upstream.connections[l].queue.legs[i]
      var length = 0
      // An error ends the reply to the line.
      var result = i >= count &- shared.errors ? RequestResult.serverError : .miss
      if case .value(let n) = ReplyParser.block(
        bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, keyStart: at &+ Int(leg.keyStart),
        keyLength: Int(leg.keyLength), withCAS: false, maxValue: common.limits.maxValue)
      {
        (length, result) = (n, .hit)
      }
      if leg.exchange != Ref<Exchange>.none, isNoticed(since: leg.since) {
        notice(leg, result, on: l, at: at, length: length)
      }
      p &+= length
      at &+= Int(leg.length)
    }
  }

  // MARK: - Parts of fan-outs

  /// Reads what has arrived of the reply to a fan-out's leg. Returns its bytes, and whether the leg has ended; nil when
  /// the connection was closed.
  mutating func digestPart(
    _ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int
  ) -> (Int, isDone: Bool)? {
    let f = leg.fanOut
    let taken: Int
    if fanOuts[f].kind == .multiGet {
      guard let (n, isDone) = digestMany(l, leg, bytes, p) else { return nil }
      guard isDone else { return (n, false) }
      let hasRest = fanOuts[f].pieces[Int(leg.piece)].rest != .max && !leg.isLate
      if case .ask(.rest) = fanOuts[f].step(hasRest: hasRest) { askRest(f, behind: leg, on: l) }
      if invalidation.isJournaling, leg.verb.touches, !leg.isLate { noteChange(byFrontOf: l) }
      if !fanOuts[f].routed.isEmpty, !leg.isLate { Routed.goOn(&self, f, from: leg.piece, .no) }
      taken = n
    } else if fanOuts[f].kind == .dump {
      switch Fence(bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, length: Int(leg.length))
      {
      case .partial: return (0, false)
      case .broken(let why):
        violation(l, why, bytes, p)
        return nil
      case .met(let report, let length):
        if !leg.isLate { keepReply(f, leg, bytes, p, report, .done) }
        taken = length
      }
    } else {
      let answer =
        leg.verb == .stats
        ? ReplyParser.report(bytes, at: p) : ReplyParser.line(bytes, at: p, leg.verb.expectation)
      switch answer {
      case .partial, .opening: return (0, false)
      case .broken(let why):
        violation(l, why, bytes, p)
        return nil
      case .reply(let length, let outcome):
        guard upstream.connections[l].queue.sent >= Int(leg.length) || mayComeEarly(outcome) else {
          violation(l, .unsolicited, bytes, p)
          return nil
        }
        if !leg.isLate { keepReply(f, leg, bytes, p, length, outcome) }
        taken = length
      }
    }
    upstream.connections[l].queue.dropFront(&common.buffers)
    if leg.isLate { countLate(at: upstream.connections[l].server) } else { fanOuts[f].pending &-= 1 }
    fanOuts[f].open &-= 1
    finish(f)
    return (taken, true)
  }

  /// Reads what has arrived of the reply to the front leg's multi-get. Returns the bytes it used, and whether the leg
  /// has ended; nil when the connection was closed.
  mutating func digestMany(_ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ start: Int) -> (
    Int, isDone: Bool
  )? {
    let f = leg.fanOut
    let before = fanOuts[f].count
    let (p, reading) = fanOuts[f].read(
      bytes, from: start, leg, &upstream.connections[l].queue, maxValue: common.limits.maxValue,
      most: common.gatherLimit, &common.buffers)
    if !leg.isLate { countKeys(of: leg, readSince: before, at: upstream.connections[l].server) }
    if fanOuts[f].hasDeferred {
      var isMore = false
      if case .more = reading { isMore = true }
      if endsEarly(f, leg, on: l, isMore: isMore) { return nil }
    }
    switch reading {
    case .long(let header, let value):
      guard let n = begin(long: value, header: header, l, leg, bytes, p) else { return nil }
      return (p &- start &+ n, false)
    case .more: return (p &- start, false)
    case .done:
      if !leg.isLate {
        recordLatency(since: leg.since, at: upstream.connections[l].server)
        if isNoticed(since: leg.since) { notice(leg, nil, on: l, length: p &- start) }
        sampleKeys(of: leg, on: l)
      }
      return (p &- start, true)
    case .refused:
      if !leg.isLate {
        if isNoticed(since: leg.since) { notice(leg, .serverError, on: l, length: p &- start) }
        if !fanOuts[f].routed.isEmpty { Routed.goOn(&self, f, from: leg.piece, .refused) }
        noteRefusal(
          f, at: upstream.connections[l].server, in: leg.pool, keys: takeMissing(f, from: leg.piece))
      }
      return (p &- start, true)
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    }
  }

  /// Makes the reply of a fan-out when every leg was answered for. The fan-out is released when none of its legs is in a
  /// queue any more.
  mutating func finish(_ f: Ref<FanOut>) {
    let step = fanOuts[f].step()
    if step == .wait { return }
    let x = fanOuts[f].exchange
    fanOuts[f].settleMoved()
    if fanOuts[f].kind == .stats, x != Ref<Exchange>.none { return leaveToEdge(f) }
    if x != Ref<Exchange>.none {
      fanOuts[f].exchange = Ref<Exchange>.none
      if downstream.exchanges[x].client != Ref<Client>.none, fanOuts[f].kind == .multiGet {
        learnSize(f, for: downstream.exchanges[x].client)
        if fanOuts[f].isHolding, step == .answer {
          // The rest of its keys was requested in one line.
          fanOuts[f].isHolding = false
          downstream.unhold(downstream.exchanges[x].client)
        }
      }
      if step == .ask(.inTurn) {
        deferLargeValue(f, x)
      } else {
        let target = downstream.target(of: x)
        if fanOuts[f].kind == .multiGet {
          recordLatency(of: fanOuts[f].count)
          merge(f, into: target)
        } else {
          summarise(f, into: target)
        }
        downstream.conclude(x, target, &common)
      }
    }
    if fanOuts[f].open == 0 { release(f) }
  }

  /// Counts how long a multi-get took that is about to be answered.
  mutating func recordLatency(of asked: FanOut.Count) {
    recordLatency(since: asked.since, in: asked.pool, asked.listener)
  }

  mutating func release(_ f: Ref<FanOut>) {
    fanOuts[f].bytes.release(to: &common.buffers)
    fanOuts[f].routed.line.release(to: &common.buffers)
    fanOuts.give(f)
  }

  /// Appends the values in the client's order and ends the reply.
  mutating func merge(_ f: Ref<FanOut>, into target: ReplyTarget) {
    switch target {
    case .nowhere: break
    case .output(let c):
      fanOuts[f].appendValues(to: &downstream.clients[c].output, &common.buffers)
    case .parked(let c, _):
      fanOuts[f].appendValues(to: &downstream.clients[c].parked, &common.buffers)
    }
    appendEnd(f, to: target)
  }

  /// Appends what follows the values: `END`, or the error if some keys failed.
  mutating func appendEnd(_ f: Ref<FanOut>, to target: ReplyTarget) {
    if fanOuts[f].failures > 0 && fanOuts[f].isStrict, let failure = fanOuts[f].failure {
      appendError(failure.words, at: fanOuts[f].failedServer, to: target)
    } else if let text = fanOuts[f].routed.error {
      common.counters.add(.serverErrors)
      downstream.append(text: "SERVER_ERROR \(text)\r\n", to: target, &common)
    } else {
      common.counters.add(fanOuts[f].unanswered, to: .readsAsMisses)
      downstream.append("END\r\n", to: target, &common)
    }
  }
}
