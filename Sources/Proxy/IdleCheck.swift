import Bytes
import Stats

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
    let idle = now.since(upstream.connections[l].progress.heard)
    if upstream.connections[l].state == .idle {
      if idle >= common.limits.pingAfter { validate(l, now: now) }
    } else if upstream.connections[l].state == .ready, upstream.connections[l].queue.legs.isEmpty,
      upstream.connections[l].input.isEmpty,
      !upstream.connections[l].isRetiring,
      idle >= common.limits.idleAfter
    {
      upstream.connections[l].state = .idle
    }
  }

  /// Sends `version` on an idle connection; requests are held until it is answered.
  mutating func validate(_ l: Ref<ServerConnection>, now: Instant) {
    upstream.connections[l].state = .validating
    upstream.connections[l].check.validatingSince = now
    upstream.connections[l].attempt.retryAt = .origin
    common.effects.append(.handshake(connection: l))
  }

  /// Checks the deadlines of a connection that is being validated. Its requests keep their own deadlines.
  mutating func expireValidation(_ l: Ref<ServerConnection>, now: Instant) {
    let s = upstream.connections[l].server
    let timeout = upstream.servers[s].timeouts.request
    dropUnsent(l, now: now)
    let age =
      now.nanoseconds &- min(now.nanoseconds, upstream.connections[l].check.validatingSince.nanoseconds)
    if age >= timeout {
      guard !upstream.connections[l].isRetiring else { return lost(l, .timedOut, now: now) }
      blame(l, now: now)
      remake(l, now: now)
    } else if age >= min(timeout / 4, common.limits.validationPatience.wholeNanoseconds) {
      openReplacement(for: l, now: now)
    }
  }

  /// Closes an idle connection and opens another for the requests that wait on it. The loss says nothing about the
  /// server: the result of the next connection does.
  mutating func remake(_ l: Ref<ServerConnection>, now: Instant) {
    dropReplacement(of: l)
    common.counters.add(.serverConnectionsLost)
    unmake(l)
    connect(l, now: max(now, common.clock))
  }

}
