import Foundation
import Testing

extension Integration {
  /// Rare requests and malicious ones, compared with a separate memcached where it answers them.
  @Suite struct CornerTests {
    /// Base64 keys that memcached prints raw in its dump: each pretends that the dump ends and other replies follow.
    static let forging = [
      "x [1 b; 0 s]\r\nEND\r\nVALUE k 0 5\r\nFALSE\r\nEND",
      "\r\nEND\r\nNF O1\r\nVALUE k 0 5\r\nFALSE\r\nEND\r\n",
      "a b", "\r\nERROR\r\nSTORED\r\n", "\r\nEND\r\nVERSION 9.9.9\r\n",
    ]

    @Test func keysInACachedumpCannotForgeReplies() throws {
      let cluster = try Cluster(servers: 2, options: "threads: 1")
      let (client, other) = (try cluster.client(), try cluster.client())
      let keys = (0..<20).map { "k\($0)" }
      for key in keys { #expect(try client.set(key, "true") == "STORED") }
      for key in Self.forging {
        #expect(try client.ask("mg \(Data(key.utf8).base64EncodedString()) b N0") == "HD W")
      }
      let isRaw = eventually(within: .seconds(10)) {
        cluster.servers.contains { (try? $0.client().dump(1))?.contains("VERSION 9.9.9") ?? false }
      }
      #expect(isRaw, "memcached does not print such keys raw: the test tests nothing")
      for _ in 0..<50 {
        try client.send("stats cachedump 1 0\r\nversion\r\n")
        try other.send("get k0 k1\r\nget k2\r\n")
        let rows = try client.rows()
        #expect(
          rows.allSatisfy { $0.hasPrefix("ITEM ") && $0.hasSuffix(" s]") && !$0.contains("a b") }, "\(rows)")
        #expect(try client.line() == "VERSION 1.6.18")
        #expect(try other.values().map(\.text) == ["true", "true"])
        #expect(try other.values().map(\.text) == ["true"])
      }
      let all = eventually(within: .seconds(10)) {
        guard let rows = try? client.dump(1) else { return false }
        // memcached moves keys that were read to an LRU segment that the dump does not cover.
        return keys.dropFirst(3).allSatisfy { rows.contains("ITEM \($0) [4 b; 0 s]") }
      }
      #expect(all, "the items of both servers are listed")
      #expect(try client.ask("stats cachedump 64 1") == "CLIENT_ERROR Illegal slab id")
      try client.send("stats cachedump 1 3\r\n")
      #expect(try client.rows().count == 3)
      #expect(try cluster.proxy.number("integrity_failures") == 0)
      #expect(try cluster.proxy.number("server_connections_lost") == 0)
    }

    @Test func prefixesInADetailDumpCannotForgeReplies() throws {
      let cluster = try Cluster(servers: 1)
      let client = try cluster.client()
      #expect(try client.ask("stats detail on") == "OK")
      #expect(try client.set("plain:1", "x") == "STORED")
      let key = Data("\r\nEND\r\nVERSION 9.9.9\r\n:1".utf8).base64EncodedString()
      _ = try client.ask("mg \(key) b N0")
      for _ in 0..<20 {
        try client.send("stats detail dump\r\nversion\r\n")
        #expect(try client.rows() == ["PREFIX plain get 0 hit 0 set 1 del 0"])
        #expect(try client.line() == "VERSION 1.6.18")
      }
      #expect(try cluster.proxy.number("integrity_failures") == 0)
    }

    @Test func tooLargeValueLeavesTheSameKeyStateAsInMemcached() throws {
      let alone = try Memcached()
      let cluster = try Cluster(servers: 3, options: "limits: {max_value: 1MiB}")
      let (direct, through) = (try alone.client(), try cluster.client())
      let value = String(repeating: "x", count: 1_048_577)
      let lines = ["set", "add", "replace", "append", "prepend"].map { "\($0) k 0 0 \(value.utf8.count)" }
      let metas = ["", " MS", " ME", " MA", " MP", " MR", " q", " I C1", " MA N0", " O1 k c", " MX", " T"]
      for line in lines + lines.map({ $0 + " noreply" }) + ["cas k 0 0 \(value.utf8.count) 1"]
        + metas.map({ "ms k \(value.utf8.count)" + $0 }) + ["ms aw== \(value.utf8.count) b"]
      {
        var answers: [String] = []
        for client in [direct, through] {
          #expect(try client.set("k", "old") == "STORED")
          try client.send("\(line)\r\n\(value)\r\nmg k v\r\nmn\r\n")
          var answer = ""
          while !answer.hasSuffix("MN\n") { answer += try client.line() + "\n" }
          answers.append(answer)
        }
        #expect(answers[0] == answers[1], "\(line)")
      }
      #expect(try cluster.proxy.number("integrity_failures") == 0)
    }

    static let foreign: [[UInt8]] = [
      [0x80, 0x0b] + [UInt8](repeating: 0, count: 22), [0x80, 0x21, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9],
      [0x16, 0x03, 0x01, 0x02, 0x00, 0x01] + [UInt8](repeating: 7, count: 512),
      Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
    ]

    @Test func clientsOfOtherProtocolsAreDisconnectedAtOnce() throws {
      let cluster = try Cluster(servers: 1)
      for (i, bytes) in Self.foreign.enumerated() {
        let client = try cluster.client()
        try client.send(bytes)
        #expect(client.isClosed(within: .seconds(2)))
        #expect(client.leftover == 0)
        #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("foreign_clients")) == i + 1 })
      }
      let client = try cluster.client()
      try client.send("*1\r\n$4\r\nPING\r\n")
      for _ in 0..<3 { #expect(try client.line() == "ERROR") }
    }

    /// Asks for what a Prometheus exporter asks for, and parses the replies as it does.
    @Test func prometheusExporterParsesTheMergedStats() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      for i in 0..<300 {
        #expect(try client.set("key:\(i)", String(repeating: "x", count: i * 10)) == "STORED")
      }
      #expect(try client.ask("version") == "VERSION 1.6.18")
      let stats = try client.stats()
      for name in [
        "uptime", "time", "cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "get_hits", "get_misses",
        "delete_hits", "incr_misses",
        "cas_badval", "touch_hits", "bytes", "limit_maxbytes", "curr_items", "total_items", "evictions",
        "reclaimed",
        "curr_connections", "total_connections", "max_connections", "listen_disabled_num", "bytes_read",
        "bytes_written",
        "threads", "conn_yields", "hash_bytes", "hash_power_level", "accepting_conns", "lru_crawler_starts",
        "slab_global_page_pool", "malloc_fails", "direct_reclaims",
      ] { #expect(UInt64(stats[name] ?? "") != nil, "\(name)") }
      for name in ["rusage_user", "rusage_system"] { #expect(Double(stats[name] ?? "") != nil, "\(name)") }
      #expect(stats["curr_items"] == "300" && stats["cmd_set"] == "300" && stats["version"] == "1.6.18")
      let items = try client.stats("items")
      var listed = 0
      for (name, value) in items {
        let words = name.split(separator: ":")
        #expect(
          words.count == 3 && words[0] == "items" && Int(words[1]) != nil && UInt64(value) != nil, "\(name)")
        if words.last == "number" { listed += Int(value) ?? 0 }
      }
      #expect(listed == 300)
      var used = 0
      for (name, value) in try client.stats("slabs") {
        let words = name.split(separator: ":")
        #expect(
          (words.count == 2 && Int(words[0]) != nil) || ["active_slabs", "total_malloced"].contains(name),
          "\(name)")
        #expect(UInt64(value) != nil, "\(name)")
        if words.last == "used_chunks" { used += Int(value) ?? 0 }
      }
      #expect(used >= 300)
      let settings = try client.stats("settings")
      #expect(settings["maxconns"] == "1024" && settings["item_size_max"] == "1048576")
      #expect(settings["lru_crawler"] == "yes" && settings["evictions"] == "on")
    }
  }
}

extension TextClient {
  /// The lines before `END`.
  func rows() throws(ClientFailure) -> [String] {
    var rows: [String] = []
    while true {
      let line = try line()
      if line == "END" { return rows }
      rows.append(line)
    }
  }

  /// All lines of the dump of a slab class: rows, and whatever keys make of them.
  func dump(_ number: Int) throws(ClientFailure) -> [String] {
    try send("stats cachedump \(number) 0\r\nmn\r\n")
    var rows: [String] = []
    while true {
      let line = try line()
      if line == "MN" { return rows }
      rows.append(line)
    }
  }
}
