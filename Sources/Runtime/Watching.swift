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
      }
    }
  }

  private func consider(_ notice: Notice, now: Instant) {
    switch notice {
    case .failed(let server, let trouble):
      log.debug("failure", ["server": label(server), "cause": "\(trouble.words)"])
      guard let cause = trouble.failureCause, !triesElsewhere(server, now: now) else { return }
      apply(board.failed(ServerID(server), cause, at: now, random: random.next()))
    case .answered(let server): board.answered(ServerID(server), at: now)
    case .breach(let server, let breach, let asked, let got):
      log.warning(
        "reply does not fit: connection closed",
        [
          "server": label(server), "why": "\(breach.words)", "asked": LogLine.peer(asked),
          "got": LogLine.peer(got),
        ])
    case .relieved(let unread):
      log.warning("memory is short: closed the client that left the most unread", ["bytes": "\(unread)"])
    case .verbosity(let level):
      log.setLevel(LogSettings.Level(verbosity: level))
      log.info("log level set by a client", ["level": log.level.rawValue])
    case .flushOwed(let server):
      owedFlushes.insert(server)
    }
  }

  /// What the board has decided goes to every worker.
  func apply(_ changes: [HealthBoard.Change]) {
    guard !changes.isEmpty else { return }
    for change in changes {
      switch change {
      case .down(let server, let cause, let isEjected):
        log.warning(
          "server down",
          [
            "server": label(server.number), "cause": cause.words,
            "keys": isEjected ? "moved to the others" : "fail fast",
          ])
        if isEjected { owe(server.number) }
        tell(server)
      case .rejoining(let server):
        // The probe has flushed it if it owed that: nothing old is left on it.
        apply(board.rejoined(server, ok: true, at: Clock.now(), random: random.next()))
      case .up(let server):
        log.info("server up", ["server": label(server.number)])
        tell(server)
      case .ejected(let server):
        owe(server.number)
        log.warning(
          "server ejected", ["server": label(server.number), "why": "there is room above the floor"])
        tell(server)
      case .restored(let server):
        log.warning("server back in the ring, failing fast", ["server": label(server.number)])
        tell(server)
      }
    }
    report()
  }

  private func tell(_ server: ServerID) {
    let standing = Standing(board.standing(of: server))
    for worker in workers { worker.post(.standing(server: server.number, standing)) }
  }

  /// While others own its keys they change there: what it still holds would be stale when it is back. It is
  /// flushed before it owns them again, unless the configuration wants it as it is.
  func owe(_ server: UInt32) {
    guard let member = blueprint.members.first(where: { $0.id == server }) else { return }
    if settings.pools[member.pool].rejoin != .asIs { owedFlushes.insert(server) }
  }

  func label(_ server: UInt32) -> String {
    blueprint.members.first { $0.id == server }?.settings.address ?? "server-\(server)"
  }

  // MARK: - Probes

  /// Starts the probes that are due and ends those that took too long.
  func probe(now: Instant) {
    for (server, probe) in probes where now >= probe.deadline { end(server, isAlive: false, now: now) }
    guard drainDeadline == nil, now >= board.nextDeadline else { return }
    for server in board.dueProbes(at: now) { start(server.number, now: now) }
  }

  private func start(_ server: UInt32, now: Instant) {
    guard probes[server] == nil, let member = blueprint.members.first(where: { $0.id == server }),
      let address = addresses[server]
    else {
      // Its name was not found yet.
      return end(server, isAlive: false, now: now)
    }
    let pool = settings.pools[member.pool]
    let deadline = now.advanced(by: pool.connectTimeout).advanced(by: pool.requestTimeout)
    switch Socket.connect(to: address) {
    case .connected(let descriptor), .inProgress(let descriptor):
      let watch = loop.watch(descriptor, token: Token(kind: Kind.probe, index: server))
      loop.wantWrite(watch, true)
      probes[server] = Probe(
        server: server, descriptor: descriptor, watch: watch, deadline: deadline,
        owesFlush: owedFlushes.contains(server))
    case .failed: end(server, isAlive: false, now: now)
    }
  }

  func probeReady(_ server: UInt32, _ events: ReadyEvents, now: Instant) {
    guard var probe = probes[server] else { return }
    var verdict = Probe.Verdict.waiting
    if probe.step == .connecting {
      loop.wantWrite(probe.watch, false)
      verdict = probe.connected()
    } else if events.canRead {
      switch scratch.receive(probe.descriptor) {
      case .bytes: verdict = probe.received(scratch.bytes)
      case .wouldBlock: break
      case .closed, .failed: verdict = .dead
      }
    }
    probes[server] = probe
    switch verdict {
    case .waiting: break
    case .alive: end(server, isAlive: true, now: now)
    case .dead: end(server, isAlive: false, now: now)
    }
  }

  private func end(_ server: UInt32, isAlive: Bool, now: Instant) {
    if isAlive && probes[server]?.owesFlush == true { owedFlushes.remove(server) }
    abandonProbe(server)
    log.debug("probe", ["server": label(server), "alive": "\(isAlive)"])
    if isAlive {
      names.proved(server)
    } else {
      names.failed(server, at: now)
      // Of several addresses each is tried before the server counts as dead once more.
      if goesOn(server) { return start(server, now: now) }
    }
    apply(board.probed(ServerID(server), ok: isAlive, at: now, random: random.next()))
  }

  /// Ends a probe that nobody waits for any more.
  func abandonProbe(_ server: UInt32) {
    guard let probe = probes.removeValue(forKey: server) else { return }
    loop.unwatch(probe.watch)
    Socket.close(probe.descriptor)
  }
}
