import Bytes

/// Limits how often lines of one kind are logged, as clients could fill the disk: the first at once, then at most one in
/// each `interval`. What is left out is counted, and reported with the next line or by itself.
///
///     events   x x x x · · x · · · · · x
///     lines    1       4   … left_out: 3 with the next line, or when the interval is over
package struct LineLimits: Sendable {
  private struct Limit: Sendable {
    var until: Instant
    var leftOut = 0
  }

  package static let interval = Duration.seconds(60)

  private var limits: [String: Limit] = [:]

  package init() {}

  /// Whether to log a line about `count` events now: the number of earlier events without a line, and of the other events
  /// of this line; nil if no line is due.
  package mutating func take(_ kind: String, count: Int = 1, now: Instant) -> Int? {
    if let limit = limits[kind], now < limit.until {
      limits[kind]?.leftOut = limit.leftOut &+ count
      return nil
    }
    let leftOut = (limits[kind]?.leftOut ?? 0) &+ count &- 1
    limits[kind] = Limit(until: now.advanced(by: Self.interval))
    return leftOut
  }

  /// Removes and returns the numbers of events that were left out and whose interval is over, and forgets the kinds that
  /// have none. Called once a second.
  package mutating func takeLeftOut(now: Instant) -> [(kind: String, count: Int)] {
    var due: [(kind: String, count: Int)] = []
    for (kind, limit) in limits where now >= limit.until {
      limits[kind] = nil
      if limit.leftOut > 0 { due.append((kind, limit.leftOut)) }
    }
    for one in due { limits[one.kind] = Limit(until: now.advanced(by: Self.interval)) }
    return due.sorted { $0.kind < $1.kind }
  }
}
