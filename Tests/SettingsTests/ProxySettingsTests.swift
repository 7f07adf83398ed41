import Foundation
import Settings
import Testing

@Suite struct ProxySettingsTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func server(_ address: String, weight: UInt32 = 1, name: String? = nil) throws -> ServerSettings {
    ServerSettings(
      address: address, endpoint: try Endpoint.parse(address, for: .server), weight: weight, name: name)
  }

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  static func decode(_ yaml: String) throws -> ProxySettings {
    try ProxySettings.decode(bytes: Array(yaml.utf8), file: "f")
  }

  /// The settings that both example files contain.
  static func example() throws -> ProxySettings {
    let servers = try (1...3).map { try server("10.0.0.\($0):11211") }
    return ProxySettings(pools: [PoolSettings(name: "main", servers: servers)])
  }

  @Test(arguments: ["config/full.yml", "config/ringroad.yml"])
  func exampleFilesShowTheDefaults(_ path: String) throws {
    let file = Self.root.appending(path: path).path()
    #expect(try ProxySettings.load(path: file) == Self.example())
  }

  @Test func defaultsAreTheDocumentedOnes() throws {
    let settings = try Self.example()
    let pool = settings.pools[0]
    #expect(settings.listeners == [ListenerSettings(.tcp(host: "127.0.0.1", port: 11311))])
    #expect(settings.threads == nil && !settings.pinsThreads)
    #expect(pool.placement == .ketama && pool.hash == nil && pool.hashTag == nil)
    #expect(
      pool.policy.connectTimeout == .milliseconds(200) && pool.policy.requestTimeout == .milliseconds(500))
    #expect(
      pool.policy.failures == 3 && pool.policy.probeInterval == .seconds(1)
        && pool.policy.probeMax == .seconds(30))
    #expect(
      pool.policy.onFailure == .eject && pool.policy.readsOnFailure == .miss
        && pool.policy.rejoin == .invalidate)
    #expect(pool.policy.writesOnFailure == .miss && !settings.log.clientsMaySetLevel)
    #expect(pool.policy.floorPercent == 50 && pool.policy.connections == 1)
    #expect(settings.limits.clients == 10_000 && settings.limits.clientOutput == 262_144)
    #expect(settings.limits.maxValue == 134_217_728 && settings.limits.serverQueue == 67_108_864)
    #expect(settings.limits.memory == 50_331_648)
    #expect(
      settings.log.destination == .stderr && settings.log.level == .info && settings.log.format == .text)
    #expect(settings.drainTimeout == .seconds(5))
  }

  @Test(arguments: ["off", "{over: 20ms, keys: none}", "{keys: plain, over: 1.5s}"])
  func settingsOfTheLogAreWrittenAsTheyAreRead(_ slow: String) throws {
    let settings = try Self.decode("servers: [a]\nlog: {level: debug, slow: \(slow)}")
    #expect(try Self.decode(settings.yaml).log == settings.log)
    #expect((settings.log.slow.over == nil) == (slow == "off"))
  }

  @Test(arguments: KnownKeys.all)
  func everyKeyIsInTheFullExampleAndTheDocumentation(_ key: String) throws {
    #expect(try Self.text("config/full.yml").contains("\(key):"))
    #expect(try Self.text("docs/CONFIGURATION.md").contains("`\(key)`"))
  }

  @Test func everyDocumentedExampleIsValid() throws {
    let parts = try Self.text("docs/CONFIGURATION.md").components(separatedBy: "```yaml\n").dropFirst()
    #expect(parts.count >= 4)
    for part in parts {
      let yaml = part.components(separatedBy: "```")[0]
      #expect(errors(of: yaml) == [], "\(yaml)")
    }
  }

  @Test func everyValueOfALongFileIsDecoded() throws {
    let settings = try Self.decode(
      """
      listen:
        - 0.0.0.0:11311
        - "[::]:11311"
        - {address: unix:/run/r.sock, mode: 0770, owner: "r:www"}
        - /run/s.sock
      threads: 4
      pin_threads: true
      drain_timeout: 1m
      pools:
        main:
          servers:
            - cache-a
            - {address: 10.0.0.2:11212, weight: 2, name: cache-b}
            - {name: c, address: "[fd00::11]"}
            - unix:/run/memcached.sock
          placement: twemproxy-ketama
          hash: murmur
          hash_tag: "{}"
          connect_timeout: 1.5s
          request_timeout: 2500us
          failures: 7
          probe_interval: 2s
          probe_max: 2s
          on_failure: fail_fast
          reads_on_failure: error
          writes_on_failure: error
          rejoin: as_is
          floor: 0%
          connections: 64
        sessions: {servers: [d]}
      routes:
        - {pool: sessions, prefix: "session:"}
        - {pool: main}
      limits:
        {clients: 5, client_output: 1MB, max_value: 1.5KiB, server_queue: 1 GB, memory: 20MiB,
        half_request_timeout: 90s, unread_timeout: 1h}
      log: {to: /var/log/ringroad.log, level: debug, format: json, clients_may_set_level: true, slow: {over: 1.5s, keys: plain}}
      """)
    #expect(
      settings.listeners == [
        ListenerSettings(.tcp(host: "0.0.0.0", port: 11311)),
        ListenerSettings(.tcp(host: "::", port: 11311)),
        ListenerSettings(.unix(path: "/run/r.sock"), mode: 0o770, owner: "r:www"),
        ListenerSettings(.unix(path: "/run/s.sock")),
      ])
    var main = PoolSettings(
      name: "main",
      servers: [
        ServerSettings(address: "cache-a", endpoint: .tcp(host: "cache-a", port: 11211)),
        ServerSettings(
          address: "10.0.0.2:11212", endpoint: .tcp(host: "10.0.0.2", port: 11212), weight: 2, name: "cache-b"
        ),
        ServerSettings(address: "[fd00::11]", endpoint: .tcp(host: "fd00::11", port: 11211), name: "c"),
        ServerSettings(address: "unix:/run/memcached.sock", endpoint: .unix(path: "/run/memcached.sock")),
      ])
    main.placement = .twemproxyKetama
    main.hash = .murmur
    main.hashTag = .init(opening: UInt8(ascii: "{"), closing: UInt8(ascii: "}"))
    main.policy.connectTimeout = .milliseconds(1500)
    main.policy.requestTimeout = .microseconds(2500)
    main.policy.failures = 7
    main.policy.probeInterval = .seconds(2)
    main.policy.probeMax = .seconds(2)
    main.policy.onFailure = .failFast
    main.policy.readsOnFailure = .error
    main.policy.writesOnFailure = .error
    main.policy.rejoin = .asIs
    main.policy.floorPercent = 0
    main.policy.connections = 64
    #expect(settings.pools == [main, PoolSettings(name: "sessions", servers: [try Self.server("d")])])
    #expect(
      settings.routes == [
        RouteSettings(prefix: "session:", to: .pool(1)),
        RouteSettings(to: .pool(0)),
      ])
    #expect(settings.threads == 4 && settings.pinsThreads && settings.drainTimeout == .seconds(60))
    #expect(settings.limits.halfRequestTimeout == .seconds(90))
    #expect(settings.limits.unreadTimeout == .seconds(3600))
    #expect(settings.limits.clients == 5 && settings.limits.clientOutput == 1_000_000)
    #expect(settings.limits.maxValue == 1536 && settings.limits.serverQueue == 1_000_000_000)
    #expect(settings.limits.memory == 20_971_520)
    #expect(settings.log.destination == .file(path: "/var/log/ringroad.log"))
    #expect(settings.log.level == .debug && settings.log.format == .json)
    #expect(settings.log.clientsMaySetLevel)
    #expect(settings.log.slow.over == .milliseconds(1500) && settings.log.slow.keys == .plain)
    #expect(settings.summary == "2 pools, 5 servers, 4 listeners, 2 routes")
  }

  @Test(arguments: [
    ("stderr", LogSettings.Destination.stderr), ("syslog", .syslog), ("journald", .journald),
    ("/journald", .file(path: "/journald")),
  ])
  func everyDestinationOfTheLogIsDecodedAndWritten(_ text: String, _ destination: LogSettings.Destination)
    throws
  {
    for format in LogSettings.Format.allCases {
      let log = try Self.decode("servers: [a]\nlog: {to: \(text), format: \(format)}").log
      #expect(log.destination == destination && log.format == format)
      #expect(log.destination.description == text)
    }
  }

  @Test func aServerInTwoPoolsIsCountedOnce() throws {
    let text = """
      pools:
        one: {servers: [a:1, b:2]}
        two: {servers: [{address: "a:1", name: alpha}, c:3]}
      routes: [{prefix: "x:", pool: two}, {pool: one}]
      """
    let settings = try ProxySettings.decode(bytes: Array(text.utf8), file: "f")
    #expect(settings.summary == "2 pools, 3 servers, 1 listener, 2 routes")
  }

  @Test func poolOfTheShortFormIsNamedMain() throws {
    let settings = try Self.decode("servers: [a]\nfloor: 10%\nroutes: [{prefix: x, pool: main}]\n")
    #expect(settings.pools.map(\.name) == ["main"])
    #expect(settings.pools[0].policy.floorPercent == 10)
    #expect(settings.routes == [RouteSettings(prefix: "x", to: .pool(0))])
  }

  @Test func possiblyUnintendedSettingsAreNoted() throws {
    #expect(try Self.example().notes == [])
    let settings = try Self.decode(
      "pools: {a: {servers: [x]}, b: {servers: [y]}}\nroutes: [{prefix: x, pool: a}]\n")
    #expect(
      settings.notes == [
        "no default route: a key that begins with none of the prefixes is refused",
        "pool \"b\" has no route: it gets no keys",
      ])
  }

  @Test func argumentsGiveTheSameSettingsAsAFile() throws {
    let servers = ["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"]
    #expect(try ProxySettings.simple(listen: [], servers: servers) == Self.example())
    #expect(try ProxySettings.simple(listen: ["127.0.0.1:11311"], servers: servers) == Self.example())
  }

  @Test(arguments: [
    (["a"], ["b"], #"argument "a": listen: no port in "a"; did you mean "a:11311"?"#),
    (
      [], ["b:0"],
      #"argument "b:0": servers: expected a port from 1 to 65535, found "0" in "b:0"; did you mean "b:11211"?"#
    ),
    ([], ["b", "b:11211"], #"argument "b:11211": duplicate server b:11211"#),
    ([], [], "arguments: servers: expected at least one item, found an empty list"),
    ([], ["~"], #"argument "~": servers: "~" in the host "~"; expected letters, digits, '.', '-' and '_'"#),
  ])
  func badArgumentIsNamedInTheError(_ listen: [String], _ servers: [String], _ error: String) {
    let failure = #expect(throws: ConfigFailure.self) {
      try ProxySettings.simple(listen: listen, servers: servers)
    }
    #expect(failure?.description == error)
  }
}
