// spymemcached's placements. Sources: couchbase/spymemcached, src/main/java/net/spy/memcached, ArrayModNodeLocator,
// KetamaNodeLocator, KetamaNodeKeyFormatter, DefaultHashAlgorithm.

private let keysFail =
  "its keys are hashed again, up to 7 times (Redistribute); with Retry or Cancel they fail"
private let javaHashes: [KeyHash] = [
  .md5, .java, .crc32, .javaFNV64, .javaFNV1a64, .javaFNV32, .javaFNV1a32,
]

/// `InetSocketAddress.toString()` without the leading slash: a name with the address that it resolved to.
@Sendable private func javaLabel(of server: RingServer) -> String {
  let address = server.resolved ?? server.host
  let shown = address.utf8.contains(UInt8(ascii: ":")) ? "[\(uncompressed(address))]" : address
  return server.host == address ? "\(shown):\(server.port)" : "\(server.host)/\(shown):\(server.port)"
}

/// An IPv6 address as Java writes it: eight groups, none left out.
private func uncompressed(_ address: String) -> String {
  let halves = address.split(separator: "::", omittingEmptySubsequences: false)
    .map { $0.split(separator: ":").map { String($0) } }
  guard halves.count == 2 else { return address }
  let missing = max(0, 8 - halves[0].count - halves[1].count)
  let groups = halves[0] + Array(repeating: "0", count: missing) + halves[1]
  return groups.joined(separator: ":")
}

/// The host, and the port unless it is 11211; an IPv6 address in all its groups, without brackets.
@Sendable private func libmemcachedFormat(of server: RingServer) -> String {
  var server = server
  server.host = uncompressed(server.host)
  return ketamaLabel(of: server)
}

@Sendable private func socketObjection(_ server: RingServer) -> String? {
  server.isUnix ? "has no unix sockets" : nil
}

@Sendable private func addressObjection(_ server: RingServer) -> String? {
  if server.isUnix { return socketObjection(server) }
  let isAddress =
    server.host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
    || server.host.utf8.contains(UInt8(ascii: ":"))
  if !isAddress, server.resolved == nil {
    return "hashes the address that a name resolved to: write \"resolved: 10.0.0.1\" with it"
  }
  return nil
}

/// spymemcached's locators.
enum SpymemcachedPlacements {
  static let all: [PlacementScheme] = [
    spymemcached, spymemcachedKetama, spymemcachedKetamaWeighted, spymemcachedLibmemcached,
    spymemcachedLibmemcachedWeighted,
  ]

  /// The default connection factory: the hash modulo the number of servers.
  static let spymemcached = PlacementScheme(
    "spymemcached", users: "spymemcached's default connection factory",
    whenServerFails: "its keys go to the next in the list",
    hash: .java, hashes: javaHashes, hasWeights: false,
    objection: socketObjection
  ) { .modulo($0.order.map { UInt16(truncatingIfNeeded: $0) }) }

  static let spymemcachedKetama = ketama(
    "spymemcached-ketama", "KetamaConnectionFactory", javaLabel, false)
  static let spymemcachedKetamaWeighted = ketama(
    "spymemcached-ketama-weighted", "KetamaConnectionFactory, with weights", javaLabel, true)
  static let spymemcachedLibmemcached = ketama(
    "spymemcached-libmemcached", "KetamaNodeKeyFormatter.Format.LIBMEMCACHED", libmemcachedFormat, false,
    objection: socketObjection)
  static let spymemcachedLibmemcachedWeighted = ketama(
    "spymemcached-libmemcached-weighted", "Format.LIBMEMCACHED, with weights", libmemcachedFormat, true,
    objection: socketObjection)

  private static func ketama(
    _ name: String, _ what: String, _ label: @escaping @Sendable (RingServer) -> String, _ isWeighted: Bool,
    objection: @escaping @Sendable (RingServer) -> String? = addressObjection
  ) -> PlacementScheme {
    PlacementScheme(
      name, users: "spymemcached: \(what)", whenServerFails: keysFail, hash: .md5,
      hashes: javaHashes, hasWeights: isWeighted, labels: label,
      objection: objection
    ) { input in
      // Of equal points the server that was added last wins.
      let order = Array(input.order.reversed())
      if input.hash != .md5 {
        return .ring(
          labelledPoints(input.labels, order: order, "-", count: { _ in 160 }) { text, add in
            add(input.hash.hash(text.span.raw, from: 0, count: text.count))
          })
      }
      if isWeighted { return .ring(weightedPoints(of: input.servers, input.labels, order: order)) }
      return .ring(digestPoints(input.labels, order: order) { _ in 40 })
    }
  }
}
