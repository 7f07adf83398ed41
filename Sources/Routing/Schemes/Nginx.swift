import Bytes

// nginx's `hash`, and Perl's Cache::Memcached and Cache::Memcached::Fast, which place alike.
//
// Source: nginx, src/http/modules/ngx_http_upstream_hash_module.c.

/// A server's address as in the `server` line: an IPv6 address in brackets.
@Sendable private func addressText(of server: RingServer) -> String {
  if server.isUnix { return "unix:" + server.host }
  return server.host.utf8.contains(UInt8(ascii: ":"))
    ? "[\(server.host)]:\(server.port)" : "\(server.host):\(server.port)"
}

private let rehashed = "its keys are hashed again behind a number, up to 20 times"

/// nginx's, and those of Perl's clients, which place alike.
enum NginxPlacements {
  static let all: [PlacementScheme] = [
    nginxHash, cacheMemcached, nginxConsistent, cacheMemcachedFastKetama,
  ]

  /// CRC-32 modulo the sum of the weights.
  static let nginxHash = PlacementScheme(
    "nginx-hash", users: "nginx with hash $key", whenServerFails: rehashed, hash: .crc32, entriesOfWeight: 1
  ) { .modulo($0.repeated($0.order)) }
  static let cacheMemcached = nginxHash.named(
    "cache-memcached", users: "Perl's Cache::Memcached and Cache::Memcached::Fast")

  /// 160 points for each unit of weight, in a chain of CRC-32.
  static let nginxConsistent = PlacementScheme(
    "nginx-consistent", users: "nginx with hash $key consistent",
    whenServerFails: "its keys go to the next point", hash: .crc32a, entriesOfWeight: 160,
    labels: addressText
  ) { chained($0, points: 160) }
  static let cacheMemcachedFastKetama = PlacementScheme(
    "cache-memcached-fast-ketama", users: "Perl's Cache::Memcached::Fast with ketama_points",
    whenServerFails: "its keys fail", hash: .crc32a, options: [.points],
    entriesOfWeight: 160, labels: addressText
  ) { chained($0, points: $0.options.points ?? 160) }

  /// Each point is the CRC-32 of the host, a zero byte, the port and the point before.
  private static func chained(_ input: PlacementInput, points: Int) -> Layout {
    var ranked: [UInt64] = []
    for (rank, index) in input.order.enumerated() {
      let (host, port) = parts(of: Array(input.labels[index].utf8))
      let base = host + [0] + port
      var value: UInt32 = 0
      for _ in 0..<points * Int(input.servers[index].weight) {
        let text = base + (0..<4).map { UInt8(truncatingIfNeeded: value &>> UInt32($0 * 8)) }
        value = hashCRC32(text.span.raw, from: 0, count: text.count)
        ranked.append(UInt64(value) << 32 | UInt64(rank))
      }
    }
    return .ring(sortedPoints(ranked, order: input.order))
  }

  /// The text before the last colon that only digits follow, and those digits. The path of a socket is all host.
  private static func parts(of label: [UInt8]) -> (host: [UInt8], port: [UInt8]) {
    let unix = Array("unix:".utf8)
    if label.starts(with: unix) { return (Array(label.dropFirst(unix.count)), []) }
    guard let colon = label.lastIndex(of: UInt8(ascii: ":")) else { return (label, []) }
    let port = label[(colon + 1)...]
    guard port.allSatisfy({ (48...57).contains($0) }) else { return (label, []) }
    return (Array(label[..<colon]), Array(port))
  }
}
