import Bytes
import Routing
import Stats
import Topology
import Wire

// The request path: from a client's bytes to the servers' queues.

extension Worker {
  /// Receives bytes from a client: serves every whole request in them and keeps the unfinished rest.
  package mutating func clientReceived(_ c: Ref<Client>, _ bytes: RawSpan, now: Instant) {
    common.counters.add(bytes.byteCount, to: .clientBytesIn)
    common.clock = now
    if !downstream.clients[c].intake.hasSpoken, isForeign(c, bytes) { return }
    if downstream.clients[c].input.isEmpty && !downstream.clients[c].life.isStalled {
      if downstream.clients[c].large.isUploading {
        let n = continueUpload(c, bytes, now: now)
        downstream.clients[c].input.append(bytes, from: n, count: bytes.byteCount &- n, &common.buffers)
        return
      }
      let consumed = serve(c, bytes, now: now)
      keepRest(c, bytes, from: consumed, now: now)
    } else {
      downstream.clients[c].input.append(bytes, &common.buffers)
      if downstream.clients[c].life.isStalled {
        common.effects.append(.pause(client: c))
      } else {
        clientFilled(c, now: now)
      }
    }
    if downstream.clients[c].life.isClosing { downstream.closeIfDone(c, &common) }
  }

  /// More of a client's bytes were added to its `input`.
  private mutating func clientFilled(_ c: Ref<Client>, now: Instant) {
    guard !downstream.clients[c].life.isStalled else { return }
    if downstream.clients[c].large.isUploading { return pumpUpload(c, now: now) }
    // A large value is parsed again when it is complete; as long as it makes progress, its clock restarts.
    if downstream.clients[c].missing > 0 {
      return notePartial(c, rest: downstream.clients[c].input.count, consumed: 0, now: now)
    }
    pump(c, now: now)
  }

  /// The edge has read `n` bytes directly into the client's `input`.
  package mutating func clientReceived(_ c: Ref<Client>, filled n: Int, now: Instant) {
    common.counters.add(n, to: .clientBytesIn)
    common.clock = now
    clientFilled(c, now: now)
    downstream.closeIfDone(c, &common)
  }

  /// Whether the first bytes of a connection are another protocol's: memcached's binary one, or TLS. They may contain
  /// no line that could be refused, and the client would wait for its own timeout: the worker closes the connection.
  @inline(never)
  private mutating func isForeign(_ c: Ref<Client>, _ bytes: RawSpan) -> Bool {
    downstream.clients[c].intake.hasSpoken = true
    guard bytes.hasText("\u{16}\u{3}", at: 0) || (bytes.byteCount > 0 && bytes.byte(at: 0) == 0x80) else {
      return false
    }
    common.counters.add(.foreignClients)
    downstream.hangUp(c, &common)
    return true
  }

  /// Serves the requests in a client's `input`.
  mutating func pump(_ c: Ref<Client>, now: Instant) {
    var input = exchange(&downstream.clients[c].input, with: Buffer())
    let consumed = serve(c, input.readable, now: now)
    input.consume(consumed)
    if input.isEmpty {
      input.release(to: &common.buffers)
    } else if downstream.clients[c].intake.awaited > input.count {
      input.reserve(downstream.clients[c].intake.awaited &- input.count, &common.buffers)
    }
    let rest = input.count
    downstream.clients[c].input = input
    notePartial(c, rest: rest, consumed: consumed, now: now)
  }

  @inline(__always)
  private mutating func keepRest(_ c: Ref<Client>, _ bytes: RawSpan, from consumed: Int, now: Instant) {
    let rest = bytes.byteCount &- consumed
    if rest > 0 {
      if downstream.clients[c].intake.awaited > rest {
        downstream.clients[c].input.reserve(downstream.clients[c].intake.awaited, &common.buffers)
      }
      downstream.clients[c].input.append(bytes, from: consumed, count: rest, &common.buffers)
      notePartial(c, rest: rest, consumed: consumed, now: now)
    } else if downstream.clients[c].intake.partialSince != .never, !downstream.clients[c].large.isUploading {
      downstream.clients[c].intake.partialSince = .never
    }
  }

  /// Records since when a request is unfinished. Each 64 KiB of a large value restart that clock: they are progress.
  private mutating func notePartial(_ c: Ref<Client>, rest: Int, consumed: Int, now: Instant) {
    if downstream.clients[c].large.isUploading && !downstream.clients[c].life.isStalled { return }
    if rest == 0 || downstream.clients[c].life.isStalled {
      downstream.clients[c].intake.partialSince = .never
    } else if consumed > 0 || downstream.clients[c].intake.partialSince == .never
      || rest &- downstream.clients[c].intake.partialSize >= 65_536
    {
      downstream.clients[c].intake.partialSince = now
      downstream.clients[c].intake.partialSize = rest
    }
  }

  /// Serves the whole requests at the front; returns their bytes.
  private mutating func serve(_ c: Ref<Client>, _ bytes: RawSpan, now: Instant) -> Int {
    var p = 0
    var request = Request()
    downstream.clients[c].intake.awaited = 0
    while p < bytes.byteCount {
      if downstream.clients[c].life.hasQuit { return bytes.byteCount }
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
        return p
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
        bytes, from: p, scanned: scanned, maxValue: common.limits.maxValue, dialect: dialect, line: &line,
        into: &request)
      switch verdict {
      case .request:
        if request.length > common.limits.heldLeast, holdBack(c, bytes, request, now: now) { return p }
        dispatch(c, bytes, p, request, now: now)
        p &+= request.length
      case .partial:
        // The next search for the line's end continues where this one stopped.
        downstream.clients[c].intake.scanned = bytes.byteCount &- p
        return p
      case .partialBody:
        if request.length > common.heldLimit
          || request.length > common.limits.cutThrough && shouldCutThrough(c, bytes, request, now: now)
        {
          return p &+ beginUpload(c, bytes, p, request, now: now)
        }
        downstream.clients[c].intake.awaited = request.length
        return p
      case .refused(let why, let skip, let isQuiet):
        if why == .tooLarge { forget(c, bytes, request, now: now) }
        downstream.refuse(c, why, isQuiet: isQuiet, &common)
        let n = min(skip, bytes.byteCount &- p)
        p &+= n
        downstream.clients[c].intake.skip = skip &- n
      case .hangUp:
        common.counters.add(.foreignClients)
        downstream.hangUp(c, &common)
        return bytes.byteCount
      }
    }
    return p
  }

  /// Serves consecutive plain gets; returns where the last of them ends.
  ///
  /// Of the inputs of `room`, forwarding changes only the number in flight. A separate loop, so that the rare cases
  /// occupy no registers in it.
  @inline(never)
  private mutating func serveGets(
    _ c: Ref<Client>, _ bytes: RawSpan, from start: Int, atMost room: Int, now: Instant
  ) -> Int {
    var p = start
    var count = 0
    while count < room {
      let line = bytes.rest(from: p)
      let keyLength = RequestParser.plainGet(line, from: 0)
      if keyLength == 0 { break }
      forward(c, line, 0, Request(plainGetAt: 0, keyLength: keyLength), now: now)
      p &+= keyLength &+ 6
      count &+= 1
    }
    common.counters.add(count, to: .getRequests)
    common.counters.add(count, to: .keysRequested)
    return p
  }

  @inline(never)
  private mutating func dispatch(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    switch request.verb {
    case .get, .gets, .gat, .gats:
      if request.isMulti {
        common.counters.add(.multigetRequests)
        if downstream.clients[c].large.valueSize > 1, isTooLargeToGather(c, bytes: bytes, request, lineAt: p)
        {
          return streamMultiGet(c, bytes, p, request)
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
    case .flushAll, .stats, .version, .verbosity, .quit:
      common.counters.add(.adminRequests)
      administer(c, bytes, request, now: now)
      return
    }
    forward(c, bytes, p, request, now: now)
  }

  /// Forwards a request of one key to the key's server.
  @inline(always)
  private mutating func forward(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    let route = routeIndex(of: bytes, from: request.keyStart, count: request.keyLength)
    forward(c, bytes, p, request, to: route, now: now)
  }

  /// The same for a key whose route is known.
  @inline(always)
  mutating func forward(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, to route: Int, now: Instant
  ) {
    guard route >= 0 else { return downstream.refuse(c, .noRoute, isQuiet: request.isQuiet, &common) }
    let destination = router.destinations[route]
    let l = destination.isAlone ? destination.connection : connection(to: destination.server, for: c)
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth) {
      if let failure = admit(l, for: request.isQuiet ? Ref<Client>.none : c, now: now) {
        // A separate function, so that a plain get need not pass what it does not use.
        if request.verb == .get { return turnAwayGet(c, at: destination, failure) }
        return turnAway(c, bytes, p, request, at: destination, by: l, failure)
      }
    }
    common.counters.add(.requestsForwarded)
    markDirty(connection: l)
    let x = request.isQuiet ? Ref<Exchange>.none : downstream.newExchange(c)
    if request.isVerbatim, request.verb == .get {
      let continuesPreviousLine = upstream.connections[l].queue.enqueueGet(
        x, in: destination.pool, keyLength: request.keyLength, bytes.rest(from: p), since: now,
        &common.buffers)
      return common.counters.add(continuesPreviousLine ? 1 : 0, to: .readsJoined)
    }
    var leg = Leg()
    leg.exchange = x
    leg.verb = request.verb
    leg.keyLength = UInt8(truncatingIfNeeded: request.keyLength)
    leg.pool = destination.pool
    leg.since = now
    if request.isVerbatim {
      leg.keyStart = UInt8(truncatingIfNeeded: request.keyStart &- p)
      leg.length = UInt32(truncatingIfNeeded: request.length)
      upstream.connections[l].queue.enqueue(leg, verbatim: bytes, from: p, &common.buffers)
    } else {
      upstream.connections[l].queue.enqueue(leg, rewriting: bytes, p, request, line, &common.buffers)
    }
  }

  /// The index of a key's destination in `destinations`; negative when no route matches.
  ///
  /// Accesses each field separately: see `docs/ARCHITECTURE.md` for the cost of borrowing a large value.
  @inline(always)
  mutating func routeIndex(of bytes: RawSpan, from: Int, count: Int) -> Int {
    let pool =
      router.table.hasPrefixes
      ? router.table.pool(for: bytes, from: from, count: count) : router.table.defaultPool
    guard pool >= 0 else { return pool }
    let i = Ref<Pool>(UInt32(truncatingIfNeeded: pool))
    let server =
      router.table.pools[i].live.isSingle
      ? router.table.pools[i].live.firstServer
      : router.table.pools[i].live.server(
        owning: router.table.pools[i].hash(of: bytes, from: from, count: count))
    return Int(router.poolStarts[pool]) &+ Int(server)
  }

  /// The connection for this client's requests to a server: always the same one, so that they stay in order.
  @inline(never) mutating func connection(to s: Ref<Server>, for c: Ref<Client>) -> Ref<ServerConnection> {
    let n = upstream.servers[s].connections.count
    return upstream.servers[s].connections[n == 1 ? 0 : Int(c.index) % n]
  }

  /// Decides whether a connection takes another request now; returns the cause if not. Opens it if it is closed,
  /// validates it if it is idle. When the queue is full, clients with few requests in flight are still admitted: they
  /// did not fill it.
  @inline(never)
  mutating func admit(_ l: Ref<ServerConnection>, for c: Ref<Client> = Ref<Client>.none, now: Instant)
    -> ServerFailure?
  {
    if isGivingUp { return .shuttingDown }
    let s = upstream.connections[l].server
    switch upstream.servers[s].status {
    case .up: break
    case .ejected, .failFast, .returning: return .ejected
    }
    if isFull(l, for: c) {
      common.counters.add(.queueFull)
      return .queueFull
    }
    if upstream.connections[l].state == .closed {
      guard now >= upstream.connections[l].attempt.retryAt else {
        return upstream.connections[l].attempt.lastFailure
      }
      connect(l, now: now)
    } else if upstream.connections[l].state == .idle {
      validate(l, now: now)
    }
    return nil
  }

  /// Whether a connection's queue is full for this client.
  func isFull(_ l: Ref<ServerConnection>, for c: Ref<Client>) -> Bool {
    let isModest = c != Ref<Client>.none && downstream.clients[c].inFlight < Self.modestRequests
    let most =
      isModest ? min(common.limits.serverQueue, max(1 << 20, common.queueAllowance)) : common.queueAllowance
    return upstream.connections[l].queue.bytes.count > most
      || upstream.connections[l].queue.legs.count >= common.limits.serverDepth
  }

  /// Requests in flight below which a client is still admitted to a full queue.
  private static let modestRequests: UInt32 = 8

  mutating func connect(_ l: Ref<ServerConnection>, now: Instant) {
    upstream.connections[l].state = .connecting
    upstream.connections[l].attempt.since = now
    common.effects.append(.connect(connection: l))
  }
}
