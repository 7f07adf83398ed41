import Foundation
import Settings
import Stats
import Testing

@testable import Control
@testable import Runtime

/// A socket that receives as journald's does, in a folder of its own.
private final class Journald {
  let folder = NSTemporaryDirectory() + "rr-journald-\(UUID().uuidString.prefix(8))"
  var path: String { folder + "/socket" }
  private var descriptor: Int32 = -1

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    start()
  }

  deinit {
    stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  func start() {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = Array(path.utf8)
    // A path that is too long fails the test at `bind`.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: name.prefix($0.count - 1))
    }
    let bound = unsafe withUnsafePointer(to: address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    var patience = timeval(tv_sec: 2, tv_usec: 0)
    #expect(
      unsafe setsockopt(
        descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size)) == 0)
  }

  func stop() {
    close(descriptor)
    _ = unsafe unlink(path)
  }

  /// The fields of the next datagram, read as journald does; nil if none comes within two seconds.
  func next() throws -> [(name: String, value: String)]? {
    var room = [UInt8](repeating: 0, count: 1 << 18)
    let n = unsafe room.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
    guard n > 0 else { return nil }
    var rest = room[..<n]
    var fields: [(name: String, value: String)] = []
    while !rest.isEmpty {
      let name = rest.prefix { $0 != 10 && $0 != UInt8(ascii: "=") }
      rest = rest.dropFirst(name.count)
      var count = 0
      if rest.removeFirst() == 10 {
        for (i, byte) in rest.prefix(8).enumerated() { count |= Int(byte) << (i * 8) }
        rest = rest.dropFirst(8)
      } else {
        count = rest.prefix { $0 != 10 }.count
      }
      let value = try #require(String(bytes: rest.prefix(count), encoding: .utf8))
      rest = rest.dropFirst(count)
      try #require(rest.popFirst() == 10)
      fields.append((String(decoding: name, as: UTF8.self), value))
    }
    return fields
  }
}

@Suite struct JournaldTests {
  private func log(to journald: Journald, _ level: LogSettings.Level = .debug) -> Log {
    var settings = LogSettings()
    settings.destination = .journald
    settings.level = level
    let log = Log(settings, journald: journald.path)
    log.start()
    return log
  }

  @Test func linesAreSentWithAFieldForEachOfTheirs() throws {
    let journald = try Journald()
    let log = log(to: journald)
    log.warning("server down", ["server": "10.0.0.1:11211", "cause": "timed out", "limits.clients": "1"])
    let fields = try #require(try journald.next())
    #expect(
      fields.map { "\($0.name)=\($0.value)" } == [
        "MESSAGE=server down server=10.0.0.1:11211 cause=\"timed out\" limits.clients=1", "PRIORITY=4",
        "SYSLOG_IDENTIFIER=ringroad", "RINGROAD_SERVER=10.0.0.1:11211", "RINGROAD_CAUSE=timed out",
        "RINGROAD_LIMITS_CLIENTS=1",
      ])
    log.error("a")
    log.info("b")
    log.debug("c")
    let priorities = try (0..<3).map { _ in try journald.next()?[1].value }
    #expect(priorities == ["3", "6", "7"])
    log.finish(within: .seconds(2))
    #expect(log.linesDropped == 0)
  }

  @Test(arguments: LogLineTests.hostile + ["\n", "a\nPRIORITY=0", "\n\n=\n", "x=y"])
  func hostileTextStaysInItsField(_ text: String) throws {
    let journald = try Journald()
    let log = log(to: journald)
    log.info(text, ["server": text, "why": "known"])
    let fields = try #require(try journald.next())
    #expect(
      fields.map(\.name) == ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "RINGROAD_SERVER", "RINGROAD_WHY"])
    #expect(fields[1].value == "6" && fields[3].value == text && fields[4].value == "known")
    #expect(!fields[0].value.contains("\n"))
    log.finish(within: .seconds(2))
  }

  @Test func largeLinesAreBounded() throws {
    let journald = try Journald()
    let log = log(to: journald)
    let large = String(repeating: "é\n", count: 100_000)
    log.info("large", ["reason": large, "why": large, "what": large, "do": large, "host": "small"])
    let fields = try #require(try journald.next())
    #expect(fields.map(\.value.utf8.count).reduce(0, +) < JournaldEntry.mostBytes)
    #expect(fields[0].name == "MESSAGE" && fields[0].value.hasSuffix("…"))
    #expect(fields.map(\.name).dropFirst(3) == ["RINGROAD_REASON", "RINGROAD_WHY", "RINGROAD_HOST"])
    #expect(fields[3].value.utf8.count <= JournaldEntry.mostBytesOfValue && fields[3].value.hasSuffix("…"))
    #expect(fields[5].value == "small")
    log.finish(within: .seconds(2))
    #expect(log.linesDropped == 0)
  }

  @Test func journaldThatRestartsGetsTheLinesAfterIt() throws {
    let journald = try Journald()
    let log = log(to: journald)
    log.info("before")
    #expect(try journald.next()?[0].value == "before")
    journald.stop()
    log.info("meanwhile")
    for _ in 0..<2000 where log.linesDropped == 0 { usleep(1000) }
    #expect(log.linesDropped == 1)
    journald.start()
    log.info("after")
    #expect(try journald.next()?[0].value == "after")
    #expect(try journald.next()?[0].value == "log lines dropped lines=1")
    log.finish(within: .seconds(2))
  }

  @Test func levelOfTheLogAppliesToJournald() throws {
    let journald = try Journald()
    let log = log(to: journald, .warning)
    log.info("a")
    log.warning("b")
    #expect(try journald.next()?[0].value == "b")
    log.finish(within: .seconds(2))
  }

  @Test func reloadMovesTheLogToJournaldAndBack() throws {
    let journald = try Journald()
    var settings = LogSettings()
    settings.destination = .file(path: journald.folder + "/log")
    let log = Log(settings, journald: journald.path)
    log.start()
    settings.destination = .journald
    log.reopen(settings)
    log.info("one")
    #expect(try journald.next()?[0].value == "one")
    settings.destination = .file(path: journald.folder + "/log")
    log.reopen(settings)
    log.info("two")
    log.finish(within: .seconds(2))
    let text = try String(contentsOfFile: journald.folder + "/log", encoding: .utf8)
    #expect(text.hasSuffix(" info two\n") && !text.contains("one"))
  }

  @Test func journaldThatIsNotThereIsFoundByTheStartAndByCheck() throws {
    let journald = try Journald()
    try LogSink.check(.journald, journald: journald.path)
    #expect(LogSink.loss(at: .journald, isDetaching: true) == nil)
    let settings = try ProxySettings.decode(
      bytes: Array("servers: [10.0.0.1]\nlog: {to: journald}".utf8), file: "f")
    #expect(StartCheck.problems(of: settings, journald: journald.path) == [])
    journald.stop()
    let hint = "start systemd-journald, or set log: {to: syslog} or log: {to: /path/of/a/file}"
    let failure = #expect(throws: StartFailure.self) { try LogSink.check(.journald, journald: journald.path) }
    #expect(
      failure?.reason
        == "cannot log to journald: connect to unix:\(journald.path): No such file or directory; \(hint)")
    #expect(failure?.isPassing == false)
    #expect(
      StartCheck.problems(of: settings, journald: journald.path) == [
        "log: there is no \(journald.path); \(hint)"
      ])
    let long = "/" + String(repeating: "x", count: 200)
    #expect(throws: StartFailure.self) { try LogSink.check(.journald, journald: long) }
    journald.start()
  }
}
