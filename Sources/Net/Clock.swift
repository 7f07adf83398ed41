import Bytes
import Glibc

/// The monotonic clock: it never jumps, and does not count the time during which the machine is suspended.
package enum Clock {
  /// The current time. About 20 ns, no system call.
  package static func now() -> Instant {
    var time = timespec()
    // SAFETY: the clock exists on every Linux, and the pointer is to a local.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
  }

  /// The time of day, in seconds since 1970: for people, never for deadlines.
  package static func time() -> Double {
    var time = timespec()
    // SAFETY: the clock exists on every Linux, and the pointer is to a local.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
  }

  /// The processor time that the calling thread has used. One system call.
  package static func worked() -> Duration {
    var time = timespec()
    // SAFETY: the clock exists on every Linux, and the pointer is to a local.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
  }

  /// Blocks the calling thread for `nanoseconds`, even if descriptors become ready meanwhile, so that input collects.
  /// A signal may end the pause early. It ends late by the thread's timer slack: 50 µs unless the thread asked for
  /// fine timers.
  package static func pause(nanoseconds: Int64) {
    guard nanoseconds > 0 else { return }
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    // SAFETY: the pointer is to a local.
    _ = unsafe nanosleep(&time, nil)
  }
}
