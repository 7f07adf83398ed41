import Glibc
import Settings

/// Where lines end up: standard error, a file, or the system's log. Belongs to the log's writer, which
/// may block here as long as it likes.
struct LogSink: ~Copyable {
  private var descriptor: Int32 = 2
  private var isSyslog = false

  init(_ destination: LogSettings.Destination) {
    open(destination)
  }

  deinit { if descriptor > 2 { _ = close(descriptor) } }

  mutating func reopen(_ destination: LogSettings.Destination) {
    if descriptor > 2 { _ = close(descriptor) }
    open(destination)
  }

  private mutating func open(_ destination: LogSettings.Destination) {
    descriptor = 2
    isSyslog = false
    switch destination {
    case .stderr: break
    case .syslog:
      isSyslog = true
      openlog(nil, LOG_PID, Int32(LOG_DAEMON))
    case .file(let path):
      // SAFETY: the path is a C string for the length of the call.
      let file = unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
      // Better on standard error than nowhere.
      descriptor = file >= 0 ? file : 2
    }
  }

  /// Writes lines; what the device does not take is lost. Returns how many lines that were.
  func write(_ lines: [UInt8]) -> UInt64 {
    if isSyslog {
      for line in lines.split(separator: 10) {
        let text = String(decoding: line, as: UTF8.self)
        unsafe text.withCString { start in
          // SAFETY: one %s for one C string that lives until the call returns.
          unsafe withVaList([OpaquePointer(start)]) { unsafe vsyslog(LOG_INFO, "%s", $0) }
        }
      }
      return 0
    }
    var rest = lines[...]
    while !rest.isEmpty {
      // SAFETY: the slice's own bytes and count.
      let n = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if n < 0 && errno == EINTR { continue }
      guard n > 0 else { return rest.reduce(0) { $1 == 10 ? $0 + 1 : $0 } }
      rest = rest.dropFirst(n)
    }
    return 0
  }
}
