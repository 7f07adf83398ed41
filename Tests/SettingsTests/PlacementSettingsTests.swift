import Routing
import Testing

@testable import Settings

/// A pool's placement in the file: what is understood, what is written back, and what is refused.
@Suite struct PlacementSettingsTests {
  @Test(
    arguments: [
      "dalli", "{scheme: mcproxy-jump, seed: blue, filter_tags: \"{}\"}",
      "{scheme: libmemcached-ketama-weighted, order: sorted, weights: ignored, names: ignored, add_prefix: \"app1:\"}",
      "{scheme: mcproxy-ring-ketama, points: 40, filter_stop: \"|#|\"}", "{scheme: pymemcache, keys: bytes}",
      "{scheme: mcrouter-ch3, salt: s, keys: whole, skip_prefix: \"a b\"}",
    ])
  func placementIsTheSameAfterBeingWritten(_ text: String) throws {
    let settings = try ProxySettingsTests.decode("servers: [10.0.0.1, 10.0.0.2]\nplacement: \(text)\n")
    let again = try ProxySettingsTests.decode(settings.yaml)
    #expect(again == settings && again.pools[0].placementOptions == settings.pools[0].placementOptions)
    let changes = try SettingsChangeTests.words(
      "servers: [10.0.0.1, 10.0.0.2]\n", "servers: [10.0.0.1, 10.0.0.2]\nplacement: \(text)\n")
    #expect(changes.count == 1 && changes[0].hasPrefix("pool \"main\": placement changed from ketama to "))
  }

  @Test func resolvedAddressIsTheSameAfterBeingWritten() throws {
    let text = "placement: spymemcached-ketama\nservers: [{address: cache-a, resolved: 10.1.0.1}, 10.0.0.2]\n"
    let settings = try ProxySettingsTests.decode(text)
    #expect(settings.pools[0].servers[0].resolved == "10.1.0.1")
    #expect(try ProxySettingsTests.decode(settings.yaml) == settings)
    #expect(settings.pools[0].label(of: settings.pools[0].servers[0]) == "cache-a/10.1.0.1:11211")
  }

  /// Of a scheme that counts positions two servers may have one label.
  @Test func labelsMayBeEqualWherePositionsCount() throws {
    let servers = "servers: [{address: a:1, name: x}, {address: b:1, name: x}]\n"
    #expect(try ProxySettingsTests.decode(servers + "placement: php-default\n").pools[0].servers.count == 2)
    #expect(throws: ConfigFailure.self) { try ProxySettingsTests.decode(servers + "placement: dalli\n") }
  }
}

/// What `ringroad check` says of a server's values that its placement does not use.
@Suite struct IdleValueTests {
  static func notes(_ text: String) throws -> [String] {
    try ProxySettings.decodeWithNotes(bytes: Array(text.utf8), file: "f").notes
  }

  @Test func weightsThatThePlacementDoesNotHaveAreNoted() throws {
    let servers = """
      servers:
        - 10.0.0.1
        - {address: 10.0.0.2, weight: 2}
        - {address: 10.0.0.3, weight: 3}

      """
    let start = "f:3:5: note: the weight of 10.0.0.2:11211 and 1 more in pool \"main\" changes nothing: "
    #expect(
      try Self.notes(servers + "placement: gomemcache\n") == [
        start + "placement gomemcache has no weights"
      ])
    #expect(try Self.notes(servers + "placement: ketama\n") == [])
    #expect(try Self.notes(servers + "placement: {scheme: ketama, weights: ignored}\n") == [])
  }

  @Test func addressesThatAreNotHashedAreNoted() throws {
    let servers =
      "servers: [{address: cache-a, resolved: 10.0.0.1}, {address: cache-b, resolved: 10.0.0.2}]\n"
    #expect(
      try Self.notes(servers) == [
        "f:1:11: note: the resolved address of cache-a:11211 and 1 more in pool \"main\" changes nothing: "
          + "placement ketama does not hash it"
      ])
    #expect(try Self.notes(servers + "placement: spymemcached-ketama\n") == [])
    let named = "servers: [{address: cache-a, resolved: 10.0.0.1, name: x}]\nplacement: spymemcached-ketama\n"
    #expect(
      try Self.notes(named) == [
        "f:1:11: note: the resolved address of cache-a:11211 in pool \"main\" changes nothing: its name is hashed instead"
      ])
  }

  @Test func poolsHaveNotesOfTheirOwn() throws {
    let text = """
      pools:
        a: {servers: [{address: x, weight: 2}], placement: mcrouter-ch3}
        b: {servers: [{address: y, resolved: 10.0.0.1}]}
      routes: [{prefix: "b:", pool: b}, {pool: a}]

      """
    #expect(try Self.notes(text).map { $0.prefix(6) } == ["f:2:17", "f:3:17"])
  }
}

/// A listener that names a pool.
@Suite struct ListenerTargetSettingsTests {
  static let pools = "pools: {a: {servers: [10.0.0.1]}, b: {servers: [10.0.0.2]}}\n"

  @Test func listenersWithPoolsNeedNoRoutes() throws {
    let text = "listen:\n  - {address: 127.0.0.1:1, to: a}\n  - {address: 127.0.0.1:2, to: b}\n" + Self.pools
    let settings = try ProxySettingsTests.decode(text)
    #expect(
      settings.listeners.map(\.pool) == ["a", "b"] && settings.routes.isEmpty && settings.notes.isEmpty)
    #expect(try ProxySettingsTests.decode(settings.yaml) == settings)
  }

  @Test func oneWithoutAPoolNeedsRoutes() throws {
    #expect(throws: ConfigFailure.self) {
      try ProxySettingsTests.decode("listen: [{address: 127.0.0.1:1, to: a}, 127.0.0.1:2]\n" + Self.pools)
    }
    let routed = try ProxySettingsTests.decode(
      "listen: [{address: 127.0.0.1:1, to: b}, 127.0.0.1:2]\nroutes: [{pool: a}]\n" + Self.pools)
    #expect(routed.routes.count == 1 && routed.notes.isEmpty)
  }

  @Test func aPoolThatHasNoListenerIsSaid() throws {
    let settings = try ProxySettingsTests.decode("listen: [{address: 127.0.0.1:1, to: b}]\n" + Self.pools)
    #expect(settings.notes == ["pool \"a\" has no route: it gets no keys"])
  }

  @Test func aChangedPoolIsDescribed() throws {
    let changes = try SettingsChangeTests.words(
      "listen: [{address: 127.0.0.1:1, to: b}]\n" + Self.pools,
      "listen: [{address: 127.0.0.1:1, to: a}]\n" + Self.pools)
    #expect(changes == ["listener 127.0.0.1:1: changed to {address: 127.0.0.1:1, to: a}"])
  }
}
