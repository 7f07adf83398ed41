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
    if clients[c].isClosing { return available }
    guard clients[c].inFlight == 0 else {
      clients[c].isOrderly = true
      stall(c)
      return 0
    }
    let isNoreply = request.isQuiet && !request.verb.isMeta
    guard let destination = destination(for: bytes, request) else {
      count(request)
      refuse(c, .noRoute, isQuiet: isNoreply)
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
      counters.add(.timeouts)
      failure = .timedOut
    }
    if let failure {
      count(request)
      turnAway(c, bytes, p, request, at: destination, by: shared, failure)
      return skipOver(c, request.length, of: available)
    }
    if streamsAtWork < limits.streams { admitWaiting() }
    guard clients[c].holdsStream || hasFreeStream else {
      clients[c].isQueued = true
      streamWaits.append(StreamWait(client: clients.id(of: c), stream: nil, since: now))
      stall(c)
      return 0
    }
    count(request)
    let l = startUpload(c, bytes, p, request, to: destination, now: now)
    let n = available &- request.lineLength
    connections[l].queue.write(bytes, from: p &+ request.lineLength, count: n, &buffers)
    clients[c].bodyLeft = request.bodyLength &- n
    if streams[clients[c].stream].isOptional {
      clients[c].awaited = clients[c].bodyLeft
    } else {
      markDirty(connection: l)
    }
    clients[c].partialSince = now
    clients[c].partialSize = 0
    return available
  }

  // MARK: - Held back

  /// Whether the upload may overtake an earlier request that may change its key and is not known to be done: one with
  /// `noreply`, one that is past its deadline, or a promised deletion. A server reads two connections in any order.
  mutating func wouldOvertake(
    _ c: Ref<Client>, _ shared: Ref<ServerConnection>, _ bytes: RawSpan, _ request: Request
  ) -> Bool {
    // Requests on a connection that this one follows may be any client's, for any key.
    if connections[shared].state != .ready, mustWait(shared, now: clock) { return true }
    if !connections[shared].owed.isEmpty {
      let key = Word(start: request.keyStart, length: request.keyLength)
      var keys = KeyRange(key: key, isEncoded: request.meta.contains(.base64))
      if let key = keys.next(bytes), connections[shared].owed.contains(key) { return true }
    }
    var at = RequestQueue.Position()
    while let one = connections[shared].queue.next(&at) {
      let leg = one.leg
      // Later requests, of other clients, are no reason to wait longer; a deletion may have been owed before.
      guard leg.since <= clients[c].uploadHeldSince || leg.isPromised,
        leg.verb == .flushAll || leg.verb.mayChange,
        !connections[shared].queue.changesNothing(one)
      else { continue }
      // A fan-out's leg may have several keys, and keys in base64 are not compared.
      if leg.fanOut != Ref<FanOut>.none || leg.verb == .flushAll || leg.meta.contains(.base64)
        || request.meta.contains(.base64)
      {
        return true
      }
      if connections[shared].queue.hasKey(
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
    guard let destination = destination(for: bytes, request), servers[destination.server].status == .up,
      !isGivingUp,
      isFull(connection(to: destination.server, for: c), for: request.isQuiet ? Ref<Client>.none : c),
      !isOverdue(c, in: destination.pool, now: now)
    else { return false }
    hold(c)
    return true
  }

  /// Holds a client's upload until the next tick.
  private mutating func hold(_ c: Ref<Client>) {
    clients[c].isQueued = true
    uploadsHeld.append(clients.id(of: c))
    stall(c)
  }

  /// Whether the upload has been held for a whole deadline, which begins with the first call.
  private mutating func isOverdue(_ c: Ref<Client>, in pool: PoolIndex, now: Instant) -> Bool {
    if clients[c].uploadHeldSince == .never { clients[c].uploadHeldSince = now }
    return now.since(clients[c].uploadHeldSince).wholeNanoseconds >= policy(of: pool).requestTimeout
  }

  /// Checks again whether the held uploads may begin.
  mutating func resumeHeldUploads() {
    while let id = uploadsHeld.popFirst() {
      guard clients.isCurrent(id) else { continue }
      clients[id.slot].isQueued = false
      considerResuming(id.slot)
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
    let i = streams.take()
    let l = takePrivateConnection(for: i, to: s, now: now)
    let x = !request.isQuiet || request.verb.isMeta ? newExchange(c) : Ref<Exchange>.none
    if request.verb.isMeta {
      opaque &+= 1
      connections[l].queue.enqueueMeta(
        x, in: destination.pool, bytes, p, lineOnly(request), opaque: opaque, secret: secret, since: now,
        &buffers)
    } else {
      var leg = Leg()
      leg.exchange = x
      leg.verb = request.verb
      leg.keyLength = UInt8(truncatingIfNeeded: request.keyLength)
      leg.pool = destination.pool
      leg.since = now
      connections[l].queue.enqueue(leg, rewriting: bytes, p, lineOnly(request), line, &buffers)
    }
    let leg = connections[l].queue.beginUpload(copyingLineTo: &streams[i].line, &buffers)
    streams[i].course = .upload
    streams[i].client = clients.id(of: c)
    streams[i].exchange = leg.exchange
    streams[i].leg = leg
    streams[i].left = Int(leg.length) &+ request.bodyLength
    streams[i].isOptional = request.length <= heldLimit
    clients[c].stream = i
    clients[c].isUploading = true
    counters.add(.streamedValues)
    counters.add(.requestsForwarded)
    return l
  }

  private func lineOnly(_ request: Request) -> Request {
    var line = request
    line.bodyLength = 0
    return line
  }

  private mutating func count(_ request: Request) {
    counters.add(request.verb.isMeta ? .metaRequests : .setRequests)
  }

  /// Drops the bytes of a request that was answered for: those that are there now, and the others when they arrive.
  private mutating func skipOver(_ c: Ref<Client>, _ length: Int, of available: Int) -> Int {
    let n = min(length, available)
    clients[c].skip = length &- n
    return n
  }

  /// Forwards more bytes of a client's upload; returns the bytes consumed.
  mutating func continueUpload(_ c: Ref<Client>, _ bytes: RawSpan, now: Instant) -> Int {
    let l = streams[clients[c].stream].connection
    let n = min(clients[c].bodyLeft, bytes.byteCount)
    // Until now the server had nothing to accept.
    if connections[l].queue.bytes.isEmpty { streams[clients[c].stream].askedAt = now }
    connections[l].queue.write(bytes, from: 0, count: n, &buffers)
    noteUploaded(c, n, now: now)
    if n < bytes.byteCount {
      effects.append(.pause(client: c))
    } else if clients[c].bodyLeft > 0, connections[l].queue.bytes.count > ahead {
      // The client is not read while the server accepts less than has arrived.
      clients[c].partialSince = .never
      stall(c)
    }
    if connections[l].state == .ready { markDirty(connection: l) }
    return n
  }

  /// Records that `n` more bytes of the client's value were added to its connection's queue.
  mutating func noteUploaded(_ c: Ref<Client>, _ n: Int, now: Instant) {
    clients[c].bodyLeft &-= n
    if streams[clients[c].stream].isOptional { clients[c].awaited = clients[c].bodyLeft }
    if clients[c].bodyLeft > 0 {
      clients[c].partialSize &+= n
      if clients[c].partialSize >= 65_536 || clients[c].partialSince == .never {
        clients[c].partialSince = now
        clients[c].partialSize = 0
      }
    } else {
      clients[c].partialSince = .never
      // Its next request waits until this one is answered. Most clients send none, so reading need not be paused.
      clients[c].isStalled = true
    }
  }

  /// Forwards the bytes in the client's `input`.
  mutating func pumpUpload(_ c: Ref<Client>, now: Instant) {
    guard !clients[c].input.isEmpty else { return }
    var input = exchange(&clients[c].input, with: Buffer())
    input.consume(continueUpload(c, input.readable, now: now))
    if input.isEmpty { input.release(to: &buffers) }
    clients[c].input = input
  }

  /// The edge has sent the server `n` bytes of the upload.
  mutating func uploadSent(_ l: Ref<ServerConnection>, _ n: Int) {
    let i = connections[l].stream
    connections[l].queue.dropSent(&buffers)
    guard i != Ref<Stream>.none else { return }
    streams[i].left &-= n
    streams[i].hasBegun = true
    streams[i].move(n, now: clock)
    // The whole request was sent: the reply has a deadline to itself.
    if streams[i].left == 0 { streams[i].askedAt = clock }
    let id = streams[i].client
    guard clients.isCurrent(id), clients[id.slot].bodyLeft > 0, clients[id.slot].isStalled,
      connections[l].queue.bytes.count <= ahead / 2
    else { return }
    clients[id.slot].isStalled = false
    clients[id.slot].partialSince = clock
    pumpUpload(id.slot, now: clock)
    if !clients[id.slot].isStalled && !clients[id.slot].isClosing {
      effects.append(.resume(client: id.slot))
    }
  }

  /// Handles a server's reply to an upload; returns the bytes consumed.
  mutating func digestUpload(_ l: Ref<ServerConnection>, _ bytes: RawSpan) -> Int {
    let i = connections[l].stream
    guard i != Ref<Stream>.none, let leg = connections[l].queue.legs.first else { return bytes.byteCount }
    let length: Int
    let isError: Bool
    var meta: MetaReply?
    if leg.verb.isMeta {
      switch ReplyParser.meta(
        bytes, at: 0, to: leg.metaLine, asked: streams[i].line.readable,
        era: connections[l].meta, maxValue: limits.maxValue)
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
    guard streams[i].left == 0 || isError, length == bytes.byteCount else {
      violation(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    }
    if isJournaling {
      let isDone = meta.map { $0.status == .done || $0.status == .value } ?? bytes.hasText("STORED", at: 0)
      if isDone || bytes.hasText("SERVER_ERROR", at: 0) { noteUpload(i) }
    }
    if leg.exchange != Ref<Exchange>.none {
      if let meta {
        let line = exchange(&streams[i].line, with: Buffer())
        give(leg, meta, bytes, 0, line)
        streams[i].line = line
      } else {
        answer(leg.exchange, bytes.first(length))
      }
    }
    connections[l].queue.endUpload()
    finishUpload(i, isClean: streams[i].left == 0)
    return length
  }

  /// Ends an upload that was answered: its client's next requests are served.
  mutating func finishUpload(_ i: Ref<Stream>, isClean: Bool) {
    let (id, wasOptional) = (streams[i].client, streams[i].isOptional)
    end(stream: i, isClean: isClean)
    guard clients.isCurrent(id) else { return }
    let c = id.slot
    clients[c].stream = Ref<Stream>.none
    clients[c].isUploading = false
    clients[c].skip &+= clients[c].bodyLeft
    clients[c].bodyLeft = 0
    clients[c].awaited = 0
    clients[c].hasUploaded = wasOptional
    clients[c].partialSince = .never
    considerResuming(c)
    closeIfDone(c)
  }

  /// Ends the uploads whose key belongs to another server by now. Other requests last two deadlines at most, and the
  /// copies that they leave are cleaned up after that; an upload may last minutes, and would leave a copy that no
  /// cleanup looks for.
  mutating func endOrphanUploads(now: Instant) {
    var i = Ref<Stream>(0)
    while i.index < streams.end {
      if streams.isTaken(i), streams[i].course == .upload, isOrphan(upload: i) {
        lost(streams[i].connection, .ejected, now: now)
      }
      i = i.next
    }
  }

  private func isOrphan(upload i: Ref<Stream>) -> Bool {
    let (leg, s) = (streams[i].leg, streams[i].server)
    guard servers[s].isJournaled, streams[i].connection != Ref<ServerConnection>.none else { return false }
    let key = Word(start: Int(leg.keyStart), length: Int(leg.keyLength))
    let isEncoded = leg.verb.isMeta && leg.meta.contains(.base64)
    return destination(for: streams[i].line.readable, key, isEncoded: isEncoded)?.server != s
  }

  /// Ends an upload that can no longer reach its server.
  mutating func failedUpload(_ i: Ref<Stream>, _ failure: ServerFailure) {
    let leg = streams[i].leg
    let s = streams[i].server
    let line = exchange(&streams[i].line, with: Buffer())
    if leg.exchange == Ref<Exchange>.none { counters.add(.noreplyDropped) }
    // A server does not store a partial value. It may store a whole one later than what is sent on another connection.
    let isDoubtful = streams[i].hasBegun && streams[i].left == 0
    if isDoubtful { recordDoubt(leg, at: s, line, 0) }
    let told = streams[i].hasBegun && failure.meansUnsent ? .connectionLost : failure
    fail(leg, at: s, told, line, 0, isTrue: !isDoubtful)
    streams[i].line = line
    finishUpload(i, isClean: false)
  }
}
