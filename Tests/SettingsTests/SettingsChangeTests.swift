import Settings
import Testing

@Suite struct SettingsChangeTests {
  static let start = """
    listen: [127.0.0.1:11311, {address: /run/r.sock, mode: 0700}]
    pools:
      main:
        servers: [10.0.0.1, 10.0.0.2, {address: 10.0.0.3, weight: 2, name: c}]
      sessions: {servers: [10.0.1.1]}
    routes: [{prefix: "s:", pool: sessions}, {prefix: "t:", pool: sessions}, {pool: main}]
    """

  static func words(_ old: String, _ new: String) throws -> [String] {
    SettingsChange.compare(try ProxySettingsTests.decode(old), try ProxySettingsTests.decode(new)).map(
      \.description)
  }

  @Test func equalSettingsHaveNoChanges() throws {
    #expect(try Self.words(Self.start, Self.start) == [])
  }

  @Test(arguments: [
    ("10.0.0.2,", "10.0.0.2, 10.0.0.4,", [#"pool "main": added server 10.0.0.4 (weight 1)"#]),
    (" 10.0.0.2,", "", [#"pool "main": removed server 10.0.0.2 (weight 1)"#]),
    ("weight: 2", "weight: 3", [#"pool "main": server 10.0.0.3 changed weight from 2 to 3"#]),
    ("weight: 2", "weight: 2, mark: down", [#"pool "main": server 10.0.0.3 marked down"#]),
    ("name: c", "name: d", [#"pool "main": server 10.0.0.3 changed name from "c" to "d""#]),
    (
      "10.0.0.2,", "10.0.0.2:11211,",
      [#"pool "main": server 10.0.0.2 (weight 1) is now written 10.0.0.2:11211 (weight 1)"#]
    ),
    ("10.0.0.1, 10.0.0.2", "10.0.0.2, 10.0.0.1", [#"pool "main": servers changed order"#]),
    ("127.0.0.1:11311, ", "", ["removed listener 127.0.0.1:11311"]),
    ("127.0.0.1:11311,", "127.0.0.1:11311, 0.0.0.0:11411,", ["added listener 0.0.0.0:11411"]),
    ("0700", "0770", ["listener unix:/run/r.sock: changed to {address: unix:/run/r.sock, mode: 0770}"]),
    (
      "[127.0.0.1:11311, {address: /run/r.sock, mode: 0700}]",
      "[{address: /run/r.sock, mode: 0700}, 127.0.0.1:11311]",
      ["listen: changed from 127.0.0.1:11311, unix:/run/r.sock to unix:/run/r.sock, 127.0.0.1:11311"]
    ),
    ("sessions: {", "sessions: {floor: 10%, ", [#"pool "sessions": floor changed from 50% to 10%"#]),
    (
      "sessions: {", "sessions: {hash_tag: \"{}\", ",
      [#"pool "sessions": hash_tag changed from none to "{}""#]
    ),
    ("sessions: {", "sessions: {hash: md5, ", [#"pool "sessions": hash changed from auto to md5"#]),
    (
      "sessions: {", "sessions: {placement: twemproxy-ketama, ",
      [#"pool "sessions": placement changed from ketama to twemproxy-ketama"#]
    ),
    (#"{prefix: "t:", pool: sessions}, "#, "", [#"removed route for prefix "t:" to pool "sessions""#]),
    (
      #"prefix: "t:", pool: sessions"#, #"prefix: "t:", pool: main"#,
      [#"route for prefix "t:" changed from pool "sessions" to "main""#]
    ),
    (
      ", {pool: main}", ", {prefix: u, pool: main}",
      [#"removed default route to pool "main""#, #"added route for prefix "u" to pool "main""#]
    ),
    (
      #"{prefix: "s:", pool: sessions}, {prefix: "t:", pool: sessions}"#,
      #"{prefix: "t:", pool: sessions}, {prefix: "s:", pool: sessions}"#, ["routes: changed order"]
    ),
    (
      "sessions: {", "sessions: {writes_on_failure: error, ",
      [#"pool "sessions": writes_on_failure changed from miss to error"#]
    ),
    (
      "listen:", "log: {clients_may_set_level: true}\nlisten:",
      ["log.clients_may_set_level: changed from false to true"]
    ),
    (
      "listen:", "log: {slow: {over: 20ms}}\nlisten:",
      ["log.slow: changed from off to {over: 20ms, keys: hash}"]
    ),
    ("listen:", "threads: 8\nlisten:", ["threads: changed from auto to 8 (needs a restart)"]),
    (
      "listen:", "pin_threads: true\nlisten:",
      ["pin_threads: changed from false to true (needs a restart)"]
    ),
    ("listen:", "drain_timeout: 1m\nlisten:", ["drain_timeout: changed from 5s to 1m"]),
    (
      "listen:", "limits: {clients: 5, max_value: 1MiB}\nlisten:",
      [
        "limits.clients: changed from 10000 to 5", "limits.max_value: changed from 128MiB to 1MiB",
      ]
    ),
    (
      "listen:", "log: {to: syslog, level: debug}\nlisten:",
      [
        "log.to: changed from stderr to syslog", "log.level: changed from info to debug",
      ]
    ),
  ])
  func everySettingsChangeIsDescribed(_ part: String, _ replacement: String, _ words: [String]) throws {
    let changed = Self.start.replacing(part, with: replacement, maxReplacements: 1)
    #expect(changed != Self.start)
    #expect(try Self.words(Self.start, changed) == words)
  }

  @Test func addedAndRemovedPoolsAreReported() throws {
    let one = "pools: {a: {servers: [x]}}\nroutes: [{pool: a}]\n"
    let two = "pools: {b: {servers: [y, z]}, a: {servers: [x]}}\nroutes: [{pool: a}]\n"
    #expect(try Self.words(one, two) == [#"added pool "b" with 2 servers"#])
    #expect(try Self.words(two, one) == [#"removed pool "b""#])
    let turned = "pools: {a: {servers: [x]}, b: {servers: [y, z]}}\nroutes: [{pool: a}]\n"
    #expect(try Self.words(two, turned) == ["pools: changed order"])
  }

  /// Changes every setting of a pool and of the process, one at a time; each must be reported once.
  @Test func everyChangedSettingIsReportedOnce() throws {
    let old = try ProxySettingsTests.example()
    var variants: [ProxySettings] = []
    func vary(_ change: (inout ProxySettings) -> Void) {
      var new = old
      change(&new)
      variants.append(new)
    }
    vary { $0.pools[0].placement = .twemproxyKetama }
    vary { $0.pools[0].hash = .md5 }
    vary { $0.pools[0].hashTag = .init(opening: 1, closing: 2) }
    vary { $0.pools[0].policy.connectTimeout = .milliseconds(201) }
    vary { $0.pools[0].policy.requestTimeout = .nanoseconds(1) }
    vary { $0.pools[0].policy.failures = 4 }
    vary { $0.pools[0].policy.probeInterval = .seconds(2) }
    vary { $0.pools[0].policy.probeMax = .seconds(31) }
    vary { $0.pools[0].policy.onFailure = .failFast }
    vary { $0.pools[0].policy.readsOnFailure = .error }
    vary { $0.pools[0].policy.writesOnFailure = .error }
    vary { $0.pools[0].policy.rejoin = .flush }
    vary { $0.pools[0].policy.floorPercent = 51 }
    vary { $0.pools[0].policy.connections = 2 }
    vary { $0.pools[0].servers[0].name = "10.0.0.1" }
    vary { $0.limits.clients = 1 }
    vary { $0.limits.clientOutput += 1 }
    vary { $0.limits.maxValue += 1 }
    vary { $0.limits.serverQueue += 1 }
    vary { $0.limits.memory += 1 }
    vary { $0.log.destination = .file(path: "/x") }
    vary { $0.log.level = .error }
    vary { $0.log.format = .json }
    vary { $0.log.clientsMaySetLevel = true }
    vary { $0.log.slow.over = .milliseconds(50) }
    vary { $0.drainTimeout = .seconds(6) }
    vary { $0.threads = 2 }
    vary { $0.pinsThreads = true }
    vary { $0.listeners[0].endpoint = .unix(path: "/x") }
    for new in variants {
      let changes = SettingsChange.compare(old, new)
      #expect(!changes.isEmpty, "\(new)")
      #expect(changes.count <= 2)
    }
  }
}
