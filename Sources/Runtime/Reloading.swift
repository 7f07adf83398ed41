import Bytes
import Health
import Net
import Proxy
import Settings

// Reloading: the supervisor reads, checks and builds a new configuration beside the one in force, then hands it to
// every worker, which applies it between two requests. A bad configuration changes nothing.

/// A valid configuration that waits for the lookup of names that were never looked up.
struct WaitingReload {
  let settings: ProxySettings
  let changes: [SettingsChange]
  let cause: Supervisor.ReloadCause
  let deadline: Instant

  /// The host names of its servers and listeners.
  var names: [String] {
    let servers = settings.pools.flatMap(\.servers).map(\.endpoint)
    return (servers + settings.listeners.map(\.endpoint)).compactMap(ResolverCache.name)
  }
}

extension Supervisor {
  func watchFile() {
    guard let path = launch.configPath else { return }
    do throws(SystemError) {
      file = try reserve.lend { () throws(SystemError) in try FileWatch(path: path) }
    } catch {
      if !isFileUnwatched {
        log.warning(
          "cannot watch the configuration file: only SIGHUP reloads it",
          ["reason": error.description, "again": "each second"])
      }
      isFileUnwatched = true
      return
    }
    if isFileUnwatched { log.info("the configuration file is watched again") }
    isFileUnwatched = false
    if let descriptor = file?.descriptor { _ = loop.watch(descriptor, token: Token(kind: Kind.file)) }
    // The file may have changed between being read and being watched.
    fileChangedAt = Clock.now()
  }

  /// Notes that the file has changed. An editor writes a file in several steps: the reload waits until they are over.
  func fileMoved(now: Instant) {
    if file?.drain() == true { fileChangedAt = now }
  }

  /// What caused a reload.
  enum ReloadCause: String {
    case signal = "SIGHUP"
    case file = "the file has changed"
  }

  func reload(_ cause: ReloadCause, now: Instant) {
    let why = cause.rawValue
    guard drainDeadline == nil else { return }
    postponedReload = nil
    let new: ProxySettings
    do throws(ConfigFailure) {
      new = try reserve.lend { () throws(ConfigFailure) in try launch.settings(isServing: true) }
    } catch {
      let reasons = error.errors.map(\.description)
      return error.isPassing ? tryAgain(cause, reasons, now: now) : keepOld(reasons, why: why)
    }
    if let waiting {
      if SettingsChange.compare(waiting.settings, new).isEmpty { return }
      // The waiting configuration is applied first, with the addresses known so far.
      complete(waiting, now: now)
    }
    let changes = SettingsChange.compare(settings, new)
    guard !changes.isEmpty else {
      // A signal is answered with a log line; a file may be touched without a change.
      if cause == .signal { log.info("reload: nothing has changed", ["why": why]) }
      // The file is again the configuration in force.
      if !lastReloadError.isEmpty {
        lastReloadError = ""
        report()
      }
      return
    }
    let next = WaitingReload(
      settings: new, changes: changes, cause: cause, deadline: now.advanced(by: Self.patience))
    for name in next.names { names.wantLookup(of: name) }
    askForNames(now: now)
    waiting = next
    finishReload(now: now)
  }

  /// Applies the waiting configuration once its names were looked up or its deadline has passed.
  func finishReload(now: Instant) {
    guard let waiting, drainDeadline == nil else { return }
    guard now >= waiting.deadline || waiting.names.allSatisfy(names.isAnswered) else { return }
    complete(waiting, now: now)
  }

  private func complete(_ reload: WaitingReload, now: Instant) {
    waiting = nil
    let (new, why) = (reload.settings, reload.cause.rawValue)
    let opened: [ListeningSocket]
    do throws(StartFailure) {
      opened = try reserve.lend { () throws(StartFailure) in try prepare(new) }
    } catch {
      findMembers()
      return error.isPassing
        ? tryAgain(reload.cause, [error.reason], now: now) : keepOld([error.reason], why: why)
    }
    take(new, opening: opened, now: now)
    reloads += 1
    lastReloadError = ""
    for change in reload.changes { log.info("reload", ["change": change.description, "why": why]) }
    report()
  }

  /// Opens a configuration's new listeners and checks its log destination. A failure here has changed nothing.
  private func prepare(_ new: ProxySettings) throws(StartFailure) -> [ListeningSocket] {
    let known = names
    var opened: [ListeningSocket] = []
    for listener in new.listeners where !listeningSockets.contains(where: { $0.settings == listener }) {
      opened.append(try ListeningSocket(listener) { host, port in known.address(ofHost: host, port: port) })
    }
    if new.log.destination != settings.log.destination { try LogSink.check(new.log.destination) }
    return opened
  }

  /// Schedules a retry in one second, for a failure that may be temporary. Logged once per reason.
  private func tryAgain(_ cause: ReloadCause, _ reasons: [String], now: Instant) {
    postponedReload = (cause, until: now.advanced(by: .seconds(1)))
    guard lastReloadError != reasons.first else { return }
    reloadFailures += 1
    lastReloadError = reasons.first ?? ""
    log.warning(
      "reload postponed: tried again each second", ["why": cause.rawValue, "reason": lastReloadError])
    report()
  }

  private func keepOld(_ reasons: [String], why: String) {
    reloadFailures += 1
    lastReloadError = reasons.first ?? ""
    for reason in reasons {
      log.error("reload refused: the old configuration stays", ["why": why, "reason": reason])
    }
    report()
  }

  private func take(_ new: ProxySettings, opening opened: [ListeningSocket], now: Instant) {
    let old = settings
    settings = new
    settings.threads = old.threads
    settings.pinsThreads = old.pinsThreads
    countDescriptors()
    if old.log != new.log { log.reopen(new.log) }
    for listeningSocket in listeningSockets where !new.listeners.contains(listeningSocket.settings) {
      close(listeningSocket)
    }
    listeningSockets.removeAll { !new.listeners.contains($0.settings) }
    for listeningSocket in listeningSockets { loop.unwatch(listeningSocket.watch) }
    listeningSockets += opened
    for (i, listeningSocket) in listeningSockets.enumerated() { open(listeningSocket, at: i) }
    let current = failover
    let rings = runtimePlan.plan.routing
    runtimePlan = RuntimePlan(new, workers: workers.count, registry: &registry) { current.status(of: $0) }
    let changes = board.reload(runtimePlan.plan.pools, at: now)
    findMembers()
    let ids = Set(runtimePlan.members.map(\.id))
    for server in Array(sessions.keys) where !ids.contains(server) { leave(server) }
    waitingProbes = waitingProbes.filter { ids.contains($0.key) }
    records = records.filter { ids.contains($0.key) }
    tell(.apply(runtimePlan.plan, addresses: addresses, named: names.named))
    let keepsRings = rings == runtimePlan.plan.routing
    perform(failover.reload(runtimePlan.plan.pools, keepsRings: keepsRings, now: now), now: now)
    // The floor may allow other servers to be ejected among the new ones.
    apply(changes, now: now)
  }
}
