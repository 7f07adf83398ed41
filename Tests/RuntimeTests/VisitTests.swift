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
  }

  @Test(arguments: [
    "ERROR\r\n", "CLIENT_ERROR flush_all not allowed\r\n", "SERVER_ERROR unknown command\r\n",
  ])
  func aFlushThatIsRefusedIsNoEndOfTheVisit(_ answer: String) throws {
    for cut in 0..<answer.utf8.count {
      let (link, start) = try ready(isProbe: true)
      var visit = start
      #expect(visit.begin(Handover.Errand(flushes: true, keys: []), now: Self.at(0)) == .waiting)
      let bytes = Array(answer.utf8)
      if cut > 0 { #expect(say(&visit, Array(bytes[..<cut])) == .waiting) }
      #expect(say(&visit, Array(bytes[cut...])) == .refused)
      _ = link.read()
      #expect(visit.begin(Self.errand, now: Self.at(0)) == .waiting)
      #expect(link.read().hasPrefix("delete plain"))
    }
  }

  /// What memcached from 1.4 on has answered to `md … b`, and to `delete`.
  @Test(arguments: [
    "HD\r\n", "HD \r\n", "NF\r\n", "NF \r\n", "OK \r\n", "OK\r\n", "EN\r\n", "DE \r\n", "NOT_FOUND\r\n",
    "ERROR\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n",
  ])
  func aKeyInBase64IsDeletedInTheWordsOfAnyVersion(_ answer: String) throws {
    let (link, start) = try ready(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    let errand = Handover.Errand(flushes: false, keys: [[1, 32], Array("a".utf8), [2, 32]])
    #expect(visit.begin(errand, now: Self.at(0)) == .waiting)
    #expect(say(&visit, answer + "DELETED\r\n" + answer) == .done)
    #expect(visit.takeUnnamed() == (answer.contains("ERROR") ? 2 : 0))
    #expect(visit.takeUnnamed() == 0)
  }

  /// Such a key may be there: whoever does not delete it is not safe.
  @Test(arguments: ["ERROR\r\n", "CLIENT_ERROR no\r\n", "SERVER_ERROR no\r\n", "HD O\r\n", "HD\n"])
  func aPlainKeyThatIsNotDeletedEndsTheVisit(_ answer: String) throws {
    let (link, start) = try ready(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(visit.begin(Handover.Errand(flushes: false, keys: [[97]]), now: Self.at(0)) == .waiting)
    #expect(say(&visit, answer) == .dead)
  }

  // MARK: - Servers that hang up on what they do not know

  @Test(arguments: [true, false])
  func whoKnowsNoStatsIsNotAskedAgain(_ hangsUp: Bool) throws {
    let (link, start) = try connected(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(say(&visit, Self.version) == .alive)
    #expect(visit.inquire(now: Self.at(0)) == .waiting)
    #expect((hangsUp ? visit.closed() : visit.tick(now: Self.at(500))) == .reconnect)
    let next = try reconnect(&visit)
    #expect(next.read() == "version\r\n")
    #expect(say(&visit, Self.version, now: Self.at(1000)) == .waiting)
    #expect(visit.uptime == nil && visit.step == .resting(until: Self.at(1100)))
    #expect(visit.tick(now: Self.at(1100)) == .waiting)
    #expect(next.read() == "version\r\n")
    #expect(say(&visit, Self.version, now: Self.at(1100)) == .ready)
    #expect(visit.closed() == .dead)
  }

  @Test func whoHangsUpOnAFlushTwiceRefusesIt() throws {
    let (link, start) = try ready(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(visit.begin(Handover.Errand(flushes: true, keys: []), now: Self.at(0)) == .waiting)
    #expect(visit.closed() == .reconnect)
    var next = try reconnect(&visit)
    _ = next.read()
    #expect(say(&visit, Self.version) == .waiting)
    #expect(next.read() == "flush_all\r\n", "it may have been an accident")
    #expect(visit.closed() == .reconnect)
    next = try reconnect(&visit)
    _ = next.read()
    #expect(say(&visit, Self.version) == .refused)
    #expect(visit.begin(Self.errand, now: Self.at(0)) == .waiting)
    #expect(next.read().hasPrefix("delete plain"))
  }

  /// What it was asked before is asked again; the keys that only `md` can name are left out in the end.
  @Test func whoHangsUpOnAMetaDeleteIsAskedForTheOtherKeys() throws {
    let (link, start) = try ready(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    let version = "VERSION 0.5.0\r\n"
    #expect(visit.begin(Self.errand, now: Self.at(0)) == .waiting)
    #expect(say(&visit, "DELETED\r\n") == .waiting)
    #expect(visit.closed() == .reconnect)
    var next = try reconnect(&visit)
    _ = next.read()
    #expect(say(&visit, version) == .waiting)
    #expect(next.read() == "md d2l0aCBibGFuaw== b\r\n", "alone")
    #expect(visit.closed() == .reconnect)
    next = try reconnect(&visit)
    _ = next.read()
    #expect(say(&visit, version) == .waiting)
    #expect(next.read() == "delete last\r\n")
    #expect(say(&visit, "DELETED\r\n") == .done)
    #expect(visit.takeUnnamed() == 2)
  }

  /// A connection that is lost twice is no reason to leave a key of a memcached that knows `md` as it is.
  @Test func whoKnowsMetaDeleteIsNotTakenForOneThatDoesNot() throws {
    let (link, start) = try connected(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(say(&visit, Self.version) == .alive)
    visit.skipRest()
    #expect(visit.begin(Self.errand, now: Self.at(0)) == .waiting)
    #expect(visit.closed() == .dead)
  }

  @Test func whoHangsUpOnAPlainDeleteIsDead() throws {
    let (link, start) = try ready(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(visit.begin(Handover.Errand(flushes: false, keys: [[97]]), now: Self.at(0)) == .waiting)
    #expect(visit.closed() == .dead)
  }

  // MARK: - Servers that are full, or speak something else

  @Test(arguments: [
    ("ERROR Too many open connections\r\n", Visit.Verdict.full),
    ("CLIENT_ERROR unauthenticated\r\n", .unsuited(.authentication)),
    ("\u{15}\u{3}\u{3}\0\u{2}\u{2}F", .unsuited(.tls)),
  ])
  func whoCannotBeUsedSaysWhy(_ answer: String, _ verdict: Visit.Verdict) throws {
    let (link, start) = try connected(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(say(&visit, answer) == verdict)
  }

  @Test(arguments: [
    (Unsuited.binary, [0x81, 0x0b] as [UInt8], true), (.binary, Array("ERROR".utf8), false),
    (.tls, [0x16, 3, 3, 0, 5], true), (.tls, [0x15, 3, 1, 0, 2], true), (.tls, Array("ERROR".utf8), false),
  ])
  func whoSpeaksAnotherProtocolIsRecognized(_ kind: Unsuited, _ answer: [UInt8], _ isIt: Bool) throws {
    let (link, start) = try connected(purpose: .recognition(kind))
    var visit = start
    #expect(Array(link.read().utf8).first == (kind == .binary ? 0xef : 0x16), "U+FFFD stands for 0x80")
    #expect(!Recognition.question(kind).contains(10))
    #expect(say(&visit, answer) == (isIt ? .unsuited(kind) : .dead))
  }

  @Test func whoSaysNothingIsSpeechless() throws {
    let (link, start) = try connected(isProbe: true)
    defer { withExtendedLifetime(link) {} }
    var visit = start
    #expect(visit.isSpeechless && visit.closed() == .dead && visit.cause == nil)
    #expect(visit.tick(now: Self.at(500)) == .dead && visit.cause == .timedOut)
    #expect(say(&visit, "x\r\n") == .dead && !visit.isSpeechless)
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
      var visit = Self.visit(descriptor, .probe)
      usleep(20_000)
      #expect(visit.connected(now: Self.at(0)) == .dead && visit.cause == .refused)
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
    try connected(purpose: isProbe ? .probe : .errand)
  }

  private func reconnect(_ visit: inout Visit) throws -> Link {
    let (link, _) = try connected(purpose: .probe)
    _ = link.read()
    visit.reconnected(link.probe, .none, now: Self.at(0))
    try #require(visit.connected(now: Self.at(0)) == .waiting)
    return link
  }

  private func connected(purpose: Visit.Purpose) throws -> (Link, Visit) {
    let listener = try Listener(try #require(Address(ip: "127.0.0.1", port: 0)))
    let descriptor: Int32
    switch Socket.connect(to: listener.address) {
    case .connected(let d), .inProgress(let d): descriptor = d
    case .failed(let reason): throw SystemError(errno: reason, operation: "connect")
    }
    for _ in 0..<200 {
      if case .accepted(let server, _) = listener.accept() {
        let link = Link(probe: descriptor, server: server)
        var visit = Self.visit(descriptor, purpose)
        try #require(visit.connected(now: Self.at(0)) == .waiting)
        return (link, visit)
      }
      usleep(1000)
    }
    throw SystemError(errno: ETIMEDOUT, operation: "accept")
  }

  private static func visit(_ descriptor: Int32, _ purpose: Visit.Purpose) -> Visit {
    Visit(
      server: 1, descriptor: descriptor, watch: .none, purpose: purpose, patience: .milliseconds(500),
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
