import Bytes
import Stats
import Wire

// Idle check of server connections. A firewall or NAT between may have dropped an idle connection without notice, so
// no client request is sent on one before the server has answered `version` on it.
//
//     ready ── idle for a second ─▶ idle ── a request, or 10 s ─▶ validating ─┬▶ answered: ready
//                                                                             ├▶ lost: reconnected at once
//                                                                             └▶ silent: a replacement is opened
//
// Requests queued meanwhile were never sent. They move to the next connection unchanged, writes included.

extension Worker {
  /// Marks a connection that is owed no reply as idle, and validates it after a longer time. So a dead connection is
  /// found before a client needs it, and the traffic keeps firewall or NAT state alive.
  mutating func checkIdle(_ l: Ref<ServerConnection>, now: Instant) {
    let idle = now.since(connections[l].heard)
    if connections[l].state == .idle {
      if idle >= limits.pingAfter { validate(l, now: now) }
    } else if connections[l].state == .ready, connections[l].queue.legs.isEmpty, connections[l].input.isEmpty,
      !connections[l].isRetiring,
      idle >= limits.idleAfter
    {
      connections[l].state = .idle
    }
  }

  /// Sends `version` on an idle connection; requests are held until it is answered.
  mutating func validate(_ l: Ref<ServerConnection>, now: Instant) {
    connections[l].state = .validating
    connections[l].validatingSince = now
    connections[l].retryAt = .origin
    effects.append(.handshake(connection: l))
  }

  /// Checks the deadlines of a connection that is being validated. Its requests keep their own deadlines.
  mutating func expireValidation(_ l: Ref<ServerConnection>, now: Instant) {
    let s = connections[l].server
    let timeout = servers[s].requestTimeout
    dropUnsent(l, now: now)
    let age = now.nanoseconds &- min(now.nanoseconds, connections[l].validatingSince.nanoseconds)
    if age >= timeout {
      guard !connections[l].isRetiring else { return lost(l, .timedOut, now: now) }
      blame(l, now: now)
      remake(l, now: now)
    } else if age >= min(timeout / 4, limits.validationPatience.wholeNanoseconds) {
      openReplacement(for: l, now: now)
    }
  }

  /// Closes an idle connection and opens another for the requests that wait on it. The loss says nothing about the
  /// server: the result of the next connection does.
  mutating func remake(_ l: Ref<ServerConnection>, now: Instant) {
    dropReplacement(of: l)
    counters.add(.serverConnectionsLost)
    unmake(l)
    connect(l, now: max(now, clock))
  }

}
