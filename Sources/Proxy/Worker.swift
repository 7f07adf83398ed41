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
/// The request path is in `Forwarding.swift`, `MultiGet.swift`, `Broadcast.swift`; the reply path in `Replies.swift`
/// and `ReplyQueue.swift`; failures in `Failures.swift` and `Deadlines.swift`.
///
/// Short names, in the whole module: `c` client, `s` server, `l` connection to a server, `x` exchange, `f` fan-out
/// (each the index of a slot), `p` position in the bytes, `i` stream or piece.
package struct Worker: ~Copyable {
  package var common: Common
  package var downstream = Downstream()
  package var upstream: Upstream
  var router = Router()
  var transfers = Transfers()
  var invalidation = Invalidation()
  var fanOuts = Slab<FanOut>(capacity: 16)
  /// The words of the current request line.
  var line = RequestLine()
  /// Connections that the current multi-get has begun to write to.
  var openLegs = List<OpenLeg>()
  /// Bytes that may be queued for a server before `admit` has to decide about another request.
  var fastPathBytes = 0
  /// Number of the current multi-get, a multiple of 256: tells its share on a connection from that of an earlier one.
  var round: UInt64 = 0
  /// The memcached versions by which the worker reads requests and words its refusals: the oldest of its servers'.
  var dialect = Dialect()
  var isDraining = false
  var isGivingUp = false
  /// The proxy's process id, for `stats`.
  let processID: Int32

  package init(plan: WorkerPlan, processID: Int32, secret: UInt64, now: Instant) {
    common = Common(limits: plan.limits)
    upstream = Upstream(secret: secret)
    self.processID = processID
    apply(plan, now: now)
  }

  // MARK: - Clients connect and disconnect

  /// Allocates a slot for a new client.
  package mutating func open() -> Ref<Client> { downstream.open(&common) }

  /// The client's connection is closed. Replies that arrive for it later are dropped.
  package mutating func closed(client c: Ref<Client>) {
    let active = downstream.clients[c].large.stream
    leaveStreams(of: c)
    releaseStream(of: c)
    var x = downstream.clients[c].first
    while x != Ref<Exchange>.none {
      let next = downstream.exchanges[x].next
      if downstream.exchanges[x].stream != Ref<Stream>.none, downstream.exchanges[x].stream != active {
        end(stream: downstream.exchanges[x].stream, isClean: false)
      }
      // A server has yet to answer this exchange: detach it from the client.
      if downstream.exchanges[x].isFinished {
        downstream.exchanges.give(x)
      } else {
        downstream.exchanges[x].client = Ref<Client>.none
      }
      x = next
    }
    downstream.clients[c].input.release(to: &common.buffers)
    downstream.clients[c].output.release(to: &common.buffers)
    downstream.clients[c].parked.release(to: &common.buffers)
    downstream.clients.give(c)
    common.counters.subtract(.clientConnections)
  }

  /// The client has sent its last byte. It is closed when all its requests are answered and the replies sent.
  package mutating func endOfInput(client c: Ref<Client>) {
    downstream.clients[c].life.isClosing = true
    if !downstream.clients[c].life.isStalled { downstream.clients[c].input.release(to: &common.buffers) }
    downstream.clients[c].intake.partialSince = .never
    // An unfinished value is no request.
    if downstream.clients[c].large.isUploading
      && downstream.clients[c].large.bodyLeft > downstream.clients[c].input.count
    {
      downstream.close(client: c, &common)
    }
    downstream.closeIfDone(c, &common)
  }

  // MARK: - Output to send

  /// The next client with something to send: see `Downstream.nextClientToFlush`.
  package mutating func nextClientToFlush(holding nanoseconds: UInt64 = 0, now: Instant = .origin) -> Ref<
    Client
  >? { downstream.nextClientToFlush(holding: nanoseconds, now: now, &common) }

  @inline(__always) mutating func markDirty(connection l: Ref<ServerConnection>) {
    if upstream.connections[l].becomeDirty() { upstream.dirtyConnections.append(l) }
  }

  /// The next connection to a server that has something to send; each once per turn of the loop.
  package mutating func nextConnectionToFlush() -> Ref<ServerConnection>? {
    while let l = upstream.dirtyConnections.popFirst() {
      upstream.connections[l].isDirty = false
      if upstream.connections[l].unsent > 0 { return l }
    }
    return nil
  }

  /// The edge sent `n` bytes of the client's output.
  package mutating func sent(client c: Ref<Client>, _ n: Int, now: Instant) {
    common.counters.add(n, to: .clientBytesOut)
    downstream.clients[c].learnWindow(common.limits, allowance: common.allowance)
    downstream.clients[c].output.consume(n)
    if downstream.clients[c].output.isEmpty {
      downstream.clients[c].output.release(to: &common.buffers)
      downstream.clients[c].sending.blockedSince = .never
      if downstream.clients[c].life.isClosing { downstream.closeIfDone(c, &common) }
    } else if n > 0 || downstream.clients[c].sending.blockedSince == .never {
      downstream.clients[c].sending.blockedSince = now
    }
    if downstream.clients[c].large.stream != Ref<Stream>.none {
      common.clock = now
      clientTook(c, now: now)
    }
    if downstream.clients[c].life.isStalled { downstream.considerResuming(c, &common) }
  }

  /// The edge sent `n` bytes of this connection's requests.
  package mutating func sent(connection l: Ref<ServerConnection>, _ n: Int, now: Instant) {
    common.counters.add(n, to: .serverBytesOut)
    upstream.connections[l].queue.noteSent(n)
    if upstream.connections[l].queue.front == .answered {
      upstream.connections[l].queue.dropAnswered(&common.buffers)
    } else if upstream.connections[l].queue.front == .upload {
      common.clock = now
      uploadSent(l, n)
    }
  }

  /// The oldest effect that is still valid: its slot may have been reused since it was added.
  package mutating func nextEffect() -> Effect? {
    while let order = common.effects.popFirst() {
      let isCurrent =
        switch order {
        case .connect(let l): upstream.connections.isTaken(l) && upstream.connections[l].state == .connecting
        case .handshake(let l):
          upstream.connections.isTaken(l)
            && (upstream.connections[l].state == .validating
              || upstream.connections[l].state == .learningMeta)
        case .close(let c): downstream.clients.isTaken(c) && downstream.clients[c].life.isClosed
        case .pause(let c): downstream.clients.isTaken(c) && downstream.clients[c].life.isStalled
        case .resume(let c): downstream.clients.isTaken(c) && !downstream.clients[c].life.isStalled
        case .pauseConnection(let l): upstream.connections.isTaken(l) && isHeldUp(connection: l)
        case .resumeConnection(let l): upstream.connections.isTaken(l) && !isHeldUp(connection: l)
        case .disconnect, .report: true
        }
      if isCurrent { return order }
    }
    return nil
  }

  // MARK: - Back-pressure

  /// Whether the connection is not read because the client of its stream reads more slowly than the server sends.
  private func isHeldUp(connection l: Ref<ServerConnection>) -> Bool {
    upstream.connections[l].stream != Ref<Stream>.none
      && transfers.streams[upstream.connections[l].stream].isHeldUp
  }

  /// Whether a stalled client can be served again, or a download can begin: the loop must not sleep.
  package var hasResumable: Bool {
    mutating get { !downstream.resumable.isEmpty || !downstream.downloadsDue.isEmpty }
  }

  /// Begins downloads, and serves the buffered requests of stalled clients, as far as their limits allow now.
  package mutating func resumeStalled(now: Instant) {
    common.clock = now
    noteRecords()
    beginDownloads()
    var n = downstream.resumable.count
    while n > 0, let c = downstream.resumable.popFirst() {
      n -= 1
      guard downstream.clients.isTaken(c), downstream.clients[c].life.isResumable else { continue }
      downstream.clients[c].life.isResumable = false
      guard downstream.clients[c].life.isStalled, downstream.mayResume(c, &common) else { continue }
      downstream.clients[c].life.isStalled = false
      downstream.clients[c].large.isOrderly = false
      pump(c, now: now)
      if !downstream.clients[c].large.isQueued { downstream.clients[c].large.heldSince = .never }
      // Its value may have arrived as a whole meanwhile.
      releaseStream(of: c)
      if !downstream.clients[c].life.isStalled {
        if downstream.clients[c].life.isClosing {
          downstream.clients[c].input.release(to: &common.buffers)
          downstream.closeIfDone(c, &common)
        } else {
          common.effects.append(.resume(client: c))
        }
      }
    }
  }
}
