import Glibc

/// Standard input, output and error.
package enum StandardStreams {
  /// Writes all bytes; false if the reader is gone.
  @discardableResult
  package static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) -> Bool {
    var written = 0
    while written < bytes.count {
      // SAFETY: written < count, so the pointer and the rest lie in the array, which outlives the call.
      let count = unsafe bytes.withUnsafeBytes { bytes -> Int in
        guard let base = bytes.baseAddress else { return 0 }
        return unsafe Glibc.write(descriptor, base + written, bytes.count - written)
      }
      if count < 0 {
        if errno == EINTR { continue }
        return false
      }
      written += count
    }
    return true
  }

  /// Prints one line to standard output.
  package static func say(_ line: String) { write(Array((line + "\n").utf8)) }

  /// Prints one error line to standard error.
  package static func complain(_ line: String) { write(Array((line + "\n").utf8), to: STDERR_FILENO) }

  /// Reads the next bytes of standard input; empty at its end, and after an error, which is reported.
  package static func read(into chunk: inout [UInt8]) -> ArraySlice<UInt8> {
    while true {
      // SAFETY: read fills at most `count` bytes of the array, which outlives the call.
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count)
      }
      if count >= 0 { return chunk[..<count] }
      guard errno == EINTR else {
        complain("ringroad: standard input cannot be read (error \(errno))")
        return []
      }
    }
  }
}
