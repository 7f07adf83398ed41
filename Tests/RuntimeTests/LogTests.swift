import Foundation
import Settings
import Testing

@testable import Control
@testable import Runtime

@Suite struct LogTests {
  @Test func logLinesThatAFullDeviceRejectsAreCounted() {
    let lines = Array("one\ntwo\nthree\n".utf8)
    #expect(LogSink(.file(path: "/dev/full")).write(lines) == 3)
    #expect(LogSink(.file(path: "/dev/null")).write(lines) == 0)
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
  }

  /// If a directory is missing, or the disk has no room for another name, the log stays where it was and switches
  /// later.
  @Test func logFileThatCannotBeOpenedIsRetriedUntilItCan() throws {
    let directory = NSTemporaryDirectory() + "ringroad-log-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let (old, new) = (directory + "/old", directory + "/later/new")
    func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
    var sink = LogSink(.file(path: old))
    sink.reopen(.file(path: new))
    #expect(sink.write(Array("one\n".utf8)) == 0)
    #expect(text(old) == "one\n")
    try FileManager.default.createDirectory(atPath: directory + "/later", withIntermediateDirectories: true)
    usleep(1_050_000)
    sink.seekMissing()
    #expect(sink.write(Array("two\n".utf8)) == 0)
    #expect(text(new) == "two\n" && text(old) == "one\n")
  }

  @Test func logThatWouldGoNowhereHasAReasonAndARemedy() throws {
    #expect(LogSink.loss(at: .stderr, isDetaching: true)?.reason == "-d closes standard error")
    #expect(LogSink.loss(at: .file(path: "/var/log/r.log"), isDetaching: true) == nil)
    let isHeard = FileManager.default.fileExists(atPath: "/dev/log")
    #expect((LogSink.loss(at: .syslog)?.reason == "nothing listens on /dev/log") == !isHeard)
    #expect(LogSink(.syslog).write(Array("one\ntwo\n".utf8)) == (isHeard ? 0 : 2))
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
}
