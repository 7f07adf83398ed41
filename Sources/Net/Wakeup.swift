import CRingroad
import Glibc

/// A signal from any thread that ends a loop's wait (an eventfd).
///
///     other thread   mailbox.put(x); wakeup.wake()
///     the loop       … runOnce() returns, with a note that has the wakeup's token
///
/// It need not be read: the loop watches it edge-triggered. End the watch before destroying it.
@safe
package struct Wakeup: ~Copyable, Sendable {
  let descriptor: Int32

  package init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    if descriptor < 0 { throw .last("eventfd") }
  }

  deinit { _ = close(descriptor) }

  /// Ends the wait: one system call.
  package func wake() {
    var one: UInt64 = 1
    // SAFETY: eight bytes of a local. The count is full after 2^64 calls, and a full one still wakes the loop.
    _ = uninterrupted { unsafe write(descriptor, &one, 8) }
  }
}
