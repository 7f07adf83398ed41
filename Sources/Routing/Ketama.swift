// libmemcached's weighted ring, and the formula that twemproxy took over from it.
//
// Source: awesomized/libmemcached, src/libmemcached/hosts.cc, update_continuum().

/// libmemcached's label: the host, and the port unless it is memcached's own.
///
///     10.0.0.1 port 11211 → 10.0.0.1       10.0.0.1 port 11212 → 10.0.0.1:11212      fd00::1 port 11212 → fd00::1:11212
///
/// A unix socket is labelled by its path alone, which is what PHP's `addServer(path, 0)` makes of it. A program
/// that called `memcached_server_add_unix_socket` has `path:0` on its ring instead: name the server
/// that. libmemcached knows no names; here a name is the label, as it is in twemproxy.
func ketamaLabel(of server: RingServer) -> String {
  if let name = server.name { return name }
  return server.isUnix || server.port == 11211 ? server.host : "\(server.host):\(server.port)"
}

func ketamaPoints(for servers: [RingServer]) -> [ContinuumPoint] {
  weightedPoints(of: servers, order: Array(servers.indices), label: ketamaLabel)
}

/// 160 points for a server of average weight, four from each digest of `label-0`, `label-1`, ….
///
/// `order` is the order in which the scheme's own code walks the servers: on equal values the earlier one wins.
func weightedPoints(
  of servers: [RingServer], order: [Int], label: (RingServer) -> String
) -> [ContinuumPoint] {
  var total: UInt64 = 0
  for server in servers { total += UInt64(server.weight) }
  // The value above, then the position in `order`: one integer sorts by both.
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

/// How many digests, of four points each, a server's weight earns: its share of forty for each server.
///
/// Every step is rounded to single precision, as in the C code. That is not a detail: with 25 equal
/// servers (and 47, 50, 55, 61, 71, 94, 100, …) the product comes out just below 40, which makes 156 points
/// each, and 160 would misplace one key in forty. A very small share earns none.
func digestCount(weight: UInt32, total: UInt64, servers: Int) -> Int {
  let share = Float(weight) / Float(total)
  let scaled = share * 160 / 4 * Float(servers)
  return Int(scaled.rounded(.down))
}
