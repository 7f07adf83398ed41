import Foundation
import Glibc
import Net
import Synchronization
import Testing

extension Integration {
  /// Servers with wrong replies. In every case a client gets its value, a miss or one error line.
  @Suite struct IntegrityTests {
    /// A wrong reply to `get <key>`, and counters, at least one of them to increase.
    struct Lie: CustomTestStringConvertible, Sendable {
      var testDescription: String
      var reply: @Sendable (_ key: String) -> FakeServer.Reply
      var counters = ["integrity_failures"]
      /// Whether the request got its correct reply first, and the wrong bytes came after it.
      var isHit = false

      init(
        _ name: String, isHit: Bool = false, counters: [String] = ["integrity_failures"],
        _ reply: @escaping @Sendable (_ key: String) -> FakeServer.Reply
      ) {
        testDescription = name
        self.reply = reply
        self.isHit = isHit
        self.counters = counters
      }
    }

    static let lies = [
      Lie("another key's value") { _ in .init("VALUE other 0 5\r\nwrong\r\nEND\r\n") },
      Lie("a key that begins alike") { .init("VALUE \($0)x 0 5\r\nwrong\r\nEND\r\n") },
      Lie("a key cut short") { .init("VALUE \($0.dropLast()) 0 5\r\nwrong\r\nEND\r\n") },
      Lie("garbage") { _ in .init("\u{1}\u{2}wrong\0\r\nEND\r\n") },
      Lie("the reply of a set") { _ in .init("STORED\r\n") },
      Lie("a number") { _ in .init("12\r\n") },
      Lie("a shorter length than the value's") { .init("VALUE \($0) 0 3\r\nwrong\r\nEND\r\n") },
      Lie("a negative length") { .init("VALUE \($0) 0 -1\r\nwrong\r\nEND\r\n") },
      Lie("a length of 2 GB") { .init("VALUE \($0) 0 2147483648\r\nwrong\r\nEND\r\n") },
      Lie("a length beyond 64 bits") { .init("VALUE \($0) 0 99999999999999999999\r\nwrong\r\nEND\r\n") },
      Lie("two values for one key") {
        .init("VALUE \($0) 0 5\r\nright\r\nVALUE \($0) 0 5\r\nwrong\r\nEND\r\n")
      },
      Lie("a line without an end") { _ in .init(String(repeating: "wrong", count: 2000)) },
      Lie("half a value, then the end", counters: ["server_connections_lost"]) {
        .init("VALUE \($0) 0 10\r\nwrong", closes: true)
      },
      Lie("nothing, then the end", counters: ["server_connections_lost"]) { _ in .init("", closes: true) },
      Lie("a second reply in one piece", isHit: true, counters: ["integrity_failures", "unsolicited_bytes"]) {
        .init("VALUE \($0) 0 5\r\nright\r\nEND\r\nVALUE \($0) 0 5\r\nwrong\r\nEND\r\n")
      },
      Lie("a second reply later", isHit: true, counters: ["integrity_failures", "unsolicited_bytes"]) {
        .init("VALUE \($0) 0 5\r\nright\r\nEND\r\n", afterthought: "VALUE \($0) 0 5\r\nwrong\r\nEND\r\n")
      },
    ]

    @Test(arguments: lies)
    func wrongServerReplyNeverReachesAClient(_ lie: Lie) throws {
      let fake = try FakeServer { line in Self.truth(line) }
      let memcached = try Memcached()
      let proxy = try Proxy { port, _ in
        """
        listen: 127.0.0.1:\(port)
        threads: 1
        servers: [\(fake.address), \(memcached.address)]
        failures: 10000
        request_timeout: 300ms

        """
      }
      let owners = try proxy.route((0..<200).map { "lie:\($0)" })
      let lied = owners.filter { $0.value == fake.address }.map(\.key).sorted()
      let honest = owners.filter { $0.value == memcached.address }.map(\.key).sorted()
      let client = try proxy.client()
      let neighbour = try proxy.client()
      for key in honest { #expect(try neighbour.set(key, key) == "STORED") }
      // Until the handshake on the connection is done, a read is a miss.
      #expect(eventually(within: .seconds(2)) { (try? client.get(lied[0])?.text) == "right" })
      let before = try neighbour.stats("ringroad")

      fake.behave { line in
        line.hasPrefix("get ") ? lie.reply(String(line.dropFirst(4))) : Self.truth(line)
      }
      for key in lied.prefix(3) {
        let value = try client.get(key)
        // A new connection may still be in its handshake: that is a miss too.
        #expect(value == nil || (lie.isHit && value?.text == "right"), "\(value?.text ?? "")")
        #expect(try neighbour.get(honest[0])?.text == honest[0])
        pause(.milliseconds(40))
      }
      // A multi-get has the keys of the correct server, and no wrong values.
      let some = Array(honest.prefix(5))
      let values = try client.get(some + [lied[4]]).filter { $0.text != "right" }
      #expect(values.map(\.text) == some)
      pause(.milliseconds(60))
      let after = try neighbour.stats("ringroad")
      for counter in lie.counters {
        #expect((Int(after[counter] ?? "") ?? 0) > (Int(before[counter] ?? "") ?? 0), "\(counter)")
      }

      // The proxy accepts its replies again as soon as they are correct.
      fake.behave { line in Self.truth(line) }
      #expect(eventually(within: .seconds(2)) { (try? client.get(lied[1])?.text) == "right" })
      #expect(client.leftover == 0)
      #expect(proxy.child.ended() == nil)
    }

    private static func truth(_ line: String) -> FakeServer.Reply {
      if line == "version" { return .init("VERSION 1.6.18\r\n") }
      guard line.hasPrefix("get ") else { return .init("ERROR\r\n") }
      let keys = line.dropFirst(4).split(separator: " ")
      return .init(keys.map { "VALUE \($0) 0 5\r\nright\r\n" }.joined() + "END\r\n")
    }

    @Test func wrongReplyBecomesAnErrorLineAndTheLogShowsRequestAndReply() throws {
      let fake = try FakeServer { line in
        line == "version"
          ? .init("VERSION 1.6.18\r\n")
          : line.hasPrefix("get ") ? .init("VALUE other 0 5\r\nwrong\r\nEND\r\n") : .init("ERROR\r\n")
      }
      let proxy = try Proxy { port, _ in
        "listen: 127.0.0.1:\(port)\nservers: [\(fake.address)]\nreads_on_failure: error\nfailures: 10000\n"
      }
      let client = try proxy.client()
      #expect(try client.ask("get mine") == "SERVER_ERROR ringroad: \(fake.address) protocol error")
      #expect(try client.ask("get mine").hasPrefix("SERVER_ERROR ringroad: \(fake.address) "))
      #expect(try client.ask("mn") == "MN")
      #expect(eventually(within: .seconds(1)) { proxy.log.contains("asked=\"get, 10 bytes\" got=\"VALUE,") })
      // The log shows nothing that a client stored.
      #expect(!proxy.log.contains("mine") && !proxy.log.contains("wrong") && !proxy.log.contains("other 0"))
    }

    @Test func serverWithAWrongHandshakeReplyIsNotUsed() throws {
      let fake = try FakeServer { _ in .init("HTTP/1.1 400 Bad Request\r\n\r\n") }
      let memcached = try Memcached()
      let proxy = try Proxy { port, _ in
        "listen: 127.0.0.1:\(port)\nservers: [\(fake.address), \(memcached.address)]\n"
      }
      let client = try proxy.client()
      let isServed = eventually(within: .seconds(3)) {
        (0..<20).allSatisfy { (try? client.set("g:\($0)", "v")) == "STORED" }
      }
      #expect(isServed, "its keys move to the other")
      #expect(try proxy.standing(of: fake.address) == "ejected")
    }

    /// A reply after its deadline is discarded in its position; replies behind it on the connection arrive.
    @Test func lateReplyIsDiscardedAndLaterOnesArrive() throws {
      // The server is slow on all connections: another connection would not be faster.
      let busy = Mutex(())
      let fake = try FakeServer { line in
        busy.withLock { _ in
          // Requests are answered in order of arrival, on whichever connection they arrive.
          if line == "version" {
            usleep(30_000)
            return .init("VERSION 1.6.18\r\n")
          }
          guard line.hasPrefix("get ") else { return .init("ERROR\r\n") }
          let key = String(line.dropFirst(4))
          if key.hasPrefix("late") { usleep(560_000) }
          return .init("VALUE \(key) 0 \(key.count)\r\n\(key)\r\nEND\r\n")
        }
      }
      let proxy = try Proxy { port, _ in
        """
        listen: 127.0.0.1:\(port)
        threads: 1
        servers: [\(fake.address)]
        request_timeout: 400ms
        failures: 10000

        """
      }
      let first = try proxy.client()
      let second = try proxy.client()
      for round in 0..<5 {
        try first.send("get late\(round)\r\n")
        pause(.milliseconds(300))
        try second.send("get next\(round)\r\n")
        #expect(try first.values().isEmpty)
        #expect(try second.values().map(\.text) == ["next\(round)"])
        #expect(try first.get("own\(round)")?.text == "own\(round)")
      }
      #expect(try proxy.number("late_replies") == 5)
      #expect(try proxy.number("timeouts") == 5)
      #expect(try proxy.number("integrity_failures") == 0)
    }
  }

  /// Clients that misbehave.
  @Suite struct ClientTests {
    @Test(arguments: [4 << 10, 32 << 10, 1_000_000])
    func clientThatNeverReadsHoldsLittleMemoryAndDelaysNoOther(size: Int) throws {
      let cluster = try Cluster(servers: 2)
      let client = try cluster.client()
      for i in 0..<8 { #expect(try client.set("mb:\(i)", Stamp.value("mb:\(i)", 1, size: size)) == "STORED") }
      for i in 0..<8 { #expect(try client.get("mb:\(i)")?.bytes.count == size) }
      let base = cluster.proxy.child.residentKiB
      #expect(base > 1000)
      let load = try Load(cluster.proxy, clients: 2)
      let deaf = try (0..<10).map { _ in try cluster.client() }
      var most = 0
      for (i, one) in deaf.enumerated() {
        let request = Array(String(repeating: "get mb:\(i % 8)\r\n", count: 20_000).utf8)
        let deadline = Clock.now().advanced(by: .milliseconds(150))
        var sent = 0
        while sent < request.count, Clock.now() < deadline {
          sent += (try? one.offer(request, from: sent, until: deadline)) ?? 0
        }
        most = max(most, cluster.proxy.child.residentKiB)
      }
      pause(.milliseconds(500))
      most = max(most, cluster.proxy.child.residentKiB)
      let seen = try load.stop()
      let all = seen.all()
      #expect(most - base < 64 << 10, "grew from \(base) to \(most) KiB")
      #expect(seen.dropped == 0 && all.errors + all.misses + all.wrong + all.stale == 0, "\(seen.remarks)")
      #expect(all.slowest < .milliseconds(400))
      // If such a client begins to read after all, it gets complete replies.
      for _ in 0..<50 {
        let value = try #require(try deaf[0].values().first)
        try #require(value.key == "mb:0" && value.bytes.count == size)
      }
    }

    @Test func requestSentByteByByteIsServed() throws {
      let cluster = try Cluster(servers: 2)
      let load = try Load(cluster.proxy, clients: 2)
      let slow = try cluster.client()
      let session = "set slow 5 0 7\r\nva\r\nlue\r\nget slow nothing\r\ndelete slow\r\nget slow\r\nmn\r\n"
      for byte in session.utf8 {
        try slow.send([byte])
        pause(.milliseconds(2))
      }
      #expect(try slow.line() == "STORED")
      let values = try slow.values()
      #expect(values.map(\.text) == ["va\r\nlue"] && values.first?.flags == 5)
      #expect(try slow.line() == "DELETED")
      #expect(try slow.values().isEmpty)
      #expect(try slow.line() == "MN")
      let seen = try load.stop()
      let all = seen.all()
      #expect(seen.dropped == 0 && all.errors + all.misses + all.wrong + all.stale == 0, "\(seen.remarks)")
    }

    @Test func clientThatDisconnectsMidRequestLeavesNothingBehind() throws {
      let cluster = try Cluster(servers: 2)
      let client = try cluster.client()
      let value = Stamp.value("k", 1, size: 300_000)
      #expect(try client.set("k", value) == "STORED")
      let start = try descriptors(of: cluster.proxy.child.pid)
      for i in 0..<200 {
        let one = try cluster.client()
        switch i % 4 {
        case 0: try one.send("get k\r\nget k\r\nget k\r\n")
        case 1: try one.send("set half 0 0 1000\r\nonly this")
        case 2: try one.send("get k x y z\r\nget")
        default: try one.send("set gone:\(i) 0 0 1\r\nx\r\n")
        }
      }
      #expect(try client.get("k")?.bytes == value)
      #expect(try client.get("half") == nil)
      #expect(eventually(within: .seconds(3)) { (try? descriptors(of: cluster.proxy.child.pid)) == start })
      #expect(
        eventually(within: .seconds(2)) { (try? client.stats("ringroad")["client_connections"]) == "1" })
    }

    private func descriptors(of pid: pid_t) throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }
  }
}
