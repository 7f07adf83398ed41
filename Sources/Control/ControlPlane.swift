import Bytes
import Health
import Proxy
import Settings
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
    /// Connect a probe session to this address; report `sessionConnected` or `sessionFailed`.
    case open(ServerID, Endpoint)
    /// Send `unsent(on:)`, and report `sent`, or `sendFailed`.
    case send(ServerID)
    /// Close the session's connection, if it is open.
    case close(ServerID)
    /// Look this host up; report `lookedUp`.
    case lookUp(String)
    /// Read and check the configuration; report `read`.
    case readSettings(ReloadCause)
    /// Open the listeners and the log of this configuration, close the others, and report `prepared`.
    case prepare(ProxySettings)
    /// Publish `rows`.
    case report
    case setLogLevel(LogSettings.Level)
    case log(LogEntry)
  }

  /// A line for the log.
  package struct LogEntry: Sendable {
    package let level: LogSettings.Level
    package let message: String
    package let fields: KeyValuePairs<String, String>
  }

  /// The configuration in force.
  package internal(set) var settings: ProxySettings
  package internal(set) var runtimePlan: RuntimePlan
  var registry = ServerRegistry()
  let workers: Int
  var board: HealthBoard
  var failover: FailoverCoordinator
  var sessions: [ServerID: ProbeSession] = [:]
  var jobs: [ServerID: FailoverCoordinator.CleanupJob] = [:]
  /// Probes that are due and wait for a lookup of their server's name, with the end of the wait.
  var waitingProbes: [ServerID: Instant] = [:]
  var records: [ServerID: ServerRecord] = [:]
  var names = ResolverCache()
  /// The servers' addresses, as the workers know them.
  package internal(set) var addresses: [ServerID: Endpoint] = [:]
  var hostLookups = 0
  var hostLookupFailures = 0
  var addressChanges = 0
  /// A configuration that waits for the lookup of its names, and one that is being prepared.
  var waiting: WaitingReload?
  var preparing: WaitingReload?
  /// A reload that failed for a lack of descriptors or memory, and when to try it again.
  var postponedReload: (cause: ReloadCause, until: Instant)?
  /// When the file was last seen to change, if it has not been read since.
  var fileChangedAt: Instant?
  var reloads = 0
  var reloadFailures = 0
  var lastReloadError = ""
  /// Status changes that some workers have not applied yet, by ticket: the server, since when, and how many workers are
  /// left.
  var decisions: [UInt64: (server: ServerID, since: Instant, left: Int)] = [:]
  /// No probe and no reload is begun any more.
  var isDraining = false
  /// Whether a server's status has changed since `rows` were last published: do so at the end of the turn.
  package var isReportDue = false
  private var ticks = 0
  private var random: UInt64
  private var effects: [Effect] = []

  /// All servers start up. `seed` makes the probes' jitter; `limits` are the workers', as far as the configuration does
  /// not set them.
  package init(_ settings: ProxySettings, workers: Int, seed: UInt64, limits: Limits = Limits()) {
    self.settings = settings
    self.workers = workers
    random = seed
    runtimePlan = RuntimePlan(settings, workers: workers, limits: limits, registry: &registry) { _ in .up }
    board = HealthBoard(runtimePlan.plan.pools)
    failover = FailoverCoordinator(
      runtimePlan.plan.pools, workers: workers, limits: runtimePlan.plan.limits)
    findMembers()
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
    reloadWhatIsDue(now: now)
    if ticks % 100 == 0 { forgetFull(now: now) }
    if ticks % 10 == 0 {
      lookUpThoseOut(now: now)
      finishReload(now: now)
    }
    lookUpNames(now: now)
    probe(now: now)
    if now >= failover.nextDeadline { perform(failover.tick(now: now), now: now) }
  }

  /// The process is about to end.
  package mutating func drain() { isDraining = true }

  mutating func emit(_ effect: Effect) { effects.append(effect) }

  mutating func tell(_ message: ControlMessage) { emit(.tell(message)) }

  mutating func log(
    _ level: LogSettings.Level, _ message: String, _ fields: KeyValuePairs<String, String> = [:]
  ) {
    emit(.log(LogEntry(level: level, message: message, fields: fields)))
  }

  /// The next random number (SplitMix64).
  mutating func nextRandom() -> UInt64 {
    random &+= 0x9e37_79b9_7f4a_7c15
    var z = random
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  // MARK: - What operators see

  /// Keys deleted on servers since the start.
  package var keysDeleted: Int { failover.deleted }

  func label(_ server: ServerID) -> String {
    runtimePlan.members.first { $0.id == server }?.settings.address ?? "server-\(server)"
  }

  /// The names of the servers' rows in `stats ringroad`.
  package var serverNames: [(id: ServerID, name: String)] {
    runtimePlan.members.map {
      ($0.id, "server:\(settings.pools[$0.pool].name):\($0.settings.address)")
    }
  }

  /// The rows that `stats ringroad` shows besides the counters.
  package var rows: [(name: String, value: String)] {
    var rows: [(name: String, value: String)] = [
      ("reloads", "\(reloads)"), ("reload_failures", "\(reloadFailures)"),
      ("host_lookups", "\(hostLookups)"), ("host_lookup_failures", "\(hostLookupFailures)"),
      ("address_changes", "\(addressChanges)"),
      ("memory_limit", "\(runtimePlan.plan.limits.memory * max(1, workers))"),
    ]
    if !lastReloadError.isEmpty { rows.append(("last_reload_error", lastReloadError)) }
    for (id, name) in serverNames {
      rows.append((name, failover.status(of: id).word))
      if let caveat = records[id]?.caveat { rows.append(("\(name):note", caveat.words)) }
    }
    return rows
  }
}

extension ServerStatus {
  var word: String {
    switch self {
    case .up: "up"
    case .ejected: "ejected"
    case .failFast, .returning: "down"
    }
  }
}
