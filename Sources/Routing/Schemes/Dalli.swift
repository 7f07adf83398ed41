import Bytes

// The ring of Ruby's dalli. Source: petergoldstein/dalli, lib/dalli/ring.rb.

/// Dalli's ring.
enum DalliPlacements {
  static let all: [PlacementScheme] = [
    dalli
  ]

  /// 160 points a server from SHA-1; a key belongs to the last point at or before its CRC-32.
  static let dalli = PlacementScheme(
    "dalli", users: "Ruby's dalli, Rails' mem_cache_store",
    whenServerFails:
      "its keys are hashed again behind a number, up to 20 times; with failover: false they fail",
    hash: .crc32a, labels: hostAndPort
  ) { input in
    var total: UInt64 = 0
    for server in input.servers { total += UInt64(server.weight) }
    let points = labelledPoints(input.labels, order: input.order, ":") {
      Int(
        (160.0 * Double(input.servers.count) * Double(input.servers[$0].weight) / Double(total)).rounded(
          .down))
    } _: { text, add in
      add(firstWordOfSHA1(text))
    }
    return .ring(turnedRound(points))
  }

  /// The points of a ring whose keys belong to the last point at or before them, as points for keys that belong to the
  /// first at or after: each owner's stretch, marked at its end.
  private static func turnedRound(_ points: [ContinuumPoint]) -> [ContinuumPoint] {
    guard let last = points.last else { return [] }
    var turned: [ContinuumPoint] = []
    turned.reserveCapacity(points.count)
    var owner = last.server
    for point in points {
      // The last of equal points has the stretch behind them.
      if point.value > 0, turned.last?.value != point.value &- 1 {
        turned.append(ContinuumPoint(value: point.value &- 1, server: owner))
      }
      owner = point.server
    }
    // Past the last point it is the last owner's, to the first point.
    if turned.first?.server != last.server || points[0].value == 0 {
      turned.append(ContinuumPoint(value: .max, server: last.server))
    }
    return turned
  }
}
