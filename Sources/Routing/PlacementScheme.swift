/// A rule by which clients and proxies place keys on the servers of a pool. The cluster's existing clients determine
/// which one to use; with another one almost none of the stored items are found.
///
/// Each is described in a file in `Schemes`; `allCases` is the registry. Two are equal if their names are.
package struct PlacementScheme: Sendable {
  /// Its name in a configuration file.
  package private(set) var name: String
  /// Whose keys are placed so.
  package private(set) var users: String
  /// What the original does when a server fails, in one sentence.
  package let whenServerFails: String
  /// The clients' default hash for keys.
  package let defaultHash: KeyHash
  /// The hashes that its clients can use; one if they have no choice.
  package let hashes: [KeyHash]
  /// The options that it has, besides those that all have.
  package let options: Set<PlacementOption>
  /// What is hashed of a server; nil if servers count by their position in the list.
  let labels: (@Sendable (RingServer) -> String)?
  /// What the number of points must be a multiple of, because each digest gives several.
  package let pointsInDigest: Int
  /// The entries of its layout for each unit of weight, if points are not set; 0 if weights do not change their number.
  package let entriesOfWeight: Int
  /// Whether only a part of a key is hashed, whatever the options.
  let keyPart: KeyPart
  /// Why the scheme cannot have a server; nil if it can.
  let objection: @Sendable (RingServer) -> String?
  let build: @Sendable (PlacementInput) -> Layout

  /// `labels` is given the server without its name.
  init(
    _ name: String, users: String, whenServerFails: String, hash: KeyHash, hashes: [KeyHash]? = nil,
    options: Set<PlacementOption> = [], hasWeights: Bool = true, pointsInDigest: Int = 1,
    entriesOfWeight: Int = 0,
    keyPart: KeyPart = .whole,
    labels: (@Sendable (RingServer) -> String)? = nil,
    objection: @escaping @Sendable (RingServer) -> String? = { _ in nil },
    build: @escaping @Sendable (PlacementInput) -> Layout
  ) {
    self.name = name
    self.users = users
    self.whenServerFails = whenServerFails
    defaultHash = hash
    self.hashes = hashes ?? [hash]
    self.options = hasWeights ? options.union([.weights]) : options
    self.pointsInDigest = pointsInDigest
    self.entriesOfWeight = entriesOfWeight
    self.keyPart = keyPart
    self.labels = labels
    self.objection = objection
    self.build = build
  }

  /// Whether a server's weight has an effect.
  package var hasWeights: Bool { options.contains(.weights) }

  /// The same rule under the name by which other people know it.
  func named(_ name: String, users: String) -> PlacementScheme {
    var other = self
    (other.name, other.users) = (name, users)
    return other
  }

  /// The largest number of servers in one pool. `layout` ignores servers past it.
  package static var serverLimit: Int { Int(UInt16.max) }

  /// The scheme with this name in a configuration file; nil if there is none.
  package init?(name: String) {
    guard let scheme = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = scheme
  }

  /// The text that stands for a server: its name, or what the scheme's clients make of its address. Two servers with the
  /// same label would share all their keys. For a scheme that counts positions it is only shown.
  package func label(of server: RingServer, _ options: PlacementOptions = PlacementOptions()) -> String {
    if let name = server.name, !options.ignoresNames { return name }
    return (labels ?? ketamaLabel)(server)
  }

  /// Whether two servers need different labels.
  package var hashesLabels: Bool { labels != nil }

  /// Why the scheme cannot have this server, as the rest of a sentence that begins with the scheme's name; nil if it
  /// can.
  package func complaint(about server: RingServer, _ options: PlacementOptions) -> String? {
    if labels != nil, server.name != nil, !options.ignoresNames { return nil }
    return objection(server)
  }

  /// What of a key its clients may hash; empty if they have no choice.
  package var keyKinds: [KeyKind] {
    guard options.contains(.keys) else { return [] }
    return keyPart == .routingKey ? [.routing, .whole] : [.text, .bytes]
  }

  /// How the scheme divides keys among the servers; positions are those in `servers` as given, whatever order the scheme
  /// itself uses.
  ///
  /// Costs about 10 µs a server, for a mapping of slots 50 ms; computed once for each reload.
  package func layout(
    for servers: [RingServer], hash: KeyHash? = nil, _ options: PlacementOptions = PlacementOptions()
  ) -> Layout {
    var servers = Array(servers.prefix(Self.serverLimit))
    if options.ignoresWeights || !hasWeights { for i in servers.indices { servers[i].weight = 1 } }
    return build(
      PlacementInput(
        servers: servers, labels: servers.map { label(of: $0, options) }, hash: hash ?? defaultHash,
        options: options))
  }

  /// What finding a key's server costs besides the hash.
  package var lookupCost: String {
    switch layout(for: PlacementScheme.samples) {
    case .ring: "one look, or a short search"
    case .slots: "one look"
    case .modulo: "one division"
    case .jump: "ln(servers) steps"
    case .furc: "log2(servers) steps"
    case .scores: "a score for each server"
    }
  }

  /// Whether nearly all keys move when the number of servers changes.
  package var movesNearlyAll: Bool {
    if case .modulo = layout(for: PlacementScheme.samples) { true } else { false }
  }

  /// Where the keys of a server go while it is out.
  package var standInRule: String {
    switch layout(for: PlacementScheme.samples) {
    case .ring: "to the server of the next point"
    case .slots, .scores: "to the server with the next score"
    case .modulo, .jump, .furc: "to a ring of the other servers"
    }
  }

  private static let samples = [
    RingServer(host: "10.0.0.1", port: 11211), RingServer(host: "10.0.0.2", port: 11211),
  ]
}

/// What a scheme builds its layout from.
struct PlacementInput {
  var servers: [RingServer]
  /// Of each server.
  var labels: [String]
  var hash: KeyHash
  var options: PlacementOptions

  /// The positions of the servers, as the options order them.
  var order: [Int] {
    guard options.sortsServers else { return Array(servers.indices) }
    let hosts = servers.map { Array($0.host.utf8) }
    return servers.indices.sorted { a, b in
      if hosts[a] != hosts[b] { return hosts[a].lexicographicallyPrecedes(hosts[b]) }
      return (servers[a].port, a) < (servers[b].port, b)
    }
  }

  /// Each position as often as its weight says.
  func repeated(_ order: [Int]) -> [UInt16] {
    order.flatMap { Array(repeating: UInt16(truncatingIfNeeded: $0), count: Int(servers[$0].weight)) }
  }
}

extension PlacementScheme: Hashable {
  package static func == (a: Self, b: Self) -> Bool { a.name == b.name }
  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension PlacementScheme: CaseIterable {
  /// Every placement that a configuration file can name.
  package static let allCases: [PlacementScheme] =
    RendezvousPlacements.all + LibmemcachedPlacements.all + TwemproxyPlacements.all + PythonPlacements.all
    + DalliPlacements.all + GomemcachePlacements.all + SpymemcachedPlacements.all + NginxPlacements.all
    + McproxyPlacements.all + McrouterPlacements.all + RJKetamaPlacements.all

  package static let ketama = LibmemcachedPlacements.ketama
  package static let twemproxyKetama = TwemproxyPlacements.twemproxyKetama
  package static let rendezvous = RendezvousPlacements.rendezvous
}
