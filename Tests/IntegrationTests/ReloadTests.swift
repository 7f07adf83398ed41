import Foundation
import Glibc
import Net
import Testing

extension Integration {
  @Suite struct ReloadTests {
    enum Way: CaseIterable {
      case inPlace, byRename, bySignal
    }

    @Test(arguments: Way.allCases)
    func aServerIsAddedUnderLoadAndNobodyNotices(_ way: Way) throws {
      let cluster = try Cluster(servers: 3)
      let fourth = try Memcached()
      let load = try Load(cluster.proxy)
      pause(.milliseconds(300))
      let watchers = try cluster.servers.map { try $0.client() }
      let before = try watchers.map { try $0.stats()["total_connections"] }
      let old = try cluster.proxy.route((0..<200).map { "moved:\($0)" })

      let config = cluster.config(cluster.servers.map(\.address) + [fourth.address])
      switch way {
      case .inPlace: try cluster.proxy.edit(config)
      case .byRename: try cluster.proxy.replace(config)
      case .bySignal:
        try cluster.proxy.replace(config)
        cluster.proxy.child.signal(SIGHUP)
      }
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reloads")) == 1 })
      pause(.milliseconds(500))
      let seen = try load.stop()

      #expect(try watchers.map { try $0.stats()["total_connections"] } == before)
      let all = seen.all()
      #expect(seen.dropped == 0 && all.errors == 0 && all.wrong == 0 && all.stale == 0, "\(seen.remarks)")
      #expect(all.asked > 500)
      let new = try cluster.proxy.route(Array(old.keys))
      let client = try cluster.client()
      let moved = old.keys.filter { old[$0] != new[$0] }
      #expect(!moved.isEmpty)
      for key in moved {
        #expect(new[key] == fourth.address)
        #expect(try client.set(key, "v") == "STORED")
      }
      #expect(try fourth.client().get(moved).count == moved.count)
      let log = cluster.proxy.log
      #expect(log.contains("added server \(fourth.address)"))
      if way == .bySignal { #expect(log.contains("why=SIGHUP")) }
    }

    @Test func aServerIsRemovedUnderLoadAndItsConnectionsAreClosed() throws {
      let cluster = try Cluster(servers: 3)
      let load = try Load(cluster.proxy)
      pause(.milliseconds(300))
      let leaver = cluster.servers[2]
      try cluster.proxy.replace(cluster.config(cluster.servers.dropLast().map(\.address)))
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reloads")) == 1 })
      pause(.milliseconds(500))
      let seen = try load.stop()
      let all = seen.all()
      #expect(seen.dropped == 0 && all.errors == 0 && all.wrong == 0 && all.stale == 0, "\(seen.remarks)")
      let others = seen.all(but: leaver.address)
      #expect(others.misses == 0)
      let watcher = try leaver.client()
      // The one that asks, and no other.
      #expect(
        eventually(within: .seconds(2)) {
          (try? watcher.stats()["curr_connections"]) == "2"
            || (try? watcher.stats()["curr_connections"]) == "1"
        })
      #expect(try cluster.proxy.standing(of: leaver.address) == nil)
    }

    @Test func aBadFileChangesNothingAndSaysWhere() throws {
      let cluster = try Cluster(servers: 2)
      let load = try Load(cluster.proxy, clients: 2)
      let good = cluster.config(cluster.servers.map(\.address))
      let bad = good + "request_timeot: 1s\n"
      let line = bad.split(separator: "\n", omittingEmptySubsequences: false).count - 1
      try cluster.proxy.edit(bad)
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 1 })
      let place = "\(cluster.proxy.configPath):\(line):1"
      #expect(eventually(within: .seconds(1)) { cluster.proxy.log.contains(place) })
      #expect(cluster.proxy.log.contains("request_timeout"))
      let numbers = try cluster.proxy.numbers()
      #expect(numbers["last_reload_error"]?.contains(place) == true)
      #expect(numbers["reloads"] == "0")
      // Half a file, no file, an empty one.
      try cluster.proxy.replace(String(good.prefix(good.count / 2)) + "[")
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 2 })
      try FileManager.default.removeItem(atPath: cluster.proxy.configPath)
      cluster.proxy.child.signal(SIGHUP)
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 3 })
      try cluster.proxy.edit("")
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 4 })
      // The file that is in force is good, too.
      try cluster.proxy.replace(good)
      #expect(
        eventually(within: .seconds(2)) { (try? cluster.proxy.numbers())?["last_reload_error"] == nil })
      // And a good one clears it.
      try cluster.proxy.replace(bad)
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 5 })
      try cluster.proxy.replace(good + "request_timeout: 1s\n")
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reloads")) == 1 })
      #expect(try cluster.proxy.numbers()["last_reload_error"] == nil)
      let seen = try load.stop()
      let all = seen.all()
      #expect(seen.dropped == 0 && all.errors + all.misses + all.wrong + all.stale == 0, "\(seen.remarks)")
    }

    @Test func listenersComeAndGoByReload() throws {
      let cluster = try Cluster(servers: 1)
      let old = try cluster.client()
      let second = try Ports.free()
      let text = cluster.config(cluster.servers.map(\.address))
      let both = text.replacingOccurrences(
        of: "listen: 127.0.0.1:\(cluster.proxy.port)",
        with: "listen: [127.0.0.1:\(cluster.proxy.port), 127.0.0.1:\(second)]")
      try cluster.proxy.replace(both)
      #expect(eventually(within: .seconds(2)) { (try? TextClient(port: second).ask("mn")) == "MN" })
      #expect(try old.set("k", "v") == "STORED")
      let onlySecond = text.replacingOccurrences(
        of: "listen: 127.0.0.1:\(cluster.proxy.port)", with: "listen: 127.0.0.1:\(second)")
      try cluster.proxy.replace(onlySecond)
      let port = cluster.proxy.port
      #expect(eventually(within: .seconds(2)) { (try? TextClient(port: port)) == nil })
      // Who is connected stays.
      #expect(try old.get("k")?.text == "v")
      #expect(try TextClient(port: second).get("k")?.text == "v")
      // A port that somebody else has: nothing changes.
      try cluster.proxy.replace(
        text.replacingOccurrences(
          of: "listen: 127.0.0.1:\(cluster.proxy.port)",
          with: "listen: [127.0.0.1:\(second), 127.0.0.1:\(cluster.servers[0].port)]"))
      #expect(
        eventually(within: .seconds(2)) {
          (try? TextClient(port: second).stats("ringroad")["reload_failures"]) == "1"
        })
      #expect(try TextClient(port: second).get("k")?.text == "v")
    }

    @Test func fiftyReloadsUnderLoadLoseNothing() throws {
      let cluster = try Cluster(servers: 3)
      let load = try Load(cluster.proxy)
      let watchers = try cluster.servers.map { try $0.client() }
      let before = try watchers.map { try $0.stats()["total_connections"] }
      for round in 0..<50 {
        try cluster.proxy.replace(
          cluster.config(cluster.servers.map(\.address)) + "request_timeout: \(600 + round)ms\n")
        cluster.proxy.child.signal(SIGHUP)
        pause(.milliseconds(20))
      }
      #expect(eventually(within: .seconds(2)) { ((try? cluster.proxy.number("reloads")) ?? 0) > 30 })
      let seen = try load.stop()
      let all = seen.all()
      #expect(seen.dropped == 0 && all.errors + all.misses + all.wrong + all.stale == 0, "\(seen.remarks)")
      #expect(try watchers.map { try $0.stats()["total_connections"] } == before)
    }
  }
}
