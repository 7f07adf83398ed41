// Twemproxy's `distribution: ketama`: libmemcached's formula over its own names and order.
//
// Sources: twitter/twemproxy, src/nc_conf.c (names, order) and src/hashkit/nc_ketama.c (points).

/// Twemproxy's name of a server: the name given to it, else the host, and the port unless it is memcached's own.
///
/// A unix socket without a name is labelled by its path and a colon: the port is cut off, its separator
/// is not.
func twemproxyLabel(of server: RingServer) -> String {
  if let name = server.name { return name }
  if server.isUnix { return server.host + ":" }
  return server.port == 11211 ? server.host : "\(server.host):\(server.port)"
}

/// Twemproxy sorts its servers by the length of their names, then by their bytes. On the ring that settles
/// who owns a value that two of them share; two servers of one name, which twemproxy refuses, keep
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
