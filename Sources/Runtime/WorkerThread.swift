import Bytes
import CRingroad
import Net
import Proxy
import Stats

extension Buffer {
  /// One recv(2) of at most `most` bytes to the back.
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

/// A worker and its loop: the place where buffers meet sockets.
///
///     wait for events ─▶ read what is ready ─▶ do what the worker ordered ─▶ send, once per connection
///
/// libevent's callbacks only note what is ready; this struct walks the notes. Everything here belongs to
/// one thread; other threads reach it by its mailbox.
struct WorkerThread: ~Copyable {
  enum Kind {
    static let client: UInt8 = 1
    static let connection: UInt8 = 2
    static let mail: UInt8 = 3
    static let tick: UInt8 = 4
  }

  /// A socket, by the slot of the client or the link that it belongs to.
  struct Connection: BitwiseCopyable {
    var descriptor: Int32 = -1
    var watch = Watch.none
    /// The peer took less than it was sent: nothing is sent until it can be written to again.
    var isBlocked = false
    /// The write event is armed.
    var isArmed = false
    /// It is not decided yet whether the connection can be made.
    var isConnecting = false
    /// Its server was greeted on it, and answered.
    var isReached = false
    /// Bytes below which the kernel does not wake the thread for it.
    var lowWater = 1

    /// Of a value that comes in pieces, no less is worth waking up for than what is missing of it.
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
  var addresses: [UInt32: Address]
  /// Servers configured by a host name, and those whose address is in doubt since a connection was lost.
  var named: Set<UInt32>
  var doubts: [UInt32: Doubt] = [:]
  /// When the last doubt of each server ended.
  var confirmedAt: [UInt32: Instant] = [:]
  var ticks = 0
  var isEnding = false
  var hasEnded = false

  static let tickLength = Duration.milliseconds(10)
  /// With so many requests in flight a turn that brings little is followed by another look, or by a pause, so that more
  /// goes with one send. A thread with less in flight never waits.
  static let minInFlight = 12
  /// What is little: requests forwarded, or events. And how often a turn looks for more of it before it sends.
  static let smallTurn = 32
  static let mostLooks = 4
  /// Nanoseconds of a pause, which costs as much CPU as a few sends.
  static let pauseLength: Int64 = 60_000
  /// With so many in flight, a client's answers wait so many nanoseconds for those that it still awaits: see
  /// `Worker.nextClientToFlush`.
  static let holdMinInFlight = 32
  static let replyHoldLimit: UInt64 = 100_000
  /// With so many clients to be answered they are, before anything is sent to servers: they ask again meanwhile. More of
  /// them are a batch as it is.
  static let earlyReplyClients = 8...64
  static let earlyReplyRounds = 2
  /// Turns at the end for clients that wait to have more of their requests answered.
  static let lastRounds = 1000
  /// Bytes that are still to come of a value from which on they are read to where they shall stand.
  static let worthReadingInPlace = 32_768
  /// More is not left with the kernel, which would need larger buffers for it.
  static let mostAwaited = 16_384

  init(
    number: Int, plan: WorkerPlan, addresses: [UInt32: Address], named: Set<UInt32> = [], processID: Int32,
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

  /// Works until it is told to stop.
  mutating func run() {
    var scratch = Scratch()
    // The pause is shorter than what the kernel would round it up to.
    ringroad_fine_timers()
    execute(now: Clock.now())
    while !hasEnded {
      let isServed =
        worker.hasResumable || worker.holdsAnswers
        ? loop.runOnce(nanoseconds: 0) : loop.runOnce(maxWait: nil)
      guard isServed else { break }
      turn(&scratch, now: Clock.now())
    }
    sharedStats.publish(worker.counters, of: number)
    outbox.post(.ended(worker: number))
  }

  /// One turn of the loop: handles the events that were noted, then sends.
  mutating func turn(_ scratch: inout Scratch, now: Instant) {
    let forwarded = worker.counters[.requestsForwarded]
    var events = walk(&scratch, now: now)
    // A send costs as much for one request as for thirty: look for more before sending a few.
    var looks = 0
    while looks < Self.mostLooks, worker.requestsInFlight >= Self.minInFlight,
      worker.counters[.requestsForwarded] &- forwarded < Self.smallTurn
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
    if !worker.events.isEmpty { passOn() }
    if mayPause(after: events, worker.counters[.requestsForwarded] &- forwarded) {
      Clock.pause(nanoseconds: Self.pauseLength)
    }
  }

  /// Answers a group of clients, and looks for what they ask next, so that it goes to servers with what is to be sent there
  /// anyway; the same for those who have been waiting for that. Returns how many events there were.
  private mutating func answerEarly(_ scratch: inout Scratch, now: Instant) -> Int {
    var events = 0
    for _ in 0..<Self.earlyReplyRounds where Self.earlyReplyClients.contains(worker.clientsToFlush) {
      flushClients(now: now)
      events &+= look(&scratch, now: now)
      execute(now: now)
    }
    return events
  }

  /// Whether a turn with so many events, which forwarded so many requests, brought little of what is in flight: servers
  /// answer in small pieces, and a turn for each costs more than it brings.
  private mutating func mayPause(after events: Int, _ forwarded: UInt64) -> Bool {
    let inFlight = worker.requestsInFlight
    guard inFlight >= Self.minInFlight else { return false }
    // Of a few clients with many requests each, one event brings many.
    return events < min(Self.smallTurn, inFlight / 8) || forwarded < min(Self.smallTurn, inFlight / 2)
  }

  // MARK: - Events

  /// Does what the notes say, and strikes them out; returns how many there were.
  private mutating func walk(_ scratch: inout Scratch, now: Instant) -> Int {
    let events = loop.readyCount
    for i in 0..<events { handle(loop.ready(i), &scratch, now: now) }
    loop.clearReady()
    return events
  }

  /// Walks what is ready by now, without waiting; returns how many notes there were.
  private mutating func look(_ scratch: inout Scratch, now: Instant) -> Int {
    guard loop.runOnce(nanoseconds: 0), loop.readyCount > 0 else { return 0 }
    return walk(&scratch, now: now)
  }

  private mutating func handle(_ ready: Ready, _ scratch: inout Scratch, now: Instant) {
    switch ready.token.kind {
    case Kind.client:
      if ready.events.canRead { readClient(ready.token.index, &scratch, now: now) }
      if ready.events.canWrite, clientSockets[Int(ready.token.index)].descriptor >= 0 {
        clientSockets[Int(ready.token.index)].isBlocked = false
        flushClient(ready.token.index, now: now)
      }
    case Kind.connection:
      if worker.connections[ready.token.index].state == .connecting {
        // What is still noted of a connection that is to be made anew is nobody's.
        if ready.events.canWrite, connectionSockets[Int(ready.token.index)].isConnecting {
          finishConnecting(ready.token.index, now: now)
        }
      } else {
        if ready.events.canRead { readConnection(ready.token.index, &scratch, now: now) }
        if ready.events.canWrite, connectionSockets[Int(ready.token.index)].descriptor >= 0 {
          connectionSockets[Int(ready.token.index)].isBlocked = false
          flushConnection(ready.token.index, now: now)
        }
      }
    case Kind.mail: readMail(&scratch, now: now)
    default: tick(now: now)
    }
  }

  mutating func readClient(_ c: UInt32, _ scratch: inout Scratch, now: Instant) {
    let descriptor = clientSockets[Int(c)].descriptor
    guard descriptor >= 0 else { return }
    let missing = worker.clients[c].missing
    if missing >= Self.worthReadingInPlace { return readInPlace(c, missing, now: now) }
    let result = scratch.receive(descriptor, atMost: worker.appetite(of: c))
    switch result {
    case .bytes: worker.clientReceived(c, scratch.bytes, now: now)
    case .wouldBlock: break
    case .closed: endInput(c)
    case .failed: return closeClient(c)
    }
    let left = worker.clients[c].missing
    if left | missing != 0 { expect(c, now: now) }
  }

  private mutating func readConnection(_ l: UInt32, _ scratch: inout Scratch, now: Instant) {
    let descriptor = connectionSockets[Int(l)].descriptor
    guard descriptor >= 0 else { return }
    let isNew = worker.connections[l].isNew
    let missing = worker.connections[l].missing
    let result =
      missing >= Self.worthReadingInPlace
      ? worker.connections[l].input.receive(descriptor, missing, &worker.buffers)
      : scratch.receive(descriptor)
    switch result {
    case .bytes(let n) where missing >= Self.worthReadingInPlace:
      worker.serverReceived(l, filled: n, now: now)
    case .bytes:
      worker.serverReceived(l, scratch.bytes, now: now)
      if isNew, worker.connections[l].isHandshakeDone {
        connectionSockets[Int(l)].isReached = true
        noteReached(l)
      }
    case .wouldBlock: break
    case .closed: worker.lost(l, .connectionLost, now: now)
    case .failed(let reason): worker.lost(l, ServerFailure(errno: reason), now: now)
    }
    let left = worker.connections[l].missing
    if left | missing != 0 { connectionSockets[Int(l)].await(left) }
  }

  private mutating func tick(now: Instant) {
    ticks &+= 1
    worker.tick(now: now)
    if ticks % 10 == 0 {
      worker.noteMemory()
      sharedStats.publish(worker.counters, of: number)
      sharedStats.publishServers(of: number) { worker.giveServerNumbers(to: &$0) }
    }
    if !doubts.isEmpty { settleDoubts(now: now) }
    if ticks % 100 == 0 {
      worker.sweep(now: now)
      worker.secret = Self.random()
    }
    if isEnding && worker.isDrained { hasEnded = true }
  }

  /// From the kernel.
  static func random() -> UInt64 { UInt64.random(in: .min ... .max) }

  // MARK: - Orders

  mutating func execute(now: Instant) {
    while let order = worker.nextEffect() {
      switch order {
      case .connect(let l): connect(l, now: now)
      case .handshake(let l): handshake(l, now: now)
      case .disconnect(let l): disconnect(l, now: now)
      case .close(let c): closeClient(c)
      case .pause(let c):
        if clientSockets[Int(c)].descriptor >= 0 { loop.wantRead(clientSockets[Int(c)].watch, false) }
      case .resume(let c):
        if clientSockets[Int(c)].descriptor >= 0, !isEnding {
          loop.wantRead(clientSockets[Int(c)].watch, true)
        }
      case .pauseConnection(let l):
        if connectionSockets[Int(l)].descriptor >= 0 { loop.wantRead(connectionSockets[Int(l)].watch, false) }
      case .resumeConnection(let l):
        if connectionSockets[Int(l)].descriptor >= 0 { loop.wantRead(connectionSockets[Int(l)].watch, true) }
      case .report(let exchange):
        sharedStats.publish(worker.counters, of: number)
        let text = sharedStats.rendered()
        // SAFETY: a byte has no padding that could be uninitialised.
        worker.report(exchange, unsafe text.span.bytes)
      }
    }
  }

  mutating func accept(_ descriptor: Int32, now: Instant) {
    guard !isEnding else {
      Socket.close(descriptor)
      sharedStats.clientLeft(number)
      return
    }
    let c = worker.open()
    while clientSockets.count <= Int(c) { clientSockets.append(Connection()) }
    let watch = loop.watch(descriptor, token: Token(kind: Kind.client, index: c))
    clientSockets[Int(c)] = Connection(descriptor: descriptor, watch: watch)
  }

  mutating func closeClient(_ c: UInt32) {
    let wire = clientSockets[Int(c)]
    guard wire.descriptor >= 0 else { return }
    loop.unwatch(wire.watch)
    if isEnding { Socket.discardInput(wire.descriptor) }
    Socket.close(wire.descriptor)
    clientSockets[Int(c)] = Connection()
    worker.closed(client: c)
    sharedStats.clientLeft(number)
    if isEnding && worker.isDrained { hasEnded = true }
  }

  // MARK: - Sending

  /// One send per connection that has something to say; servers first, so that they work meanwhile.
  mutating func flush(now: Instant) {
    while let l = worker.nextConnectionToFlush() { flushConnection(l, now: now) }
    flushClients(now: now)
  }

  private mutating func flushClients(now: Instant) {
    let replyHoldLimit = worker.requestsInFlight >= Self.holdMinInFlight ? Self.replyHoldLimit : 0
    worker.takeHeld()
    while let c = worker.nextClientToFlush(holding: replyHoldLimit, now: now) { flushClient(c, now: now) }
  }

  mutating func flushConnection(_ l: UInt32, now: Instant) {
    let wire = connectionSockets[Int(l)]
    guard wire.descriptor >= 0, !wire.isBlocked else { return }
    guard worker.connections[l].unsent > 0 else { return block(connection: l, false) }
    let sent = worker.connections[l].sent
    switch Socket.send(wire.descriptor, worker.connections[l].asked.readable.extracting(droppingFirst: sent))
    {
    case .sent(let n):
      worker.sent(connection: l, n, now: now)
      block(connection: l, worker.connections[l].unsent > 0)
    case .wouldBlock: block(connection: l, true)
    case .failed(let reason): worker.lost(l, ServerFailure(errno: reason), now: now)
    }
  }

  private mutating func flushClient(_ c: UInt32, now: Instant) {
    let wire = clientSockets[Int(c)]
    guard wire.descriptor >= 0, !wire.isBlocked else { return }
    guard !worker.clients[c].output.isEmpty else { return block(client: c, false) }
    switch Socket.send(wire.descriptor, worker.clients[c].output.readable) {
    case .sent(let n):
      worker.sent(client: c, n, now: now)
      block(client: c, !worker.clients[c].output.isEmpty)
    case .wouldBlock:
      worker.sent(client: c, 0, now: now)
      block(client: c, true)
    case .failed: closeClient(c)
    }
  }

  /// Arms the write event while the peer takes less than it was sent.
  private mutating func block(connection l: UInt32, _ isBlocked: Bool) {
    connectionSockets[Int(l)].isBlocked = isBlocked
    guard connectionSockets[Int(l)].isArmed != isBlocked else { return }
    connectionSockets[Int(l)].isArmed = isBlocked
    loop.wantWrite(connectionSockets[Int(l)].watch, isBlocked)
  }

  private mutating func block(client c: UInt32, _ isBlocked: Bool) {
    clientSockets[Int(c)].isBlocked = isBlocked
    guard clientSockets[Int(c)].isArmed != isBlocked else { return }
    clientSockets[Int(c)].isArmed = isBlocked
    loop.wantWrite(clientSockets[Int(c)].watch, isBlocked)
  }

  /// Tells the control thread what was seen.
  mutating func passOn() {
    for workerEvent in worker.events {
      var address: Address?
      switch workerEvent {
      case .failed(let server, .timedOut) where doubts[server] != nil: continue
      case .unanswered(let server, let since) where isDoubted(server, since): continue
      case .failed(let server, _), .unanswered(let server, _), .full(let server), .unsuited(let server, _):
        address = addresses[server]
      default: break
      }
      outbox.post(.seen(worker: number, workerEvent, at: address))
    }
    worker.events.removeAll(keepingCapacity: true)
  }

  /// Tells it that a server answers where it is now.
  func noteReached(_ l: UInt32) {
    let server = worker.servers[worker.connections[l].server].id
    if let address = addresses[server] { outbox.post(.reached(server: server, at: address)) }
  }
}
