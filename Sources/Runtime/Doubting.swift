import Bytes
import Control
import Net
import Proxy
import Topology

// Address checks after a lost connection. A host name may mean another machine by then: the old address may even belong
// to another memcached, with other values. So the worker has the name looked up before it connects to the old address.
//
//     a connection is lost, or silent ─▶ doubt ─▶ WorkerReport.lost ─▶ lookup ─┬▶ moved: connect to the new address
//     connects to that server wait ──────┘                                     └▶ confirmed: connect to the old one
//
// Servers with a literal address or a socket's path are never in doubt.

extension WorkerThread {
  /// A doubt about a server's address: since when, and the connections that wait for its end.
  struct Doubt {
    let since: Instant
    var waiting: [Ref<ServerConnection>] = []
  }

  /// The longest wait for a lookup; after it the old address is used.
  static let doubtPatience = Duration.milliseconds(1900)

  /// Puts a server's address in doubt, and asks the supervisor for a lookup.
  mutating func doubt(_ server: ServerID) {
    guard named.contains(server), doubts[server] == nil, !isEnding else { return }
    let since = Clock.now()
    doubts[server] = Doubt(since: since)
    outbox.post(.lost(server: server, at: since))
  }

  /// Ends the doubt, if the lookup began after the loss.
  mutating func confirm(_ server: ServerID, asked: Instant, now: Instant) {
    if let doubt = doubts[server], doubt.since <= asked { settle(server, now: now) }
  }

  /// Ends the doubt and opens the connections that have waited.
  mutating func settle(_ server: ServerID, now: Instant) {
    guard let doubt = doubts.removeValue(forKey: server) else { return }
    confirmedAt[server] = now
    for l in doubt.waiting where isWaiting(l, for: server) { connect(l, now: now) }
  }

  /// Whether a connection still has to be opened; its slot may belong to another one by now.
  private mutating func isWaiting(_ l: Ref<ServerConnection>, for server: ServerID) -> Bool {
    worker.dispatcher.upstream.isConnecting(connection: l, to: server)
      && connectionSockets[Int(l.index)].descriptor < 0
  }

  /// Ends the doubts that have lasted too long.
  mutating func settleDoubts(now: Instant) {
    for (server, doubt) in doubts where now.since(doubt.since) >= Self.doubtPatience {
      settle(server, now: now)
    }
  }

  /// Whether an attempt to connect that began at `since` waited for a lookup. Its time-out is no failure of the server.
  func isDoubted(_ server: ServerID, _ since: Instant) -> Bool {
    doubts[server] != nil || since < confirmedAt[server] ?? .origin
  }
}
