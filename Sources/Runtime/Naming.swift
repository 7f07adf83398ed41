import Bytes
import Glibc
import Health
import Net
import Proxy
import Settings
import Topology

// The servers' addresses. Separate threads look names up at the start, every 30 s, on SIGHUP and when a server fails; a
// server that has another address then is moved to it.

extension Supervisor {
  /// The longest time that the start, or a reload, waits for names that were never looked up.
  static let patience = Duration.seconds(2)

  /// Looks all servers up for the first time. A server that is not found in time is unreachable until it is found.
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
      log.warning(
        "names not found in time: servers with these names are unreachable until a lookup ends",
        ["waited": "\(Self.patience)"])
    }
  }

  /// Makes the resolver cache hold the servers of the configuration in force, and no others; copies their addresses.
  func findMembers() {
    names.keep(runtimePlan.members.map { ($0.id, $0.settings.endpoint) })
    addresses = names.addresses
  }

  /// Looks up the names of servers that are out as often as allowed: such a server may have another address by now.
  func lookUpThoseOut(now: Instant) {
    for member in runtimePlan.members where board.status(of: member.id) != .up {
      names.failed(member.id, at: now)
    }
  }

  /// Starts the lookups that are due.
  func askForNames(now: Instant) {
    for host in names.due(at: now) {
      hostLookups += 1
      resolver.ask(host)
    }
  }

  /// Handles the results of lookups that have ended.
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

  /// Puts a lookup's result into the resolver cache and logs what changed.
  private func note(_ answer: Resolver.Answer, now: Instant) -> [ResolverCache.Change] {
    if case .failure = answer.result { hostLookupFailures += 1 }
    let changes = names.answered(answer.host, answer.result, at: now)
    for change in changes {
      switch change {
      case .lost(let host, let reason):
        log.warning(
          "host not found", ["host": host, "reason": reason, "instead": "its last known addresses, if any"])
      case .found(let host): log.info("host found again", ["host": host])
      case .confirmed: break
      case .moved(let server, let from, let to):
        log.info(
          "server address changed",
          ["server": label(server), "from": from.map { "\($0)" } ?? "none", "to": "\(to)"])
      }
    }
    return changes
  }

  /// Moves a server to a new address. It is another machine, so the old one's health says nothing about it.
  private func move(_ server: ServerID, from: Address?, to: Address, now: Instant) {
    if from != nil { addressChanges += 1 }
    send(server, to: to)
    abandonSession(server, now: now)
    board.moved(server, at: now)
  }

  /// Tells all workers a server's address. A server that is out and was used elsewhere before may hold keys that have
  /// changed meanwhile, and no journal lists these: it is flushed before it returns.
  private func send(_ server: ServerID, to address: Address) {
    addresses[server] = address
    tell(.moved(server: server, to: address))
    if names.hasServed(server) { failover.moved(server) }
  }

  // MARK: - Failures

  /// Whether an event concerns an address that is no longer used.
  func isPast(_ workerEvent: WorkerEvent, at address: Address?) -> Bool {
    switch workerEvent {
    case .failed(let server, _), .unanswered(let server, _), .full(let server), .unsuited(let server, _):
      address != addresses[server]
    default: false
    }
  }

  /// Has a failed server's name looked up again. If no connection to its present address ever succeeded, the next
  /// address is tried before the failure counts. Returns whether there is one.
  func triesElsewhere(_ server: ServerID, now: Instant) -> Bool {
    names.failed(server, at: now)
    guard board.status(of: server) == .up, !names.isProven(server) else { return false }
    return goesOn(server)
  }

  /// Moves a server that does not answer to the next address of its name; false when all were tried.
  func goesOn(_ server: ServerID) -> Bool {
    let before = names.address(of: server)
    guard let address = names.next(server) else { return false }
    log.debug(
      "trying the next address of a server",
      ["server": label(server), "from": before.map { "\($0)" } ?? "none", "to": "\(address)"])
    send(server, to: address)
    return true
  }

  /// Notes that a connection to a server was opened at an address.
  func reached(_ server: ServerID, at address: Address) {
    guard addresses[server] == address else { return }
    names.proved(server)
    records[server, default: ServerRecord()].hasAnswered = true
  }
}
