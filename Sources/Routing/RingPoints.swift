import Bytes

// The points of the rings of various clients and proxies: what of a server is hashed for them, and how many it has.

/// Sorts points of (value, rank of the server in the scheme's own order): of equal values the lower rank is in front.
func sortedPoints(_ ranked: [UInt64], order: [Int]) -> [ContinuumPoint] {
  ranked.sorted().map { point in
    ContinuumPoint(
      value: UInt32(truncatingIfNeeded: point >> 32),
      server: UInt16(truncatingIfNeeded: order[Int(point & 0xffff_ffff)]))
  }
}

/// Four points from the MD5 of each of `label-0`, `label-1`, …: as many labels as `count` says of a position.
func digestPoints(_ labels: [String], order: [Int], count: (Int) -> Int) -> [ContinuumPoint] {
  labelledPoints(labels, order: order, "-", count: count) { text, add in
    let words = digestWords(text)
    for k in 0..<4 { add(words[k]) }
  }
}

/// The points that `hashed` gives for each of `label` + `separator` + 0, 1, ….
func labelledPoints(
  _ labels: [String], order: [Int], _ separator: String, count: (Int) -> Int,
  _ hashed: ([UInt8], (UInt32) -> Void) -> Void
) -> [ContinuumPoint] {
  // The value in the high bits, the position in `order` in the low bits: one integer sorts by both.
  var ranked: [UInt64] = []
  ranked.reserveCapacity(labels.count * 160)
  for (rank, index) in order.enumerated() {
    var text = Array((labels[index] + separator).utf8)
    let prefix = text.count
    for i in 0..<count(index) {
      text.removeSubrange(prefix...)
      text.append(contentsOf: String(i).utf8)
      hashed(text) { ranked.append(UInt64($0) << 32 | UInt64(rank)) }
    }
  }
  return sortedPoints(ranked, order: order)
}

/// libmemcached's weighted ring: 160 points for a server of average weight.
///
/// `order` is the order in which the scheme's own code visits the servers: of equal values the earlier one wins.
func weightedPoints(of servers: [RingServer], _ labels: [String], order: [Int]) -> [ContinuumPoint] {
  var total: UInt64 = 0
  for server in servers { total += UInt64(server.weight) }
  return digestPoints(labels, order: order) {
    digestCount(weight: servers[$0].weight, total: total, servers: servers.count)
  }
}

/// The number of digests, of four points each, for a server's weight: its share of 40 per server.
///
/// Every step is rounded to single precision, as in the C code. This matters: with 25 equal servers (and 47, 50, 55,
/// 61, 71, 94, 100, …) the product is just below 40, so each has 156 points, and 160 would misplace one key in forty.
/// A very small share gets no digest.
func digestCount(weight: UInt32, total: UInt64, servers: Int) -> Int {
  let share = Float(weight) / Float(total)
  let scaled = share * 160 / 4 * Float(servers)
  return Int(scaled.rounded(.down))
}

/// The points that stand in for servers that are out, in a layout without a next server.
func standInPoints(for servers: [RingServer]) -> [ContinuumPoint] {
  var total: UInt64 = 0
  for server in servers { total += UInt64(server.weight) }
  return digestPoints(servers.map(ketamaLabel), order: Array(servers.indices)) {
    max(1, digestCount(weight: servers[$0].weight, total: total, servers: servers.count))
  }
}
