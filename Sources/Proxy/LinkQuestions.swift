import Bytes

// What the edge asks of a connection to a server, when it is told to open or to close it.

extension Worker {
  /// Whether the connection, which the edge is told to close, was lost rather than given up: its server is used, and the
  /// connection carried all clients' requests.
  package func isLoss(ofLink l: UInt32) -> Bool {
    guard links.isTaken(l), !links[l].isRetiring, !links[l].isPrivate else { return false }
    let s = links[l].server
    return servers.isTaken(s) && servers[s].standing == .up && !servers[s].isRetired && !isGivingUp
  }

  /// Whether the connection is opened to take the place of one that has fallen silent.
  package func isReplacement(link l: UInt32) -> Bool { links[l].relieves != Slab<Link>.none }

  /// Whether the connection is still to be made, and to this server.
  package func isConnecting(link l: UInt32, to server: UInt32) -> Bool {
    links.isTaken(l) && links[l].state == .connecting && servers[links[l].server].id == server
  }
}
