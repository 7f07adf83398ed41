import Bytes
import Net
import Stats
import Synchronization

/// Each worker's hot keys, which it publishes as long as a client of the admin interface asks for them.
final class HotKeyLists: Sendable {
  private let lists: Mutex<[(report: HotKeyReport, at: Instant)]>
  /// When they were last asked for, in the nanoseconds of an `Instant`.
  private let wantedAt = Atomic<UInt64>(0)

  init(workers: Int) { lists = Mutex(Array(repeating: (HotKeyReport(), .origin), count: workers)) }

  /// Whether a worker is to publish its hot keys: they were asked for in the last ten seconds, and its list is a second
  /// old.
  func areWanted(of worker: Int, now: Instant) -> Bool {
    let wanted = Instant(nanoseconds: wantedAt.load(ordering: .relaxed))
    guard wanted != .origin, now.since(wanted) < .seconds(10) else { return false }
    return lists.withLock { now.since($0[worker].at) >= .seconds(1) }
  }

  func publish(_ report: HotKeyReport, of worker: Int) {
    lists.withLock { $0[worker] = (report, Clock.now()) }
  }

  /// All workers' hot keys. The first one who asks for a while gets what is left of the last time; the workers publish
  /// theirs within a tenth of a second.
  func merged() -> HotKeyReport {
    wantedAt.store(Clock.now().nanoseconds, ordering: .relaxed)
    return lists.withLock { $0.reduce(into: HotKeyReport()) { $0 += $1.report } }
  }
}
