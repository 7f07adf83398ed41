import Bytes
import Net
import Stats
import Synchronization

/// Each worker's hot keys, which it publishes once a second.
final class HotKeyLists: Sendable {
  private let lists: Mutex<[(report: HotKeyReport, at: Instant)]>

  init(workers: Int) { lists = Mutex(Array(repeating: (HotKeyReport(), .origin), count: workers)) }

  /// Whether a worker's list is a second old.
  func areDue(of worker: Int, now: Instant) -> Bool {
    lists.withLock { now.since($0[worker].at) >= .seconds(1) }
  }

  func publish(_ report: HotKeyReport, of worker: Int) {
    lists.withLock { $0[worker] = (report, Clock.now()) }
  }

  /// All workers' hot keys.
  func merged() -> HotKeyReport { lists.withLock { $0.reduce(into: HotKeyReport()) { $0 += $1.report } } }
}
