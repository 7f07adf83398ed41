import Foundation
import Routing
import TestSupport
import Testing
import Topology

@testable import Settings

/// A twemproxy configuration and what `ringroad import` makes of it.
struct ImportCase: CustomTestStringConvertible, Sendable {
  var title: String
  var file = ""
  var text = ""
  var complaints: [String] = []

  var testDescription: String { title }

  static let all: [ImportCase] = importTable.split(separator: "\n").reduce(into: []) { cases, line in
    let text = String(line.dropFirst(2))
    switch line.prefix(2) {
    case "##": cases.append(ImportCase(title: String(line.dropFirst(3))))
    case "| ": cases[cases.count - 1].file += text + "\n"
    case "= ": cases[cases.count - 1].text += text + "\n"
    default: cases[cases.count - 1].complaints.append(text)
    }
  }
}

@Suite struct ImportTests {
  static func imported(_ file: String) throws(ConfigFailure) -> TwemproxyImport {
    try TwemproxyImport.decode(bytes: Array(file.utf8), file: "/etc/nutcracker.yml")
  }

  /// The settings of a file with one pool.
  static func settings(_ file: String) throws -> ProxySettings {
    let result = try imported(file)
    #expect(result.errors == [])
    return try ProxySettingsTests.decode(result.text)
  }

  private static func pool(_ lines: String..., servers: [String] = ["10.0.0.1:11211:1"]) -> String {
    let list = servers.map { "   - \($0)\n" }.joined()
    return "alpha:\n  listen: 127.0.0.1:22121\n" + lines.map { "  \($0)\n" }.joined() + "  servers:\n" + list
  }

  // MARK: Table

  @Test(arguments: ImportCase.all)
  func fileIsTranslatedAndWhatIsMissingIsListed(_ file: ImportCase) throws {
    let result = try Self.imported(file.file)
    let head = "/etc/nutcracker.yml:"
    let complaints =
      result.errors.map { String($0.description.dropFirst(head.count)) } + result.notes.map { "note: \($0)" }
    #expect(complaints == file.complaints)
    let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
    let comments = lines.prefix { $0.hasPrefix("#") }
    #expect(lines.dropFirst(comments.count).joined(separator: "\n") == file.text)
    #expect(result.text.isEmpty == comments.isEmpty && result.text.isEmpty == file.text.isEmpty)
    guard let first = comments.first else { return }
    #expect(first.hasPrefix("# From nutcracker.yml of twemproxy: "))
    let missing = result.errors.map { "#   line \($0.line): \($0.message)\($0.hint.map { "; \($0)" } ?? "")" }
    let kept = (missing.isEmpty ? [] : ["# Not carried over:"] + missing)
    let notes = result.notes.isEmpty ? [] : ["# Note:"] + result.notes.map { "#   \($0)" }
    #expect(comments.dropFirst().map { String($0) } == kept + notes)
  }

  /// No text of the file ends the comment that names it.
  @Test(arguments: ["\\n", "\\u2028", "\\x85", "\\r", "\\ufeff"])
  func whatIsMissingStaysInItsComment(_ character: String) throws {
    let key = "\"x\(character)servers: [evil]\": 1"
    let result = try Self.imported(Self.pool(key))
    #expect(result.errors.count == 1)
    let settings = try ProxySettingsTests.decode(result.text)
    #expect(settings.pools[0].servers.map(\.address) == ["10.0.0.1:11211"])
  }

  /// Files with several pools need a listener's `to`.
  @Test(arguments: ImportCase.all.filter { !$0.text.isEmpty })
  func printedTextIsAConfiguration(_ file: ImportCase) throws {
    _ = try ProxySettingsTests.decode(file.text)
  }

  // MARK: Settings

  @Test(arguments: TwemproxyPool.hashes, ["ketama", "modula"])
  func everyHashAndDistributionIsCarriedOver(_ hash: String, _ distribution: String) throws {
    let settings = try Self.settings(Self.pool("hash: \(hash)", "distribution: \(distribution)"))
    let pool = settings.pools[0]
    #expect(pool.placement.name == "twemproxy-\(distribution)")
    #expect((pool.hash ?? pool.placement.defaultHash).name == hash)
  }

  @Test func theHashesAreThoseOfTwemproxy() {
    #expect(
      Set(TwemproxyPool.hashes) == [
        "one_at_a_time", "md5", "crc16", "crc32", "crc32a", "fnv1_64", "fnv1a_64", "fnv1_32", "fnv1a_32",
        "hsieh",
        "murmur", "jenkins",
      ])
  }

  @Test(arguments: ["{}", "$$", "<>", "::", "\\\"'", "#-"])
  func hashTagsAreCarriedOver(_ tag: String) throws {
    let settings = try Self.settings(Self.pool("hash_tag: \"\(tag)\""))
    let meant = try #require(HashTag(tag.replacing("\\", with: "")))
    #expect(settings.pools[0].hashTag == meant)
  }

  @Test(arguments: [
    ("10.0.0.1:11211:1", "10.0.0.1:11211", 1, "10.0.0.1"),
    ("10.0.0.1:11212:3", "10.0.0.1:11212", 3, "10.0.0.1:11212"),
    ("cache-a:11211:1000000 x", "cache-a:11211", 1_000_000, "x"),
    ("Cache.A:1:1 10.0.0.1:11211", "Cache.A:1", 1, "10.0.0.1:11211"),
    ("fd00::1:11211:2", "[fd00::1]:11211", 2, "fd00::1"),
    ("::1:11212:1 six", "[::1]:11212", 1, "six"),
    ("\"[::1]:11212:1\"", "[::1]:11212", 1, "[::1]:11212"),
    ("/run/a.sock:4", "unix:/run/a.sock", 4, "/run/a.sock:"),
    ("/run/a:b.sock:1 s", "unix:/run/a:b.sock", 1, "s"),
    ("10.0.0.1:011211:1", "10.0.0.1:11211", 1, "10.0.0.1"),
    ("10.0.0.1:011212:1", "10.0.0.1:11212", 1, "10.0.0.1:011212"),
    ("10.0.0.1:11211:1 \u{FC}", "10.0.0.1:11211", 1, "\u{FC}"),
    ("\"10.0.0.1:11211:1 a\\u2028\"", "10.0.0.1:11211", 1, "a\u{2028}"),
  ])
  func serverKeepsWhatTwemproxyHashes(
    _ text: String, _ address: String, _ weight: UInt32, _ label: String
  ) throws {
    let pool = try Self.settings(Self.pool(servers: [text])).pools[0]
    #expect(pool.servers.map(\.endpoint.description) == [address])
    #expect(pool.servers[0].weight == weight && pool.label(of: pool.servers[0]) == label)
  }

  @Test(arguments: [
    ("127.0.0.1:22121", "127.0.0.1:22121", nil), ("localhost:1", "localhost:1", nil),
    ("::1:22121", "[::1]:22121", nil), ("\"[::1]:22121\"", "[::1]:22121", nil),
    ("\":22121\"", "0.0.0.0:22121", nil),
    ("/run/a.sock", "unix:/run/a.sock", nil), ("/run/a.sock 0666", "unix:/run/a.sock", 0o666),
    ("/run/a b.sock 770", "unix:/run/a b.sock", 0o770), ("/run/a.sock 0000", "unix:/run/a.sock", nil),
  ])
  func listenerIsCarriedOver(_ text: String, _ address: String, _ mode: UInt16?) throws {
    let file = Self.pool().replacing("127.0.0.1:22121", with: text)
    let listeners = try Self.settings(file).listeners
    #expect(listeners.map(\.endpoint.description) == [address] && listeners[0].mode == mode)
  }

  @Test func failureRulesAreCarriedOver() throws {
    func policy(_ lines: String) throws -> PoolPolicy { try Self.settings(Self.pool(lines)).pools[0].policy }
    var rules = PoolPolicy()
    rules.onFailure = .failFast
    #expect(try policy("auto_eject_hosts: false") == rules)
    #expect(try policy("server_failure_limit: 9") == rules)
    #expect(try policy("timeout: 0") == rules)
    rules.requestTimeout = .milliseconds(1500)
    #expect(try policy("timeout: 1500") == rules)
    rules = PoolPolicy()
    rules.failures = 2
    #expect(try policy("auto_eject_hosts: true") == rules)
    (rules.failures, rules.probeInterval) = (1, .seconds(2))
    let eject = "auto_eject_hosts: true\n  server_failure_limit: 1\n  "
    #expect(try policy(eject + "server_retry_timeout: 2000") == rules)
    (rules.probeInterval, rules.probeMax) = (.milliseconds(30_001), .milliseconds(30_001))
    rules.connections = 4
    #expect(try policy(eject + "server_retry_timeout: 30001\n  server_connections: 4") == rules)
  }

  @Test func clientsOfAllPoolsAreAdded() throws {
    #expect(try Self.settings(Self.pool("client_connections: 77")).limits.clients == 77)
    let two = Self.pool("client_connections: 77")
    let other = two.replacing("alpha", with: "beta").replacing("22121", with: "22122")
    #expect(try Self.imported(two + other).text.hasSuffix("limits:\n  clients: 154\n"))
  }

  // MARK: Refusals

  @Test(arguments: [
    ("servers: [a]\n", "1:1: this is a configuration of ringroad already"),
    ("", "1:1: the file is empty"),
    ("# nothing\n", "1:1: the file is empty"),
    (
      "alpha: {servers: [10.0.0.1:11211:1]}\n",
      "1:1: this is no configuration of twemproxy; it has pools such as alpha: {listen: 127.0.0.1:22121, servers: [10.0.0.1:11211:1]}"
    ),
    (
      #"{"pools": {"A": {"servers": ["10.0.0.1:11211"]}}, "route": "PoolRoute|A"}"#,
      "1:2: this is a configuration of mcrouter: only twemproxy's can be imported; ringroad check FILE shows the same servers as a file of ringroad's"
    ),
    (
      "port_listen=11211,\ndefault_bucket_name=default,\n",
      "1:1: this is a configuration of moxi: only twemproxy's can be imported; ringroad check FILE shows the same servers as a file of ringroad's"
    ),
    (
      "a: &x {}\nb: *x\n",
      "1:4: anchors (&name) are not supported; leave it out, and repeat the value where it is used"
    ),
  ])
  func otherFilesAreRefused(_ file: String, _ message: String) {
    let failure = #expect(throws: ConfigFailure.self) { try Self.imported(file) }
    #expect(failure?.description == "/etc/nutcracker.yml:\(message)")
  }

  @Test func unreadableFileIsRefused() {
    let failure = #expect(throws: ConfigFailure.self) { try TwemproxyImport.load(path: "/nowhere/n.yml") }
    #expect(failure?.description == "/nowhere/n.yml: cannot be read: No such file or directory")
  }

  @Test func longListsOfErrorsAreCut() throws {
    let many = (0..<300).map { "  x\($0): 1\n" }.joined()
    let errors = try Self.imported(Self.pool() + many).errors
    #expect(errors.count == 101 && errors[100].message == "and more errors like these")
  }

  @Test func hugeFilesAreReadInTime() throws {
    let servers = (0..<200_000).map { "a\($0):1:1" }
    let result = try Self.imported(Self.pool(servers: servers))
    #expect(result.text.isEmpty && result.errors.count == 1)
    let pools = (0..<20_000).map { "p\($0): {listen: 127.0.0.1:\($0 + 1), servers: [a:1:1], x: 1}\n" }
    let cut = try Self.imported(pools.joined())
    #expect(cut.errors.count == 101 && cut.text.split(separator: "\n").count > 512)
  }

  /// Whatever a file holds, the text is a configuration, and nothing traps.
  @Test func damagedFilesGiveAConfigurationOrErrors() throws {
    var random = Seeded(17)
    let letters = Array(
      "alpha: listen servers hash 10.0.0.1:11211:1 name\n  - {}[]\"'#/\\é\u{2028}0".unicodeScalars)
    let start = Array(
      Self.pool("hash: md5", "hash_tag: \"{}\"", "timeout: 400", servers: ["a:1:1 x", "/b:2", "::1:3:4"])
        .unicodeScalars)
    for _ in 0..<3000 {
      var text = start
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let at = Int.random(in: 0..<text.count, using: &random)
        let end = min(text.count, at + Int.random(in: 0...4, using: &random))
        let new = (0..<Int.random(in: 0...3, using: &random)).compactMap { _ in
          letters.randomElement(using: &random)
        }
        text.replaceSubrange(at..<end, with: new)
      }
      let file = String(String.UnicodeScalarView(text))
      guard let result = try? Self.imported(file), !result.text.isEmpty else { continue }
      #expect(throws: Never.self, "\(file)\n\(result.text)") { try ProxySettingsTests.decode(result.text) }
    }
  }

  // MARK: Command line

  @Test func importTakesOneFile() throws {
    #expect(try InvocationTests.parse("import n.yml") == .importing(file: "n.yml"))
    #expect(try InvocationTests.parse("import -") == .importing(file: "-"))
    #expect(try InvocationTests.parse("import -- -n") == .importing(file: "-n"))
    #expect(try InvocationTests.parse("import --help") == .help(.importing))
    #expect(try InvocationTests.parse("help import") == .help(.importing))
  }

  @Test(arguments: [
    ("import", "no file to import; ringroad import nutcracker.yml"),
    ("import a b", "2 files where one is expected; ringroad import nutcracker.yml"),
    ("import --json a", #"unknown option "--json""#),
    ("imprt a", #"unknown command "imprt"; did you mean "import"?"#),
  ])
  func commandLineErrorsAreReported(_ line: String, _ message: String) {
    let error = #expect(throws: UsageError.self) { try InvocationTests.parse(line) }
    #expect(error?.description == message)
  }
}
