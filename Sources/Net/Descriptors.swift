import Glibc

/// The limit of open descriptors of this process (RLIMIT_NOFILE).
@safe
package struct Descriptors: Equatable, Sendable {
  /// The limit in force (the soft limit).
  package let limit: UInt64
  /// The highest value to which the process may raise it (the hard limit).
  package let ceiling: UInt64

  /// Reads both limits.
  package static func current() -> Descriptors {
    var limit = rlimit()
    // SAFETY: the pointer is to a local. The call fails only for a bad address or an unknown resource.
    _ = unsafe getrlimit(resource, &limit)
    return Descriptors(limit: UInt64(limit.rlim_cur), ceiling: UInt64(limit.rlim_max))
  }

  /// Raises the limit to `wanted`, or as far as possible, and returns the limits in force afterwards. Never lowers
  /// it. Only root can go above the ceiling.
  @discardableResult
  package static func raise(to wanted: UInt64? = nil) -> Descriptors {
    let now = current()
    let goal = wanted ?? now.ceiling
    guard goal > now.limit else { return now }
    var limit = rlimit(rlim_cur: rlim_t(goal), rlim_max: rlim_t(max(goal, now.ceiling)))
    // SAFETY: the pointer is to a local.
    if unsafe setrlimit(resource, &limit) != 0 {
      limit = rlimit(rlim_cur: rlim_t(min(goal, now.ceiling)), rlim_max: rlim_t(now.ceiling))
      _ = unsafe setrlimit(resource, &limit)
    }
    return current()
  }

  /// Opens /dev/null for each standard stream that is closed at the start. Otherwise the next descriptor opened,
  /// perhaps a client's connection, would get the stream's number and receive what is written to the stream.
  package static func fillStandard() {
    for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 && errno == EBADF {
      // open(2) returns the lowest free number.
      _ = unsafe open("/dev/null", O_RDWR)
    }
  }

  private static var resource: Int32 { Int32(RLIMIT_NOFILE.rawValue) }
}

/// Spare descriptors, closed to make room when the process has none left.
///
/// A listener without a free descriptor stays readable, and its clients wait without a reply. Closing one spare lets
/// the process accept and close them, so that they see a refusal. Files that must be opened anyway, such as a
/// configuration to reload, find room while all spares are lent.
@safe
package struct DescriptorReserve: ~Copyable {
  private var descriptors: [Int32] = []
  private let size: Int

  package init(_ size: Int = 1) {
    self.size = size
    refill()
  }

  deinit { for descriptor in descriptors { Socket.close(descriptor) } }

  /// Closes all spares, runs `body`, and reopens the spares that fit afterwards.
  package mutating func lend<Result: ~Copyable, Failure>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    while let descriptor = descriptors.popLast() { Socket.close(descriptor) }
    defer { refill() }
    return try body()
  }

  /// Reopens the spares that are missing, as far as descriptors are free.
  package mutating func refill() {
    while descriptors.count < size {
      let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
      if descriptor < 0 { return }
      descriptors.append(descriptor)
    }
  }

  /// Accepts waiting connections and closes each at once, `most` at the most; returns the number closed.
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
