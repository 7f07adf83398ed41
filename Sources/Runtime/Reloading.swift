import Bytes
import Health
import Net
import Proxy
import Settings

// A new configuration: read, checked and built whole beside the one in force, then handed to every
// worker between two of its requests. A bad one changes nothing.

/// A configuration that is good, and waits for names that were never looked up.
struct WaitingReload {
  let settings: ProxySettings
  let changes: [SettingsChange]
  let cause: Supervisor.ReloadCause
  let deadline: Instant

  /// All hosts that have to be looked up: those of servers and of listeners.
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
          "cannot watch the file: SIGHUP still reloads it",
          ["reason": error.description, "again": "each second"])
      }
      isFileUnwatched = true
      return
    }
    if isFileUnwatched { log.info("the file is watched") }
    isFileUnwatched = false
    if let descriptor = file?.descriptor { _ = loop.watch(descriptor, token: Token(kind: Kind.file)) }
    // It may have changed between being read and being watched.
    fileChangedAt = Clock.now()
  }

  /// Something happened to the file. An editor takes several steps to write one: wait until it rests.
  func fileMoved(now: Instant) {
    if file?.drain() == true { fileChangedAt = now }
  }

  /// What a reload is for.
  enum ReloadCause: String {
    case signal = "SIGHUP"
    case file = "the file has changed"
  }

  func reload(_ cause: ReloadCause, now: Instant) {
    let why = cause.rawValue
    guard drainDeadline == nil else { return }
    deferLargeValue = nil
    let new: ProxySettings
    do throws(ConfigFailure) {
      new = try reserve.lend { () throws(ConfigFailure) in try launch.settings(isServing: true) }
    } catch {
      let reasons = error.errors.map(\.description)
      return error.isPassing ? tryAgain(cause, reasons, now: now) : keepOld(reasons, why: why)
    }
    if let waiting {
      if SettingsChange.compare(waiting.settings, new).isEmpty { return }
      // What waits for its names goes first, with what is known.
      complete(waiting, now: now)
    }
    let changes = SettingsChange.compare(settings, new)
    guard !changes.isEmpty else {
      // Whoever asked is told; a file may be touched for no reason.
      if cause == .signal { log.info("reload: nothing has changed", ["why": why]) }
      // The file that is in force is back.
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

  /// Takes the configuration that waits, once its names were looked up or it has waited long enough.
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

  /// Opens what is new in a configuration. What fails here has changed nothing.
  private func prepare(_ new: ProxySettings) throws(StartFailure) -> [ListeningSocket] {
    let known = names
    var opened: [ListeningSocket] = []
    for listener in new.listeners where !listeningSockets.contains(where: { $0.settings == listener }) {
      opened.append(try ListeningSocket(listener) { host, port in known.address(ofHost: host, port: port) })
    }
    if new.log.destination != settings.log.destination { try LogSink.check(new.log.destination) }
    return opened
  }

  /// It may work in a moment: it is tried again each second, and that is said once.
  private func tryAgain(_ cause: ReloadCause, _ reasons: [String], now: Instant) {
    deferLargeValue = (cause, until: now.advanced(by: .seconds(1)))
    guard lastReloadError != reasons.first else { return }
    reloadFailures += 1
    lastReloadError = reasons.first ?? ""
    log.warning(
      "reload put off: tried again each second", ["why": cause.rawValue, "reason": lastReloadError])
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
    let changes = board.reload(runtimePlan.healthPools, at: now)
    findMembers()
    let ids = Set(runtimePlan.members.map(\.id))
    for server in Array(sessions.keys) where !ids.contains(server) { leave(server) }
    waitingProbes = waitingProbes.filter { ids.contains($0.key) }
    records = records.filter { ids.contains($0.key) }
    tell(.apply(runtimePlan.plan, addresses: addresses, named: names.named))
    let keepsRings = rings == runtimePlan.plan.routing
    perform(failover.reload(runtimePlan.handoverPools, keepsRings: keepsRings, now: now), now: now)
    // The floor may fall otherwise among the new servers.
    apply(changes, now: now)
  }
}
