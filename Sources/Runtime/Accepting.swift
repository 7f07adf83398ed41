import Bytes
import Control
import Net
import Settings

/// A listening socket: its settings, its descriptor and its watch in the event loop. A class, because several lists
/// refer to the same one.
final class ListeningSocket {
  var settings: ListenerSettings
  let listener: Listener
  var watch = Watch.none

  /// `find` looks a host name up; at the start it may block. `inherited` returns the socket that already listens on the
  /// address, if the parent process (systemd) has passed one.
  init(
    _ settings: ListenerSettings, find: (_ host: String, _ port: UInt16) -> Address? = ListeningSocket.lookUp,
    inherited: (Address) -> Int32? = { _ in nil }
  ) throws(StartFailure) {
    self.settings = settings
    guard let address = Self.address(settings.endpoint, find) else {
      throw StartFailure("cannot listen on \(settings.endpoint): no address was found for it")
    }
    if let descriptor = inherited(address) {
      listener = Listener(takingOver: descriptor, at: address)
      return
    }
    do throws(SystemError) {
      listener = try Listener(
        address,
        mode: settings.endpoint.isUnix ? UInt32(settings.mode ?? ListenerSettings.defaultMode) : nil,
        owner: settings.owner)
    } catch {
      throw StartFailure("cannot listen on \(settings.endpoint): \(error)", isPassing: error.isPassing)
    }
  }

  /// The address to listen on: for a host name, the first address that the lookup finds.
  private static func address(_ endpoint: Endpoint, _ find: (String, UInt16) -> Address?) -> Address? {
    if let address = Address(endpoint) { return address }
    guard case .tcp(let host, let port) = endpoint else { return nil }
    return find(host.lowercased(), port)
  }

  /// Looks a host name up with the system's resolver; blocks for at most `ControlPlane.patience`.
  static func lookUp(host: String, port: UInt16) -> Address? {
    guard let first = try? Resolver.find(host, within: ControlPlane.patience)?.get().first else { return nil }
    return first.withPort(port)
  }
}

extension Endpoint {
  var isUnix: Bool { if case .unix = self { true } else { false } }
}

extension Supervisor {
  func open(_ listeningSocket: ListeningSocket, at i: Int) {
    listeningSocket.watch = loop.watch(
      listeningSocket.listener.descriptor, token: Token(kind: Kind.listener, index: UInt32(i)))
  }

  func close(_ listeningSocket: ListeningSocket) {
    loop.unwatch(listeningSocket.watch)
    listeningSocket.watch = .none
  }

  /// Accepts at most 64 clients, so that the loop's other work gets a turn between two batches.
  func accept(at i: Int, now: Instant) {
    guard i < listeningSockets.count, drainDeadline == nil else { return }
    for _ in 0..<64 {
      switch listeningSockets[i].listener.accept() {
      case .accepted(let descriptor, let address):
        accepted[listeningSockets[i].settings.endpoint, default: 0] &+= 1
        deal(descriptor, address, from: listeningSockets[i].settings, now: now)
      case .wouldBlock: return
      case .outOfDescriptors:
        // The listener stays readable, so the loop would spin: wait until clients have left.
        let shed = reserve.shed(listeningSockets[i].listener.descriptor)
        warn(
          "out of descriptors: accepting pauses for 100 ms",
          [
            ("refused", "\(shed)"), ("do", "raise LimitNOFILE or ulimit -n, or the system's fs.file-max"),
          ], now: now)
        pauseAccepting(until: now.advanced(by: .milliseconds(100)))
        return
      case .failed(let reason):
        warn("cannot accept a client", [("reason", SystemError.reason(reason))], now: now)
        return
      }
    }
  }

  /// Hands a client to the least loaded worker. Above the client limit it sends memcached's error line and closes.
  private func deal(_ descriptor: Int32, _ address: Address?, from listener: ListenerSettings, now: Instant) {
    guard sharedStats.clients < mostClients else {
      let rejected = sharedStats.rejected.add(1, ordering: .relaxed).newValue
      Self.say("ERROR Too many open connections\r\n", to: descriptor)
      Socket.close(descriptor)
      let isShort = mostClients < control.settings.limits.clients
      warn(
        "too many clients: new ones are rejected",
        (address.map { [("client", "\($0)")] } ?? []) + [
          ("limit", "\(mostClients)"), ("rejected", "\(rejected)"),
          ("do", isShort ? "raise LimitNOFILE or ulimit -n" : "raise limits.clients"),
        ], now: now)
      return
    }
    let worker = placement.worker { sharedStats.clients(of: $0) }
    sharedStats.clientCame(to: worker)
    workers[worker].post(
      .client(
        descriptor: descriptor, listener: control.id(ofListener: listener.endpoint),
        pool: listener.pool.map { control.id(ofPool: $0) }))
  }

  /// Logs a line about clients that may be due very often.
  private func warn(_ message: String, _ fields: [ControlPlane.LogField], now: Instant) {
    control.logSeldom(.warning, message, fields, now: now)
    perform(now: now)
  }

  /// Opens a configuration's new listeners and its log, and closes what it no longer has. A failure has changed nothing.
  func apply(_ new: ProxySettings) throws(StartFailure) {
    let opened = try reserve.lend { () throws(StartFailure) in try openListeners(of: new) }
    countDescriptors(for: new)
    if control.settings.log != new.log {
      if let loss = LogSink.loss(at: new.log.destination) {
        log.warning(
          "the log goes nowhere after this line",
          ["log.to": new.log.destination.description, "reason": loss.reason, "do": loss.remedy])
      }
      log.reopen(new.log)
    }
    for listeningSocket in listeningSockets {
      if let settings = new.listeners.first(where: { $0.isSameSocket(as: listeningSocket.settings) }) {
        // Only clients that come later go where it says.
        listeningSocket.settings = settings
      } else {
        close(listeningSocket)
      }
    }
    listeningSockets.removeAll { !new.listeners.contains($0.settings) }
    accepted = accepted.filter { one in new.listeners.contains { $0.endpoint == one.key } }
    for listeningSocket in listeningSockets { loop.unwatch(listeningSocket.watch) }
    listeningSockets += opened
    for (i, listeningSocket) in listeningSockets.enumerated() { open(listeningSocket, at: i) }
  }

  private func openListeners(of new: ProxySettings) throws(StartFailure) -> [ListeningSocket] {
    let known = control.names
    var opened: [ListeningSocket] = []
    for listener in new.listeners
    where !listeningSockets.contains(where: { $0.settings.isSameSocket(as: listener) }) {
      opened.append(
        try ListeningSocket(listener) { host, port in
          known.address(ofHost: host, port: port).flatMap { Address($0) }
        })
    }
    if new.log.destination != control.settings.log.destination { try LogSink.check(new.log.destination) }
    return opened
  }

  /// Computes how many clients the descriptors are enough for. Those that servers and the proxy itself need are set
  /// aside, so that a lost connection to a server can always be opened again.
  func countDescriptors(for settings: ProxySettings) {
    let budget = DescriptorBudget(settings, workers: workers.count)
    let limit = Descriptors.raise(to: UInt64(clamping: budget.wanted)).limit
    mostClients = budget.clients(within: limit)
    guard mostClients < settings.limits.clients else { return }
    log.warning(
      "descriptors for fewer clients than configured",
      [
        "clients": "\(mostClients)", "limits.clients": "\(settings.limits.clients)",
        "descriptors": "\(limit)",
        "wanted": "\(budget.wanted)",
        "do": "raise LimitNOFILE or ulimit -n to the wanted number",
      ])
  }

  private static func say(_ text: StaticString, to descriptor: Int32) {
    text.withUTF8Buffer { bytes in
      // SAFETY: the text is part of the executable; the span ends with this call.
      _ = unsafe Socket.send(descriptor, RawSpan(_unsafeBytes: UnsafeRawBufferPointer(bytes)))
    }
  }

  private func pauseAccepting(until again: Instant) {
    acceptingAgainAt = again
    for listeningSocket in listeningSockets { loop.wantRead(listeningSocket.watch, false) }
  }

  func resumeAccepting() {
    acceptingAgainAt = nil
    guard drainDeadline == nil else { return }
    for listeningSocket in listeningSockets { loop.wantRead(listeningSocket.watch, true) }
  }
}
