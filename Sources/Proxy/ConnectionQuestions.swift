import Bytes
import Topology

// Queries about server connections that the event loop makes before it opens or closes one.

extension Worker {
  /// Whether closing this connection counts as losing it: its server is up, and the connection is shared, not being
  /// replaced or drained, and not closed on purpose to skip an unwanted reply.
  package func isLoss(ofConnection l: Ref<ServerConnection>) -> Bool {
    guard upstream.connections.isTaken(l), !upstream.connections[l].isRetiring,
      !upstream.connections[l].isPrivate, !upstream.connections[l].isCut
    else { return false }
    let s = upstream.connections[l].server
    return upstream.servers.isTaken(s) && upstream.servers[s].status == .up && !upstream.servers[s].isRetired
      && !isGivingUp
  }

  /// Whether the connection is a replacement for one that has fallen silent.
  package func isReplacement(connection l: Ref<ServerConnection>) -> Bool {
    upstream.connections[l].check.replaces != Ref<ServerConnection>.none
  }

  /// Whether the connection is still being established, to this server.
  package func isConnecting(connection l: Ref<ServerConnection>, to server: ServerID) -> Bool {
    upstream.connections.isTaken(l) && upstream.connections[l].state == .connecting
      && upstream.servers[upstream.connections[l].server].id == server
  }
}
