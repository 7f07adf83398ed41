import Foundation
import Settings
import Stats
import Testing

@testable import Control
@testable import Runtime

@Suite struct LogTests {
  private func events(_ messages: String...) -> [LogEvent] {
    messages.map { LogEvent(time: 0, level: .info, message: $0, fields: []) }
  }

  @Test func logLinesThatAFullDeviceRejectsAreCounted() {
    let lines = events("one", "two", "three")
    #expect(LogSink(.file(path: "/dev/full")).write(lines, .text) == 3)
    #expect(LogSink(.file(path: "/dev/null")).write(lines, .text) == 0)
  }

  @Test func logReportsDroppedLinesWhenTheDeviceAcceptsLinesAgain() throws {
    let path = NSTemporaryDirectory() + "ringroad-log-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
    var settings = LogSettings()
    settings.destination = .file(path: path)
    let log = Log(settings)
    log.start()
    for i in 0..<10 { log.warning("line \(i)") }
    // The writer offers these to the full device before it is replaced.
    usleep(100_000)
    try FileManager.default.removeItem(atPath: path)
    log.reopen(settings)
    log.warning("room again")
    log.finish(within: .seconds(2))
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains("room again"))
    #expect(text.contains("log lines dropped lines=10\n"), "\(text)")
    #expect(log.linesDropped == 10)
    #expect(log.history.events(since: 0).contains { $0.message == "log lines dropped" })
  }

  /// If a directory is missing, or the disk has no room for another name, the log stays where it was and switches
  /// later.
  @Test func logFileThatCannotBeOpenedIsRetriedUntilItCan() throws {
    let directory = NSTemporaryDirectory() + "ringroad-log-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let (old, new) = (directory + "/old", directory + "/later/new")
    func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
    let line = "1970-01-01T00:00:00.000Z info "
    var sink = LogSink(.file(path: old))
    sink.reopen(.file(path: new))
    #expect(sink.write(events("one"), .text) == 0)
    #expect(text(old) == line + "one\n")
    try FileManager.default.createDirectory(atPath: directory + "/later", withIntermediateDirectories: true)
    usleep(1_050_000)
    sink.seekMissing()
    #expect(sink.write(events("two"), .text) == 0)
    #expect(text(new) == line + "two\n" && text(old) == line + "one\n")
  }

  @Test func logThatWouldGoNowhereHasAReasonAndARemedy() throws {
    #expect(LogSink.loss(at: .stderr, isDetaching: true)?.reason == "-d closes standard error")
    #expect(LogSink.loss(at: .file(path: "/var/log/r.log"), isDetaching: true) == nil)
    let isHeard = FileManager.default.fileExists(atPath: "/dev/log")
    #expect((LogSink.loss(at: .syslog)?.reason == "nothing listens on /dev/log") == !isHeard)
    #expect(LogSink(.syslog).write(events("one", "two"), .text) == (isHeard ? 0 : 2))
  }

  @Test func logDestinationThatCannotBeOpenedIsRejectedByTheCheck() throws {
    #expect(throws: StartFailure.self) { try LogSink.check(.file(path: "/nowhere/at/all")) }
    #expect(throws: StartFailure.self) { try LogSink.check(.file(path: "/tmp")) }
    try LogSink.check(.file(path: "/dev/null"))
    let pipe = NSTemporaryDirectory() + "ringroad-pipe-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: pipe) }
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    try LogSink.check(.file(path: pipe))
  }

  // MARK: - History

  @Test(arguments: LogSettings.Level.allCases)
  func historyKeepsLinesOfInfoAndAboveWhateverTheLevelOfTheLog(_ level: LogSettings.Level) throws {
    var settings = LogSettings()
    settings.level = level
    let log = Log(settings)
    let before = Date().timeIntervalSince1970
    log.debug("four")
    log.info("three", ["server": "a"])
    log.warning("two")
    log.error("one")
    let events = log.history.events(since: 0)
    #expect(events.map(\.message) == ["three", "two", "one"])
    #expect(events.map(\.level) == [.info, .warning, .error])
    #expect(events.map(\.seq) == [1, 2, 3] && log.history.latest == 3)
    #expect(events[0].fields.map(\.name) == ["server"] && events[0].fields.map(\.value) == ["a"])
    #expect(events.allSatisfy { abs($0.time - before) < 60 })
    #expect(log.history.events(since: 2).map(\.message) == ["one"])
  }

  @Test func historyNumbersTheEventsOfAllThreads() {
    let log = Log(LogSettings())
    DispatchQueue.concurrentPerform(iterations: 4) { i in
      for j in 0..<100 {
        log.info("\(i) \(j)")
        _ = log.history.events(since: 0)
      }
    }
    let events = log.history.events(since: 0)
    #expect(events.map(\.seq) == Array(1...400))
    #expect(Set(events.map(\.message)).count == 400)
  }
}
