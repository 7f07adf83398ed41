import Bytes
import Proxy
import Settings
import TestSupport
import Testing
import Topology

@testable import Control

/// The control plane's answers to single events, with two workers.
@Suite struct ControlPlaneTests {
  /// A control plane, and what it has ordered since the last look.
  struct Desk {
    var control: ControlPlane
    var now = Instant(nanoseconds: 1_000_000_000_000)

    init(_ text: String = "servers: [10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3]") throws {
      control = ControlPlane(try Self.settings(text), workers: 2, seed: 1, at: now)
    }

    static func settings(_ text: String) throws -> ProxySettings {
      try ProxySettings.decode(bytes: Array(text.utf8), file: "f")
    }

    /// The effects so far, each as a few words.
    mutating func orders() -> [String] {
      control.takeEffects().compactMap { effect in
        switch effect {
        case .tell(.status(let server, let status, _, _, _, _)): "tell \(server) \(status)"
        case .tell(.orphans(let servers, _, _)): "orphans \(servers)"
        case .tell(.apply(let plan, _, _)): "apply, keeping \(plan.keptPools.count) of \(plan.pools.count)"
        case .tell(.moved(let server, let address)): "tell \(server) at \(address)"
        case .tell(.confirmed(let server, _)): "confirm \(server)"
        case .open(let server, let address): "open \(server) to \(address)"
        case .send(let server):
          "send \(server) \(String(decoding: control.unsent(on: server), as: UTF8.self))"
        case .close(let server): "close \(server)"
        case .lookUp(let host): "look up \(host)"
        case .readSettings(let cause): "read, for \(cause.rawValue)"
        case .prepare(let settings): "prepare \(settings.summary)"
        case .log(let level, let message, _) where level != .debug: "\(level): \(message)"
        case .tell, .log, .report, .reloaded, .setLogLevel: nil
        }
      }
    }

    mutating func see(_ event: WorkerEvent, of server: ServerID) -> [String] {
      control.received(.seen(worker: 0, event, at: control.names.address(of: server)), now: now)
      return orders()
    }

    /// All workers confirm what they were told since the start.
    mutating func confirm() -> [String] {
      for ticket in 1..<control.failover.lastTicket + 1 {
        for worker in 0..<2 { control.received(.answered(worker: worker, ticket: ticket, [:]), now: now) }
      }
      return orders()
    }

    mutating func tick(after duration: Duration) -> [String] {
      now = now.advanced(by: duration)
      control.tick(now: now)
      return orders()
    }

    mutating func session(_ server: ServerID, _ event: ControlPlane.SessionEvent) -> [String] {
      control.session(server, event, now: now)
      return orders()
    }

    /// The server takes what was sent to it, and answers.
    mutating func answer(_ server: ServerID, _ text: String) -> [String] {
      control.session(server, .sent(control.unsent(on: server).count), now: now)
      return session(server, .received(Array(text.utf8)))
    }

    /// Server 0 is out, and has answered a probe.
    static func ofAServerThatAnswersAProbe() throws -> Desk {
      var desk = try Desk()
      _ = desk.see(.failed(server: 0, .refused), of: 0)
      _ = desk.confirm()
      _ = desk.tick(after: .seconds(10))
      _ = desk.session(0, .connected)
      _ = desk.answer(0, "VERSION 1.6.40\r\n")
      return desk
    }

    mutating func read(_ text: String) throws -> [String] {
      control.read(.success(try Self.settings(text)), .signal, now: now)
      return orders()
    }
  }

  // MARK: - Health

  @Test func serverIsEjectedOnceAllWorkersFailFast() throws {
    var desk = try Desk()
    #expect(
      desk.see(.failed(server: 0, .refused), of: 0) == ["warning: server down", "tell 0 failFast"])
    desk.control.received(.answered(worker: 0, ticket: 1, [:]), now: desk.now)
    #expect(desk.orders() == [])
    desk.control.received(.answered(worker: 1, ticket: 1, [:]), now: desk.now)
    #expect(desk.orders() == ["tell 0 ejected"])
  }

  @Test(arguments: [ServerFailure.queueFull, .ejected, .shuttingDown, .full])
  func failureThatIsNotTheServersFaultDoesNotTakeItOut(_ failure: ServerFailure) throws {
    var desk = try Desk()
    for _ in 0..<10 { #expect(desk.see(.failed(server: 0, failure), of: 0) == []) }
  }

  @Test func returningServerIsAskedRestsAndIsToldUp() throws {
    var desk = try Desk()
    _ = desk.see(.failed(server: 0, .refused), of: 0)
    _ = desk.confirm()
    #expect(desk.tick(after: .seconds(1)) == ["open 0 to 10.0.0.1:1"])
    #expect(desk.session(0, .connected) == ["send 0 version\r\n"])
    #expect(desk.answer(0, "VERSION 1.6.40\r\n") == ["send 0 stats\r\n"])
    #expect(desk.answer(0, "STAT uptime 100\r\nEND\r\n") == [])
    #expect(desk.tick(after: .milliseconds(99)) == [])
    #expect(desk.tick(after: .milliseconds(1)) == ["send 0 version\r\n"])
    #expect(desk.answer(0, "VERSION 1.6.40\r\n") == ["tell 0 ejected"])
    #expect(desk.confirm() == ["tell 0 returning"])
    #expect(desk.confirm() == ["close 0", "info: server up", "tell 0 up"])
  }

  /// A server that was started while it was out holds nothing old.
  @Test func restartedServerNeedsNoRest() throws {
    var desk = try Desk.ofAServerThatAnswersAProbe()
    #expect(desk.answer(0, "STAT uptime 2\r\nEND\r\n") == ["tell 0 ejected"])
  }

  @Test func returningServerDeletesWhatTheWorkersHandOver() throws {
    var desk = try Desk.ofAServerThatAnswersAProbe()
    _ = desk.answer(0, "STAT uptime 100\r\nEND\r\n")
    _ = desk.tick(after: .milliseconds(100))
    #expect(desk.answer(0, "VERSION 1.6.40\r\n") == ["tell 0 ejected"])
    var entries = Journal.Entries()
    entries.insert(Array("k".utf8), of: 0)
    let ticket = desk.control.failover.lastTicket
    desk.control.received(.answered(worker: 0, ticket: ticket, [0: entries]), now: desk.now)
    desk.control.received(.answered(worker: 1, ticket: ticket, [:]), now: desk.now)
    #expect(desk.orders() == ["send 0 delete k\r\n"])
    #expect(desk.answer(0, "DELETED\r\n") == ["tell 0 returning"])
    #expect(desk.control.keysDeleted == 1)
  }

  @Test(arguments: [ControlPlane.SessionEvent.failed(.refused), .closed])
  func failedProbeIsRepeatedAfterTheInterval(_ event: ControlPlane.SessionEvent) throws {
    var desk = try Desk()
    _ = desk.see(.failed(server: 0, .refused), of: 0)
    _ = desk.tick(after: .seconds(1))
    #expect(desk.session(0, event) == ["close 0"])
    #expect(desk.tick(after: .milliseconds(400)) == [])
    #expect(desk.tick(after: .seconds(2)) == ["open 0 to 10.0.0.1:1"])
  }

  @Test func noProbeIsBegunWhileDraining() throws {
    var desk = try Desk()
    _ = desk.see(.failed(server: 0, .refused), of: 0)
    desk.control.isDraining = true
    #expect(desk.tick(after: .seconds(5)) == [])
    desk.control.reload(.signal, now: desk.now)
    #expect(desk.orders() == [])
  }

  // MARK: - Reloads

  @Test func reloadIsReadPreparedAndAppliedInThisOrder() throws {
    var desk = try Desk()
    desk.control.reload(.signal, now: desk.now)
    #expect(desk.orders() == ["read, for SIGHUP"])
    let new = "servers: [10.0.0.1:1, 10.0.0.2:2]"
    #expect(try desk.read(new) == ["prepare 1 pool, 2 servers, 1 listener, 1 route"])
    #expect(desk.control.settings.pools[0].servers.count == 3)
    desk.control.prepared(.success(()), now: desk.now)
    #expect(
      desk.orders()
        == ["apply, keeping 0 of 1", "info: reload", "warning: keys have another server now"])
    #expect(try desk.read(new) == ["info: reload: nothing has changed"])
  }

  @Test func reloadThatCannotBePreparedChangesNothing() throws {
    var desk = try Desk()
    let new = "servers: [10.0.0.1:1]"
    _ = try desk.read(new)
    desk.control.prepared(.failure(StartFailure("no")), now: desk.now)
    #expect(desk.orders() == ["error: reload refused: the old configuration stays"])
    #expect(desk.control.settings.pools[0].servers.count == 3)
    _ = try desk.read(new)
    for _ in 0..<3 {
      desk.control.prepared(.failure(StartFailure("full", isPassing: true)), now: desk.now)
      #expect(desk.orders().count <= 1)
      #expect(desk.tick(after: .milliseconds(999)) == [])
      #expect(desk.tick(after: .milliseconds(1)) == ["read, for SIGHUP"])
      _ = try desk.read(new)
    }
  }

  @Test func changedFileIsReadWhenTheEditorHasFinished() throws {
    var desk = try Desk()
    desk.control.fileChangedAt = desk.now
    #expect(desk.tick(after: .milliseconds(49)) == [])
    #expect(desk.tick(after: .milliseconds(1)) == ["read, for the file has changed"])
    #expect(desk.tick(after: .seconds(1)) == [])
  }

  @Test func reloadWithANewNameWaitsForItsLookup() throws {
    var desk = try Desk()
    #expect(try desk.read("servers: [cache-a:1]") == ["look up cache-a"])
    desk.control.lookedUp("cache-a", .found(["10.0.0.9"]), now: desk.now)
    #expect(desk.orders() == ["prepare 1 pool, 1 server, 1 listener, 1 route"])
    desk.control.prepared(.success(()), now: desk.now)
    _ = desk.orders()
    #expect(desk.control.names.addresses == [3: .tcp(host: "10.0.0.9", port: 1)])
  }

  /// The first configuration is applied with the addresses known so far, and then the second is read again.
  @Test func secondReloadDoesNotWaitForTheNamesOfTheFirst() throws {
    var desk = try Desk()
    _ = try desk.read("servers: [cache-a:1]")
    let orders = try desk.read("servers: [10.0.0.1:1]")
    #expect(orders == ["prepare 1 pool, 1 server, 1 listener, 1 route", "read, for SIGHUP"])
  }

  private static let pools = """
      one: {servers: [10.0.0.1:1, 10.0.0.2:2]}
      two: {servers: [10.0.0.3:3, 10.0.0.4:4]}
    """

  /// The position of a pool in the file does not matter.
  @Test func reloadKeepsTheRingsThatDidNotChange() throws {
    let route = "\nroutes: [{pool: one}]\n"
    var desk = try Desk("pools:\n" + Self.pools + route)
    _ = try desk.read("pools:\n  new: {servers: [10.0.0.9:9]}\n" + Self.pools + route)
    desk.control.prepared(.success(()), now: desk.now)
    #expect(desk.orders().first == "apply, keeping 2 of 3")
    _ = try desk.read(
      "pools:\n  two: {servers: [10.0.0.3:3]}\n  one: {servers: [10.0.0.1:1, 10.0.0.2:2], floor: 0%}" + route)
    desk.control.prepared(.success(()), now: desk.now)
    #expect(desk.orders().first == "apply, keeping 1 of 2")
  }

  /// Unlisted copies keep only their owners in the ring. Another ring would give them unknown owners.
  @Test func reloadOfOnePoolForgetsNothingOfTheOther() throws {
    let route = "\nroutes: [{pool: one}]\n"
    var desk = try Desk("pools:\n" + Self.pools + route)
    var copies = Journal.Entries()
    copies.insert(Array("k".utf8), of: 0)
    copies.overflow()
    for server in [1, 3] as [ServerID] { desk.control.failover.members[server]?.held = copies }
    _ = try desk.read(
      "pools:\n  one: {servers: [10.0.0.1:1, 10.0.0.2:2]}\n  two: {servers: [10.0.0.3:3, {address: 10.0.0.4:4, weight: 9}]}"
        + route)
    desk.control.prepared(.success(()), now: desk.now)
    _ = desk.orders()
    #expect(desk.control.failover.members[1]?.held.lost.ids == [0])
    #expect(desk.control.failover.members[3]?.held.lost.areAll == true)
  }

  // MARK: - Names

  @Test func lookupMovesAServerAndEndsItsProbe() throws {
    var desk = try Desk("servers: [cache-a:1, 10.0.0.2:2]")
    desk.control.lookUpNames(now: desk.now)
    #expect(desk.orders() == ["look up cache-a"])
    desk.control.lookedUp("cache-a", .found(["10.0.0.8"]), now: desk.now)
    #expect(desk.orders() == ["info: server address changed", "tell 0 at 10.0.0.8:1"])
    _ = desk.tick(after: .seconds(1))
    _ = desk.see(.failed(server: 0, .refused), of: 0)
    _ = desk.tick(after: .seconds(2))
    desk.control.lookedUp("cache-a", .found(["10.0.0.8"]), now: desk.now)
    #expect(desk.orders() == ["confirm 0"])
    #expect(desk.tick(after: .milliseconds(1)) == ["open 0 to 10.0.0.8:1"])
    desk.control.lookedUp("cache-a", .found(["10.0.0.9"]), now: desk.now)
    #expect(desk.orders() == ["info: server address changed", "tell 0 at 10.0.0.9:1", "close 0"])
  }

  @Test func reportFromAnOldAddressIsIgnored() throws {
    var desk = try Desk()
    let elsewhere = Endpoint.tcp(host: "10.0.0.9", port: 9)
    desk.control.received(.seen(worker: 0, .failed(server: 0, .refused), at: elsewhere), now: desk.now)
    #expect(desk.orders() == [])
  }
}
