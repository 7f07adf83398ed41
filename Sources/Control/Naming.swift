import Bytes
import Health
import Proxy
import Settings
import Topology

// The servers' addresses. Names are looked up at the start, every 30 s, on SIGHUP and when a server fails; a server that
// has another address then is moved to it.

extension ControlPlane {
  /// The longest time that the start, or a reload, waits for names that were never looked up.
  package static let patience = Duration.seconds(2)

  /// Makes the resolver cache hold the servers of the configuration in force, and no others.
  mutating func findMembers() {
    names.keep(runtimePlan.members.map { ($0.id, $0.settings.endpoint) })
  }

  /// Looks up the names of servers that are out as often as allowed: such a server may have another address by now.
  mutating func lookUpThoseOut(now: Instant) {
    for member in runtimePlan.members where board.status(of: member.id) != .up {
      names.failed(member.id, at: now)
    }
  }

  /// Starts the lookups that are due.
  package mutating func lookUpNames(now: Instant) {
    for host in names.due(at: now) {
      hostLookups += 1
      emit(.lookUp(host))
    }
  }

  /// Handles the result of a lookup.
  package mutating func lookedUp(_ host: String, _ result: LookupResult, now: Instant) {
    if case .failed = result { hostLookupFailures += 1 }
    for change in names.answered(host, result, at: now) {
      switch change {
      case .lost(let host, let reason):
        logOften(
          .warning, "host not found", about: ("host", host),
          [("reason", reason), ("instead", "its last known addresses, if any")], now: now)
      case .several(let host, let addresses):
        logOften(
          .warning, "host has several addresses, and only one of them is used", about: ("host", host),
          [
            ("addresses", addresses.joined(separator: ",")),
            ("do", "list each server by a name of its own, as memcached-0.\(host), or by its address"),
          ], now: now)
      case .found(let host): logOften(.info, "host found again", about: ("host", host), now: now)
      case .confirmed(let server, let asked): emit(.tell(.confirmed(server: server, asked: asked)))
      case .moved(let server, let from, let to):
        log(.info, server, "server address changed", ["from": from.map { "\($0)" } ?? "none", "to": "\(to)"])
        move(server, from: from, to: to, now: now)
      }
    }
    finishReload(now: now)
    emit(.report)
  }

  /// Moves a server to a new address. It is another machine, so the old one's health says nothing about it.
  private mutating func move(_ server: ServerID, from: Endpoint?, to: Endpoint, now: Instant) {
    if from != nil { addressChanges += 1 }
    send(server, to: to)
    abandonSession(server, now: now)
    board.moved(server, at: now)
  }

  /// Tells all workers a server's address. A server that is out and was used elsewhere before may hold keys that have
  /// changed meanwhile, and no journal lists these: it is flushed before it returns.
  private mutating func send(_ server: ServerID, to address: Endpoint) {
    emit(.tell(.moved(server: server, to: address)))
    if names.hasServed(server) { failover.moved(server) }
  }

  // MARK: - Failures

  /// Whether an event concerns an address that is no longer used.
  func isPast(_ workerEvent: WorkerEvent, at address: Endpoint?) -> Bool {
    switch workerEvent {
    case .failed(let server, _), .unanswered(let server, _), .full(let server), .unsuited(let server, _):
      address != names.address(of: server)
    default: false
    }
  }

  /// Has a failed server's name looked up again. If no connection to its present address ever succeeded, the next
  /// address is tried before the failure counts. Returns whether there is one.
  mutating func triesElsewhere(_ server: ServerID, now: Instant) -> Bool {
    names.failed(server, at: now)
    guard board.status(of: server) == .up, !names.isProven(server) else { return false }
    return goesOn(server)
  }

  /// Moves a server that does not answer to the next address of its name; false when all were tried.
  mutating func goesOn(_ server: ServerID) -> Bool {
    let before = names.address(of: server)
    guard let address = names.next(server) else { return false }
    log(
      .debug, server, "trying the next address of a server",
      ["from": before.map { "\($0)" } ?? "none", "to": "\(address)"])
    send(server, to: address)
    return true
  }

  /// Notes that a server has answered at its present address.
  mutating func proved(_ server: ServerID) {
    names.proved(server)
    records[server, default: ServerRecord()].hasAnswered = true
  }
}
