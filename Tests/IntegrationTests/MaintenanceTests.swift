import Net
import Testing

extension Integration {
  /// What an operator does by editing the file: servers taken out and put back.
  @Suite struct MaintenanceTests {
    private func waits(for status: String?, of server: Memcached, _ cluster: Cluster) -> Bool {
      eventually(within: .seconds(4)) { (try? cluster.proxy.standing(of: server.address)) == status }
    }

    private func addresses(_ cluster: Cluster) -> [String] { cluster.servers.map(\.address) }

    /// The cluster's addresses, with a mark on the server.
    private func marking(_ server: Memcached, _ cluster: Cluster) -> [String] {
      addresses(cluster).map { $0 == server.address ? "{address: \($0), mark: down}" : $0 }
    }

    @Test func serverThatIsPutBackServesNothingOfBefore() throws {
      let cluster = try Cluster(servers: 3)
      let leaver = cluster.servers[1]
      let own = try #require(try cluster.keys("back:")[leaver.address]).prefix(30)
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, "old") == "STORED") }
      try cluster.proxy.replace(cluster.config(addresses(cluster).filter { $0 != leaver.address }))
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reloads")) == 1 })
      for key in own { #expect(try client.set(key, "new") == "STORED") }
      try cluster.proxy.replace(cluster.config(addresses(cluster)))
      #expect(waits(for: "up", of: leaver, cluster), "\(cluster.proxy.log)")
      #expect(try client.get(Array(own)).isEmpty)
      #expect(try leaver.client().stats()["curr_items"] == "0")
      let line = try #require(cluster.proxy.log.split(separator: "\n").first { $0.contains("server joins") })
      #expect(line.contains("do=flush") && line.contains("items="), "\(line)")
      #expect(cluster.proxy.log.contains("keys have another server now"))
    }

    /// The other values are there: a new cluster member may have been filled by other clients.
    @Test func serverThatWasNeverInThePoolKeepsItsItems() throws {
      let cluster = try Cluster(servers: 2)
      let newcomer = try Memcached()
      #expect(try newcomer.client().set("mine", "1") == "STORED")
      try cluster.proxy.replace(cluster.config(addresses(cluster) + [newcomer.address]))
      #expect(waits(for: "up", of: newcomer, cluster), "\(cluster.proxy.log)")
      #expect(try newcomer.client().get("mine")?.text == "1")
      #expect(cluster.proxy.log.contains("do=keep"))
    }

    @Test func serverThatDoesNotAnswerGetsNoKeys() throws {
      let cluster = try Cluster(servers: 2)
      let dead = "127.0.0.1:\(try Ports.free())"
      let client = try cluster.client()
      try cluster.proxy.replace(cluster.config(addresses(cluster) + [dead]))
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reloads")) == 1 })
      for i in 0..<60 {
        #expect(try client.set("k:\(i)", "v") == "STORED")
        #expect(try client.get("k:\(i)")?.text == "v")
      }
      #expect(try cluster.proxy.standing(of: dead) == "joining")
    }

    @Test func markedServerIsOutUntilItsMarkIsRemoved() throws {
      let cluster = try Cluster(servers: 3)
      let marked = cluster.servers[2]
      let own = try #require(try cluster.keys("mark:")[marked.address]).prefix(20)
      let client = try cluster.client()
      for key in own { #expect(try client.set(key, "first") == "STORED") }
      let load = try Load(cluster.proxy)
      pause(.milliseconds(200))
      try cluster.proxy.replace(cluster.config(marking(marked, cluster)))
      #expect(waits(for: "marked down", of: marked, cluster), "\(cluster.proxy.log)")
      #expect(try cluster.proxy.route(Array(own)).values.allSatisfy { $0 != marked.address })
      for key in own.prefix(10) {
        #expect(eventually(within: .seconds(2)) { (try? client.set(key, "second")) == "STORED" })
      }
      let watcher = try marked.client()
      let asked = try watcher.stats()["cmd_get"]
      pause(.milliseconds(500))
      #expect(try watcher.stats()["cmd_get"] == asked, "a marked server is asked nothing")
      try cluster.proxy.replace(cluster.config(addresses(cluster)))
      #expect(waits(for: "up", of: marked, cluster), "\(cluster.proxy.log)")
      #expect(try client.get(Array(own.prefix(10))).isEmpty)
      #expect(try client.get(Array(own.suffix(10))).map(\.text) == own.suffix(10).map { _ in "first" })
      let all = try load.stop().all()
      // A write may be refused while the keys move, as in any outage.
      #expect(all.wrong == 0 && all.stale == 0, "\(all)")
    }
  }
}
