import Stats
import Synchronization

/// The newest events of the log, for any thread.
package final class EventHistory: Sendable {
  private let recent = Mutex(RecentEvents())

  package init() {}

  /// The number of the newest event; 0 if there was none.
  package var latest: Int { recent.withLock { $0.latest } }

  /// The events with numbers above `seq` that are still kept, oldest first.
  package func events(since seq: Int) -> [LogEvent] { recent.withLock { $0.events(since: seq) } }

  /// Adds an event, if its level is info or above.
  func add(_ event: LogEvent) { recent.withLock { $0.add(event) } }
}
