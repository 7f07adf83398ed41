import Bytes
import Stats
import Topology
import Wire

// Uploads of large values: the client's bytes are forwarded on a private connection as they arrive.

extension Transfers {
  /// Begins the upload of a large value that has arrived in part. Returns the bytes consumed; 0 while it must wait for
  /// the replies to the client's earlier requests, or for a connection.
  mutating func beginUpload(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant, _ d: inout Dispatcher
  ) -> Int {
    let available = bytes.byteCount &- p
    // The rest of the value will never arrive.
    if d.downstream.clients[c].life.isClosing { return available }
    guard d.downstream.clients[c].inFlight == 0 else {
      d.downstream.clients[c].large.isOrderly = true
      d.downstream.stall(c, &d.common)
      return 0
    }
    let isNoreply = request.isQuiet && !request.verb.isMeta
    guard let destination = d.destination(for: bytes, request, of: c) else {
      count(request, &d)
      Routed.turnAwayUnrouted(&d, c, bytes, p, request)
      return skipOver(c, request.length, of: available, &d)
    }
    if Routed.isTooLarge(&d, request, bytes, of: c) {
      count(request, &d)
      d.forget(c, bytes, request, now: now)
      d.downstream.refuse(c, .tooLarge, isQuiet: isNoreply, &d.common)
      return skipOver(c, request.length, of: available, &d)
    }
    if d.holdBack(c, bytes, request, now: now) { return 0 }
    let shared = d.upstream.connection(to: destination.server, lane: c.index)
    var failure = d.upstream.admit(shared, isModest: d.downstream.isModest(c), now: now, &d.common)
    if failure == nil, d.wouldOvertake(c, shared, bytes, request) {
      guard d.isOverdue(c, in: destination.pool, now: now) else {
        d.hold(c)
        return 0
      }
      d.common.counters.add(.timeouts)
      failure = .timedOut
    }
    if let failure {
      count(request, &d)
      d.turnAway(c, bytes, p, request, at: destination, by: shared, failure)
      return skipOver(c, request.length, of: available, &d)
    }
    if streamsAtWork < d.common.limits.streams { admitWaiting(&d) }
    guard
      d.downstream.clients[c].large.holdsStream
        || (streamsAtWork < d.common.limits.streams && streamWaits.isEmpty)
    else {
      d.downstream.clients[c].large.isQueued = true
      streamWaits.append(StreamWait(client: d.downstream.clients.id(of: c), stream: nil, since: now))
      d.downstream.stall(c, &d.common)
      return 0
    }
    count(request, &d)
    Routed.deleteElsewhere(&d, c, bytes, request, besides: destination)
    var l = Ref<ServerConnection>.none
    Routed.editLine(&d, bytes, p, request, of: c) { d, bytes, p, line in
      l = startUpload(c, bytes, p, line, bodyLength: request.bodyLength, to: destination, now: now, &d)
    }
    let n = available &- request.lineLength
    d.upstream.connections[l].queue.write(bytes, from: p &+ request.lineLength, count: n, &d.common.buffers)
    d.downstream.clients[c].large.bodyLeft = request.bodyLength &- n
    if d.streams[d.downstream.clients[c].large.stream].isOptional {
      d.downstream.clients[c].intake.awaited = d.downstream.clients[c].large.bodyLeft
    } else {
      d.upstream.markDirty(l)
    }
    d.downstream.clients[c].intake.partialSince = now
    d.downstream.clients[c].intake.partialSize = 0
    return available
  }

  // MARK: - To the server

  /// Sends the request line on a private connection.
  mutating func startUpload(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, bodyLength: Int,
    to destination: Destination, now: Instant, _ d: inout Dispatcher
  ) -> Ref<ServerConnection> {
    let s = destination.server
    d.upstream.noteSize(bodyLength, at: s, &d.common)
    let i = d.streams.take()
    let l = takeConnection(for: i, to: s, now: now, &d)
    let x = !request.isQuiet || request.verb.isMeta ? d.downstream.newExchange(c) : Ref<Exchange>.none
    let isAimed = destination.isAimed
    if request.verb.isMeta {
      d.upstream.opaque &+= 1
      d.upstream.connections[l].queue.enqueueMeta(
        x, from: d.downstream.clients[c].listener, in: destination.pool, isAimed: isAimed, nil, bytes, p,
        request.withoutBody,
        opaque: d.upstream.opaque, secret: d.upstream.secret, since: now,
        &d.common.buffers)
    } else {
      var leg = Leg(
        request, for: x, from: d.downstream.clients[c].listener, in: destination.pool, since: now)
      leg.isAimed = isAimed
      d.upstream.connections[l].queue.enqueue(
        leg, rewriting: bytes, p, request.withoutBody, d.line, &d.common.buffers)
    }
    let leg = d.upstream.connections[l].queue.beginUpload(
      copyingLineTo: &d.streams[i].line, &d.common.buffers)
    d.streams[i].course = .upload
    d.streams[i].client = d.downstream.clients.id(of: c)
    d.streams[i].exchange = leg.exchange
    d.streams[i].progress.left = Int(leg.length) &+ bodyLength
    d.streams[i].leg = leg
    d.streams[i].leg.length = UInt32(clamping: d.streams[i].progress.left)
    d.streams[i].isOptional = request.lineLength &+ bodyLength <= d.common.heldLimit
    d.downstream.clients[c].large.stream = i
    d.downstream.clients[c].large.isUploading = true
    d.common.counters.add(.streamedValues)
    d.common.counters.add(.requestsForwarded)
    return l
  }

  private func count(_ request: Request, _ d: inout Dispatcher) {
    d.common.counters.add(request.verb.isMeta ? .metaRequests : .setRequests)
  }

  /// Drops the bytes of a request that was answered for: those that are there now, and the others when they arrive.
  private func skipOver(_ c: Ref<Client>, _ length: Int, of available: Int, _ d: inout Dispatcher) -> Int {
    let n = min(length, available)
    d.downstream.clients[c].intake.skip = length &- n
    return n
  }

  /// Forwards more bytes of a client's upload; returns the bytes consumed.
  mutating func continueUpload(_ c: Ref<Client>, _ bytes: RawSpan, now: Instant, _ d: inout Dispatcher) -> Int
  {
    let l = d.streams[d.downstream.clients[c].large.stream].connection
    let n = min(d.downstream.clients[c].large.bodyLeft, bytes.byteCount)
    // Until now the server had nothing to accept.
    if d.upstream.connections[l].queue.bytes.isEmpty {
      d.streams[d.downstream.clients[c].large.stream].progress.askedAt = now
    }
    d.upstream.connections[l].queue.write(bytes, from: 0, count: n, &d.common.buffers)
    noteUploaded(c, n, now: now, &d)
    if n < bytes.byteCount {
      d.common.effects.append(.pause(client: c))
    } else if d.downstream.clients[c].large.bodyLeft > 0,
      d.upstream.connections[l].queue.bytes.count > d.common.ahead
    {
      // The client is not read while the server accepts less than has arrived.
      d.downstream.clients[c].intake.partialSince = .never
      d.downstream.stall(c, &d.common)
    }
    if d.upstream.connections[l].state == .ready { d.upstream.markDirty(l) }
    return n
  }

  /// Records that `n` more bytes of the client's value were added to its connection's queue.
  mutating func noteUploaded(_ c: Ref<Client>, _ n: Int, now: Instant, _ d: inout Dispatcher) {
    d.downstream.clients[c].large.bodyLeft &-= n
    if d.streams[d.downstream.clients[c].large.stream].isOptional {
      d.downstream.clients[c].intake.awaited = d.downstream.clients[c].large.bodyLeft
    }
    if d.downstream.clients[c].large.bodyLeft > 0 {
      d.downstream.clients[c].intake.partialSize &+= n
      if d.downstream.clients[c].intake.partialSize >= 65_536
        || d.downstream.clients[c].intake.partialSince == .never
      {
        d.downstream.clients[c].intake.partialSince = now
        d.downstream.clients[c].intake.partialSize = 0
      }
    } else {
      d.downstream.clients[c].intake.partialSince = .never
      // Its next request waits until this one is answered. Most clients send none, so reading need not be paused.
      d.downstream.clients[c].life.isStalled = true
    }
  }

  /// Forwards the bytes in the client's `input`.
  mutating func pumpUpload(_ c: Ref<Client>, now: Instant, _ d: inout Dispatcher) {
    guard !d.downstream.clients[c].input.isEmpty else { return }
    var input = exchange(&d.downstream.clients[c].input, with: Buffer())
    input.consume(continueUpload(c, input.readable, now: now, &d))
    if input.isEmpty { input.release(to: &d.common.buffers) }
    d.downstream.clients[c].input = input
  }

  /// The edge has sent the server `n` bytes of the upload.
  mutating func uploadSent(_ l: Ref<ServerConnection>, _ n: Int, _ d: inout Dispatcher) {
    let i = d.upstream.connections[l].stream
    d.upstream.connections[l].queue.dropSent(&d.common.buffers)
    guard i != Ref<Stream>.none else { return }
    d.streams[i].progress.left &-= n
    d.streams[i].hasBegun = true
    d.streams[i].move(n, now: d.common.clock)
    // The whole request was sent: the reply has a deadline to itself.
    if d.streams[i].progress.left == 0 { d.streams[i].progress.askedAt = d.common.clock }
    let id = d.streams[i].client
    guard d.downstream.clients.isCurrent(id), d.downstream.clients[id.slot].large.bodyLeft > 0,
      d.downstream.clients[id.slot].life.isStalled,
      d.upstream.connections[l].queue.bytes.count <= d.common.ahead / 2
    else { return }
    d.downstream.clients[id.slot].life.isStalled = false
    d.downstream.clients[id.slot].intake.partialSince = d.common.clock
    pumpUpload(id.slot, now: d.common.clock, &d)
    if !d.downstream.clients[id.slot].life.isStalled && !d.downstream.clients[id.slot].life.isClosing {
      d.common.effects.append(.resume(client: id.slot))
    }
  }

  /// Handles a server's reply to an upload; returns the bytes consumed.
  mutating func digestUpload(_ l: Ref<ServerConnection>, _ bytes: RawSpan, _ d: inout Dispatcher) -> Int {
    let i = d.upstream.connections[l].stream
    guard i != Ref<Stream>.none, let leg = d.upstream.connections[l].queue.legs.first else {
      return bytes.byteCount
    }
    let length: Int
    let isError: Bool
    let result: RequestResult
    var meta: MetaReply?
    if leg.verb.isMeta {
      switch ReplyParser.meta(
        bytes, at: 0, to: leg.metaLine, asked: d.streams[i].line.readable,
        era: d.upstream.connections[l].handshake.meta, maxValue: d.common.limits.maxValue)
      {
      case .reply(let reply):
        (length, isError, meta) = (reply.length, reply.status == .error, reply)
        result = RequestResult(leg.verb, reply)
      case .partial, .opening: return 0
      case .broken(let why):
        violation(l, why, bytes, 0, &d)
        return bytes.byteCount
      }
    } else {
      switch ReplyParser.line(bytes, at: 0, leg.verb.expectation) {
      case .reply(let n, let outcome):
        (length, isError) = (n, outcome == .error)
        result = RequestResult(outcome, bytes)
      case .partial, .opening: return 0
      case .broken(let why):
        violation(l, why, bytes, 0, &d)
        return bytes.byteCount
      }
    }
    // Before the whole request was sent, a server may only refuse it.
    guard d.streams[i].progress.left == 0 || isError, length == bytes.byteCount else {
      violation(l, .unsolicited, bytes, 0, &d)
      return bytes.byteCount
    }
    if d.count(leg, result, at: d.streams[i].server) { look(i, result, on: l, length: length, &d) }
    if d.invalidation.isJournaling {
      let isDone = meta.map { $0.status == .done || $0.status == .value } ?? bytes.hasText("STORED", at: 0)
      if isDone || bytes.hasText("SERVER_ERROR", at: 0) {
        var request = d.streams[i].copyLine(&d.common.buffers)
        d.invalidation.noteChange(
          leg, request, at: d.streams[i].server, d.fanOuts, d.upstream, d.router, &d.common)
        request.release(to: &d.common.buffers)
      }
    }
    if leg.exchange != Ref<Exchange>.none {
      if let meta {
        var request = d.streams[i].copyLine(&d.common.buffers)
        d.downstream.give(leg, meta, bytes, 0, request, &d.common)
        request.release(to: &d.common.buffers)
      } else {
        d.downstream.answer(leg.exchange, bytes.first(length), &d.common)
      }
    }
    d.upstream.connections[l].queue.endUpload()
    finishUpload(i, isClean: d.streams[i].progress.left == 0, &d)
    return length
  }

  /// Reports an upload that was answered, or adds its key to the sample, as far as it is to be.
  private func look(
    _ i: Ref<Stream>, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int,
    _ d: inout Dispatcher
  ) {
    let leg = d.streams[i].leg
    var request = d.streams[i].copyLine(&d.common.buffers)
    if d.isNoticed(since: leg.since) {
      d.notice(
        leg, result, at: d.streams[i].server, request.readable, 0,
        sentAt: d.upstream.connections[l].queue.sentAt(0), length: length)
    }
    if d.common.hotKeys.isDue { d.sample(leg, request.readable, bytes: Int(leg.length) &+ length) }
    request.release(to: &d.common.buffers)
  }

  /// Ends an upload that was answered: its client's next requests are served.
  mutating func finishUpload(_ i: Ref<Stream>, isClean: Bool, _ d: inout Dispatcher) {
    let (id, wasOptional) = (d.streams[i].client, d.streams[i].isOptional)
    end(stream: i, isClean: isClean, &d)
    guard d.downstream.clients.isCurrent(id) else { return }
    let c = id.slot
    d.downstream.clients[c].large.stream = Ref<Stream>.none
    d.downstream.clients[c].large.isUploading = false
    d.downstream.clients[c].intake.skip &+= d.downstream.clients[c].large.bodyLeft
    d.downstream.clients[c].large.bodyLeft = 0
    d.downstream.clients[c].intake.awaited = 0
    d.downstream.clients[c].large.hasUploaded = wasOptional
    d.downstream.clients[c].intake.partialSince = .never
    d.downstream.considerResuming(c, &d.common)
    d.downstream.closeIfDone(c, &d.common)
  }

  /// Ends the uploads whose key belongs to another server by now. Other requests last two deadlines at most, and the
  /// copies that they leave are cleaned up after that; an upload may last minutes, and would leave a copy that no
  /// cleanup looks for.
  mutating func endOrphanUploads(now: Instant, _ d: inout Dispatcher) {
    for i in d.streams.slots
    where d.streams.isTaken(i) && d.streams[i].course == .upload && isOrphan(upload: i, &d) {
      d.upstream.lost(d.streams[i].connection, .ejected, now: now, &d.common)
      settle(&d)
    }
  }

  func isOrphan(upload i: Ref<Stream>, _ d: inout Dispatcher) -> Bool {
    let s = d.streams[i].server
    guard d.upstream.servers[s].isJournaled, d.streams[i].connection != Ref<ServerConnection>.none else {
      return false
    }
    switch d.streams[i].route(&d.router, d.streams[i].leg.target).way {
    case .none, .through: return true
    case .single(let place):
      if d.upstream.destinations[place].server != s { return true }
      var keys = KeyRange(d.streams[i].leg, start: 0)
      return keys.next(d.streams[i].line.readable).map {
        d.router.isReplaced($0, in: d.streams[i].leg.pool, for: nil, d.upstream)
      } ?? false
    }
  }

  /// Ends an upload that can no longer reach its server.
  mutating func failedUpload(_ i: Ref<Stream>, _ failure: ServerFailure, _ d: inout Dispatcher) {
    let (leg, s) = (d.streams[i].leg, d.streams[i].server)
    if leg.exchange == Ref<Exchange>.none { d.common.counters.add(.noreplyDropped) }
    // A server does not store a partial value. It may store a whole one later than what is sent on another connection.
    let isDoubtful = d.streams[i].hasBegun && d.streams[i].progress.left == 0
    let told = d.streams[i].hasBegun && failure.meansUnsent ? .connectionLost : failure
    var line = d.streams[i].takeLine()
    if isDoubtful {
      d.invalidation.recordDoubt(leg, at: s, line.readable, 0, d.upstream, d.router, &d.common)
    }
    d.fail(leg, at: s, told, line.readable, isTrue: !isDoubtful)
    line.release(to: &d.common.buffers)
    finishUpload(i, isClean: false, &d)
  }
}
