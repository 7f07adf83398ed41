import Foundation
import Glibc
import Net
import Testing

extension Integration {
  /// Servers that refuse the clean-up before their return.
  @Suite struct RefusalTests {
    private let options = "probe_interval: 200ms"

    private func isUp(_ cluster: Cluster, _ address: String, within limit: Duration = .seconds(5)) -> Bool {
      eventually(within: limit) { (try? cluster.proxy.standing(of: address)) == "up" }
    }

    /// Hangs a server until it is out, runs `body`, and lets the server continue.
    private func interrupt(_ cluster: Cluster, _ server: Memcached, _ body: (TextClient) throws -> Void)
      throws
    {
      let client = try cluster.client()
      let keys = try cluster.keys("i", count: 60)[server.address] ?? []
      server.stop()
      let isOut = eventually(within: .seconds(10)) {
        for key in keys.prefix(3) { _ = try? client.get(key) }
        return (try? cluster.proxy.standing(of: server.address)) == "ejected"
      }
      #expect(isOut)
      try body(client)
      server.resume()
    }

    @Test(arguments: ["invalidate", "flush", "as_is"])
    func serverThatRefusesFlushAllReturnsWithoutItsOldKeys(_ rejoin: String) throws {
      let cluster = try Cluster(servers: 3, options: options + "\nrejoin: \(rejoin)", memcached: ["-F"])
      let server = cluster.servers[0]
      let keys = try #require(try cluster.keys("k", count: 60)[server.address])
      let client = try cluster.client()
      for key in keys { #expect(try client.set(key, "old") == "STORED") }
      try interrupt(cluster, server) { client in
        _ = try client.ask("flush_all")
        for key in keys.prefix(5) { #expect(try client.set(key, "new") == "STORED") }
      }
      #expect(isUp(cluster, server.address))
      #expect(cluster.proxy.log.contains("server refuses flush_all"))
      #expect(try cluster.proxy.numbers()["server:main:\(server.address):note"] == "flush_all refused")
      if rejoin != "as_is" { for key in keys.prefix(5) { #expect(try client.get(key)?.text != "old") } }
      let lines = cluster.proxy.log.components(separatedBy: "server refuses flush_all").count - 1
      #expect((1...3).contains(lines), "once for each server that refuses: \(cluster.proxy.log)")
    }

    /// A restarted server is empty: there is nothing to flush.
    @Test func restartedServerIsNotFlushed() throws {
      let options = options + "\nrejoin: flush"
      let cluster = try Cluster(servers: 3, options: options, memcached: ["-F"])
      let server = cluster.servers[0]
      server.kill()
      let isOut = eventually(within: .seconds(10)) {
        for i in 0..<20 { _ = try? cluster.client().get("k\(i)") }
        return (try? cluster.proxy.standing(of: server.address)) == "ejected"
      }
      #expect(isOut)
      // memcached reports its age in whole seconds, and two more than its real age.
      pause(.milliseconds(4500))
      try server.restart()
      #expect(isUp(cluster, server.address))
      #expect(!cluster.proxy.log.contains("refuses flush_all"), "\(cluster.proxy.log)")
    }

    /// Which of its keys are old is unknown: the server would serve old values.
    @Test func unflushableServerWithUnlistedOldKeysStaysOutAndIsLogged() throws {
      let cluster = try Cluster(servers: 3, options: options + "\nrejoin: as_is", memcached: ["-F"])
      let server = cluster.servers[0]
      try interrupt(cluster, server) { _ in
        // The journal begins while the server is out: earlier changes are unknown.
        try cluster.proxy.edit(
          "listen: 127.0.0.1:\(cluster.proxy.port)\nthreads: 2\n\(options)\n"
            + "servers: [\(cluster.servers.map(\.address).joined(separator: ", "))]\n")
        #expect(eventually(within: .seconds(3)) { cluster.proxy.log.contains("rejoin changed") })
      }
      let isSaid = eventually(within: .seconds(5)) { cluster.proxy.log.contains("server stays out") }
      #expect(isSaid, "\(cluster.proxy.log)")
      pause(.milliseconds(1500))
      #expect(try cluster.proxy.standing(of: server.address) == "ejected")
      let note = try cluster.proxy.numbers()["server:main:\(server.address):note"]
      #expect(note == "stays out: flush_all refused")
      #expect(cluster.proxy.log.components(separatedBy: "server stays out").count == 2, "said once")
      // The remedy in the log line works.
      try server.restart()
      #expect(isUp(cluster, server.address, within: .seconds(15)), "\(cluster.proxy.log)")
      #expect(try cluster.proxy.numbers()["server:main:\(server.address):note"] == nil)
    }

    /// Like twemproxy, which closes the connection on unknown commands.
    @Test func serverThatDisconnectsOnUnknownCommandsReturns() throws {
      let other = try Memcached()
      let script: FakeServer.Script = { line in
        switch line.split(whereSeparator: \.isWhitespace).first {
        case "version": FakeServer.Reply("VERSION 1.5.0\r\n")
        case "get": FakeServer.Reply("END\r\n")
        case "delete": FakeServer.Reply("NOT_FOUND\r\n")
        default: FakeServer.Reply("", closes: true)
        }
      }
      let fake = try FakeServer(script)
      let proxy = try Proxy { port, _ in
        "listen: 127.0.0.1:\(port)\nservers: [\(fake.address), \(other.address)]\n\(options)\n"
      }
      let client = try proxy.client()
      fake.behave { _ in FakeServer.Reply("") }
      let isOut = eventually(within: .seconds(10)) {
        for i in 0..<10 { _ = try? client.get("k\(i)") }
        return (try? proxy.standing(of: fake.address)) == "ejected"
      }
      #expect(isOut)
      // A plain key, a key that only md can name, and a flush.
      for i in 0..<20 { _ = try client.set("k\(i)", "v") }
      for i in 0..<20 { _ = try client.ask("ms \(Data("a \(i)".utf8).base64EncodedString()) 1 b\r\nv") }
      _ = try client.ask("flush_all")
      fake.behave(script)
      let isUp = eventually(within: .seconds(10)) { (try? proxy.standing(of: fake.address)) == "up" }
      #expect(isUp, "\(proxy.log)")
      #expect(proxy.log.contains("server refuses flush_all"), "\(proxy.log)")
    }

    // MARK: - How soon a server returns

    @Test func serverDownForLongIsUsedAtOnceWhenItAcceptsAgain() throws {
      let cluster = try Cluster(servers: 2, options: "probe_interval: 1s")
      let server = cluster.servers[0]
      server.kill()
      for i in 0..<20 { _ = try cluster.client().get("k\(i)") }
      pause(.seconds(6))
      #expect(try cluster.proxy.standing(of: server.address) == "ejected")
      try server.restart()
      let back = Clock.now()
      #expect(isUp(cluster, server.address, within: .seconds(8)))
      #expect(Clock.now().since(back) < .milliseconds(1500))
    }

    // MARK: - Servers that cannot be used as configured

    @Test(arguments: [
      ("-Y", "server wants authentication"), ("-B", "server speaks only the binary protocol"),
    ])
    func serverWithAnotherProtocolIsNamedInTheLog(_ flag: String, _ words: String) throws {
      let files = try Directory()
      try Proxy.write("user:password\n", to: files.file("users"))
      let port = try Ports.free()
      let options = flag == "-Y" ? ["-Y", files.file("users")] : ["-B", "binary"]
      let user = getuid() == 0 ? ["-u", "root"] : []
      let odd = try Child(["memcached", "-l", "127.0.0.1", "-p", "\(port)", "-U", "0"] + user + options)
      let other = try Memcached()
      let proxy = try Proxy { listen, _ in
        "listen: 127.0.0.1:\(listen)\nservers: [127.0.0.1:\(port), \(other.address)]\n\(self.options)\n"
      }
      let client = try proxy.client()
      let isSaid = eventually(within: .seconds(15)) {
        for i in 0..<10 { _ = try? client.get("k\(i)") }
        return proxy.log.contains(words)
      }
      #expect(isSaid, "\(proxy.log)")
      let note = try proxy.numbers()["server:main:127.0.0.1:\(port):note"]
      #expect(note == "stays out: \(words)")
      pause(.seconds(1))
      #expect(proxy.log.components(separatedBy: words).count == 2, "said once: \(proxy.log)")
      withExtendedLifetime(odd) {}
    }

    /// A full server is not down: its existing connections keep working.
    @Test func serverAtItsConnectionLimitIsFullNotDown() throws {
      let cluster = try Cluster(
        servers: 2, options: "probe_interval: 200ms\nthreads: 4", memcached: ["-c", "40"])
      let server = cluster.servers[0]
      let keys = try #require(try cluster.keys("k", count: 60)[server.address])
      var held: [TextClient] = []
      defer { withExtendedLifetime(held) {} }
      while held.count < 60, let client = try? server.client(),
        (try? client.ask("version"))?.hasPrefix("VERSION") == true
      {
        held.append(client)
      }
      // The proxy's existing connections stay; a reload that adds connections reaches the limit.
      try cluster.proxy.edit(
        cluster.config(cluster.servers.map(\.address)) + "connections: 4\n")
      let isSaid = eventually(within: .seconds(5)) {
        _ = try? cluster.client().get(keys[0])
        return cluster.proxy.log.contains("server full")
      }
      #expect(isSaid, "\(cluster.proxy.log)")
      pause(.seconds(1))
      #expect(!cluster.proxy.log.contains("server down server=\(server.address)"), "\(cluster.proxy.log)")
      let lines = cluster.proxy.log.split(separator: "\n").filter { $0.contains("server full") }
      #expect(lines.filter { $0.contains(server.address) }.count == 1, "said once: \(lines)")
    }

    // MARK: - Without client requests

    /// An idle proxy detects within half a minute that servers are down.
    @Test func idleProxyDetectsDeadServers() throws {
      let cluster = try Cluster(servers: 5)
      #expect(try cluster.client().set("k", "v") == "STORED")
      for server in cluster.servers.prefix(2) { server.kill() }
      let areSeen = eventually(within: .seconds(30)) {
        cluster.servers.prefix(2).allSatisfy { server in
          cluster.proxy.log.contains("server down server=\(server.address)")
            && (try? cluster.proxy.standing(of: server.address)) == "ejected"
        }
      }
      #expect(areSeen, "\(cluster.proxy.log)")
    }

    /// Reads that a server did not answer are counted under its name.
    @Test func missesOfUnansweredReadsAreCountedPerServer() throws {
      let cluster = try Cluster(servers: 2, options: "on_failure: fail_fast")
      let server = cluster.servers[0]
      let keys = try #require(try cluster.keys("k", count: 60)[server.address])
      server.kill()
      let client = try cluster.client()
      for key in keys { #expect(try client.get(key) == nil) }
      func count(_ address: String) -> Int {
        Int((try? cluster.proxy.numbers()["server:main:\(address):reads_as_misses"]) ?? "") ?? -1
      }
      #expect(count(cluster.servers[1].address) == 0)
      #expect(eventually(within: .seconds(2)) { count(server.address) == keys.count })
    }
  }
}
