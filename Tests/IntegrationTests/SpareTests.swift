import Net
import Testing

extension Integration {
  /// `try` in front of real servers.
  @Suite struct SpareTests {
    private struct Scene {
      let main: [Memcached]
      let spare: Memcached
      let proxy: Proxy

      init(_ policy: String) throws {
        let (main, spare) = (try [Memcached(), Memcached()], try Memcached())
        (self.main, self.spare) = (main, spare)
        proxy = try Proxy { port, _ in
          """
          listen: 127.0.0.1:\(port)
          threads: 2
          pools:
            main:
              servers: [\(main.map(\.address).joined(separator: ", "))]
              request_timeout: 200ms
              probe_interval: 100ms
              probe_max: 200ms
              failures: 1
            spare: {servers: [\(spare.address)], request_timeout: 200ms}
          policies:
            cache: \(policy)
          routes: [{to: cache}]

          """
        }
      }

      /// Keys whose first server this is.
      func keys(of server: Memcached) throws -> [String] {
        try proxy.route((0..<200).map { "k\($0)" }).filter { $0.value.hasPrefix(server.address) }.map(\.key)
          .sorted()
      }

      func waits(_ server: Memcached, for status: String) -> Bool {
        eventually(within: .seconds(6)) { (try? proxy.standing(of: server.address)) == status }
      }
    }

    /// Each time, what changed on the spare is gone from both when its server is back; all else is as it was.
    @Test func nothingOldIsReadHoweverOftenAServerFails() throws {
      let scene = try Scene("{try: [main, spare]}")
      let victim = scene.main[0]
      let own = try scene.keys(of: victim)
      try #require(own.count >= 40)
      let client = try scene.proxy.client()
      for round in 0..<5 {
        for key in own { #expect(try client.set(key, "\(round):first") == "STORED") }
        victim.stop()
        let isOut = eventually(within: .seconds(8)) {
          _ = try? client.get(own[39])
          return (try? scene.proxy.standing(of: victim.address)) == "ejected"
        }
        #expect(isOut, "\(scene.proxy.log)")
        for key in own[..<10] { #expect(try client.set(key, "\(round):second") == "STORED") }
        for key in own[10..<20] { #expect(try client.ask("delete \(key)") == "NOT_FOUND") }
        #expect(try client.get(Array(own[..<10])).map(\.text) == own[..<10].map { _ in "\(round):second" })
        #expect(try scene.spare.client().ask("mg \(own[0]) t") == "HD t60")
        victim.resume()
        #expect(scene.waits(victim, for: "up"), "\(scene.proxy.log)")
        #expect(try client.get(Array(own[..<20])).isEmpty)
        #expect(try client.get(Array(own[20..<39])).map(\.text) == own[20..<39].map { _ in "\(round):first" })
        let isSwept = eventually(within: .seconds(4)) {
          (try? scene.spare.client().get(own).isEmpty) == true
        }
        #expect(isSwept, "\(scene.proxy.log)")
      }
    }

    /// A server that dies loses its share to the spare, not to its neighbour, and no write is done twice.
    @Test func aCounterIsChangedInOnePlace() throws {
      let scene = try Scene("{try: [main, spare]}")
      let victim = scene.main[0]
      let key = try #require(try scene.keys(of: victim).first)
      let client = try scene.proxy.client()
      #expect(try client.set(key, "10") == "STORED")
      victim.stop()
      // In doubt: a miss by the rules of the pool, and never on the spare.
      #expect(try client.ask("incr \(key) 1") == "NOT_FOUND")
      #expect(try scene.spare.client().get(key) == nil)
      #expect(scene.waits(victim, for: "ejected"), "\(scene.proxy.log)")
      #expect(try client.ask("add \(key) 0 0 1\r\n5") == "STORED")
      #expect(try client.ask("incr \(key) 1") == "6")
      #expect(try scene.main[1].client().get(key) == nil)
      victim.resume()
      #expect(scene.waits(victim, for: "up"), "\(scene.proxy.log)")
      #expect(try client.get(key) == nil)
    }

    /// Two caches that others fill: reads find a key in either, and a change leaves it in one.
    @Test func aChangeIsSeenThroughBothCaches() throws {
      let scene = try Scene("{try: [main, spare], on_miss: next, later_ttl: none}")
      let client = try scene.proxy.client()
      let far = try scene.spare.client()
      for i in 0..<50 { #expect(try far.set("k\(i)", "far") == "STORED") }
      #expect(try client.get((0..<50).map { "k\($0)" }).map(\.text) == (0..<50).map { _ in "far" })
      #expect(try client.set("k1", "near") == "STORED")
      #expect(try client.ask("delete k2") == "DELETED")
      #expect(try client.ask("delete k2") == "NOT_FOUND")
      #expect(try far.get(["k1", "k2"]).isEmpty)
      #expect(try client.get("k1")?.text == "near")
      let large = [UInt8](repeating: 120, count: 300_000)
      #expect(try far.set("large", large) == "STORED")
      #expect(try client.get("large")?.bytes == large)
      #expect(try client.set("large", large + large) == "STORED")
      #expect(try far.get("large") == nil)
      #expect(try client.get("large")?.bytes == large + large)
    }
  }
}
