import Bytes
import Glibc
import Net
import Proxy
import Testing

@testable import Runtime

@Suite struct VisitTests {
  private static let version = "VERSION 1.6.18\r\n"
  private static func at(_ ms: UInt64) -> Instant { Instant(nanoseconds: ms * 1_000_000) }

  @Test(arguments: ["VERSION 1.6.18\r\n", "VERSION 1.4.0-beta\r\n"])
  func aServerThatSaysItsVersionIsAliveHoweverItComes(_ answer: String) throws {
    for cut in 0..<answer.utf8.count {
      let (link, start) = try connected(isProbe: true)
      var visit = start
      #expect(link.read() == "version\r\n")
      let bytes = Array(answer.utf8)
      if cut > 0 { #expect(say(&visit, Array(bytes[..<cut])) == .waiting) }
      #expect(say(&visit, Array(bytes[cut...])) == .alive)
    }
  }

  @Test(arguments: [
    "ERROR\r\n", "STORED\r\n", "HTTP/1.1 400 Bad Request\r\n", "VERSION 1.6\r\nVERSION 1.6\r\n",
    "VERSION 1.6\r\nx", "SERVER_ERROR out of memory\r\n", "\r\n", "\0\0\0\0\r\n",
  ])
  func whoSaysAnythingElseIsNotAlive(_ answer: String) throws {
    let (link, start) = try connected(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(say(&visit, answer) == .dead)
  }

  @Test(arguments: [false, true])
  func aLineWithoutAnEndIsNotWaitedForForEver(_ isReport: Bool) throws {
    let (link, start) = try connected(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    if isReport {
      #expect(say(&visit, Self.version) == .alive)
      #expect(visit.inquire(now: Self.at(0)) == .waiting)
    }
    var verdict = Visit.Verdict.waiting
    for _ in 0..<1000 where verdict == .waiting {
      verdict = say(&visit, [UInt8](repeating: 65, count: 1000))
    }
    #expect(verdict == .dead)
  }

  /// Alive, asked for its age, left alone for a moment, asked again.
  @Test(arguments: ["STAT pid 7\r\nSTAT uptime 4711\r\nSTAT x y z\r\nEND\r\n", "ERROR\r\n"])
  func whoReturnsIsAskedItsAgeAndRests(_ report: String) throws {
    let (link, start) = try connected(isProbe: true)
    var visit = start
    #expect(link.read() == "version\r\n")
    #expect(say(&visit, Self.version) == .alive)
    #expect(visit.inquire(now: Self.at(0)) == .waiting)
    #expect(link.read() == "stats\r\n")
    let bytes = Array(report.utf8)
    #expect(say(&visit, Array(bytes[..<4])) == .waiting)
    #expect(say(&visit, Array(bytes[4...]), now: Self.at(10)) == .waiting)
    #expect(visit.uptime == (report.hasPrefix("STAT") ? 4711 : nil))
    #expect(visit.tick(now: Self.at(109)) == .waiting && link.isSilent)
    #expect(visit.tick(now: Self.at(110)) == .waiting)
    #expect(link.read() == "version\r\n")
    // Too late: it must have been stopped once more.
    #expect(say(&visit, Self.version, now: Self.at(211)) == .waiting)
    #expect(visit.tick(now: Self.at(311)) == .waiting)
    #expect(link.read() == "version\r\n")
    #expect(say(&visit, Self.version, now: Self.at(411)) == .ready)
  }

  @Test(arguments: ["VERSION 1\r\n", "STAT uptime 1\r\nEND\r\nx", "OK\r\n"])
  func aReportThatIsNoneEndsTheVisit(_ report: String) throws {
    let (link, start) = try connected(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(say(&visit, Self.version) == .alive)
    #expect(visit.inquire(now: Self.at(0)) == .waiting)
    #expect(say(&visit, report) == .dead)
  }

  private func ready(isProbe: Bool) throws -> (Link, Visit) {
    let (link, start) = try connected(isProbe: isProbe)
    var visit = start
    _ = link.read()
    visit.skipRest()
    return (link, visit)
  }

  private static let errand = Handover.Errand(
    flushes: false, keys: [Array("plain".utf8), Array("with blank".utf8), [0, 13, 10], Array("last".utf8)])

  @Test func keysAreDeletedWhateverTheyAreMadeOf() throws {
    let (link, start) = try ready(isProbe: true)
    var visit = start
    #expect(visit.begin(Self.errand, now: Self.at(0)) == .waiting)
    #expect(link.read() == "delete plain\r\nmd d2l0aCBibGFuaw== b\r\nmd AA0K b\r\ndelete last\r\n")
    #expect(say(&visit, "DELETED\r\nHD\r\nNF\r\nNOT_FO") == .waiting)
    #expect(say(&visit, "UND\r\n") == .done)
  }

  @Test(arguments: [
    "STORED\r\n", "DELETED\r\nSERVER_ERROR x\r\n", "DELETED\r\nHD\r\nNF\r\nDELETED\r\nDELETED\r\n",
    "DELETED\r\nHD\r\nNF\r\nDELETED\r\nD", "VERSION 1\r\n",
  ])
  func aDeleteThatIsNotAnsweredAsOneFails(_ answer: String) throws {
    let (link, start) = try ready(isProbe: true)
    var visit = start
    defer { withExtendedLifetime(link) {} }
    #expect(visit.begin(Self.errand, now: Self.at(0)) == .waiting)
    #expect(say(&visit, answer) == .dead)
  }

  @Test func aFlushIsAnErrandToo() throws {
    let (link, start) = try ready(isProbe: true)
    var visit = start
    #expect(visit.begin(Handover.Errand(flushes: true, keys: []), now: Self.at(0)) == .waiting)
    #expect(link.read() == "flush_all\r\n")
    #expect(say(&visit, "OK\r\n") == .done)
    #expect(visit.begin(Handover.Errand(flushes: true, keys: []), now: Self.at(0)) == .waiting)
    #expect(say(&visit, "ERROR\r\n") == .dead)
  }

  /// Each batch has its own deadline; an errand to a server that is up leaves it time in between.
  @Test(arguments: [true, false])
  func manyKeysGoInBatches(_ isProbe: Bool) throws {
    let (link, start) = try ready(isProbe: isProbe)
    var visit = start
    let keys = (0..<600).map { Array("key:\($0)".utf8) }
    #expect(visit.begin(Handover.Errand(flushes: false, keys: keys), now: Self.at(0)) == .waiting)
    var seen = 0
    var now: UInt64 = 0
    var verdict = Visit.Verdict.waiting
    while verdict == .waiting, now < 10_000 {
      now += 400
      let asked = link.read().split(separator: "\r\n").count
      #expect(asked <= 256)
      seen += asked
      verdict = say(&visit, String(repeating: "DELETED\r\n", count: asked), now: Self.at(now))
      if !isProbe, verdict == .waiting {
        #expect(link.isSilent)
        verdict = visit.tick(now: Self.at(now))
      }
    }
    #expect(verdict == .done && seen == 600)
    var late = visit
    #expect(late.begin(Self.errand, now: Self.at(now)) == .waiting)
    #expect(late.tick(now: Self.at(now + 499)) == .waiting)
    #expect(late.tick(now: Self.at(now + 500)) == .dead)
  }

  @Test func aConnectionThatFailedIsADeadServer() throws {
    // Nobody listens on a port that was just given back.
    let address: Address
    do {
      let listener = try Listener(try #require(Address(ip: "127.0.0.1", port: 0)))
      address = listener.address
    }
    switch Socket.connect(to: address) {
    case .failed(let reason): #expect(reason == ECONNREFUSED)
    case .connected(let descriptor), .inProgress(let descriptor):
      defer { Socket.close(descriptor) }
      var visit = Self.visit(descriptor, isProbe: true)
      usleep(20_000)
      #expect(visit.connected(now: Self.at(0)) == .dead)
    }
  }

  // MARK: - Both ends

  /// The server's end of the probe's connection.
  private final class Link {
    let probe: Int32
    let server: Int32
    init(probe: Int32, server: Int32) {
      self.probe = probe
      self.server = server
    }
    deinit {
      Socket.close(probe)
      Socket.close(server)
    }

    /// Whether nothing has come.
    var isSilent: Bool {
      var scratch = Scratch(capacity: 16)
      usleep(2000)
      if case .wouldBlock = scratch.receive(server) { return true }
      return false
    }

    /// What the probe has asked.
    func read() -> String {
      var scratch = Scratch(capacity: 65_536)
      for _ in 0..<200 {
        if case .bytes(let n) = scratch.receive(server) {
          return String(decoding: (0..<n).map { scratch.bytes.byte(at: $0) }, as: UTF8.self)
        }
        usleep(1000)
      }
      return ""
    }
  }

  private func connected(isProbe: Bool) throws -> (Link, Visit) {
    let listener = try Listener(try #require(Address(ip: "127.0.0.1", port: 0)))
    let descriptor: Int32
    switch Socket.connect(to: listener.address) {
    case .connected(let d), .inProgress(let d): descriptor = d
    case .failed(let reason): throw SystemError(errno: reason, operation: "connect")
    }
    for _ in 0..<200 {
      if case .accepted(let server, _) = listener.accept() {
        let link = Link(probe: descriptor, server: server)
        var visit = Self.visit(descriptor, isProbe: isProbe)
        try #require(visit.connected(now: Self.at(0)) == .waiting)
        return (link, visit)
      }
      usleep(1000)
    }
    throw SystemError(errno: ETIMEDOUT, operation: "accept")
  }

  private static func visit(_ descriptor: Int32, isProbe: Bool) -> Visit {
    Visit(
      server: 1, descriptor: descriptor, watch: .none, isProbe: isProbe, patience: .milliseconds(500),
      now: at(0))
  }

  private func say(_ visit: inout Visit, _ text: String, now: Instant = at(0)) -> Visit.Verdict {
    say(&visit, Array(text.utf8), now: now)
  }

  private func say(_ visit: inout Visit, _ bytes: [UInt8], now: Instant = at(0)) -> Visit.Verdict {
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe visit.received(bytes.span.bytes, now: now)
  }
}
