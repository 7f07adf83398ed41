import Bytes
import Routing

/// A worker's servers and its connections to them.
package struct Upstream: ~Copyable {
  package var servers = Slab<Server>(capacity: 8)
  package var connections = Slab<ServerConnection>(capacity: 8)
  /// Each server once, in the order of the plan.
  var everyServer = FixedArray<Ref<Server>>([])
  /// Connections with requests to be sent.
  var dirtyConnections = Fifo<Ref<ServerConnection>>()
  /// Connections that are closed when nothing waits on them.
  var retiring = Fifo<Ref<ServerConnection>>()
  /// The opaque of the last meta request. No two requests in flight have the same one.
  var opaque: UInt64 = 0
  /// A random number from the edge, sent to servers only: the key and opaque of a `Fence`.
  package var secret: UInt64

  init(secret: UInt64) { self.secret = secret }
}
