import Bytes
import Glibc
import Net
import Settings

/// Opens the connections of one run, sends requests on them, and has every reply checked. One thread, one event loop.
///
///     filling ──▶ running ──▶ draining ──▶ report
///     every key   what is     no new
///     is set      measured    requests
struct LoadGenerator: ~Copyable {
  enum Phase { case filling, running, draining, over }

  /// One connection of the run.
  final class Connection {
    let descriptor: Int32
    let index: UInt32
    let conversation: Conversation
    var watch = Watch.none
    var isOpen = true
    var hasUnsentBytes = false

    init(_ descriptor: Int32, index: Int) {
      self.descriptor = descriptor
      self.index = UInt32(index)
      conversation = Conversation(number: index + 1)
    }
  }

  private static let connectionKind: UInt8 = 1
  private static let signalKind: UInt8 = 2
  private static let tickKind: UInt8 = 3
  /// Requests in flight on a connection while keys are filled in, if the depth is less.
  private static let fillDepth = 16
  /// A connection with this number of unsent bytes gets no further request.
  private static let outputLimit = 1 << 20
  /// How long replies are awaited after the end, or without any progress while keys are filled in.
  private static let patience = Duration.seconds(3)
  private static let fillPatience = Duration.seconds(10)
  /// Values expire this many seconds after the planned end.
  private static let expiryAfterEnd = 600

  let options: BenchOptions
  private let target: Target
  private var loop: EventLoop
  private let signals: Signals
  private var connections: [Connection] = []
  private var load: LoadChoice
  private var schedule = Schedule()
  private var openCount = 0
  private(set) var run: RunState
  private(set) var times = RunTimes()
  private var progress = ProgressLine()

  /// Finds the target and opens all connections.
  static func connected(_ options: BenchOptions) throws(BenchFailure) -> LoadGenerator {
    var system = SystemRandomNumberGenerator()
    let keys = KeySpace(seed: system.next(), sizes: options.sizes)
    Descriptors.raise(to: UInt64(options.connections + 64))
    let target = try Target(options.target, probing: keys)
    var connections: [Connection] = []
    for i in 0..<options.connections {
      do throws(BenchFailure) {
        connections.append(Connection(try Target.connect(to: target.address, target.name), index: i))
      } catch {
        throw BenchFailure(
          reason: "connection \(i + 1) of \(options.connections): \(error.reason)", hint: error.hint)
      }
    }
    // Until here ctrl-C ends the program at once.
    let loop = try made { () throws(SystemError) in try EventLoop() }
    let signals = try made { () throws(SystemError) in try Signals([SIGINT, SIGTERM, SIGHUP]) }
    return LoadGenerator(options, target, keys, connections, loop, signals)
  }

  private static func made<Value: ~Copyable>(
    _ make: () throws(SystemError) -> Value
  ) throws(BenchFailure) -> Value {
    do throws(SystemError) { return try make() } catch { throw BenchFailure(reason: error.description) }
  }

  private init(
    _ options: BenchOptions, _ target: Target, _ keys: KeySpace, _ connections: [Connection],
    _ loop: consuming EventLoop, _ signals: consuming Signals
  ) {
    self.options = options
    self.target = target
    self.connections = connections
    self.loop = loop
    self.signals = signals
    openCount = connections.count
    load = LoadChoice(options, seed: .random(in: .min ... .max))
    run = RunState(keys: keys, count: options.keys)
    _ = self.loop.watch(self.signals.descriptor, token: Token(kind: Self.signalKind))
    self.loop.tick(every: .milliseconds(20), token: Token(kind: Self.tickKind))
    for connection in connections {
      let token = Token(kind: Self.connectionKind, index: connection.index)
      connection.watch = self.loop.watch(connection.descriptor, token: token)
    }
  }

  deinit { for connection in connections where connection.isOpen { Socket.close(connection.descriptor) } }

  // MARK: Running

  /// Runs to the end, or until ctrl-C.
  mutating func work() throws(BenchFailure) {
    var scratch = Scratch()
    times.phaseBegan = Clock.now()
    for connection in connections { ask(on: connection, now: times.phaseBegan) }
    while times.phase != .over {
      sendWhatIsDue()
      guard wait() else { throw BenchFailure(reason: "the event loop failed") }
      for i in 0..<loop.readyCount { handle(loop.ready(i), &scratch) }
      loop.clearReady()
      try advance(now: Clock.now())
    }
    progress.clear()
    if times.isInterrupted && !run.isMeasuring {
      throw BenchFailure(reason: "interrupted while the keys were filled in: nothing was measured")
    }
    let now = Clock.now()
    schedule.recordUnsent(dueBefore: times.runEnd, now: now, &run)
    for connection in connections { connection.conversation.abandon(now: now, &run) }
    // All connections were lost before: only what went wrong is reported.
    if !run.isMeasuring { run.tally.beginMeasurement() }
  }

  /// Waits for an event, or until the next request is due. There is a tick every 20 ms.
  private mutating func wait() -> Bool {
    guard times.phase == .running, schedule.isActive, schedule.hasRoom else { return loop.runOnce() }
    return loop.runOnce(
      nanoseconds: Int64(clamping: schedule.nextDue.nanoseconds(since: Clock.now())))
  }

  private mutating func handle(_ ready: Ready, _ scratch: inout Scratch) {
    switch ready.token.kind {
    case Self.signalKind:
      while signals.next() != nil {
        if times.phase == .running { times.runEnd = Clock.now() }
        times.phase = times.phase == .running ? .draining : .over
        times.isInterrupted = true
      }
    case Self.connectionKind:
      let connection = connections[Int(ready.token.index)]
      guard connection.isOpen else { return }
      if ready.events.canRead { read(connection, &scratch) }
      if connection.isOpen && ready.events.canWrite && connection.hasUnsentBytes { send(connection) }
    default: break
    }
  }

  /// Goes to the next phase when it is time, and shows the progress.
  private mutating func advance(now: Instant) throws(BenchFailure) {
    switch times.phase {
    case .filling:
      if load.isFilled && !isAwaitingReplies {
        begin(now: now)
      } else if now.since(max(times.phaseBegan, times.lastReply)) >= Self.fillPatience {
        progress.clear()
        throw BenchFailure(
          reason: "\(target.name) has not answered for 10 s while the keys were filled in")
      }
    case .running:
      if now >= times.runEnd {
        sendWhatIsDue()
        times.phase = .draining
      }
    case .draining:
      if !isAwaitingReplies || now.since(times.runEnd) >= Self.patience { times.phase = .over }
    case .over: break
    }
    if openCount == 0 {
      if times.phase == .running { times.runEnd = now }
      times.phase = .over
    }
    progress.show(run, times, now: now)
  }

  private var isAwaitingReplies: Bool { connections.contains { $0.conversation.inFlight > 0 } }

  private mutating func begin(now: Instant) {
    times.phase = .running
    times.phaseBegan = now
    times.runEnd = now.advanced(by: .seconds(options.seconds))
    times.workedBefore = Clock.worked()
    run.tally.beginMeasurement()
    run.isMeasuring = true
    if let rate = options.rate {
      schedule = Schedule(rate: rate, from: now, connections: connections.count, depth: options.depth)
    } else {
      for connection in connections where connection.isOpen { ask(on: connection, now: now) }
    }
  }

  // MARK: Requests

  /// Sends the requests that are due, each on a connection with room for it. One that finds no room waits, and its
  /// time counts from when it was due.
  private mutating func sendWhatIsDue() {
    guard times.phase == .running, schedule.isActive else { return }
    let now = Clock.now()
    while let (i, due) = schedule.take(now: now, end: times.runEnd) {
      let connection = connections[i]
      load.request(on: connection.conversation, due: due, now: now, expiry: expiry(now), &run)
      if !connection.hasUnsentBytes { send(connection) }
    }
  }

  /// Fills a connection with requests, in a closed loop and while keys are filled in.
  private mutating func ask(on connection: Connection, now: Instant) {
    let conversation = connection.conversation
    switch times.phase {
    case .filling:
      let depth = max(options.depth, Self.fillDepth)
      while conversation.inFlight < depth, conversation.output.count < Self.outputLimit,
        let key = load.nextToFill()
      {
        conversation.set(key, expiry: expiry(now), due: now, now: now, &run)
      }
    case .running:
      if schedule.isActive { return }
      while conversation.inFlight < options.depth, conversation.output.count < Self.outputLimit {
        load.request(on: conversation, due: now, now: now, expiry: expiry(now), &run)
      }
    case .draining, .over: return
    }
    if !connection.hasUnsentBytes { send(connection) }
  }

  /// Seconds until what is set now expires.
  private func expiry(_ now: Instant) -> Int {
    let left = run.isMeasuring ? Int(times.runEnd.since(now).components.seconds) : options.seconds
    return left + Self.expiryAfterEnd
  }

  // MARK: Bytes

  private mutating func read(_ connection: Connection, _ scratch: inout Scratch) {
    switch scratch.receive(connection.descriptor) {
    case .bytes:
      let now = Clock.now()
      let before = connection.conversation.inFlight
      let isRight = connection.conversation.received(scratch.bytes, now: now, &run)
      let answered = before - connection.conversation.inFlight
      if answered > 0 { times.lastReply = now }
      guard isRight else {
        return lose(connection, "out of step: what followed a wrong reply was not readable")
      }
      if schedule.isActive { schedule.giveBack(connection.index, count: answered) }
      ask(on: connection, now: now)
    case .wouldBlock: break
    case .closed: lose(connection, "\(target.name) closed it")
    case .failed(let reason): lose(connection, SystemError.reason(reason))
    }
  }

  private mutating func send(_ connection: Connection) {
    let conversation = connection.conversation
    while !conversation.output.isEmpty {
      switch Socket.send(connection.descriptor, conversation.output.readable) {
      case .sent(let n):
        conversation.output.consume(n)
        run.tally.bytesOut += n
      case .wouldBlock:
        if !connection.hasUnsentBytes { loop.wantWrite(connection.watch, true) }
        connection.hasUnsentBytes = true
        return
      case .failed(let reason): return lose(connection, SystemError.reason(reason))
      }
    }
    if connection.hasUnsentBytes {
      connection.hasUnsentBytes = false
      loop.wantWrite(connection.watch, false)
      // What waited for room may be sent now.
      ask(on: connection, now: Clock.now())
    }
  }

  private mutating func lose(_ connection: Connection, _ reason: String) {
    connection.isOpen = false
    openCount -= 1
    schedule.close(connection.index)
    loop.unwatch(connection.watch)
    Socket.close(connection.descriptor)
    run.tally.noteLost(reason)
    connection.conversation.abandon(now: Clock.now(), &run)
  }
}
