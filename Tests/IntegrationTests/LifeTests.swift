import Foundation
import Glibc
import Net
import Testing

extension Integration {
  @Suite struct LifeTests {
    @Test func shutdownAnswersEveryReceivedRequest() throws {
      let cluster = try Cluster(servers: 2, options: "request_timeout: 5s\ndrain_timeout: 5s")
      let clients = try (0..<4).map { _ in try cluster.client() }
      let keys = (0..<100).map { "drain:\($0)" }
      for key in keys { #expect(try clients[0].set(key, Stamp.value(key, 1)) == "STORED") }
      for client in clients { #expect(try client.get(keys).count == keys.count) }
      // While the servers are stopped, requests are received and wait.
      for server in cluster.servers { server.stop() }
      for client in clients { try client.send(keys.map { "get \($0)\r\n" }.joined()) }
      pause(.milliseconds(200))
      cluster.proxy.child.signal(SIGTERM)
      pause(.milliseconds(200))
      #expect(cluster.proxy.child.ended() == nil)
      #expect(throws: ClientFailure.cannotConnect(ECONNREFUSED)) { try cluster.proxy.client() }
      for server in cluster.servers { server.resume() }
      for client in clients {
        for key in keys {
          let value = try #require(try client.values().first)
          try #require(value.key == key && Stamp.version(of: value.bytes, key: key) == 1)
        }
        #expect(client.isClosed(within: .seconds(2)))
        #expect(client.leftover == 0)
      }
      #expect(cluster.proxy.child.end(within: .seconds(5)) == .exited(0))
    }

    @Test func shutdownUnderLoadIsQuickAndTruncatesNoReply() throws {
      let cluster = try Cluster(servers: 3)
      let load = try Load(cluster.proxy)
      pause(.milliseconds(500))
      let begin = Clock.now()
      cluster.proxy.child.signal(SIGTERM)
      #expect(cluster.proxy.child.end(within: .seconds(6)) == .exited(0))
      #expect(Clock.now().since(begin) < .seconds(5))
      let seen = try load.stop()
      let all = seen.all()
      #expect(all.wrong == 0 && all.stale == 0 && all.errors == 0 && all.misses == 0, "\(seen.remarks)")
      #expect(!seen.remarks.contains { $0.contains("timedOut") }, "\(seen.remarks)")
      #expect(cluster.proxy.log.contains("draining") && cluster.proxy.log.contains("ended"))
    }

    @Test func shutdownDoesNotWaitForAClientThatNeverReads() throws {
      let cluster = try Cluster(servers: 1, options: "drain_timeout: 500ms")
      let client = try cluster.client()
      #expect(try client.set("big", [UInt8](repeating: 7, count: 1_000_000)) == "STORED")
      try client.send(String(repeating: "get big\r\n", count: 20))
      pause(.milliseconds(200))
      let begin = Clock.now()
      cluster.proxy.child.signal(SIGTERM)
      #expect(cluster.proxy.child.end(within: .seconds(3)) == .exited(0))
      let took = Clock.now().since(begin)
      #expect(took > .milliseconds(400) && took < .milliseconds(1500), "\(took)")
    }

    /// The drain timeout is shorter than the request timeout: every client still gets a reply.
    @Test func requestsUnansweredAtShutdownGetAnErrorLine() throws {
      let cluster = try Cluster(servers: 2, options: "request_timeout: 20s\ndrain_timeout: 500ms")
      let keys = try cluster.keys("last:")
      let (own, other) = (
        try #require(keys[cluster.servers[0].address]), try #require(keys[cluster.servers[1].address])
      )
      let clients = try (0..<4).map { _ in try cluster.client() }
      for client in clients { #expect(try client.set(other[0], "v") == "STORED") }
      for client in clients { #expect(try client.get(own[0]) == nil) }
      cluster.servers[0].stop()
      defer { cluster.servers[0].resume() }
      for client in clients {
        try client.send("get \(own[0])\r\nset \(own[0]) 0 0 1\r\nx\r\nget \(own[0]) \(other[0])\r\n")
      }
      pause(.milliseconds(100))
      let begin = Clock.now()
      cluster.proxy.child.signal(SIGTERM)
      for client in clients {
        #expect(try client.values().isEmpty)
        #expect(try client.line() == "SERVER_ERROR ringroad: \(cluster.servers[0].address) shutting down")
        #expect(try client.values().map(\.key) == [other[0]])
        #expect(client.isClosed(within: .seconds(2)))
      }
      #expect(cluster.proxy.child.end(within: .seconds(3)) == .exited(0))
      #expect(Clock.now().since(begin) < .milliseconds(1900))
      #expect(cluster.proxy.log.contains("drain deadline passed"))
    }

    /// As with an operator's `LimitNOFILE` that is too low.
    @Test func clientsLeaveDescriptorsForServerConnections() throws {
      let servers = try (0..<4).map { _ in try Memcached() }
      let (port, directory) = (try Ports.free(), try Directory())
      try Proxy.write(
        "listen: 127.0.0.1:\(port)\nthreads: 2\nservers: [\(servers.map(\.address).joined(separator: ", "))]\n",
        to: directory.file("c.yml"))
      let child = try Child(
        Self.limited(to: 120, [Programs.ringroad(), "--config", directory.file("c.yml")]),
        output: directory.file("log"))
      #expect(eventually(within: .seconds(3)) { (try? TextClient(port: port).ask("mn")) == "MN" })
      let isSaid = eventually(within: .seconds(2)) {
        directory.read("log").contains("descriptors for fewer clients than configured")
      }
      #expect(isSaid)
      let crowd = (0..<150).compactMap { _ in try? TextClient(port: port) }
      #expect(eventually(within: .seconds(3)) { directory.read("log").contains("too many clients") })
      // All server connections are lost, and a descriptor is left for each new one.
      for server in servers { try server.restart() }
      let client = try #require(crowd.first)
      let isServed = eventually(within: .seconds(5)) {
        (0..<40).allSatisfy { (try? client.set("k:\($0)", "v")) == "STORED" }
      }
      #expect(isServed, "\(directory.read("log"))")
      #expect(!directory.read("log").contains("out of descriptors"))
      #expect(child.ended() == nil)
    }

    @Test func secondStopSignalEndsTheProxyAtOnce() throws {
      let cluster = try Cluster(servers: 1, options: "request_timeout: 20s\ndrain_timeout: 20s")
      let client = try cluster.client()
      // The client's worker connects to the server before it hangs.
      #expect(try client.get("k") == nil)
      cluster.servers[0].stop()
      try client.send("get k\r\n")
      pause(.milliseconds(100))
      cluster.proxy.child.signal(SIGTERM)
      pause(.milliseconds(200))
      #expect(cluster.proxy.child.ended() == nil)
      let begin = Clock.now()
      cluster.proxy.child.signal(SIGINT)
      #expect(cluster.proxy.child.end(within: .seconds(3)) != nil)
      #expect(Clock.now().since(begin) < .milliseconds(1500))
      cluster.servers[0].resume()
    }

    // MARK: - Starting

    /// Starts that must fail; the one line printed must say why.
    enum BadStart: CaseIterable {
      case portInUse, badFile, missingFile, unknownUser, badPIDFile, badLog, fewDescriptors
    }

    @Test(arguments: BadStart.allCases)
    func failedStartPrintsOneLineAndExits1(_ start: BadStart) throws {
      let directory = try Directory()
      let server = try Memcached()
      let port = try Ports.free()
      let file = directory.file("c.yml")
      try Proxy.write("listen: 127.0.0.1:\(port)\nservers: [\(server.address)]\n", to: file)
      var words = [try Programs.ringroad(), "--config", file]
      let expected: String
      switch start {
      case .portInUse:
        try Proxy.write("listen: \(server.address)\nservers: [127.0.0.1:1]\n", to: file)
        expected = server.address
      case .badFile:
        try Proxy.write("listen: 127.0.0.1:\(port)\nservers: [\(server.address)]\nthread: 2\n", to: file)
        expected = "\(file):3:1: "
      case .missingFile:
        words[2] = directory.file("none.yml")
        expected = words[2]
      case .unknownUser:
        words += ["-u", "no-such-user", "-P", directory.file("pid")]
        expected = "no-such-user"
      case .badLog:
        try Proxy.write(
          "listen: 127.0.0.1:\(port)\nservers: [\(server.address)]\nlog: {to: /no/such/log}\n", to: file)
        expected = "/no/such/log"
      case .fewDescriptors:
        words = Self.limited(to: 32, words)
        expected = "too few descriptors: 32"
      case .badPIDFile:
        words += ["-P", directory.file("no/such/pid")]
        expected = directory.file("no/such/pid")
      }
      let child = try Child(words, output: directory.file("out"))
      #expect(child.end(within: .seconds(5)) == .exited(1))
      let lines = directory.read("out").split(separator: "\n")
      #expect(lines.count == 1, "\(lines)")
      #expect(lines.first?.contains(expected) == true, "\(lines)")
      #expect(!FileManager.default.fileExists(atPath: directory.file("pid")))
    }

    @Test func daemonWritesItsPidFileAndRemovesItAtTheEnd() throws {
      let directory = try Directory()
      let server = try Memcached()
      let port = try Ports.free()
      try Proxy.write(
        "listen: 127.0.0.1:\(port)\nservers: [\(server.address)]\nlog: {to: \(directory.file("log"))}\n",
        to: directory.file("c.yml"))
      let starter = try Child(
        [Programs.ringroad(), "-d", "-P", directory.file("pid"), "--config", directory.file("c.yml")],
        output: directory.file("out"))
      #expect(starter.end(within: .seconds(5)) == .exited(0))
      #expect(eventually(within: .seconds(3)) { directory.read("pid").hasSuffix("\n") })
      let pid = try #require(pid_t(directory.read("pid").trimmingCharacters(in: .whitespacesAndNewlines)))
      defer { if Self.isAlive(pid) { Spawn.terminate(pid, signal: SIGKILL) } }
      #expect(pid != starter.pid && Self.isAlive(pid))
      #expect(eventually(within: .seconds(3)) { (try? TextClient(port: port).set("k", "v")) == "STORED" })
      Spawn.terminate(pid, signal: SIGTERM)
      #expect(eventually(within: .seconds(5)) { !Self.isAlive(pid) })
      #expect(!FileManager.default.fileExists(atPath: directory.file("pid")))
      #expect(directory.read("log").contains("serving"))
      #expect(directory.read("out") == "")
    }

    /// The parent of a background start learns that it failed.
    @Test(arguments: [["-u", "no-such-user"], ["-P", "/no/such/pid"]])
    func daemonThatCannotStartReportsToItsParent(_ flags: [String]) throws {
      let directory = try Directory()
      let port = try Ports.free()
      try Proxy.write("listen: 127.0.0.1:\(port)\nservers: [127.0.0.1:1]\n", to: directory.file("c.yml"))
      let starter = try Child(
        [Programs.ringroad(), "-d", "--config", directory.file("c.yml")] + flags,
        output: directory.file("out"))
      #expect(starter.end(within: .seconds(5)) == .exited(1))
      #expect(directory.read("out").contains(flags[1]), "\(directory.read("out"))")
    }

    /// A stop signal at any moment of the start leaves no file behind.
    @Test func stopSignalDuringStartLeavesNothingBehind() throws {
      let directory = try Directory()
      let left = ["pid", "socket"].map(directory.file)
      try Proxy.write("listen: unix:\(left[1])\nservers: [127.0.0.1:1]\n", to: directory.file("c.yml"))
      for _ in 0..<20 {
        let child = try Child(
          [Programs.ringroad(), "-P", left[0], "--config", directory.file("c.yml")],
          output: directory.file("log"))
        _ = eventually(within: .seconds(5)) { FileManager.default.fileExists(atPath: left[1]) }
        child.signal(SIGTERM)
        #expect(child.end(within: .seconds(5)) == .exited(0))
        for path in left { #expect(!FileManager.default.fileExists(atPath: path)) }
      }
    }

    /// A socket with the descriptor number of standard error would receive the log.
    @Test func proxyWithoutStandardStreamsLogsToNoSocket() throws {
      let directory = try Directory()
      let port = try Ports.free()
      try Proxy.write("listen: 127.0.0.1:\(port)\nservers: [127.0.0.1:1]\n", to: directory.file("c.yml"))
      let child = try Child([
        "sh", "-c", "exec \(try Programs.ringroad()) --config \(directory.file("c.yml")) <&- >&- 2>&-",
      ])
      #expect(eventually(within: .seconds(3)) { (try? TextClient(port: port).ask("mn")) == "MN" })
      for stream in 0...2 {
        let path = "/proc/\(child.pid)/fd/\(stream)"
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "/dev/null")
      }
    }

    @Test func pidFileOfAnotherProcessIsNotRemoved() throws {
      let directory = try Directory()
      let file = directory.file("pid")
      let cluster = try Cluster(servers: 1, flags: ["-P", file])
      #expect(directory.read("pid") == "\(cluster.proxy.child.pid)\n")
      try Proxy.write("1\n", to: file)
      cluster.proxy.child.signal(SIGTERM)
      #expect(cluster.proxy.child.end(within: .seconds(5)) == .exited(0))
      #expect(directory.read("pid") == "1\n")
    }

    /// A command line limited to `count` descriptors, also if root starts it.
    private static func limited(to count: Int, _ words: [String]) -> [String] {
      let drop = getuid() == 0 ? ["setpriv", "--bounding-set", "-sys_resource"] : []
      return ["sh", "-c", "ulimit -n \(count) && exec \((drop + words).joined(separator: " "))"]
    }

    /// Whether a process that is not our child runs; a zombie does not.
    private static func isAlive(_ pid: pid_t) -> Bool {
      let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") ?? Data()
      let words = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
      return words?.first.map { $0 != "Z" && $0 != "X" } ?? false
    }

    // MARK: - Flags

    @Test func clientOverTheLimitIsRefusedAndTheOthersStayConnected() throws {
      let cluster = try Cluster(servers: 1, flags: ["-c", "3"])
      var clients: [TextClient] = []
      _ = eventually(within: .seconds(2)) {
        clients = []
        clients = (0..<3).compactMap { _ in try? cluster.client() }
        return clients.allSatisfy { (try? $0.ask("mn")) == "MN" }
      }
      let surplus = try cluster.client()
      #expect(try surplus.line() == "ERROR Too many open connections")
      #expect(surplus.isClosed(within: .seconds(1)))
      for client in clients { #expect(try client.set("k", "v") == "STORED") }
      #expect(try clients[0].stats("ringroad")["rejected_clients"].map { Int($0) ?? 0 } ?? 0 >= 1)
      // After one client has left, another is accepted.
      clients.removeLast()
      #expect(eventually(within: .seconds(2)) { (try? cluster.client().ask("mn")) == "MN" })
    }

    @Test func higherVerbosityLogsMore() throws {
      let cluster = try Cluster(
        servers: 2, options: "log: {level: error}\nprobe_interval: 100ms", flags: ["-vv"])
      #expect(eventually(within: .seconds(2)) { cluster.proxy.log.contains(" info serving") })
      cluster.servers[0].kill()
      let client = try cluster.client()
      let isProbed = eventually(within: .seconds(2)) {
        for i in 0..<20 { _ = try? client.get("v:\(i)") }
        return cluster.proxy.log.contains(" debug probe")
      }
      #expect(isProbed, "\(cluster.proxy.log)")
      let quiet = try Cluster(servers: 1, options: "log: {level: error}")
      #expect(try quiet.client().ask("mn") == "MN")
      #expect(quiet.proxy.log == "")
      let one = try Cluster(servers: 1, options: "log: {level: error}", flags: ["-v"])
      #expect(eventually(within: .seconds(2)) { one.proxy.log.contains(" info serving") })
    }

    @Test func serversOnTheCommandLineNeedNoFile() throws {
      let servers = try [Memcached(), Memcached()]
      let port = try Ports.free()
      let directory = try Directory()
      let child = try Child(
        [Programs.ringroad(), "-l", "127.0.0.1:\(port)", "-t", "1"] + servers.map(\.address),
        output: directory.file("log"))
      #expect(eventually(within: .seconds(3)) { (try? TextClient(port: port).set("k", "v")) == "STORED" })
      #expect(try servers.compactMap { try $0.client().get("k") }.count == 1)
      #expect(child.ended() == nil)
    }
  }
}
