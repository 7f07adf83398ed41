import Bytes
import Stats
import Topology
import Wire

// Uploads of large values: the client's bytes are forwarded on a private connection as they arrive.

extension Worker {
  /// Begins the upload of a large value that has arrived in part. Returns the bytes consumed; 0 while it must wait for
  /// the replies to the client's earlier requests, or for a connection.
  mutating func beginUpload(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) -> Int {
    let available = bytes.byteCount &- p
    // The rest of the value will never arrive.
    if downstream.clients[c].life.isClosing { return available }
    guard downstream.clients[c].inFlight == 0 else {
      downstream.clients[c].large.isOrderly = true
      downstream.stall(c, &common)
      return 0
    }
    let isNoreply = request.isQuiet && !request.verb.isMeta
    guard let destination = destination(for: bytes, request) else {
      count(request)
      downstream.refuse(c, .noRoute, isQuiet: isNoreply, &common)
      return skipOver(c, request.length, of: available)
    }
    if holdBack(c, bytes, request, now: now) { return 0 }
    let shared = connection(to: destination.server, for: c)
    var failure = admit(shared, for: c, now: now)
    if failure == nil, wouldOvertake(c, shared, bytes, request) {
      guard isOverdue(c, in: destination.pool, now: now) else {
        hold(c)
        return 0
      }
      common.counters.add(.timeouts)
      failure = .timedOut
    }
    if let failure {
      count(request)
      turnAway(c, bytes, p, request, at: destination, by: shared, failure)
      return skipOver(c, request.length, of: available)
    }
    if transfers.streamsAtWork < common.limits.streams { admitWaiting() }
    guard downstream.clients[c].large.holdsStream || hasFreeStream else {
      downstream.clients[c].large.isQueued = true
      transfers.streamWaits.append(StreamWait(client: downstream.clients.id(of: c), stream: nil, since: now))
      downstream.stall(c, &common)
      return 0
    }
    count(request)
    let l = startUpload(c, bytes, p, request, to: destination, now: now)
    let n = available &- request.lineLength
    upstream.connections[l].queue.write(bytes, from: p &+ request.lineLength, count: n, &common.buffers)
    downstream.clients[c].large.bodyLeft = request.bodyLength &- n
    if transfers.streams[downstream.clients[c].large.stream].isOptional {
      downstream.clients[c].intake.awaited = downstream.clients[c].large.bodyLeft
    } else {
      markDirty(connection: l)
    }
    downstream.clients[c].intake.partialSince = now
    downstream.clients[c].intake.partialSize = 0
    return available
  }

  // MARK: - Held back

  /// Whether the upload may overtake an earlier request that may change its key and is not known to be done: one with
  /// `noreply`, one that is past its deadline, or a promised deletion. A server reads two connections in any order.
  mutating func wouldOvertake(
    _ c: Ref<Client>, _ shared: Ref<ServerConnection>, _ bytes: RawSpan, _ request: Request
  ) -> Bool {
    // Requests on a connection that this one follows may be any client's, for any key.
    if upstream.connections[shared].state != .ready, mustWait(shared, now: common.clock) { return true }
    if !upstream.connections[shared].owed.keys.isEmpty {
      let key = Word(start: request.keyStart, length: request.keyLength)
      var keys = KeyRange(key: key, isEncoded: request.meta.contains(.base64))
      if let key = keys.next(bytes), upstream.connections[shared].owed.keys.contains(key) { return true }
    }
    var at = RequestQueue.Position()
    while let one = upstream.connections[shared].queue.next(&at) {
      let leg = one.leg
      // Later requests, of other clients, are no reason to wait longer; a deletion may have been owed before.
      guard leg.since <= downstream.clients[c].large.heldSince || leg.isPromised,
        leg.verb == .flushAll || leg.verb.mayChange,
        !upstream.connections[shared].queue.changesNothing(one)
      else { continue }
      // A fan-out's leg may have several keys, and keys in base64 are not compared.
      if leg.fanOut != Ref<FanOut>.none || leg.verb == .flushAll || leg.meta.contains(.base64)
        || request.meta.contains(.base64)
      {
        return true
      }
      if upstream.connections[shared].queue.hasKey(
        one, matching: bytes, at: request.keyStart, count: request.keyLength)
      {
        return true
      }
    }
    return false
  }

  /// Makes a large request wait, and stalls its client, until its server's queue is shorter: where many clients send
  /// large values, each gets its turn. False when there is room, or when it has waited for a whole deadline.
  @inline(never)
  mutating func holdBack(_ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant) -> Bool {
    guard let destination = destination(for: bytes, request),
      upstream.servers[destination.server].status == .up,
      !isGivingUp,
      isFull(connection(to: destination.server, for: c), for: request.isQuiet ? Ref<Client>.none : c),
      !isOverdue(c, in: destination.pool, now: now)
    else { return false }
    hold(c)
    return true
  }

  /// Holds a client's upload until the next tick.
  private mutating func hold(_ c: Ref<Client>) {
    downstream.clients[c].large.isQueued = true
    transfers.uploadsHeld.append(downstream.clients.id(of: c))
    downstream.stall(c, &common)
  }

  /// Whether the upload has been held for a whole deadline, which begins with the first call.
  private mutating func isOverdue(_ c: Ref<Client>, in pool: PoolIndex, now: Instant) -> Bool {
    if downstream.clients[c].large.heldSince == .never { downstream.clients[c].large.heldSince = now }
    return now.since(downstream.clients[c].large.heldSince).wholeNanoseconds
      >= policy(of: pool).requestTimeout
  }

  /// Checks again whether the held uploads may begin.
  mutating func resumeHeldUploads() {
    while let id = transfers.uploadsHeld.popFirst() {
      guard downstream.clients.isCurrent(id) else { continue }
      downstream.clients[id.slot].large.isQueued = false
      downstream.considerResuming(id.slot, &common)
    }
  }

  // MARK: - To the server

  /// Sends the request line on a private connection.
  private mutating func startUpload(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, to destination: Destination,
    now: Instant
  ) -> Ref<ServerConnection> {
    let s = destination.server
    noteSize(request.bodyLength, at: s)
    let i = transfers.streams.take()
    let l = takePrivateConnection(for: i, to: s, now: now)
    let x = !request.isQuiet || request.verb.isMeta ? downstream.newExchange(c) : Ref<Exchange>.none
    if request.verb.isMeta {
      upstream.opaque &+= 1
      upstream.connections[l].queue.enqueueMeta(
        x, in: destination.pool, bytes, p, lineOnly(request), opaque: upstream.opaque,
        secret: upstream.secret, since: now,
        &common.buffers)
    } else {
      var leg = Leg()
      leg.exchange = x
      leg.verb = request.verb
      leg.keyLength = UInt8(truncatingIfNeeded: request.keyLength)
      leg.pool = destination.pool
      leg.since = now
      upstream.connections[l].queue.enqueue(
        leg, rewriting: bytes, p, lineOnly(request), line, &common.buffers)
    }
    let leg = upstream.connections[l].queue.beginUpload(
      copyingLineTo: &transfers.streams[i].line, &common.buffers)
    transfers.streams[i].course = .upload
    transfers.streams[i].client = downstream.clients.id(of: c)
    transfers.streams[i].exchange = leg.exchange
    transfers.streams[i].leg = leg
    transfers.streams[i].progress.left = Int(leg.length) &+ request.bodyLength
    transfers.streams[i].isOptional = request.length <= common.heldLimit
    downstream.clients[c].large.stream = i
    downstream.clients[c].large.isUploading = true
    common.counters.add(.streamedValues)
    common.counters.add(.requestsForwarded)
    return l
  }

  private func lineOnly(_ request: Request) -> Request {
    var line = request
    line.bodyLength = 0
    return line
  }

  private mutating func count(_ request: Request) {
    common.counters.add(request.verb.isMeta ? .metaRequests : .setRequests)
  }

  /// Drops the bytes of a request that was answered for: those that are there now, and the others when they arrive.
  private mutating func skipOver(_ c: Ref<Client>, _ length: Int, of available: Int) -> Int {
    let n = min(length, available)
    downstream.clients[c].intake.skip = length &- n
    return n
  }

  /// Forwards more bytes of a client's upload; returns the bytes consumed.
  mutating func continueUpload(_ c: Ref<Client>, _ bytes: RawSpan, now: Instant) -> Int {
    let l = transfers.streams[downstream.clients[c].large.stream].connection
    let n = min(downstream.clients[c].large.bodyLeft, bytes.byteCount)
    // Until now the server had nothing to accept.
    if upstream.connections[l].queue.bytes.isEmpty {
      transfers.streams[downstream.clients[c].large.stream].progress.askedAt = now
    }
    upstream.connections[l].queue.write(bytes, from: 0, count: n, &common.buffers)
    noteUploaded(c, n, now: now)
    if n < bytes.byteCount {
      common.effects.append(.pause(client: c))
    } else if downstream.clients[c].large.bodyLeft > 0,
      upstream.connections[l].queue.bytes.count > common.ahead
    {
      // The client is not read while the server accepts less than has arrived.
      downstream.clients[c].intake.partialSince = .never
      downstream.stall(c, &common)
    }
    if upstream.connections[l].state == .ready { markDirty(connection: l) }
    return n
  }

  /// Records that `n` more bytes of the client's value were added to its connection's queue.
  mutating func noteUploaded(_ c: Ref<Client>, _ n: Int, now: Instant) {
    downstream.clients[c].large.bodyLeft &-= n
    if transfers.streams[downstream.clients[c].large.stream].isOptional {
      downstream.clients[c].intake.awaited = downstream.clients[c].large.bodyLeft
    }
    if downstream.clients[c].large.bodyLeft > 0 {
      downstream.clients[c].intake.partialSize &+= n
      if downstream.clients[c].intake.partialSize >= 65_536
        || downstream.clients[c].intake.partialSince == .never
      {
        downstream.clients[c].intake.partialSince = now
        downstream.clients[c].intake.partialSize = 0
      }
    } else {
      downstream.clients[c].intake.partialSince = .never
      // Its next request waits until this one is answered. Most clients send none, so reading need not be paused.
      downstream.clients[c].life.isStalled = true
    }
  }

  /// Forwards the bytes in the client's `input`.
  mutating func pumpUpload(_ c: Ref<Client>, now: Instant) {
    guard !downstream.clients[c].input.isEmpty else { return }
    var input = exchange(&downstream.clients[c].input, with: Buffer())
    input.consume(continueUpload(c, input.readable, now: now))
    if input.isEmpty { input.release(to: &common.buffers) }
    downstream.clients[c].input = input
  }

  /// The edge has sent the server `n` bytes of the upload.
  mutating func uploadSent(_ l: Ref<ServerConnection>, _ n: Int) {
    let i = upstream.connections[l].stream
    upstream.connections[l].queue.dropSent(&common.buffers)
    guard i != Ref<Stream>.none else { return }
    transfers.streams[i].progress.left &-= n
    transfers.streams[i].hasBegun = true
    transfers.streams[i].move(n, now: common.clock)
    // The whole request was sent: the reply has a deadline to itself.
    if transfers.streams[i].progress.left == 0 { transfers.streams[i].progress.askedAt = common.clock }
    let id = transfers.streams[i].client
    guard downstream.clients.isCurrent(id), downstream.clients[id.slot].large.bodyLeft > 0,
      downstream.clients[id.slot].life.isStalled,
      upstream.connections[l].queue.bytes.count <= common.ahead / 2
    else { return }
    downstream.clients[id.slot].life.isStalled = false
    downstream.clients[id.slot].intake.partialSince = common.clock
    pumpUpload(id.slot, now: common.clock)
    if !downstream.clients[id.slot].life.isStalled && !downstream.clients[id.slot].life.isClosing {
      common.effects.append(.resume(client: id.slot))
    }
  }

  /// Handles a server's reply to an upload; returns the bytes consumed.
  mutating func digestUpload(_ l: Ref<ServerConnection>, _ bytes: RawSpan) -> Int {
    let i = upstream.connections[l].stream
    guard i != Ref<Stream>.none, let leg = upstream.connections[l].queue.legs.first else {
      return bytes.byteCount
    }
    let length: Int
    let isError: Bool
    var meta: MetaReply?
    if leg.verb.isMeta {
      switch ReplyParser.meta(
        bytes, at: 0, to: leg.metaLine, asked: transfers.streams[i].line.readable,
        era: upstream.connections[l].handshake.meta, maxValue: common.limits.maxValue)
      {
      case .reply(let reply): (length, isError, meta) = (reply.length, reply.status == .error, reply)
      case .partial, .opening: return 0
      case .broken(let why):
        violation(l, why, bytes, 0)
        return bytes.byteCount
      }
    } else {
      switch ReplyParser.line(bytes, at: 0, leg.verb.expectation) {
      case .reply(let n, let outcome): (length, isError) = (n, outcome == .error)
      case .partial, .opening: return 0
      case .broken(let why):
        violation(l, why, bytes, 0)
        return bytes.byteCount
      }
    }
    // Before the whole request was sent, a server may only refuse it.
    guard transfers.streams[i].progress.left == 0 || isError, length == bytes.byteCount else {
      violation(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    }
    if invalidation.isJournaling {
      let isDone = meta.map { $0.status == .done || $0.status == .value } ?? bytes.hasText("STORED", at: 0)
      if isDone || bytes.hasText("SERVER_ERROR", at: 0) { noteUpload(i) }
    }
    if leg.exchange != Ref<Exchange>.none {
      if let meta {
        let line = exchange(&transfers.streams[i].line, with: Buffer())
        give(leg, meta, bytes, 0, line)
        transfers.streams[i].line = line
      } else {
        downstream.answer(leg.exchange, bytes.first(length), &common)
      }
    }
    upstream.connections[l].queue.endUpload()
    finishUpload(i, isClean: transfers.streams[i].progress.left == 0)
    return length
  }

  /// Ends an upload that was answered: its client's next requests are served.
  mutating func finishUpload(_ i: Ref<Stream>, isClean: Bool) {
    let (id, wasOptional) = (transfers.streams[i].client, transfers.streams[i].isOptional)
    end(stream: i, isClean: isClean)
    guard downstream.clients.isCurrent(id) else { return }
    let c = id.slot
    downstream.clients[c].large.stream = Ref<Stream>.none
    downstream.clients[c].large.isUploading = false
    downstream.clients[c].intake.skip &+= downstream.clients[c].large.bodyLeft
    downstream.clients[c].large.bodyLeft = 0
    downstream.clients[c].intake.awaited = 0
    downstream.clients[c].large.hasUploaded = wasOptional
    downstream.clients[c].intake.partialSince = .never
    downstream.considerResuming(c, &common)
    downstream.closeIfDone(c, &common)
  }

  /// Ends the uploads whose key belongs to another server by now. Other requests last two deadlines at most, and the
  /// copies that they leave are cleaned up after that; an upload may last minutes, and would leave a copy that no
  /// cleanup looks for.
  mutating func endOrphanUploads(now: Instant) {
    var i = Ref<Stream>(0)
    while i.index < transfers.streams.end {
      if transfers.streams.isTaken(i), transfers.streams[i].course == .upload, isOrphan(upload: i) {
        lost(transfers.streams[i].connection, .ejected, now: now)
      }
      i = i.next
    }
  }

  private func isOrphan(upload i: Ref<Stream>) -> Bool {
    let (leg, s) = (transfers.streams[i].leg, transfers.streams[i].server)
    guard upstream.servers[s].isJournaled, transfers.streams[i].connection != Ref<ServerConnection>.none
    else { return false }
    let key = Word(start: Int(leg.keyStart), length: Int(leg.keyLength))
    let isEncoded = leg.verb.isMeta && leg.meta.contains(.base64)
    return destination(for: transfers.streams[i].line.readable, key, isEncoded: isEncoded)?.server != s
  }

  /// Ends an upload that can no longer reach its server.
  mutating func failedUpload(_ i: Ref<Stream>, _ failure: ServerFailure) {
    let leg = transfers.streams[i].leg
    let s = transfers.streams[i].server
    let line = exchange(&transfers.streams[i].line, with: Buffer())
    if leg.exchange == Ref<Exchange>.none { common.counters.add(.noreplyDropped) }
    // A server does not store a partial value. It may store a whole one later than what is sent on another connection.
    let isDoubtful = transfers.streams[i].hasBegun && transfers.streams[i].progress.left == 0
    if isDoubtful { recordDoubt(leg, at: s, line, 0) }
    let told = transfers.streams[i].hasBegun && failure.meansUnsent ? .connectionLost : failure
    fail(leg, at: s, told, line, 0, isTrue: !isDoubtful)
    transfers.streams[i].line = line
    finishUpload(i, isClean: false)
  }
}
