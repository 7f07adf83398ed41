import Bytes
import Routing
import Stats
import Topology

@testable import Proxy

/// A whole cluster in memory: one worker, model clients and model servers, connected by queues of bytes and a clock
/// that jumps from event to event.
///
/// One seed decides everything: the weather, the requests, where bytes are cut, how long they travel, what fails. Two
/// runs with one seed are the same. The first violation ends the run and is kept in `violation`.
///
///     ModelClient ⇄ socket ⇄ Worker ⇄ ConnectionSocket ⇄ ModelServer
///
/// The edge (`WorldEdge.swift`) works as the runtime does: events of a turn, then effects, then sends.
final class World {
  enum Event {
    case act(ModelClient)
    case bytesToProxy(ModelClient, [UInt8])
    case endToProxy(ModelClient)
    case proxyReads(ModelClient)
    case clientReads(ModelClient)
    case clientWritable(ModelClient)
    case connected(ConnectionSocket)
    case refused(ConnectionSocket)
    case bytesToServer(ConnectionSocket, [UInt8])
    case serverReads(ConnectionSocket)
    case bytesFromServer(ConnectionSocket, [UInt8])
    case reset(ConnectionSocket)
    case connectionWritable(ConnectionSocket)
    case tick
    case chaos
    case nothing
  }

  let seed: UInt64
  var dice: Dice
  /// For draws that were added later: worlds without them stay as they were.
  var oddDice: Dice
  let weather: Weather
  var worker: Worker
  var saboteur: Saboteur
  var known = KnownCounters()
  var now: UInt64 = 1_000_000_000
  var agenda = Agenda()
  var servers: [String: ModelServer] = [:]
  var members: [String]
  var statuses: [String: ServerStatus] = [:]
  var options = Fleet.Options()
  var limits = Limits()
  var clients: [ModelClient] = []
  var bySlot: [Ref<Client>: ModelClient] = [:]
  var byConnection: [Ref<ServerConnection>: ConnectionSocket] = [:]
  var keys: [Key] = []
  /// The key that each value was written for.
  var writtenTo: [Int: Int] = [:]
  var marks = 0
  /// Servers that lost all data, in the order in which they did.
  var restarts: [String] = []
  /// Whether faults still occur.
  var isRough = true
  var isDraining = false
  var deliveredAtDrain: [Int: Int] = [:]
  var pauses = 0
  var connectionPauses = 0
  var cutThroughs = 0
  /// Idle connections that were validated.
  var wakes = 0
  /// What `mn` may be answered with: what servers answer whose age the proxy knows.
  var noops: Set<String> = ["MN"]
  /// Whether a server has by accident closed enough connections over the handshake to count as one without meta
  /// commands.
  var hasShunned = false
  /// How meta requests may be refused because of servers that do not support them; and the number refused.
  let refusals: Set<String>
  var refused = 0
  /// The middle of every key: empty, or control bytes.
  let control: String
  /// Connections per thousand that servers refuse as full; and the number refused.
  let fullness: Int
  var turnedAway = 0
  /// Clients that were closed within a large value.
  var excused = 0
  private(set) var violation: String?
  private(set) var trace: [String] = []
  let isTraced: Bool
  let canary: Canary?
  /// Whether the proxy keeps the canary's defence.
  let isDefended: Bool
  /// How many times the canary's defence was needed.
  var strikes = 0

  static let names = ["a", "b", "c", "d"]
  static let versions = ["1.6.12", "1.6.40", "1.6.21", "1.6.33"]

  init(
    seed: UInt64, sabotage: Sabotage? = nil, weather given: Weather? = nil, canary: Canary? = nil,
    isDefended: Bool = true, isTraced: Bool = false
  ) {
    self.seed = seed
    self.canary = canary
    self.isDefended = isDefended
    self.isTraced = isTraced
    dice = Dice(seed: seed)
    oddDice = Dice(seed: ~seed)
    var drawn = Weather.of(seed, &dice)
    let isPlain = sabotage != nil || canary != nil || given != nil
    let kinds = isPlain ? Self.names.map { _ in ServerKind.modern } : Self.kinds(of: seed, &oddDice)
    refusals = kinds.reduce(into: []) { $0.formUnion($1.refusals) }
    // It fails whenever `stats` is sent to it.
    if kinds.contains(.twemproxy), drawn.strictness == .exact { drawn.strictness = .accountable }
    control = isPlain ? "" : Self.control(of: drawn, &oddDice)
    fullness =
      isPlain || drawn.strictness == .exact || drawn.lies > 0 ? 0 : oddDice.pick([0, 100, 400])
    weather = given ?? drawn
    saboteur = Saboteur(sabotage, patience: dice.below(12))
    members = Array(Self.names.prefix(dice.within(1...3)))
    for (i, (name, version)) in zip(Self.names, Self.versions).enumerated() {
      servers[name] = ModelServer(name: name, version: version, kind: kinds[i])
      statuses[name] = .up
    }
    options.requestTimeout = .milliseconds(weather.strictness == .exact ? 400 : 40)
    options.connectTimeout = .milliseconds(20)
    options.missesOnFailure = weather.missesOnFailure
    options.writesMissOnFailure = weather.writesMissOnFailure
    options.connections = canary == .onceOnly ? 2 : dice.pick([1, 1, 2])
    limits.reconnectDelay = .milliseconds(5)
    limits.reconnecting = .milliseconds(20)
    limits.staleAfter = .milliseconds(dice.pick([2, 1000]))
    // With idle checks no request uses a stale connection: the other worlds have those.
    limits.idleAfter = canary == nil && seed % 2 == 0 ? .milliseconds(1) : .seconds(1)
    limits.pingAfter = .milliseconds(20)
    limits.fullDelay = .milliseconds(20)
    limits.maxValue = 2000
    limits.clientOutput = dice.pick([256 << 10, 500])
    limits.clientRequests = UInt32(dice.pick([1024, 16, 3]))
    limits.firstRequests = UInt32(dice.pick([1024, 4]))
    // Values that are streamed, in half of the worlds.
    limits.held = dice.pick([1 << 20, 1 << 20, 100, 30])
    limits.heldLeast = 30
    limits.ahead = dice.pick([256 << 10, 60, 20])
    limits.large = dice.pick([64 << 10, 20])
    limits.small = 10
    limits.worthCutting = dice.pick([256 << 10, 100, 10])
    limits.worthCuttingSingle = 8 * limits.worthCutting
    limits.streams = dice.pick([32, 2, 1])
    limits.spares = dice.pick([2, 0])
    if weather.strictness != .exact {
      limits.serverDepth = dice.pick([65_536, 12])
      limits.lateReplies = dice.pick([1024, 3])
    }
    worker = Worker(
      plan: Fleet.plan(members, limits: limits, { _ in }), processID: 1, secret: 1,
      now: Instant(nanoseconds: now))
    let plan = currentPlan()
    worker.apply(plan, now: moment)
    makeSharedKeys()
    for number in 0..<weather.clients { join(number, requests: dice.within(10...45)) }
    for server in servers.values {
      server.losesWrites = sabotage == .loseWrite
      server.countsTwice = sabotage == .countTwice
    }
  }

  var moment: Instant { Instant(nanoseconds: now) }

  func currentPlan() -> WorkerPlan {
    var plan = Fleet.plan(members, limits: limits) { options in
      options.policy = self.options.policy
      for i in options.servers.indices {
        options.servers[i].status = self.statuses[self.members[i]] ?? .up
      }
    }
    plan.limits.firstRequests = limits.firstRequests
    // Values that are cut through although they could be buffered, in a third of the worlds.
    plan.limits.cutThrough = seed % 3 == 0 ? 20 : 64 << 10
    return plan
  }

  // MARK: - The run

  /// Runs to the end, or to the first violation.
  func run() {
    agenda.add(.tick, at: now)
    agenda.add(.chaos, at: now + 2_000_000)
    endTurn()
    let drainsEarly = dice.happens(200)
    let drainAt = now + UInt64(dice.within(1...40)) * 1_000_000
    runOn("clients") { drainsEarly ? self.now >= drainAt : self.clients.allSatisfy(\.hasLeft) }
    if !drainsEarly {
      heal()
      runOn("the healed cluster") { self.clients.allSatisfy(\.hasLeft) }
    }
    drain()
    runOn("the drain") { self.worker.isDrained && self.clients.allSatisfy(\.hasLeft) }
    // Fan-outs are released when their last late reply has arrived or its connection is closed.
    let end = now + 200_000_000
    runOn("the last late replies") { self.now >= end }
    inspectRemains()
  }

  private func runOn(_ what: String, until isDone: () -> Bool) {
    let limit = now + 20_000_000_000
    while violation == nil, !isDone() {
      step()
      if now > limit { fail("\(what): does not end; \(waitingList())") }
    }
  }

  private func waitingList() -> String {
    let work = "\(worker.transfers.streamsAtWork) of \(worker.dispatcher.streams.count) streams at work"
    let waits = clients.filter { !$0.hasLeft }.map { client in
      "client \(client.number) waits for \(client.front?.deed.verb.rawValue ?? "its end")"
    }
    return ([work] + waits).joined(separator: ", ")
  }

  /// One turn of the loop: all events within a moment.
  private func step() {
    guard let time = agenda.nextTime else { return fail("no event is left") }
    now = max(now, time)
    let end = now + UInt64(dice.pick([0, 0, 20_000, 200_000]))
    var isTouched = false
    while violation == nil, let event = agenda.next(until: end) {
      now = max(now, event.time)
      isTouched = handle(event.event) || isTouched
    }
    if isTouched || worker.hasResumable { endTurn() }
    if let text = worker.brokenQueue { fail(text) }
  }

  /// Returns whether the event concerned the proxy.
  private func handle(_ event: Event) -> Bool {
    switch event {
    case .act(let client): act(client)
    case .clientReads(let client): read(client)
    case .bytesToServer(let socket, let bytes): receive(socket, bytes)
    case .serverReads(let socket): serve(socket)
    case .chaos: chaos()
    default: return handleAtEdge(event)
    }
    return false
  }

  func later(_ range: ClosedRange<Int>) -> UInt64 { now + UInt64(dice.within(range)) * 1000 }

  // MARK: - The end

  /// Ends all faults and brings all servers up: everything must work afterwards.
  private func heal() {
    isRough = false
    for name in Self.names {
      servers[name]?.isDown = false
      servers[name]?.stalledUntil = 0
      statuses[name] = .up
      worker.set(.up, of: Fleet.id(of: name), now: moment)
    }
    endTurn()
    // Long enough for every deadline, and for connections with misplaced replies to show it.
    let end = now + 200_000_000
    runOn("healing") { self.now >= end }
    guard violation == nil else { return }
    let number = clients.count
    let own = (0..<6).map { i in
      Key(index: keys.count + i, bytes: Array("healed:\(i)".utf8), owner: number, isNumber: false)
    }
    keys += own
    let client = join(number, requests: 0, strictness: .exact)
    for key in own {
      client.script.append(write(.set, key))
      var read = Deed(verb: .get)
      read.keys = [key] + own.prefix(dice.below(3))
      client.script.append(read)
    }
    client.left = client.script.count
    client.most = 4
  }

  private func drain() {
    guard violation == nil else { return }
    isDraining = true
    if saboteur.strikes(.leakSlot, atOnce: true) { _ = worker.dispatcher.downstream.exchanges.take() }
    if saboteur.strikes(.leakBuffer, atOnce: true) { worker.leakBuffer() }
    for client in clients where client.slot != nil {
      readAll(client)
      deliveredAtDrain[client.number] = client.delivered
    }
    worker.drain()
    endTurn()
  }

  private func inspectRemains() {
    guard violation == nil else { return }
    for client in clients where client.inbox.count > 0 || !client.unread.isEmpty {
      fail("client \(client.number) was sent \(client.inbox.count) unsolicited bytes")
    }
    for server in servers.values { if let complaint = server.complaint { fail(complaint) } }
    if worker.transfers.streamsAtWork != 0 {
      fail("\(worker.transfers.streamsAtWork) streams have not ended")
    }
    if let leak = worker.leak { fail("leaked: \(leak)") }
    // A connection that was just replaced is closed at the next tick; a replacement may be open at any time.
    worker.tick(now: moment)
    endTurn()
    let expected = UInt32(members.count * options.connections + worker.spareConnections + worker.replacements)
    if worker.dispatcher.upstream.connections.count != expected {
      fail("\(worker.dispatcher.upstream.connections.count) connections, not \(expected)")
    }
    if worker.dispatcher.upstream.servers.count != UInt32(members.count) {
      fail("\(worker.dispatcher.upstream.servers.count) servers")
    }
    if worker.dispatcher.common.counters[.clientConnections] != 0 { fail("a client is still counted") }
    inspectDialect()
  }

  func fail(_ text: String) {
    guard violation == nil else { return }
    note("VIOLATION \(text)")
    violation = "seed \(seed) (\(weather.name), at \((now - 1_000_000_000) / 1000) us): \(text)"
  }

  func note(_ text: @autoclosure () -> String) {
    if isTraced { trace.append("\((now - 1_000_000_000) / 1000) us  \(text())") }
  }
}
