import Bytes
import Net
import Stats
import Synchronization

/// Each worker's hot keys, which it publishes once a second while they are asked for.
final class HotKeyLists: Sendable {
  private let lists: Mutex<[(report: HotKeyReport, at: Instant)]>
  /// When they were last asked for, in the nanoseconds of an `Instant`.
  private let wantedAt = Atomic<UInt64>(0)

  init(workers: Int) { lists = Mutex(Array(repeating: (HotKeyReport(), .origin), count: workers)) }

  /// Whether a worker is to publish its hot keys: its list is a second old, and they were asked for in the last minute.
  func areDue(of worker: Int, now: Instant) -> Bool {
    let wanted = Instant(nanoseconds: wantedAt.load(ordering: .relaxed))
    guard wanted != .origin, now.since(wanted) < .seconds(60) else { return false }
    return lists.withLock { now.since($0[worker].at) >= .seconds(1) }
  }

  func publish(_ report: HotKeyReport, of worker: Int) {
    lists.withLock { $0[worker] = (report, Clock.now()) }
  }

  /// Has the workers publish theirs for the next minute.
  func want() { wantedAt.store(Clock.now().nanoseconds, ordering: .relaxed) }

  /// All workers' hot keys. If they were not asked for in the last minute, that is what was published then: each worker
  /// publishes its own within a tenth of a second.
  func merged() -> HotKeyReport {
    want()
    return lists.withLock { $0.reduce(into: HotKeyReport()) { $0 += $1.report } }
  }
}
