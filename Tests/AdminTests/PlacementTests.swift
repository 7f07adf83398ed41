import Bytes
import Routing
import Settings
import Stats
import TestSupport
import Testing
import Topology

@testable import Admin

@Suite struct PlacementTests {
  private static func settings(_ placement: String, _ servers: Int, seed: UInt64) throws -> ProxySettings {
    var random = Seeded(seed)
    let list = (0..<servers).map { "{address: 10.0.0.\($0), weight: \(1 + random.below(3))}" }
    let yaml = "placement: \(placement)\nservers: [\(list.joined(separator: ", "))]"
    return try ProxySettings.decode(bytes: Array(yaml.utf8), file: "f")
  }

  /// Some of the servers out, never all.
  private static func states(_ count: Int, _ random: inout Seeded) -> [ServerState] {
    var states = (0..<count).map { _ in ServerState.allCases[random.below(ServerState.allCases.count)] }
    states[random.below(count)] = .up
    return states
  }

  /// `#require` takes no calls of what cannot be copied.
  private func unwrap<Value>(_ value: Value?) throws -> Value { try #require(value) }

  /// Gives a server a state, in all its pools.
  private static func set(_ state: ServerState, _ i: Int, _ control: inout ControlReport) {
    control.servers[i].state = state
    control.servers[i].ejectedFrom = isOut(state) ? Set(control.pools.map(\.id)) : []
  }

  private static func isOut(_ state: ServerState) -> Bool { state != .up && state != .down }

  @Test(arguments: ["ketama", "twemproxy-ketama"], [1, 2, 5, 40])
  func placesAreThoseOfTheProxysOwnTable(_ scheme: String, _ count: Int) throws {
    let settings = try Self.settings(scheme, count, seed: UInt64(count))
    var table = RoutingTable(settings.routingPlan(reusing: []))
    var control = Fixture.report(of: settings)
    var placement = Placement()
    var random = Seeded(99)
    for _ in 0..<5 {
      let states = Self.states(count, &random)
      for i in states.indices { Self.set(states[i], i, &control) }
      placement.update(settings, control)
      table.pools[Ref(0)].exclude(states.map(Self.isOut))
      for _ in 0..<500 {
        let key = Array("key:\(random.next())".utf8)
        let place = try unwrap(placement.place(of: key))
        let expected = try unwrap(table.where(key))
        #expect(place.server == settings.pools[0].servers[expected.server])
        #expect(!Self.isOut(states[expected.server]))
        let owner = table.pools[Ref(0)].owner(of: key.span.raw, from: 0, count: key.count)
        #expect(place.owner == settings.pools[0].servers[owner])
      }
    }
  }

  @Test(arguments: ["ketama", "twemproxy-ketama", "rendezvous", "php-default", "mcproxy-jump"], [1, 3, 12])
  func sharesAreThoseOfTheCircle(_ scheme: String, _ count: Int) throws {
    let settings = try Self.settings(scheme, count, seed: UInt64(count))
    var control = Fixture.report(of: settings)
    var placement = Placement()
    var random = Seeded(3)
    for _ in 0..<4 {
      let states = Self.states(count, &random)
      for i in states.indices { Self.set(states[i], i, &control) }
      placement.update(settings, control)
      let circle = try unwrap(placement.circle(of: 0))
      #expect(abs(circle.shares.reduce(0, +) - 1) < 1e-9 && abs(circle.ideal.reduce(0, +) - 1) < 1e-9)
      for i in states.indices where Self.isOut(states[i]) {
        #expect(circle.shares[i] == 0 && circle.ideal[i] == 0)
      }
      #expect(circle.owners.count == 720)
      #expect(circle.owners.allSatisfy { states.indices.contains($0) && !Self.isOut(states[$0]) })
      // As the hashes of many keys fall on it.
      var found = [Double](repeating: 0, count: count)
      for i in 0..<40_000 {
        let key = "k\(random.next()):\(i)"
        let server = try unwrap(placement.place(of: Array(key.utf8))?.server)
        found[settings.pools[0].servers.firstIndex(of: server) ?? 0] += 1 / 40_000
      }
      for i in states.indices { #expect(abs(found[i] - circle.shares[i]) < 0.015, "server \(i)") }
    }
  }

  @Test func withoutServersNothingIsPlaced() throws {
    let settings = try Self.settings("ketama", 3, seed: 1)
    var control = Fixture.report(of: settings)
    for i in 0..<3 { Self.set(.ejected, i, &control) }
    var placement = Placement()
    placement.update(settings, control)
    let circle = try unwrap(placement.circle(of: 0))
    #expect(
      circle.owners.allSatisfy { $0 == -1 } && circle.shares == [0, 0, 0] && circle.ideal == [0, 0, 0])
    let place = try unwrap(placement.place(of: Array("a".utf8)))
    #expect(place.server == nil)
    let none = placement.circle(of: 1)
    #expect(none == nil)
    Self.set(.up, 1, &control)
    placement.update(settings, control)
    let found = placement.place(of: Array("a".utf8))
    #expect(found?.server?.address == "10.0.0.1")
  }

  /// The ring of a pool whose servers are all marked down keeps one, which no request reaches.
  @Test func aPoolWithoutUnmarkedServersPlacesNothing() throws {
    let settings = try Self.settings("ketama", 2, seed: 1)
    var control = Fixture.report(of: settings)
    for i in 0..<2 { Self.set(.markedDown, i, &control) }
    control.servers[1].ejectedFrom = []
    var placement = Placement()
    placement.update(settings, control)
    let place = try unwrap(placement.place(of: Array("a".utf8)))
    #expect(place.server == nil)
  }

  /// A server may be out of one pool's ring and stay in the other's, where its keys fail fast.
  @Test func aServerIsOutOfTheRingsThatItIsEjectedFrom() throws {
    let text =
      "pools: {a: {servers: [x:1, y:1]}, b: {servers: [x:1, z:1]}}\nroutes: [{prefix: \"\", pool: a}, {prefix: b, pool: b}]"
    let settings = try ProxySettings.decode(bytes: Array(text.utf8), file: "f")
    var control = Fixture.report(of: settings)
    let x = try #require(control.servers.firstIndex { $0.label == "x:1" })
    control.servers[x].state = .ejected
    control.servers[x].ejectedFrom = [control.pools[0].id]
    var placement = Placement()
    placement.update(settings, control)
    let (first, second) = (placement.circle(of: 0)?.shares, placement.circle(of: 1)?.shares)
    #expect(first?.first == 0 && (second?.first ?? 0) > 0)
  }

  /// The settings and the report may be of two moments.
  @Test func settingsAndReportOfTwoMomentsAreNoTrap() throws {
    let (few, many) = (try Self.settings("ketama", 2, seed: 1), try Self.settings("ketama", 9, seed: 1))
    var placement = Placement()
    for (settings, other) in [(few, many), (many, few), (few, few)] {
      var control = Fixture.report(of: other)
      Self.set(.ejected, control.servers.count - 1, &control)
      placement.update(settings, control)
      var place = placement.place(of: Array("a".utf8))
      #expect(place != nil)
      let circle = placement.circle(of: 0)
      #expect(circle != nil)
      placement.update(settings, ControlReport())
      place = placement.place(of: Array("a".utf8))
      #expect(place != nil)
    }
  }

  @Test func longestPrefixIsNamed() throws {
    let fixture = try Fixture()
    var placement = Placement()
    placement.update(fixture.settings, fixture.snapshot.control)
    for (key, prefix, pool) in [("s:1", "s:", "sessions"), ("s:x1", "s:x", "main"), ("t", "", "main")] {
      let place = try unwrap(placement.place(of: Array(key.utf8)))
      #expect(place.prefix == prefix && place.pool.name == pool)
    }
  }
}
