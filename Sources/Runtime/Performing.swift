import Bytes
import Control
import Net
import Proxy
import Settings
import Topology

// What the control plane decides, carried out: messages, log lines, lookups, reloads, and the sockets of its sessions
// with servers.

/// The socket of a probe session.
struct SessionSocket {
  let descriptor: Int32
  let watch: Watch
  var isConnecting = true
}

extension Supervisor {
  /// Carries out the control plane's effects, and those that follow from them.
  func perform(now: Instant) {
    while true {
      let effects = control.takeEffects()
      guard !effects.isEmpty else { break }
      for effect in effects { perform(effect, now: now) }
    }
    sharedStats.deleted.store(control.keysDeleted, ordering: .relaxed)
  }

  private func perform(_ effect: ControlPlane.Effect, now: Instant) {
    switch effect {
    // Posted at the end of the turn: if many servers fail in one turn, each worker is woken once.
    case .tell(let message): if !workers.isEmpty { news.append(message) }
    case .open(let server, let address): open(server, address, now: now)
    case .send(let server): send(on: server, now: now)
    case .close(let server):
      guard let socket = sessionSockets.removeValue(forKey: server) else { break }
      loop.unwatch(socket.watch)
      Socket.close(socket.descriptor)
    case .lookUp(let host): resolver.ask(host)
    case .readSettings(let cause):
      let result = Result { () throws(ConfigFailure) in
        try reserve.lend { () throws(ConfigFailure) in try launch.settings(isServing: true) }
      }
      control.read(result, cause, now: now)
    case .prepare(let settings):
      let result = Result { () throws(StartFailure) in try apply(settings) }
      control.prepared(result, now: now)
    case .report: report()
    case .reloaded(let result): reloadEnded(result)
    case .setLogLevel(let level): log.setLevel(level)
    case .log(let level, let message, let fields): log.log(level, message, fields)
    }
  }

  // MARK: - Workers

  /// Handles the workers' reports.
  func readReports(now: Instant) {
    for report in outbox.take() {
      if case .ended(let worker) = report { workerEnded(worker) }
      var heard = Instant.origin
      if case .seen(_, .unanswered(let server, _), _) = report { heard = sharedStats.heard(server) }
      control.received(report, heard: heard, now: now)
      perform(now: now)
    }
  }

  // MARK: - Names

  /// Looks all servers up for the first time. A server that is not found in time is unreachable until it is found.
  func findServers() {
    control.lookUpNames(now: Clock.now())
    perform(now: Clock.now())
    let deadline = Clock.now().advanced(by: ControlPlane.patience)
    while !control.names.isComplete && Clock.now() < deadline {
      Clock.pause(nanoseconds: 1_000_000)
      readAnswers(now: Clock.now())
    }
    if !control.names.isComplete {
      log.warning(
        "names not found in time: servers with these names are unreachable until a lookup ends",
        ["waited": "\(ControlPlane.patience)"])
    }
  }

  /// Handles the results of lookups that have ended.
  func readAnswers(now: Instant) {
    for answer in resolver.answers.take() {
      switch answer.result {
      case .success(let addresses):
        control.lookedUp(answer.host, .found(addresses.compactMap(\.ip)), now: now)
      case .failure(let error):
        control.lookedUp(answer.host, .failed(reason: error.description), now: now)
      }
      perform(now: now)
    }
  }

  // MARK: - Sessions

  private func open(_ server: ServerID, _ address: Endpoint, now: Instant) {
    guard let address = Address(address) else {
      return control.session(server, .failed(.unreachable), now: now)
    }
    switch Socket.connect(to: address) {
    case .connected(let descriptor), .inProgress(let descriptor):
      let watch = loop.watch(descriptor, token: Token(kind: Kind.session, index: server.number))
      loop.wantWrite(watch, true)
      sessionSockets[server] = SessionSocket(descriptor: descriptor, watch: watch)
    case .failed(let reason): control.session(server, .failed(ServerFailure(errno: reason)), now: now)
    }
  }

  func sessionReady(_ server: ServerID, _ events: ReadyEvents, now: Instant) {
    defer { perform(now: now) }
    guard let socket = sessionSockets[server] else { return }
    if socket.isConnecting {
      sessionSockets[server]?.isConnecting = false
      loop.wantWrite(socket.watch, false)
      let reason = Socket.connectError(socket.descriptor)
      return control.session(
        server, reason == 0 ? .connected : .failed(ServerFailure(errno: reason)), now: now)
    }
    if events.canWrite {
      send(on: server, now: now)
      perform(now: now)
    }
    // The session may have another connection by now.
    guard events.canRead, sessionSockets[server]?.isConnecting == false else { return }
    switch scratch.receive(socket.descriptor) {
    case .bytes(let count):
      var bytes: [UInt8] = []
      for i in 0..<count { bytes.append(scratch.bytes.byte(at: i)) }
      control.session(server, .received(bytes), now: now)
    case .wouldBlock: break
    case .closed, .failed: control.session(server, .closed, now: now)
    }
  }

  /// Sends as much of a session's output as its socket accepts.
  private func send(on server: ServerID, now: Instant) {
    guard let socket = sessionSockets[server] else { return }
    let bytes = control.unsent(on: server)
    switch Socket.send(socket.descriptor, bytes.span.raw) {
    case .sent(let count): control.session(server, .sent(count), now: now)
    case .wouldBlock: break
    case .failed: control.session(server, .sendFailed, now: now)
    }
    loop.wantWrite(socket.watch, !control.unsent(on: server).isEmpty)
  }
}

extension Address {
  /// The numeric address, or the socket's path, that an endpoint names; nil if it names a host, or an interface that
  /// does not exist.
  init?(_ endpoint: Endpoint) {
    switch endpoint {
    case .unix(let path): self.init(unixPath: path)
    case .tcp(let host, let port): self.init(ip: host, port: port)
    }
  }
}
