import Bytes
import Health
import Proxy
import Settings
import Stats
import Topology

/// Every decision of the control thread, as one value: events in, effects out.
///
///     workers' reports           ─▶ ┌─────────┐ ─▶ messages to all workers        Watching.swift
///     probe sessions' bytes      ─▶ │ control │ ─▶ probe sessions' bytes          Probing.swift
///     lookups that have ended    ─▶ │  plane  │ ─▶ lookups to start               Naming.swift
///     configurations that were read │         │ ─▶ configurations to apply        Reloading.swift
///     ticks                      ─▶ └─────────┘ ─▶ log lines
///
/// An event has its time; nothing here reads a clock or does I/O. The caller carries out the effects in order after
/// each event: the `Supervisor` with sockets and threads, the simulation in a world of its own.
package struct ControlPlane: Sendable {
  /// What the control thread must do.
  package enum Effect: Sendable {
    /// Send this message to every worker.
    case tell(ControlMessage)
    /// Connect a probe session to this address.
    case open(ServerID, Endpoint)
    /// Send `unsent(on:)`.
    case send(ServerID)
    /// Close the session's connection, if it is open.
    case close(ServerID)
    /// Look this host up; report `lookedUp`.
    case lookUp(String)
    /// Read and check the configuration; report `read`.
    case readSettings(ReloadCause)
    /// Open the listeners and the log of this configuration, close the others, and report `prepared`.
    case prepare(ProxySettings)
    /// Publish `report`.
    case report
    /// A reload has ended.
    case reloaded(ReloadResult)
    case setLogLevel(LogLevel)
    case log(LogLevel, String, [LogField])
  }

  /// What became of a reload.
  package enum ReloadResult: Sendable, Equatable {
    /// What has changed, one sentence each.
    case applied([String])
    /// The old configuration stays, for this reason.
    case refused(String)
  }

  package typealias LogField = (name: String, value: String)

  /// What happened to a probe session's connection.
  package enum SessionEvent: Sendable {
    case connected
    /// It could not be made.
    case failed(ServerFailure)
    case sent(Int)
    case sendFailed
    case received([UInt8])
    /// The server closed it.
    case closed
  }

  /// The configuration in force.
  package internal(set) var settings: ProxySettings
  package internal(set) var runtimePlan: RuntimePlan
  var registry = ServerRegistry()
  let workers: Int
  var board: HealthBoard
  var failover: FailoverCoordinator
  var sessions: [ServerID: ProbeSession] = [:]
  /// Probes that are due and wait for a lookup of their server's name, with the end of the wait.
  var waitingProbes: [ServerID: Instant] = [:]
  var records: [ServerID: ServerRecord] = [:]
  package internal(set) var names = ResolverCache()
  var hostLookups = 0
  var hostLookupFailures = 0
  var addressChanges = 0
  /// The servers that a reload has added and that are not used yet, and what is done with their items.
  var joins: [ServerID: Join] = [:]
  var formerMembers = FormerMembers()
  /// A configuration that waits for the lookup of its names, or to be prepared.
  var waiting: WaitingReload?
  /// A reload that failed for a lack of descriptors or memory, and when to try it again.
  var postponedReload: (cause: ReloadCause, until: Instant)?
  /// When the file was last seen to change, if it has not been read since.
  package var fileChangedAt: Instant?
  var reloads = 0
  var reloadFailures = 0
  var lastReloadError = ""
  /// Changes of the file that had no effect because of a flag.
  package internal(set) var hiddenChanges = 0
  /// Why the file cannot be read, and the number of checks in a row that found that.
  var fileProblem: (reason: String, checks: Int)?
  private var lineLimits = LineLimits()
  /// The last tick: the time of what has no other, such as log lines, whose limits are for minutes.
  private var tickedAt: Instant
  /// Status changes that some workers have not applied yet, by ticket: the server, since when, and how many workers are
  /// left.
  var decisions: [UInt64: (server: ServerID, since: Instant, left: Int)] = [:]
  /// No probe and no reload is begun any more.
  package var isDraining = false
  /// Whether a server's status has changed since the `report` was last published: do so at the end of the turn.
  package var isReportDue = false
  private var ticks = 0
  private var random: UInt64
  private var effects: [Effect] = []

  /// All servers start up, but for those that are marked. `seed` makes the probes' jitter; `limits` are the workers', as
  /// far as the configuration does not set them. `now`: a server that was started before may hold outdated items.
  package init(
    _ settings: ProxySettings, workers: Int, seed: UInt64, limits: Limits = Limits(),
    at now: Instant = .origin
  ) {
    self.settings = settings
    self.workers = workers
    random = seed
    tickedAt = now
    runtimePlan = RuntimePlan(settings, workers: workers, limits: limits, registry: &registry)
    board = HealthBoard(runtimePlan.plan.pools, marked: runtimePlan.marked, at: now)
    failover = FailoverCoordinator(
      runtimePlan.plan.pools, workers: workers, limits: runtimePlan.plan.limits, out: board.out)
    let current = failover
    runtimePlan.setStatuses { (current.status(of: $0), current.ejectedFrom($0)) }
    findMembers()
    for server in runtimePlan.plan.servers where board.isMarked(server.id) {
      log(.info, server.id, "server marked down", ["keys": "move to the others"])
      // What changed while the process was not there is not known.
      if server.isJournaled { failover.mustFlush(server.id) }
    }
  }

  // MARK: - Events and effects

  /// Removes and returns the effects so far, oldest first.
  package mutating func takeEffects() -> [Effect] {
    defer { effects = [] }
    return effects
  }

  /// Ten milliseconds have passed.
  package mutating func tick(now: Instant) {
    ticks &+= 1
    tickedAt = now
    reloadWhatIsDue(now: now)
    if ticks % 100 == 0 {
      forgetFull(now: now)
      logLeftOut(now: now)
    }
    if ticks % 10 == 0 {
      lookUpThoseOut(now: now)
      finishReload(now: now)
    }
    lookUpNames(now: now)
    probe(now: now)
    if now >= failover.nextDeadline { perform(failover.tick(now: now), now: now) }
  }

  mutating func emit(_ effect: Effect) { effects.append(effect) }

  /// Logs a line that only an operator or the process itself causes. All others are limited.
  mutating func logAlways(_ level: LogLevel, _ message: String, _ fields: [LogField] = []) {
    emit(.log(level, message, fields))
  }

  /// Logs a line about a server, at most ten of a message in a minute.
  mutating func log(
    _ level: LogLevel, _ server: ServerID, _ message: String, _ fields: KeyValuePairs<String, String> = [:]
  ) {
    logOften(level, message, about: ("server", label(server)), fields.map { ($0, $1) }, now: tickedAt)
  }

  /// Logs a line about one server or host, which begins with that: at most ten of a message in a minute.
  mutating func logOften(
    _ level: LogLevel, _ message: String, about field: LogField, _ fields: [LogField] = [], count: Int = 1,
    now: Instant
  ) {
    let most = level == .debug ? LineLimits.mostOfOneInDebug : LineLimits.mostOfOne
    logLimited(
      level, message, [field] + fields, .init(message, about: field), most: most, count: count, now: now)
  }

  /// Logs a line that may be due very often, at most one with its message in a minute.
  package mutating func logSeldom(
    _ level: LogLevel, _ message: String, _ fields: [LogField], count: Int = 1, now: Instant
  ) {
    logLimited(level, message, fields, .init(message), count: count, now: now)
  }

  /// The field `left_out` is the number of events since the line before that have none.
  private mutating func logLimited(
    _ level: LogLevel, _ message: String, _ fields: [LogField], _ kind: LineLimits.Kind, most: Int = 1,
    count: Int = 1, now: Instant
  ) {
    guard let leftOut = lineLimits.take(kind, level, most: most, count: count, now: now) else { return }
    emit(.log(level, message, fields + (leftOut > 0 ? [("left_out", "\(leftOut)")] : [])))
  }

  /// Logs how many lines were left out of each kind, unless a further one has reported that.
  private mutating func logLeftOut(now: Instant) {
    for (kind, level, count) in lineLimits.takeLeftOut(now: now) {
      let about: [LogField] = kind.name.isEmpty ? [] : [(kind.name, kind.value)]
      logAlways(
        level, "log lines left out", about + [("line", kind.message), ("left_out", "\(count)")])
    }
  }

  /// The next random number: its high bits, which make the jitter, are good enough in a linear sequence.
  mutating func nextRandom() -> UInt64 {
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return random
  }

  // MARK: - What operators see

  /// Keys deleted on servers since the start.
  package var keysDeleted: Int { failover.deleted }

  func label(_ server: ServerID) -> String {
    runtimePlan.members(of: server).first?.settings.address ?? "server-\(server)"
  }

  /// The ids of a pool and of a listener of the configuration.
  package mutating func id(ofPool name: String) -> PoolID { registry.id(ofPool: name) }
  package mutating func id(ofListener endpoint: Endpoint) -> ListenerID {
    registry.id(ofListener: endpoint)
  }

  /// Everything that operators see of it. `time`: seconds since 1970, by which changes of a server's state are dated.
  package mutating func report(time: Double) -> ControlReport {
    var report = ControlReport()
    report.reloads = reloads
    report.reloadFailures = reloadFailures
    report.hosts.lookups = hostLookups
    report.hosts.failures = hostLookupFailures
    report.hosts.addressChanges = addressChanges
    report.memoryLimit = runtimePlan.plan.limits.memory * max(1, workers)
    report.lastReloadError = lastReloadError
    report.isDraining = isDraining
    report.listeners = zip(runtimePlan.plan.listeners, settings.listeners).map { id, listener in
      ListenerReport(id: id, listener.endpoint.description)
    }
    report.numbers.set(.hostsWithSeveralAddresses, to: names.hostsWithSeveralAddresses)
    report.numbers.set(.configUnreadable, to: isFileUnreadable ? 1 : 0)
    report.numbers.set(.settingsHiddenByFlags, to: hiddenChanges)
    report.servers = runtimePlan.plan.servers.map { self.report(on: $0.id, $0.label, time: time) }
    report.pools = zip(runtimePlan.plan.pools, settings.pools).map { pool, settings in
      PoolReport(id: pool.id, name: settings.name, servers: pool.servers)
    }
    return report
  }

  private mutating func report(on server: ServerID, _ label: String, time: Double) -> ServerReport {
    var record = records[server] ?? ServerRecord()
    let state = state(of: server)
    if record.shown?.state != state { record.shown = (state, since: time) }
    records[server] = record
    let pools = runtimePlan.members(of: server).map { settings.pools[$0.pool].name }
    var report = ServerReport(id: server, label: label, pools: pools)
    report.state = state
    if failover.status(of: server) == .ejected { report.ejectedFrom = failover.ejectedFrom(server) }
    report.note = record.caveat?.words
    if state == .ejected || state == .down { report.cause = record.cause.map { "\($0.words)" } }
    report.since = record.shown?.since ?? time
    report.ejections = record.ejections
    return report
  }

  private func state(of server: ServerID) -> ServerState {
    let status = failover.status(of: server)
    if status == .up { return .up }
    if board.isMarked(server) { return .markedDown }
    if board.isJoining(server) { return .joining }
    return status == .ejected ? .ejected : .down
  }
}
