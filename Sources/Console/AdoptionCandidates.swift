import Bytes
import Routing
import Settings

/// A placement that may have put the keys of a sample where they are: a pool as a configuration would have it.
struct AdoptionCandidate {
  /// Its servers are in the order that fits best.
  var pool: PoolSettings
  /// For each server of the pool, its position in the sample.
  var order: [Int]
  /// Whether servers count by their position alone, so that the order follows from the sample.
  private(set) var isPositional: Bool

  init(_ pool: PoolSettings, order: [Int], isPositional: Bool = false) {
    self.pool = pool
    self.order = order
    self.isPositional = isPositional
    self.pool.servers = order.map { pool.servers[$0] }
  }

  /// Whether the servers are in another order than in the sample.
  var isReordered: Bool { order != Array(order.indices) }

  /// Whether it is the name of a scheme and nothing more.
  var isWord: Bool {
    pool.hash == nil && pool.hashTag == nil && pool.placementOptions == PlacementOptions()
  }

  /// The same candidate, with the order that it has for all keys.
  var fixed: AdoptionCandidate {
    var other = self
    other.isPositional = false
    return other
  }

  /// For each of some keys of a sample, the position in `pool` of the server that has it. `known`: plans that took long
  /// to make.
  func places(of indices: some Collection<Int>, in sample: AdoptionSample, known: [PoolPlan]) -> [Int] {
    let table = RoutingTable(RoutingPlan(pools: [pool.plan(reusing: known)], defaultPool: 0))
    return indices.map { table.where(sample.keys[$0])?.server ?? 0 }
  }

  /// The same candidate with its servers in another order: `assignment[i]` is the position in the sample of server i.
  func ordered(_ assignment: [Int]) -> AdoptionCandidate {
    var other = self
    let servers = Dictionary(uniqueKeysWithValues: zip(order, pool.servers))
    other.pool.servers = assignment.compactMap { servers[$0] }
    other.order = assignment
    return other
  }
}

/// Every placement that is tried for a sample.
struct AdoptionCandidates {
  private let sample: AdoptionSample
  private let forms: [[ServerSettings]]
  /// The servers as given, with the addresses that their names resolve to, which Java's clients hash.
  private let resolved: [ServerSettings]
  private let hasNames: Bool
  private let hasWeights: Bool
  private let tags: [HashTag?]
  private let hasRoutingKeys: Bool

  /// Up to this number of servers all their orders are tried, where they do not follow from the sample.
  private static let mostPermuted = 5

  private init(_ sample: AdoptionSample) {
    self.sample = sample
    let given = sample.servers
    var resolved = given
    for i in given.indices where given[i].resolved == nil && Self.isName(given[i]) {
      resolved[i].resolved = sample.ips[i]
    }
    self.resolved = resolved
    let numeric = zip(given, sample.ips).map { Self.inNumbers($0, ip: $1) }
    forms = numeric == given ? [given] : [given, numeric]
    hasNames = given.contains { $0.name != nil }
    hasWeights = given.contains { $0.weight != given[0].weight || $0.weight > 1 }
    let braces = HashTag(opening: UInt8(ascii: "{"), closing: UInt8(ascii: "}"))
    tags = sample.has(braces) ? [nil, braces] : [nil]
    hasRoutingKeys = sample.hasRoutingKeys
  }

  /// First those that are a word alone, then the others, each in the order of their schemes: of equal ones the simplest
  /// is chosen.
  static func all(
    for sample: AdoptionSample, among schemes: [PlacementScheme]
  ) -> [AdoptionCandidate] {
    guard !sample.servers.isEmpty else { return [] }
    let all = schemes.flatMap(AdoptionCandidates(sample).of)
    // What a file says is tried first, with options that are not tried otherwise.
    var own: [AdoptionCandidate] = []
    if let pool = sample.own, pool.servers.count == sample.servers.count {
      own.append(AdoptionCandidate(pool, order: Array(pool.servers.indices)))
    }
    return own + all.filter(\.isWord) + all.filter { !$0.isWord }
  }

  private func of(_ scheme: PlacementScheme) -> [AdoptionCandidate] {
    let hashes = [scheme.defaultHash] + scheme.hashes.filter { $0 != scheme.defaultHash }
    var found: [AdoptionCandidate] = []
    for (servers, options) in labelled(scheme) {
      for hash in hashes {
        for tag in tags {
          for keys in keyKinds(of: scheme) {
            var pool = PoolSettings(name: "main", servers: servers)
            (pool.placement, pool.placementOptions, pool.hashTag) = (scheme, options, tag)
            pool.hash = hash == scheme.defaultHash ? nil : hash
            pool.placementOptions.keys = keys
            found += ordered(pool)
          }
        }
      }
    }
    return found
  }

  /// The forms of the servers that a scheme tells apart and can have, with the options for them.
  private func labelled(_ scheme: PlacementScheme) -> [([ServerSettings], PlacementOptions)] {
    var found: [([ServerSettings], PlacementOptions)] = []
    for weights in hasWeights && scheme.hasWeights ? [false, true] : [false] {
      for servers in scheme.hashesLabels ? forms : [forms[0]] {
        for ignoresNames in hasNames && scheme.hashesLabels ? [false, true] : [false] {
          var options = PlacementOptions()
          (options.ignoresWeights, options.ignoresNames) = (weights, ignoresNames)
          var servers = servers
          if servers == forms[0], usesResolved(scheme, options) { servers = resolved }
          let ring = servers.map(\.ringServer)
          let labels = Set(ring.map { scheme.label(of: $0, options) })
          guard ring.allSatisfy({ scheme.complaint(about: $0, options) == nil }),
            !scheme.hashesLabels || labels.count == ring.count
          else { continue }
          found.append((servers, options))
        }
      }
    }
    return found
  }

  private func usesResolved(_ scheme: PlacementScheme, _ options: PlacementOptions) -> Bool {
    zip(forms[0], resolved).contains {
      scheme.label(of: $0.ringServer, options) != scheme.label(of: $1.ringServer, options)
    }
  }

  /// What of a key may be hashed; nil is what the scheme's clients hash by default.
  private func keyKinds(of scheme: PlacementScheme) -> [KeyKind?] {
    let others = scheme.keyKinds.filter { $0 == .bytes || $0 == .whole && hasRoutingKeys }
    return [nil] + others
  }

  /// A pool in each order of its servers that makes a difference and does not follow from the sample.
  private func ordered(_ pool: PoolSettings) -> [AdoptionCandidate] {
    let given = Array(pool.servers.indices)
    if pool.placement.hashesLabels { return [AdoptionCandidate(pool, order: given)] }
    let usesWeights =
      hasWeights && pool.placement.hasWeights && !pool.placementOptions.ignoresWeights
    if !usesWeights { return [AdoptionCandidate(pool, order: given, isPositional: true)] }
    return Self.orders(of: pool.servers).map { AdoptionCandidate(pool, order: $0) }
  }

  /// The given order, then all others of a few servers; of more the sorted one and the reverse.
  static func orders(of servers: [ServerSettings]) -> [[Int]] {
    let given = Array(servers.indices)
    if given.count <= mostPermuted { return permutations(of: given) }
    let sorted = given.sorted { a, b in
      (servers[a].endpoint.description, a) < (servers[b].endpoint.description, b)
    }
    var orders = [given]
    for one in [sorted, given.reversed()] where !orders.contains(one) { orders.append(one) }
    return orders
  }

  private static func permutations(of list: [Int]) -> [[Int]] {
    guard list.count > 1 else { return [list] }
    return list.indices.flatMap { i in
      permutations(of: list.enumerated().filter { $0.offset != i }.map(\.element)).map { [list[i]] + $0 }
    }
  }

  private static func isName(_ server: ServerSettings) -> Bool {
    guard case .tcp(let host, _) = server.endpoint else { return false }
    return !host.contains(":") && !HostName.isIPv4(host)
  }

  /// A server whose host is an address instead of a name.
  private static func inNumbers(_ server: ServerSettings, ip: String?) -> ServerSettings {
    guard let ip, isName(server), case .tcp(_, let port) = server.endpoint else { return server }
    var other = server
    other.endpoint = .tcp(host: ip, port: port)
    other.address = other.endpoint.description
    (other.name, other.resolved) = (nil, nil)
    return other
  }
}
