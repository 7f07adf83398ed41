// libmemcached's weighted ring, and the formula that twemproxy took from it.
//
// Source: awesomized/libmemcached, src/libmemcached/hosts.cc, update_continuum().

/// libmemcached's label of a server: the host, and the port unless it is 11211.
///
///     10.0.0.1 port 11211 → 10.0.0.1       10.0.0.1 port 11212 → 10.0.0.1:11212      fd00::1 port 11212 → fd00::1:11212
///
/// The label of a unix socket is its path alone, as PHP's `addServer(path, 0)` makes it. A program that called
/// `memcached_server_add_unix_socket` has `path:0` on its ring instead: give the server that name. libmemcached has
/// no names; here a name is the label, as it is in twemproxy.
func ketamaLabel(of server: RingServer) -> String {
  if let name = server.name { return name }
  return server.isUnix || server.port == 11211 ? server.host : "\(server.host):\(server.port)"
}

func ketamaPoints(for servers: [RingServer]) -> [ContinuumPoint] {
  weightedPoints(of: servers, order: Array(servers.indices), label: ketamaLabel)
}

/// Computes 160 points for a server of average weight, four from each digest of `label-0`, `label-1`, ….
///
/// `order` is the order in which the scheme's own code visits the servers: of equal values the earlier one wins.
func weightedPoints(
  of servers: [RingServer], order: [Int], label: (RingServer) -> String
) -> [ContinuumPoint] {
  var total: UInt64 = 0
  for server in servers { total += UInt64(server.weight) }
  // The value in the high bits, the position in `order` in the low bits: one integer sorts by both.
  var ranked: [UInt64] = []
  ranked.reserveCapacity(servers.count * 160)
  for (rank, index) in order.enumerated() {
    var text = Array(label(servers[index]).utf8)
    text.append(UInt8(ascii: "-"))
    let prefix = text.count
    for i in 0..<digestCount(weight: servers[index].weight, total: total, servers: servers.count) {
      text.removeSubrange(prefix...)
      text.append(contentsOf: String(i).utf8)
      let words = digestWords(text)
      for k in 0..<4 { ranked.append(UInt64(words[k]) << 32 | UInt64(rank)) }
    }
  }
  ranked.sort()
  return ranked.map { point in
    let rank = Int(point & 0xffff_ffff)
    return ContinuumPoint(
      value: UInt32(truncatingIfNeeded: point >> 32), server: UInt16(truncatingIfNeeded: order[rank]))
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
