import Glibc
import TestSupport
import Testing

@testable import Stats

/// Merges the answers of three real servers: no row is lost, sums are right, every stat has a row in the table.
@Suite(.serialized)
struct RealServersTests {
  static func servers() throws -> [MemcachedProcess] {
    let servers = [
      try MemcachedProcess(), try MemcachedProcess(["-c", "512"]),
      try MemcachedProcess(["-f", "1.5", "-o", "track_sizes"]),
    ]
    // Each server has different items, some of them in slab classes that the others do not have.
    for (i, server) in servers.enumerated() {
      for j in 0...i {
        let value = String(repeating: "v", count: 10 + 700 * j * (i + 1))
        _ = try server.ask("set user:\(i)-\(j) 0 0 \(value.count)\r\n\(value)")
        _ = try server.ask("get nothing")
      }
    }
    return servers
  }

  @Test func rowsOfRealServersAreMergedByTheTable() throws {
    let servers = try Self.servers()
    let commands = ["", "settings", "items", "slabs", "sizes"]
    for command in commands {
      let kind = StatsKind(words: command.split(separator: " ").map(String.init))
      let answers = try servers.map { try $0.ask(("stats " + command).trimmed) }
      var stats = MergedStats(kind: kind, ownPID: 4711)
      for one in answers { stats.take(one) }
      #expect(stats.answered == 3, "\(command)")
      let output = stats.rendered(of: 3)
      let result = Dictionary(uniqueKeysWithValues: statRows(output).map { ($0.name, $0.value) })
      let isCounted = command.isEmpty || command == "settings"
      #expect(result["ringroad_servers_answered"] == (isCounted ? "3/3" : nil))
      #expect(result["ringroad_rows_dropped"] == nil)

      var names: Set<String> = []
      for (name, _) in answers.flatMap(statRows) {
        names.insert(name)
        #expect(result[name] != nil, "\(name) is lost")
        #expect(MergeTable.rule(for: name, in: kind) != nil, "\(command) \(name) has no row in the table")
      }
      #expect(result.count == names.count + (isCounted ? 1 : 0), "\(command)")
      check(command, kind, names, answers, result)
    }
  }

  /// Computes the merged value a second time in a simple way.
  private func check(
    _ command: String, _ kind: StatsKind, _ names: Set<String>, _ answers: [[UInt8]],
    _ result: [String: String]
  ) {
    for name in names {
      let values = answers.flatMap(statRows).filter { $0.name == name }.map(\.value)
      let numbers = values.compactMap { UInt64($0) }
      switch MergeTable.rule(for: name, in: kind) {
      case .sum, .count: #expect(result[name] == String(numbers.reduce(0, +)), "\(command) \(name) \(values)")
      case .smallest: #expect(result[name] == numbers.min().map { String($0) }, "\(name)")
      case .largest: #expect(result[name] == numbers.max().map { String($0) }, "\(name)")
      case .ownPID: #expect(result[name] == "4711")
      case .same:
        let different = values.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        #expect(result[name] == different.joined(separator: ","), "\(name)")
      default: break
      }
    }
  }

  @Test func knownStatsOfRealServersAreMergedCorrectly() throws {
    let servers = try Self.servers()
    var stats = MergedStats(kind: .general, ownPID: 1)
    for server in servers { stats.take(try server.ask("stats")) }
    let result = Dictionary(
      uniqueKeysWithValues: statRows(stats.rendered(of: 3)).map { ($0.name, $0.value) })
    #expect(result["curr_items"] == "6")
    #expect(result["cmd_get"] == "6")
    #expect(result["limit_maxbytes"] == String(3 * 16 << 20))
    #expect(result["threads"] == "3")
    #expect(result["max_connections"] == "2560")
    #expect(result["accepting_conns"] == "1")
    #expect(result["pointer_size"] == "64")

    var settings = MergedStats(kind: .settings, ownPID: 1)
    for server in servers { settings.take(try server.ask("stats settings")) }
    let shown = statRows(settings.rendered(of: 3))
    #expect(shown.contains { $0 == ("growth_factor", "1.25,1.50") })
    #expect(shown.contains { $0 == ("maxconns", "1024,512") })
    #expect(shown.contains { $0 == ("tcpport", servers.map { String($0.port) }.joined(separator: ",")) })

    var listing = ServersListing()
    for server in servers {
      listing.take(label: "s\(server.port)", bytes: try server.ask("stats"))
    }
    for server in servers {
      #expect(lines(listing.rendered()).contains("STAT s\(server.port):pid \(server.processID)"))
    }
  }

  @Test func otherStatsCommandsOfRealServersAreMerged() throws {
    let servers = try Self.servers()
    func output(_ command: String) throws -> [String] {
      let kind = StatsKind(words: command.split(separator: " ").map(String.init))
      return merged(kind, try servers.map { try $0.ask(("stats " + command).trimmed) })
    }
    #expect(try output("detail on") == ["OK"])
    for server in servers { _ = try server.ask("get user:1") }
    #expect(try output("detail dump") == ["PREFIX user get 3 hit 0 set 0 del 0", "END"])
    #expect(try output("detail off") == ["OK"])
    #expect(try output("detail") == ["CLIENT_ERROR usage: stats detail on|off|dump"])
    #expect(try output("cachedump") == ["CLIENT_ERROR bad command line"])
    // memcached lists only items that its maintainer thread has moved to the cold end, at a time of its choosing.
    for _ in 0..<500 where try output("cachedump 1 0").count < 4 { usleep(10_000) }
    #expect(try output("cachedump 1 0").count == 4)
    #expect(try output("cachedump 1 2").count == 3)
    #expect(try output("nonsense") == ["ERROR"])
    #expect(try output("conns").filter { $0.contains("conn_listening") }.count == 3)
    #expect(try output("reset") == ["RESET"])
  }
}

extension String {
  fileprivate var trimmed: String { hasSuffix(" ") ? String(dropLast()) : self }
}
