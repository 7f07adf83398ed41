import Bytes
import Routing
import Stats
import Topology
import Wire

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

extension Worker {
  /// Forwards a get of several keys: one request to each server that owns any of them, written in one pass over the
  /// keys. Nothing is sent unless every key is valid.
  mutating func multiGet(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    if router.table.prefersBatches { return multiGetInBatches(c, bytes, p, request, now: now) }
    let f = fanOuts.take()
    var words = beginKeys(bytes, p, request)
    while let key = words.next(bytes) {
      guard words.isGood(bytes, key) else {
        abandon(f)
        return downstream.refuse(c, .badFormat, isQuiet: false, &common)
      }
      let i = fanOuts[f].add(key)
      let route = routeIndex(of: bytes, from: key.from, count: Int(key.length))
      addKey(i, c, key, to: route, bytes, p, request, f, now: now)
    }
    ask(c, f, request, now: now)
  }

  /// The keys of a request, to be walked through. No connection has been written to for it yet.
  @inline(__always)
  mutating func beginKeys(_ bytes: RawSpan, _ p: Int, _ request: Request) -> KeyWalk {
    openLegs.removeAll()
    var end = p &+ request.lineLength &- 1
    if end > p, bytes.byte(at: end &- 1) == 13 { end &-= 1 }
    round &+= 256
    return KeyWalk(from: request.keyStart, to: end, nul: request.verb.nul(in: dialect))
  }

  /// Queues the requests, after all keys were written, and gives the reply its place in the client's order.
  @inline(__always)
  mutating func ask(_ c: Ref<Client>, _ f: Ref<FanOut>, _ request: Request, now: Instant) {
    common.counters.add(fanOuts[f].pieces.count, to: .keysRequested)
    let x = downstream.newExchange(c)
    fanOuts[f].exchange = x
    fanOuts[f].withCAS = request.verb.expectation == .valuesWithCAS
    send(f, request.verb, for: c, now: now)
    if fanOuts[f].pending == 0 { finish(f) }
  }

  /// Adds a key, piece `i`, to the request for its server.
  @inline(always)
  mutating func addKey(
    _ i: UInt32, _ c: Ref<Client>, _ key: Word, to route: Int, _ bytes: RawSpan, _ p: Int, _ request: Request,
    _ f: Ref<FanOut>, now: Instant
  ) {
    guard route >= 0 else {
      // A key without a route is nowhere: a miss.
      common.counters.add(.readsAsMisses)
      return
    }
    let destination = router.destinations[route]
    let l = destination.isAlone ? destination.connection : connection(to: destination.server, for: c)
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
  private mutating func joinsOtherPool(_ l: Ref<ServerConnection>, _ pool: PoolIndex) -> Bool {
    guard upstream.connections[l].queue.round & ~255 == round else { return false }
    for i in 0..<openLegs.count where openLegs[i].connection == l {
      let (one, other) = (policy(of: openLegs[i].pool), policy(of: pool))
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
  private mutating func beginLeg(
    _ c: Ref<Client>, _ l: Ref<ServerConnection>, _ destination: Destination, _ piece: UInt32,
    _ bytes: RawSpan,
    _ p: Int, _ request: Request,
    now: Instant
  ) -> Bool {
    var open = OpenLeg(
      connection: l, server: destination.server, pool: destination.pool, first: piece)
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth) {
      open.failure = admit(l, for: c, now: now)
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
  private mutating func send(_ f: Ref<FanOut>, _ verb: Verb, for c: Ref<Client>, now: Instant) {
    for i in 0..<openLegs.count {
      let open = openLegs[i]
      let l = open.connection
      if let failure = open.failure {
        noteFailure(f, at: open.server, in: open.pool, failure, keysFrom: open.first)
        continue
      }
      if mayBeLarge(at: open.server, for: c, verb, now: now) { split(open, f) }
      var leg = Leg()
      leg.verb = verb
      leg.fanOut = f
      leg.pool = open.pool
      leg.piece = open.first
      leg.since = now
      upstream.connections[l].queue.enqueue(leg, open.share, &common.buffers)
      fanOuts[f].pending &+= 1
      fanOuts[f].open &+= 1
      common.counters.add(.requestsForwarded)
      if open.share.continuesPreviousLine { common.counters.add(.readsJoined) }
      markDirty(connection: l)
    }
    openLegs.removeAll()
  }

  /// Removes what was written for a request that turned out to be invalid.
  mutating func abandon(_ f: Ref<FanOut>) {
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
    var i = first
    var missing = 0
    while i != .max {
      if fanOuts[f].pieces[Int(i)].length == 0 { missing &+= 1 }
      i = fanOuts[f].pieces[Int(i)].next
    }
    if let rest = fanOuts[f].takeRest(of: first) { missing &+= fanOuts[f].count(from: rest) }
    noteFailure(f, at: s, in: pool, failure, keys: missing)
  }

  /// Records that a server does not answer its share of a fan-out. `keys`: the keys of a multi-get without an answer.
  mutating func noteFailure(
    _ f: Ref<FanOut>, at s: Ref<Server>, in pool: PoolIndex, _ failure: ServerFailure, keys missing: Int = 0
  ) {
    fanOuts[f].unanswered &+= missing
    if policy(of: pool, at: s).missesOnFailure {
      upstream.servers[s].readsAsMisses &+= UInt64(truncatingIfNeeded: missing)
    }
    if fanOuts[f].failure == nil {
      fanOuts[f].failure = failure
      fanOuts[f].failedServer = s
    }
    fanOuts[f].failures &+= 1
    if failure == .ejected && fanOuts[f].kind == .flushAll {
      common.events.append(.flushOwed(server: upstream.servers[s].id))
    }
    if !policy(of: pool, at: s).missesOnFailure { fanOuts[f].isStrict = true }
  }

  /// Reads what has arrived of the reply to the front leg's multi-get. Returns the bytes it used, and whether the leg
  /// has ended; nil when the connection was closed.
  mutating func digestMany(_ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ start: Int) -> (
    Int, isDone: Bool
  )? {
    let f = leg.fanOut
    let (p, reading) = fanOuts[f].read(
      bytes, from: start, leg, &upstream.connections[l].queue, maxValue: common.limits.maxValue,
      most: common.gatherLimit, &common.buffers)
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
    case .done: return (p &- start, true)
    case .refused:
      if !leg.isLate {
        noteFailure(f, at: upstream.connections[l].server, in: leg.pool, .protocolError, keysFrom: leg.piece)
      }
      return (p &- start, true)
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    }
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
      appendError(failure, at: fanOuts[f].failedServer, to: target)
      common.counters.add(.serverErrors)
    } else {
      common.counters.add(fanOuts[f].unanswered, to: .readsAsMisses)
      downstream.append("END\r\n", to: target, &common)
    }
  }
}

extension FanOut {
  /// How far the reply to a leg was read.
  enum Reading: BitwiseCopyable {
    /// More bytes must arrive.
    case more
    /// A value has begun and its end has not arrived.
    case long(header: Int, value: Int)
    /// Up to its `END`.
    case done
    /// The server replied with an error line.
    case refused
    case broken(ProtocolViolation)
  }

  /// Reads the values for the keys of a leg as they arrive; a key is a miss when the next thing in the reply is not its
  /// value. Returns where reading stopped, and why.
  mutating func read(
    _ bytes: RawSpan, from start: Int, _ leg: Leg, _ queue: inout RequestQueue, maxValue: Int,
    most: Int,
    _ buffers: inout BufferPool
  ) -> (end: Int, Reading) {
    var p = start
    // The piece of the next value, and the position of its key in the request.
    var cursor = queue.cursorAt == 0 ? leg.piece : queue.cursor
    var keyAt = queue.cursorAt == 0 ? Int(leg.keyStart) : queue.cursorAt
    let withCAS = leg.verb.expectation == .valuesWithCAS
    // Values from here up to `p` are yet to be kept: adjacent ones are copied at once.
    var fresh = start
    defer {
      queue.moveCursor(to: cursor, keyAt: keyAt)
      if !leg.isLate { self.bytes.append(bytes, from: fresh, count: p &- fresh, &buffers) }
    }
    // The reply to the last leg of a line ends with the line's `END`, that to another leg behind its last key's value.
    let isContinuedByNext = leg.isContinuedByNext
    if isContinuedByNext {
      guard queue.hasSentFront else { return (p, .broken(.unsolicited)) }
      if queue.takeMiss() { return (p, .done) }
    }
    while p < bytes.byteCount {
      if isContinuedByNext, cursor == .max { return (p, .done) }
      let keyLength = cursor == .max ? 0 : Int(pieces[Int(cursor)].keyLength)
      let block = ReplyParser.block(
        bytes, at: p, asked: queue.bytes.readable, keyStart: keyAt, keyLength: keyLength,
        withCAS: withCAS,
        maxValue: maxValue)
      switch block {
      case .value(let length):
        // After the last key only a value of the empty key would match.
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        if isContinuedByNext, pieces[Int(cursor)].next == .max {
          // What follows the last value tells whether that is complete.
          guard let goesOn = bytes.goesOn(at: p &+ length) else { return (p, .more) }
          guard goesOn else { return (p, .broken(.badLength)) }
        }
        if !leg.isLate {
          let offset = self.bytes.count &+ p &- fresh
          guard offset &+ length <= most || !queue.mayAskAgain(keyAt: keyAt, count: keyLength) else {
            // The limit on gathered values is reached: this one is requested again when it can be sent.
            self.bytes.append(bytes, from: fresh, count: p &- fresh, &buffers)
            fresh = p &+ length
            deferLargeValue(Int(cursor), queue.bytes, keyAt: keyAt, &buffers)
            keyAt &+= keyLength &+ 1
            cursor = pieces[Int(cursor)].next
            p &+= length
            continue
          }
          pieces[Int(cursor)].offset = offset
          pieces[Int(cursor)].length = UInt32(truncatingIfNeeded: length)
        }
        keyAt &+= keyLength &+ 1
        cursor = pieces[Int(cursor)].next
        p &+= length
      case .opening(let header, let value):
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        return (p, .long(header: header, value: value))
      case .otherKey:
        // The key at the cursor missed: the value may be the next key's.
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        let next = pieces[Int(cursor)].next
        if isContinuedByNext, next == .max {
          switch queue.findOwner(of: bytes.rest(from: p), behind: 0, at: 0) {
          case nil: return (p, .done)
          case .broken(let why): return (p, .broken(why))
          default: return (p, .more)
          }
        }
        keyAt &+= keyLength &+ 1
        cursor = next
      case .end:
        guard queue.hasSentFront else { return (p, .broken(.unsolicited)) }
        return (isContinuedByNext ? p : p &+ 5, .done)
      case .partial: return (p, .more)
      case .other:
        switch ReplyParser.errorLine(bytes, at: p) {
        case .reply(let length, _): return (isContinuedByNext ? p : p &+ length, .refused)
        case .partial, .opening: return (p, .more)
        case .broken(let why): return (p, .broken(why))
        }
      case .broken(let why): return (p, .broken(why))
      }
    }
    return (p, isContinuedByNext && cursor == .max ? .done : .more)
  }
}
