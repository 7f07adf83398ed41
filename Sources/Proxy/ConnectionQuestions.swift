import Bytes

// Questions that the event loop has about a connection to a server before it opens or closes it.

extension Worker {
  /// Whether a connection that is about to be closed was lost: its server is up, and it is a shared connection that is not
  /// being replaced or drained, nor closed for what it would still have brought.
  package func isLoss(ofConnection l: UInt32) -> Bool {
    guard connections.isTaken(l), !connections[l].isRetiring, !connections[l].isPrivate, !connections[l].isCut
    else { return false }
    let s = connections[l].server
    return servers.isTaken(s) && servers[s].status == .up && !servers[s].isRetired && !isGivingUp
  }

  /// Whether the connection is a replacement for one that has fallen silent.
  package func isReplacement(connection l: UInt32) -> Bool {
    connections[l].replaces != Slab<ServerConnection>.none
  }

  /// Whether the connection still has to be made, to this server.
  package func isConnecting(connection l: UInt32, to server: UInt32) -> Bool {
    connections.isTaken(l) && connections[l].state == .connecting
      && servers[connections[l].server].id == server
  }
}
