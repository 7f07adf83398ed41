import Bytes
import Glibc
import Net
import Settings
import Stats
import Synchronization
import Topology

/// The log: one line per event, written by a separate thread.
///
///     2026-11-20T10:00:00.123Z warning server down server=10.0.0.1:11211 cause=refused
///
/// Logging never blocks: events queue in memory up to a bound. Those that a full device or a stopped reader does not
/// accept are dropped and counted. Text from peers is escaped, so that one event is one line. The newest events are also
/// kept in memory, whatever the level of the log.
package final class Log: Sendable {
  private struct State {
    var events: [LogEvent] = []
    /// What the events cost together.
    var bytes = 0
    var dropped: UInt64 = 0
    var settings: LogSettings
    var isReopening = false
    var isEnding = false
    var hasEnded = false
  }

  /// The most bytes of events that may be queued.
  private static let most = 1 << 20

  /// The newest events of level info and above.
  package let history = EventHistory()
  private let journald: String

  private let state: Mutex<State>
  private let dropped = Atomic<Int>(0)
  private let bell: Semaphore

  /// `journald`: the path of journald's socket.
  package init(_ settings: LogSettings, journald: String = LogSettings.journaldSocket) {
    self.journald = journald
    state = Mutex(State(settings: settings))
    bell = Semaphore()
  }

  /// Starts the writer thread. Lines logged earlier are queued.
  package func start() {
    Thread.start(name: "ringroad-log") { self.write() }
  }

  /// Lines that were not written, since the start.
  package var linesDropped: Int { dropped.load(ordering: .relaxed) }

  package var level: LogLevel { state.withLock { $0.settings.level } }

  /// Applies new settings and reopens the file, as after a rotation (SIGHUP).
  package func reopen(_ settings: LogSettings) {
    state.withLock {
      $0.settings = settings
      $0.isReopening = true
    }
    bell.signal()
  }

  package func setLevel(_ level: LogLevel) {
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

  func log(_ level: LogLevel, _ message: String, _ fields: [(name: String, value: String)]) {
    let event = LogEvent(time: Clock.time(), level: level, message: message, fields: fields)
    history.add(event)
    let isQueued = state.withLock { state in
      guard level.isWithin(state.settings.level), !state.isEnding else { return false }
      guard state.bytes < Self.most else {
        state.dropped += 1
        return false
      }
      state.events.append(event)
      state.bytes += event.cost
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
    var sink = LogSink(state.withLock { $0.settings.destination }, journald: journald)
    // Dropped lines; logged as soon as the device accepts lines again.
    var lost: UInt64 = 0
    while true {
      bell.wait()
      let (events, dropped, settings, isReopening, isEnding) = state.withLock { state in
        let taken = (state.events, state.dropped, state.settings, state.isReopening, state.isEnding)
        state.events.removeAll(keepingCapacity: state.bytes < 1 << 14)
        state.bytes = 0
        state.dropped = 0
        state.isReopening = false
        return taken
      }
      if isReopening { sink.reopen(settings.destination) }
      sink.seekMissing()
      let unwritten = dropped + (events.isEmpty ? 0 : sink.write(events, settings.format))
      lost += unwritten
      self.dropped.add(Int(clamping: unwritten), ordering: .relaxed)
      if lost > 0 {
        let note = LogEvent(
          time: Clock.time(), level: .warning, message: "log lines dropped", fields: [("lines", "\(lost)")])
        if sink.write([note], settings.format) == 0 {
          history.add(note)
          lost = 0
        }
      }
      if isEnding {
        state.withLock { $0.hasEnded = true }
        return
      }
    }
  }
}
