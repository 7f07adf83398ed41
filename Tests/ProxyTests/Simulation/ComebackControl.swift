import Bytes
import Health
import Topology

@testable import Proxy

// What the control thread does: the health board's changes, the failover coordinator's steps, sessions with servers.

extension Comeback {
  func consider(_ workerEvent: WorkerEvent) {
    guard case .failed(let server, let failure) = workerEvent else {
      if case .answered(let server) = workerEvent { board.answered(server, at: moment) }
      if case .flushOwed(let server) = workerEvent {
        guard failover.status(of: server) != .up else {
          return fail("server \(Fleet.name(of: server)) is up without the flush owed to it")
        }
        owed.insert(server)
        perform(failover.oweFlush(server, now: moment))
      }
      return
    }
    guard failure.isServersFault else { return }
    apply(board.failed(server, failure, at: moment, random: dice.next()))
  }

  func apply(_ changes: [HealthBoard.Change]) {
    for change in changes {
      switch change {
      case .down(let server, _, let isEjected):
        perform(failover.wants(server, isEjected ? .ejected : .failFast, now: moment))
      case .rejoining(let server): beginReturn(server)
      case .up(let server): perform(failover.wants(server, .up, now: moment))
      case .ejected(let server): perform(failover.wants(server, .ejected, now: moment))
      case .restored(let server): perform(failover.wants(server, .failFast, now: moment))
      }
    }
  }

  func perform(_ steps: [FailoverCoordinator.Step]) {
    for step in steps {
      note("\(step)")
      switch step {
      case .tell(let server, let status, let ticket, let takesEntries, let wasFlushed):
        if status == .ejected { ejections += 1 }
        if status == .up, owed.contains(server) {
          fail("server \(Fleet.name(of: server)) returns without the flush owed to it")
        }
        let isOmitted =
          omission == .acknowledgement && takesEntries && (status == .failFast || status == .returning)
        for seat in seats {
          mail(seat) {
            self.note("worker \(seat.number) hears \(status) of \(Fleet.name(of: server))")
            seat.worker.set(status, of: server, wasFlushed: wasFlushed, now: self.moment)
            let entries = takesEntries ? seat.worker.takeEntries(server) : Journal.Entries()
            if !isOmitted { self.answer(seat, ticket, [server: entries]) }
          }
        }
        if isOmitted {
          for seat in seats { perform(failover.answered(seat.number, ticket: ticket, [:], now: moment)) }
        }
      case .collectOrphans(let servers, let ticket):
        for seat in seats {
          mail(seat) {
            let orphans = seat.worker.takeOrphans(of: servers)
            self.answer(seat, ticket, self.omission == .orphans ? [:] : orphans)
          }
        }
      case .clean(let server, let job):
        if let number = sessions[server] {
          run(job, on: server, number)
        } else {
          session(server, job: job)
        }
      case .abandon(let server): sessions[server] = nil
      case .rejoined(let server, let ok):
        sessions[server] = nil
        apply(board.rejoined(server, ok: ok, at: moment, random: dice.next()))
      case .event(_, let event): remember(event)
      }
    }
  }

  private func answer(_ seat: Seat, _ ticket: UInt64, _ entries: [ServerID: Journal.Entries]) {
    report(seat) {
      self.perform(self.failover.answered(seat.number, ticket: ticket, entries, now: self.moment))
    }
  }

  // MARK: - Sessions

  /// Opens a session with a server: as a probe, or to run a cleanup job.
  func session(_ server: ServerID, job: FailoverCoordinator.CleanupJob?) {
    lastSession += 1
    let number = lastSession
    sessions[server] = number
    ask(server, number, "version\r\n") {
      guard let job else {
        let changes = self.board.probed(
          server, ok: true, at: self.moment, random: self.dice.next())
        if changes.isEmpty { self.sessions[server] = nil }
        return self.apply(changes)
      }
      self.rest(server, number) { self.run(job, on: server, number) }
    }
  }

  /// Waits until the server answers at once after a pause.
  private func rest(_ server: ServerID, _ number: Int, _ then: @escaping () -> Void) {
    at(now + Self.rest) {
      let asked = self.now
      self.ask(server, number, "version\r\n") {
        if self.now - asked > 10_000_000 { return self.rest(server, number, then) }
        then()
      }
    }
  }

  private func beginReturn(_ server: ServerID) {
    guard let number = sessions[server] else { return }
    rest(server, number) {
      self.perform(self.failover.returns(server, isEmpty: false, now: self.moment))
    }
  }

  func run(_ job: FailoverCoordinator.CleanupJob, on server: ServerID, _ number: Int) {
    var text = job.flushes ? "flush_all\r\n" : ""
    for key in job.keys { text += "delete \(String(decoding: key, as: UTF8.self))\r\n" }
    ask(server, number, text) {
      if job.flushes { self.owed.remove(server) }
      if self.failover.status(of: server) == .up { self.sessions[server] = nil }
      self.perform(self.failover.cleaned(server, ok: true, now: self.moment))
    }
  }

  /// Sends a request to a server; what was sent is executed at some time, answered or not.
  private func ask(_ server: ServerID, _ number: Int, _ text: String, _ then: @escaping () -> Void) {
    guard sessions[server] == number, let host = hosts[Fleet.name(of: server)] else { return }
    var isAnswered = false
    at(now + 30_000_000) {
      guard self.sessions[server] == number, !isAnswered else { return }
      isAnswered = true
      self.fail(server)
    }
    after(100...1000) {
      self.arrive(text, at: host) {
        guard self.sessions[server] == number, !isAnswered else { return }
        isAnswered = true
        then()
      }
    }
  }

  private func arrive(_ text: String, at host: Host, _ then: @escaping () -> Void) {
    guard host.isCutUntil <= now else { return }
    guard host.hangsUntil <= now else {
      return at(host.hangsUntil + UInt64(dice.below(2000)) * 1000) { self.arrive(text, at: host, then) }
    }
    var inbox = Inbox()
    inbox.append(Array(text.utf8))
    note("\(host.model.name) is visited: \(text.debugDescription)")
    while inbox.count > 0, host.model.serve(&inbox, nextMark: { 0 }) != nil {}
    after(100...1000, then)
  }

  private func fail(_ server: ServerID) {
    sessions[server] = nil
    if failover.status(of: server) == .up {
      return perform(failover.cleaned(server, ok: false, now: moment))
    }
    let steps = failover.interrupted(server, now: moment)
    if steps.isEmpty {
      apply(board.probed(server, ok: false, at: moment, random: dice.next()))
    } else {
      perform(steps)
    }
  }
}
