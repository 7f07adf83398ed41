import Foundation
import Testing

extension Integration {
  @Suite struct EverydayTests {
    @Test func tenThousandKeysAreReadBackFromTheServersThatRouteNames() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      let keys = (0..<10_000).map { "key:\($0)" }
      for batch in 0..<100 {
        var request: [UInt8] = []
        for key in keys[batch * 100..<batch * 100 + 100] {
          let value = Stamp.value(key, 1)
          request += Array("set \(key) 7 0 \(value.count)\r\n".utf8) + value + [13, 10]
        }
        try client.send(request)
        for _ in 0..<100 { try #require(try client.line() == "STORED") }
      }
      for batch in 0..<100 {
        let some = Array(keys[batch * 100..<batch * 100 + 100])
        let values = try client.get(some)
        try #require(values.map(\.key) == some)
        for value in values {
          try #require(value.flags == 7 && Stamp.version(of: value.bytes, key: value.key) == 1)
        }
      }
      let owners = try cluster.proxy.route(keys)
      try #require(owners.count == keys.count)
      for server in cluster.servers {
        let own = keys.filter { owners[$0] == server.address }
        #expect(own.count > 1500, "\(server.address) has \(own.count) keys of 10,000")
        let direct = try server.client()
        for start in stride(from: 0, to: own.count, by: 100) {
          let some = Array(own[start..<min(start + 100, own.count)])
          try #require(try direct.get(some).map(\.key) == some)
        }
        // The server has no other key.
        #expect(try direct.stats()["curr_items"] == "\(own.count)")
      }
    }

    @Test func multiGetKeepsTheRequestedOrderAndRepeatsRepeatedKeys() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      var keys = (0..<100).map { "m:\($0)" }
      for key in keys where !key.hasSuffix("7") { #expect(try client.set(key, key) == "STORED") }
      keys.shuffle()
      keys += [keys[3], keys[3], keys[50]]
      let expected = keys.filter { !$0.hasSuffix("7") }
      #expect(try client.get(keys).map(\.text) == expected)
      let withCAS = try client.get(keys, command: "gets")
      #expect(withCAS.map(\.key) == expected)
      #expect(withCAS.allSatisfy { $0.cas != nil })
      #expect(try client.get(keys, command: "gat 100").map(\.key) == expected)
      #expect(try client.get(keys, command: "gats 100").map(\.key) == expected)
      #expect(client.leftover == 0)
    }

    @Test func everyClassicCommandAnswersAsMemcachedDoes() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      let memcached = try Memcached()
      let direct = try memcached.client()
      defer { memcached.kill() }
      // Sends the same lines to the proxy and to a memcached; the replies must be equal.
      for name in ["alpha", "beta", "gamma", "delta", "epsilon"] {
        let lines = [
          "add \(name) 5 0 2\r\n10", "add \(name) 5 0 2\r\n11", "get \(name)", "replace \(name) 6 0 2\r\n20",
          "append \(name) 0 0 1\r\n5", "prepend \(name) 0 0 1\r\n1", "get \(name)", "incr \(name) 5",
          "decr \(name) 10000", "incr \(name) 18446744073709551615", "incr \(name) x",
          "touch \(name) 100", "touch no:\(name) 100", "gat 200 \(name)", "delete \(name)", "delete \(name)",
          "incr \(name) 1", "replace \(name) 0 0 1\r\nx", "append \(name) 0 0 1\r\nx",
          "cas \(name) 0 0 1 1\r\nx", "set \(name) 0 0 3\r\nabc", "incr \(name) 1", "delete \(name) 0",
          "set \(name) 0 -1 3\r\nabc", "get \(name)", "nonsense", "get", "set \(name) 0 0",
          "delete \(name) 5",
          "set \(name) 0 0 2\r\nabc", "get \(String(repeating: "k", count: 251))",
        ]
        for line in lines {
          let ours = try answer(client, line)
          let theirs = try answer(direct, line)
          #expect(ours == theirs, "\(line)")
        }
      }
    }

    /// All lines of the reply to a request; a following `mn` marks the end.
    private func answer(_ client: TextClient, _ request: String) throws -> [String] {
      try client.send(request + "\r\nmn\r\n")
      var lines: [String] = []
      while true {
        let line = try client.line()
        if line == "MN" { return lines }
        lines.append(line)
      }
    }

    @Test func casTokensAreTheServersOwn() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      for i in 0..<20 {
        let key = "cas:\(i)"
        #expect(try client.set(key, "1") == "STORED")
        let token = try #require(try client.get([key], command: "gets").first?.cas)
        #expect(try client.ask("cas \(key) 0 0 1 \(token)\r\n2") == "STORED")
        #expect(try client.ask("cas \(key) 0 0 1 \(token)\r\n3") == "EXISTS")
        #expect(try client.get(key)?.text == "2")
      }
    }

    @Test func noreplyRequestsAreSilentAndDone() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      var lines = ""
      for i in 0..<50 {
        lines +=
          "set n:\(i) 0 0 1 noreply\r\n5\r\nincr n:\(i) 3 noreply\r\nappend n:\(i) 0 0 1 noreply\r\n0\r\n"
        lines += "delete gone:\(i) noreply\r\ndelete gone:\(i) 0 noreply\r\ntouch n:\(i) 0 noreply\r\n"
      }
      try client.send(lines)
      let values = try client.get((0..<50).map { "n:\($0)" })
      #expect(values.map(\.text) == Array(repeating: "80", count: 50))
      try client.send("flush_all noreply\r\n")
      #expect(try client.get("n:1") == nil)
      #expect(client.leftover == 0)
    }

    @Test(arguments: [0, 1, 1000, 65_536, 262_144, 1_000_000, 1_048_000])
    func valuesOfEverySizeArriveWhole(size: Int) throws {
      let cluster = try Cluster(servers: 2)
      let client = try cluster.client()
      for i in 0..<4 {
        let key = "big:\(size):\(i)"
        var value = Stamp.value(key, 1, size: size)
        if size < 100 { value = Array(value.prefix(size)) }
        #expect(try client.set(key, value) == "STORED")
        #expect(try client.get(key)?.bytes == value)
      }
    }

    @Test func valueTooLargeForTheServerIsRefusedWithoutHarmToOthers() throws {
      let cluster = try Cluster(servers: 2)
      let client = try cluster.client()
      let other = try cluster.client()
      for i in 0..<6 {
        try other.send("get other:\(i)\r\n")
        let answer = try client.set("huge:\(i)", [UInt8](repeating: 120, count: 2_000_000))
        #expect(answer == "SERVER_ERROR object too large for cache")
        #expect(try other.line() == "END")
        #expect(try client.get("huge:\(i)") == nil)
        #expect(try client.set("small:\(i)", "v") == "STORED")
      }
      for server in cluster.servers { #expect(try cluster.proxy.standing(of: server.address) == "up") }
    }

    @Test func keysOf250BytesAndProtocolLikeValuesAreForwarded() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      let values = [
        "\r\n", "END\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n", "\r\nERROR\r\n", "STORED\r\nSTORED",
        "\0\u{1}\n\r \t",
      ]
      for i in 0..<30 {
        let key = String(repeating: "k", count: 248) + String(i + 10)
        let value = values[i % values.count]
        #expect(try client.set(key, value) == "STORED")
        #expect(try client.get(key)?.text == value)
      }
      let every = (0...255).map { UInt8($0) }
      #expect(try client.set("ключ:ü", every) == "STORED")
      #expect(try client.get("ключ:ü")?.bytes == every)
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      for i in 0..<100 { #expect(try client.set("p:\(i)", "value \(i)") == "STORED") }
      var lines = ""
      for i in 0..<2000 { lines += i % 10 == 9 ? "mn\r\n" : "get p:\(i % 100)\r\n" }
      try client.send(lines)
      for i in 0..<2000 {
        if i % 10 == 9 {
          try #require(try client.line() == "MN")
        } else {
          try #require(try client.values().map(\.text) == ["value \(i % 100)"])
        }
      }
    }

    @Test func statsVersionAndFlushAllCoverTheWholeCluster() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      for i in 0..<300 { #expect(try client.set("s:\(i)", "v") == "STORED") }
      #expect(try client.stats()["curr_items"] == "300")
      #expect(try client.ask("version").hasPrefix("VERSION 1."))
      #expect(try client.ask("verbosity 1") == "OK")
      #expect(try client.stats("servers").keys.filter { $0.hasSuffix("pid") }.count == 3)
      #expect(try client.ask("flush_all") == "OK")
      #expect(try client.get((0..<300).map { "s:\($0)" }).isEmpty)
      #expect(try client.ask("shutdown").hasPrefix("CLIENT_ERROR"))
      #expect(try client.ask("version").hasPrefix("VERSION 1."))
      try client.send("get s:1\r\nquit\r\nget s:2\r\n")
      #expect(try client.values().isEmpty)
      #expect(client.isClosed(within: .seconds(2)))
      #expect(client.leftover == 0)
    }

    @Test func httpClientIsDisconnectedAndNoneOfItsLinesIsExecuted() throws {
      let cluster = try Cluster(servers: 1)
      let client = try cluster.client()
      try client.send("POST / HTTP/1.1\r\nHost: x\r\n\r\nset evil 0 0 1\r\nx\r\n")
      #expect(client.isClosed(within: .seconds(2)))
      #expect(try cluster.client().get("evil") == nil)
    }

    @Test func metaCommandsReachTheSameServersAsClassicOnes() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      for i in 0..<30 {
        let key = "meta:\(i)"
        try #require(try client.ask("ms \(key) 3 T0\r\nabc") == "HD")
        #expect(try client.get(key)?.text == "abc")
        #expect(try client.ask("mg \(key) v k O123") == "VA 3 k\(key) O123")
        #expect(try client.line() == "abc")
        let encoded = Data(key.utf8).base64EncodedString()
        #expect(try client.ask("mg \(encoded) b v").hasPrefix("VA 3"))
        #expect(try client.line() == "abc")
        #expect(try client.ask("md \(key) q\r\nmn") == "MN")
        #expect(try client.ask("mg \(key) v") == "EN")
      }
    }

    /// The demo checks its own statements.
    @Test(arguments: ["3", "1"])
    func demoShowsWhatItPromises(_ servers: String) throws {
      let directory = try Directory()
      let demo = try Child(
        [Programs.ringroad(), "demo", "--once", "-n", servers], output: directory.file("out"))
      #expect(demo.end(within: .seconds(30)) == .exited(0), "\(directory.read("out"))")
    }
  }
}
