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
    func addingAServerUnderLoadDisturbsNoClient(_ way: Way) throws {
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

    @Test func removingAServerUnderLoadClosesItsConnections() throws {
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
      // The connection of the test, and no other.
      #expect(
        eventually(within: .seconds(2)) {
          (try? watcher.stats()["curr_connections"]) == "2"
            || (try? watcher.stats()["curr_connections"]) == "1"
        })
      #expect(try cluster.proxy.standing(of: leaver.address) == nil)
    }

    @Test func badFileChangesNothingAndIsReportedWithPosition() throws {
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
      // A truncated file, no file, an empty one.
      try cluster.proxy.replace(String(good.prefix(good.count / 2)) + "[")
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 2 })
      try FileManager.default.removeItem(atPath: cluster.proxy.configPath)
      cluster.proxy.child.signal(SIGHUP)
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 3 })
      try cluster.proxy.edit("")
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 4 })
      // The file of the running configuration is valid too.
      try cluster.proxy.replace(good)
      #expect(
        eventually(within: .seconds(2)) { (try? cluster.proxy.numbers())?["last_reload_error"] == nil })
      // A valid file that differs clears the error.
      try cluster.proxy.replace(bad)
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reload_failures")) == 5 })
      try cluster.proxy.replace(good + "request_timeout: 1s\n")
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("reloads")) == 1 })
      #expect(try cluster.proxy.numbers()["last_reload_error"] == nil)
      let seen = try load.stop()
      let all = seen.all()
      #expect(seen.dropped == 0 && all.errors + all.misses + all.wrong + all.stale == 0, "\(seen.remarks)")
    }

    @Test func reloadOpensAndClosesListeners() throws {
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
      // Connected clients stay connected.
      #expect(try old.get("k")?.text == "v")
      #expect(try TextClient(port: second).get("k")?.text == "v")
      // With a port that another process has, nothing changes.
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

    @Test func fiftyReloadsUnderLoadLoseNoRequest() throws {
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

    // MARK: - Descriptors

    private func limitDescriptors(_ proxy: Proxy, to count: Int) throws {
      let words = ["prlimit", "--pid", "\(proxy.child.pid)", "--nofile=\(count):"]
      let end = try Child(words).end(within: .seconds(5))
      guard end == .exited(0) else {
        throw Missing(description: "prlimit(1), of util-linux, does not work here")
      }
    }

    /// The file, a listener and a server connection are opened although clients use all descriptors.
    @Test func reloadSucceedsWhenNoDescriptorIsFree() throws {
      let cluster = try Cluster(servers: 1)
      let second = try Ports.free()
      try limitDescriptors(cluster.proxy, to: 60)
      let crowd = (0..<80).compactMap { _ in try? cluster.client() }
      #expect(eventually(within: .seconds(2)) { cluster.proxy.log.contains("out of descriptors") })
      try cluster.proxy.replace(
        cluster.config(cluster.servers.map(\.address)).replacingOccurrences(
          of: "listen: 127.0.0.1:\(cluster.proxy.port)",
          with: "listen: [127.0.0.1:\(cluster.proxy.port), 127.0.0.1:\(second)]"))
      #expect(
        eventually(within: .seconds(3)) { cluster.proxy.log.contains("info reload") }, "\(cluster.proxy.log)")
      #expect(!cluster.proxy.log.contains("reload refused"))
      #expect(eventually(within: .seconds(2)) { (try? TextClient(port: second)) != nil })
      withExtendedLifetime(crowd) {}
    }

    /// A reload that failed for lack of descriptors is retried without another signal or change; one line reports it.
    @Test func reloadWithoutDescriptorsIsRetriedUntilItSucceeds() throws {
      let cluster = try Cluster(servers: 1)
      let client = try cluster.client()
      #expect(try client.set("k", "v") == "STORED")
      try limitDescriptors(cluster.proxy, to: 4)
      try cluster.proxy.replace(
        cluster.config(cluster.servers.map(\.address)) + "request_timeout: 750ms\n")
      #expect(eventually(within: .seconds(3)) { cluster.proxy.log.contains("reload postponed") })
      pause(.milliseconds(2500))
      #expect(cluster.proxy.log.components(separatedBy: "postponed").count == 2, "\(cluster.proxy.log)")
      #expect(try client.stats("ringroad")["last_reload_error"]?.contains("Too many open files") == true)
      #expect(try client.get("k")?.text == "v")
      try limitDescriptors(cluster.proxy, to: 1024)
      #expect(eventually(within: .seconds(3)) { cluster.proxy.log.contains("info reload") })
      let numbers = try client.stats("ringroad")
      #expect(numbers["reloads"] == "1" && numbers["reload_failures"] == "1")
      #expect(numbers["last_reload_error"] == nil)
    }

    // MARK: - Paths that are no files

    enum Oddity: CaseIterable {
      case pipe, directory, unreadable, dangling, zeros
    }

    /// Nothing at the path of the file makes the proxy wait.
    @Test(arguments: Oddity.allCases)
    func configurationPathThatIsNoFileIsRefusedAtOnce(_ oddity: Oddity) throws {
      let cluster = try Cluster(servers: 1)
      let path = cluster.proxy.configPath
      let good = cluster.config(cluster.servers.map(\.address))
      let other = path + ".odd"
      switch oddity {
      case .pipe: #expect(unsafe mkfifo(other, 0o600) == 0)
      case .directory:
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
      case .unreadable:
        try Proxy.write(Stamp.value("k", 1).map { "\($0)" }.joined(separator: "\u{1}"), to: other)
      case .dangling:
        try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: "/nowhere/at/all")
      case .zeros: try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: "/dev/zero")
      }
      _ = unsafe unlink(path)
      #expect(unsafe rename(other, path) == 0)
      cluster.proxy.child.signal(SIGHUP)
      let isRefused = eventually(within: .seconds(3)) { cluster.proxy.log.contains("reload refused") }
      #expect(isRefused, "\(cluster.proxy.log)")
      let client = try cluster.client()
      #expect(try client.set("k", "v") == "STORED")
      if oddity == .directory { _ = unsafe rmdir(path) }
      try cluster.proxy.replace(good + "request_timeout: 750ms\n")
      #expect(
        eventually(within: .seconds(4)) { (try? cluster.proxy.number("reloads")) == 1 },
        "\(cluster.proxy.log)")
    }
  }
}
