import Bytes
import Proxy
import TestSupport
import Testing

@testable import Control

@Suite struct ProbeSessionTests {
  private static let version = "VERSION 1.6.18\r\n"
  private static func at(_ ms: UInt64) -> Instant { Instant(nanoseconds: ms * 1_000_000) }

  @Test(arguments: ["VERSION 1.6.18\r\n", "VERSION 1.4.0-beta\r\n"])
  func versionReplySplitAtAnyByteMakesTheProbeAlive(_ answer: String) {
    for cut in 0..<answer.utf8.count {
      var session = connected(isProbe: true)
      #expect(read(&session) == "version\r\n")
      let bytes = Array(answer.utf8)
      if cut > 0 { #expect(say(&session, Array(bytes[..<cut])) == .waiting) }
      #expect(say(&session, Array(bytes[cut...])) == .alive)
    }
  }

  @Test(arguments: [
    "ERROR\r\n", "STORED\r\n", "HTTP/1.1 400 Bad Request\r\n", "VERSION 1.6\r\nVERSION 1.6\r\n",
    "VERSION 1.6\r\nx", "SERVER_ERROR out of memory\r\n", "\r\n", "\0\0\0\0\r\n",
  ])
  func probeReplyOtherThanAVersionIsDead(_ answer: String) {
    var session = connected(isProbe: true)
    #expect(say(&session, answer) == .dead)
  }

  @Test(arguments: [false, true])
  func endlessReplyLineEndsTheProbe(_ isReport: Bool) {
    var session = connected(isProbe: true)
    if isReport {
      #expect(say(&session, Self.version) == .alive)
      #expect(session.inquire(now: Self.at(0)) == .waiting)
    }
    var verdict = ProbeSession.Verdict.waiting
    for _ in 0..<1000 where verdict == .waiting {
      verdict = say(&session, [UInt8](repeating: 65, count: 1000))
    }
    #expect(verdict == .dead)
  }

  /// The session finds the server alive, asks for its uptime, lets it rest, and asks for its version again.
  @Test(arguments: ["STAT pid 7\r\nSTAT uptime 4711\r\nSTAT x y z\r\nEND\r\n", "ERROR\r\n"])
  func returningServerIsAskedForItsUptimeAndRests(_ report: String) {
    var session = connected(isProbe: true)
    #expect(read(&session) == "version\r\n")
    #expect(say(&session, Self.version) == .alive)
    #expect(session.inquire(now: Self.at(0)) == .waiting)
    #expect(read(&session) == "stats\r\n")
    let bytes = Array(report.utf8)
    #expect(say(&session, Array(bytes[..<4])) == .waiting)
    #expect(say(&session, Array(bytes[4...]), now: Self.at(10)) == .waiting)
    #expect(session.uptime == (report.hasPrefix("STAT") ? 4711 : nil))
    #expect(session.tick(now: Self.at(109)) == .waiting && session.output.isEmpty)
    #expect(session.tick(now: Self.at(110)) == .waiting)
    #expect(read(&session) == "version\r\n")
    // The reply is too late: the server must have been stopped again.
    #expect(say(&session, Self.version, now: Self.at(211)) == .waiting)
    #expect(session.tick(now: Self.at(311)) == .waiting)
    #expect(read(&session) == "version\r\n")
    #expect(say(&session, Self.version, now: Self.at(411)) == .ready)
  }

  @Test(arguments: ["VERSION 1\r\n", "STAT uptime 1\r\nEND\r\nx", "OK\r\n"])
  func replyToStatsThatIsNoReportEndsTheProbe(_ report: String) {
    var session = connected(isProbe: true)
    #expect(say(&session, Self.version) == .alive)
    #expect(session.inquire(now: Self.at(0)) == .waiting)
    #expect(say(&session, report) == .dead)
  }

  private func ready(isProbe: Bool) -> ProbeSession {
    var session = connected(isProbe: isProbe)
    _ = read(&session)
    session.skipCooldown()
    return session
  }

  private static let job = FailoverCoordinator.CleanupJob(
    flushes: false, keys: [Array("plain".utf8), Array("with blank".utf8), [0, 13, 10], Array("last".utf8)])

  @Test func cleanupJobDeletesKeysWithAnyBytes() {
    var session = ready(isProbe: true)
    #expect(session.begin(Self.job, now: Self.at(0)) == .waiting)
    #expect(read(&session) == "delete plain\r\nmd d2l0aCBibGFuaw== b\r\nmd AA0K b\r\ndelete last\r\n")
    #expect(say(&session, "DELETED\r\nHD\r\nNF\r\nNOT_FO") == .waiting)
    #expect(say(&session, "UND\r\n") == .done)
  }

  @Test(arguments: [
    "STORED\r\n", "DELETED\r\nSERVER_ERROR x\r\n", "DELETED\r\nHD\r\nNF\r\nDELETED\r\nDELETED\r\n",
    "DELETED\r\nHD\r\nNF\r\nDELETED\r\nD", "VERSION 1\r\n",
  ])
  func replyThatDoesNotFitADeleteEndsTheCleanupJob(_ answer: String) {
    var session = ready(isProbe: true)
    #expect(session.begin(Self.job, now: Self.at(0)) == .waiting)
    #expect(say(&session, answer) == .dead)
  }

  @Test func cleanupJobSendsFlushAll() {
    var session = ready(isProbe: true)
    #expect(
      session.begin(FailoverCoordinator.CleanupJob(flushes: true, keys: []), now: Self.at(0)) == .waiting)
    #expect(read(&session) == "flush_all\r\n")
    #expect(say(&session, "OK\r\n") == .done)
  }

  @Test(arguments: [
    "ERROR\r\n", "CLIENT_ERROR flush_all not allowed\r\n", "SERVER_ERROR unknown command\r\n",
  ])
  func refusedFlushAllLeavesTheProbeSessionUsable(_ answer: String) {
    for cut in 0..<answer.utf8.count {
      var session = ready(isProbe: true)
      #expect(
        session.begin(FailoverCoordinator.CleanupJob(flushes: true, keys: []), now: Self.at(0)) == .waiting)
      let bytes = Array(answer.utf8)
      if cut > 0 { #expect(say(&session, Array(bytes[..<cut])) == .waiting) }
      #expect(say(&session, Array(bytes[cut...])) == .refused)
      _ = read(&session)
      #expect(session.begin(Self.job, now: Self.at(0)) == .waiting)
      #expect(read(&session).hasPrefix("delete plain"))
    }
  }

  /// The replies of memcached since 1.4 to `md … b`, and to `delete`.
  @Test(arguments: [
    "HD\r\n", "HD \r\n", "NF\r\n", "NF \r\n", "OK \r\n", "OK\r\n", "EN\r\n", "DE \r\n", "NOT_FOUND\r\n",
    "ERROR\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n",
  ])
  func metaDeleteInBase64AcceptsTheRepliesOfEveryVersion(_ answer: String) {
    var session = ready(isProbe: true)
    let job = FailoverCoordinator.CleanupJob(flushes: false, keys: [[1, 32], Array("a".utf8), [2, 32]])
    #expect(session.begin(job, now: Self.at(0)) == .waiting)
    #expect(say(&session, answer + "DELETED\r\n" + answer) == .done)
    #expect(session.takeUnnamed() == (answer.contains("ERROR") ? 2 : 0))
    #expect(session.takeUnnamed() == 0)
  }

  /// The server may hold a plain key, so it is not safe if it does not delete it.
  @Test(arguments: ["ERROR\r\n", "CLIENT_ERROR no\r\n", "SERVER_ERROR no\r\n", "HD O\r\n", "HD\n"])
  func failedDeleteOfAPlainKeyEndsTheCleanupJob(_ answer: String) {
    var session = ready(isProbe: true)
    #expect(
      session.begin(FailoverCoordinator.CleanupJob(flushes: false, keys: [[97]]), now: Self.at(0)) == .waiting
    )
    #expect(say(&session, answer) == .dead)
  }

  // MARK: - Servers that close the connection at an unknown command

  @Test(arguments: [true, false])
  func serverThatDoesNotAnswerStatsIsNotAskedAgain(_ hangsUp: Bool) {
    var session = connected(isProbe: true)
    #expect(say(&session, Self.version) == .alive)
    #expect(session.inquire(now: Self.at(0)) == .waiting)
    #expect((hangsUp ? session.closed() : session.tick(now: Self.at(500))) == .reconnect)
    reconnect(&session)
    #expect(read(&session) == "version\r\n")
    #expect(say(&session, Self.version, now: Self.at(1000)) == .waiting)
    #expect(session.uptime == nil && session.step == .idle(until: Self.at(1100)))
    #expect(session.tick(now: Self.at(1100)) == .waiting)
    #expect(read(&session) == "version\r\n")
    #expect(say(&session, Self.version, now: Self.at(1100)) == .ready)
    #expect(session.closed() == .dead)
  }

  @Test func serverThatClosesTwiceOnFlushAllCountsAsRefusingIt() {
    var session = ready(isProbe: true)
    #expect(
      session.begin(FailoverCoordinator.CleanupJob(flushes: true, keys: []), now: Self.at(0)) == .waiting)
    #expect(session.closed() == .reconnect)
    reconnect(&session)
    _ = read(&session)
    #expect(say(&session, Self.version) == .waiting)
    #expect(read(&session) == "flush_all\r\n", "it may have been an accident")
    #expect(session.closed() == .reconnect)
    reconnect(&session)
    _ = read(&session)
    #expect(say(&session, Self.version) == .refused)
    #expect(session.begin(Self.job, now: Self.at(0)) == .waiting)
    #expect(read(&session).hasPrefix("delete plain"))
  }

  /// Deletes without a reply are sent again. After the second close the keys that only `md` can name are left out.
  @Test func serverThatClosesTwiceOnMetaDeleteIsSentPlainDeletesOnly() {
    var session = ready(isProbe: true)
    let version = "VERSION 0.5.0\r\n"
    #expect(session.begin(Self.job, now: Self.at(0)) == .waiting)
    #expect(say(&session, "DELETED\r\n") == .waiting)
    #expect(session.closed() == .reconnect)
    reconnect(&session)
    _ = read(&session)
    #expect(say(&session, version) == .waiting)
    #expect(read(&session) == "md d2l0aCBibGFuaw== b\r\n", "alone")
    #expect(session.closed() == .reconnect)
    reconnect(&session)
    _ = read(&session)
    #expect(say(&session, version) == .waiting)
    #expect(read(&session) == "delete last\r\n")
    #expect(say(&session, "DELETED\r\n") == .done)
    #expect(session.takeUnnamed() == 2)
  }

  /// A lost connection is no reason to leave a key on a memcached that is known to support `md`.
  @Test func recentServerThatClosesOnMetaDeleteIsDead() {
    var session = connected(isProbe: true)
    #expect(say(&session, Self.version) == .alive)
    session.skipCooldown()
    #expect(session.begin(Self.job, now: Self.at(0)) == .waiting)
    #expect(session.closed() == .dead)
  }

  @Test func serverThatClosesOnAPlainDeleteIsDead() {
    var session = ready(isProbe: true)
    #expect(
      session.begin(FailoverCoordinator.CleanupJob(flushes: false, keys: [[97]]), now: Self.at(0)) == .waiting
    )
    #expect(session.closed() == .dead)
  }

  // MARK: - Servers that are full, or speak another protocol

  @Test(arguments: [
    ("ERROR Too many open connections\r\n", ProbeSession.Verdict.full),
    ("CLIENT_ERROR unauthenticated\r\n", .unsuited(.authentication)),
    ("\u{15}\u{3}\u{3}\0\u{2}\u{2}F", .unsuited(.tls)),
  ])
  func handshakeOfAnUnusableServerGivesTheReason(_ answer: String, _ verdict: ProbeSession.Verdict) {
    var session = connected(isProbe: true)
    #expect(say(&session, answer) == verdict)
  }

  @Test(arguments: [
    (Unsuited.binary, [0x81, 0x0b] as [UInt8], true), (.binary, Array("ERROR".utf8), false),
    (.tls, [0x16, 3, 3, 0, 5], true), (.tls, [0x15, 3, 1, 0, 2], true), (.tls, Array("ERROR".utf8), false),
  ])
  func serverProtocolIsRecognizedByItsReply(_ kind: Unsuited, _ answer: [UInt8], _ isIt: Bool) {
    var session = connected(purpose: .recognition(kind))
    #expect(Array(read(&session).utf8).first == (kind == .binary ? 0xef : 0x16), "U+FFFD stands for 0x80")
    #expect(!Recognition.question(kind).contains(10))
    #expect(say(&session, answer) == (isIt ? .unsuited(kind) : .dead))
  }

  @Test func probeWithoutAnyReplyIsSpeechless() {
    var session = connected(isProbe: true)
    #expect(session.isSpeechless && session.closed() == .dead && session.cause == nil)
    #expect(session.tick(now: Self.at(500)) == .dead && session.cause == .timedOut)
    #expect(say(&session, "x\r\n") == .dead && !session.isSpeechless)
  }

  /// Each batch has its own deadline; a cleanup job on a server that is up pauses between two batches.
  @Test(arguments: [true, false])
  func cleanupJobDeletesManyKeysInBatches(_ isProbe: Bool) {
    var session = ready(isProbe: isProbe)
    let keys = (0..<600).map { Array("key:\($0)".utf8) }
    #expect(
      session.begin(FailoverCoordinator.CleanupJob(flushes: false, keys: keys), now: Self.at(0)) == .waiting)
    var seen = 0
    var now: UInt64 = 0
    var verdict = ProbeSession.Verdict.waiting
    while verdict == .waiting, now < 10_000 {
      now += 400
      let asked = read(&session).split(separator: "\r\n").count
      #expect(asked <= 256)
      seen += asked
      verdict = say(&session, String(repeating: "DELETED\r\n", count: asked), now: Self.at(now))
      if !isProbe, verdict == .waiting {
        #expect(session.output.isEmpty)
        verdict = session.tick(now: Self.at(now))
      }
    }
    #expect(verdict == .done && seen == 600)
    var late = session
    #expect(late.begin(Self.job, now: Self.at(now)) == .waiting)
    #expect(late.tick(now: Self.at(now + 499)) == .waiting)
    #expect(late.tick(now: Self.at(now + 500)) == .dead)
  }

  // MARK: - The server's end

  private func connected(isProbe: Bool) -> ProbeSession {
    connected(purpose: isProbe ? .probe : .job(Self.job))
  }

  private func connected(purpose: ProbeSession.Purpose) -> ProbeSession {
    var session = ProbeSession(
      server: 1, purpose: purpose, patience: .milliseconds(500), rest: .milliseconds(100), now: Self.at(0))
    #expect(session.connected(now: Self.at(0)) == .waiting)
    return session
  }

  private func reconnect(_ session: inout ProbeSession) {
    session.reconnected(now: Self.at(0))
    #expect(session.connected(now: Self.at(0)) == .waiting)
  }

  /// The requests that the server receives.
  private func read(_ session: inout ProbeSession) -> String {
    let bytes = session.output
    session.sent(bytes.count)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func say(_ session: inout ProbeSession, _ text: String, now: Instant = at(0))
    -> ProbeSession.Verdict
  {
    say(&session, Array(text.utf8), now: now)
  }

  private func say(_ session: inout ProbeSession, _ bytes: [UInt8], now: Instant = at(0))
    -> ProbeSession.Verdict
  {
    _ = read(&session)
    return session.received(bytes.span.raw, now: now)
  }
}
