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
}
