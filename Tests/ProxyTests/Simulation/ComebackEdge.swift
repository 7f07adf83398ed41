import Bytes
import Control
import Stats
import Topology

@testable import Proxy

// The control thread's edge in a comeback world: mail to and from the workers, and the bytes of sessions with servers,
// take a while. All decisions are the control plane's.

/// The connection of a session with a server. What was sent before it is closed still arrives, and is executed.
final class Line {
  var inbox = Inbox()
  var isOpen = true
  var arrivalAtServer: UInt64 = 0
  var arrivalAtProxy: UInt64 = 0
}

extension Comeback {
  // MARK: - Workers

  func consider(_ workerEvent: WorkerEvent, of seat: Seat) {
    var heard = Instant.origin
    switch workerEvent {
    case .flushOwed(let server):
      // It was told to a client when the server was out, and the server held nothing when it joined.
      if joinedEmpty.contains(server) { break }
      guard told[server, default: .up] != .up else {
        return fail("server \(Self.name(of: server)) is up without the flush owed to it")
      }
      owed.insert(server)
    case .unanswered(let server, _): heard = lastReply(of: server)
    default: break
    }
    // No server moves in this world.
    let address = workerEvent.server.flatMap { control.names.addresses[$0] }
    control.received(.seen(worker: seat.number, workerEvent, at: address), heard: heard, now: moment)
    perform()
  }

  /// When any worker last received a reply from a server.
  private func lastReply(of server: ServerID) -> Instant {
    var heard = Instant.origin
    for seat in seats {
      var numbers: [ServerNumbers] = []
      seat.worker.dispatcher.upstream.giveServerNumbers(to: &numbers)
      for one in numbers where one.id == server { heard = max(heard, one.heard) }
    }
    return heard
  }

  private func answer(_ seat: Seat, _ ticket: UInt64, _ entries: [ServerID: Journal.Entries]) {
    report(seat) {
      self.control.received(.answered(worker: seat.number, ticket: ticket, entries), now: self.moment)
      self.perform()
    }
  }

  private func tell(_ message: ControlMessage) {
    switch message {
    case .status(let server, let status, let pools, let ticket, let takesEntries, let wasFlushed):
      if status == .ejected { ejections += 1 }
      if status == .up, owed.contains(server) {
        fail("server \(Self.name(of: server)) returns without the flush owed to it")
      }
      joinedEmpty.remove(server)
      let isEmpty = hosts[Self.name(of: server)]?.model.items.isEmpty == true
      if status == .up, told[server] != .returning, isEmpty { joinedEmpty.insert(server) }
      told[server] = status
      let isOmitted =
        omission == .acknowledgement && takesEntries && (status == .failFast || status == .returning)
      for seat in seats {
        mail(seat) {
          self.note("worker \(seat.number) hears \(status) of \(Self.name(of: server))")
          seat.worker.set(status, of: server, from: pools, wasFlushed: wasFlushed, now: self.moment)
          let entries = takesEntries ? seat.worker.takeEntries(server) : Journal.Entries()
          if !isOmitted { self.answer(seat, ticket, [server: entries]) }
        }
        if isOmitted { control.received(.answered(worker: seat.number, ticket: ticket, [:]), now: moment) }
      }
    case .orphans(let servers, let pool, let ticket):
      for seat in seats {
        mail(seat) {
          let orphans = seat.worker.takeOrphans(of: servers, in: pool)
          self.answer(seat, ticket, self.omission == .orphans ? [:] : orphans)
        }
      }
    case .apply:
      let plan = Self.plan(of: control)
      // A server that is added may be out from the start.
      told = Dictionary(
        plan.servers.map { ($0.id, told[$0.id] ?? $0.status) }, uniquingKeysWith: { first, _ in first })
      for seat in seats { mail(seat) { seat.worker.apply(plan, now: self.moment) } }
    case .moved, .confirmed, .client, .drain, .stop: fail("unexpected: \(message)")
    }
  }

  // MARK: - Effects

  /// Carries out the control plane's effects.
  func perform() {
    while true {
      let effects = control.takeEffects()
      guard !effects.isEmpty else { return }
      for effect in effects {
        note("\(effect)")
        switch effect {
        case .tell(let message): tell(message)
        case .open(let server, _): open(server)
        case .send(let server): send(on: server)
        case .close(let server): lines.removeValue(forKey: server)?.isOpen = false
        case .log(_, let message, let fields): remember(message, fields)
        case .report, .reloaded: break
        case .readSettings(let cause): control.read(.success(settings), cause, now: moment)
        case .prepare: control.prepared(.success(()), now: moment)
        case .lookUp, .setLogLevel: fail("unexpected: \(effect)")
        }
      }
    }
  }

  private func open(_ server: ServerID) {
    let line = Line()
    lines[server] = line
    let isRefused = (hosts[Self.name(of: server)]?.isCutUntil ?? 0) > now
    after(100...1000) {
      guard line.isOpen else { return }
      if isRefused {
        self.control.session(server, .failed(.refused), now: self.moment)
      } else {
        self.control.session(server, .connected, now: self.moment)
      }
      self.perform()
    }
  }

  private func send(on server: ServerID) {
    guard let line = lines[server] else { return }
    var bytes = control.unsent(on: server)
    control.session(server, .sent(bytes.count), now: moment)
    if omission == .deletions, bytes.starts(with: "delete ".utf8) {
      bytes = bytes.map { $0 == UInt8(ascii: "y") ? UInt8(ascii: "x") : $0 }
    }
    line.arrivalAtServer = max(line.arrivalAtServer, now + UInt64(dice.within(100...1000)) * 1000)
    at(line.arrivalAtServer) {
      line.inbox.append(bytes)
      self.serve(line, server)
    }
  }

  private func serve(_ line: Line, _ server: ServerID) {
    guard let host = hosts[Self.name(of: server)], host.isCutUntil <= now else { return }
    guard host.hangsUntil <= now else {
      return at(host.hangsUntil + UInt64(dice.below(2000)) * 1000) { self.serve(line, server) }
    }
    while let request = line.inbox.line() {
      let text = String(decoding: request, as: UTF8.self)
      note("\(host.model.name) is sent \(text)")
      guard let reply = host.model.serve(&line.inbox, nextMark: { 0 }) else { return }
      if text == "flush_all" { owed.remove(server) }
      line.arrivalAtProxy = max(line.arrivalAtProxy, now + UInt64(dice.within(100...1000)) * 1000)
      at(line.arrivalAtProxy) {
        guard line.isOpen else { return }
        self.control.session(server, .received(reply), now: self.moment)
        self.perform()
      }
    }
  }
}

extension WorkerEvent {
  /// The server that the event is about.
  fileprivate var server: ServerID? {
    switch self {
    case .failed(let server, _), .unanswered(let server, _), .full(let server), .unsuited(let server, _),
      .answered(let server), .violation(let server, _, _, _), .flushOwed(let server), .flushed(let server, _):
      server
    case .slow(let request): request.server
    case .client: nil
    }
  }
}
