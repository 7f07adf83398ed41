import Bytes
import Glibc
import Net
import Settings
import Synchronization

/// A listener and its place in the loop. A class, because it is one thing that several lists name.
final class Door {
  let settings: ListenerSettings
  let listener: Listener
  var watch = Watch.none

  /// `find` looks a host name up; at the start it may take its time.
  init(
    _ settings: ListenerSettings, find: (_ host: String, _ port: UInt16) -> Address? = Door.lookUp
  ) throws(StartFailure) {
    self.settings = settings
    do throws(SystemError) {
      listener = try Listener(
        try Self.address(settings.endpoint, find),
        mode: settings.endpoint.isUnix ? UInt32(settings.mode ?? ListenerSettings.defaultMode) : nil,
        owner: settings.owner)
    } catch {
      throw StartFailure("cannot listen on \(settings.endpoint): \(error)")
    }
  }

  /// Where to listen; a host name is looked up and its first address taken.
  private static func address(
    _ endpoint: Endpoint, _ find: (String, UInt16) -> Address?
  ) throws(SystemError) -> Address {
    switch endpoint {
    case .unix(let path):
      guard let address = Address(unixPath: path) else {
        throw SystemError(errno: ENAMETOOLONG, operation: path)
      }
      return address
    case .tcp(let host, let port):
      if let address = Address(ip: host, port: port) { return address }
      if let address = find(host.lowercased(), port) { return address }
      throw SystemError(errno: EADDRNOTAVAIL, operation: "find \(host)")
    }
  }

  /// Asks the system, and waits for it.
  static func lookUp(host: String, port: UInt16) -> Address? {
    guard let found = try? Address.resolve(host: host, port: port) else { return nil }
    return found.first
  }
}

extension Endpoint {
  var isUnix: Bool { if case .unix = self { true } else { false } }
}

extension Supervisor {
  func open(_ door: Door, at i: Int) {
    door.watch = loop.watch(door.listener.descriptor, token: Token(kind: Kind.listener, index: UInt32(i)))
  }

  func close(_ door: Door) {
    loop.unwatch(door.watch)
    door.watch = .none
  }

  /// Takes a batch of clients: the loop's other work gets its turn between two batches.
  func accept(at i: Int, now: Instant) {
    guard i < doors.count, drainDeadline == nil else { return }
    for _ in 0..<64 {
      switch doors[i].listener.accept() {
      case .accepted(let descriptor, _): deal(descriptor)
      case .wouldBlock: return
      case .outOfDescriptors:
        // Accepting would spin: wait until clients have gone.
        let shed = reserve.shed(doors[i].listener.descriptor)
        log.warning("out of descriptors: accepting pauses", ["refused": "\(shed)"])
        pauseAccepting(until: now.advanced(by: .milliseconds(100)))
        return
      case .failed(let reason):
        log.warning("accept failed", ["reason": SystemError.reason(reason)])
        return
      }
    }
  }

  /// To the next worker in turn; or away, in memcached's words, when there are too many.
  private func deal(_ descriptor: Int32) {
    let count = ledger.clients.load(ordering: .relaxed)
    guard count < settings.limits.clients else {
      let rejected = ledger.rejected.add(1, ordering: .relaxed).newValue
      Self.say("ERROR Too many open connections\r\n", to: descriptor)
      Socket.close(descriptor)
      if rejected & (rejected &- 1) == 0 {
        log.warning("too many clients", ["limit": "\(settings.limits.clients)", "rejected": "\(rejected)"])
      }
      return
    }
    ledger.clients.add(1, ordering: .relaxed)
    workers[nextWorker].post(.client(descriptor: descriptor))
    nextWorker = (nextWorker + 1) % workers.count
  }

  private static func say(_ text: StaticString, to descriptor: Int32) {
    text.withUTF8Buffer { bytes in
      // SAFETY: the text is part of the executable; the span ends with this call.
      _ = unsafe Socket.send(descriptor, RawSpan(_unsafeBytes: UnsafeRawBufferPointer(bytes)))
    }
  }

  private func pauseAccepting(until again: Instant) {
    acceptingAgainAt = again
    for door in doors { loop.wantRead(door.watch, false) }
  }

  func resumeAccepting() {
    acceptingAgainAt = nil
    guard drainDeadline == nil else { return }
    for door in doors { loop.wantRead(door.watch, true) }
  }
}
