// mcrouter's hash functions. Sources: facebook/mcrouter, mcrouter/routes (HashRouteFactory.h, WeightedCh3HashFunc.cpp,
// RendezvousHashFunc.h) and mcrouter/lib (Ch3HashFunc.h, fbi/hash.c, fbi/WeightedFurcHash.cpp).

private let keysFail = "its keys fail, unless a failover route has other servers"

/// mcrouter's hash functions.
enum McrouterPlacements {
  static let all: [PlacementScheme] = [
    mcrouterCh3, mcrouterWeightedCh3, mcrouterWeightedFurc, mcrouterCRC32, mcrouterRendezvous,
    mcrouterWeightedRendezvous,
  ]

  static let mcrouterCh3 = furc("mcrouter-ch3", "mcrouter's HashRoute without hash_func", .plain)
  static let mcrouterWeightedCh3 = furc("mcrouter-weightedch3", "mcrouter's WeightedCh3", .rejecting)
  static let mcrouterWeightedFurc = furc("mcrouter-weightedfurc", "mcrouter's weightedFurcHash", .weighted)

  private static func furc(_ name: String, _ users: String, _ kind: Furc.Kind) -> PlacementScheme {
    PlacementScheme(
      name, users: users, whenServerFails: keysFail, hash: .murmur64a, options: [.salt, .keys],
      hasWeights: kind != .plain, keyPart: .routingKey
    ) { .furc(Furc(kind, weights: $0.servers.map(\.weight))) }
  }

  /// The lower 31 bits of the CRC-32 modulo the number of servers.
  static let mcrouterCRC32 = PlacementScheme(
    "mcrouter-crc32", users: "mcrouter's Crc32", whenServerFails: keysFail, hash: .crc31,
    options: [.salt, .keys], hasWeights: false, keyPart: .routingKey
  ) { .modulo($0.order.map { UInt16(truncatingIfNeeded: $0) }) }

  static let mcrouterRendezvous = scores("mcrouter-rendezvous", "mcrouter's Rendezvous", .mcrouter)
  static let mcrouterWeightedRendezvous = scores(
    "mcrouter-weightedrendezvous", "mcrouter's WeightedRendezvous", .mcrouterWeighted)

  private static func scores(_ name: String, _ users: String, _ kind: Scores.Kind) -> PlacementScheme {
    PlacementScheme(
      name, users: users + ", with its tags as names", whenServerFails: keysFail, hash: .murmur64a,
      options: [.salt, .keys], hasWeights: kind == .mcrouterWeighted, keyPart: .routingKey,
      labels: hostAndPort
    ) { .scores(Scores(kind, $0)) }
  }
}
