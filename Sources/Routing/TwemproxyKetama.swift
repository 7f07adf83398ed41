// Twemproxy's `distribution: ketama`: libmemcached's formula with twemproxy's labels and order.
//
// Sources: twitter/twemproxy, src/nc_conf.c (names, order) and src/hashkit/nc_ketama.c (points).

/// Twemproxy's label of a server: its name if it has one, else the host, and the port unless it is 11211.
///
/// The label of a unix socket without a name is its path and a colon: twemproxy cuts off the port but not the
/// separator before it.
func twemproxyLabel(of server: RingServer) -> String {
  if let name = server.name { return name }
  if server.isUnix { return server.host + ":" }
  return server.port == 11211 ? server.host : "\(server.host):\(server.port)"
}

/// Twemproxy's points. It sorts its servers by the length of their names, then by their bytes, and of two points with
/// the same value the earlier server is the owner. Two servers with the same name, which twemproxy refuses, keep
/// their order.
func twemproxyKetamaPoints(for servers: [RingServer]) -> [ContinuumPoint] {
  let names = servers.map { Array(twemproxyLabel(of: $0).utf8) }
  let order = servers.indices.sorted { a, b in
    if names[a].count != names[b].count { return names[a].count < names[b].count }
    if names[a] != names[b] { return names[a].lexicographicallyPrecedes(names[b]) }
    return a < b
  }
  return weightedPoints(of: servers, order: order, label: twemproxyLabel)
}
