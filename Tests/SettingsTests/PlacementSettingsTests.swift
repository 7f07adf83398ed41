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
