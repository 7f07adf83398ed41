import Bytes
import Routing
import Stats
import Topology
import Wire

/// The proxy's logic for one thread: its clients, its connections to servers, and the requests between them.
///
/// It moves bytes between buffers. It tells the thread what to do (`Effect`) and what happened (`WorkerEvent`). It
/// opens no socket, reads no clock and logs nothing, so a test can stand in for everything around it ("the edge"):
///
///     client bytes ─▶ clientReceived ─▶ connection.queue ─▶ (edge sends)
///     server bytes ─▶ serverReceived ─▶ client.output ─▶ (edge sends)
///
/// It puts the parts together: requests and replies are the `Dispatcher`'s work, large values the `Transfers`'.
///
/// Short names, in the whole module: `c` client, `s` server, `l` connection to a server, `x` exchange, `f` fan-out
/// (each the index of a slot), `p` position in the bytes, `i` stream or piece, `d` dispatcher.
package struct Worker: ~Copyable {
  package var dispatcher: Dispatcher
  var transfers = Transfers()
  var isDraining = false

  package init(plan: WorkerPlan, processID: Int32, secret: UInt64, now: Instant) {
    dispatcher = Dispatcher(limits: plan.limits, processID: processID, secret: secret)
    apply(plan, now: now)
  }

  // MARK: - Clients connect and disconnect

  /// Allocates a slot for a new client.
  /// `pool`: that of the client's listener; nil if keys decide.
  package mutating func open(from listener: ListenerID? = nil, pool: PoolID? = nil) -> Ref<Client> {
    let c = dispatcher.downstream.open(&dispatcher.common, from: listener)
    dispatcher.downstream.clients[c].pool = pool
    dispatcher.aim(c)
    return c
  }

  /// The client's connection is closed. Replies that arrive for it later are dropped.
  package mutating func closed(client c: Ref<Client>) {
    let active = dispatcher.downstream.clients[c].large.stream
    transfers.leaveStreams(of: c, &dispatcher)
    transfers.releaseStream(of: c, &dispatcher)
    var x = dispatcher.downstream.clients[c].first
    while x != Ref<Exchange>.none {
      let next = dispatcher.downstream.exchanges[x].next
      let i = dispatcher.downstream.exchanges[x].stream
      if i != Ref<Stream>.none, i != active { transfers.end(stream: i, isClean: false, &dispatcher) }
      dispatcher.downstream.detach(x)
      x = next
    }
    dispatcher.downstream.release(client: c, &dispatcher.common)
  }

  /// The client has sent its last byte. It is closed when all its requests are answered and the replies sent.
  package mutating func endOfInput(client c: Ref<Client>) {
    dispatcher.downstream.endOfInput(c, &dispatcher.common)
  }

  // MARK: - Bytes arrive from clients

  /// Receives bytes from a client: serves every whole request in them and keeps the unfinished rest.
  package mutating func clientReceived(_ c: Ref<Client>, _ bytes: RawSpan, now: Instant) {
    dispatcher.common.counters.add(bytes.byteCount, to: .clientBytesIn)
    dispatcher.common.clock = now
    if !dispatcher.downstream.clients[c].intake.hasSpoken,
      dispatcher.downstream.isForeign(c, bytes, &dispatcher.common)
    {
      return
    }
    if dispatcher.downstream.clients[c].input.isEmpty && !dispatcher.downstream.clients[c].life.isStalled {
      if dispatcher.downstream.clients[c].large.isUploading {
        let n = transfers.continueUpload(c, bytes, now: now, &dispatcher)
        dispatcher.downstream.clients[c].input.append(
          bytes, from: n, count: bytes.byteCount &- n, &dispatcher.common.buffers)
        return
      }
      let consumed = serve(c, bytes, now: now)
      dispatcher.downstream.keepRest(c, bytes, from: consumed, now: now, &dispatcher.common)
    } else {
      dispatcher.downstream.clients[c].input.append(bytes, &dispatcher.common.buffers)
      if dispatcher.downstream.clients[c].life.isStalled {
        dispatcher.common.effects.append(.pause(client: c))
      } else {
        clientFilled(c, now: now)
      }
    }
    if dispatcher.downstream.clients[c].life.isClosing {
      dispatcher.downstream.closeIfDone(c, &dispatcher.common)
    }
  }

  /// The edge has read `n` bytes directly into the client's `input`.
  package mutating func clientReceived(_ c: Ref<Client>, filled n: Int, now: Instant) {
    dispatcher.common.counters.add(n, to: .clientBytesIn)
    dispatcher.common.clock = now
    clientFilled(c, now: now)
    dispatcher.downstream.closeIfDone(c, &dispatcher.common)
  }

  /// More of a client's bytes were added to its `input`.
  private mutating func clientFilled(_ c: Ref<Client>, now: Instant) {
    guard !dispatcher.downstream.clients[c].life.isStalled else { return }
    if dispatcher.downstream.clients[c].large.isUploading {
      return transfers.pumpUpload(c, now: now, &dispatcher)
    }
    // A large value is parsed again when it is complete; as long as it makes progress, its clock restarts.
    if dispatcher.downstream.clients[c].missing > 0 {
      let rest = dispatcher.downstream.clients[c].input.count
      return dispatcher.downstream.notePartial(c, rest: rest, consumed: 0, now: now)
    }
    pump(c, now: now)
  }

  /// Serves the requests in a client's `input`.
  private mutating func pump(_ c: Ref<Client>, now: Instant) {
    var input = exchange(&dispatcher.downstream.clients[c].input, with: Buffer())
    let consumed = serve(c, input.readable, now: now)
    input.consume(consumed)
    dispatcher.downstream.keep(input, of: c, consumed: consumed, now: now, &dispatcher.common)
  }

  /// Serves the whole requests at the front; returns their bytes. A large value behind them is forwarded as it arrives.
  private mutating func serve(_ c: Ref<Client>, _ bytes: RawSpan, now: Instant) -> Int {
    var request = Request()
    let (end, isLarge) = dispatcher.serve(c, bytes, &request, now: now)
    guard isLarge else { return end }
    if request.length > dispatcher.common.heldLimit
      || transfers.shouldCutThrough(c, bytes, request, now: now, &dispatcher)
    {
      return end &+ transfers.beginUpload(c, bytes, end, request, now: now, &dispatcher)
    }
    dispatcher.downstream.clients[c].intake.awaited = request.length
    return end
  }

  // MARK: - Bytes arrive from servers

  /// Receives bytes from a server: forwards every whole reply in them to its client and keeps the unfinished rest.
  package mutating func serverReceived(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) {
    dispatcher.upstream.noteReceived(bytes.byteCount, on: l, &dispatcher.common)
    dispatcher.common.clock = now
    guard dispatcher.upstream.connections[l].input.isEmpty else {
      dispatcher.upstream.connections[l].input.append(bytes, &dispatcher.common.buffers)
      return serverFilled(l, bytes.byteCount, now: now)
    }
    let consumed = digest(l, bytes, now: now)
    dispatcher.upstream.noteArrival(of: bytes.byteCount, consumed, on: l, now: now)
    let rest = bytes.byteCount &- consumed
    if rest > 0 { dispatcher.upstream.keep(bytes, from: consumed, on: l, &dispatcher.common) }
  }

  /// The edge has read `n` bytes directly into the connection's `input`.
  package mutating func serverReceived(_ l: Ref<ServerConnection>, filled n: Int, now: Instant) {
    dispatcher.upstream.noteReceived(n, on: l, &dispatcher.common)
    dispatcher.common.clock = now
    serverFilled(l, n, now: now)
  }

  /// More of a server's bytes, `n`, were added to `input`. A large reply is parsed when it is complete.
  private mutating func serverFilled(_ l: Ref<ServerConnection>, _ n: Int, now: Instant) {
    guard dispatcher.upstream.connections[l].missing == 0 else {
      return dispatcher.upstream.notePart(of: n, 0, on: l, now: now)
    }
    var input = exchange(&dispatcher.upstream.connections[l].input, with: Buffer())
    let consumed = digest(l, input.readable, now: now)
    dispatcher.upstream.noteArrival(of: n, consumed, on: l, now: now)
    input.consume(consumed)
    dispatcher.upstream.keep(input, on: l, &dispatcher.common)
  }

  @inline(__always)
  private mutating func digest(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    dispatcher.upstream.connections[l].stream == Ref<Stream>.none
      ? dispatcher.digest(l, bytes, now: now) : transfers.digest(l, bytes, now: now, &dispatcher)
  }

  /// A connection could not be made or is lost. The edge has closed it, or gets the effect to do so.
  package mutating func lost(_ l: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant) {
    dispatcher.common.clock = now
    dispatcher.upstream.lost(l, failure, now: now, &dispatcher.common)
    transfers.settle(&dispatcher)
  }

  // MARK: - Output to send

  /// The next client with something to send: see `Downstream.nextClientToFlush`.
  package mutating func nextClientToFlush(holding nanoseconds: UInt64 = 0, now: Instant = .origin) -> Ref<
    Client
  >? { dispatcher.downstream.nextClientToFlush(holding: nanoseconds, now: now, &dispatcher.common) }

  /// The edge sent `n` bytes of the client's output.
  package mutating func sent(client c: Ref<Client>, _ n: Int, now: Instant) {
    dispatcher.downstream.sent(c, n, now: now, &dispatcher.common)
    if dispatcher.downstream.clients[c].large.stream != Ref<Stream>.none {
      dispatcher.common.clock = now
      transfers.clientTook(c, now: now, &dispatcher)
    }
    if dispatcher.downstream.clients[c].life.isStalled {
      dispatcher.downstream.considerResuming(c, &dispatcher.common)
    }
  }

  /// The edge sent `n` bytes of this connection's requests.
  package mutating func sent(connection l: Ref<ServerConnection>, _ n: Int, now: Instant) {
    dispatcher.upstream.noteSent(n, on: l, &dispatcher.common)
    if dispatcher.common.reports.after != .max {
      dispatcher.upstream.connections[l].queue.markSent(n, at: now)
    }
    if dispatcher.upstream.connections[l].queue.front == .answered {
      dispatcher.upstream.connections[l].queue.dropAnswered(&dispatcher.common.buffers)
    } else if dispatcher.upstream.connections[l].queue.front == .upload {
      dispatcher.common.clock = now
      transfers.uploadSent(l, n, &dispatcher)
    }
  }

  /// The oldest effect that is still valid: its slot may have been reused since it was added.
  package mutating func nextEffect() -> Effect? {
    while let effect = dispatcher.common.effects.popFirst() {
      if dispatcher.isCurrent(effect) { return effect }
    }
    return nil
  }

  // MARK: - Back-pressure

  /// Whether a stalled client can be served again, or a download can begin: the loop must not sleep.
  package var hasResumable: Bool {
    mutating get { !dispatcher.downstream.resumable.isEmpty || !dispatcher.downstream.downloadsDue.isEmpty }
  }

  /// Begins downloads, and serves the buffered requests of stalled clients, as far as their limits allow now.
  package mutating func resumeStalled(now: Instant) {
    dispatcher.common.clock = now
    dispatcher.noteRecords()
    transfers.beginDownloads(&dispatcher)
    var n = dispatcher.downstream.resumable.count
    while n > 0, let c = dispatcher.downstream.nextToResume(&dispatcher.common) {
      n -= 1
      guard c != Ref<Client>.none else { continue }
      pump(c, now: now)
      if !dispatcher.downstream.clients[c].large.isQueued {
        dispatcher.downstream.clients[c].large.heldSince = .never
      }
      // Its value may have arrived as a whole meanwhile.
      transfers.releaseStream(of: c, &dispatcher)
      dispatcher.downstream.resumed(c, &dispatcher.common)
    }
  }

  // MARK: - Cut-through

  /// See `Transfers.cutThroughRoom`.
  package mutating func cutThroughRoom(of c: Ref<Client>) -> (connection: Ref<ServerConnection>, room: Int)? {
    transfers.cutThroughRoom(of: c, &dispatcher)
  }

  /// See `Transfers.clientReceived`.
  package mutating func clientReceived(_ c: Ref<Client>, passed n: Int, now: Instant) -> Bool {
    transfers.clientReceived(c, passed: n, now: now, &dispatcher)
  }

  /// See `Transfers.endCutThrough`.
  package mutating func endCutThrough(_ c: Ref<Client>) { transfers.endCutThrough(c, &dispatcher) }

  /// See `Transfers.readLimit`.
  package mutating func readLimit(of c: Ref<Client>) -> Int { transfers.readLimit(of: c, &dispatcher) }
}
