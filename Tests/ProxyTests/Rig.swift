import Bytes
import Stats
import Testing
import Topology
import Wire

@testable import Proxy

/// A worker under test, with servers called `a`, `b`, `c`: the test sends lines as clients and servers, and reads
/// what the worker sends to them.
///
///     let rig = Rig()
///     let c = rig.open()
///     rig.say(c, "get \(rig.key(on: "a"))")
///     rig.asked("a")            // what the server has read
///     rig.reply("a", "END")
///     rig.got(c)                // what the client has read
///
/// Effects are carried out at once, as the edge does; connections succeed unless `isAccepting` is off.
final class Rig {
  var worker: Worker
  private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
  /// All effects, oldest first.
  private(set) var effects: [Effect] = []
  /// Clients that the worker has closed.
  private(set) var closed: [Ref<Client>] = []
  /// Clients that the worker has paused.
  private(set) var paused: Set<Ref<Client>> = []
  /// Server connections that the worker has paused.
  private(set) var pausedConnections: Set<Ref<ServerConnection>> = []
  /// Connections that are being opened: neither established nor refused yet.
  private(set) var connecting: [Ref<ServerConnection>] = []
  var isAccepting = true
  /// Handshake replies that differ from what the server's version implies.
  private var handshakes: [Ref<ServerConnection>: String] = [:]
  /// Connections that were sent `version` for validation and have not answered.
  private(set) var asleep: [Ref<ServerConnection>] = []
  var wakesUp = true
  /// The answer to `stats ringroad`.
  var report = "STAT own 1\r\nEND\r\n"
  var holdsReports = false
  private(set) var heldReports: [SlotID<Exchange>] = []
  /// What all workers share: the servers' counters, and the proxy's clients.
  var known = KnownCounters()
  var connected: [ConnectedClient] = []
  private(set) var heldMerges: [Ref<FanOut>] = []

  init(
    _ names: [String] = ["a", "b", "c"], isAccepting: Bool = true, limits: Limits = Limits(),
    _ change: (inout Fleet.Options) -> Void = { _ in }
  ) {
    self.isAccepting = isAccepting
    worker = Worker(plan: Fleet.plan(names, limits: limits, change), processID: 4711, secret: 77, now: now)
    settle()
  }

  init(plan: WorkerPlan) {
    worker = Worker(plan: plan, processID: 4711, secret: 77, now: now)
    settle()
  }

  // MARK: - Time

  func advance(_ duration: Duration, ticking: Bool = true) {
    now = now.advanced(by: duration)
    if ticking { tick() }
  }

  func tick() {
    worker.tick(now: now)
    settle()
  }

  func sweep() {
    worker.sweep(now: now)
    settle()
  }

  func closeLargestClient() {
    worker.closeLargestClient()
    settle()
  }

  // MARK: - Clients

  func open() -> Ref<Client> { worker.open() }

  /// The client sends these lines, in one piece.
  func say(_ c: Ref<Client>, _ text: String...) { send(c, lines(text)) }

  /// The client sends exactly these bytes.
  func send(_ c: Ref<Client>, _ text: String) {
    let bytes = Array(text.utf8)
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe worker.clientReceived(c, bytes.span.bytes, now: now)
    settle()
  }

  /// What has arrived for the client since the last call; the client reads at most `n` bytes.
  func got(_ c: Ref<Client>, atMost n: Int = .max) -> String {
    let text = worker.text(for: c, atMost: n)
    worker.sent(client: c, text.utf8.count, now: now)
    settle()
    return text
  }

  /// What waits to be read by the client, without reading it.
  func waiting(for c: Ref<Client>) -> String { worker.text(for: c) }

  func endInput(_ c: Ref<Client>) {
    worker.endOfInput(client: c)
    settle()
  }

  /// The client's connection is lost.
  func hangUp(_ c: Ref<Client>) {
    worker.closed(client: c)
    settle()
  }

  // MARK: - Servers

  func slot(_ name: String) -> Ref<Server> {
    for s in worker.dispatcher.upstream.servers.slots
    where worker.dispatcher.upstream.servers.isTaken(s)
      && worker.dispatcher.upstream.servers[s].id == Fleet.id(of: name)
    {
      return s
    }
    return .none
  }

  func connection(_ name: String) -> Ref<ServerConnection> {
    worker.dispatcher.upstream.servers[slot(name)].connections[0]
  }

  func connections(_ name: String) -> [Ref<ServerConnection>] {
    let s = slot(name)
    return (0..<worker.dispatcher.upstream.servers[s].connections.count).map {
      worker.dispatcher.upstream.servers[s].connections[$0]
    }
  }

  /// Connections that carry a large value now.
  var privateConnections: [Ref<ServerConnection>] {
    (0..<worker.dispatcher.upstream.connections.end).map { Ref($0) }.filter {
      worker.dispatcher.upstream.connections.isTaken($0)
        && worker.dispatcher.upstream.connections[$0].stream != .none
    }
  }

  func lose(connection l: Ref<ServerConnection>) {
    worker.lost(l, .connectionLost, now: now)
    settle()
  }

  func isOpen(connection l: Ref<ServerConnection>) -> Bool {
    worker.dispatcher.upstream.connections.isTaken(l)
  }
  func isKnown(slot s: Ref<Server>) -> Bool { worker.dispatcher.upstream.servers.isTaken(s) }
  var connectionCount: UInt32 { worker.dispatcher.upstream.connections.count }
  var isDrained: Bool { worker.isDrained }
  var isOverfull: Bool { worker.isOverfull }
  /// Bytes of requests that wait on a server's connection.
  func queued(_ name: String) -> Int {
    worker.dispatcher.upstream.connections[connection(name)].queue.bytes.count
  }

  /// What the server was sent since the last call; its connection accepts at most `n` bytes.
  func asked(_ name: String, atMost n: Int = .max) -> String { asked(connection(name), atMost: n) }

  func asked(_ l: Ref<ServerConnection>, atMost n: Int = .max) -> String {
    let unsent = worker.dispatcher.upstream.connections[l].unsent
    guard unsent > 0 else { return "" }
    let text = worker.text(toBeSentOn: l, atMost: min(n, unsent))
    worker.sent(connection: l, text.utf8.count, now: now)
    settle()
    return text
  }

  /// The server sends these lines, after it has read everything that was sent to it.
  func reply(_ name: String, _ text: String...) {
    _ = asked(name)
    send(from: name, lines(text))
  }

  /// The server sends these bytes, whatever it has read.
  func send(from name: String, _ text: String) { send(from: connection(name), text) }

  func send(from l: Ref<ServerConnection>, _ text: String) {
    let bytes = Array(text.utf8)
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe worker.serverReceived(l, bytes.span.bytes, now: now)
    settle()
  }

  /// Establishes the connection, with the handshake of a server that supports what its version implies.
  func accept(_ l: Ref<ServerConnection>, version: String = "1.6.18") {
    connecting.removeAll { $0 == l }
    worker.dispatcher.upstream.connected(l, now: now)
    send(from: l, "VERSION \(version)\r\n")
  }

  /// Establishes the connection; nothing is answered on it.
  func startHandshaking(_ l: Ref<ServerConnection>) {
    connecting.removeAll { $0 == l }
    worker.dispatcher.upstream.connected(l, now: now)
    settle()
  }

  /// Establishes the connection; the server sends its version and this handshake, with the received opaque in place
  /// of `<opaque>`.
  func begin(_ l: Ref<ServerConnection>, version: String, handshake: String) {
    handshakes[l] = handshake
    accept(l, version: version)
  }

  /// The server answers the handshake.
  private func answerHandshake(_ l: Ref<ServerConnection>) {
    let asked = String(decoding: worker.dispatcher.upstream.handshakeRequest(for: l), as: UTF8.self)
    let opaque = asked.split(separator: "O").last.map { $0.prefix { $0.isNumber } } ?? ""
    let s = worker.dispatcher.upstream.connections[l].server
    if let handshake = handshakes.removeValue(forKey: l) {
      if !handshake.isEmpty {
        send(from: l, handshake.split(separator: "<opaque>").joined(separator: String(opaque)))
      }
      return
    }
    let answer =
      switch worker.dispatcher.upstream.servers[s].speech.version ?? .v1_4 {
      case .v1_4: lines("ERROR", "ERROR")
      case .v1_5: lines("EN", "CLIENT_ERROR invalid or duplicate flag")
      case .v1_6_0: lines("MN", "CLIENT_ERROR invalid flag")
      case .v1_6_10: lines("MN", "EN")
      case .v1_6_18, .v1_6_20, .v1_6_27, .v1_6_40: lines("MN", "EN O\(opaque)")
      }
    send(from: l, answer)
  }

  /// The server answers the validation of the connection.
  func awaken(_ l: Ref<ServerConnection>) {
    asleep.removeAll { $0 == l }
    send(from: l, "VERSION 1.6.18\r\n")
  }

  func lose(_ name: String, _ failure: ServerFailure = .connectionLost) {
    connecting.removeAll { $0 == connection(name) }
    worker.lost(connection(name), failure, now: now)
    settle()
  }

  func apply(
    _ names: [String], limits: Limits = Limits(), _ change: (inout Fleet.Options) -> Void = { _ in }
  ) {
    worker.apply(Fleet.plan(names, limits: limits, change), now: now)
    settle()
  }

  /// The server has a new address.
  func relocate(_ name: String) {
    worker.relocate(Fleet.id(of: name), now: now)
    settle()
  }

  func set(_ status: ServerStatus, _ name: String) {
    worker.set(status, of: Fleet.id(of: name), now: now)
    settle()
  }

  /// The same for several servers at once.
  func set(_ statuses: [(name: String, status: ServerStatus)]) {
    var stale: Set<Int> = []
    for (name, status) in statuses {
      _ = worker.setStatus(status, of: Fleet.id(of: name), wasFlushed: nil, stale: &stale, now: now)
    }
    worker.updateRings(stale, now: now)
    settle()
  }

  // MARK: - The edge

  /// Carries out the effects, and serves the clients that may resume.
  func settle() {
    repeat {
      while let order = worker.nextEffect() { carryOut(order) }
      if worker.hasResumable { worker.resumeStalled(now: now) }
    } while worker.hasResumable || !worker.dispatcher.common.effects.isEmpty
    if let text = worker.brokenQueue { Issue.record("\(text)") }
  }

  private func carryOut(_ order: Effect) {
    if case .handshake(let l) = order, worker.dispatcher.upstream.connections[l].state == .learningMeta {
      return answerHandshake(l)
    }
    effects.append(order)
    switch order {
    case .connect(let l):
      connecting.append(l)
      if isAccepting { accept(l) }
    case .handshake(let l):
      asleep.append(l)
      if wakesUp { awaken(l) }
    case .disconnect(let l):
      asleep.removeAll { $0 == l }
      connecting.removeAll { $0 == l }
      pausedConnections.remove(l)
    case .close(let c):
      closed.append(c)
      paused.remove(c)
      worker.closed(client: c)
    case .pause(let c): paused.insert(c)
    case .resume(let c): paused.remove(c)
    case .pauseConnection(let l): pausedConnections.insert(l)
    case .resumeConnection(let l): pausedConnections.remove(l)
    case .report(let x, _):
      if holdsReports {
        heldReports.append(x)
      } else {
        giveReport(x)
      }
    case .mergeStats(let f):
      if holdsReports { heldMerges.append(f) } else { mergeStats(f) }
    }
  }

  /// Answers a `stats` request, as a worker does with what all workers share.
  func mergeStats(_ f: Ref<FanOut>) {
    worker.dispatcher.mergeStats(f, &known, clients: connected, now: now)
  }

  func giveReport(_ x: SlotID<Exchange>) {
    let bytes = Array(report.utf8)
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe worker.dispatcher.report(x, bytes.span.bytes)
  }

  // MARK: - Inspection

  func count(_ counter: Counter) -> Int { Int(worker.dispatcher.common.counters[counter]) }

  /// Bytes of memory in a client's buffers.
  func footprint(_ c: Ref<Client>) -> Int {
    worker.dispatcher.downstream.clients[c].input.footprint
      + worker.dispatcher.downstream.clients[c].output.footprint
      + parkedFootprint(c)
  }

  /// Bytes of buffers, in use or idle.
  var memory: Int { worker.dispatcher.common.buffers.inUse + worker.dispatcher.common.buffers.idleBytes }
  var slotsEverTaken: UInt32 {
    worker.dispatcher.downstream.exchanges.end + worker.dispatcher.fanOuts.end
      + worker.dispatcher.downstream.clients.end
  }

  func parkedFootprint(_ c: Ref<Client>) -> Int { worker.dispatcher.downstream.clients[c].parked.footprint }

  /// The `n`th of the keys `k0`, `k1`, … that are on this server now.
  func key(on name: String, _ n: Int = 0, prefix: String = "") -> String {
    var left = n
    var i = 0
    while i < 100_000 {
      let key = "\(prefix)k\(i)"
      if owner(of: key) == name {
        if left == 0 { return key }
        left -= 1
      }
      i += 1
    }
    return "none"
  }

  /// The server that a key is on now.
  func owner(of key: String) -> String {
    guard let place = worker.dispatcher.router.table.where(key) else { return "no server" }
    return Fleet.name(
      of: worker.dispatcher.upstream.servers[
        worker.dispatcher.upstream.destinations[
          Int(worker.dispatcher.router.poolStarts[place.pool]) + place.server
        ].server
      ].id)
  }

  func events() -> [WorkerEvent] {
    defer { worker.dispatcher.common.events = [] }
    return worker.dispatcher.common.events
  }

  /// What clients did, or were closed for, since the last call.
  func clientEvents() -> [ClientEvent] {
    defer { worker.dispatcher.common.clientEvents = [] }
    return worker.dispatcher.common.clientEvents
  }

  /// What was taken and not returned; nil if nothing.
  var leak: String? { worker.leak }
}

/// Lines as they are sent on the wire.
func lines(_ text: String...) -> String { lines(text) }

func lines(_ text: [String]) -> String { text.map { $0 + "\r\n" }.joined() }
