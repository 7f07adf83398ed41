import Bytes
import CRingroad
import Glibc

/// A timer of the kernel's that becomes readable when its time has come (timerfd).
///
/// One that goes off once is watched edge-triggered, so that nobody has to read it: setting it again forgets
/// what had passed. One that is repeated must be read, or it goes off only once.
@safe
struct TimerDescriptor: ~Copyable {
  let descriptor: Int32

  init() throws(SystemError) {
    descriptor = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK | TFD_CLOEXEC))
    if descriptor < 0 { throw .last("timerfd_create") }
  }

  deinit { _ = close(descriptor) }

  /// Goes off after so many nanoseconds, once or again and again; zero stops it. One system call.
  func set(nanoseconds: UInt64, isRepeated: Bool) {
    let seconds = Int(min(nanoseconds / 1_000_000_000, 1_000_000_000))
    let time = timespec(tv_sec: seconds, tv_nsec: Int(nanoseconds % 1_000_000_000))
    var setting = itimerspec(it_interval: isRepeated ? time : timespec(), it_value: time)
    // SAFETY: the address of a local; the descriptor is ours.
    _ = unsafe timerfd_settime(descriptor, 0, &setting, nil)
  }
}
