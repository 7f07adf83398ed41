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
