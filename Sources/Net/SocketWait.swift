import Bytes
import Glibc

extension Socket {
  /// Blocks the calling thread until the descriptor can be read, or written, or has failed; false at the deadline.
  package static func wait(for descriptor: Int32, toWrite: Bool, until deadline: Instant) -> Bool {
    while true {
      let left = deadline.nanoseconds(since: Clock.now())
      var entry = pollfd(fd: descriptor, events: Int16(toWrite ? POLLOUT : POLLIN), revents: 0)
      // SAFETY: a pointer to a local; the count is one.
      let ready = unsafe poll(&entry, 1, Int32(clamping: left / 1_000_000 + (left > 0 ? 1 : 0)))
      if ready > 0 { return true }
      if left == 0 || (ready < 0 && errno != EINTR) { return false }
    }
  }
}
