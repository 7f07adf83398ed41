import Bytes
import Settings
import Testing
import Topology

@testable import Control
@testable import Proxy

/// What the log says of clients, of the file and of names: each once, with what the operator can do.
@Suite struct SeenAndSaidTests {
  typealias Desk = ControlPlaneTests.Desk

  /// The log lines since the last look, with their fields.
  private func logged(_ desk: inout Desk) -> [String] {
    desk.control.takeEffects().compactMap { effect in
      guard case .log(let level, let message, let fields) = effect else { return nil }
      return ([level.rawValue, message] + fields.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
    }
  }

  private func see(
    _ kind: ClientEvent.Kind, _ number: UInt64 = 0, from address: Endpoint?, _ desk: inout Desk
  )
    -> [String]
  {
    let event = WorkerEvent.client(ClientEvent(kind, by: Ref(0), number: number))
    desk.control.received(.seen(worker: 1, event, at: address), now: desk.now)
    return logged(&desk)
  }

  private static let address = Endpoint.tcp(host: "10.0.0.7", port: 4711)

  @Test(arguments: ClientEvent.Kind.allCases)
  func eventOfAClientIsLoggedOnceAMinuteWithItsAddress(_ kind: ClientEvent.Kind) throws {
    var desk = try Desk("servers: [10.0.0.1:1]\nlog: {clients_may_set_level: true}")
    let line = see(kind, from: Self.address, &desk)
    #expect(line.count == 1 && line[0].contains(" client=10.0.0.7:4711"), "\(line)")
    for _ in 0..<3 { #expect(see(kind, from: Self.address, &desk) == []) }
    desk.now = desk.now.advanced(by: .seconds(60))
    let next = see(kind, from: nil, &desk)
    #expect(next.count == 1 && next[0].hasSuffix(" left_out=3") && !next[0].contains("client="), "\(next)")
  }

  @Test func linesAboutClientsHaveTheirSettings() throws {
    var desk = try Desk(
      "servers: [10.0.0.1:1]\nlimits: {half_request_timeout: 7s, unread_timeout: 2m}\nlog: {clients_may_set_level: true}"
    )
    #expect(
      see(.leftHalfRequest, from: Self.address, &desk) == [
        "warning closed a client that left a request unfinished client=10.0.0.7:4711 limits.half_request_timeout=7s"
      ])
    #expect(see(.leftRepliesUnread, from: nil, &desk)[0].hasSuffix(" limits.unread_timeout=2m"))
    #expect(see(.heldMostMemory, 262_144, from: nil, &desk)[0].contains(" bytes=262144 do="))
    #expect(see(.setLogLevel, 0, from: nil, &desk) == ["warning log level set by a client level=warning"])
  }

  @Test func requestedLogLevelIsNotLoggedWhereItHasNoEffect() throws {
    var desk = try Desk()
    #expect(see(.setLogLevel, 2, from: Self.address, &desk) == [])
  }

  @Test func eventsWithoutALineAreSummedUp() throws {
    var desk = try Desk("servers: [10.0.0.1:1]")
    for _ in 0..<12 { _ = see(.spokeTLS, from: Self.address, &desk) }
    desk.now = desk.now.advanced(by: .seconds(60))
    for _ in 0..<100 { desk.control.tick(now: desk.now) }
    #expect(
      logged(&desk) == ["warning log lines left out line=closed a client that speaks TLS left_out=11"])
  }

  // MARK: - Names

  @Test(arguments: [
    (["10.0.0.8"], false), (["10.0.0.8", "10.0.0.9"], true), (["10.0.0.8", "fd00::8"], false),
    (["fd00::8", "10.0.0.8", "fd00::9"], true),
  ])
  func nameWithSeveralAddressesIsLoggedWithWhatToWriteInstead(_ addresses: [String], isLogged: Bool) throws {
    var desk = try Desk("servers: [cache-a:1]")
    desk.control.lookUpNames(now: desk.now)
    desk.control.lookedUp("cache-a", .found(addresses), now: desk.now)
    let said = logged(&desk).filter { $0.contains("several addresses") }
    #expect(said.count == (isLogged ? 1 : 0))
    #expect(desk.control.names.hostsWithSeveralAddresses == said.count)
    #expect(said.allSatisfy { $0.contains("addresses=\(addresses.joined(separator: ",")) do=") }, "\(said)")
    desk.control.reload(.signal, now: desk.now)
    desk.now = desk.now.advanced(by: .seconds(30))
    desk.control.lookUpNames(now: desk.now)
    desk.control.lookedUp("cache-a", .found(addresses), now: desk.now)
    #expect(!logged(&desk).contains { $0.contains("several addresses") }, "once")
  }

  // MARK: - The file

  @Test func fileThatCannotBeReadIsLoggedOnceAndWhenItCanAgain() throws {
    var desk = try Desk()
    func check(_ reason: String?) -> [String] {
      desk.control.fileChecked(unreadable: reason, now: desk.now)
      return logged(&desk)
    }
    #expect(check("No such file") == [], "an editor may be replacing it")
    #expect(check(nil) == [] && !desk.control.isFileUnreadable)
    #expect(check("No such file") == [])
    let said = check("No such file")
    #expect(said.count == 1 && said[0].hasSuffix("a restart would fail reason=No such file"), "\(said)")
    #expect(desk.control.isFileUnreadable && check("No such file") == [])
    #expect(check(nil) == ["info the configuration file can be read again"])
  }

  @Test func changeThatAFlagHidesIsLoggedAndCounted() throws {
    var desk = try Desk()
    let hidden = HiddenSetting(key: "limits.clients", text: "50", flag: "-c 50")
    func read(_ clients: String) throws -> [String] {
      var new = try Desk.settings("servers: [10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3]")
      new.hidden = [HiddenSetting(key: "limits.clients", text: clients, flag: "-c 50")]
      desk.control.read(.success(new), .file, now: desk.now)
      desk.control.prepared(.success(()), now: desk.now)
      return logged(&desk)
    }
    desk.control.settings.hidden = [hidden]
    #expect(try read("50") == [] && desk.control.hiddenChanges == 0)
    #expect(
      try read("99") == [
        "warning reload change=limits.clients: changed from 50 to 99 in the file; the flag -c 50 stays in force "
          + "why=the file has changed"
      ])
    #expect(desk.control.hiddenChanges == 1)
  }

  // MARK: - Servers

  @Test(arguments: [
    ("", "fail fast: no more servers may leave the ring (floor)"),
    ("on_failure: fail_fast", "fail fast (on_failure: fail_fast)"),
  ])
  func serverThatFailsFastIsLoggedWithTheReason(_ option: String, _ expected: String) throws {
    var desk = try Desk("servers: [10.0.0.1:1]\n\(option)")
    desk.control.received(
      .seen(worker: 0, .failed(server: 0, .refused), at: desk.control.names.address(of: 0)), now: desk.now)
    #expect(logged(&desk).contains { $0.hasSuffix("cause=refused keys=\(expected)") })
  }

  // MARK: - Limits

  private func pass(_ seconds: Int, _ desk: inout Desk) {
    for _ in 0..<seconds * 100 {
      desk.now = desk.now.advanced(by: .milliseconds(10))
      desk.control.tick(now: desk.now)
    }
  }

  /// A server whose replies never fit is closed each time: ten lines a minute say it, for each server.
  @Test func serverThatFillsTheLogIsLimitedAndCounted() throws {
    var desk = try Desk("servers: [10.0.0.1:1, 10.0.0.2:1]")
    func violate(_ server: ServerID) -> Int {
      let event = WorkerEvent.violation(
        server: server, violation: .wrongType, asked: Outline(nil, bytes: 9), got: Outline(nil, bytes: 8))
      desk.control.received(
        .seen(worker: 0, event, at: desk.control.names.address(of: server)), now: desk.now)
      return logged(&desk).count { $0.contains("reply does not fit") }
    }
    #expect((0..<100).map { _ in violate(0) }.reduce(0, +) == 10)
    #expect((0..<5).map { _ in violate(1) }.reduce(0, +) == 5)
    pass(59, &desk)
    #expect(logged(&desk) == [])
    pass(2, &desk)
    #expect(
      logged(&desk) == [
        "warning log lines left out server=10.0.0.1:1 line=reply does not fit: connection closed left_out=90"
      ])
    #expect((0..<12).map { _ in violate(0) }.reduce(0, +) == 9)
  }

  /// Lines of level debug about a server do not end in a warning.
  @Test func linesOfLevelDebugAreLimitedAtTheirLevel() throws {
    var desk = try Desk("servers: [10.0.0.1:1]\non_failure: fail_fast\nfailures: 10000")
    for _ in 0..<500 {
      desk.control.received(
        .seen(worker: 0, .failed(server: 0, .timedOut), at: desk.control.names.address(of: 0)), now: desk.now)
    }
    #expect(logged(&desk).count { $0.hasPrefix("debug server failure server=10.0.0.1:1 ") } == 100)
    pass(61, &desk)
    #expect(
      logged(&desk).filter { $0.contains("left out") } == [
        "debug log lines left out server=10.0.0.1:1 line=server failure left_out=400"
      ])
  }

  @Test func nameThatIsFoundAndLostAgainAndAgainIsLimited() throws {
    var desk = try Desk("servers: [cache-a:1]")
    var lines: [String] = []
    for i in 0..<100 {
      desk.control.lookedUp(
        "cache-a", i % 2 == 0 ? .failed(reason: "none") : .found(["10.0.0.8"]), now: desk.now)
      lines += logged(&desk)
    }
    #expect(lines.count { $0.hasPrefix("warning host not found host=cache-a reason=none") } == 10)
    #expect(lines.count { $0 == "info host found again host=cache-a" } == 10)
  }
}
