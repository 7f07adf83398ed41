import Bytes
import Glibc
import Net
import Testing

extension Integration {
  @Suite struct FailureTests {
    @Test func killedServerCostsOnlyItsKeysAndReturns() throws {
      let cluster = try Cluster(servers: 3, options: "probe_interval: 500ms\nprobe_max: 1s")
      let client = try cluster.client()
      let victim = cluster.servers[1]
      let own = try #require(try cluster.keys("own:")[victim.address])
      let load = try Load(cluster.proxy)
      pause(.milliseconds(1000))

      victim.kill()
      let killed = Clock.now()
      let isServed = eventually(within: .seconds(3)) {
        own.prefix(5).allSatisfy { key in (try? client.set(key, Stamp.value(key, 1))) == "STORED" }
      }
      let detection = Clock.now().since(killed)
      #expect(isServed && detection < .milliseconds(500), "its keys were served elsewhere after \(detection)")
      #expect(try cluster.proxy.standing(of: victim.address) == "ejected")
      for key in own.prefix(5) {
        let value = try #require(try client.get(key))
        #expect(Stamp.version(of: value.bytes, key: key) == 1)
      }
      pause(.milliseconds(1500))

      try victim.restart()
      let restarted = Clock.now()
      let isBack = eventually(within: .seconds(4)) {
        (try? cluster.proxy.standing(of: victim.address)) == "up"
      }
      let recovery = Clock.now().since(restarted)
      // The longest wait between two probes is 1 s, and up to half as long again.
      #expect(isBack && recovery < .milliseconds(1900), "used again after \(recovery)")
      #expect(try client.set(own[0], "back") == "STORED")
      #expect(try victim.client().get(own[0])?.text == "back")
      pause(.milliseconds(500))

      let seen = try load.stop()
      let all = seen.all()
      let others = seen.all(but: victim.address)
      #expect(seen.dropped == 0 && all.wrong == 0 && all.stale == 0, "\(seen.remarks)")
      #expect(others.asked > 3000)
      #expect(
        others.misses + others.errors <= others.asked / 10_000,
        "of \(others.asked) requests for healthy servers: \(others.misses) misses, \(others.errors) errors")
      #expect(others.slowest < .milliseconds(400), "a healthy server's key took \(others.slowest)")
      let its = try #require(seen.servers[victim.address])
      #expect(its.errors < 50, "\(its.errors) errors for the keys of the killed server: \(seen.remarks)")
    }

    @Test func hungServerDelaysRequestsByOneDeadlineOnly() throws {
      let cluster = try Cluster(
        servers: 3,
        options: "writes_on_failure: error\nrequest_timeout: 300ms\nfailures: 1\nprobe_interval: 300ms")
      let victim = cluster.servers[0]
      let keys = try cluster.keys("hung:")
      let own = try #require(keys[victim.address])
      let other = try #require(keys[cluster.servers[1].address])
      let client = try cluster.client()
      let writer = try cluster.client()
      for key in own + other { #expect(try client.set(key, key) == "STORED") }

      victim.stop()
      defer { victim.resume() }
      var begin = Clock.now()
      try writer.send("set \(own[1]) 0 0 1\r\nx\r\n")
      #expect(try client.get(own[0]) == nil)
      var took = Clock.now().since(begin)
      #expect((.milliseconds(280)...(.milliseconds(600))).contains(took), "the first took \(took)")
      // The write's own deadline, or the ejection that the read's timeout caused.
      let causes = ["timed out", "connection lost"].map { "SERVER_ERROR ringroad: \(victim.address) \($0)" }
      #expect(causes.contains(try writer.line()))
      #expect(
        eventually(within: .seconds(1)) { (try? cluster.proxy.standing(of: victim.address)) == "ejected" })

      begin = Clock.now()
      for key in own.dropFirst(2) { _ = try client.get(key) }
      for key in other { #expect(try client.get(key)?.text == key) }
      took = Clock.now().since(begin)
      #expect(took < .milliseconds(300), "\(keys.count) later ones took \(took)")
      #expect(try client.set(own[2], "elsewhere") == "STORED")
      #expect(try client.get(own[2])?.text == "elsewhere")

      victim.resume()
      #expect(eventually(within: .seconds(3)) { (try? cluster.proxy.standing(of: victim.address)) == "up" })
      #expect(try client.set(own[3], "again") == "STORED")
      #expect(try victim.client().get(own[3])?.text == "again")
    }

    /// Values that changed while a server hung must not be served after its return, except with `as_is`.
    @Test(arguments: ["invalidate", "flush", "as_is"])
    func hungServerServesOldValuesAfterItsReturnOnlyWithAsIs(rejoin: String) throws {
      let cluster = try Cluster(
        servers: 3, options: "request_timeout: 200ms\nfailures: 1\nprobe_interval: 200ms\nrejoin: \(rejoin)")
      let victim = cluster.servers[2]
      let own = try #require(try cluster.keys("old:")[victim.address])
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, "old") == "STORED") }
      victim.stop()
      defer { victim.resume() }
      #expect(try client.get(own[0]) == nil)
      #expect(
        eventually(within: .seconds(1)) { (try? cluster.proxy.standing(of: victim.address)) == "ejected" })
      for key in own[1..<6] { #expect(try client.set(key, "new") == "STORED") }
      for key in own[6..<11] { _ = try client.ask("delete \(key)") }
      victim.resume()
      #expect(eventually(within: .seconds(3)) { (try? cluster.proxy.standing(of: victim.address)) == "up" })
      let stale = try client.get(Array(own[1..<11])).filter { $0.text == "old" }
      if rejoin == "as_is" {
        #expect(stale.count == 10)
      } else {
        #expect(stale.isEmpty, "old values after the return: \(stale.map(\.key))")
      }
    }

    /// A server that is out executes the flush before it returns.
    @Test func flushAllReachesAServerThatWasOut() throws {
      let cluster = try Cluster(
        servers: 3, options: "request_timeout: 200ms\nfailures: 1\nprobe_interval: 200ms")
      let victim = cluster.servers[0]
      let own = try #require(try cluster.keys("flushed:")[victim.address])
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, "old") == "STORED") }
      victim.stop()
      defer { victim.resume() }
      #expect(try client.get(own[0]) == nil)
      #expect(
        eventually(within: .seconds(1)) { (try? cluster.proxy.standing(of: victim.address)) == "ejected" })
      #expect(try client.ask("flush_all") == "OK")
      victim.resume()
      #expect(eventually(within: .seconds(3)) { (try? cluster.proxy.standing(of: victim.address)) == "up" })
      #expect(try client.get(own).isEmpty)
      #expect(try victim.client().get(own).isEmpty)
    }

    @Test func failedReadIsAnErrorIfConfigured() throws {
      let cluster = try Cluster(
        servers: 2, options: "reads_on_failure: error\non_failure: fail_fast\nprobe_interval: 10s")
      let keys = try cluster.keys("e:")
      let own = try #require(keys[cluster.servers[0].address])
      let other = try #require(keys[cluster.servers[1].address])
      let client = try cluster.client()
      for key in own + other { #expect(try client.set(key, key) == "STORED") }
      cluster.servers[0].kill()
      let first = try client.ask("get \(own[0])")
      #expect(first.hasPrefix("SERVER_ERROR ringroad: \(cluster.servers[0].address) "))
      // The values of the healthy servers, and the error line instead of END.
      try client.send("get \(own[0]) \(other[0]) \(own[1]) \(other[1])\r\n")
      for key in other[..<2] {
        #expect(try client.line() == "VALUE \(key) 0 \(key.count)")
        #expect(try client.line() == key)
      }
      #expect(try client.line().hasPrefix("SERVER_ERROR ringroad: \(cluster.servers[0].address) "))
      #expect(try client.get(other).map(\.text) == other)
    }

    @Test func failFastKeepsTheRingAndAnswersAtOnce() throws {
      let cluster = try Cluster(
        servers: 3,
        options: "on_failure: fail_fast\nwrites_on_failure: error\nprobe_interval: 300ms\nprobe_max: 500ms")
      let victim = cluster.servers[1]
      let keys = try cluster.keys("ff:")
      let own = try #require(keys[victim.address])
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, key) == "STORED") }
      victim.kill()
      #expect(whoAsks(client, own[0], sees: victim, "down", cluster))
      let begin = Clock.now()
      for key in own {
        #expect(try client.get(key) == nil)
        #expect(try client.set(key, "x") == "SERVER_ERROR ringroad: \(victim.address) down")
      }
      let took = Clock.now().since(begin)
      #expect(took < .milliseconds(500), "\(own.count * 2) requests took \(took)")
      for server in [cluster.servers[0], cluster.servers[2]] {
        #expect(try server.client().get(Array(own.prefix(50))).isEmpty)
      }
      try victim.restart()
      #expect(eventually(within: .seconds(3)) { (try? cluster.proxy.standing(of: victim.address)) == "up" })
      #expect(try client.set(own[0], "back") == "STORED")
    }

    @Test func noServerIsEjectedBelowTheFloor() throws {
      let cluster = try Cluster(
        servers: 3, options: "writes_on_failure: error\nfloor: 50%\nprobe_interval: 10s")
      let keys = try cluster.keys("fl:")
      let client = try cluster.client()
      for (_, own) in keys { for key in own { #expect(try client.set(key, key) == "STORED") } }
      let (first, second, last) = (cluster.servers[0], cluster.servers[1], cluster.servers[2])
      let lasting = try #require(keys[last.address])
      first.kill()
      #expect(whoAsks(client, try #require(keys[first.address]?.first), sees: first, "ejected", cluster))
      second.kill()
      let secondOwn = try #require(keys[second.address])
      #expect(whoAsks(client, secondOwn[0], sees: second, "down", cluster))
      // Two of three servers are out, but the last one does not get all keys.
      #expect(try client.set(secondOwn[0], "x") == "SERVER_ERROR ringroad: \(second.address) down")
      #expect(try client.get(lasting).map(\.text) == lasting)
      #expect(try cluster.proxy.standing(of: last.address) == "up")
    }

    /// Whether the proxy detects a killed server while a client keeps reading one of its keys.
    private func whoAsks(
      _ client: TextClient, _ key: String, sees server: Memcached, _ standing: String, _ cluster: Cluster
    ) -> Bool {
      eventually(within: .seconds(1)) {
        _ = try? client.get(key)
        return (try? cluster.proxy.standing(of: server.address)) == standing
      }
    }

    /// Only probes connect to a server that is out, and when all servers return, connects stay few.
    @Test(arguments: ["eject", "fail_fast"])
    func onlyProbesConnectToAServerThatIsOut(onFailure: String) throws {
      let cluster = try Cluster(
        servers: 4, options: "on_failure: \(onFailure)\nprobe_max: 1s\nconnections: 2")
      let load = try Load(cluster.proxy)
      pause(.milliseconds(500))
      func attempts() throws -> Int {
        try cluster.proxy.number("server_connects") + cluster.proxy.number("server_connect_failures")
      }
      let before = try attempts()
      #expect(before == 16, "two workers, four servers, two connections")
      for server in cluster.servers { server.kill() }
      pause(.milliseconds(3000))
      let meanwhile = try attempts() - before
      for server in cluster.servers { try server.restart() }
      #expect(
        eventually(within: .seconds(4)) {
          cluster.servers.allSatisfy { (try? cluster.proxy.standing(of: $0.address)) == "up" }
        })
      pause(.milliseconds(500))
      let all = try attempts() - before
      _ = try load.stop()
      #expect(meanwhile <= 48, "\(meanwhile) attempts while all were out")
      #expect(all <= 100, "\(all) attempts in all")
    }

    @Test func requestsAreAnsweredWhileAllServersAreDownAndAfterTheirReturn() throws {
      for isMiss in [true, false] {
        let cluster = try Cluster(
          servers: 2, options: "writes_on_failure: \(isMiss ? "miss" : "error")\nprobe_interval: 300ms")
        try answersAndReturns(cluster, isMiss ? "NOT_STORED" : "SERVER_ERROR ringroad: ")
      }
    }

    private func answersAndReturns(_ cluster: Cluster, _ answer: String) throws {
      let client = try cluster.client()
      for server in cluster.servers { server.kill() }
      for i in 0..<200 {
        #expect(try client.get("all:\(i)") == nil)
        #expect(try client.set("all:\(i)", "v").hasPrefix(answer))
      }
      #expect(try client.get((0..<50).map { "all:\($0)" }).isEmpty)
      for server in cluster.servers { try server.restart() }
      let isBack = eventually(within: .seconds(3)) {
        (0..<20).allSatisfy { (try? client.set("all:\($0)", "v")) == "STORED" }
      }
      #expect(isBack)
    }
  }
}
