import Glibc

/// The whole content of a file: read up to a size limit, or written. A file named `-` is standard input, which is read as
/// it is, so that it may also be a socket.
package enum FileBytes {
  /// Why a file cannot be read.
  package struct Failure: Error {
    /// The system's error text.
    package var reason: String
    /// Whether a retry may succeed soon: no descriptor or no memory was free.
    var isPassing = false
  }

  /// The name of a file in messages.
  package static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

  /// Reads a file to its end, or one byte past `most`, so that the caller can detect that it is too large.
  ///
  /// A pipe is read, and waited for, only if `waits` is true.
  package static func read(_ path: String, most: Int, waits: Bool) throws(Failure) -> [UInt8] {
    let descriptor = try opened(path, waits ? 0 : O_NONBLOCK)
    defer { if path != "-" { close(descriptor) } }
    if !waits { try checkFile(descriptor) }
    var bytes: [UInt8] = []
    try pieces(of: descriptor) { piece in
      bytes.append(contentsOf: piece)
      return bytes.count <= most
    }
    return bytes
  }

  /// Reads a file, or a pipe, of any size, and calls `take` with one piece after the other.
  package static func stream(_ path: String, _ take: (ArraySlice<UInt8>) -> Void) throws(Failure) {
    let descriptor = try opened(path, 0)
    defer { if path != "-" { close(descriptor) } }
    try pieces(of: descriptor) { piece in
      take(piece)
      return true
    }
  }

  /// A descriptor to read from, which is to be closed unless it is standard input.
  private static func opened(_ path: String, _ flags: Int32) throws(Failure) -> Int32 {
    if path == "-" { return STDIN_FILENO }
    // SAFETY: the path lives through the call; it is copied by the kernel.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | flags)
    guard descriptor >= 0 else { throw failure() }
    return descriptor
  }

  /// Calls `take` with each piece, until it returns false or the file ends.
  private static func pieces(
    of descriptor: Int32, _ take: (ArraySlice<UInt8>) -> Bool
  ) throws(Failure) {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      // SAFETY: read fills at most `count` bytes of the chunk, which outlives the call.
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
      }
      if count == 0 { return }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure()
      }
      if !take(chunk.prefix(count)) { return }
    }
  }

  /// Writes a new file; fails if there is one.
  package static func create(_ path: String, _ bytes: [UInt8]) throws(Failure) {
    // SAFETY: the path lives through the call; it is copied by the kernel.
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      // SAFETY: write reads `count` bytes of the slice, which outlives the call.
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure()
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Refuses anything that could block its reader, such as a pipe.
  private static func checkFile(_ descriptor: Int32) throws(Failure) {
    var status = stat()
    // SAFETY: the address of a local.
    guard unsafe fstat(descriptor, &status) == 0 else { throw failure() }
    let kind = status.st_mode & S_IFMT
    if kind != S_IFREG && kind != S_IFDIR { throw Failure(reason: "it is not a regular file") }
  }

  private static func failure() -> Failure {
    let isPassing = [EMFILE, ENFILE, ENOMEM].contains(errno)
    // SAFETY: strerror gives a text of the library's, valid until the thread's next call of it.
    let text = unsafe strerror(errno).map { unsafe String(cString: $0) }
    return Failure(reason: text ?? "unknown error", isPassing: isPassing)
  }
}
