import Glibc

/// poll(2), for programs with a handful of descriptors.
@safe
package enum Poll {
  /// Waits until at least one of the descriptors is ready; returns those, or none at the deadline. One that has failed,
  /// or whose other end is closed, is ready: the next system call says so.
  package static func wait(
    toRead: [Int32] = [], toWrite: [Int32] = [], until deadline: ContinuousClock.Instant
  ) -> Set<Int32> {
    var watched =
      toRead.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      + toWrite.map { pollfd(fd: $0, events: Int16(POLLOUT), revents: 0) }
    while true {
      let left = max(.zero, ContinuousClock.now.duration(to: deadline))
      let milliseconds = Int32(min(60_000, (left / .milliseconds(1)).rounded(.up)))
      // SAFETY: the array's own pointer and count.
      let count = unsafe poll(&watched, nfds_t(watched.count), milliseconds)
      if count > 0 { return Set(watched.filter { $0.revents != 0 }.map(\.fd)) }
      if count < 0 && errno != EINTR || left == .zero { return [] }
    }
  }
}
