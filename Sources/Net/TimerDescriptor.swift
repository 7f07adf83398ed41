import CRingroad
import Glibc

/// A kernel timer that becomes readable when it expires (timerfd).
///
/// One that expires once is watched edge-triggered and need not be read: setting it again clears the expiry. A
/// repeated one must be read, or it is noted only once.
@safe
struct TimerDescriptor: ~Copyable {
  let descriptor: Int32

  init() throws(SystemError) {
    descriptor = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK | TFD_CLOEXEC))
    if descriptor < 0 { throw .last("timerfd_create") }
  }

  deinit { _ = close(descriptor) }

  /// Sets the timer to expire after `nanoseconds`, once or repeatedly; zero stops it. One system call.
  func set(nanoseconds: UInt64, isRepeated: Bool) {
    let seconds = Int(min(nanoseconds / 1_000_000_000, 1_000_000_000))
    let time = timespec(tv_sec: seconds, tv_nsec: Int(nanoseconds % 1_000_000_000))
    var setting = itimerspec(it_interval: isRepeated ? time : timespec(), it_value: time)
    // SAFETY: a pointer to a local; the descriptor is ours.
    _ = unsafe timerfd_settime(descriptor, 0, &setting, nil)
  }
}
