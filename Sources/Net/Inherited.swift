import Glibc

/// Listening sockets that whoever started the process has opened for it, as systemd hands them over (sd_listen_fds(3)):
/// `LISTEN_FDS` of them from descriptor 3 on, if `LISTEN_PID` is this process. They outlive it, so that no client is
/// refused while one process follows another.
@safe
package enum Inherited {
  /// The sockets by where they listen. To be asked once, before anything else is opened; what is no listening socket is
  /// left alone. The variables are taken out of the environment, so that no program that is started sees them.
  package static func take() -> [Address: Int32] {
    // SAFETY: no other thread is there yet that could read the environment.
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
  /// More is a slip of the pen.
  private static let most: Int32 = 1024

  private static func number(_ name: String) -> Int32? {
    // SAFETY: what getenv returns lasts until the environment is changed, which is after this.
    guard let text = unsafe getenv(name) else { return nil }
    return Int32(unsafe String(cString: text))
  }

  private static func isListening(_ descriptor: Int32) -> Bool {
    var answer: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: addresses of locals of the size that is said.
    return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &answer, &length) == 0 && answer != 0
  }
}
