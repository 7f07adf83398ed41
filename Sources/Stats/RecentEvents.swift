import Topology

/// The newest events of the log, numbered from 1 in the order in which they were added; bounded in number and in bytes.
///
///     events 1 … 41   42 43 44 … 1041      `latest` is 1041; `events(since: 1039)` are 1040 and 1041
///     dropped         kept
package struct RecentEvents: Sendable {
  /// The most events that are kept.
  package static let most = 1000
  /// The most memory that they may take; beyond it the oldest are dropped.
  package static let mostBytes = 1 << 20
  /// What is kept of one event.
  package static let mostFields = 16
  package static let mostBytesOfText = 1024

  /// The number of the newest event; 0 if there was none.
  package private(set) var latest = 0
  /// The memory that they take, about.
  package private(set) var bytes = 0
  private var events: [LogEvent] = []

  package init() {}

  /// Adds an event, if its level is info or above.
  package mutating func add(_ event: LogEvent) {
    guard event.level.isWithin(.info) else { return }
    var event = event.shortened(toFields: Self.mostFields, ofBytes: Self.mostBytesOfText)
    latest += 1
    event.seq = latest
    events.append(event)
    bytes += event.cost
    var dropped = 0
    while events.count - dropped > Self.most || bytes > Self.mostBytes {
      bytes -= events[dropped].cost
      dropped += 1
    }
    events.removeFirst(dropped)
  }

  /// The events with numbers above `seq`, oldest first. Those that were dropped are missing: then the first of the result
  /// has a number above `seq + 1`.
  package func events(since seq: Int) -> [LogEvent] {
    guard seq < latest else { return [] }
    return Array(events.suffix(latest - max(seq, 0)))
  }
}
