import Bytes
import Topology

/// Limits how often lines of one kind are logged, as clients, servers and the network could fill the disk: the first at
/// once, and at most a number of them in each `interval`. What is left out is counted, and reported with the next line or
/// by itself.
///
///     events   x x x x · · x · · · · · x
///     lines    1       4   … left_out: 3 with the next line, or when the interval is over
package struct LineLimits: Sendable {
  /// Lines that are limited together: those with one message, and with one value of the field that tells what they are
  /// about, if they are about a server or a host.
  package struct Kind: Hashable, Sendable {
    package let message: String
    package let name: String
    package let value: String

    package init(_ message: String, about field: ControlPlane.LogField? = nil) {
      self.message = message
      name = field?.name ?? ""
      value = field?.value ?? ""
    }
  }

  private struct Limit: Sendable {
    var until: Instant
    var lines = 0
    var leftOut = 0
    let level: LogLevel
  }

  package static let interval = Duration.seconds(60)
  /// The most lines of one kind in an interval about one server or host. A server that fails and returns has two kinds.
  package static let mostOfOne = 10
  /// The same for lines of level debug: a probe each second fits.
  package static let mostOfOneInDebug = 100

  private var limits: [Kind: Limit] = [:]

  package init() {}

  /// The number of kinds that are remembered.
  var count: Int { limits.count }

  /// Whether to log a line about `count` events now, if there may be `most` in an interval: the number of earlier events
  /// without a line, and of the other events of this line; nil if no line is due.
  package mutating func take(
    _ kind: Kind, _ level: LogLevel = .warning, most: Int = 1, count: Int = 1, now: Instant
  ) -> Int? {
    var limit = limits[kind] ?? Limit(until: .origin, level: level)
    defer { limits[kind] = limit }
    if now >= limit.until {
      limit.until = now.advanced(by: Self.interval)
      limit.lines = 0
    }
    guard limit.lines < most else {
      limit.leftOut = limit.leftOut &+ count
      return nil
    }
    limit.lines += 1
    defer { limit.leftOut = 0 }
    return limit.leftOut &+ count &- 1
  }

  /// Removes and returns the numbers of events that were left out and whose interval is over, and forgets the kinds that
  /// have none. Called once a second.
  package mutating func takeLeftOut(now: Instant) -> [(kind: Kind, level: LogLevel, count: Int)] {
    var due: [(kind: Kind, level: LogLevel, count: Int)] = []
    for (kind, limit) in limits where now >= limit.until {
      limits[kind] = nil
      if limit.leftOut > 0 { due.append((kind, limit.level, limit.leftOut)) }
    }
    for one in due {
      limits[one.kind] = Limit(until: now.advanced(by: Self.interval), lines: 1, level: one.level)
    }
    return due.sorted { ($0.kind.message, $0.kind.value) < ($1.kind.message, $1.kind.value) }
  }
}
