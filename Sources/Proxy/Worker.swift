import Bytes
import Routing
import Stats
import Wire

/// Where a place on a ring leads: the server, and its connection if it has only one.
struct Destination: BitwiseCopyable {
  var server: UInt32
  var connection: UInt32
  var isAlone: Bool
}

/// One thread's whole world: its clients, its connections to the servers, and the requests between them.
///
/// It moves bytes between buffers and says what is to be done (`Effect`) and what was seen (`WorkerEvent`); it
/// knows no socket, reads no clock and logs nothing, so that a test can be its whole environment:
///
///     client bytes ─▶ clientReceived ─▶ link.asked ─▶ (edge sends)
///     server bytes ─▶ serverReceived ─▶ client.output ─▶ (edge sends)
///
/// The request path is in `Forwarding.swift`, `MultiGet.swift`, `Broadcast.swift`; the reply path in
/// `Replies.swift` and `ReplyQueue.swift`; what goes wrong in `Failures.swift` and
/// `Deadlines.swift`.
package struct Worker: ~Copyable {
  package var clients = Slab<Client>(capacity: 64)
  package var servers = Slab<Server>(capacity: 8)
  package var connections = Slab<ServerConnection>(capacity: 8)
  var exchanges = Slab<Exchange>(capacity: 256)
  var fanOuts = Slab<FanOut>(capacity: 16)
  var streams = Slab<Stream>(capacity: 4)
  /// Streams that have a connection, and those that wait for one.
  var streamsAtWork = 0
  var streamWaits = Fifo<StreamWait>()
  /// Clients whose uploads would overtake what they asked before.
  var uploadsHeld = Fifo<SlotID>()
  package var buffers = BufferPool()
  package var counters = Counters()
  package internal(set) var limits: Limits

  var table: RoutingTable
  /// For each pool, where its servers begin in `slots`.
  var poolStarts: FixedArray<UInt32>
  /// The servers of all pools, in the order of the plan.
  var destinations: FixedArray<Destination>

  var dirtyClients = Fifo<UInt32>()
  /// Those of them that were passed over in this turn.
  var heldClients = Fifo<UInt32>()
  var dirtyConnections = Fifo<UInt32>()
  var resumable = Fifo<UInt32>()
  var effects = Fifo<Effect>()
  package var events: [WorkerEvent] = []
  /// Cut words of the line at hand.
  var line = RequestLine()
  /// Links that the multi-get at hand has begun to write to.
  var openLegs = List<OpenLeg>()
  /// Bytes that may wait for a server without further ado.
  var easyQueue = 0
  /// Counts multi-gets, to tell a touch of this one from older ones.
  var round: UInt64 = 0
  /// The opaque of the last meta request; no two that wait for answers have the same.
  var opaque: UInt64 = 0
  /// As what the worker reads requests and refuses them.
  var dialect = Dialect()
  /// The moment of the event at hand.
  var clock = Instant.origin
  /// A random number of the edge's, told to nobody but the servers: what stands behind a `Fence`.
  package var secret: UInt64
  /// Connections that go when nothing waits on them.
  var retiring = Fifo<UInt32>()
  var isDraining = false
  var isGivingUp = false
  /// What servers must forget, and whether anybody's keys are with a stand-in.
  var journal = Journal()
  var isJournaling = false
  /// Deletions that clients have just been promised: see `keepPromises`.
  var promised: [Promise] = []
  /// This process, for `stats`.
  let processID: Int32

  package init(plan: WorkerPlan, processID: Int32, secret: UInt64, now: Instant) {
    table = RoutingTable(plan.routing)
    poolStarts = FixedArray([])
    destinations = FixedArray([])
    limits = plan.limits
    self.processID = processID
    self.secret = secret
    apply(plan, now: now)
  }

  // MARK: - Clients come and go

  /// Takes a slot for a new client.
  package mutating func open() -> UInt32 {
    let c = clients.take()
    clients[c].window = max(1, limits.firstRequests)
    counters.add(.clientConnections)
    counters.add(.clientConnectionsTotal)
    return c
  }

  /// The client's connection is closed; answers that are still to come for it will be dropped.
  package mutating func closed(client c: UInt32) {
    let active = clients[c].stream
    leaveStreams(of: c)
    releaseStream(of: c)
    var x = clients[c].first
    while x != Slab<Exchange>.none {
      let next = exchanges[x].next
      if exchanges[x].stream != Slab<Stream>.none, exchanges[x].stream != active {
        end(stream: exchanges[x].stream, isClean: false)
      }
      // Those that a server will still answer are nobody's.
      if exchanges[x].isFinished { exchanges.give(x) } else { exchanges[x].client = Slab<Client>.none }
      x = next
    }
    clients[c].input.release(to: &buffers)
    clients[c].output.release(to: &buffers)
    clients[c].parked.release(to: &buffers)
    clients.give(c)
    counters.subtract(.clientConnections)
  }

  /// The client will send no more: it is closed when everything it asked is answered and sent.
  package mutating func endOfInput(client c: UInt32) {
    clients[c].isClosing = true
    if !clients[c].isStalled { clients[c].input.release(to: &buffers) }
    clients[c].partialSince = .never
    // Half a value is no request.
    if clients[c].isUploading && clients[c].bodyLeft > clients[c].input.count { close(client: c) }
    closeIfDone(c)
  }

  /// Gives the order to close a client that has nothing more to come.
  mutating func closeIfDone(_ c: UInt32) {
    guard clients[c].isClosing, !clients[c].isClosed, !clients[c].isStalled, clients[c].inFlight == 0,
      clients[c].output.isEmpty
    else { return }
    clients[c].isClosed = true
    effects.append(.close(client: c))
  }

  // MARK: - What is to be sent

  @inline(__always) mutating func markDirty(client c: UInt32) {
    if clients[c].becomeDirty() { dirtyClients.append(c) }
  }

  @inline(__always) mutating func markDirty(connection l: UInt32) {
    if connections[l].becomeDirty() { dirtyConnections.append(l) }
  }

  /// A connection to a server with something to send; once per turn of the loop.
  package mutating func nextConnectionToFlush() -> UInt32? {
    while let l = dirtyConnections.popFirst() {
      connections[l].isDirty = false
      if connections[l].unsent > 0 { return l }
    }
    return nil
  }

  /// A client with something to send; once per turn of the loop.
  ///
  /// One that awaits more answers is passed over until so many nanoseconds have gone: a send costs as much for one
  /// answer as for sixteen. It is looked at again when `takeHeld` has been called.
  package mutating func nextClientToFlush(holding nanoseconds: UInt64 = 0, now: Instant = .origin) -> UInt32?
  {
    while let c = dirtyClients.popFirst() {
      if nanoseconds > 0, clients[c].mayBeHeld(for: nanoseconds, now: now) {
        heldClients.append(c)
        continue
      }
      clients[c].heldSince = .never
      clients[c].isDirty = false
      if !clients[c].output.isEmpty && !clients[c].isClosed { return c }
      // The last answer awaited may have been one of no bytes, with nothing to be sent after which to close.
      closeIfDone(c)
    }
    return nil
  }

  /// How many clients there may be something to be sent to.
  package var clientsToFlush: Int { mutating get { dirtyClients.count } }

  /// Whether answers are held back: the loop must not sleep over them.
  package var holdsAnswers: Bool { mutating get { !heldClients.isEmpty } }

  /// Clients whose answers were held back are looked at again.
  package mutating func takeHeld() {
    while let c = heldClients.popFirst() { dirtyClients.append(c) }
  }

  /// The edge sent `n` bytes of the client's output.
  package mutating func sent(client c: UInt32, _ n: Int, now: Instant) {
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
    if clients[c].stream != Slab<Stream>.none {
      clock = now
      clientTook(c, now: now)
    }
    if clients[c].isStalled { considerResuming(c) }
  }

  /// The edge sent `n` bytes of what this server is asked.
  package mutating func sent(connection l: UInt32, _ n: Int, now: Instant) {
    counters.add(n, to: .serverBytesOut)
    connections[l].sent &+= n
    if connections[l].front == .answered {
      finishFront(l)
    } else if connections[l].front == .upload {
      clock = now
      uploadSent(l, n)
    }
  }

  /// The oldest order that still stands: a slot may have changed hands since it was given.
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

  /// Whether another request of this client may be taken.
  @inline(__always) func hasRoom(_ c: UInt32) -> Bool {
    clients[c].room(requestAllowance, allowance: allowance) > 0
  }

  /// Whether the client that this connection streams to takes less than comes.
  private func isHeldUp(connection l: UInt32) -> Bool {
    connections[l].stream != Slab<Stream>.none && streams[connections[l].stream].isHeldUp
  }

  /// Whether a stalled client has what it waited for.
  private func mayResume(_ c: UInt32) -> Bool {
    if clients[c].isUploading || clients[c].isQueued { return false }
    if clients[c].isOrderly { return clients[c].inFlight == 0 }
    return hasRoom(c)
  }

  @inline(never) mutating func stall(_ c: UInt32) {
    guard !clients[c].isStalled else { return }
    clients[c].isStalled = true
    effects.append(.pause(client: c))
  }

  @inline(never) mutating func considerResuming(_ c: UInt32) {
    guard clients[c].isStalled, !clients[c].isResumable, mayResume(c) else { return }
    clients[c].isResumable = true
    resumable.append(c)
  }

  /// Requests that wait for an answer.
  package var requestsInFlight: Int { mutating get { Int(exchanges.count) } }

  /// Whether a client waits to go on that could: the loop must not sleep.
  package var hasResumable: Bool { mutating get { !resumable.isEmpty } }

  /// Serves what stalled clients have sent, as far as there is room again.
  package mutating func resumeStalled(now: Instant) {
    clock = now
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
      // Its value may have come as a whole meanwhile.
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
