import Routing

// A file's placement settings, converted to the types of the ring.

/// The words for rings, hashes and hash tags in a file.
package enum PlacementWords {
  package static let schemes = PlacementScheme.allCases.map(\.name)
  package static let hashes = KeyHash.allCases.map(\.name)
  /// Selects the hash that the placement's own clients use.
  package static let ownHash = "auto"
  package static let noTag = "none"

  static func scheme(_ text: String) throws(Complaint) -> PlacementScheme {
    guard let scheme = PlacementScheme(name: text) else { throw .unknownWord(text, known: schemes) }
    return scheme
  }

  static func hash(_ text: String) throws(Complaint) -> KeyHash? {
    if text == ownHash { return nil }
    guard let hash = KeyHash(name: text) else { throw .unknownWord(text, known: [ownHash] + hashes) }
    return hash
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

extension ServerSettings {
  /// This server as the ring takes it.
  package var ringServer: RingServer {
    switch endpoint {
    case .tcp(let host, let port): RingServer(host: host, port: port, weight: weight, name: name)
    case .unix(let path): RingServer(host: path, port: 0, isUnix: true, weight: weight, name: name)
    }
  }
}

extension PoolSettings {
  /// The pool's entry in a routing plan. Computes its ring, one MD5 per four points, unless one of `known` is the same.
  package func plan(reusing known: [PoolPlan] = []) -> PoolPlan {
    let ringServers = servers.map(\.ringServer)
    let same = known.first {
      $0.name == name && $0.scheme == placement && $0.hash == hash ?? placement.defaultHash
        && $0.tag == hashTag && $0.servers == ringServers
    }
    return same
      ?? PoolPlan(name: name, scheme: placement, hash: hash, tag: hashTag, servers: ringServers)
  }
}

extension ProxySettings {
  /// The routing plan with every ring computed, unless it is one of `known`; pools and servers keep their indexes.
  package func routingPlan(reusing known: [PoolPlan] = []) -> RoutingPlan {
    let prefixed = routes.filter { !$0.prefix.isEmpty }
    return RoutingPlan(
      pools: pools.map { $0.plan(reusing: known) },
      routes: prefixed.map { RoutingPlan.Route(prefix: Array($0.prefix.utf8), pool: $0.poolIndex) },
      defaultPool: routes.first { $0.prefix.isEmpty }?.poolIndex)
  }
}
