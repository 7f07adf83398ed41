import Bytes
import CRingroad
import Control
import Net
import Proxy
import Settings
import Stats
import Topology

extension Buffer {
  /// Appends the result of one recv(2) of at most `most` bytes.
  mutating func receive(_ descriptor: Int32, _ most: Int, _ buffers: inout BufferPool) -> ReceiveResult {
    var result = ReceiveResult.wouldBlock
    _ = unsafe fill(upTo: most, &buffers) { room in
      // SAFETY: the room is the buffer's own for the length of the call.
      result = unsafe Socket.receive(descriptor, into: room)
      if case .bytes(let n) = result { return n }
      return 0
    }
    return result
  }
}

/// A worker thread: an event loop that does the socket input and output of one `Worker`.
///
///     wait for events ─▶ read what is ready ─▶ carry out the worker's effects ─▶ send, once per connection
///
/// libevent's callbacks only record ready events; this struct handles them. Everything here belongs to one thread;
/// other threads reach it through its mailbox.
struct WorkerThread: ~Copyable {
  enum Kind {
    static let client: UInt8 = 1
    static let connection: UInt8 = 2
    static let mail: UInt8 = 3
    static let tick: UInt8 = 4
  }

  /// The socket of a client or of a connection to a server, stored at the slot of that.
  struct Connection: BitwiseCopyable {
    var descriptor: Int32 = -1
    var watch = Watch.none
    /// The socket's send buffer is full: nothing is sent until it is writable again.
    var isBlocked = false
    /// The write event is armed.
    var isArmed = false
    /// The attempt to connect is in progress.
    var isConnecting = false
    /// The server answered the handshake on this connection.
    var isReached = false
    /// The fewest received bytes for which the kernel wakes the thread (SO_RCVLOWAT).
    var lowWater = 1

    /// Has the kernel wake the thread only when the `missing` bytes of a value have arrived, or `most` if that is less.
    @inline(never) mutating func await(_ missing: Int, atMost most: Int = WorkerThread.mostAwaited) {
      let least = min(max(1, missing), most)
      guard least != lowWater else { return }
      lowWater = least
      Socket.awaitBytes(descriptor, atLeast: least)
    }
  }

  let number: Int
  let inbox: Mailbox<ControlMessage>
  let outbox: Mailbox<WorkerReport>
  let sharedStats: SharedStats
  var loop: EventLoop
  var worker: Worker
  var clientSockets: [Connection] = []
  var connectionSockets: [Connection] = []
  var addresses: [ServerID: Endpoint]
  /// Servers configured by a host name, and those with an address that is in doubt since a connection was lost.
  var named: Set<ServerID>
  var doubts: [ServerID: Doubt] = [:]
  /// When the last doubt of each server ended.
  var confirmedAt: [ServerID: Instant] = [:]
  /// `stats conns` requests that wait for the workers' clients.
  var clientRequests: [ClientRequest] = []
  var pace = Pace()
  var isEnding = false
  var hasEnded = false

  static let tickLength = Duration.milliseconds(10)
  /// The most rounds at the end for clients with more requests to answer.
  static let lastRounds = 1000
  /// Missing bytes of a value at and above which they are read straight into their buffer.
  static let worthReadingInPlace = 32_768
  /// The most bytes to leave in the kernel before it wakes the thread: more would need larger socket buffers.
  static let mostAwaited = 16_384

  init(
    number: Int, plan: WorkerPlan, addresses: [ServerID: Endpoint], named: Set<ServerID> = [],
    processID: Int32,
    inbox: Mailbox<ControlMessage>, outbox: Mailbox<WorkerReport>, sharedStats: SharedStats
  ) throws(SystemError) {
    self.number = number
    self.inbox = inbox
    self.outbox = outbox
    self.sharedStats = sharedStats
    self.addresses = addresses
    self.named = named
    loop = try EventLoop()
    worker = Worker(plan: plan, processID: processID, secret: Self.random(), now: Clock.now())
    _ = loop.watch(inbox.bell, token: Token(kind: Kind.mail))
    loop.tick(every: Self.tickLength, token: Token(kind: Kind.tick))
  }

  /// Runs the loop until the worker has ended.
  mutating func run() {
    var scratch = Scratch()
    // By default the kernel rounds a wait up by 50 us, which is nearly as long as the pause.
    ringroad_fine_timers()
    execute(now: Clock.now())
    while !hasEnded {
      let isServed =
        worker.hasResumable || worker.dispatcher.downstream.holdsAnswers
        ? loop.runOnce(nanoseconds: 0) : loop.runOnce(maxWait: nil)
      guard isServed else { break }
      turn(&scratch, now: Clock.now())
    }
    sharedStats.publish(worker.dispatcher.common.counters, of: number)
    sendClientEvents()
    sendSlowRequests()
    outbox.post(.ended(worker: number))
  }

  /// One turn of the loop: handles the recorded events, then sends.
  mutating func turn(_ scratch: inout Scratch, now: Instant) {
    let forwarded = worker.dispatcher.common.counters[.requestsForwarded]
    var events = walk(&scratch, now: now)
    var looks = 0
    while Batcher.looksAgain(
      after: looks, inFlight: worker.dispatcher.downstream.requestsInFlight,
      forwarded: worker.dispatcher.common.counters[.requestsForwarded] &- forwarded)
    {
      let seen = look(&scratch, now: now)
      guard seen > 0 else { break }
      events &+= seen
      looks &+= 1
    }
    execute(now: now)
    if worker.hasResumable { worker.resumeStalled(now: now) }
    events &+= answerEarly(&scratch, now: now)
    flush(now: now)
    if worker.isOverfull { worker.closeLargestClient() }
    execute(now: now)
    if !worker.dispatcher.common.events.isEmpty { sendEvents() }
    pace.endTurn(begun: now)
    if Batcher.pauses(
      inFlight: worker.dispatcher.downstream.requestsInFlight, events: events,
      forwarded: worker.dispatcher.common.counters[.requestsForwarded] &- forwarded)
    {
      Clock.pause(nanoseconds: Batcher.pauseLength)
    }
  }

  /// Sends the replies of a group of clients and polls for their next requests, so that these go to servers in the same
  /// send as the requests that already wait. Repeated for the next group, if there is one. Returns the number of
  /// events.
  private mutating func answerEarly(_ scratch: inout Scratch, now: Instant) -> Int {
    var (events, rounds) = (0, 0)
    while Batcher.answersEarly(after: rounds, clients: worker.dispatcher.downstream.clientsToFlush) {
      rounds &+= 1
      flushClients(now: now)
      events &+= look(&scratch, now: now)
      execute(now: now)
    }
    return events
  }

  // MARK: - Events

  /// Handles the recorded events and clears them; returns their number.
  private mutating func walk(_ scratch: inout Scratch, now: Instant) -> Int {
    let events = loop.readyCount
    for i in 0..<events { handle(loop.ready(i), &scratch, now: now) }
    loop.clearReady()
    return events
  }

  /// Polls without waiting and handles the events; returns their number.
  private mutating func look(_ scratch: inout Scratch, now: Instant) -> Int {
    guard loop.runOnce(nanoseconds: 0), loop.readyCount > 0 else { return 0 }
    return walk(&scratch, now: now)
  }

  private mutating func handle(_ ready: Ready, _ scratch: inout Scratch, now: Instant) {
    switch ready.token.kind {
    case Kind.client:
      let c = Ref<Client>(ready.token.index)
      if ready.events.canRead { readClient(c, &scratch, now: now) }
      if ready.events.canWrite, clientSockets[Int(c.index)].descriptor >= 0 {
        clientSockets[Int(c.index)].isBlocked = false
        flushClient(c, now: now)
      }
    case Kind.connection:
      let l = Ref<ServerConnection>(ready.token.index)
      if worker.dispatcher.upstream.connections[l].state == .connecting {
        // Ignore recorded events of a connection that has been closed and is to be opened again.
        if ready.events.canWrite, connectionSockets[Int(l.index)].isConnecting {
          finishConnecting(l, now: now)
        }
      } else {
        if ready.events.canRead { readConnection(l, &scratch, now: now) }
        if ready.events.canWrite, connectionSockets[Int(l.index)].descriptor >= 0 {
          connectionSockets[Int(l.index)].isBlocked = false
          flushConnection(l, now: now)
        }
      }
    case Kind.mail: readMail(&scratch, now: now)
    default: tick(now: now)
    }
  }

  mutating func readClient(_ c: Ref<Client>, _ scratch: inout Scratch, now: Instant) {
    let descriptor = clientSockets[Int(c.index)].descriptor
    guard descriptor >= 0 else { return }
    let missing = worker.dispatcher.downstream.clients[c].missing
    if missing >= Self.worthReadingInPlace { return readInPlace(c, missing, now: now) }
    let result = scratch.receive(descriptor, atMost: worker.readLimit(of: c))
    switch result {
    case .bytes: worker.clientReceived(c, scratch.bytes, now: now)
    case .wouldBlock: break
    case .closed: endInput(c)
    case .failed: return closeClient(c)
    }
    let left = worker.dispatcher.downstream.clients[c].missing
    if left | missing != 0 { expect(c, now: now) }
  }

  private mutating func readConnection(_ l: Ref<ServerConnection>, _ scratch: inout Scratch, now: Instant) {
    let descriptor = connectionSockets[Int(l.index)].descriptor
    guard descriptor >= 0 else { return }
    let isNew = worker.dispatcher.upstream.connections[l].handshake.isNew
    let missing = worker.dispatcher.upstream.connections[l].missing
    let result =
      missing >= Self.worthReadingInPlace
      ? worker.dispatcher.upstream.connections[l].input.receive(
        descriptor, missing, &worker.dispatcher.common.buffers)
      : scratch.receive(descriptor)
    switch result {
    case .bytes(let n) where missing >= Self.worthReadingInPlace:
      worker.serverReceived(l, filled: n, now: now)
    case .bytes:
      worker.serverReceived(l, scratch.bytes, now: now)
      if isNew, worker.dispatcher.upstream.connections[l].handshake.isDone {
        connectionSockets[Int(l.index)].isReached = true
        noteReached(l)
      }
    case .wouldBlock: break
    case .closed: worker.lost(l, .connectionLost, now: now)
    case .failed(let reason): worker.lost(l, ServerFailure(errno: reason), now: now)
    }
    let left = worker.dispatcher.upstream.connections[l].missing
    if left | missing != 0 { connectionSockets[Int(l.index)].await(left) }
  }

  private mutating func tick(now: Instant) {
    pace.tick(now: now)
    worker.dispatcher.common.wallSeconds = Int(Clock.time())
    worker.tick(now: now)
    if pace.isTimeToPublish(beat: sharedStats.recording.beats.load(ordering: .relaxed)) {
      worker.noteMemory()
      sharedStats.publish(worker.dispatcher.common.counters, of: number)
      publishNumbers(now: now)
      publishClients(now: now)
    }
    answerClientRequests(now: now)
    if !worker.dispatcher.common.clientEvents.isEmpty { sendClientEvents() }
    if !worker.dispatcher.common.reports.slow.isEmpty { sendSlowRequests() }
    followTails()
    if !doubts.isEmpty { settleDoubts(now: now) }
    if pace.ticks % 100 == 0 {
      worker.sweep(now: now)
      worker.dispatcher.upstream.secret = Self.random()
    }
    if isEnding && worker.isDrained { hasEnded = true }
  }

  /// Publishes what this worker has counted of servers, pools and listeners.
  private mutating func publishNumbers(now: Instant) {
    sharedStats.publishServers(of: number) { worker.dispatcher.upstream.giveServerNumbers(to: &$0) }
    sharedStats.publishPools(of: number) { worker.dispatcher.upstream.givePoolNumbers(to: &$0) }
    sharedStats.publishListeners(of: number) { worker.dispatcher.downstream.listeners.giveNumbers(to: &$0) }
    if sharedStats.hotKeys.areDue(of: number, now: now) {
      sharedStats.hotKeys.publish(worker.dispatcher.common.hotKeys.report(), of: number)
    }
    guard sharedStats.recording.isOn.load(ordering: .relaxed) else { return }
    sharedStats.recording.latencies.withLock { book in
      worker.dispatcher.upstream.moveLatencies(to: &book)
      worker.dispatcher.downstream.listeners.moveLatencies(to: &book)
      pace.move(to: &book.loops[number, default: LoopCounts()])
    }
  }

  /// A random number from the kernel.
  static func random() -> UInt64 { UInt64.random(in: .min ... .max) }

  // MARK: - Effects

  mutating func execute(now: Instant) {
    while let order = worker.nextEffect() {
      switch order {
      case .connect(let l): connect(l, now: now)
      case .handshake(let l): handshake(l, now: now)
      case .disconnect(let l): disconnect(l)
      case .close(let c): closeClient(c)
      case .pause(let c):
        worker.dispatcher.common.counters.add(.clientPauses)
        if clientSockets[Int(c.index)].descriptor >= 0 {
          loop.wantRead(clientSockets[Int(c.index)].watch, false)
        }
      case .resume(let c):
        if clientSockets[Int(c.index)].descriptor >= 0, !isEnding {
          loop.wantRead(clientSockets[Int(c.index)].watch, true)
        }
      case .pauseConnection(let l):
        worker.dispatcher.common.counters.add(.serverPauses)
        if connectionSockets[Int(l.index)].descriptor >= 0 {
          loop.wantRead(connectionSockets[Int(l.index)].watch, false)
        }
      case .resumeConnection(let l):
        if connectionSockets[Int(l.index)].descriptor >= 0 {
          loop.wantRead(connectionSockets[Int(l.index)].watch, true)
        }
      case .report(let exchange, .hotKeys):
        sharedStats.hotKeys.publish(worker.dispatcher.common.hotKeys.report(), of: number)
        let text = sharedStats.hotKeys.merged().answer(now: now)
        worker.dispatcher.report(exchange, text.span.raw)
      case .report(let exchange, .numbers):
        sharedStats.publish(worker.dispatcher.common.counters, of: number)
        let text = sharedStats.rendered()
        worker.dispatcher.report(exchange, text.span.raw)
      case .mergeStats(let f): mergeStats(f, now: now)
      }
    }
  }

  mutating func accept(_ descriptor: Int32, from listener: ListenerID, pool: PoolID?) {
    guard !isEnding else {
      Socket.close(descriptor)
      sharedStats.clientLeft(number)
      return
    }
    let c = worker.open(from: listener, pool: pool)
    while clientSockets.count <= Int(c.index) { clientSockets.append(Connection()) }
    let watch = loop.watch(descriptor, token: Token(kind: Kind.client, index: c.index))
    clientSockets[Int(c.index)] = Connection(descriptor: descriptor, watch: watch)
  }

  mutating func closeClient(_ c: Ref<Client>) {
    let wire = clientSockets[Int(c.index)]
    guard wire.descriptor >= 0 else { return }
    // Its address is known as long as it is connected.
    if !worker.dispatcher.common.clientEvents.isEmpty { sendClientEvents() }
    loop.unwatch(wire.watch)
    if isEnding { Socket.discardInput(wire.descriptor) }
    Socket.close(wire.descriptor)
    clientSockets[Int(c.index)] = Connection()
    worker.closed(client: c)
    sharedStats.clientLeft(number)
    if isEnding && worker.isDrained { hasEnded = true }
  }

  // MARK: - Sending

  /// One send per connection with unsent bytes; servers first, so that they work meanwhile.
  mutating func flush(now: Instant) {
    while let l = worker.dispatcher.upstream.nextConnectionToFlush() { flushConnection(l, now: now) }
    flushClients(now: now)
  }

  private mutating func flushClients(now: Instant) {
    let limit = Batcher.holdLimit(inFlight: worker.dispatcher.downstream.requestsInFlight)
    worker.dispatcher.downstream.takeHeld()
    while let c = worker.nextClientToFlush(holding: limit, now: now) { flushClient(c, now: now) }
  }

  mutating func flushConnection(_ l: Ref<ServerConnection>, now: Instant) {
    let wire = connectionSockets[Int(l.index)]
    guard wire.descriptor >= 0, !wire.isBlocked else { return }
    guard worker.dispatcher.upstream.connections[l].unsent > 0 else { return block(connection: l, false) }
    let sent = worker.dispatcher.upstream.connections[l].queue.sent
    switch Socket.send(
      wire.descriptor,
      worker.dispatcher.upstream.connections[l].queue.bytes.readable.extracting(droppingFirst: sent))
    {
    case .sent(let n):
      worker.sent(connection: l, n, now: now)
      block(connection: l, worker.dispatcher.upstream.connections[l].unsent > 0)
    case .wouldBlock: block(connection: l, true)
    case .failed(let reason): worker.lost(l, ServerFailure(errno: reason), now: now)
    }
  }

  private mutating func flushClient(_ c: Ref<Client>, now: Instant) {
    let wire = clientSockets[Int(c.index)]
    guard wire.descriptor >= 0, !wire.isBlocked else { return }
    guard !worker.dispatcher.downstream.clients[c].output.isEmpty else { return block(client: c, false) }
    switch Socket.send(wire.descriptor, worker.dispatcher.downstream.clients[c].output.readable) {
    case .sent(let n):
      worker.sent(client: c, n, now: now)
      block(client: c, !worker.dispatcher.downstream.clients[c].output.isEmpty)
    case .wouldBlock:
      worker.sent(client: c, 0, now: now)
      block(client: c, true)
    case .failed: closeClient(c)
    }
  }

  /// Arms the write event while the socket's send buffer is full.
  private mutating func block(connection l: Ref<ServerConnection>, _ isBlocked: Bool) {
    connectionSockets[Int(l.index)].isBlocked = isBlocked
    guard connectionSockets[Int(l.index)].isArmed != isBlocked else { return }
    connectionSockets[Int(l.index)].isArmed = isBlocked
    loop.wantWrite(connectionSockets[Int(l.index)].watch, isBlocked)
  }

  private mutating func block(client c: Ref<Client>, _ isBlocked: Bool) {
    clientSockets[Int(c.index)].isBlocked = isBlocked
    guard clientSockets[Int(c.index)].isArmed != isBlocked else { return }
    clientSockets[Int(c.index)].isArmed = isBlocked
    loop.wantWrite(clientSockets[Int(c.index)].watch, isBlocked)
  }

  /// Reports the worker's events to the control thread.
  mutating func sendEvents() {
    for workerEvent in worker.dispatcher.common.events {
      var address: Endpoint?
      switch workerEvent {
      case .failed(let server, .timedOut) where doubts[server] != nil: continue
      case .unanswered(let server, let since) where isDoubted(server, since): continue
      case .failed(let server, _), .unanswered(let server, _), .full(let server), .unsuited(let server, _):
        address = addresses[server]
      default: break
      }
      outbox.post(.seen(worker: number, workerEvent, at: address))
    }
    worker.dispatcher.common.events.removeAll(keepingCapacity: true)
  }

  /// Reports to the control thread that a server answers at its present address.
  func noteReached(_ l: Ref<ServerConnection>) {
    let server = worker.dispatcher.upstream.servers[worker.dispatcher.upstream.connections[l].server].id
    if let address = addresses[server] { outbox.post(.reached(server: server, at: address)) }
  }
}
