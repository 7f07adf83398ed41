import Bytes
import Routing
import Stats
import Topology
import Wire

// The request path: from a client's bytes to the servers' queues.

extension Dispatcher {
  /// Serves the whole requests at the front; returns their bytes. `isLarge`: behind them is `request`, whose
  /// value is large and has arrived only in part.
  @inline(__always)
  mutating func serve(_ c: Ref<Client>, _ bytes: RawSpan, _ request: inout Request, now: Instant) -> (
    end: Int, isLarge: Bool
  ) {
    var p = 0
    downstream.clients[c].intake.awaited = 0
    while p < bytes.byteCount {
      if downstream.clients[c].life.hasQuit { return (bytes.byteCount, false) }
      if downstream.clients[c].intake.skip > 0 {
        let n = min(downstream.clients[c].intake.skip, bytes.byteCount &- p)
        downstream.clients[c].intake.skip &-= n
        p &+= n
        continue
      }
      noteRecords()
      let room = downstream.clients[c].room(common.requestAllowance, allowance: common.allowance)
      guard room > 0 else {
        downstream.stall(c, &common)
        return (p, false)
      }
      let scanned = downstream.clients[c].intake.scanned
      if scanned > 0 { downstream.clients[c].intake.scanned = 0 }
      let end =
        router.table.prefersBatches && bytes.byteCount &- p >= Self.bytesOfSeveralGets
        ? serveGetsInBatches(c, bytes, from: p, atMost: room, now: now)
        : serveGets(c, bytes, from: p, atMost: room, now: now)
      if end > p {
        p = end
        continue
      }
      let verdict = RequestParser.next(
        bytes, from: p, scanned: scanned, maxValue: common.limits.maxValue, dialect: upstream.dialect,
        line: &line,
        into: &request)
      switch verdict {
      case .request:
        if request.length > common.limits.heldLeast, holdBack(c, bytes, request, now: now) {
          return (p, false)
        }
        dispatch(c, bytes, p, request, now: now)
        p &+= request.length
      case .partial:
        // The next search for the line's end continues where this one stopped.
        downstream.clients[c].intake.scanned = bytes.byteCount &- p
        return (p, false)
      case .partialBody:
        if request.length > min(common.heldLimit, common.limits.cutThrough) { return (p, true) }
        downstream.clients[c].intake.awaited = request.length
        return (p, false)
      case .refused(let why, let skip, let isQuiet):
        if why == .tooLarge { forget(c, bytes, request, now: now) }
        downstream.refuse(c, why, isQuiet: isQuiet, &common)
        let n = min(skip, bytes.byteCount &- p)
        p &+= n
        downstream.clients[c].intake.skip = skip &- n
      case .hangUp:
        common.note(RequestParser.hasLongLine(bytes, from: p) ? .sentLineWithoutEnd : .spokeHTTP, by: c)
        downstream.hangUp(c, &common)
        return (bytes.byteCount, false)
      }
    }
    return (p, false)
  }

  /// Serves consecutive plain gets; returns where the last of them ends.
  ///
  /// Of the inputs of `room`, forwarding changes only the number in flight. A separate loop, so that the rare cases
  /// occupy no registers in it.
  @inline(never)
  mutating func serveGets(
    _ c: Ref<Client>, _ bytes: RawSpan, from start: Int, atMost room: Int, now: Instant
  ) -> Int {
    var p = start
    var count = 0
    let choice = router.choice(for: downstream.clients[c].target)
    let listener = downstream.clients[c].listener
    while count < room {
      let line = bytes.rest(from: p)
      let keyLength = RequestParser.plainGet(line, from: 0)
      if keyLength == 0 { break }
      let route = router.route(of: line, from: 4, count: keyLength, choice)
      p &+= keyLength &+ 6
      count &+= 1
      // Checked here, so that a get for a pool need not keep what the others use.
      guard route.number >= 0 else {
        Routed.forwardGet(&self, c, line, keyLength: keyLength, besides: route, now: now)
        continue
      }
      forward(c, line, 0, Request(plainGetAt: 0, keyLength: keyLength), by: route, from: listener, now: now)
    }
    common.counters.add(count, to: .getRequests)
    common.counters.add(count, to: .keysRequested)
    return p
  }

  /// Bytes of input at which to check whether they are several gets.
  static var bytesOfSeveralGets: Int { 64 }

  /// Like `serveGets`, sixteen keys at a time.
  @inline(never)
  mutating func serveGetsInBatches(
    _ c: Ref<Client>, _ bytes: RawSpan, from start: Int, atMost room: Int, now: Instant
  ) -> Int {
    var p = start
    var count = 0
    // Most long input is another kind of request.
    if RequestParser.plainGet(bytes.rest(from: p), from: 0) == 0 { return p }
    var batch = KeyBatch()
    let choice = router.choice(for: downstream.clients[c].target)
    let listener = downstream.clients[c].listener
    repeat {
      batch.removeAll()
      while batch.count < KeyBatch.most, count < room {
        let keyLength = RequestParser.plainGet(bytes.rest(from: p), from: 0)
        if keyLength == 0 { break }
        batch.add(from: p &+ 4, length: keyLength)
        p &+= keyLength &+ 6
        count &+= 1
      }
      router.table.locate(&batch, in: bytes, choice)
      for i in 0..<batch.count {
        let key = batch.entries[i]
        let line = bytes.rest(from: Int(key.from) &- 4)
        forward(
          c, line, 0, Request(plainGetAt: 0, keyLength: Int(key.length)), by: router.route(of: key),
          from: listener,
          now: now)
      }
    } while batch.count == KeyBatch.most
    common.counters.add(count, to: .getRequests)
    common.counters.add(count, to: .keysRequested)
    return p
  }

  @inline(never)
  mutating func dispatch(_ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant) {
    switch request.verb {
    case .get, .gets, .gat, .gats:
      if request.isMulti {
        common.counters.add(.multigetRequests)
        if downstream.clients[c].large.valueSize > 1, isTooLargeToGather(c, bytes: bytes, request, lineAt: p)
        {
          return streamMultiGet(c, bytes, p, request)
        }
        if request.verb.touches, !router.hasNoNodes, Routed.forwardGat(&self, c, bytes, p, request, now: now)
        {
          return
        }
        multiGet(c, bytes, p, request, now: now)
        return
      }
      common.counters.add(.getRequests)
      common.counters.add(.keysRequested)
    case .set, .add, .replace, .append, .prepend, .cas: common.counters.add(.setRequests)
    case .delete: common.counters.add(.deleteRequests)
    case .incr, .decr: common.counters.add(.arithRequests)
    case .touch: common.counters.add(.touchRequests)
    case .metaGet, .metaSet, .metaDelete, .metaArithmetic, .metaDebug:
      common.counters.add(.metaRequests)
      forwardMeta(c, bytes, p, request, now: now)
      return
    case .metaNoop:
      common.counters.add(.metaRequests)
      downstream.say(c, "MN\r\n", &common)
      return
    case .flushAll, .stats, .version, .verbosity, .quit, .keyDump:
      common.counters.add(.adminRequests)
      administer(c, bytes, request, now: now)
      return
    }
    forward(c, bytes, p, request, now: now)
  }

  /// Forwards a request of one key to the key's server.
  @inline(always)
  mutating func forward(_ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant) {
    let route = router.route(
      of: bytes, from: request.keyStart, count: request.keyLength, downstream.clients[c].target)
    forward(c, bytes, p, request, by: route, from: downstream.clients[c].listener, now: now)
  }

  /// The same for a key whose route is known, and for a client whose listener is.
  @inline(always)
  mutating func forward(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, by route: Route,
    from listener: ListenerIndex, now: Instant
  ) {
    guard route.number >= 0 else {
      return Routed.forward(&self, c, bytes, p, request, besides: route, now: now)
    }
    let destination = upstream.destinations[route.number]
    let l = upstream.connection(to: destination, lane: c.index)
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth) {
      if let failure = upstream.admit(
        l, isModest: !request.isQuiet && downstream.isModest(c), now: now, &common)
      {
        // A separate function, so that a plain get need not pass what it does not use.
        if request.verb == .get { return turnAwayGet(c, at: destination, failure) }
        return turnAway(c, bytes, p, request, at: destination, by: l, failure)
      }
    }
    upstream.queued(on: l, &common)
    let x = request.isQuiet ? Ref<Exchange>.none : downstream.newExchange(c)
    if request.isVerbatim, request.verb == .get {
      let continuesPreviousLine = upstream.connections[l].queue.enqueueGet(
        x, from: listener, in: destination.pool, keyLength: request.keyLength, bytes.rest(from: p),
        since: now, &common.buffers)
      return common.counters.add(continuesPreviousLine ? 1 : 0, to: .readsJoined)
    }
    var leg = Leg(request, for: x, from: listener, in: destination.pool, since: now)
    if downstream.clients[c].target.isPool { leg.isAimed = true }
    enqueue(leg, bytes, p, request, on: l)
  }

  /// Queues a classic request of one key.
  @inline(always)
  mutating func enqueue(
    _ begun: Leg, _ bytes: RawSpan, _ p: Int, _ request: Request, on l: Ref<ServerConnection>
  ) {
    var leg = begun
    if request.isVerbatim {
      leg.keyStart = UInt8(truncatingIfNeeded: request.keyStart &- p)
      leg.length = UInt32(truncatingIfNeeded: request.length)
      upstream.connections[l].queue.enqueue(leg, verbatim: bytes, from: p, &common.buffers)
    } else {
      upstream.connections[l].queue.enqueue(leg, rewriting: bytes, p, request, line, &common.buffers)
    }
  }

  /// Forwards a meta request to its key's server. A quiet one takes its place in the client's order like any other:
  /// only the server's reply tells whether it is answered at all.
  mutating func forwardMeta(_ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant) {
    let route = router.route(of: bytes, request.key, downstream.clients[c].target)
    guard route.number >= 0 else {
      return Routed.forward(&self, c, bytes, p, request, besides: route, now: now)
    }
    var destination = upstream.destinations[route.number]
    destination.isAimed = downstream.clients[c].target.isPool
    let l = upstream.connection(to: destination, lane: c.index)
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth) {
      if let failure = upstream.admit(l, isModest: downstream.isModest(c), now: now, &common) {
        return turnAway(c, bytes, p, request, at: destination, by: l, failure)
      }
    }
    _ = enqueueMeta(c, bytes, p, request, to: destination, by: l, nil, now: now)
  }

  /// Queues a meta request; returns its exchange. None if the server does not understand it: its client is told.
  mutating func enqueueMeta(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, to destination: Destination,
    by l: Ref<ServerConnection>, _ mark: RouteMark?, now: Instant
  ) -> Ref<Exchange> {
    if upstream.isUnspoken(request.verb, on: l) {
      downstream.refuse(
        c, Upstream.unspoken(in: upstream.connections[l].handshake.meta), isQuiet: false, &common)
      return Ref<Exchange>.none
    }
    let x = downstream.newExchange(c)
    upstream.opaque &+= 1
    let era = upstream.connections[l].handshake.meta
    upstream.connections[l].queue.enqueueMeta(
      x, from: downstream.clients[c].listener, in: destination.pool, isAimed: destination.isAimed, mark,
      bytes, p, request, opaque: upstream.opaque, for: era, secret: upstream.secret, since: now,
      &common.buffers)
    upstream.queued(on: l, &common)
    return x
  }

  /// Has a client's requests go to the pool that its listener names, if it names one. If the plan has no such pool, the
  /// client is closed.
  mutating func aim(_ c: Ref<Client>) {
    guard let id = downstream.clients[c].pool else { return }
    downstream.clients[c].target =
      upstream.pools.index(of: id).map { Target($0) } ?? router.target(ofPolicy: id) ?? .nowhere
    // It gets the replies that it is owed. On the next connection it may find another pool.
    if downstream.clients[c].target == .nowhere { downstream.hangUp(c, &common) }
  }

  /// Has the listeners of a new plan counted. What is in flight for the clients of one that was removed is counted for
  /// none: its place may become another's. O(requests in flight) if any was removed.
  @inline(never) mutating func setListeners(_ ids: [ListenerID]) {
    let gone = downstream.listeners.remove(allBut: ids)
    if !gone.isEmpty {
      for c in downstream.clients.slots where downstream.clients.isTaken(c) {
        downstream.clients[c].listener.forget(gone)
      }
      upstream.forgetListeners(gone)
      for i in streams.slots where streams.isTaken(i) { streams[i].leg.listener.forget(gone) }
      for f in fanOuts.slots where fanOuts.isTaken(f) { fanOuts[f].count.listener.forget(gone) }
    }
    downstream.listeners.add(ids)
  }

  /// The member of a pool that has a request's key: of a `try`, the one that a change goes to. Nil if no pool does.
  mutating func destination(for bytes: RawSpan, _ request: Request, of c: Ref<Client>) -> Destination? {
    switch router.route(of: bytes, request.key, downstream.clients[c].target).way {
    case .none: return nil
    case .single(let i):
      var destination = upstream.destinations[i]
      destination.isAimed = downstream.clients[c].target.isPool
      return destination
    case .through(let node):
      let end = router.end(of: node, Command(request, bytes), bytes, request.key)
      return Routed.inCharge(&self, of: bytes, request.key, end)?.destination
    }
  }

  /// Deletes the key of a value refused for its size, so that the old value is not taken for the new one. memcached
  /// does this for `set`, and for `ms` in every mode. No client waits for the reply; this client's next request is
  /// queued behind.
  mutating func forget(_ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant) {
    guard request.verb == .set || request.verb == .metaSet,
      let destination = destination(for: bytes, request, of: c)
    else {
      return
    }
    var keys = KeyRange(request.key)
    guard let key = keys.next(bytes) else { return }
    Routed.deleteElsewhere(&self, c, bytes, request, besides: destination)
    let l = upstream.connection(to: destination, lane: c.index)
    if !upstream.connections[l].isOpen(bytes: common.limits.serverQueue, depth: common.limits.serverDepth),
      upstream.admit(l, now: now, &common) != nil
    {
      common.counters.add(.noreplyDropped)
      return invalidation.recordDoubt(
        key, target(of: destination, for: c), at: destination.server, upstream, router, &common)
    }
    upstream.appendDeletion(Deletion(key: key, pool: destination.pool), on: l, &common)
    upstream.queued(on: l, &common)
  }

  /// Whether a client's large request, on a private connection, may overtake one on the shared connection.
  mutating func wouldOvertake(
    _ c: Ref<Client>, _ shared: Ref<ServerConnection>, _ bytes: RawSpan, _ request: Request
  ) -> Bool {
    upstream.wouldOvertake(
      shared, heldSince: downstream.clients[c].large.heldSince, bytes, request, now: common.clock)
  }

  /// Makes a large request wait, and stalls its client, until its server's queue is shorter: where many clients send
  /// large values, each gets its turn. False when there is room, or when it has waited for a whole deadline.
  @inline(never)
  mutating func holdBack(_ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant) -> Bool {
    guard let destination = destination(for: bytes, request, of: c),
      upstream.servers[destination.server].status == .up,
      !upstream.isGivingUp,
      upstream.isFull(
        upstream.connection(to: destination.server, lane: c.index),
        isModest: !request.isQuiet && downstream.isModest(c), common),
      !isOverdue(c, in: destination.pool, now: now)
    else { return false }
    hold(c)
    return true
  }

  /// Holds a client's request until the next tick.
  mutating func hold(_ c: Ref<Client>) {
    downstream.clients[c].large.isQueued = true
    heldRequests.append(downstream.clients.id(of: c))
    downstream.stall(c, &common)
  }

  /// Whether the request has been held for a whole deadline, which begins with the first call.
  mutating func isOverdue(_ c: Ref<Client>, in pool: PoolIndex, now: Instant) -> Bool {
    if downstream.clients[c].large.heldSince == .never { downstream.clients[c].large.heldSince = now }
    return now.since(downstream.clients[c].large.heldSince).wholeNanoseconds
      >= upstream.policy(of: pool).requestTimeout
  }

  /// Checks again whether the held requests may be served.
  mutating func resumeHeld() {
    while let id = heldRequests.popFirst() {
      guard downstream.clients.isCurrent(id) else { continue }
      downstream.clients[id.slot].large.isQueued = false
      downstream.considerResuming(id.slot, &common)
    }
  }

  // MARK: - Hot keys

  /// Looks at the key of a leg whose request begins at `start` in its queue and whose reply has `length` bytes.
  @inline(never)
  mutating func sample(_ leg: Leg, at start: Int, on l: Ref<ServerConnection>, length: Int) {
    common.hotKeys.chooseNext()
    // Keys in base64 would be counted apart from the same keys as they are.
    guard !leg.isLate, !leg.meta.contains(.base64), leg.keyLength > 0 else { return }
    let now = common.clock
    upstream.connections[l].queue.sample(
      &common.hotKeys, from: start &+ Int(leg.keyStart), count: Int(leg.keyLength),
      bytes: Int(leg.length) &+ length, now: now)
  }

  /// The same for a request that is not in a queue as a whole: its line is `request`, and with its value and its reply it
  /// has `bytes` bytes.
  mutating func sample(_ leg: Leg, _ request: RawSpan, bytes: Int) {
    common.hotKeys.chooseNext()
    guard !leg.meta.contains(.base64) else { return }
    let now = common.clock
    common.hotKeys.add(
      request, from: Int(leg.keyStart), count: Int(leg.keyLength), bytes: bytes, now: now)
  }

  /// Looks at one of the gets at the front of a connection, whose values are in `bytes` from `start`. To know how long its
  /// value is, the values before it are passed over.
  @inline(never)
  mutating func sampleGets(_ count: Int, on l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int) {
    let chosen = min(count &- 1, max(0, count &+ common.hotKeys.left &- 1))
    var (p, at) = (start, 0)
    for i in 0...chosen {
      let leg = upstream.connections[l].queue.legs[i]
      var length = 0
      if case .value(let n) = ReplyParser.block(
        bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, keyStart: at &+ Int(leg.keyStart),
        keyLength: Int(leg.keyLength), withCAS: false, maxValue: common.limits.maxValue)
      {
        length = n
      }
      if i == chosen { return sample(leg, at: at, on: l, length: length) }
      p &+= length
      at &+= Int(leg.length)
    }
  }

  /// Looks at the keys of a multi-get's leg that was answered, if it is its turn.
  mutating func sampleKeys(of leg: Leg, on l: Ref<ServerConnection>) {
    guard common.hotKeys.pass(1) else { return }
    common.hotKeys.chooseNext()
    let now = common.clock
    var (i, keyAt) = (leg.piece, Int(leg.keyStart))
    while i != .max {
      let piece = fanOuts[leg.fanOut].pieces[Int(i)]
      upstream.connections[l].queue.sample(
        &common.hotKeys, from: keyAt, count: Int(piece.keyLength),
        bytes: Int(piece.keyLength) &+ Int(piece.length), now: now)
      keyAt &+= Int(piece.keyLength) &+ 1
      i = piece.next
    }
  }
}
