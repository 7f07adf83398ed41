import Bytes
import Stats
import Wire

// Connections on which nothing was asked for a while. What lies between may have forgotten them, and tells nobody: so
// nothing that a client asks is sent on one before the server has answered `version` on it.
//
//     ready ── idle for a second ─▶ resting ── a request, or 10 s ─▶ waking ─┬▶ answered: ready
//                                                                            ├▶ lost: made anew at once
//                                                                            └▶ silent: another is opened beside it
//
// What waits meanwhile was never sent. It goes over to the next connection as it stands, writes too.

extension Worker {
  /// Looks at a connection that is owed nothing: puts it to rest, and wakes it when it has rested for long. So it
  /// is found dead before a client meets it, and what lies between has something to remember it by.
  mutating func checkIdle(_ l: UInt32, now: Instant) {
    let idle = now.since(connections[l].heard)
    if connections[l].state == .idle {
      if idle >= limits.pingAfter { validate(l, now: now) }
    } else if connections[l].state == .ready, connections[l].legs.isEmpty, connections[l].input.isEmpty,
      !connections[l].isRetiring,
      idle >= limits.idleAfter
    {
      connections[l].state = .idle
    }
  }

  /// Asks a connection that has rested for a sign of life; what it is asked next waits for that.
  mutating func validate(_ l: UInt32, now: Instant) {
    connections[l].state = .validating
    connections[l].validatingSince = now
    connections[l].retryAt = .origin
    effects.append(.handshake(connection: l))
  }

  /// The clocks of one that was asked for a sign of life. Requests have their own deadlines, as ever.
  mutating func expireValidation(_ l: UInt32, now: Instant) {
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

  /// Lets go of a connection that has been idle, and opens another for what waits on it. That it is gone says nothing
  /// of its server: what the next one meets does.
  mutating func remake(_ l: UInt32, now: Instant) {
    dropReplacement(of: l)
    counters.add(.serverConnectionsLost)
    unmake(l)
    connect(l, now: max(now, clock))
  }

  /// All that waits on a connection of which nothing was sent goes to a fresh one.
  mutating func moveQueue(from l: UInt32, to r: UInt32) {
    let asked = exchange(&connections[l].asked, with: Buffer())
    connections[r].asked = asked
    let legs = exchange(&connections[l].legs, with: Fifo())
    connections[r].legs = legs
  }
}
