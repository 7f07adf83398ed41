import Bytes
import Control
import Glibc
import Net
import Settings
import Stats

/// The destination of log lines: standard error, a file, the system's log, or journald. Belongs to the log's
/// writer thread, which may block here.
struct LogSink: ~Copyable {
  private let journaldPath: String
  private var descriptor: Int32 = 2
  private var isSyslog = false
  /// Open while journald is the destination.
  private var journald: DatagramSocket?
  /// The destination that could not be opened; lines go to the previous one meanwhile.
  private var missing: LogSettings.Destination?
  private var triedAt = Instant.origin

  init(_ destination: LogSettings.Destination, journald: String = LogSettings.journaldSocket) {
    journaldPath = journald
    open(destination)
  }

  deinit { if descriptor > 2 { _ = close(descriptor) } }

  mutating func reopen(_ destination: LogSettings.Destination) {
    open(destination)
  }

  /// Throws if a destination cannot be opened. Errors that only a write shows are not found.
  static func check(_ destination: LogSettings.Destination, journald: String = LogSettings.journaldSocket)
    throws(StartFailure)
  {
    switch destination {
    case .stderr, .syslog: return
    case .file(let path): try check(path)
    case .journald:
      do throws(SystemError) {
        try openJournald(journald).reach()
      } catch {
        throw StartFailure(
          "cannot log to journald: \(error); \(journaldRemedy)", isPassing: error.isPassing)
      }
    }
  }

  /// What to do where journald cannot be reached.
  static let journaldRemedy = "start systemd-journald, or set log: {to: syslog} or log: {to: /path/of/a/file}"

  private static func check(_ path: String) throws(StartFailure) {
    let file = LogSink.open(path, waits: false)
    // A named pipe without a reader yet is fine.
    if file < 0 && errno == ENXIO { return }
    guard file >= 0 else {
      let error = SystemError.last("cannot log to \(path)")
      throw StartFailure(error.description, isPassing: error.isPassing)
    }
    _ = close(file)
  }

  /// Why lines would be lost at a destination that can be opened, and what to do; nil if they are not.
  /// `isDetaching`: standard error is about to be closed.
  static func loss(at destination: LogSettings.Destination, isDetaching: Bool = false) -> (
    reason: String, remedy: String
  )? {
    switch destination {
    // `check` finds these.
    case .file, .journald: nil
    case .stderr:
      isDetaching || isNull(2)
        ? (
          isDetaching ? "-d closes standard error" : "standard error is /dev/null",
          "set log: {to: /path/of/a/file} or log: {to: syslog}"
        ) : nil
    case .syslog:
      isSyslogHeard
        ? nil : ("nothing listens on /dev/log", "set log: {to: /path/of/a/file}, or start a syslog")
    }
  }

  private static func isNull(_ descriptor: Int32) -> Bool {
    var (one, null) = (stat(), stat())
    // SAFETY: the addresses of locals, and a C string for the length of the call.
    return unsafe fstat(descriptor, &one) == 0 && stat("/dev/null", &null) == 0
      && one.st_mode & S_IFMT == S_IFCHR && one.st_rdev == null.st_rdev
  }

  /// Whether a daemon takes the system's log lines: syslog(3) does not report that none does.
  private static var isSyslogHeard: Bool {
    guard let address = Address(unixPath: "/dev/log") else { return false }
    return [SOCK_DGRAM, SOCK_STREAM].contains { Socket.canConnect(to: address, kind: $0) }
  }

  private mutating func open(_ destination: LogSettings.Destination) {
    missing = nil
    triedAt = Clock.now()
    switch destination {
    case .stderr: replace(by: 2)
    case .syslog:
      replace(by: 2)
      isSyslog = true
      openlog(nil, LOG_PID, Int32(LOG_DAEMON))
    case .journald:
      guard let socket = try? Self.openJournald(journaldPath) else {
        missing = destination
        return
      }
      replace(by: 2)
      journald = consume socket
    case .file(let path):
      let file = LogSink.open(path, waits: true)
      // On failure keep the previous destination rather than none.
      if file >= 0 { replace(by: file) } else { missing = destination }
    }
  }

  private static func openJournald(_ path: String) throws(SystemError) -> DatagramSocket {
    guard let address = Address(unixPath: path) else {
      throw SystemError(errno: ENAMETOOLONG, operation: "socket \(path)")
    }
    return try DatagramSocket(to: address)
  }

  private mutating func replace(by new: Int32) {
    if descriptor > 2 { _ = close(descriptor) }
    descriptor = new
    isSyslog = false
    journald = nil
  }

  private static func open(_ path: String, waits: Bool) -> Int32 {
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | (waits ? 0 : O_NONBLOCK)
    // SAFETY: the path is a C string for the length of the call.
    return unsafe Glibc.open(path, flags, 0o644)
  }

  /// Retries a destination that could not be opened, at most once a second.
  mutating func seekMissing() {
    guard let missing, Clock.now().since(triedAt) >= .seconds(1) else { return }
    open(missing)
  }

  /// Writes events, in this format where the destination takes lines. Those that it does not accept are lost; returns
  /// their number.
  func write(_ events: [LogEvent], _ format: LogSettings.Format) -> UInt64 {
    if journald != nil { return writeToJournald(events) }
    if isSyslog { return writeToSyslog(events, format) }
    let lines = events.reduce(into: [UInt8]()) { $0 += LogLine.render($1, format).utf8 }
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

  private func writeToJournald(_ events: [LogEvent]) -> UInt64 {
    var lost: UInt64 = 0
    for event in events {
      if journald?.send(JournaldEntry.bytes(of: event)) != true { lost += 1 }
    }
    return lost
  }

  private func writeToSyslog(_ events: [LogEvent], _ format: LogSettings.Format) -> UInt64 {
    guard LogSink.isSyslogHeard else { return UInt64(events.count) }
    for event in events {
      let text = String(LogLine.render(event, format).dropLast())
      unsafe text.withCString { start in
        // SAFETY: one %s for one C string that lives until the call returns.
        unsafe withVaList([OpaquePointer(start)]) { unsafe vsyslog(LOG_INFO, "%s", $0) }
      }
    }
    return 0
  }
}
