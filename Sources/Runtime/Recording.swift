import Stats
import Synchronization

/// What the workers hand over to the recorder of the admin interface.
final class Recording: Sendable {
  /// Whether there is one.
  let isOn = Atomic<Bool>(false)
  /// The latencies since it last took them.
  let latencies = Mutex(LatencyBook())
  /// Counted up once a second by the admin interface at a tick of its own. The workers then publish halfway between its
  /// ticks, so that the seconds that it records are equally long.
  let beats = Atomic<Int>(0)

  /// Removes and returns the latencies so far.
  func takeLatencies() -> LatencyBook {
    latencies.withLock { book in
      defer { book = LatencyBook() }
      return book
    }
  }
}
