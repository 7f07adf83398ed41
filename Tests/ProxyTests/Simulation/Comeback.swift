import Bytes
import Control
import Settings
import Stats
import Topology

@testable import Proxy

/// A world in which servers hang, resume, are cut off with all they hold, and flap; with two workers and the control
/// plane, connected by delayed mail. It looks for values that were overwritten or deleted before they were requested.
///
/// One seed decides everything.
final class Comeback {
  /// A step that the harness omits, as a faulty proxy would: proof that the test detects it.
  enum Omission: String, CaseIterable, Sendable {
    /// Recording keys that returning servers must delete.
    case journal
    /// Collecting the stand-ins' copies.
    case orphans
    /// Waiting until all workers know that a server's stand-ins are not to be used.
    case acknowledgement
    /// Deletions of writes reported as not done: other keys are deleted.
    case promises
    /// The control plane's deletions on servers: other keys are deleted.
    case deletions
  }

  final class Host {
    let model: ModelServer
    /// Stopped until then: connections are accepted, nothing is answered.
    var hangsUntil: UInt64 = 0
    /// Cut off until then: connections are refused.
    var isCutUntil: UInt64 = 0
    init(_ name: String) { model = ModelServer(name: name, version: "1.6.40") }
  }

  static let names = ["a", "b", "c"]
  /// The server of a pool without keys, which some reloads add.
  static let other = "d"
  static let timeout = Duration.milliseconds(20)
  /// `timeout` in nanoseconds.
  static let patience: UInt64 = 20_000_000

  let seed: UInt64
  let omission: Omission?
  /// Per thousand requests; none in most worlds, because a flushed server has nothing else to delete.
  let flushes: Int
  /// Whether failed writes are answered as misses: in half of the worlds.
  let writesMissOnFailure: Bool
  /// Writes answered as misses, for whatever reason, in such worlds; and deletions of writes reported as not done.
  var misses = 0
  var promises = 0
  var dice: Dice
  var now: UInt64 = 1_000_000_000
  var events: [UInt64: [() -> Void]] = [:]
  var hosts: [String: Host] = [:]
  var seats: [Seat] = []
  var askers: [Asker] = []
  var histories: [String: KeyHistory] = [:]
  var versions = 0
  var settings: ProxySettings
  var control: ControlPlane
  /// The connection of the current session with each server.
  var lines: [ServerID: Line] = [:]
  /// The status of each server as last told to the workers.
  var told: [ServerID: ServerStatus] = [:]
  private(set) var violation: String?
  private(set) var trace: [String] = []
  let isTraced: Bool
  var reads = 0
  private(set) var logged: [(message: String, fields: [ControlPlane.LogField])] = []
  var ejections = 0
  /// Servers that must be flushed before they get another request.
  var owed: Set<ServerID> = []
  /// Servers that were empty when they became `up` without the workers' confirmation, as one does that is added.
  var joinedEmpty: Set<ServerID> = []

  static func name(of id: ServerID) -> String { id.number < names.count ? names[Int(id.number)] : other }

  private static func server(_ name: String) -> ServerSettings {
    let endpoint = Endpoint.tcp(host: "10.0.0.1", port: UInt16(name.utf8.first ?? 0))
    return ServerSettings(address: "\(name):11211", endpoint: endpoint, name: name)
  }

  init(seed: UInt64, omission: Omission? = nil, isTraced: Bool = false) {
    self.seed = seed
    self.isTraced = isTraced
    self.omission = omission
    writesMissOnFailure = seed % 2 == 1 || omission == .promises
    dice = Dice(seed: seed)
    flushes = dice.pick([0, 0, 1])
    var policy = PoolPolicy()
    policy.failures = dice.pick([1, 2, 3])
    // A server that stays up is cleaned by promised deletions alone.
    if omission == .promises { policy.failures = 6 }
    policy.probeInterval = .milliseconds(40)
    policy.probeMax = .milliseconds(100)
    policy.floorPercent = dice.pick([0, 33, 33, 50])
    policy.requestTimeout = Self.timeout
    policy.connectTimeout = .milliseconds(10)
    policy.writesOnFailure = writesMissOnFailure ? .miss : .error
    var limits = Limits()
    limits.reconnectDelay = .milliseconds(3)
    limits.journalKeys = dice.pick([100_000, 100_000, 100_000, 3])
    // Values that are streamed, in most of the worlds.
    limits.held = dice.pick([1 << 20, 40, 40])
    limits.heldLeast = 40
    limits.cutThrough = seed % 3 == 0 ? 30 : 64 << 10
    limits.ahead = dice.pick([256 << 10, 60])
    limits.large = dice.pick([64 << 10, 20])
    limits.worthCutting = dice.pick([256 << 10, 100, 10])
    limits.worthCuttingSingle = 8 * limits.worthCutting
    limits.streams = dice.pick([32, 32, 2])
    limits.spares = dice.pick([2, 0])
    // Longer than a server takes to read its old connections.
    limits.rest = .milliseconds(60)
    var pool = PoolSettings(name: "main", servers: Self.names.map(Self.server))
    pool.policy = policy
    settings = ProxySettings(pools: [pool])
    if seed % 4 == 2, omission == nil {
      // The same servers in a second pool, with rules of its own.
      pool.name = "twin"
      pool.policy.failures = dice.pick([1, 2, 3])
      pool.policy.floorPercent = dice.pick([0, 33, 50])
      pool.policy.onFailure = dice.pick([.eject, .eject, .failFast])
      pool.policy.rejoin = dice.pick([.invalidate, .flush])
      pool.policy.requestTimeout = dice.pick([Self.timeout, Self.timeout, Self.timeout / 2])
      settings.pools.insert(pool, at: 0)
    }
    settings.routes = Self.routes(settings.pools)
    settings.limits.memory = 96 << 20
    control = ControlPlane(settings, workers: 2, seed: seed, limits: limits)
    for name in Self.names + [Self.other] { hosts[name] = Host(name) }
    let plan = Self.plan(of: control)
    for number in 0..<2 { seats.append(Seat(number, plan, now: now)) }
    for i in 0..<8 { askers.append(Asker(seats[i % 2])) }
  }

  /// `key:1`, `key:10` and `key:11` are the second pool's, if there is one; all others the last one's.
  private static func routes(_ pools: [PoolSettings]) -> [RouteSettings] {
    var routes = [RouteSettings(to: .pool(pools.count - 1))]
    if let twin = pools.firstIndex(where: { $0.name == "twin" }) {
      routes.append(RouteSettings(prefix: "key:1", to: .pool(twin)))
    }
    return routes
  }

  var moment: Instant { Instant(nanoseconds: now) }

  /// The workers' plan. A server that has hung serves its connections again one by one, within 10 ms.
  static func plan(of control: ControlPlane) -> WorkerPlan {
    var plan = control.runtimePlan.plan
    plan.limits.rest = .milliseconds(12)
    plan.limits.firstRequests = plan.limits.clientRequests
    return plan
  }

  // MARK: - Time

  func at(_ time: UInt64, _ event: @escaping () -> Void) {
    // Never before its time: an event that waits for a moment would find that it must still wait.
    events[(max(time, now) + 99_999) / 100_000, default: []].append(event)
  }

  func after(_ range: ClosedRange<Int>, _ event: @escaping () -> Void) {
    at(now + UInt64(dice.within(range)) * 1000, event)
  }

  func run() {
    for seat in seats { endTurn(seat) }
    for asker in askers { after(1000...5000) { self.ask(asker) } }
    at(now + 5_000_000) { self.tick() }
    at(now + 20_000_000) { self.chaos() }
    if seed % 3 == 1, omission == nil { after(20_000...600_000) { self.reload() } }
    let end = now + 3_000_000_000
    while now < end, violation == nil {
      now += 100_000
      while let due = events.removeValue(forKey: now / 100_000) {
        for event in due { event() }
        for seat in seats {
          if let text = seat.worker.brokenQueue { fail(text) }
        }
      }
    }
    // Each event retains the world.
    events = [:]
  }

  private func tick() {
    at(now + 5_000_000) { self.tick() }
    for seat in seats {
      seat.worker.tick(now: moment)
      if now / 1_000_000 % 100 < 5 { seat.worker.sweep(now: moment) }
      endTurn(seat)
    }
    control.tick(now: moment)
    perform()
  }

  /// Something happens to a server: usually it hangs for long, sometimes only for a moment, also while another one
  /// does.
  private func chaos() {
    after(10_000...250_000) { self.chaos() }
    guard let host = hosts[dice.pick(Self.names)] else { return }
    let length = UInt64(dice.pick([15, 40, 100, 200, 400])) * 1_000_000
    if dice.happens(750) {
      host.hangsUntil = max(host.hangsUntil, now + length)
      note("\(host.model.name) hangs for \(length / 1_000_000) ms")
    } else {
      host.isCutUntil = now + length
      note("\(host.model.name) is cut off for \(length / 1_000_000) ms")
      for seat in seats {
        for pipe in seat.pipes.values.sorted(by: { $0.connection < $1.connection })
        where pipe.server == host.model.name && pipe.isOpen {
          after(10...500) {
            guard pipe.isOpen else { return }
            seat.worker.lost(pipe.connection, .connectionLost, now: self.moment)
            self.endTurn(seat)
          }
        }
      }
    }
  }

  /// Another configuration, with the same ring: with another one, keys would move to servers that may hold old values.
  /// Each server keeps its one connection: over a second one, a client may see a write before its deletion.
  private func reload() {
    after(50_000...600_000) { self.reload() }
    var main = settings.pools[settings.pools.count - 1]
    main.policy.failures = dice.pick([1, 2, 3])
    main.policy.floorPercent = dice.pick([0, 33, 50])
    settings.pools = settings.pools.filter { $0.name == "twin" } + [main]
    if dice.happens(500) {
      settings.pools.insert(PoolSettings(name: "other", servers: [Self.server(Self.other)]), at: 0)
    }
    settings.routes = Self.routes(settings.pools)
    control.reload(.signal, now: moment)
    perform()
  }

  // MARK: - A worker's edge

  func endTurn(_ seat: Seat) {
    execute(seat)
    if seat.worker.hasResumable { seat.worker.resumeStalled(now: moment) }
    while let l = seat.worker.dispatcher.upstream.nextConnectionToFlush() {
      guard let pipe = seat.pipes[l] else { continue }
      var bytes = seat.worker.bytes(toBeSentOn: l, seat.worker.dispatcher.upstream.connections[l].unsent)
      promises += seat.worker.blotPromises(among: &bytes, on: l, isInEarnest: omission == .promises)
      seat.worker.sent(connection: l, bytes.count, now: moment)
      send(bytes, over: pipe, of: seat)
    }
    while seat.worker.nextClientToFlush() != nil {}
    noteOwed(seat)
    for asker in askers where asker.seat === seat { hear(asker) }
    execute(seat)
    if seat.worker.hasResumable { at(now + 1) { self.endTurn(seat) } }
    for workerEvent in seat.worker.dispatcher.common.events {
      report(seat) { self.consider(workerEvent, of: seat) }
    }
    seat.worker.dispatcher.common.events.removeAll()
    if seat.worker.dispatcher.common.counters[.integrityFailures] > 0 {
      fail("a protocol violation, but no server lied")
    }
    if omission == .journal { seat.worker.dispatcher.invalidation.journal = Journal() }
  }

  private func execute(_ seat: Seat) {
    while let order = seat.worker.nextEffect() {
      switch order {
      case .connect(let l): connect(l, of: seat)
      case .handshake(let l):
        guard let pipe = seat.pipes[l] else { continue }
        send(seat.worker.dispatcher.upstream.handshakeRequest(for: l), over: pipe, of: seat)
      case .disconnect(let l): seat.pipes.removeValue(forKey: l)?.isOpen = false
      case .close(let c): closed(c, of: seat)
      case .pause(let c): asker(c, of: seat)?.isPaused = true
      case .resume(let c):
        guard let asker = asker(c, of: seat) else { continue }
        asker.isPaused = false
        if !asker.unsaid.isEmpty { at(now) { self.say(asker) } }
      case .pauseConnection(let l): seat.pipes[l]?.isPaused = true
      case .resumeConnection(let l):
        guard let pipe = seat.pipes[l] else { continue }
        pipe.isPaused = false
        if !pipe.held.isEmpty { at(now) { self.arrive([], over: pipe, of: seat) } }
      case .report, .mergeStats: break
      }
    }
  }

  private func asker(_ slot: Ref<Client>, of seat: Seat) -> Asker? {
    askers.first { $0.seat === seat && $0.slot == slot }
  }

  private func connect(_ l: Ref<ServerConnection>, of seat: Seat) {
    let name = Self.name(
      of: seat.worker.dispatcher.upstream.servers[seat.worker.dispatcher.upstream.connections[l].server].id)
    let pipe = Pipe(connection: l, server: name)
    seat.pipes[l] = pipe
    let isRefused = (hosts[name]?.isCutUntil ?? 0) > now
    after(100...1000) {
      guard pipe.isOpen else { return }
      if isRefused {
        seat.worker.lost(l, .refused, now: self.moment)
      } else {
        pipe.isEstablished = true
        seat.worker.dispatcher.upstream.connected(l, now: self.moment)
        self.send(seat.worker.dispatcher.upstream.handshakeRequest(for: l), over: pipe, of: seat)
      }
      self.endTurn(seat)
    }
  }

  private func send(_ bytes: [UInt8], over pipe: Pipe, of seat: Seat) {
    pipe.arrivalAtServer = max(pipe.arrivalAtServer, now + UInt64(dice.within(50...600)) * 1000)
    at(pipe.arrivalAtServer) {
      pipe.inbox.append(bytes)
      self.serve(pipe, of: seat)
    }
  }

  /// A server that resumes after a stop reads what its connections hold, one connection after the other.
  private func serve(_ pipe: Pipe, of seat: Seat) {
    guard let host = hosts[pipe.server] else { return }
    if host.hangsUntil > now {
      pipe.servedAt = max(pipe.servedAt, host.hangsUntil + UInt64(dice.below(10_000)) * 1000)
    }
    if pipe.servedAt > now { return at(pipe.servedAt) { self.serve(pipe, of: seat) } }
    while let line = pipe.inbox.line() {
      let doing = deed(line, pipe.inbox)
      guard let reply = host.model.serve(&pipe.inbox, nextMark: { 0 }) else { return }
      if let doing { note(doing, reply, by: host) }
      pipe.arrivalAtProxy = max(pipe.arrivalAtProxy, now + UInt64(dice.within(50...600)) * 1000)
      at(pipe.arrivalAtProxy) {
        guard pipe.isOpen else { return }
        if let doing, Told.isDone(reply) { self.settle(doing) }
        self.arrive(reply, over: pipe, of: seat)
      }
    }
  }

  private func arrive(_ reply: [UInt8], over pipe: Pipe, of seat: Seat) {
    let bytes = pipe.held + reply
    pipe.held = pipe.isPaused ? bytes : []
    guard pipe.isOpen, !pipe.isPaused, !bytes.isEmpty else { return }
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe seat.worker.serverReceived(pipe.connection, bytes.span.bytes, now: moment)
    endTurn(seat)
  }

  // MARK: - Mail

  /// Delivers mail to a worker: in order, with a delay.
  func mail(_ seat: Seat, _ letter: @escaping () -> Void) {
    seat.mailAt = max(seat.mailAt + 1, now + UInt64(dice.pick([50, 200, 1000, 6000])) * 1000)
    at(seat.mailAt) {
      letter()
      self.endTurn(seat)
    }
  }

  func report(_ seat: Seat, _ letter: @escaping () -> Void) {
    seat.reportAt = max(seat.reportAt + 1, now + UInt64(dice.within(50...400)) * 1000)
    at(seat.reportAt, letter)
  }

  func fail(_ text: String) {
    violation = violation ?? "comeback of seed \(seed), at \((now - 1_000_000_000) / 1000) us: \(text)"
  }

  func remember(_ message: String, _ fields: [ControlPlane.LogField]) { logged.append((message, fields)) }

  func note(_ text: @autoclosure () -> String) {
    if isTraced { trace.append("\((now - 1_000_000_000) / 1000) us  \(text())") }
  }
}

extension Worker {
  /// Makes promised deletions name another key, among the bytes to be sent on a connection. Returns the number of
  /// such deletions.
  fileprivate func blotPromises(among bytes: inout [UInt8], on l: Ref<ServerConnection>, isInEarnest: Bool)
    -> Int
  {
    var count = 0
    var start = 0
    for i in 0..<dispatcher.upstream.connections[l].queue.legs.count {
      let leg = dispatcher.upstream.connections[l].queue.legs[i]
      defer { start += Int(leg.length) }
      guard leg.isPromised, leg.verb == .delete, start >= dispatcher.upstream.connections[l].queue.sent else {
        continue
      }
      count += 1
      if isInEarnest {
        bytes[start - dispatcher.upstream.connections[l].queue.sent + Int(leg.keyStart)] = 120
      }
    }
    return count
  }
}
