import Bytes
import CRingroad
import Control
import Glibc
import Net
import Settings
import Stats
import Topology

/// The control thread: it accepts clients and places them at workers, carries out what the `ControlPlane` decides, and
/// shuts the process down in order. Nothing here is on the path of a request.
///
///     signals, the watched file, lookups, workers' reports, probe sessions ─▶ ControlPlane ─▶ Performing.swift
///     listeners ─▶ Accepting.swift: descriptors, to the least loaded worker
final class Supervisor {
  enum Kind {
    static let listener: UInt8 = 1
    static let mail: UInt8 = 2
    static let signal: UInt8 = 3
    static let file: UInt8 = 4
    static let tick: UInt8 = 5
    static let session: UInt8 = 6
    static let names: UInt8 = 7
    static let admin: UInt8 = 8
  }

  let launch: LaunchOptions
  let log: Log
  var control: ControlPlane
  var loop: EventLoop
  let signals: Signals
  var file: FileWatch?
  var isFileUnwatched = false
  let resolver: Resolver
  var listeningSockets: [ListeningSocket] = []
  /// Clients that have connected to each address, and to all when that was last reported.
  var accepted: [Endpoint: UInt64] = [:]
  private var acceptedSoFar: UInt64 = 0
  var workers: [Mailbox<ControlMessage>] = []
  let outbox: Mailbox<WorkerReport>
  /// To and from the admin thread, and the reloads that it waits for.
  let adminRequests: Mailbox<AdminRequest>
  let adminReplies: Mailbox<AdminReply>
  var reloadRequests: [HTTPRequest.ID] = []
  /// The admin interface's listener, if there is one: open until the process ends.
  var adminSocket: ListeningSocket?
  let sharedStats: SharedStats
  var placement: ClientPlacement
  var sessionSockets: [ServerID: SessionSocket] = [:]
  var scratch = Scratch(capacity: 4096)
  var reserve = DescriptorReserve(DescriptorBudget.reserve)
  /// The most clients: the configured number, or fewer if there are too few descriptors.
  var mostClients = 0
  /// Messages that all workers get at the end of the turn.
  var news: [ControlMessage] = []
  var acceptingAgainAt: Instant?
  var ticks = 0
  var running = 0
  var drainDeadline: Instant?
  /// The workers were told to fail the requests in flight and end.
  var isGivingUp = false
  var hasEnded = false
  /// The process's exit code.
  private var exitCode: Int32 = 0

  init(
    settings: ProxySettings, launch: LaunchOptions, log: Log, signals: consuming Signals,
    listeningSockets: [ListeningSocket], lookup: @escaping Resolver.Lookup = Resolver.system
  ) throws(StartFailure) {
    self.launch = launch
    self.log = log
    self.signals = signals
    self.listeningSockets = listeningSockets
    do throws(SystemError) {
      loop = try EventLoop()
      outbox = try Mailbox()
      adminRequests = try Mailbox()
      adminReplies = try Mailbox()
      resolver = try Resolver(lookup)
    } catch {
      throw StartFailure(error.description)
    }
    let workers = settings.threads ?? Self.cores
    control = ControlPlane(settings, workers: workers, seed: UInt64.random(in: 0 ... .max), at: Clock.now())
    sharedStats = SharedStats(workers: workers)
    placement = ClientPlacement(workers: workers)
    findServers()
  }

  /// How long the workers may take to fail the requests in flight after the drain deadline.
  static let lastWords = Duration.milliseconds(500)

  /// The default number of workers: one for each processor that the process may keep busy. Read once, because
  /// everything that is sized by the number of workers must agree.
  static let cores = min(max(1, Processors.usable), Bounds.threads.upperBound)

  /// Starts the workers and serves until a signal ends the process. Returns the exit code.
  func run() -> Int32 {
    do throws(SystemError) {
      try startWorkers()
    } catch {
      log.error("cannot start", ["reason": error.description])
      return 1
    }
    watchEverything()
    countDescriptors(for: control.settings)
    report()
    log.info("serving", ["version": Release.version, "what": control.settings.summary])
    for listeningSocket in listeningSockets {
      log.info("listening", ["address": "\(listeningSocket.listener.address)"])
    }
    if let adminSocket { startAdmin(on: adminSocket) }
    while !hasEnded {
      guard loop.runOnce(maxWait: nil) else { break }
      let now = Clock.now()
      for i in 0..<loop.readyCount { handle(loop.ready(i), now: now) }
      loop.clearReady()
      sendNews()
    }
    return exitCode
  }

  /// Posts the queued messages together: if many servers fail in one turn, each worker is woken once.
  private func sendNews() {
    if !news.isEmpty {
      for worker in workers { worker.post(contentsOf: news) }
      news.removeAll(keepingCapacity: true)
    }
    if control.isReportDue { report() }
  }

  private func startWorkers() throws(SystemError) {
    let count = control.settings.threads ?? Self.cores
    let seats = CPUPinning(control.settings.pinsThreads ? Processors.allowed() : nil, workers: count)
    seats.announce(to: log)
    for number in 0..<count {
      let inbox = try Mailbox<ControlMessage>()
      workers.append(inbox)
      let (plan, addresses, outbox, sharedStats, log) = (
        control.runtimePlan.plan, control.names.addresses, self.outbox, self.sharedStats, self.log
      )
      let named = control.names.named
      let processID = getpid()
      let seat = seats.processor(of: number)
      let isStarted = Thread.start(name: "ringroad-\(number)") {
        // Before anything else, so that the worker's memory is allocated near its processor.
        CPUPinning.take(seat, worker: number, log: log)
        do throws(SystemError) {
          var thread = try WorkerThread(
            number: number, plan: plan, addresses: addresses, named: named, processID: processID,
            inbox: inbox,
            outbox: outbox, sharedStats: sharedStats)
          thread.run()
        } catch {
          log.error("a worker cannot start", ["worker": "\(number)", "reason": error.description])
          outbox.post(.ended(worker: number))
        }
      }
      guard isStarted else { throw SystemError(errno: EAGAIN, operation: "start a thread") }
      running += 1
    }
  }

  private func watchEverything() {
    _ = loop.watch(outbox.bell, token: Token(kind: Kind.mail))
    _ = loop.watch(adminRequests.bell, token: Token(kind: Kind.admin))
    _ = loop.watch(resolver.answers.bell, token: Token(kind: Kind.names))
    _ = loop.watch(signals.descriptor, token: Token(kind: Kind.signal))
    for (i, listeningSocket) in listeningSockets.enumerated() { open(listeningSocket, at: i) }
    watchFile()
    loop.tick(every: .milliseconds(10), token: Token(kind: Kind.tick))
  }

  private func handle(_ ready: Ready, now: Instant) {
    switch ready.token.kind {
    case Kind.listener: accept(at: Int(ready.token.index), now: now)
    case Kind.mail: readReports(now: now)
    case Kind.names: readAnswers(now: now)
    case Kind.admin: readAdminRequests(now: now)
    case Kind.signal: while let number = signals.next() { heard(number, now: now) }
    case Kind.file: fileMoved(now: now)
    case Kind.session: sessionReady(ServerID(ready.token.index), ready.events, now: now)
    default: tick(now: now)
    }
  }

  private func tick(now: Instant) {
    control.tick(now: now)
    perform(now: now)
    // A symbolic link further up the path is not watched: check once a second.
    ticks &+= 1
    if ticks % 100 == 0 {
      if file == nil { watchFile() } else { fileMoved(now: now) }
      checkFile(now: now)
      sharedStats.linesDropped.store(log.linesDropped, ordering: .relaxed)
      reserve.refill()
      placement.note(sharedStats.work())
      let all = accepted.values.reduce(0, &+)
      if all != acceptedSoFar {
        acceptedSoFar = all
        control.isReportDue = true
      }
    }
    // Every 10 s, return memory that a burst has left: malloc would keep free blocks in the middle of its heaps.
    if ticks % 1000 == 0 { ringroad_trim_memory() }
    if let again = acceptingAgainAt, now >= again { resumeAccepting() }
    if let deadline = drainDeadline, now >= deadline {
      guard !isGivingUp else {
        hasEnded = true
        return
      }
      log.warning(
        "drain deadline passed: the requests in flight fail", ["clients": "\(sharedStats.clients)"])
      isGivingUp = true
      drainDeadline = now.advanced(by: Self.lastWords)
      news.append(.stop)
    }
  }

  // MARK: - Signals and the end

  private func heard(_ number: Int32, now: Instant) {
    switch number {
    case SIGHUP:
      log.reopen(control.settings.log)
      control.reload(.signal, now: now)
      perform(now: now)
    case SIGUSR1:
      log.reopen(control.settings.log)
      log.info("log reopened", ["why": "SIGUSR1"])
    case SIGUSR2: log.info("SIGUSR2 does nothing: restart the proxy to upgrade it")
    case SIGTERM, SIGINT, SIGQUIT:
      guard drainDeadline == nil else {
        log.warning("second signal to stop: ending without answering the requests in flight")
        hasEnded = true
        return
      }
      drain(now: now)
    default: break
    }
  }

  private func drain(now: Instant) {
    log.info("draining", ["clients": "\(sharedStats.clients)"])
    // Accept what is already in the backlog, then close the listeners, so that later connects are refused rather than
    // left hanging.
    for i in listeningSockets.indices { accept(at: i, now: now) }
    drainDeadline = now.advanced(by: control.settings.drainTimeout)
    control.isDraining = true
    reloadEnded(.refused("the proxy is stopping"))
    report()
    for listeningSocket in listeningSockets { close(listeningSocket) }
    listeningSockets.removeAll()
    news.append(.drain)
  }

  func workerEnded(_ number: Int) {
    running -= 1
    if running == 0 { hasEnded = true }
    guard drainDeadline == nil else { return }
    // Its clients would wait for ever, and new ones would be placed there: end, so that the service manager restarts
    // the proxy.
    log.error("a worker has ended unexpectedly: the proxy ends", ["worker": "\(number)"])
    exitCode = 1
    hasEnded = true
  }

  /// Publishes what operators see besides the workers' counters.
  func report() {
    control.isReportDue = false
    var report = control.report(time: Clock.time())
    report.version = Release.version
    report.processID = getpid()
    report.workers = workers.count
    report.clientLimit = mostClients
    report.configPath = launch.configPath
    for (i, listener) in control.settings.listeners.enumerated() where report.listeners.indices.contains(i) {
      report.listeners[i].accepted = accepted[listener.endpoint] ?? 0
    }
    sharedStats.publish(report, control.settings)
  }

  // MARK: - The configuration file

  private func watchFile() {
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
    control.fileChangedAt = Clock.now()
  }

  /// Checks once a second that the file could be read again, at a reload or after a restart.
  private func checkFile(now: Instant) {
    guard let path = launch.configPath else { return }
    control.fileChecked(unreadable: FileWatch.unreadable(path), now: now)
    perform(now: now)
  }

  private func fileMoved(now: Instant) {
    if file?.drain() == true { control.fileChangedAt = now }
  }
}
