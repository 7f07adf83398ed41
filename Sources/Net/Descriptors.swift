import Glibc

/// How many descriptors the process may have open.
@safe
package struct Descriptors: Equatable, Sendable {
  /// What holds now.
  package let limit: UInt64
  /// How far it may be raised.
  package let ceiling: UInt64

  /// The limits as they are.
  package static func current() -> Descriptors {
    var limit = rlimit()
    // SAFETY: the address of a local. The call fails only for a bad address or a resource that is none.
    _ = unsafe getrlimit(resource, &limit)
    return Descriptors(limit: UInt64(limit.rlim_cur), ceiling: UInt64(limit.rlim_max))
  }

  /// Raises the limit to what is wanted, or as far as it goes, and returns what holds then. Never lowers it.
  /// Above the ceiling only root gets what it wants.
  @discardableResult
  package static func raise(to wanted: UInt64? = nil) -> Descriptors {
    let now = current()
    let goal = wanted ?? now.ceiling
    guard goal > now.limit else { return now }
    var limit = rlimit(rlim_cur: rlim_t(goal), rlim_max: rlim_t(max(goal, now.ceiling)))
    // SAFETY: the address of a local.
    if unsafe setrlimit(resource, &limit) != 0 {
      limit = rlimit(rlim_cur: rlim_t(min(goal, now.ceiling)), rlim_max: rlim_t(now.ceiling))
      _ = unsafe setrlimit(resource, &limit)
    }
    return current()
  }

  /// Opens /dev/null in place of each standard stream that the process was started without: else the next thing that is
  /// opened, perhaps a client's connection, would take its number and what is written to the stream.
  package static func fillStandard() {
    for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 && errno == EBADF {
      // The lowest number that is free.
      _ = unsafe open("/dev/null", O_RDWR)
    }
  }

  private static var resource: Int32 { Int32(RLIMIT_NOFILE.rawValue) }
}

/// Descriptors kept in hand for when there are no more.
///
/// A listener that is out of descriptors stays readable, and its clients wait without a word. With one of the
/// reserve given up for a moment they can be taken off the queue and closed, so that they know. And what must
/// be opened all the same, such as a file to be read again, finds room when all of it is lent.
@safe
package struct DescriptorReserve: ~Copyable {
  private var descriptors: [Int32] = []
  private let size: Int

  package init(_ size: Int = 1) {
    self.size = size
    refill()
  }

  deinit { for descriptor in descriptors { Socket.close(descriptor) } }

  /// Gives everything up while something is opened, and takes back what is left then.
  package mutating func lend<Result: ~Copyable, Failure>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    while let descriptor = descriptors.popLast() { Socket.close(descriptor) }
    defer { refill() }
    return try body()
  }

  /// Takes back what could not be had before.
  package mutating func refill() {
    while descriptors.count < size {
      let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
      if descriptor < 0 { return }
      descriptors.append(descriptor)
    }
  }

  /// Accepts and closes at once the connections that wait, at most `most`; returns how many.
  package mutating func shed(_ listener: Int32, most: Int = 64) -> Int {
    var count = 0
    while count < most {
      if let descriptor = descriptors.popLast() { Socket.close(descriptor) }
      let result = Socket.accept(listener)
      if case .accepted(let client, _) = result { Socket.close(client) }
      refill()
      guard case .accepted = result else { break }
      count += 1
    }
    return count
  }
}
