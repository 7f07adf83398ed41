import Bytes
import Glibc
import Net
import Settings
import Synchronization

/// The log: one line per event, written by a separate thread.
///
///     2026-11-20T10:00:00.123Z warning server down server=10.0.0.1:11211 cause=refused
///
/// Logging never blocks: lines queue in memory up to a bound. Lines that a full device or a stopped reader does not
/// accept are dropped and counted. Text from peers is escaped, so that one event is one line.
package final class Log: Sendable {
  private struct State {
    var lines: [UInt8] = []
    var count = 0
    var dropped: UInt64 = 0
    var settings: LogSettings
    var isReopening = false
    var isEnding = false
    var hasEnded = false
  }

  /// The most bytes of lines that may be queued.
  private static let most = 1 << 20

  private let state: Mutex<State>
  private let dropped = Atomic<Int>(0)
  private let bell: Semaphore

  package init(_ settings: LogSettings) {
    state = Mutex(State(settings: settings))
    bell = Semaphore()
  }

  /// Starts the writer thread. Lines logged earlier are queued.
  package func start() {
    Thread.start(name: "ringroad-log") { self.write() }
  }

  /// Lines that were not written, since the start.
  package var linesDropped: Int { dropped.load(ordering: .relaxed) }

  package var level: LogSettings.Level { state.withLock { $0.settings.level } }

  /// Applies new settings and reopens the file, as after a rotation (SIGHUP).
  package func reopen(_ settings: LogSettings) {
    state.withLock {
      $0.settings = settings
      $0.isReopening = true
    }
    bell.signal()
  }

  package func setLevel(_ level: LogSettings.Level) {
    state.withLock { $0.settings.level = level }
  }

  package func error(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
    log(.error, message, fields.map { ($0, $1) })
  }
  package func warning(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
    log(.warning, message, fields.map { ($0, $1) })
  }
  package func info(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
    log(.info, message, fields.map { ($0, $1) })
  }
  package func debug(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
    log(.debug, message, fields.map { ($0, $1) })
  }

  func log(_ level: LogSettings.Level, _ message: String, _ fields: [(name: String, value: String)]) {
    let isQueued = state.withLock { state in
      guard level.isWithin(state.settings.level), !state.isEnding else { return false }
      guard state.lines.count < Self.most else {
        state.dropped += 1
        return false
      }
      state.lines += LogLine.render(level, message, fields, state.settings.format).utf8
      state.count += 1
      return true
    }
    if isQueued { bell.signal() }
  }

  /// Writes the queued lines and ends the writer; waits for that at most `limit`.
  package func finish(within limit: Duration) {
    state.withLock { $0.isEnding = true }
    bell.signal()
    let deadline = Clock.now().advanced(by: limit)
    while !state.withLock({ $0.hasEnded }), Clock.now() < deadline { _ = usleep(1000) }
  }

  // MARK: - The writer

  private func write() {
    var sink = LogSink(state.withLock { $0.settings.destination })
    // Dropped lines; logged as soon as the device accepts lines again.
    var lost: UInt64 = 0
    while true {
      bell.wait()
      let (lines, dropped, reopening, isEnding) = state.withLock { state in
        let taken = (
          state.lines, state.dropped, state.isReopening ? state.settings.destination : nil, state.isEnding
        )
        state.lines.removeAll(keepingCapacity: true)
        state.dropped = 0
        state.isReopening = false
        return taken
      }
      if let reopening { sink.reopen(reopening) }
      sink.seekMissing()
      let unwritten = dropped + (lines.isEmpty ? 0 : sink.write(lines))
      lost += unwritten
      self.dropped.add(Int(clamping: unwritten), ordering: .relaxed)
      if lost > 0 {
        let note = LogLine.render(
          .warning, "log lines dropped", [("lines", "\(lost)")], state.withLock { $0.settings.format })
        if sink.write(Array(note.utf8)) == 0 { lost = 0 }
      }
      if isEnding {
        state.withLock { $0.hasEnded = true }
        return
      }
    }
  }
}

extension LogSettings.Level {
  /// Whether a line of this level is written when the log's level is `limit`.
  func isWithin(_ limit: LogSettings.Level) -> Bool { rank <= limit.rank }

  private var rank: Int {
    switch self {
    case .error: 0
    case .warning: 1
    case .info: 2
    case .debug: 3
    }
  }
}
