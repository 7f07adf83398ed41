import Foundation
import Settings
import Testing

@testable import Runtime

@Suite struct LogTests {
  @Test func whatAFullDeviceDoesNotTakeIsCounted() {
    let lines = Array("one\ntwo\nthree\n".utf8)
    #expect(LogSink(.file(path: "/dev/full")).write(lines) == 3)
    #expect(LogSink(.file(path: "/dev/null")).write(lines) == 0)
  }

  @Test func howManyLinesWereLostIsToldWhenThereIsRoomAgain() throws {
    let path = NSTemporaryDirectory() + "ringroad-log-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
    var settings = LogSettings()
    settings.destination = .file(path: path)
    let log = Log(settings)
    log.start()
    for i in 0..<10 { log.warning("line \(i)") }
    // Those are given to the full device before it is replaced.
    usleep(100_000)
    try FileManager.default.removeItem(atPath: path)
    log.reopen(settings)
    log.warning("room again")
    log.finish(within: .seconds(2))
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains("room again"))
    #expect(text.contains("log lines dropped lines=10\n"), "\(text)")
  }
}
