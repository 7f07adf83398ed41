import Bytes
import Net
import Testing

extension Integration {
  /// Servers that hang and continue with their old values, and the other ways to return.
  @Suite struct RejoinTests {
    private func isOut(_ cluster: Cluster, _ server: Memcached) -> Bool {
      eventually(within: .seconds(6)) { (try? cluster.proxy.standing(of: server.address)) == "ejected" }
    }

    private func isUp(_ cluster: Cluster, _ server: Memcached) -> Bool {
      eventually(within: .seconds(6)) { (try? cluster.proxy.standing(of: server.address)) == "up" }
    }

    /// Stops a server, and reads its key until the server is out of the ring.
    private func stop(_ server: Memcached, _ key: String, _ cluster: Cluster) throws {
      server.stop()
      let client = try cluster.client()
      let isEjected = eventually(within: .seconds(8)) {
        _ = try? client.get(key)
        return (try? cluster.proxy.standing(of: server.address)) == "ejected"
      }
      #expect(isEjected, "\(cluster.proxy.log)")
    }

    /// With the defaults: values that changed while the server was out are gone from it, unchanged ones are still
    /// there. When it goes out again, its stand-ins have no copies of the first outage.
    @Test func onlyChangedKeysAreDeletedOnReturningServerAndStandIns() throws {
      let cluster = try Cluster(servers: 3)
      let victim = cluster.servers[1]
      let own = try #require(try cluster.keys("v:")[victim.address])
      try #require(own.count >= 60)
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, "first") == "STORED") }
      try stop(victim, own[59], cluster)
      defer { victim.resume() }
      for key in own[..<10] { #expect(try client.set(key, "second") == "STORED") }
      for key in own[10..<20] { #expect(try client.ask("delete \(key)") == "NOT_FOUND") }
      for key in own[20..<25] { try client.send("set \(key) 0 0 1 noreply\r\nx\r\n") }
      for key in own[25..<30] { #expect(try client.ask("ms \(key) 1\r\ny") == "HD") }
      #expect(try client.ask("mn") == "MN")
      victim.resume()
      #expect(isUp(cluster, victim), "\(cluster.proxy.log)")
      #expect(try client.get(Array(own[..<30])).isEmpty)
      #expect(try victim.client().get(Array(own[..<30])).isEmpty)
      #expect(try client.get(Array(own[30..<60])).map(\.text) == own[30..<60].map { _ in "first" })
      #expect(try cluster.proxy.number("journal_keys") >= 60)
      #expect(try cluster.proxy.number("journal_overflows") == 0)

      for key in own[..<20] { #expect(try client.set(key, "third") == "STORED") }
      let isSwept = eventually(within: .seconds(4)) {
        cluster.servers.filter { $0 !== victim }.allSatisfy { server in
          (try? server.client().get(Array(own[..<30])).isEmpty) == true
        }
      }
      #expect(isSwept, "\(cluster.proxy.log)")
      try stop(victim, own[59], cluster)
      #expect(try client.get(Array(own[..<30])).isEmpty)
      for key in own[..<5] { #expect(try client.set(key, "fourth") == "STORED") }
      victim.resume()
      #expect(isUp(cluster, victim))
      #expect(try client.get(Array(own[..<5])).isEmpty)
      #expect(try client.get(Array(own[5..<20])).map(\.text) == own[5..<20].map { _ in "third" })
    }

    /// A write that timed out may have been executed, or be executed when the server continues.
    @Test(arguments: [false, true])
    func keyOfATimedOutDeleteIsGoneAfterTheServersReturn(isQuiet: Bool) throws {
      let cluster = try Cluster(
        servers: 3, options: "request_timeout: 200ms\nfailures: 1\nprobe_interval: 300ms")
      let victim = cluster.servers[0]
      let own = try #require(try cluster.keys("d:")[victim.address])
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, "old") == "STORED") }
      victim.stop()
      defer { victim.resume() }
      if isQuiet {
        for key in own[..<10] { try client.send("delete \(key) noreply\r\n") }
        _ = try client.get(own[20])
      } else {
        try client.send(own[..<10].map { "delete \($0)\r\n" }.joined())
        for _ in own[..<10] { #expect(try client.line() == "NOT_FOUND") }
      }
      #expect(isOut(cluster, victim))
      victim.resume()
      #expect(isUp(cluster, victim))
      #expect(try client.get(Array(own[..<10])).isEmpty)
      #expect(try client.get(own[30])?.text == "old")
    }

    /// A killed server returns empty: there is nothing to clean up.
    @Test func restartedServerReturnsAtOnce() throws {
      let cluster = try Cluster(servers: 3, options: "probe_max: 1s")
      let victim = cluster.servers[2]
      let own = try #require(try cluster.keys("r:")[victim.address])
      let client = try cluster.client()
      victim.kill()
      _ = try client.get(own[0])
      #expect(isOut(cluster, victim))
      for key in own { _ = try client.set(key, "meanwhile") }
      try victim.restart()
      let restarted = Clock.now()
      #expect(isUp(cluster, victim))
      let took = Clock.now().since(restarted)
      #expect(took < .milliseconds(1200), "\(took)")
      #expect(try client.get(own).isEmpty)
    }

    /// The first stand-in hangs too: no old value is seen when both return, in either order and wherever the key is
    /// then.
    @Test(arguments: [false, true])
    func twoHungServersReturnWithoutOldValues(isInOrder: Bool) throws {
      let cluster = try Cluster(
        servers: 4, options: "request_timeout: 400ms\nfailures: 2\nprobe_interval: 300ms\nprobe_max: 600ms")
      let (first, second) = (cluster.servers[0], cluster.servers[1])
      let keys = try cluster.keys("two:", count: 400)
      let own = try #require(keys[first.address])
      let others = try #require(keys[second.address])
      let client = try cluster.client()
      for key in own + others { #expect(try client.set(key, "1") == "STORED") }
      try stop(first, own[0], cluster)
      defer { first.resume() }
      for key in own { #expect(try client.set(key, "2") == "STORED") }
      try stop(second, others[0], cluster)
      defer { second.resume() }
      for key in own + others { #expect(try client.set(key, "3") == "STORED") }
      for server in isInOrder ? [first, second] : [second, first] {
        server.resume()
        #expect(isUp(cluster, server), "\(cluster.proxy.log)")
        let seen = Set(try client.get(own + others).map(\.text))
        #expect(seen.isSubset(of: ["3"]), "\(seen)")
      }
      for key in own + others { #expect(try client.set(key, "4") == "STORED") }
      // And none when one goes out again.
      pause(.milliseconds(1200))
      try stop(first, own[0], cluster)
      let seen = Set(try client.get(own + others).map(\.text))
      #expect(seen.isSubset(of: ["4"]), "\(seen)")
    }

    /// After an outage with more changes than the journal holds, the stand-in keeps unlisted copies. The server that
    /// owns these keys then fails fast until a client flushes the stand-in.
    @Test func afterJournalOverflowAServerIsNotEjectedUntilStandInFlush() throws {
      let cluster = try Cluster(
        servers: 2, options: "probe_interval: 300ms\nprobe_max: 600ms\nfloor: 0%", memcached: ["-m", "256"])
      let victim = cluster.servers[0]
      let own = try #require(try cluster.keys("long:", count: 100)[victim.address]?.first)
      try stop(victim, own, cluster)
      defer { victim.resume() }
      let client = try cluster.client()
      for start in stride(from: 0, to: 350_000, by: 1000) {
        let lines = (start..<start + 1000).map { "set many:\($0) 0 0 1 noreply\r\nx\r\n" }
        try client.send(lines.joined())
        // A read behind them in the same queue: without waiting for it, the queue would overflow before the journal.
        #expect(try client.get(["many:\(start)"]).count == 1)
      }
      let hasOverflowed = eventually(within: .seconds(2)) {
        (try? cluster.proxy.number("journal_overflows")) == 2
      }
      #expect(hasOverflowed)
      victim.resume()
      #expect(isUp(cluster, victim), "\(cluster.proxy.log)")
      let isKnown = eventually(within: .seconds(5)) {
        cluster.proxy.log.contains("owners=\(victim.address)")
      }
      #expect(isKnown, "\(cluster.proxy.log)")

      victim.stop()
      let isDown = eventually(within: .seconds(4)) {
        _ = try? client.get(own)
        return (try? cluster.proxy.standing(of: victim.address)) == "down"
      }
      #expect(isDown)
      pause(.milliseconds(1500))
      #expect(try cluster.proxy.standing(of: victim.address) == "down")
      #expect(try client.ask("flush_all") == "OK")
      #expect(isOut(cluster, victim), "\(cluster.proxy.log)")
    }

    /// The CAS number of one server is not valid on another.
    @Test func casNumberOfAStandInIsInvalidOnTheOwner() throws {
      let cluster = try Cluster(servers: 3, options: "probe_interval: 300ms\nprobe_max: 600ms")
      let victim = cluster.servers[0]
      let own = try #require(try cluster.keys("cas:")[victim.address])
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, "first") == "STORED") }
      let first = try client.get(own, command: "gets")
      try stop(victim, own[0], cluster)
      defer { victim.resume() }
      for key in own[..<20] {
        #expect(try client.ask("cas \(key) 0 0 1 \(first[0].cas ?? 0)\r\nx") == "NOT_FOUND")
        #expect(try client.set(key, "second") == "STORED")
      }
      let second = try client.get(Array(own[..<20]), command: "gets")
      victim.resume()
      #expect(isUp(cluster, victim))
      for (key, value) in zip(own[..<10], second) {
        #expect(try client.ask("cas \(key) 0 0 1 \(value.cas ?? 0)\r\nx") == "NOT_FOUND")
      }
      for (key, value) in zip(own[10..<20], second[10...]) {
        #expect(try client.set(key, "third") == "STORED")
        let third = try client.get([key], command: "gets").first?.cas
        guard third != value.cas else { continue }
        #expect(try client.ask("cas \(key) 0 0 1 \(value.cas ?? 0)\r\nx") == "EXISTS")
      }
      // An unchanged key keeps its CAS number.
      #expect(try client.ask("cas \(own[30]) 0 0 1 \(first[30].cas ?? 0)\r\nx") == "STORED")
    }
  }
}
