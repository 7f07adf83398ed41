import Glibc

/// Listening sockets opened by the parent process, as systemd passes them (sd_listen_fds(3)): `LISTEN_FDS`
/// descriptors from number 3, valid if `LISTEN_PID` is this process. They outlive the process, so that no client is
/// refused while one process replaces another.
@safe
package enum Inherited {
  /// The sockets by address. Call it once, before any other descriptor is opened; descriptors that are not listening
  /// sockets are left alone. The variables are removed from the environment, so that child processes do not see them.
  package static func take() -> [Address: Int32] {
    // SAFETY: there is no other thread yet that could read the environment.
    defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) } }
    guard number("LISTEN_PID") == getpid(), let count = number("LISTEN_FDS"), count > 0 else { return [:] }
    var found: [Address: Int32] = [:]
    for descriptor in first..<first + min(count, most) where isListening(descriptor) {
      guard let address = Address.local(of: descriptor) else { continue }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
      found[address] = descriptor
    }
    return found
  }

  private static let first: Int32 = 3
  /// A larger number is a mistake.
  private static let most: Int32 = 1024

  private static func number(_ name: String) -> Int32? {
    // SAFETY: getenv's string is valid until the environment is changed, which happens later.
    guard let text = unsafe getenv(name) else { return nil }
    return Int32(unsafe String(cString: text))
  }

  private static func isListening(_ descriptor: Int32) -> Bool {
    var answer: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: pointers to locals, with their sizes.
    return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &answer, &length) == 0 && answer != 0
  }
}
