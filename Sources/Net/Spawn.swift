import Glibc

/// Child processes: starting, ending and reaping them.
///
/// They start with no signal blocked or ignored, whatever this process does with its own, and with an empty standard
/// input: the child of a thread that blocks SIGTERM would never receive it.
@safe
package enum Spawn {
  /// How a program ended.
  package enum End: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
  }

  /// Starts a program, searched for in PATH unless its name has a slash.
  ///
  /// - Parameters:
  ///   - arguments: the program's name first.
  ///   - environment: `NAME=value` each; nil hands on this process's own.
  ///   - output: becomes its standard output; nil hands on this process's own. `errors` likewise.
  package static func start(
    _ arguments: [String], environment: [String]? = nil, output: Int32? = nil, errors: Int32? = nil
  ) throws(SystemError) -> pid_t {
    guard let program = arguments.first else {
      throw SystemError(errno: EINVAL, operation: "start a program")
    }
    // SAFETY: both are initialised before use and destroyed after; the C library copies its arguments.
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    if let output { unsafe posix_spawn_file_actions_adddup2(&actions, output, 1) }
    if let errors { unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2) }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe sigfillset(&signals)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var pid: pid_t = 0
    let code = unsafe withStrings(arguments) { words in
      guard let environment else {
        return unsafe posix_spawnp(&pid, program, &actions, &attributes, words, environ)
      }
      return unsafe withStrings(environment) {
        unsafe posix_spawnp(&pid, program, &actions, &attributes, words, $0)
      }
    }
    if code != 0 { throw SystemError(errno: code, operation: "start \(program)") }
    return pid
  }

  /// Sends a program the signal to end.
  package static func terminate(_ pid: pid_t, signal: Int32 = SIGTERM) {
    // Never 0 or -1, which would signal other processes too.
    if pid > 0 { _ = kill(pid, signal) }
  }

  /// Waits until a child process has ended; nil when there is no such child.
  @discardableResult
  package static func wait(_ pid: pid_t) -> End? { reap(pid, 0) }

  /// How a child process ended; nil while it runs, and when there is no such child.
  package static func ended(_ pid: pid_t) -> End? { reap(pid, WNOHANG) }

  private static func reap(_ pid: pid_t, _ options: Int32) -> End? {
    var status: Int32 = 0
    // SAFETY: the pointer is to a local.
    guard pid > 0, uninterrupted({ unsafe waitpid(pid, &status, options) }) == pid else { return nil }
    // wait(2): the low seven bits are the signal, the next byte is the exit code.
    let signal = status & 0x7f
    return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
  }

  /// Calls `body` with the strings as a C array of C strings that ends in nil.
  private static func withStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    // SAFETY: strdup's copies live until the end of this function, and the array has one place more than there are
    // strings.
    let array = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    for (i, string) in strings.enumerated() { unsafe (array + i).initialize(to: strdup(string)) }
    unsafe (array + strings.count).initialize(to: nil)
    defer {
      for i in strings.indices { unsafe free(array[i]) }
      unsafe array.deallocate()
    }
    return unsafe body(array)
  }
}
