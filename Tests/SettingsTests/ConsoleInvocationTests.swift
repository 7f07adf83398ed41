import Foundation
import Settings
import Testing

/// The command lines of `ringroad top` and `ringroad health`.
@Suite struct ConsoleInvocationTests {
  private static func parse(_ line: String) throws(UsageError) -> Invocation {
    try InvocationTests.parse(line)
  }

  @Test(arguments: [
    (
      "probe",
      #"unknown command "probe"; ringroad health asks a running proxy; the commands are check, route, placements, import, plan, top, tail, health, bench, demo and help"#
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
