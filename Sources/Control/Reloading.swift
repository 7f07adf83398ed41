import Bytes
import Proxy
import Settings
import Topology

// Reloading: a new configuration is read, checked and built beside the one in force, then given to every worker, which
// applies it between two requests. A bad configuration changes nothing.

/// What caused a reload.
package enum ReloadCause: String, Sendable {
  case signal = "SIGHUP"
  case file = "the file has changed"
}

/// A valid configuration that is not in force yet.
struct WaitingReload {
  let settings: ProxySettings
  let changes: [SettingsChange]
  let cause: ReloadCause
  /// When it is applied even if its names, which were never looked up, are still unknown.
  let deadline: Instant

  /// The host names of its servers and listeners.
  var names: [String] {
    let servers = settings.pools.flatMap(\.servers).map(\.endpoint)
    return (servers + settings.listeners.map(\.endpoint)).compactMap(ResolverCache.name)
  }
}

extension ControlPlane {
  /// Notes that the file has changed. An editor writes a file in several steps: the reload waits until they are over.
  package mutating func fileChanged(at now: Instant) { fileChangedAt = now }

  /// Begins the reloads whose time has come.
  mutating func reloadWhatIsDue(now: Instant) {
    if let changed = fileChangedAt, now.since(changed) >= .milliseconds(50) {
      fileChangedAt = nil
      reload(.file, now: now)
    }
    if let postponedReload, now >= postponedReload.until { reload(postponedReload.cause, now: now) }
  }

  /// Begins a reload; a signal also has all names looked up again.
  package mutating func reload(_ cause: ReloadCause, now: Instant) {
    if cause == .signal { names.refresh(at: now) }
    guard !isDraining else { return }
    postponedReload = nil
    emit(.readSettings(cause))
  }

  /// Handles the configuration that was read, or the reasons why there is none.
  package mutating func read(
    _ result: Result<ProxySettings, ConfigFailure>, _ cause: ReloadCause, now: Instant
  ) {
    let new: ProxySettings
    switch result {
    case .success(let settings): new = settings
    case .failure(let error):
      let reasons = error.errors.map(\.description)
      return error.isPassing ? tryAgain(cause, reasons, now: now) : keepOld(reasons, cause)
    }
    if let waiting {
      if SettingsChange.compare(waiting.settings, new).isEmpty { return }
      // The waiting configuration is applied first, with the addresses known so far.
      complete(waiting)
      return emit(.readSettings(cause))
    }
    let changes = SettingsChange.compare(settings, new)
    guard !changes.isEmpty else {
      // A signal is answered with a log line; a file may be touched without a change.
      if cause == .signal { log(.info, "reload: nothing has changed", ["why": cause.rawValue]) }
      // The file is again the configuration in force.
      lastReloadError = ""
      emit(.report)
      return
    }
    let next = WaitingReload(
      settings: new, changes: changes, cause: cause, deadline: now.advanced(by: Self.patience))
    for name in next.names { names.wantLookup(of: name) }
    lookUpNames(now: now)
    waiting = next
    finishReload(now: now)
  }

  /// Applies the waiting configuration once its names were looked up or its deadline has passed.
  mutating func finishReload(now: Instant) {
    guard let waiting, !isDraining else { return }
    guard now >= waiting.deadline || waiting.names.allSatisfy(names.isAnswered) else { return }
    complete(waiting)
  }

  private mutating func complete(_ reload: WaitingReload) {
    waiting = nil
    preparing = reload
    emit(.prepare(reload.settings))
  }

  /// The configuration's listeners are open, or could not be opened, and nothing has changed. `isPassing`: a retry may
  /// succeed.
  package mutating func prepared(failure: String? = nil, isPassing: Bool = false, now: Instant) {
    guard let reload = preparing else { return }
    preparing = nil
    if let failure {
      findMembers()
      return isPassing ? tryAgain(reload.cause, [failure], now: now) : keepOld([failure], reload.cause)
    }
    take(reload.settings, now: now)
    reloads += 1
    lastReloadError = ""
    for change in reload.changes {
      log(.info, "reload", ["change": change.description, "why": reload.cause.rawValue])
    }
    emit(.report)
  }

  /// Schedules a retry in one second, for a failure that may be temporary. Logged once per reason.
  private mutating func tryAgain(_ cause: ReloadCause, _ reasons: [String], now: Instant) {
    postponedReload = (cause, until: now.advanced(by: .seconds(1)))
    guard lastReloadError != reasons.first else { return }
    reloadFailures += 1
    lastReloadError = reasons.first ?? ""
    log(
      .warning, "reload postponed: tried again each second",
      ["why": cause.rawValue, "reason": lastReloadError])
    emit(.report)
  }

  private mutating func keepOld(_ reasons: [String], _ cause: ReloadCause) {
    reloadFailures += 1
    lastReloadError = reasons.first ?? ""
    for reason in reasons {
      log(
        .error, "reload refused: the old configuration stays", ["why": cause.rawValue, "reason": reason])
    }
    emit(.report)
  }

  private mutating func take(_ new: ProxySettings, now: Instant) {
    let (old, current) = (settings, failover)
    settings = new
    settings.threads = old.threads
    settings.pinsThreads = old.pinsThreads
    let before = runtimePlan.plan
    runtimePlan = RuntimePlan(
      new, workers: workers, limits: before.limits, after: before, registry: &registry
    ) {
      current.status(of: $0)
    }
    let changes = board.reload(runtimePlan.plan.pools, at: now)
    findMembers()
    let ids = Set(runtimePlan.members.map(\.id))
    for server in sessions.keys.sorted() where !ids.contains(server) { leave(server) }
    waitingProbes = waitingProbes.filter { ids.contains($0.key) }
    records = records.filter { ids.contains($0.key) }
    tell(.apply(runtimePlan.plan, addresses: addresses, named: named))
    perform(
      failover.reload(runtimePlan.plan.pools, keeping: runtimePlan.plan.keptPools, now: now), now: now)
    // The floor may allow other servers to be ejected among the new ones.
    apply(changes, now: now)
  }
}
