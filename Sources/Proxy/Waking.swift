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
  mutating func lookAfterIdle(_ l: UInt32, now: Instant) {
    let idle = now.since(links[l].heard)
    if links[l].state == .resting {
      if idle >= limits.pinging { wake(l, now: now) }
    } else if links[l].state == .ready, links[l].legs.isEmpty, links[l].input.isEmpty, !links[l].isRetiring,
      idle >= limits.resting
    {
      links[l].state = .resting
    }
  }

  /// Asks a connection that has rested for a sign of life; what it is asked next waits for that.
  mutating func wake(_ l: UInt32, now: Instant) {
    links[l].state = .waking
    links[l].wokenAt = now
    links[l].retryAt = .origin
    orders.append(.greet(link: l))
  }

  /// The clocks of one that was asked for a sign of life. Requests have their own deadlines, as ever.
  mutating func expireWaking(_ l: UInt32, now: Instant) {
    let s = links[l].server
    let timeout = servers[s].requestTimeout
    dropUnsent(l, now: now)
    let age = now.nanoseconds &- min(now.nanoseconds, links[l].wokenAt.nanoseconds)
    if age >= timeout {
      guard !links[l].isRetiring else { return lost(l, .timedOut, now: now) }
      blame(l, now: now)
      makeAnew(l, now: now)
    } else if age >= min(timeout / 4, limits.wakingPatience.wholeNanoseconds) {
      seekRelief(for: l, now: now)
    }
  }

  /// Lets go of a connection that has been idle, and opens another for what waits on it. That it is gone says nothing
  /// of its server: what the next one meets does.
  mutating func makeAnew(_ l: UInt32, now: Instant) {
    dissolveRelief(of: l)
    counters.add(.serverConnectionsLost)
    unmake(l)
    connect(l, now: max(now, clock))
  }

  /// All that waits on a connection of which nothing was sent goes to a fresh one.
  mutating func moveQueue(from l: UInt32, to r: UInt32) {
    let asked = exchange(&links[l].asked, with: Buffer())
    links[r].asked = asked
    let legs = exchange(&links[l].legs, with: Fifo())
    links[r].legs = legs
  }
}
