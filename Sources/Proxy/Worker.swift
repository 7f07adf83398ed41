import Bytes
import Routing
import Stats
import Topology
import Wire

/// A server as a member of a pool, and the connection to it if the worker has only one.
struct Destination: BitwiseCopyable {
  var server: Ref<Server>
  var connection: Ref<ServerConnection>
  var isAlone: Bool
  var pool: PoolIndex
  /// Whether the pool's ring is without the server.
  var isEjected = false
}

/// A pool's number in the plan. One byte, so that a leg has room for it: there are at most 256 pools.
struct PoolIndex: BitwiseCopyable, Equatable {
  var number: UInt8 = 0

  init(_ number: Int = 0) { self.number = UInt8(clamping: number) }

  /// Its ring and hash.
  @inline(__always) var ring: Ref<Pool> { Ref(UInt32(number)) }
}

/// What a pool's policy means for a request.
struct RequestPolicy: BitwiseCopyable, Equatable {
  /// Nanoseconds until a request that is not answered is late.
  var requestTimeout: UInt64
  var missesOnFailure: Bool
  var writesMissOnFailure: Bool
  /// Whether keys that change while a server of the pool is out are recorded.
  var isJournaled: Bool

  init(_ policy: PoolPolicy) {
    requestTimeout = policy.requestTimeout.wholeNanoseconds
    missesOnFailure = policy.readsOnFailure == .miss
    writesMissOnFailure = policy.writesOnFailure == .miss
    isJournaled = policy.isJournaled
  }
}

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
  package var clients = Slab<Client>(capacity: 64)
  package var servers = Slab<Server>(capacity: 8)
  package var connections = Slab<ServerConnection>(capacity: 8)
  var exchanges = Slab<Exchange>(capacity: 256)
  var fanOuts = Slab<FanOut>(capacity: 16)
  var streams = Slab<Stream>(capacity: 4)
  /// Number of streams that have a connection, and the queue of those that wait for one.
  var streamsAtWork = 0
  var streamWaits = Fifo<StreamWait>()
  /// Downloads whose turn has come, and which have not begun yet.
  var downloadsDue = Fifo<SlotID<Stream>>()
  /// Clients with an upload that waits: it would overtake an earlier request, or the server's queue is full.
  var uploadsHeld = Fifo<SlotID<Client>>()
  package var buffers = BufferPool()
  package var counters = Counters()
  package internal(set) var limits: Limits

  var table: RoutingTable
  /// For each pool, the index of its first server in `destinations`.
  var poolStarts: FixedArray<UInt32>
  /// The members of all pools, in the order of the plan.
  var destinations: FixedArray<Destination>
  /// For each pool, its rules; and its id, by which it is found again after a reload.
  var policies: FixedArray<RequestPolicy>
  var poolIDs: [PoolID] = []
  /// Each server once, in the order of the plan.
  var everyServer: FixedArray<Ref<Server>>

  var dirtyClients = Fifo<Ref<Client>>()
  /// Those of `dirtyClients` that `nextClientToFlush` skipped in this turn.
  var heldClients = Fifo<Ref<Client>>()
  var dirtyConnections = Fifo<Ref<ServerConnection>>()
  var resumable = Fifo<Ref<Client>>()
  var effects = Fifo<Effect>()
  package var events: [WorkerEvent] = []
  /// The words of the current request line.
  var line = RequestLine()
  /// Connections that the current multi-get has begun to write to.
  var openLegs = List<OpenLeg>()
  /// Bytes that may be queued for a server before `admit` has to decide about another request.
  var fastPathBytes = 0
  /// Number of the current multi-get, a multiple of 256: tells its share on a connection from that of an earlier one.
  var round: UInt64 = 0
  /// The opaque of the last meta request. No two requests in flight have the same one.
  var opaque: UInt64 = 0
  /// The memcached versions by which the worker reads requests and words its refusals: the oldest of its servers'.
  var dialect = Dialect()
  /// The time of the current event.
  var clock = Instant.origin
  /// A random number from the edge, sent to servers only: the key and opaque of a `Fence`.
  package var secret: UInt64
  /// Connections that are closed when nothing waits on them.
  var retiring = Fifo<Ref<ServerConnection>>()
  var isDraining = false
  var isGivingUp = false
  /// What servers must forget, and whether any key is served by a stand-in now.
  var journal = Journal()
  var isJournaling = false
  /// Deletions that clients have just been promised: see `keepPromises`.
  var promised: [Promise] = []
  /// Deletions refused lately for servers that fail fast: see `deleteRefusedOnStandIns`.
  var refusals: [RefusedDeletion] = []
  /// The proxy's process id, for `stats`.
  let processID: Int32

  package init(plan: WorkerPlan, processID: Int32, secret: UInt64, now: Instant) {
    table = RoutingTable(RoutingPlan(pools: [], defaultPool: nil))
    poolStarts = FixedArray([])
    destinations = FixedArray([])
    policies = FixedArray([])
    everyServer = FixedArray([])
    limits = plan.limits
    self.processID = processID
    self.secret = secret
    apply(plan, now: now)
  }

  // MARK: - Clients connect and disconnect

  /// Allocates a slot for a new client.
  package mutating func open() -> Ref<Client> {
    let c = clients.take()
    clients[c].window = max(1, limits.firstRequests)
    counters.add(.clientConnections)
    counters.add(.clientConnectionsTotal)
    return c
  }

  /// The client's connection is closed. Replies that arrive for it later are dropped.
  package mutating func closed(client c: Ref<Client>) {
    let active = clients[c].stream
    leaveStreams(of: c)
    releaseStream(of: c)
    var x = clients[c].first
    while x != Ref<Exchange>.none {
      let next = exchanges[x].next
      if exchanges[x].stream != Ref<Stream>.none, exchanges[x].stream != active {
        end(stream: exchanges[x].stream, isClean: false)
      }
      // A server has yet to answer this exchange: detach it from the client.
      if exchanges[x].isFinished { exchanges.give(x) } else { exchanges[x].client = Ref<Client>.none }
      x = next
    }
    clients[c].input.release(to: &buffers)
    clients[c].output.release(to: &buffers)
    clients[c].parked.release(to: &buffers)
    clients.give(c)
    counters.subtract(.clientConnections)
  }

  /// The client has sent its last byte. It is closed when all its requests are answered and the replies sent.
  package mutating func endOfInput(client c: Ref<Client>) {
    clients[c].isClosing = true
    if !clients[c].isStalled { clients[c].input.release(to: &buffers) }
    clients[c].partialSince = .never
    // An unfinished value is no request.
    if clients[c].isUploading && clients[c].bodyLeft > clients[c].input.count { close(client: c) }
    closeIfDone(c)
  }

  /// Closes a client that is closing and is owed nothing more.
  mutating func closeIfDone(_ c: Ref<Client>) {
    guard clients[c].isClosing, !clients[c].isClosed, !clients[c].isStalled, clients[c].inFlight == 0,
      clients[c].output.isEmpty
    else { return }
    clients[c].isClosed = true
    effects.append(.close(client: c))
  }

  // MARK: - Output to send

  @inline(__always) mutating func markDirty(client c: Ref<Client>) {
    if clients[c].becomeDirty() { dirtyClients.append(c) }
  }

  @inline(__always) mutating func markDirty(connection l: Ref<ServerConnection>) {
    if connections[l].becomeDirty() { dirtyConnections.append(l) }
  }

  /// The next connection to a server that has something to send; each once per turn of the loop.
  package mutating func nextConnectionToFlush() -> Ref<ServerConnection>? {
    while let l = dirtyConnections.popFirst() {
      connections[l].isDirty = false
      if connections[l].unsent > 0 { return l }
    }
    return nil
  }

  /// The next client with something to send; each once per turn of the loop.
  ///
  /// A client with further requests in flight is skipped for up to `nanoseconds`: a send costs as much for one reply as
  /// for sixteen. Skipped clients are looked at again after `takeHeld`.
  package mutating func nextClientToFlush(holding nanoseconds: UInt64 = 0, now: Instant = .origin) -> Ref<
    Client
  >? {
    while let c = dirtyClients.popFirst() {
      if nanoseconds > 0, clients[c].mayBeHeld(for: nanoseconds, now: now) {
        heldClients.append(c)
        continue
      }
      clients[c].heldSince = .never
      clients[c].isDirty = false
      if !clients[c].output.isEmpty && !clients[c].isClosed { return c }
      // The last reply awaited may have had no bytes; then no send follows that would close the client.
      closeIfDone(c)
    }
    return nil
  }

  /// Number of clients that may have something to send.
  package var clientsToFlush: Int { mutating get { dirtyClients.count } }

  /// Whether replies are held back: the loop must not sleep until they are sent.
  package var holdsAnswers: Bool { mutating get { !heldClients.isEmpty } }

  /// Has `nextClientToFlush` look again at the clients whose replies were held back.
  package mutating func takeHeld() {
    while let c = heldClients.popFirst() { dirtyClients.append(c) }
  }

  /// The edge sent `n` bytes of the client's output.
  package mutating func sent(client c: Ref<Client>, _ n: Int, now: Instant) {
    counters.add(n, to: .clientBytesOut)
    clients[c].learnWindow(limits, allowance: allowance)
    clients[c].output.consume(n)
    if clients[c].output.isEmpty {
      clients[c].output.release(to: &buffers)
      clients[c].blockedSince = .never
      if clients[c].isClosing { closeIfDone(c) }
    } else if n > 0 || clients[c].blockedSince == .never {
      clients[c].blockedSince = now
    }
    if clients[c].stream != Ref<Stream>.none {
      clock = now
      clientTook(c, now: now)
    }
    if clients[c].isStalled { considerResuming(c) }
  }

  /// The edge sent `n` bytes of this connection's requests.
  package mutating func sent(connection l: Ref<ServerConnection>, _ n: Int, now: Instant) {
    counters.add(n, to: .serverBytesOut)
    connections[l].queue.noteSent(n)
    if connections[l].queue.front == .answered {
      connections[l].queue.dropAnswered(&buffers)
    } else if connections[l].queue.front == .upload {
      clock = now
      uploadSent(l, n)
    }
  }

  /// The oldest effect that is still valid: its slot may have been reused since it was added.
  package mutating func nextEffect() -> Effect? {
    while let order = effects.popFirst() {
      let isCurrent =
        switch order {
        case .connect(let l): connections.isTaken(l) && connections[l].state == .connecting
        case .handshake(let l):
          connections.isTaken(l)
            && (connections[l].state == .validating || connections[l].state == .learningMeta)
        case .close(let c): clients.isTaken(c) && clients[c].isClosed
        case .pause(let c): clients.isTaken(c) && clients[c].isStalled
        case .resume(let c): clients.isTaken(c) && !clients[c].isStalled
        case .pauseConnection(let l): connections.isTaken(l) && isHeldUp(connection: l)
        case .resumeConnection(let l): connections.isTaken(l) && !isHeldUp(connection: l)
        case .disconnect, .report: true
        }
      if isCurrent { return order }
    }
    return nil
  }

  // MARK: - Back-pressure

  /// Whether the client may have another request in flight.
  @inline(__always) func hasRoom(_ c: Ref<Client>) -> Bool {
    clients[c].room(requestAllowance, allowance: allowance) > 0
  }

  /// Whether the connection is not read because the client of its stream reads more slowly than the server sends.
  private func isHeldUp(connection l: Ref<ServerConnection>) -> Bool {
    connections[l].stream != Ref<Stream>.none && streams[connections[l].stream].isHeldUp
  }

  /// Whether the reason for which the client was stalled is gone.
  private func mayResume(_ c: Ref<Client>) -> Bool {
    if clients[c].isUploading || clients[c].isQueued { return false }
    if clients[c].isOrderly { return clients[c].inFlight == 0 }
    return hasRoom(c)
  }

  @inline(never) mutating func stall(_ c: Ref<Client>) {
    guard !clients[c].isStalled else { return }
    clients[c].isStalled = true
    effects.append(.pause(client: c))
  }

  @inline(never) mutating func considerResuming(_ c: Ref<Client>) {
    guard clients[c].isStalled, !clients[c].isResumable, mayResume(c) else { return }
    clients[c].isResumable = true
    resumable.append(c)
  }

  /// Number of requests that wait for a reply.
  package var requestsInFlight: Int { mutating get { Int(exchanges.count) } }

  /// Whether a stalled client can be served again, or a download can begin: the loop must not sleep.
  package var hasResumable: Bool { mutating get { !resumable.isEmpty || !downloadsDue.isEmpty } }

  /// Begins downloads, and serves the buffered requests of stalled clients, as far as their limits allow now.
  package mutating func resumeStalled(now: Instant) {
    clock = now
    beginDownloads()
    var n = resumable.count
    while n > 0, let c = resumable.popFirst() {
      n -= 1
      guard clients.isTaken(c), clients[c].isResumable else { continue }
      clients[c].isResumable = false
      guard clients[c].isStalled, mayResume(c) else { continue }
      clients[c].isStalled = false
      clients[c].isOrderly = false
      pump(c, now: now)
      if !clients[c].isQueued { clients[c].uploadHeldSince = .never }
      // Its value may have arrived as a whole meanwhile.
      releaseStream(of: c)
      if !clients[c].isStalled {
        if clients[c].isClosing {
          clients[c].input.release(to: &buffers)
          closeIfDone(c)
        } else {
          effects.append(.resume(client: c))
        }
      }
    }
  }
}
