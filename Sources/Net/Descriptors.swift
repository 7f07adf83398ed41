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

  private static var resource: Int32 { Int32(RLIMIT_NOFILE.rawValue) }
}

/// A descriptor kept in hand for when there are no more.
///
/// A listener that is out of descriptors stays readable, and its clients wait without a word. With the
/// reserve given up for a moment they can be taken off the queue and closed, so that they know.
@safe
package struct ReserveDescriptor: ~Copyable {
  private var descriptor: Int32

  package init() { descriptor = ReserveDescriptor.take() }

  deinit { if descriptor >= 0 { Socket.close(descriptor) } }

  /// Accepts and closes at once the connections that wait, at most `most`; returns how many.
  package mutating func shed(_ listener: Int32, most: Int = 64) -> Int {
    var count = 0
    while count < most {
      if descriptor >= 0 { Socket.close(descriptor) }
      let result = Socket.accept(listener)
      if case .accepted(let client, _) = result { Socket.close(client) }
      descriptor = ReserveDescriptor.take()
      guard case .accepted = result else { break }
      count += 1
    }
    return count
  }

  private static func take() -> Int32 { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
}
