import Bytes
import Topology

/// What every server's counters were when it last answered `stats`, so that a merged counter never falls: a monitoring
/// system takes a fall for a restart, and would show the whole sum as new events.
///
///     a   reported 700, was restarted, reports 20     counts 720
///     b   reported 300, does not answer               counts 300
///     c   never answered                              counts nothing
///
/// One for the whole process: a client's next connection may be another worker's. A server has 24 bytes for each
/// counter of `MergeTable`, whatever it sends.
package struct KnownCounters: Sendable {
  private var servers: [ServerID: ServerCounters] = [:]

  package init() {}

  /// A server's counters; setting nil forgets them.
  package subscript(server: ServerID) -> ServerCounters? {
    get { servers[server] }
    set { servers[server] = newValue }
  }

  /// Forgets all servers but these.
  package mutating func keep(_ current: Set<ServerID>) {
    guard servers.keys.contains(where: { !current.contains($0) }) else { return }
    servers = servers.filter { current.contains($0.key) }
  }
}

/// One server's counters, as it last reported them.
package struct ServerCounters: Sendable {
  private struct Count {
    /// What it had counted before it was restarted or its counters were reset.
    var before: UInt64 = 0
    var last: UInt64 = 0
    var isKnown = false
  }

  /// One for each of `MergeTable.counters`.
  private var counts = Array(repeating: Count(), count: MergeTable.counters.count)
  private var uptime: UInt64 = 0
  /// When an answer of the server was last merged.
  private var mergedAt = Instant.origin
  /// Whether the current answer is certainly later than the one before, and shows that the server was restarted.
  private var isLater = true
  private var isRestarted = false

  package init() {}

  /// Begins to take an answer to a request that was received at `asked` and is merged at `now`.
  ///
  /// Two requests underway at the same time may be answered in any order. So a lower number tells that a server has
  /// begun again only if its request was received after the last answer had been merged.
  mutating func begin(asked: Instant, now: Instant) {
    isLater = asked >= mergedAt
    isRestarted = false
    mergedAt = max(mergedAt, now)
  }

  /// Takes the server's uptime, which precedes its counters.
  mutating func take(uptime seconds: UInt64) {
    isRestarted = isLater && seconds < uptime
    uptime = isLater ? seconds : max(uptime, seconds)
  }

  /// Takes the value of the counter with this number in `MergeTable.counters`.
  mutating func take(_ value: UInt64, for counter: Int) {
    let last = counts[counter].last
    if isLater, isRestarted || value < last {
      counts[counter].before = saturatingSum(counts[counter].before, last)
      counts[counter].last = value
    } else {
      counts[counter].last = max(last, value)
    }
    counts[counter].isKnown = true
  }

  /// What counts for this counter; nil if the server never reported it.
  func total(of counter: Int) -> UInt64? {
    let count = counts[counter]
    return count.isKnown ? saturatingSum(count.before, count.last) : nil
  }
}
