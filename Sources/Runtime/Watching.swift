import Bytes
import Health
import Net
import Proxy
import Settings

// The health of the servers: one decision for the whole process.

extension Supervisor {
  /// Reads what the workers have seen.
  func readReports(now: Instant) {
    for report in outbox.take() {
      switch report {
      case .ended(let worker): workerEnded(worker)
      case .seen(_, let notice, let address):
        if !isPast(notice, at: address) { consider(notice, now: now) }
      case .reached(let server, let address): reached(server, at: address)
      case .answered(let worker, let ticket, let entries):
        noteKnown(ticket)
        perform(handover.answered(worker, ticket: ticket, entries, now: now), now: now)
      }
    }
  }

  /// One worker more knows of a decision.
  private func noteKnown(_ ticket: UInt64) {
    guard var decision = decisions[ticket] else { return }
    decision.left -= 1
    decisions[ticket] = decision.left > 0 ? decision : nil
    guard decision.left == 0 else { return }
    let took = Clock.now().since(decision.since)
    log.debug(
      "known to all workers",
      ["server": label(decision.server), "after": "\(Int(took / .microseconds(1))) us"])
  }

  private func consider(_ notice: Notice, now: Instant) {
    switch notice {
    case .failed(let server, let trouble):
      log.debug("failure", ["server": label(server), "cause": "\(trouble.words)"])
      guard let cause = trouble.failureCause, !triesElsewhere(server, now: now) else { return }
      apply(board.failed(ServerID(server), cause, at: now, random: random.next()), now: now)
    case .unanswered(let server, _):
      consider(.failed(server: server, .timedOut), now: now)
    case .full, .unsuited: break
    case .answered(let server): board.answered(ServerID(server), at: now)
    case .breach(let server, let breach, let asked, let got):
      log.warning(
        "reply does not fit: connection closed",
        [
          "server": label(server), "why": "\(breach.words)", "asked": LogLine.peer(asked),
          "got": LogLine.peer(got),
        ])
    case .relieved(let held):
      log.warning("memory is short: closed the client that held the most", ["bytes": "\(held)"])
    case .verbosity(let level):
      guard settings.log.clientsMaySetLevel else { break }
      log.setLevel(LogSettings.Level(verbosity: level))
      log.info("log level set by a client", ["level": log.level.rawValue])
    case .flushOwed(let server):
      perform(handover.oweFlush(server, now: now), now: now)
    case .flushed(let server, let asked):
      perform(handover.flushed(server, asked: asked, now: now), now: now)
    }
  }

  /// Passes on what the board has decided; the handover says when it takes place.
  func apply(_ changes: [HealthBoard.Change], now: Instant) {
    for change in changes {
      switch change {
      case .down(let server, let cause, let isEjected):
        log.warning(
          "server down",
          [
            "server": label(server.number), "cause": cause.words,
            "keys": !isEjected
              ? "fail fast"
              : handover.mayEject(server.number)
                ? "move to the others" : "fail fast until its pool's stand-ins are clean",
          ])
        perform(handover.wants(server.number, isEjected ? .ejected : .failFast, now: now), now: now)
      case .rejoining(let server): beginReturn(server.number, now: now)
      case .up(let server): perform(handover.wants(server.number, .up, now: now), now: now)
      case .ejected(let server):
        log.warning(
          "server ejected", ["server": label(server.number), "why": "there is room above the floor"])
        perform(handover.wants(server.number, .ejected, now: now), now: now)
      case .restored(let server):
        log.warning("server back in the ring, failing fast", ["server": label(server.number)])
        perform(handover.wants(server.number, .failFast, now: now), now: now)
      }
    }
  }

  /// Carries out what the handover has decided.
  func perform(_ steps: [Handover.Step], now: Instant) {
    for step in steps {
      switch step {
      case .tell(let server, let standing, let ticket, let surrenders, let wasFlushed):
        decisions[ticket] = (server, since: Clock.now(), left: workers.count)
        tell(
          .standing(
            server: server, standing, ticket: ticket, surrenders: surrenders, wasFlushed: wasFlushed))
        isReportDue = true
      case .collectStrays(let servers, let ticket):
        tell(.strays(servers, ticket: ticket))
      case .clean(let server, let errand): run(errand, on: server, now: now)
      case .abandon(let server): leave(server)
      case .rejoined(let server, let ok):
        leave(server)
        apply(board.rejoined(ServerID(server), ok: ok, at: now, random: random.next()), now: now)
      case .remark(let server, let remark): write(remark, of: server)
      }
    }
  }

  private func write(_ remark: Handover.Remark, of server: UInt32) {
    let name = label(server)
    switch remark {
    case .safe(let deleted, let isFlushed):
      log.info("server up", ["server": name, "deleted": isFlushed ? "everything" : "\(deleted)"])
    case .swept(let deleted):
      log.info("stand-in holds no others' keys any more", ["server": name, "deleted": "\(deleted)"])
    case .distrusted(let owners):
      let names = owners.areAll ? "all" : owners.ids.sorted().map(label).joined(separator: ",")
      log.warning(
        "stand-in for more keys than could be noted: their owners fail fast instead of leaving the ring until it is "
          + "flushed, or was out", ["server": name, "owners": names])
    case .trusted: log.info("stand-in was flushed: it holds no others' keys any more", ["server": name])
    case .unswept: log.warning("stand-in could not be swept: tried again", ["server": name])
    }
  }

  func label(_ server: UInt32) -> String {
    blueprint.members.first { $0.id == server }?.settings.address ?? "server-\(server)"
  }

  // MARK: - Visits

  /// Starts the probes that are due and looks after the visits underway.
  func probe(now: Instant) {
    for server in Array(visits.keys) { proceed(server, now: now) { $0.tick(now: now) } }
    guard drainDeadline == nil, now >= board.nextDeadline else { return }
    for server in board.dueProbes(at: now) {
      // One that is being made safe is not asked whether it is there.
      if visits[server.number] == nil { visit(server.number, isProbe: true, now: now) }
    }
  }

  private func visit(_ server: UInt32, isProbe: Bool, now: Instant) {
    guard let member = blueprint.members.first(where: { $0.id == server }),
      let address = addresses[server]
    else {
      // Its name was not found yet.
      return fail(server, isProbe: isProbe, now: now)
    }
    let pool = settings.pools[member.pool]
    switch Socket.connect(to: address) {
    case .connected(let descriptor), .inProgress(let descriptor):
      let watch = loop.watch(descriptor, token: Token(kind: Kind.visit, index: server))
      loop.wantWrite(watch, true)
      visits[server] = Visit(
        server: server, descriptor: descriptor, watch: watch, isProbe: isProbe,
        patience: pool.connectTimeout + pool.requestTimeout, now: now)
    case .failed: fail(server, isProbe: isProbe, now: now)
    }
  }

  func visitReady(_ server: UInt32, _ events: ReadyEvents, now: Instant) {
    guard let visit = visits[server] else { return }
    if visit.step == .connecting { return proceed(server, now: now) { $0.connected(now: now) } }
    if events.canWrite, visit.hasUnsent { proceed(server, now: now) { $0.send() } }
    guard events.canRead, let descriptor = visits[server]?.descriptor else { return }
    switch scratch.receive(descriptor) {
    case .bytes:
      guard var visit = visits[server] else { return }
      let verdict = visit.received(scratch.bytes, now: now)
      settle(visit, verdict, now: now)
    case .wouldBlock: break
    case .closed, .failed: proceed(server, now: now) { _ in .dead }
    }
  }

  /// Takes a visit a step further.
  private func proceed(_ server: UInt32, now: Instant, _ step: (inout Visit) -> Visit.Verdict) {
    guard var visit = visits[server] else { return }
    let verdict = step(&visit)
    settle(visit, verdict, now: now)
  }

  /// Acts on what a visit has come to.
  private func settle(_ visit: Visit, _ verdict: Visit.Verdict, now: Instant) {
    let server = visit.server
    visits[server] = visit
    loop.wantWrite(visit.watch, visit.hasUnsent)
    switch verdict {
    case .waiting:
      // The age of a server says whether it needs a rest.
      if case .resting = visit.step, visit.isProbe, isNew(visit, now: now) {
        visits[server]?.skipRest()
        perform(handover.returns(server, isEmpty: true, now: now), now: now)
      }
    case .alive:
      log.debug("probe", ["server": label(server), "alive": "true"])
      names.proved(server)
      let changes = board.probed(ServerID(server), ok: true, at: now, random: random.next())
      if changes.isEmpty { leave(server) }
      apply(changes, now: now)
    case .ready where visit.isProbe: perform(handover.returns(server, isEmpty: false, now: now), now: now)
    case .ready:
      if let errand = errands.removeValue(forKey: server) {
        proceed(server, now: now) { $0.begin(errand, now: now) }
      }
    case .done:
      ledger.deleted.store(handover.deleted, ordering: .relaxed)
      if !visit.isProbe { leave(server) }
      perform(handover.cleaned(server, ok: true, now: now), now: now)
      ledger.deleted.store(handover.deleted, ordering: .relaxed)
    case .dead: fail(server, isProbe: visit.isProbe, now: now)
    }
  }

  /// The board lets it return: the probe's connection stays open until it is safe.
  private func beginReturn(_ server: UInt32, now: Instant) {
    guard visits[server] != nil else {
      return apply(board.rejoined(ServerID(server), ok: false, at: now, random: random.next()), now: now)
    }
    proceed(server, now: now) { $0.inquire(now: now) }
  }

  /// Whether the server was started after it went out: then it holds nothing of before, and nothing of before
  /// lies in its connections. Its process's number says less: memcached can be restarted with its memory.
  private func isNew(_ visit: Visit, now: Instant) -> Bool {
    guard case .rejoining(let since, _) = board.health(of: ServerID(visit.server))?.state,
      let uptime = visit.uptime
    else { return false }
    return .seconds(Int64(clamping: uptime)) + .seconds(1) < now.since(since)
  }

  private func run(_ errand: Handover.Errand, on server: UInt32, now: Instant) {
    if visits[server]?.isProbe == true {
      return proceed(server, now: now) { $0.begin(errand, now: now) }
    }
    leave(server)
    errands[server] = errand
    visit(server, isProbe: false, now: now)
  }

  /// Ends a visit without a word to anybody.
  func leave(_ server: UInt32) {
    errands[server] = nil
    guard let visit = visits.removeValue(forKey: server) else { return }
    loop.unwatch(visit.watch)
    Socket.close(visit.descriptor)
  }

  /// A visit has come to nothing.
  private func fail(_ server: UInt32, isProbe: Bool, now: Instant) {
    leave(server)
    if isProbe {
      log.debug("probe", ["server": label(server), "alive": "false"])
      names.failed(server, at: now)
      // Of several addresses each is tried before the server counts as dead once more.
      if !isReturning(server), goesOn(server) { return visit(server, isProbe: true, now: now) }
    }
    settleFailure(of: server, isProbe: isProbe, now: now)
  }

  /// Ends a visit to where the server is no more. What it was for is done where the server is now.
  func abandonVisit(_ server: UInt32, now: Instant) {
    guard let visit = visits[server] else { return }
    leave(server)
    settleFailure(of: server, isProbe: visit.isProbe, now: now)
  }

  /// The board waits for the server to be made safe: it takes no other answer.
  private func isReturning(_ server: UInt32) -> Bool {
    if case .rejoining = board.health(of: ServerID(server))?.state { return true }
    return false
  }

  private func settleFailure(of server: UInt32, isProbe: Bool, now: Instant) {
    guard isProbe else {
      return perform(handover.cleaned(server, ok: false, now: now), now: now)
    }
    let steps = handover.interrupted(server, now: now)
    if steps.isEmpty {
      apply(board.probed(ServerID(server), ok: false, at: now, random: random.next()), now: now)
    } else {
      perform(steps, now: now)
    }
  }
}
