import CRingroad
import Glibc

/// A bell that any thread may ring to end a loop's wait.
///
///     other thread   mailbox.put(x); wakeup.wake()
///     the loop       … runOnce() returns, with a note that bears the bell's token
///
/// Nobody has to read it: the loop watches the edge (an eventfd). The watch ends before the bell goes.
@safe
package struct Wakeup: ~Copyable, Sendable {
  let descriptor: Int32

  package init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    if descriptor < 0 { throw .last("eventfd") }
  }

  deinit { _ = close(descriptor) }

  /// Rings: one system call.
  package func wake() {
    var one: UInt64 = 1
    // SAFETY: eight bytes of a local. The count would be full after 2^64 rings, and a full one still rings.
    _ = uninterrupted { unsafe write(descriptor, &one, 8) }
  }
}
