import Bytes
import Health
import Proxy
import Settings
import Topology

// The proxy's own sessions with servers: probes of servers that are out, and cleanup jobs on servers that hold copies of
// other servers' keys.

extension ControlPlane {
  /// The bytes that wait to be sent on a server's session; empty without a session.
  package func unsent(on server: ServerID) -> [UInt8] { sessions[server]?.output ?? [] }

  /// Handles what happened to a session's connection.
  package mutating func session(_ server: ServerID, _ event: SessionEvent, now: Instant) {
    guard let session = sessions[server] else { return }
    switch event {
    case .connected: proceed(server, now: now) { $0.connected(now: now) }
    case .failed(let failure): fail(server, session.purpose, failure, session, now: now)
    case .sent(let count): sessions[server]?.sent(count)
    case .sendFailed: proceed(server, now: now) { $0.sendFailed() }
    case .received(let bytes): proceed(server, now: now) { $0.received(bytes.span.raw, now: now) }
    case .closed: proceed(server, now: now) { $0.closed() }
    }
  }

  /// Starts the probes that are due and advances the open sessions.
  mutating func probe(now: Instant) {
    for server in sessions.keys.sorted() { proceed(server, now: now) { $0.tick(now: now) } }
    guard !isDraining else { return }
    if now >= board.nextDeadline {
      // A server with an open session is not probed.
      for server in board.dueProbes(at: now) where sessions[server] == nil {
        waitingProbes[server] = now.advanced(by: Self.patience)
      }
    }
    // The name is looked up first: the address may belong to another machine by now.
    for server in waitingProbes.keys.sorted() {
      guard let deadline = waitingProbes[server], now >= deadline || names.isConfirmed(server) else {
        continue
      }
      waitingProbes[server] = nil
      if sessions[server] == nil { session(server, .probe, now: now) }
    }
  }

  private mutating func session(_ server: ServerID, _ purpose: ProbeSession.Purpose, now: Instant) {
    guard let member = runtimePlan.members(of: server).first,
      let address = names.address(of: server)
    else {
      // The server was removed, or its name was not found yet.
      return fail(server, purpose, .unreachable, now: now)
    }
    let policy = settings.pools[member.pool].policy
    sessions[server] = ProbeSession(
      server: server, purpose: purpose, patience: policy.connectTimeout + policy.requestTimeout,
      rest: runtimePlan.plan.limits.rest, now: now)
    emit(.open(server, address))
  }

  /// Advances a session by one step.
  private mutating func proceed(
    _ server: ServerID, now: Instant, _ step: (inout ProbeSession) -> ProbeSession.Verdict
  ) {
    guard var session = sessions[server] else { return }
    let verdict = step(&session)
    settle(session, verdict, now: now)
  }

  /// Acts on a session's verdict.
  private mutating func settle(_ session: ProbeSession, _ verdict: ProbeSession.Verdict, now: Instant) {
    let server = session.server
    sessions[server] = session
    if !session.output.isEmpty { emit(.send(server)) }
    switch verdict {
    case .waiting:
      guard case .idle = session.step, session.isProbe else { return }
      if let join = joins[server] { return decideJoin(server, join, items: session.items, now: now) }
      // The server's uptime tells whether it needs a rest.
      if let since = newSince(session, now: now) {
        sessions[server]?.skipCooldown()
        perform(failover.returns(server, isEmpty: true, since: since, now: now), now: now)
      }
    case .alive:
      log(.debug, server, "probe", ["alive": "true"])
      proved(server)
      records[server]?.suspect = nil
      let changes = board.probed(server, ok: true, at: now, random: nextRandom())
      if changes.isEmpty { leave(server) }
      apply(changes, now: now)
    case .ready where session.isProbe && joins[server] != nil:
      proceed(server, now: now) { $0.begin(.init(flushes: true, keys: []), now: now) }
    case .ready where session.isProbe: perform(failover.returns(server, isEmpty: false, now: now), now: now)
    case .ready:
      if case .job(let job) = session.purpose { proceed(server, now: now) { $0.begin(job, now: now) } }
    case .done where joins[server] != nil: endJoin(server, isFlushed: true, isEmpty: true, now: now)
    case .done:
      noteUnnamed(server)
      if !session.isProbe { leave(server) }
      perform(failover.cleaned(server, ok: true, now: now), now: now)
    case .refused where joins[server] != nil: refuseJoin(server, now: now)
    case .refused:
      if !session.isProbe { leave(server) }
      perform(failover.refusedFlush(server, now: now), now: now)
    case .reconnect: reconnect(session, now: now)
    case .full:
      noteFull(server, now: now)
      // The server is neither up nor dead: the next probe follows at the usual interval.
      leave(server)
      settleFailure(of: server, session.purpose, .refused, now: now)
    case .unsuited(let kind): recognized(kind, session, now: now)
    case .dead:
      if session.isProbe, isReturning(server) {
        if session.step == .flushing { noteUnclean(server, at: "flush_all") }
        if session.step == .deleting { noteUnclean(server, at: "delete") }
      }
      fail(server, session.purpose, session.cause ?? .protocolError, session, now: now)
    }
  }

  /// Logs the number of keys that were not deleted, and why that is safe.
  private mutating func noteUnnamed(_ server: ServerID) {
    guard let count = sessions[server]?.takeUnnamed(), count > 0 else { return }
    log(
      .info, server,
      "keys not deleted: the server does not know the meta commands that name them, so it cannot hold them",
      ["keys": "\(count)"])
  }

  /// Continues a session on another connection.
  private mutating func reconnect(_ session: ProbeSession, now: Instant) {
    let server = session.server
    emit(.close(server))
    guard let address = names.address(of: server) else {
      sessions[server] = nil
      return fail(server, session.purpose, .refused, now: now)
    }
    sessions[server]?.reconnected(now: now)
    emit(.open(server, address))
  }

  /// Starts a server's return, as the health board allows. The probe's connection stays open until the server is safe.
  mutating func beginReturn(_ server: ServerID, now: Instant) {
    guard sessions[server] != nil else {
      return apply(board.rejoined(server, ok: false, at: now, random: nextRandom()), now: now)
    }
    proceed(server, now: now) { $0.inquire(now: now) }
  }

  /// A moment that the server's restart did not precede; nil if it was not restarted in its outage, as far as is known.
  /// A restarted server holds no old values, and its connections no old requests. Its process id says less: memcached
  /// can be restarted with its memory.
  private mutating func newSince(_ session: ProbeSession, now: Instant) -> Instant? {
    guard case .rejoining(let since, _) = board.health(of: session.server)?.state,
      let startedAt = session.startedAt
    else { return nil }
    return records[session.server, default: ServerRecord()].restarted(startedAt, outSince: since, now: now)
  }

  mutating func run(_ job: FailoverCoordinator.CleanupJob, on server: ServerID, now: Instant) {
    if sessions[server]?.isProbe == true {
      return proceed(server, now: now) { $0.begin(job, now: now) }
    }
    leave(server)
    session(server, .job(job), now: now)
  }

  /// Closes a session without reporting a result.
  mutating func leave(_ server: ServerID) {
    if sessions.removeValue(forKey: server) != nil { emit(.close(server)) }
  }

  // MARK: - Failures

  /// Handles a failed session: tries another protocol or the name's next address, else reports the failure.
  private mutating func fail(
    _ server: ServerID, _ purpose: ProbeSession.Purpose, _ cause: ServerFailure?,
    _ session: ProbeSession? = nil,
    now: Instant
  ) {
    leave(server)
    if !purpose.isJob {
      log(.debug, server, "probe", ["alive": "false"])
      if let next = recognition(after: purpose, cause, session, server) {
        return self.session(server, next, now: now)
      }
      names.lost(server, at: now)
      // Each of the name's addresses is tried before the probe counts as failed.
      if !isReturning(server), goesOn(server) { return self.session(server, .probe, now: now) }
    }
    settleFailure(of: server, purpose, cause, now: now)
  }

  /// The next protocol to try with a server that sent nothing after a text handshake; nil if there is none. Tried once
  /// in an outage; with a server that has spoken text before, only if it closed the connection.
  private mutating func recognition(
    after purpose: ProbeSession.Purpose, _ cause: ServerFailure?, _ session: ProbeSession?, _ server: ServerID
  ) -> ProbeSession.Purpose? {
    if case .recognition(let kind) = purpose {
      let next = Recognition.tried.drop { $0 != kind }.dropFirst().first
      return next.map { .recognition($0) }
    }
    guard session?.isSpeechless == true, !isReturning(server) else { return nil }
    if let suspect = records[server]?.suspect {
      records[server]?.suspect = nil
      noteUnsuited(server, suspect)
      return nil
    }
    let record = records[server] ?? ServerRecord()
    guard !record.isRecognitionTried, cause != .timedOut || !record.hasAnswered else { return nil }
    records[server, default: ServerRecord()].isRecognitionTried = true
    return Recognition.tried.first.map { .recognition($0) }
  }

  /// Handles a reply that shows that a server cannot be used. If it answered another protocol, it is sent a text
  /// handshake again: it may speak both, and may have been stopped before.
  private mutating func recognized(_ kind: Unsuited, _ session: ProbeSession, now: Instant) {
    leave(session.server)
    if case .recognition = session.purpose {
      records[session.server, default: ServerRecord()].suspect = kind
      return self.session(session.server, .probe, now: now)
    }
    noteUnsuited(session.server, kind)
    settleFailure(of: session.server, session.purpose, .protocolError, now: now)
  }

  /// Closes a session to an address that the server no longer has. Its work is done again at the new address.
  mutating func abandonSession(_ server: ServerID, now: Instant) {
    guard let session = sessions[server] else { return }
    leave(server)
    settleFailure(of: server, session.purpose, nil, now: now)
  }

  /// Whether the server is returning: the health board then accepts only `rejoined`, no result of a probe.
  private func isReturning(_ server: ServerID) -> Bool {
    if case .rejoining = board.health(of: server)?.state { return true }
    return false
  }

  private mutating func settleFailure(
    of server: ServerID, _ purpose: ProbeSession.Purpose, _ cause: ServerFailure?, now: Instant
  ) {
    guard !purpose.isJob else {
      return perform(failover.cleaned(server, ok: false, now: now), now: now)
    }
    noteSilentJoin(server, cause ?? .timedOut)
    let steps = failover.interrupted(server, now: now)
    if steps.isEmpty {
      apply(
        board.probed(
          server, ok: false, cause ?? .timedOut, at: now, random: nextRandom()), now: now)
    } else {
      perform(steps, now: now)
    }
  }

  /// Logs once that a server that is to be used does not answer; nothing else does, because it is not in use.
  private mutating func noteSilentJoin(_ server: ServerID, _ cause: ServerFailure) {
    guard board.isJoining(server), records[server]?.isSilenceLogged != true else { return }
    records[server, default: ServerRecord()].isSilenceLogged = true
    log(
      .warning, server, "server has not answered yet: it is not used",
      ["cause": "\(cause.words)", "do": "start it, or correct its address"])
  }
}
