import Bytes
import Net
import Settings

/// Where each server is: what its host's name was last found to mean, and which of several addresses is used.
///
///     cache-a ─▶ 10.0.0.1  10.0.0.2        server 7 at 10.0.0.1, kept as long as it is among them
///
/// A server keeps its address as long as the name has it; when the name has it no more, the first of the new
/// ones is taken, in the system's order. After a failure the next one is tried. What was found stands until
/// something else is found: an error changes nothing. Literal addresses and sockets' paths never change, and
/// nobody is asked for them.
///
/// Decides and does nothing: questions come out of `due`, answers go into `answered`.
struct ResolverCache {
  enum Change: Equatable {
    /// The server is at another address, or for the first time at any.
    case moved(server: UInt32, from: Address?, to: Address)
    /// A host cannot be looked up; before, it could, or nobody had tried.
    case lost(host: String, reason: String)
    /// It can again.
    case found(host: String)
    /// A lost server keeps its address: the lookup that began at `asked` found it there, or failed.
    case confirmed(server: UInt32, asked: Instant)
  }

  private struct Host {
    /// Without ports; those of the last lookup that succeeded.
    var addresses: [Address] = []
    var isFailing = false
    /// A lookup is under way.
    var isAsked = false
    /// Some lookup has come to its end, well or not.
    var isAnswered = false
    var lastAsked: Instant?
    /// When the last lookup began that has come to its end.
    var knownAsOf = Instant.origin
    /// When a server of this name was last lost.
    var lostAt = Instant.origin
    var nextLookup = Instant.origin
  }

  private struct Server {
    var host: String
    var port: UInt16
    var address: Address?
    /// A connection was made to the present address.
    var isProven = false
    /// One was made to any.
    var hasServed = false
    /// When a connection to it was last lost, and whether the lookup for that is still to come.
    var lostAt = Instant.origin
    var isDoubted = false
    /// Addresses tried in a row since one worked.
    var tries = 0
  }

  /// Between two lookups of a name, when nothing fails.
  static let interval = Duration.seconds(30)
  /// A name without any address is asked for so often.
  static let anxious = Duration.seconds(2)
  /// However much fails, no name is asked for more often.
  static let spacing = Duration.seconds(1)
  /// The same after a connection to a server was lost, when its address may belong to another machine.
  static let haste = Duration.milliseconds(200)
  /// More addresses of one name are not looked at.
  static let most = 16

  private var hosts: [String: Host] = [:]
  private var servers: [UInt32: Server] = [:]
  private var literals: [UInt32: Address] = [:]

  // MARK: - Who is there

  /// These servers and no others. What is known of hosts and servers that stay, stays.
  mutating func keep(_ members: [(id: UInt32, endpoint: Endpoint)]) {
    var kept: [UInt32: Server] = [:]
    literals = [:]
    for (id, endpoint) in members {
      switch endpoint {
      case .unix(let path): literals[id] = Address(unixPath: path)
      case .tcp(let host, let port):
        guard let name = Self.name(in: endpoint) else {
          literals[id] = Address(ip: host, port: port)
          continue
        }
        wantLookup(of: name)
        var server = servers[id] ?? Server(host: name, port: port)
        if server.address == nil { server.address = hosts[name]?.addresses.first?.withPort(port) }
        kept[id] = server
      }
    }
    servers = kept
    let needed = Set(kept.values.map(\.host))
    hosts = hosts.filter { needed.contains($0.key) }
  }

  /// The name that has to be looked up to reach an endpoint; nil for a literal address or a path.
  static func name(in endpoint: Endpoint) -> String? {
    guard case .tcp(let host, _) = endpoint, !HostName.isIPv4(host), !HostName.isIPv6(host) else {
      return nil
    }
    return host.lowercased()
  }

  /// Has a host looked up that no server may have yet.
  mutating func wantLookup(of name: String) {
    if hosts[name] == nil { hosts[name] = Host() }
  }

  // MARK: - What is known

  /// Where every server is; one whose name was never found is not among them.
  var addresses: [UInt32: Address] {
    servers.compactMapValues(\.address).merging(literals) { _, literal in literal }
  }

  /// The servers that have a name.
  var named: Set<UInt32> { Set(servers.keys) }

  func address(of server: UInt32) -> Address? { servers[server]?.address ?? literals[server] }

  /// The first address of a host.
  func address(ofHost name: String, port: UInt16) -> Address? {
    hosts[name]?.addresses.first?.withPort(port)
  }

  /// Whether a host was looked up, found or not; one that nobody wants counts as well.
  func isAnswered(_ name: String) -> Bool { hosts[name]?.isAnswered ?? true }

  var isComplete: Bool { hosts.values.allSatisfy(\.isAnswered) }

  /// Whether a server was ever reached, wherever it was.
  func hasServed(_ server: UInt32) -> Bool { servers[server]?.hasServed ?? false }

  func isProven(_ server: UInt32) -> Bool { servers[server]?.isProven ?? true }

  // MARK: - Lookups

  /// The hosts to look up now. Each is handed out once until it is answered.
  mutating func due(at now: Instant) -> [String] {
    var names: [String] = []
    for (name, host) in hosts where !host.isAsked && host.nextLookup <= now {
      hosts[name]?.isAsked = true
      hosts[name]?.lastAsked = now
      names.append(name)
    }
    return names.sorted()
  }

  /// A lookup has ended.
  mutating func answered(_ name: String, _ result: Result<[Address], ResolveError>, at now: Instant)
    -> [Change]
  {
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
    case .success(let addresses) where !addresses.isEmpty:
      if host.isFailing { changes.append(.found(host: name)) }
      host.isFailing = false
      host.addresses = Array(addresses.prefix(Self.most))
      host.nextLookup = now.advanced(by: Self.interval)
      changes += settle(name, host.addresses)
    case .success: changes += Self.fail(&host, name, "no address", at: now)
    case .failure(let error): changes += Self.fail(&host, name, error.description, at: now)
    }
    return changes + confirm(name, asOf: host.knownAsOf)
  }

  /// Confirms the addresses of a host's lost servers that have not moved.
  private mutating func confirm(_ name: String, asOf asked: Instant) -> [Change] {
    var changes: [Change] = []
    for (id, server) in servers.sorted(by: { $0.key < $1.key }) where server.host == name && server.isDoubted
    {
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

  /// Moves the servers whose address the name has no more.
  private mutating func settle(_ name: String, _ found: [Address]) -> [Change] {
    var changes: [Change] = []
    for (id, server) in servers.sorted(by: { $0.key < $1.key }) where server.host == name {
      let choices = found.map { $0.withPort(server.port) }
      if let address = server.address, choices.contains(address) { continue }
      changes.append(.moved(server: id, from: server.address, to: choices[0]))
      servers[id]?.address = choices[0]
      servers[id]?.isProven = false
      servers[id]?.isDoubted = false
      servers[id]?.tries = 0
    }
    return changes
  }

  /// All names are looked up anew, as soon as may be.
  mutating func refresh(at now: Instant) {
    for name in hosts.keys { hasten(name, Self.spacing, at: now) }
  }

  private mutating func hasten(_ name: String, _ spacing: Duration, at now: Instant) {
    guard let host = hosts[name] else { return }
    let earliest = max(now, host.lastAsked?.advanced(by: spacing) ?? .origin)
    hosts[name]?.nextLookup = min(host.nextLookup, earliest)
  }

  // MARK: - Failures

  /// A server failed: its name may mean another address by now.
  mutating func failed(_ server: UInt32, at now: Instant) {
    if let name = servers[server]?.host { hasten(name, Self.spacing, at: now) }
  }

  /// Notes that a connection to a server was lost at a time. Its name is looked up before its address is trusted again; the
  /// result is `confirmed` or `moved`.
  mutating func lost(_ server: UInt32, at time: Instant) {
    guard let known = servers[server] else { return }
    servers[server]?.lostAt = max(known.lostAt, time)
    servers[server]?.isDoubted = true
    let lostAt = max(hosts[known.host]?.lostAt ?? .origin, time)
    hosts[known.host]?.lostAt = lostAt
    hasten(known.host, Self.haste, at: time)
  }

  /// Whether a lookup that began after the server's last loss has ended. Always true of a server without a name.
  func isConfirmed(_ server: UInt32) -> Bool {
    guard let server = servers[server] else { return true }
    return hosts[server.host]?.knownAsOf ?? .never >= server.lostAt
  }

  /// A connection to where the server is now has been made.
  mutating func proved(_ server: UInt32) {
    servers[server]?.isProven = true
    servers[server]?.hasServed = true
    servers[server]?.tries = 0
  }

  /// Moves a server to the next address of its name; nil when all were tried in a row, which begins anew then.
  mutating func next(_ id: UInt32) -> Address? {
    guard let server = servers[id], let found = hosts[server.host]?.addresses else { return nil }
    guard server.tries + 1 < found.count else {
      servers[id]?.tries = 0
      return nil
    }
    let choices = found.map { $0.withPort(server.port) }
    let at = server.address.flatMap { choices.firstIndex(of: $0) } ?? -1
    let address = choices[(at + 1) % choices.count]
    servers[id]?.address = address
    servers[id]?.isProven = false
    servers[id]?.tries = server.tries + 1
    return address
  }
}
