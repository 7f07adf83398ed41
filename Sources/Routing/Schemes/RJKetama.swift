// The original ketama. Source: RJ/ketama, libketama/ketama.c.

/// The original ketama.
enum RJKetamaPlacements {
  static let all: [PlacementScheme] = [
    rjKetama
  ]

  /// As libmemcached's weighted ring, with the port in every label and the product in double precision.
  static let rjKetama = PlacementScheme(
    "rj-ketama", users: "the original libketama, go-ketama", whenServerFails: "its keys fail", hash: .md5,
    labels: hostAndPort, objection: tooLong
  ) { input in
    var total: UInt64 = 0
    for server in input.servers { total += UInt64(server.weight) }
    return .ring(
      digestPoints(input.labels, order: input.order) {
        let share = Float(input.servers[$0].weight) / Float(total)
        return Int(Float(Double(share) * 40.0 * Double(input.servers.count)).rounded(.down))
      })
  }

  @Sendable private static func tooLong(_ server: RingServer) -> String? {
    hostAndPort(of: server).utf8.count > 21 ? "keeps 21 bytes of an address" : nil
  }
}
