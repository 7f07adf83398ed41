import Glibc

/// A system call that failed: what was being done, and why the kernel refused.
///
///     bind 127.0.0.1:11211: Address already in use
@safe
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kernel's reason, as in errno(3).
  package let errno: Int32
  /// What was being done, and to what.
  package let operation: String

  package init(errno: Int32, operation: String) {
    self.errno = errno
    self.operation = operation
  }

  /// The failure that the calling thread's last system call left behind. Read it before anything else is
  /// called.
  package static func last(_ operation: String) -> SystemError {
    SystemError(errno: Glibc.errno, operation: operation)
  }

  package var description: String { "\(operation): \(SystemError.reason(errno))" }

  /// Whether the same may succeed later with nothing changed but what else is open: no descriptor or no memory was free.
  package var isPassing: Bool { SystemError.isPassing(errno) }

  package static func isPassing(_ errno: Int32) -> Bool {
    [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(errno)
  }

  /// The C library's words for an errno.
  package static func reason(_ errno: Int32) -> String {
    guard let text = unsafe strerror(errno) else { return "error \(errno)" }
    // SAFETY: a string that ends in NUL, and is good until this thread asks again.
    return unsafe String(cString: text)
  }
}

/// Runs a system call again for as long as a signal cuts it short; its result is the call's own.
@inline(__always)
func uninterrupted<Result: FixedWidthInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
