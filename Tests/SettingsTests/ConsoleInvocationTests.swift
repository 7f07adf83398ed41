import Foundation
import Settings
import Testing

/// The command lines of `ringroad top`, `ringroad health` and `ringroad adopt`.
@Suite struct ConsoleInvocationTests {
  private static func parse(_ line: String) throws(UsageError) -> Invocation {
    try InvocationTests.parse(line)
  }

  @Test(arguments: [
    (
      "probe",
      #"unknown command "probe"; ringroad health asks a running proxy; the commands are check, route, placements, import, plan, adopt, top, tail, health, bench, demo and help"#
    ),
    ("tpo", #"unknown command "tpo"; did you mean "top"?"#),
    ("top --once --json", "--once and --json cannot be combined"),
    ("top a b", #"unexpected argument "b"; ringroad top 127.0.0.1:11312"#),
    ("top r.yml", #""r.yml" is not an address; a file is given as -f r.yml"#),
    ("top -f r.yml a", #""a" with -f r.yml: one of them"#),
    ("top --interval 1", #"--interval: no unit in "1"; write "1s""#),
    ("top -i 1ms", #"-i: expected a duration from 100ms to 1h, found "1ms""#),
    (
      "health http://a",
      #"the proxy's admin address: "http://" in "http://a": an address has no scheme; did you mean "a"?"#
    ),
    ("adopt", "no servers given; ringroad adopt 10.0.0.1:11211 10.0.0.2:11211"),
    ("adopt -f r.yml a", #""a" with -f r.yml: one of them"#),
    ("adopt r.yml", #""r.yml" is not a server; a file is given as --config r.yml"#),
    ("adopt -n 0 a", #"-n: expected a whole number from 1 to 100000, found "0""#),
    ("adopt a a", #"argument "a": duplicate server a:11211"#),
    ("health --timeout 0s", #"--timeout: expected a duration from 1ms to 1h, found "0s""#),
  ])
  func errorIsReportedInOneLine(_ line: String, _ message: String) {
    let error = #expect(throws: UsageError.self) { try Self.parse(line) }
    #expect(error?.description == message)
  }

  @Test func consoleCommandsNameAnAdminAddress() throws {
    var health = HealthOptions()
    #expect(try Self.parse("health") == .health(health))
    (health.address.endpoint, health.ready) = (.tcp(host: "::1", port: 11312), true)
    health.timeout = .milliseconds(500)
    #expect(try Self.parse("health --ready --timeout=500ms [::1]") == .health(health))
    var top = TopOptions()
    #expect(try Self.parse("top") == .top(top))
    (top.address.endpoint, top.interval) = (.unix(path: "/run/a"), .seconds(5))
    #expect(try Self.parse("top -i 5s unix:/run/a") == .top(top))
    var file = TopOptions()
    (file.address.configPath, file.json) = ("r.yml", true)
    #expect(try Self.parse("top --json -f r.yml") == .top(file))
  }

  @Test func adoptHasServersOrAFile() throws {
    var options = AdoptOptions()
    (options.servers, options.sample, options.json) = (["a:1", "b"], 50, true)
    #expect(try Self.parse("adopt --sample=50 --json a:1 b") == .adopt(options))
    #expect(try options.pool().servers.map(\.address) == ["a:1", "b"])
    var file = AdoptOptions()
    (file.configPath, file.output) = ("r.yml", "new.yml")
    #expect(try Self.parse("adopt -f r.yml -o new.yml") == .adopt(file))
    let path = FileManager.default.temporaryDirectory.appending(path: "ringroad-\(UUID().uuidString).yml")
    defer { try? FileManager.default.removeItem(at: path) }
    file.configPath = path.path()
    try Data("pools: {a: {servers: [a]}, b: {servers: [b]}}\nroutes: [{pool: a}]\n".utf8).write(to: path)
    #expect(throws: ConfigFailure.self) { try file.pool() }
    try Data("servers: [{address: a, weight: 3}]\nhash: crc16\n".utf8).write(to: path)
    #expect(try file.pool().servers.map(\.weight) == [3])
  }

  @Test(arguments: [
    ("", "127.0.0.1:11312"), ("admin: 10.0.0.1:5", "10.0.0.1:5"), ("admin: 0.0.0.0:5", "127.0.0.1:5"),
    ("admin: \"[::]:5\"", "[::1]:5"), ("admin: /run/a", "unix:/run/a"),
  ])
  func adminAddressIsFoundInTheFile(_ line: String, _ expected: String) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "ringroad-\(UUID().uuidString).yml")
    defer { try? FileManager.default.removeItem(at: path) }
    try Data("servers: [a]\n\(line)\n".utf8).write(to: path)
    var address = AdminAddress()
    address.configPath = path.path()
    #expect(try address.resolved().endpoint.description == expected)
    try Data("servers: [a]\nadmin: off\n".utf8).write(to: path)
    #expect(throws: ConfigFailure.self) { try address.resolved() }
  }
}
