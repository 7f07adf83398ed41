import Bytes
import Glibc
import Net
import Proxy
import Settings
import Stats
import Testing
import Topology

@testable import Control
@testable import Runtime

/// How the supervisor handles the workers' events.
@Suite struct SupervisorReportTests {
  /// A supervisor without workers, and its only server.
  private struct Desk {
    let supervisor: Supervisor
    let server: ServerID
    let log: Log

    init(_ more: String = "") throws {
      let text = "servers: [127.0.0.1:1]\nthreads: 1\n\(more)\n"
      let settings = try ProxySettings.decode(bytes: Array(text.utf8), file: "f")
      log = Log(settings.log)
      supervisor = try Supervisor(
        settings: settings, launch: LaunchOptions(), log: log, signals: Signals([SIGUSR2]),
        listeningSockets: [])
      server = try #require(supervisor.control.runtimePlan.members.first).id
    }

    func see(_ events: WorkerEvent...) {
      for workerEvent in events {
        supervisor.outbox.post(.seen(worker: 0, workerEvent, at: supervisor.control.names.addresses[server]))
      }
      supervisor.readReports(now: Clock.now())
    }

    var isUp: Bool { supervisor.control.board.status(of: server) == .up }
    var caveat: ServerRecord.Caveat? { supervisor.control.records[server]?.caveat }
    var rows: String { String(decoding: supervisor.sharedStats.rendered(), as: UTF8.self) }

    func heard(_ at: Instant, misses: UInt64 = 0) {
      supervisor.sharedStats.publishServers(of: 0) {
        var one = ServerNumbers(id: server)
        one.heard = at
        one.tally.readsAsMisses = misses
        $0 = [one]
      }
    }
  }

  @Test func fullServerStaysUpAndHasANote() throws {
    let desk = try Desk()
    for _ in 0..<20 { desk.see(.full(server: desk.server)) }
    #expect(desk.isUp && desk.caveat == .full)
    #expect(desk.rows.contains("STAT server:main:127.0.0.1:1:note at its connection limit\r\n"))
    // After ten seconds without a report the note is cleared, and the next report is logged again.
    desk.supervisor.control.forgetFull(now: Clock.now().advanced(by: .seconds(9)))
    #expect(desk.caveat == .full)
    desk.supervisor.control.forgetFull(now: Clock.now().advanced(by: .seconds(11)))
    desk.supervisor.perform(now: Clock.now())
    #expect(desk.caveat == nil && !desk.rows.contains(":note"))
    desk.see(.full(server: desk.server))
    #expect(desk.caveat == .full)
  }

  /// The server is at its connection limit.
  @Test func unansweredConnectionIsNoFailureOfAServerThatAnswersOnOthers() throws {
    let desk = try Desk()
    let since = Clock.now()
    desk.heard(since)
    for _ in 0..<20 { desk.see(.unanswered(server: desk.server, since: since)) }
    #expect(desk.isUp && desk.caveat == .full)
  }

  @Test func unansweredConnectionIsAFailureOfAServerThatAnswersOnNone() throws {
    let desk = try Desk()
    let since = Clock.now()
    desk.heard(Instant(nanoseconds: since.nanoseconds - 1))
    for n in 1...3 {
      desk.see(.unanswered(server: desk.server, since: since))
      #expect(desk.isUp == (n < 3))
    }
    #expect(desk.caveat == nil)
  }

  @Test func eventsFromAnOldAddressAreIgnored() throws {
    let desk = try Desk()
    let elsewhere = Endpoint.tcp(host: "127.0.0.9", port: 9)
    for workerEvent in [
      WorkerEvent.full(server: desk.server), .unanswered(server: desk.server, since: Clock.now()),
      .unsuited(server: desk.server, .tls), .failed(server: desk.server, .refused),
    ] {
      desk.supervisor.outbox.post(.seen(worker: 0, workerEvent, at: elsewhere))
    }
    desk.supervisor.readReports(now: Clock.now())
    #expect(desk.isUp && desk.caveat == nil)
  }

  @Test(arguments: Unsuited.allCases)
  func unusableServerHasANoteWithTheReason(_ kind: Unsuited) throws {
    let desk = try Desk()
    for _ in 0..<3 {
      desk.see(.unsuited(server: desk.server, kind))
      desk.see(.failed(server: desk.server, .protocolError))
    }
    #expect(!desk.isUp)
    #expect(desk.rows.contains(":note stays out: \(Recognition.words(kind).what)\r\n"), "\(desk.rows)")
  }

  @Test(arguments: [true, false])
  func verbosityCommandSetsTheLogLevelOnlyWhereAllowed(_ isAllowed: Bool) throws {
    let desk = try Desk("log: {clients_may_set_level: \(isAllowed)}")
    desk.see(.client(ClientEvent(.setLogLevel, by: Ref(0), number: 0)))
    #expect(desk.log.level == (isAllowed ? .warning : .info))
    desk.see(.client(ClientEvent(.setLogLevel, by: Ref(0), number: 2)))
    #expect(desk.log.level == (isAllowed ? .debug : .info))
  }

  /// `server:main:127.0.0.1:1:note` is defined as `server:<pools>:<address>:note`.
  @Test func statsRingroadHasTheRowsThatAreDefinedAndNoOthers() throws {
    let desk = try Desk()
    desk.see(.full(server: desk.server))
    let wrong = Result<ProxySettings, ConfigFailure> { () throws(ConfigFailure) in
      try ProxySettings.decode(bytes: Array("servers: [127.0.0.1:1]\nthreads: \"so on\"".utf8), file: "f")
    }
    desk.supervisor.control.read(wrong, .signal, now: Clock.now())
    desk.supervisor.report()
    let names = desk.rows.split(separator: "\r\n").dropLast().map { row in
      row.split(separator: " ")[1].replacing("server:main:127.0.0.1:1", with: "server:<pools>:<address>")
        .replacing("listener:127.0.0.1:11311", with: "listener:<address>").replacing(
          "worker:0", with: "worker:<n>")
    }
    #expect(names.map { String($0) } == ReportRow.all.map(\.definition.name))
    #expect(desk.rows.contains("found \"so on\"; the default is auto\r\n"), "\(desk.rows)")
  }

  @Test func workersPublishTheirClientsWhenStatsConnsWantsThem() {
    let stats = SharedStats(workers: 2)
    let one = ConnectedClient(address: "a", listener: "b", state: .reading, idleSeconds: 0, worker: 0)
    let asked = Clock.now()
    #expect(!stats.wantsClients(of: 0, now: asked))
    stats.wantClients(now: asked)
    #expect(stats.wantsClients(of: 0, now: asked) && stats.wantsClients(of: 1, now: asked))
    stats.publish([one], of: 0)
    #expect(!stats.wantsClients(of: 0, now: Clock.now()) && stats.wantsClients(of: 1, now: asked))
    // A worker that is busy for long is not waited for.
    #expect(stats.clients(since: asked, now: asked.advanced(by: .milliseconds(499))) == nil)
    #expect(stats.clients(since: asked, now: asked.advanced(by: .milliseconds(500))) == [one])
    stats.publish([], of: 1)
    #expect(stats.clients(since: asked, now: asked) == [one])
    // The list is freed a second later.
    #expect(!stats.wantsClients(of: 0, now: Clock.now().advanced(by: .seconds(2))))
    #expect(stats.clients(since: asked, now: asked) == [])
  }

  @Test func statsRingroadShowsReadsAsMissesForEachServer() throws {
    let desk = try Desk()
    desk.supervisor.report()
    #expect(desk.rows.contains("STAT server:main:127.0.0.1:1:reads_as_misses 0\r\n"))
    desk.heard(.origin, misses: 7)
    #expect(desk.rows.contains("STAT server:main:127.0.0.1:1:reads_as_misses 7\r\n"))
    #expect(desk.supervisor.sharedStats.heard(99) == .origin)
  }
}
