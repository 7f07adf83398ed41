import Bytes
import Net
import Proxy

// A server that has a name may be another machine when a connection to it is lost: the old address may even be another
// memcached's by then, with values of its own. So the name is looked up before the old address is connected to again.
//
//     a connection is lost, or silent ─▶ doubt ─▶ Report.lost ─▶ a lookup ─┬▶ moved: the new address is connected to
//     connects to that server wait ─────────────┘                          └▶ confirmed: the old one is
//
// Servers with a literal address or a path are never in doubt.

extension WorkerThread {
  /// A server that may be elsewhere, since a moment, and the connections that wait to know.
  struct Doubt {
    let since: Instant
    var waiting: [UInt32] = []
  }

  /// A resolver that says nothing for so long is not waited for any more.
  static let doubtPatience = Duration.milliseconds(1900)

  /// A connection to a server was lost, or is silent.
  mutating func doubt(_ server: UInt32) {
    guard named.contains(server), doubts[server] == nil, !isEnding else { return }
    let since = Clock.now()
    doubts[server] = Doubt(since: since)
    outbox.post(.lost(server: server, at: since))
  }

  /// The server is where it was, by a lookup that began at a moment.
  mutating func confirm(_ server: UInt32, asked: Instant, now: Instant) {
    if let doubt = doubts[server], doubt.since <= asked { settle(server, now: now) }
  }

  /// Connects what has waited.
  mutating func settle(_ server: UInt32, now: Instant) {
    guard let doubt = doubts.removeValue(forKey: server) else { return }
    confirmedAt[server] = now
    for l in doubt.waiting where isWaiting(l, for: server) { connect(l, now: now) }
  }

  /// Whether a connection that was to be made still is; its slot may have been given to another since.
  private mutating func isWaiting(_ l: UInt32, for server: UInt32) -> Bool {
    worker.isConnecting(link: l, to: server) && linkWires[Int(l)].descriptor < 0
  }

  /// What has waited for long enough trusts the old address.
  mutating func settleDoubts(now: Instant) {
    for (server, doubt) in doubts where now.since(doubt.since) >= Self.doubtPatience {
      settle(server, now: now)
    }
  }

  /// Whether an attempt that began then waited for a name: that it came to nothing says nothing of the server.
  func isDoubted(_ server: UInt32, _ since: Instant) -> Bool {
    doubts[server] != nil || since < confirmedAt[server] ?? .origin
  }
}
