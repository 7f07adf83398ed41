import Bytes
import Glibc

/// The monotonic clock: it never jumps, and does not count the time that the machine is suspended.
package enum Clock {
  /// This moment. About 20 ns, no system call.
  package static func now() -> Instant {
    var time = timespec()
    // SAFETY: the clock exists on every Linux and the address is that of a local.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
  }

  /// How long the calling thread has been on a processor. One system call.
  package static func worked() -> Duration {
    var time = timespec()
    // SAFETY: the clock exists on every Linux and the address is that of a local.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
  }

  /// Stops the calling thread for so long, whatever becomes ready meanwhile: to let what comes gather. A
  /// signal may end it early. Late by the thread's timer slack, 50 µs unless it asked for fine timers.
  package static func pause(nanoseconds: Int64) {
    guard nanoseconds > 0 else { return }
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    // SAFETY: the address of a local.
    _ = unsafe nanosleep(&time, nil)
  }
}
