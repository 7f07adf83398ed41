// Source: bradfitz/gomemcache, memcache/selector.go.

/// gomemcache's list.
enum GomemcachePlacements {
  static let all: [PlacementScheme] = [
    gomemcache
  ]

  /// CRC-32 modulo the number of servers.
  static let gomemcache = PlacementScheme(
    "gomemcache", users: "Go's gomemcache", whenServerFails: "its keys fail", hash: .crc32a, hasWeights: false
  ) { .modulo($0.order.map { UInt16(truncatingIfNeeded: $0) }) }
}
