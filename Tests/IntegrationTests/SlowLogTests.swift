import Glibc
import Testing

extension Integration {
  /// The log of slow requests of a real proxy before real servers.
  @Suite struct SlowLogTests {
    @Test func hungServersRequestsAreLoggedAndAReloadEndsThat() throws {
      let cluster = try Cluster(
        servers: 2, options: "request_timeout: 200ms\nfailures: 1000\nlog: {slow: {over: 100ms, keys: plain}}"
      )
      let victim = cluster.servers[0]
      let keys = try cluster.keys("slow:")
      let own = try #require(keys[victim.address]?.first)
      let other = try #require(keys[cluster.servers[1].address]?.first)
      let client = try cluster.client()
      #expect(try client.set(own, "x") == "STORED" && client.set(other, "y") == "STORED")
      victim.stop()
      #expect(try client.get([own, other]).map(\.text) == ["y"])
      victim.resume()
      let line = "slow request server=\(victim.address) command=get pool=main result=timed_out took="
      #expect(
        eventually(within: .seconds(2)) {
          cluster.proxy.log.contains(line) && cluster.proxy.log.contains("key=\(own)")
        }, "\(cluster.proxy.log)")
      #expect(!cluster.proxy.log.contains("key=\(other)"), "\(cluster.proxy.log)")
      #expect(eventually(within: .seconds(1)) { (try? cluster.proxy.number("slow_requests")) == 1 })

      try cluster.proxy.edit(
        """
        listen: 127.0.0.1:\(cluster.proxy.port)
        threads: 2
        servers: [\(cluster.servers.map(\.address).joined(separator: ", "))]
        request_timeout: 200ms
        failures: 1000

        """)
      cluster.proxy.child.signal(SIGHUP)
      #expect(
        eventually(within: .seconds(2)) { cluster.proxy.log.contains("to off") }, "\(cluster.proxy.log)")
      victim.stop()
      #expect(try client.get([own, other]).map(\.text) == ["y"])
      victim.resume()
      pause(.milliseconds(300))
      #expect(try cluster.proxy.number("slow_requests") == 1)
    }

    /// The server answers after a while: the time is the server's, and by default the key is hashed.
    @Test func slowAnswerIsLoggedWithTheServersTimeAndTheKeysHash() throws {
      let cluster = try Cluster(servers: 1, options: "request_timeout: 5s\nlog: {slow: {over: 50ms}}")
      let client = try cluster.client()
      #expect(try client.set("foobar", "x") == "STORED")
      cluster.servers[0].stop()
      try client.send("get foobar\r\n")
      pause(.milliseconds(300))
      cluster.servers[0].resume()
      #expect(try client.values().map(\.text) == ["x"])
      #expect(
        eventually(within: .seconds(2)) { cluster.proxy.log.contains("result=hit") }, "\(cluster.proxy.log)")
      let line = cluster.proxy.log.split(separator: "\n").first { $0.contains("slow request") } ?? ""
      #expect(line.contains("key=85944171f73967e8") && !line.contains("foobar"), "\(line)")
      let reply = line.firstMatch(of: /reply=([0-9]+)\./).flatMap { Int($0.1) } ?? 0
      let queue = line.firstMatch(of: /queue=([0-9]+)\./).flatMap { Int($0.1) } ?? -1
      #expect(reply >= 200 && queue >= 0 && queue < 100, "\(line)")
    }
  }
}
