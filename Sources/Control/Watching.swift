import Bytes
import Health
import Proxy
import Settings
import Topology

// The servers' health, decided once for the whole process from the workers' reports.

extension ControlPlane {
  /// Handles a worker's report. `heard`: for an unanswered attempt to connect, when any worker last received a reply
  /// from the server.
  package mutating func received(_ report: WorkerReport, heard: Instant = .origin, now: Instant) {
    switch report {
    case .ended: break
    case .seen(_, .client(let event), let address): note(event, of: address, now: now)
    case .seen(_, let workerEvent, let address):
      if !isPast(workerEvent, at: address) { consider(workerEvent, heard: heard, now: now) }
    case .reached(let server, let address): if names.address(of: server) == address { proved(server) }
    case .lost(let server, let since): names.lost(server, at: since)
    case .answered(let worker, let ticket, let entries):
      noteKnown(ticket, now: now)
      perform(failover.answered(worker, ticket: ticket, entries, now: now), now: now)
    }
  }

  /// Counts a worker that has applied a status change; logs when all have.
  private mutating func noteKnown(_ ticket: UInt64, now: Instant) {
    decisions[ticket]?.left -= 1
    guard let decision = decisions[ticket], decision.left == 0 else { return }
    decisions[ticket] = nil
    let took = now.since(decision.since)
    log(
      .debug, decision.server, "server status applied by all workers",
      ["after": "\(Int(took / .microseconds(1))) us"])
  }

  private mutating func consider(_ workerEvent: WorkerEvent, heard: Instant, now: Instant) {
    switch workerEvent {
    case .failed(let server, let failure):
      log(.debug, server, "server failure", ["cause": "\(failure.words)"])
      guard failure.isServersFault, !triesElsewhere(server, now: now) else { return }
      apply(board.failed(server, failure, at: now, random: nextRandom()), now: now)
    case .unanswered(let server, let since):
      // A server that answers on its existing connections is full, not dead.
      if heard >= since { return noteFull(server, now: now) }
      consider(.failed(server: server, .timedOut), heard: heard, now: now)
    case .full(let server): noteFull(server, now: now)
    case .unsuited(let server, let kind):
      noteUnsuited(server, kind)
    case .answered(let server): board.answered(server, at: now)
    case .violation(let server, let violation, let asked, let got):
      log(
        .warning, server, "reply does not fit: connection closed",
        ["why": "\(violation.words)", "asked": "\(asked)", "got": "\(got)"])
    case .slow(let request):
      let pool = runtimePlan.plan.pools.firstIndex { $0.id == request.pool }
      let fields = request.fields(pool: pool.map { settings.pools[$0].name } ?? "none", settings.log.slow)
      logOften(
        .warning, "slow request", about: ("server", label(request.server)), fields, count: request.count,
        now: now)
    case .client(let event): note(event, of: nil, now: now)
    case .flushOwed(let server):
      perform(failover.oweFlush(server, now: now), now: now)
    case .flushed(let server, let asked):
      perform(failover.flushed(server, asked: asked, now: now), now: now)
    }
  }

  /// Logs what a client did, or was closed for; `address` is the client's.
  private mutating func note(_ event: ClientEvent, of address: Endpoint?, now: Instant) {
    if event.kind == .setLogLevel {
      guard settings.log.clientsMaySetLevel else { return }
      emit(.setLogLevel(LogLevel(verbosity: event.number)))
    }
    let (level, message, fields) = event.line(settings.limits)
    let client: [LogField] = address.map { [("client", "\($0)")] } ?? []
    logSeldom(level, message, client + fields, count: event.count, now: now)
  }

  /// Logs the health board's decisions and passes them to the failover coordinator, which decides when they take
  /// effect.
  mutating func apply(_ changes: [HealthBoard.Change], now: Instant) {
    for change in changes {
      switch change {
      case .down(let server, let cause, let isEjected):
        names.lost(server, at: now)
        records[server, default: ServerRecord()].wentOut()
        records[server]?.ejections += 1
        records[server]?.cause = cause
        log(
          .warning, server, "server down",
          [
            "cause": "\(cause.words)",
            "keys": isEjected ? ejectedKeys(server) : failFastReason(server),
          ])
        want(server, now: now)
      case .rejoining(let server): beginReturn(server, now: now)
      case .up(let server): perform(failover.wants(server, .up, now: now), now: now)
      case .ejected(let server):
        if !board.isMarked(server), !board.isJoining(server) {
          log(.warning, server, "server ejected", ["why": "there is room above the floor"])
        }
        want(server, now: now)
      case .marked(let server, let isDown):
        records[server, default: ServerRecord()].wentOut()
        log(
          .info, server, isDown ? "server marked down" : "server no longer marked down",
          isDown ? ["keys": ejectedKeys(server)] : ["keys": "return when it answers"])
        want(server, now: now)
      case .restored(let server):
        log(
          .warning, server, "server back in the ring: its keys fail fast",
          ["why": "the floor allows fewer ejected servers"])
        want(server, now: now)
      }
    }
  }

  /// What happens to the keys of a server that is to be ejected.
  private func ejectedKeys(_ server: ServerID) -> String {
    failover.mayEject(server)
      ? "move to the others"
      : "fail fast until its pool has no copies of others' keys, then move to the others"
  }

  /// Why the keys of a server that is out fail fast.
  private func failFastReason(_ server: ServerID) -> String {
    let pools = runtimePlan.members(of: server).map { settings.pools[$0.pool] }
    return pools.contains { $0.policy.onFailure == .eject }
      ? "fail fast: no more servers may leave the ring (floor)" : "fail fast (on_failure: fail_fast)"
  }

  /// Has the failover coordinator bring about the status that the health board has decided.
  private mutating func want(_ server: ServerID, now: Instant) {
    let (status, pools) = (board.status(of: server), board.ejectedFrom(server))
    perform(failover.wants(server, status, from: pools, now: now), now: now)
  }

  /// Carries out the failover coordinator's steps.
  mutating func perform(_ steps: [FailoverCoordinator.Step], now: Instant) {
    for step in steps {
      switch step {
      case .tell(let server, let status, let ticket, let takesEntries, let wasFlushed):
        decisions[ticket] = (server, since: now, left: workers)
        let message = ControlMessage.status(
          server: server, status, from: failover.ejectedFrom(server), ticket: ticket,
          takesEntries: takesEntries, wasFlushed: wasFlushed)
        emit(.tell(message))
        isReportDue = true
      case .collectOrphans(let servers, let ticket):
        emit(.tell(.orphans(servers, in: failover.pool(ofCollection: ticket), ticket: ticket)))
      case .clean(let server, let job): run(job, on: server, now: now)
      case .abandon(let server): leave(server)
      case .rejoined(let server, let ok):
        leave(server)
        apply(board.rejoined(server, ok: ok, at: now, random: nextRandom()), now: now)
      case .event(let server, let event): write(event, of: server)
      }
    }
  }

  private mutating func write(_ event: FailoverCoordinator.FailoverEvent, of server: ServerID) {
    switch event {
    case .safe(let deleted, let isFlushed):
      records[server]?.isBack()
      log(.info, server, "server up", ["deleted": isFlushed ? "everything" : counted(deleted, "key")])
    case .swept(let deleted):
      records[server]?.isSweepFailureLogged = false
      log(
        .info, server, "server no longer holds copies of other servers' keys",
        ["deleted": counted(deleted, "key")])
    case .overflowed(let owners):
      let names = owners.areAll ? "all" : owners.ids.sorted().map(label).joined(separator: ",")
      log(
        .warning, server,
        "journal overflow: server holds unlisted copies; "
          + "owners will not be ejected until it is flushed or restarts",
        ["owners": names])
    case .trusted:
      log(.info, server, "server was flushed: it no longer holds copies of other servers' keys")
    case .unswept:
      guard records[server]?.isSweepFailureLogged != true else { break }
      records[server, default: ServerRecord()].isSweepFailureLogged = true
      log(
        .warning, server,
        "copies of other servers' keys could not be deleted: "
          + "its pool's servers are not ejected until they are",
        ["again": "each second"])
    case .unflushed:
      note(server, .unflushed)
      log(
        .warning, server, "server refuses flush_all: only the keys listed in the journal are deleted on it",
        ["do": "flush or restart it by hand if a client's flush_all or changes by other proxies must count"])
    case .unsafe:
      note(server, .unsafe)
      // A restart goes unnoticed if the server does not report its uptime.
      log(
        .warning, server,
        "server stays out: it holds outdated keys that the journal does not list, and it refuses flush_all",
        ["do": sessions[server]?.uptime == nil ? "set rejoin: as_is" : "restart it, or set rejoin: as_is"])
    }
  }
}
