import Bytes

// Questions that the event loop has about a connection to a server before it opens or closes it.

extension Worker {
  /// Whether a connection that is about to be closed was lost: its server is up, and it is a shared connection that is not
  /// being replaced or drained, nor closed for what it would still have brought.
  package func isLoss(ofLink l: UInt32) -> Bool {
    guard links.isTaken(l), !links[l].isRetiring, !links[l].isPrivate, !links[l].isCut else { return false }
    let s = links[l].server
    return servers.isTaken(s) && servers[s].standing == .up && !servers[s].isRetired && !isGivingUp
  }

  /// Whether the connection is a replacement for one that has fallen silent.
  package func isReplacement(link l: UInt32) -> Bool { links[l].relieves != Slab<Link>.none }

  /// Whether the connection still has to be made, to this server.
  package func isConnecting(link l: UInt32, to server: UInt32) -> Bool {
    links.isTaken(l) && links[l].state == .connecting && servers[links[l].server].id == server
  }
}
