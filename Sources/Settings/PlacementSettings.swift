import Routing

// What the file says about placement, in the ring's own types.

/// The words that a file may say for a ring and a hash.
package enum PlacementWords {
  package static let schemes = PlacementScheme.allCases.map(\.name)
  package static let hashes = KeyHash.allCases.map(\.name)
  /// The hash that the placement's own clients use.
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
  /// What the ring knows of this server.
  package var ringServer: RingServer {
    switch endpoint {
    case .tcp(let host, let port): RingServer(host: host, port: port, weight: weight, name: name)
    case .unix(let path): RingServer(host: path, port: 0, isUnix: true, weight: weight, name: name)
    }
  }
}

extension PoolSettings {
  /// The pool's place in a routing plan. Computes its ring: an MD5 for every four points.
  package var plan: PoolPlan {
    PoolPlan(name: name, scheme: placement, hash: hash, tag: hashTag, servers: servers.map(\.ringServer))
  }
}

extension ProxySettings {
  /// Where keys go, with every ring computed; pools and servers keep their positions.
  package var routingPlan: RoutingPlan {
    let prefixed = routes.filter { !$0.prefix.isEmpty }
    return RoutingPlan(
      pools: pools.map(\.plan),
      routes: prefixed.map { RoutingPlan.Route(prefix: Array($0.prefix.utf8), pool: $0.poolIndex) },
      defaultPool: routes.first { $0.prefix.isEmpty }?.poolIndex)
  }
}
