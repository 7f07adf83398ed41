import Glibc

/// A failed system call: the operation, and the kernel's reason.
///
///     bind 127.0.0.1:11211: Address already in use
@safe
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kernel's reason, as in errno(3).
  package let errno: Int32
  /// The operation, and its object.
  package let operation: String
  /// The reason, if the kernel's text for `errno` would mislead.
  package let words: String?

  package init(errno: Int32, operation: String, words: String? = nil) {
    self.errno = errno
    self.operation = operation
    self.words = words
  }

  /// The failure of the calling thread's last system call. Read it before any other call.
  package static func last(_ operation: String) -> SystemError {
    SystemError(errno: Glibc.errno, operation: operation)
  }

  package var description: String { "\(operation): \(words ?? SystemError.reason(errno))" }

  /// Whether a retry may succeed once other descriptors close: no descriptor or no memory was free.
  package var isPassing: Bool { SystemError.isPassing(errno) }

  package static func isPassing(_ errno: Int32) -> Bool {
    [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(errno)
  }

  /// The C library's text for an errno.
  package static func reason(_ errno: Int32) -> String {
    guard let text = unsafe strerror(errno) else { return "error \(errno)" }
    // SAFETY: a string that ends in NUL, valid until this thread's next strerror.
    return unsafe String(cString: text)
  }
}

/// Repeats a system call for as long as a signal interrupts it; returns the call's own result.
@inline(__always)
func uninterrupted<Result: FixedWidthInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
