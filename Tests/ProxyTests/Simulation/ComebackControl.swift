import Bytes
import Health

@testable import Proxy

// What the control thread does: the board's changes, the handover's steps, visits to servers.

extension Comeback {
  func consider(_ notice: Notice) {
    guard case .failed(let server, let trouble) = notice else {
      if case .answered(let server) = notice { board.answered(ServerID(server), at: moment) }
      if case .flushOwed(let server) = notice {
        guard handover.standing(of: server) != .up else {
          return fail("\(Fleet.name(of: server)) is up, and owes a flush")
        }
        owed.insert(server)
        perform(handover.oweFlush(server, now: moment))
      }
      return
    }
    let cause: FailureCause? =
      switch trouble {
      case .refused: .refused
      case .timedOut: .timedOut
      case .connectionLost: .connectionLost
      case .protocolError: .protocolError
      default: nil
      }
    guard let cause else { return }
    apply(board.failed(ServerID(server), cause, at: moment, random: dice.next()))
  }

  func apply(_ changes: [HealthBoard.Change]) {
    for change in changes {
      switch change {
      case .down(let server, _, let isEjected):
        perform(handover.wants(server.number, isEjected ? .ejected : .failFast, now: moment))
      case .rejoining(let server): beginReturn(server.number)
      case .up(let server): perform(handover.wants(server.number, .up, now: moment))
      case .ejected(let server): perform(handover.wants(server.number, .ejected, now: moment))
      case .restored(let server): perform(handover.wants(server.number, .failFast, now: moment))
      }
    }
  }

  func perform(_ steps: [Handover.Step]) {
    for step in steps {
      note("\(step)")
      switch step {
      case .tell(let server, let standing, let ticket, let surrenders, let wasFlushed):
        if standing == .ejected { ejections += 1 }
        if standing == .up, owed.contains(server) {
          fail("\(Fleet.name(of: server)) returns, and owes a flush")
        }
        let isOmitted =
          omission == .acknowledgement && surrenders && (standing == .failFast || standing == .returning)
        for seat in seats {
          mail(seat) {
            self.note("worker \(seat.number) hears \(standing) of \(Fleet.name(of: server))")
            seat.worker.set(standing, of: server, wasFlushed: wasFlushed, now: self.moment)
            let entries = surrenders ? seat.worker.surrender(server) : Journal.Entries()
            if !isOmitted { self.answer(seat, ticket, [server: entries]) }
          }
        }
        if isOmitted {
          for seat in seats { perform(handover.answered(seat.number, ticket: ticket, [:], now: moment)) }
        }
      case .collectStrays(let servers, let ticket):
        for seat in seats {
          mail(seat) {
            let strays = seat.worker.surrenderStrays(of: servers)
            self.answer(seat, ticket, self.omission == .strays ? [:] : strays)
          }
        }
      case .clean(let server, let errand):
        if let number = visits[server] {
          run(errand, on: server, number)
        } else {
          visit(server, errand: errand)
        }
      case .abandon(let server): visits[server] = nil
      case .rejoined(let server, let ok):
        visits[server] = nil
        apply(board.rejoined(ServerID(server), ok: ok, at: moment, random: dice.next()))
      case .remark(_, let remark): remember(remark)
      }
    }
  }

  private func answer(_ seat: Seat, _ ticket: UInt64, _ entries: [UInt32: Journal.Entries]) {
    report(seat) {
      self.perform(self.handover.answered(seat.number, ticket: ticket, entries, now: self.moment))
    }
  }

  // MARK: - Visits

  /// Goes to a server: as a probe, or with an errand.
  func visit(_ server: UInt32, errand: Handover.Errand?) {
    lastVisit += 1
    let number = lastVisit
    visits[server] = number
    ask(server, number, "version\r\n") {
      guard let errand else {
        let changes = self.board.probed(
          ServerID(server), ok: true, at: self.moment, random: self.dice.next())
        if changes.isEmpty { self.visits[server] = nil }
        return self.apply(changes)
      }
      self.rest(server, number) { self.run(errand, on: server, number) }
    }
  }

  /// As long as it needs to answer at once after a rest.
  private func rest(_ server: UInt32, _ number: Int, _ then: @escaping () -> Void) {
    at(now + Self.rest) {
      let asked = self.now
      self.ask(server, number, "version\r\n") {
        if self.now - asked > 10_000_000 { return self.rest(server, number, then) }
        then()
      }
    }
  }

  private func beginReturn(_ server: UInt32) {
    guard let number = visits[server] else { return }
    rest(server, number) {
      self.perform(self.handover.returns(server, isEmpty: false, now: self.moment))
    }
  }

  func run(_ errand: Handover.Errand, on server: UInt32, _ number: Int) {
    var text = errand.flushes ? "flush_all\r\n" : ""
    for key in errand.keys { text += "delete \(String(decoding: key, as: UTF8.self))\r\n" }
    ask(server, number, text) {
      if errand.flushes { self.owed.remove(server) }
      if self.handover.standing(of: server) == .up { self.visits[server] = nil }
      self.perform(self.handover.cleaned(server, ok: true, now: self.moment))
    }
  }

  /// Asks a server for something; what was sent is done sometime, answered or not.
  private func ask(_ server: UInt32, _ number: Int, _ text: String, _ then: @escaping () -> Void) {
    guard visits[server] == number, let host = hosts[Fleet.name(of: server)] else { return }
    var isAnswered = false
    at(now + 30_000_000) {
      guard self.visits[server] == number, !isAnswered else { return }
      isAnswered = true
      self.fail(server)
    }
    after(100...1000) {
      self.arrive(text, at: host) {
        guard self.visits[server] == number, !isAnswered else { return }
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

  private func fail(_ server: UInt32) {
    visits[server] = nil
    if handover.standing(of: server) == .up {
      return perform(handover.cleaned(server, ok: false, now: moment))
    }
    let steps = handover.interrupted(server, now: moment)
    if steps.isEmpty {
      apply(board.probed(ServerID(server), ok: false, at: moment, random: dice.next()))
    } else {
      perform(steps)
    }
  }
}
