import Bytes
import Proxy
import Settings
import Topology

/// A message from the control thread to a worker.
package enum ControlMessage: Sendable {
  /// A client was accepted by a listener: the worker owns this descriptor now. All its requests concern `pool`, if that is
  /// not nil.
  case client(descriptor: Int32, listener: ListenerID, pool: PoolID?)
  /// Apply this plan. `addresses` has the servers' addresses, `named` the servers with a host name.
  case apply(WorkerPlan, addresses: [ServerID: Endpoint], named: Set<ServerID>)
  /// A server's new status; if ejected, from these pools. The worker replies with `answered`, and hands over its journal's entries for the server if
  /// `takesEntries`. `wasFlushed`: whether a flush made the server safe; nil if nothing changed.
  case status(
    server: ServerID, ServerStatus, from: Set<PoolID>, ticket: UInt64, takesEntries: Bool, wasFlushed: Bool?)
  /// Hand over the journal's entries for the copies that these servers hold of other servers' keys, in one pool.
  case orphans([ServerID], in: PoolID?, ticket: UInt64)
  /// The server has a new address.
  case moved(server: ServerID, to: Endpoint)
  /// The server keeps its address: a lookup that began at `asked` found it, or failed.
  case confirmed(server: ServerID, asked: Instant)
  /// Answer the requests that were received, then end.
  case drain
  /// Answer the requests in flight as failed (`shuttingDown`), and end.
  case stop
}

/// A message from a worker to the control thread.
package enum WorkerReport: Sendable {
  /// An event, with the address at which the worker knows the event's server, or of the event's client, if it has one.
  case seen(worker: Int, WorkerEvent, at: Endpoint?)
  /// A connection to a server was opened, and its handshake was answered.
  case reached(server: ServerID, at: Endpoint)
  /// A connection to a server with a host name was lost at `at`, or has fallen silent: the address is in doubt.
  case lost(server: ServerID, at: Instant)
  /// The message with this ticket was handled; the journal's entries that it asked for, by server.
  case answered(worker: Int, ticket: UInt64, [ServerID: Journal.Entries])
  /// A worker has ended, or could not start.
  case ended(worker: Int)
}
