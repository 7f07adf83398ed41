import Glibc

/// A real memcached on a free loopback port; it is killed when this object is destroyed.
package final class MemcachedProcess {
  package enum Failure: Error {
    case noSocket
    case noStart(Int32)
    case noAnswer
  }

  package let port: UInt16
  package let processID: pid_t

  /// The child starts with an empty signal mask, whatever signals this process blocks.
  package init(_ options: [String] = []) throws {
    port = try Self.freePort()
    var words = ["memcached", "-l", "127.0.0.1", "-p", String(port), "-U", "0", "-m", "16", "-t", "1"]
    if getuid() == 0 { words += ["-u", "root"] }
    let (code, child) = Self.spawn(words + options)
    guard code == 0 else { throw Failure.noStart(code) }
    processID = child
    for _ in 0..<200 {
      if let answer = try? ask("version"), answer.starts(with: Array("VERSION".utf8)) { return }
      usleep(20_000)
    }
    throw Failure.noAnswer
  }

  deinit {
    kill(processID, SIGKILL)
    _ = waitpid(processID, nil, 0)
  }

  /// memcached's reply to one request, which is given without its line end.
  package func ask(_ request: String) throws -> [UInt8] { try answer(to: Array((request + "\r\n").utf8)) }

  /// memcached's reply on a new connection that sends these bytes and no more, until memcached closes it.
  package func answer(to input: [UInt8]) throws -> [UInt8] {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard fd >= 0 else { throw Failure.noSocket }
    defer { close(fd) }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    // SAFETY: the value is a timeval of that size.
    _ = unsafe setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard unsafe Self.withLoopback(port, { unsafe connect(fd, $0, $1) }) == 0 else { throw Failure.noAnswer }
    var sent = 0
    while sent < input.count {
      // SAFETY: the array is as long as its count says.
      let n = unsafe input.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress else { return 0 }
        return unsafe send(fd, start + sent, input.count - sent, Int32(MSG_NOSIGNAL))
      }
      // memcached has closed the connection.
      guard n > 0 else { break }
      sent += n
    }
    shutdown(fd, Int32(SHUT_WR))
    var answer: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      // SAFETY: as above.
      let n = unsafe recv(fd, &piece, piece.count, 0)
      if n == 0 || (n < 0 && errno == ECONNRESET) { return answer }
      guard n > 0 else { throw Failure.noAnswer }
      answer += piece[..<n]
    }
  }

  private static func spawn(_ words: [String]) -> (code: Int32, child: pid_t) {
    var attributes = posix_spawnattr_t()
    var files = unsafe posix_spawn_file_actions_t()
    var mask = sigset_t()
    var child: pid_t = 0
    // SAFETY: the structures live on this stack and the strings until they are freed below; the call
    // keeps none of them.
    unsafe posix_spawnattr_init(&attributes)
    unsafe sigemptyset(&mask)
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    unsafe posix_spawn_file_actions_init(&files)
    // memcached writes here after `verbosity`.
    unsafe posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0)
    var arguments = unsafe [UnsafeMutablePointer<CChar>?]()
    for word in words { unsafe arguments.append(strdup(word)) }
    unsafe arguments.append(nil)
    let code = unsafe posix_spawnp(&child, "memcached", &files, &attributes, arguments, environ)
    for i in 0..<words.count { unsafe free(arguments[i]) }
    unsafe posix_spawnattr_destroy(&attributes)
    unsafe posix_spawn_file_actions_destroy(&files)
    return (code, child)
  }

  private static func freePort() throws -> UInt16 {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard fd >= 0 else { throw Failure.noSocket }
    defer { close(fd) }
    guard unsafe withLoopback(0, { unsafe bind(fd, $0, $1) }) == 0 else { throw Failure.noSocket }
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: a sockaddr_in is a sockaddr of that length.
    let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(fd, $0, &length)
      }
    }
    guard code == 0 else { throw Failure.noSocket }
    return UInt16(bigEndian: address.sin_port)
  }

  private static func withLoopback(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0001).bigEndian)
    // SAFETY: a sockaddr_in is a sockaddr of that length.
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
