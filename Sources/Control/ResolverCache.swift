import Bytes
import Settings
import Topology

/// How a lookup of a host ended.
package enum LookupResult: Equatable, Sendable {
  /// The host's numeric addresses, the system's first choice first.
  case found([String])
  case failed(reason: String)
}

/// A cache of lookup results: the addresses last found for each host name, and the one that each server uses.
///
///     cache-a ─▶ 10.0.0.1  10.0.0.2        server 7 at 10.0.0.1, kept as long as it is among them
///
/// A server keeps its address as long as the name has it. When the name no longer has it, the server moves to the first
/// of the new ones, in the system's order. After a failure the next one is tried. A result is valid until another
/// replaces it: an error changes nothing. Literal addresses and sockets' paths never change and are not looked up.
///
/// A pure state machine: `due` returns the lookups to start, `answered` takes their results.
package struct ResolverCache: Sendable {
  enum Change: Equatable, Sendable {
    /// The server has a new address, or its first one.
    case moved(server: ServerID, from: Endpoint?, to: Endpoint)
    /// A lookup of the host failed; the last one succeeded, or this is the first.
    case lost(host: String, reason: String)
    /// A lookup of the host succeeded after a failure.
    case found(host: String)
    /// The host has several addresses, which it had not before; the servers of this name use one of them.
    case several(host: String, [String])
    /// A lost server keeps its address: the lookup that began at `asked` found it there, or failed.
    case confirmed(server: ServerID, asked: Instant)
  }

  private struct Host {
    /// The servers of this name, by their ids.
    var servers: [ServerID] = []
    /// Those of the last lookup that succeeded.
    var addresses: [String] = []
    var isFailing = false
    /// Whether several machines may have the name: an IPv4 and an IPv6 address may belong to one.
    var hasSeveral: Bool {
      [true, false].contains { four in addresses.count { HostName.isIPv4($0) == four } > 1 }
    }
    /// A lookup is in progress.
    var isAsked = false
    /// A lookup has ended, with a result or an error.
    var isAnswered = false
    var lastAsked: Instant?
    /// When the last finished lookup began.
    var knownAsOf = Instant.origin
    /// When a server of this name was last lost.
    var lostAt = Instant.origin
    var nextLookup = Instant.origin
  }

  private struct Server {
    var host: String
    var port: UInt16
    var address: Endpoint?
    /// A connection to the present address succeeded.
    var isProven = false
    /// A connection to any of the server's addresses succeeded.
    var hasServed = false
    /// When a connection to it was last lost, and whether the lookup for that has not ended yet.
    var lostAt = Instant.origin
    var isDoubted = false
    /// Addresses tried in a row since the last that worked.
    var tries = 0
  }

  /// Time between two lookups of a name when nothing fails.
  static let interval = Duration.seconds(30)
  /// Time between two lookups of a name without any address.
  static let anxious = Duration.seconds(2)
  /// The least time between two lookups of a name, however much fails.
  static let spacing = Duration.seconds(1)
  /// The least time after a connection to a server was lost, when its address may belong to another machine.
  static let haste = Duration.milliseconds(200)
  /// The most addresses kept for one name.
  static let most = 16

  private var hosts: [String: Host] = [:]
  private var servers: [ServerID: Server] = [:]
  private var literals: [ServerID: Endpoint] = [:]

  // MARK: - Servers

  /// Sets the servers. State of hosts and servers that remain is kept.
  mutating func keep(_ members: [(id: ServerID, endpoint: Endpoint)]) {
    var kept: [ServerID: Server] = [:]
    literals = [:]
    for (id, endpoint) in members {
      guard let name = Self.name(in: endpoint), case .tcp(_, let port) = endpoint else {
        literals[id] = endpoint
        continue
      }
      wantLookup(of: name)
      var server = servers[id] ?? Server(host: name, port: port)
      if server.address == nil { server.address = address(ofHost: name, port: port) }
      kept[id] = server
    }
    servers = kept
    let users = Dictionary(grouping: kept.keys) { kept[$0]?.host ?? "" }
    hosts = hosts.filter { users[$0.key] != nil }
    for (name, ids) in users { hosts[name]?.servers = ids.sorted() }
  }

  /// The name that has to be looked up to reach an endpoint; nil for a literal address or a path.
  static func name(in endpoint: Endpoint) -> String? {
    guard case .tcp(let host, _) = endpoint, !HostName.isIPv4(host), !HostName.isIPv6(host) else {
      return nil
    }
    return host.lowercased()
  }

  /// Has a host looked up even if no server uses it yet.
  mutating func wantLookup(of name: String) {
    if hosts[name] == nil { hosts[name] = Host() }
  }

  // MARK: - Addresses

  /// The servers' addresses, without servers for which no address was ever found.
  package var addresses: [ServerID: Endpoint] {
    servers.compactMapValues(\.address).merging(literals) { _, literal in literal }
  }

  /// The servers with a host name.
  package var named: Set<ServerID> { Set(servers.keys) }

  func address(of server: ServerID) -> Endpoint? { servers[server]?.address ?? literals[server] }

  /// The first address of a host.
  package func address(ofHost name: String, port: UInt16) -> Endpoint? {
    (hosts[name]?.addresses.first).map { .tcp(host: $0, port: port) }
  }

  /// Whether a lookup of a host has ended, with a result or an error. True for a host that is not in the cache.
  func isAnswered(_ name: String) -> Bool { hosts[name]?.isAnswered ?? true }

  /// The number of servers' host names with several addresses.
  package var hostsWithSeveralAddresses: Int {
    hosts.values.count { $0.hasSeveral && !$0.servers.isEmpty }
  }

  package var isComplete: Bool { hosts.values.allSatisfy(\.isAnswered) }

  /// Whether a connection to a server ever succeeded, at any address.
  func hasServed(_ server: ServerID) -> Bool { servers[server]?.hasServed ?? false }

  func isProven(_ server: ServerID) -> Bool { servers[server]?.isProven ?? true }

  // MARK: - Lookups

  /// The hosts to look up now. A host is returned once until its result arrives.
  mutating func due(at now: Instant) -> [String] {
    var names: [String] = []
    for (name, host) in hosts where !host.isAsked && host.nextLookup <= now {
      hosts[name]?.isAsked = true
      hosts[name]?.lastAsked = now
      names.append(name)
    }
    return names.sorted()
  }

  /// Takes the result of a lookup.
  mutating func answered(_ name: String, _ result: LookupResult, at now: Instant) -> [Change] {
    guard var host = hosts[name] else { return [] }
    defer {
      hosts[name] = host
      // The lookup began before the loss, so it does not count.
      if host.lostAt > host.knownAsOf { hasten(name, Self.haste, at: now) }
    }
    host.isAsked = false
    host.isAnswered = true
    host.knownAsOf = host.lastAsked ?? .origin
    var changes: [Change] = []
    switch result {
    case .found(let addresses) where !addresses.isEmpty:
      if host.isFailing { changes.append(.found(host: name)) }
      host.isFailing = false
      let hadSeveral = host.hasSeveral
      host.addresses = Array(addresses.prefix(Self.most))
      host.nextLookup = now.advanced(by: Self.interval)
      changes += settle(host)
      if host.hasSeveral, !hadSeveral, !host.servers.isEmpty {
        changes.append(.several(host: name, host.addresses))
      }
    case .found: changes += Self.fail(&host, name, "no address", at: now)
    case .failed(let reason): changes += Self.fail(&host, name, reason, at: now)
    }
    return changes + confirm(host, asOf: host.knownAsOf)
  }

  /// Confirms the addresses of a host's lost servers that have not moved.
  private mutating func confirm(_ host: Host, asOf asked: Instant) -> [Change] {
    var changes: [Change] = []
    for id in host.servers {
      guard let server = servers[id], server.isDoubted else { continue }
      changes.append(.confirmed(server: id, asked: asked))
      servers[id]?.isDoubted = server.lostAt > asked
    }
    return changes
  }

  private static func fail(_ host: inout Host, _ name: String, _ reason: String, at now: Instant) -> [Change]
  {
    defer { host.isFailing = true }
    host.nextLookup = now.advanced(by: host.addresses.isEmpty ? anxious : interval)
    return host.isFailing ? [] : [.lost(host: name, reason: reason)]
  }

  /// Moves the servers with an address that the name no longer has.
  private mutating func settle(_ host: Host) -> [Change] {
    var changes: [Change] = []
    for id in host.servers {
      guard let server = servers[id] else { continue }
      let choices = host.addresses.map { Endpoint.tcp(host: $0, port: server.port) }
      if let address = server.address, choices.contains(address) { continue }
      changes.append(.moved(server: id, from: server.address, to: choices[0]))
      servers[id]?.address = choices[0]
      servers[id]?.isProven = false
      servers[id]?.isDoubted = false
      servers[id]?.tries = 0
    }
    return changes
  }

  /// Has all names looked up again, as soon as `spacing` allows.
  mutating func refresh(at now: Instant) {
    for name in hosts.keys { hasten(name, Self.spacing, at: now) }
  }

  private mutating func hasten(_ name: String, _ spacing: Duration, at now: Instant) {
    guard let host = hosts[name] else { return }
    let earliest = max(now, host.lastAsked?.advanced(by: spacing) ?? .origin)
    hosts[name]?.nextLookup = min(host.nextLookup, earliest)
  }

  // MARK: - Failures

  /// Has a failed server's name looked up again: it may mean another address by now.
  mutating func failed(_ server: ServerID, at now: Instant) {
    if let name = servers[server]?.host { hasten(name, Self.spacing, at: now) }
  }

  /// Notes when a connection to a server was lost. Its name is looked up before its address is used again; the
  /// result is `confirmed` or `moved`.
  mutating func lost(_ server: ServerID, at time: Instant) {
    guard let known = servers[server] else { return }
    servers[server]?.lostAt = max(known.lostAt, time)
    servers[server]?.isDoubted = true
    let lostAt = max(hosts[known.host]?.lostAt ?? .origin, time)
    hosts[known.host]?.lostAt = lostAt
    hasten(known.host, Self.haste, at: time)
  }

  /// Whether a lookup that began after the server's last loss has ended. Always true of a server without a name.
  func isConfirmed(_ server: ServerID) -> Bool {
    guard let server = servers[server] else { return true }
    return hosts[server.host]?.knownAsOf ?? .never >= server.lostAt
  }

  /// Notes that a connection to the server's present address succeeded.
  mutating func proved(_ server: ServerID) {
    servers[server]?.isProven = true
    servers[server]?.hasServed = true
    servers[server]?.tries = 0
  }

  /// Moves a server to the next address of its name; nil when all were tried in a row, after which the count restarts.
  mutating func next(_ id: ServerID) -> Endpoint? {
    guard let server = servers[id], let found = hosts[server.host]?.addresses else { return nil }
    guard server.tries + 1 < found.count else {
      servers[id]?.tries = 0
      return nil
    }
    let choices = found.map { Endpoint.tcp(host: $0, port: server.port) }
    let at = server.address.flatMap { choices.firstIndex(of: $0) } ?? -1
    let address = choices[(at + 1) % choices.count]
    servers[id]?.address = address
    servers[id]?.isProven = false
    servers[id]?.tries = server.tries + 1
    return address
  }
}
