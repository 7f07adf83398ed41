import Bytes
import Foundation
import Net
import Testing

extension Integration {
  /// `stats` and its like, with several workers: each client may be another worker's.
  @Suite struct ClusterStatsTests {
    private static let counters = ["cmd_set", "cmd_get", "total_items", "total_connections", "bytes_read"]

    @Test func countersNeverFallWhileAServerIsOutAndRestarted() throws {
      let cluster = try Cluster(options: "probe_interval: 100ms\nthreads: 3")
      var before: [String: Int] = [:]
      func look() throws -> [String: Int] {
        let rows = try cluster.client().stats().compactMapValues { Int($0) }
        for name in Self.counters {
          #expect(rows[name] ?? -1 >= before[name] ?? 0, "\(name): \(before) \(rows)")
        }
        before = rows
        return rows
      }
      for i in 0..<300 { _ = try cluster.client().set("k\(i)", "v") }
      #expect(try look()["cmd_set"] == 300)
      cluster.servers[0].kill()
      #expect(
        eventually(within: .seconds(5)) {
          (try? cluster.proxy.standing(of: cluster.servers[0].address)) == "ejected"
        })
      for _ in 0..<6 { #expect(try look()["cmd_set"] == 300) }
      #expect(try cluster.client().stats()["ringroad_servers_answered"] == "2/3")
      try cluster.servers[0].restart()
      #expect(
        eventually(within: .seconds(10)) {
          (try? cluster.proxy.standing(of: cluster.servers[0].address)) == "up"
        })
      for i in 0..<100 { _ = try cluster.client().set("k\(i)", "v") }
      for _ in 0..<6 { #expect(try look()["cmd_set"] == 400) }
    }

    @Test func statsConnsShowsTheClientsOfAllWorkers() throws {
      let cluster = try Cluster(servers: 2, options: "threads: 3")
      let clients = try (0..<6).map { _ in try cluster.client() }
      for client in clients { #expect(try client.ask("mn") == "MN") }
      let rows = try clients[0].stats("conns")
      let workers = rows.filter { $0.key.hasSuffix(":worker") }
      #expect(workers.count >= 6 && Set(workers.values) == ["0", "1", "2"], "\(rows)")
      for name in workers.keys {
        let number = name.prefix { $0 != ":" }
        #expect(rows["\(number):addr"]?.hasPrefix("tcp:127.0.0.1:") == true)
        #expect(rows["\(number):listen_addr"] == "tcp:127.0.0.1:\(cluster.proxy.port)")
        #expect(Int(rows["\(number):secs_since_last_cmd"] ?? "") ?? 99 < 10)
        #expect(rows["\(number):server"] == nil)
      }
      #expect(workers.keys.filter { rows["\($0.prefix { $0 != ":" }):state"] == "conn_io_queue" }.count == 1)
      for server in cluster.servers {
        #expect(rows.filter { $0.key.hasSuffix(":server") && $0.value == server.address }.count >= 2)
      }
    }

    @Test(arguments: ["version", "flush_all", "stats"])
    func aCommandDoesNotWaitLongForAServerThatHangs(_ command: String) throws {
      let cluster = try Cluster(options: "request_timeout: 20s")
      let client = try cluster.client()
      #expect(try client.ask("version").hasPrefix("VERSION "))
      cluster.servers[0].stop()
      defer { cluster.servers[0].resume() }
      let begun = Clock.now()
      switch command {
      case "version": #expect(try client.ask(command).hasPrefix("VERSION "))
      case "stats": #expect(try client.stats()["ringroad_servers_answered"] == "2/3")
      default:
        #expect(
          try client.ask(command) == "SERVER_ERROR ringroad: flush_all failed on 1 of 3 servers")
      }
      #expect(Clock.now().since(begun) < .seconds(4))
    }
  }
}
