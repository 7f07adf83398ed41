import Foundation
import Settings
import Testing

@Suite struct AdminSettingsTests {
  private static func admin(_ text: String) throws -> AdminSettings {
    try ProxySettingsTests.decode("servers: [a]\nadmin: \(text)\n").admin
  }

  @Test(arguments: [
    ("off", "off", false), ("127.0.0.1:11312", "127.0.0.1:11312", true),
    ("127.0.0.1", "127.0.0.1:11312", true),
    ("0.0.0.0:9", "0.0.0.0:9", true), (#""[::1]""#, "[::1]:11312", true),
    ("/run/a.sock", "unix:/run/a.sock", true),
    ("proxy.example", "proxy.example:11312", true), ("{address: 127.0.0.1:11312}", "127.0.0.1:11312", true),
    ("{address: 127.0.0.1, hosts: a}", "127.0.0.1:11312", true),
    ("{address: unix:/run/a.sock, mode: 0660}", "unix:/run/a.sock", true),
    ("{address: 10.0.0.1:1, token: {file: /t}}", "10.0.0.1:1", true),
  ])
  func everyFormIsDecoded(_ text: String, _ address: String, _ isRequired: Bool) throws {
    let admin = try Self.admin(text)
    #expect((admin.listener?.endpoint.description ?? "off") == address)
    #expect(admin.isRequired == isRequired)
  }

  @Test func everyKeyIsDecoded() throws {
    let admin = try Self.admin(
      #"{address: unix:/run/a.sock, mode: "0660", owner: "r:www", hosts: [a.example, b], token: {file: /etc/t}}"#
    )
    #expect(
      admin.listener == ListenerSettings(.unix(path: "/run/a.sock"), mode: 0o660, owner: "r:www"))
    #expect(admin.hosts == ["a.example", "b"] && admin.tokenFile == "/etc/t")
    let usual = try ProxySettingsTests.decode("servers: [a]").admin
    #expect(usual == AdminSettings() && !usual.isRequired)
  }

  @Test func flagReplacesTheAddressAndKeepsTheToken() throws {
    let file = try ProxySettingsTests.decode("servers: [a]\nadmin: {address: 10.0.0.1:5, token: {file: /t}}")
    for (flag, address) in [
      ("--admin 10.0.0.2:7", "10.0.0.2:7"), ("--admin=10.0.0.2", "10.0.0.2:11312"), ("--admin off", nil),
      ("--admin unix:/run/a", "unix:/run/a"),
    ] as [(String, String?)] {
      let settings = try InvocationTests.launch("\(flag) a").overrides.applied(to: file)
      #expect(settings.admin.listener?.endpoint.description == address && settings.admin.tokenFile == "/t")
      #expect(settings.admin.isRequired == (address != nil))
      #expect(
        settings.hidden == [
          HiddenSetting(key: "admin", text: "10.0.0.1:5", flag: "--admin \(address ?? "off")")
        ])
    }
  }

  @Test(arguments: [
    ("off", "10.0.0.1:5", ["admin: changed from 127.0.0.1:11311 to 10.0.0.1:5 (needs a restart)"]),
    (
      "10.0.0.1:5", "{address: 10.0.0.1:5, token: {file: /t}}", ["admin.token: changed from none to /t"]
    ),
    (
      "{address: /a, mode: 0700}", "{address: /a, mode: 0770}",
      [
        "admin: changed from {address: unix:/a, mode: 0700} to {address: unix:/a, mode: 0770} (needs a restart)"
      ]
    ),
    (
      "{address: 10.0.0.1:5, hosts: a}", "{address: 10.0.0.1:5, hosts: [a, b]}",
      ["admin.hosts: changed from [a] to [a, b] (needs a restart)"]
    ),
    ("{address: /a, hosts: a}", "{hosts: [a], address: unix:/a}", []),
  ])
  func changesAreDescribed(_ old: String, _ new: String, _ words: [String]) throws {
    let changes = try SettingsChangeTests.words(
      "servers: [a]\nadmin: \(old)\n", "servers: [a]\nadmin: \(new)\n")
    #expect(changes == words.map { $0.replacing("from 127.0.0.1:11311", with: "from off") })
  }

  // MARK: - The configuration as YAML

  private static func expectTheSameAgain(_ settings: ProxySettings) throws {
    let again = try ProxySettingsTests.decode(settings.yaml)
    #expect(again == settings, "\(settings.yaml)")
  }

  @Test func configurationIsTheSameAfterBeingWritten() throws {
    for path in ["config/full.yml", "config/ringroad.yml"] {
      try Self.expectTheSameAgain(ProxySettingsTests.decode(ProxySettingsTests.text(path)))
    }
    let examples = try ProxySettingsTests.text("docs/CONFIGURATION.md").components(separatedBy: "```yaml\n")
    for part in examples.dropFirst() {
      let yaml = part.components(separatedBy: "```")[0]
      try Self.expectTheSameAgain(ProxySettingsTests.decode(yaml))
    }
  }

  @Test func everySettingSurvivesBeingWritten() throws {
    for admin in [
      "off", "/run/a.sock", #"{address: "[::1]:9", hosts: [a, "b.example"]}"#,
      #"{address: unix:/run/a b.sock, mode: "0007", owner: "r:www", token: {file: "/etc/a 'b\".token"}}"#,
    ] {
      try Self.expectTheSameAgain(
        ProxySettingsTests.decode(
          """
          listen: [0.0.0.0:1, "[::]:2", {address: unix:/r s, mode: 0, owner: "r"}, /run/s.sock]
          threads: 4
          pin_threads: true
          drain_timeout: 1m
          admin: \(admin)
          pools:
            "true": {servers: [a, {address: b:1, weight: 3, name: "n\\"#'"}, {address: /run/m, mark: down}]}
            "10": {servers: ["[fd00::1]:7"], placement: twemproxy-ketama, hash: murmur, hash_tag: "{}",
              connect_timeout: 1.5s, request_timeout: 2500us, failures: 7, probe_interval: 2s, probe_max: 2s,
              on_failure: fail_fast, reads_on_failure: error, writes_on_failure: error, rejoin: as_is, floor: 0%,
              connections: 64, on_join: trust}
          routes: [{prefix: "a:#\\\\", pool: "10"}, {prefix: "é'\\"", pool: "true"}, {prefix: "~", pool: "10"}]
          limits: {clients: 5, client_output: 1MB, max_value: 1.5KiB, server_queue: 1 GB, memory: 20MiB,
            half_request_timeout: 90s, unread_timeout: 1h}
          log: {to: "/var/log/r: #.log", level: debug, format: json, clients_may_set_level: true}
          """))
    }
  }
}
