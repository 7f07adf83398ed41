import Bytes
import Glibc
import Health
import Net
import Proxy
import Settings

// Where the servers are. Names are looked up at the start, every 30 s, on SIGHUP and when a server fails, by
// threads that nobody waits for; who is found elsewhere is moved there.

extension Supervisor {
  /// The longest that the start, or a reload, waits for names that were never looked up.
  static let patience = Duration.seconds(2)

  /// Finds everybody for the first time. Whoever is not found in time is unreachable until it is.
  func findServers() {
    findMembers()
    askForNames(now: Clock.now())
    let deadline = Clock.now().advanced(by: Self.patience)
    while !names.isComplete && Clock.now() < deadline {
      usleep(1000)
      for answer in resolver.answers.take() { _ = note(answer, now: Clock.now()) }
    }
    addresses = names.addresses
    if !names.isComplete {
      log.warning("names not found in time: starting without", ["waited": "\(Self.patience)"])
    }
  }

  /// The servers of the configuration in force, and no others, are where the book says.
  func findMembers() {
    names.keep(runtimePlan.members.map { ($0.id, $0.settings.endpoint) })
    addresses = names.addresses
  }

  /// A server that is out may be elsewhere by now: its name is looked up as often as may be.
  func lookUpThoseOut(now: Instant) {
    for member in runtimePlan.members where board.status(of: ServerID(member.id)) != .up {
      names.failed(member.id, at: now)
    }
  }

  /// Asks for the names whose time has come.
  func askForNames(now: Instant) {
    for host in names.due(at: now) {
      hostLookups += 1
      resolver.ask(host)
    }
  }

  /// Lookups have ended.
  func readAnswers(now: Instant) {
    for answer in resolver.answers.take() {
      for change in note(answer, now: now) {
        switch change {
        case .moved(let server, let from, let to): move(server, from: from, to: to, now: now)
        case .confirmed(let server, let asked): tell(.confirmed(server: server, asked: asked))
        case .lost, .found: break
        }
      }
    }
    finishReload(now: now)
    report()
  }

  /// Takes an answer to the book, and what it changes to the log.
  private func note(_ answer: Resolver.Answer, now: Instant) -> [ResolverCache.Change] {
    if case .failure = answer.result { hostLookupFailures += 1 }
    let changes = names.answered(answer.host, answer.result, at: now)
    for change in changes {
      switch change {
      case .lost(let host, let reason):
        log.warning("host not found", ["host": host, "reason": reason, "instead": "what was known of it"])
      case .found(let host): log.info("host found again", ["host": host])
      case .confirmed: break
      case .moved(let server, let from, let to):
        log.info(
          "server address",
          ["server": label(server), "from": from.map { "\($0)" } ?? "none", "to": "\(to)"])
      }
    }
    return changes
  }

  /// The name means another machine: what was known of the old one's health says nothing of it.
  private func move(_ server: UInt32, from: Address?, to: Address, now: Instant) {
    if from != nil { addressChanges += 1 }
    send(server, to: to)
    abandonSession(server, now: now)
    board.moved(ServerID(server), at: now)
  }

  /// Tells everybody where a server is. One that is out and has been used elsewhere may hold what changed there
  /// meanwhile, and nobody has kept a list of that: it is flushed before it comes back.
  private func send(_ server: UInt32, to address: Address) {
    addresses[server] = address
    tell(.moved(server: server, to: address))
    if names.hasServed(server) { failover.moved(server) }
  }

  // MARK: - Failures

  /// Whether a failure is about an address that is not used any more.
  func isPast(_ workerEvent: WorkerEvent, at address: Address?) -> Bool {
    switch workerEvent {
    case .failed(let server, _), .unanswered(let server, _), .full(let server), .unsuited(let server, _):
      address != addresses[server]
    default: false
    }
  }

  /// A server failed. Its name is looked up again; and as long as nobody was reached at its present address,
  /// the next one is tried before it counts as a failure. Returns whether there is one.
  func triesElsewhere(_ server: UInt32, now: Instant) -> Bool {
    names.failed(server, at: now)
    guard board.status(of: ServerID(server)) == .up, !names.isProven(server) else { return false }
    return goesOn(server)
  }

  /// Moves a server that does not answer to the next address of its name; false when all were tried.
  func goesOn(_ server: UInt32) -> Bool {
    let before = names.address(of: server)
    guard let address = names.next(server) else { return false }
    log.debug(
      "next address",
      ["server": label(server), "from": before.map { "\($0)" } ?? "none", "to": "\(address)"])
    send(server, to: address)
    return true
  }

  /// A connection to a server was made.
  func reached(_ server: UInt32, at address: Address) {
    guard addresses[server] == address else { return }
    names.proved(server)
    records[server, default: ServerRecord()].hasAnswered = true
  }
}
