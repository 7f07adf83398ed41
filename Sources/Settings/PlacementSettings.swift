import Bytes
import Routing

// A file's placement settings, converted to the types of the ring.

/// The words for rings, hashes and hash tags in a file.
package enum PlacementWords {
  package static let schemes = PlacementScheme.allCases.map(\.name)
  package static let hashes = KeyHash.offered.map(\.name)
  /// Selects the hash that the placement's own clients use.
  package static let ownHash = "auto"
  package static let noTag = "none"

  /// Words that people use for a program whose placements have another name.
  private static let relatives = [
    "nutcracker": "twemproxy", "django": "python-memcached", "rails": "dalli", "libketama": "rj-ketama",
    "perl": "cache-memcached", "go": "gomemcache", "moxi": "rj-ketama", "memcached-proxy": "mcproxy",
  ]

  static func scheme(_ text: String) throws(Complaint) -> PlacementScheme {
    if let scheme = PlacementScheme(name: text) { return scheme }
    let word = text.lowercased()
    let alike = schemes.filter { word.utf8.count > 2 && $0.contains(relatives[word] ?? word) }
    if !alike.isEmpty, !schemes.contains(word) {
      throw .unknownWord(text, hint: "expected one of \(alike.joined(separator: ", "))")
    }
    var complaint = Complaint.unknownWord(text, known: schemes)
    if complaint.hint?.hasPrefix("expected") ?? true { complaint.hint = "\"ringroad placements\" lists them" }
    throw complaint
  }

  static func hashTag(_ text: String) throws(Complaint) -> HashTag? {
    if text == noTag { return nil }
    guard text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }), let tag = HashTag(text) else {
      throw .expected("two visible ASCII characters in quotes", found: quoted(text), hint: #"such as "{}""#)
    }
    return tag
  }

  static func written(_ tag: HashTag?) -> String {
    tag.map { quoted(String(decoding: [$0.opening, $0.closing], as: UTF8.self)) } ?? noTag
  }
}

/// The keys of a pool's placement, if that is more than a word.
enum PlacementKey: String, SettingsKey {
  case scheme, seed, salt, points, order, weights, names, keys
  case addPrefix = "add_prefix"
  case skipPrefix = "skip_prefix"
  case filterStop = "filter_stop"
  case filterTags = "filter_tags"

  /// The option of a scheme without which the key is refused; nil if all schemes have it.
  var option: PlacementOption? { PlacementOption(rawValue: rawValue) }
}

/// The order of a pool's servers.
enum ServerOrder: String, CaseIterable {
  case listed, sorted
}

/// Whether a scheme uses a value that a server may have.
enum UseOfValue: String, CaseIterable {
  case used, ignored
}

extension ServerSettings {
  /// This server as the ring takes it.
  package var ringServer: RingServer {
    switch endpoint {
    case .tcp(let host, let port):
      RingServer(host: host, port: port, weight: weight, name: name, resolved: resolved)
    case .unix(let path): RingServer(host: path, port: 0, isUnix: true, weight: weight, name: name)
    }
  }
}

extension PoolSettings {
  /// The pool's entry in a routing plan. Computes its ring, one MD5 per four points, unless one of `known` is the same.
  package func plan(reusing known: [PoolPlan] = []) -> PoolPlan {
    let ringServers = servers.map(\.ringServer)
    let same = known.first {
      $0.isOf(
        name: name, scheme: placement, hash: hash, tag: hashTag, placementOptions, servers: ringServers)
    }
    return same
      ?? PoolPlan(
        name: name, scheme: placement, hash: hash, tag: hashTag, placementOptions, servers: ringServers)
  }
}

extension ProxySettings {
  /// The ways of requests by this plan, which is `routingPlan()`, while no server is out but those that are marked down.
  package func resolver(of plan: RoutingPlan) -> RouteResolver {
    var resolver = RouteResolver(plan)
    for (i, pool) in pools.enumerated() where !pool.servers.allSatisfy(\.isMarkedDown) {
      resolver.table.pools[Ref(UInt32(i))].exclude(pool.servers.map(\.isMarkedDown))
    }
    return resolver
  }
}

extension PoolSettings {
  /// Its placement, in the form of the file.
  var placementText: String {
    var pairs = [(key: PlacementKey.scheme.rawValue, value: YAMLNode.word(placement.name))]
    func add(_ key: PlacementKey, _ text: String?) {
      if let text, !text.isEmpty { pairs.append((key.rawValue, .word(text))) }
    }
    let options = placementOptions
    add(.seed, options.seed)
    add(.salt, options.salt)
    add(.points, options.points.map { String($0) })
    add(.order, options.sortsServers ? ServerOrder.sorted.rawValue : nil)
    add(.weights, options.ignoresWeights ? UseOfValue.ignored.rawValue : nil)
    add(.names, options.ignoresNames ? UseOfValue.ignored.rawValue : nil)
    add(.keys, options.keys?.rawValue)
    add(.addPrefix, options.addedPrefix)
    add(.skipPrefix, options.skippedPrefix)
    add(.filterStop, options.stop)
    add(.filterTags, options.tags.map { String(decoding: [$0.opening, $0.closing], as: UTF8.self) })
    return pairs.count == 1 ? placement.name : YAMLNode.pairs(pairs).written
  }

  /// The text that stands for a server in its placement.
  package func label(of server: ServerSettings) -> String {
    placement.label(of: server.ringServer, placementOptions)
  }
}
