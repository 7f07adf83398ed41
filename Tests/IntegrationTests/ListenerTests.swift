import Foundation
import Glibc
import Net
import Testing

extension Integration {
  @Suite struct ListenerTests {
    @Test func severalListenersOfEveryKindServeTheSameKeys() throws {
      let server = try Memcached()
      let v6 = try Ports.free()
      let proxy = try Proxy { port, directory in
        """
        listen:
          - 127.0.0.1:\(port)
          - "[::1]:\(v6)"
          - {address: "unix:\(directory.file("open.sock"))", mode: "0666"}
          - "unix:\(directory.file("default.sock"))"
        servers: [\(server.address)]

        """
      }
      let addresses = [
        Address(ip: "127.0.0.1", port: proxy.port), Address(ip: "::1", port: v6),
        Address(unixPath: proxy.directory.file("open.sock")),
        Address(unixPath: proxy.directory.file("default.sock")),
      ]
      for (i, address) in addresses.enumerated() {
        let client = try TextClient(try #require(address))
        #expect(try client.set("from:\(i)", "\(i)") == "STORED")
      }
      for address in addresses {
        let client = try TextClient(try #require(address))
        #expect(
          try client.get(["from:0", "from:1", "from:2", "from:3"]).map(\.text) == ["0", "1", "2", "3"])
      }
      #expect(try mode(of: proxy.directory.file("open.sock")) == 0o666)
      #expect(try mode(of: proxy.directory.file("default.sock")) == 0o700)
      // The proxy removes the socket paths when it ends.
      proxy.child.signal(SIGTERM)
      #expect(proxy.child.end(within: .seconds(5)) == .exited(0))
      #expect(!FileManager.default.fileExists(atPath: proxy.directory.file("open.sock")))
    }

    private func mode(of path: String) throws -> Int {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }

    /// Of two listeners, and of one that comes by a reload.
    @Test func eachListenerHasItsOwnNumbers() throws {
      let server = try Memcached()
      let (admin, second, third) = (try Ports.free(), try Ports.free(), try Ports.free())
      var first: UInt16 = 0
      let config = { (listeners: [UInt16]) in
        "listen: [\(listeners.map { "127.0.0.1:\($0)" }.joined(separator: ", "))]\nthreads: 2\nservers: [\(server.address)]\n"
      }
      let proxy = try Proxy(flags: ["--admin", "127.0.0.1:\(admin)"]) { port, _ in
        first = port
        return config([port, second])
      }
      let one = try proxy.client()
      let others = try (0..<3).map { _ in try TextClient(port: second) }
      #expect(try one.set("k", "v") == "STORED")
      for client in others {
        for _ in 0..<5 { #expect(try client.get("k")?.text == "v") }
        #expect(try client.get(["k", "j"]).count == 1)
        #expect(try client.ask("version").hasPrefix("VERSION"))
      }
      func rows(_ port: UInt16) throws -> [String] {
        let all = try proxy.numbers()
        return ["clients", "requests"].map { all["listener:127.0.0.1:\(port):\($0)"] ?? "none" }
      }
      // The client that asks is the first listener's.
      #expect(eventually(within: .seconds(2)) { (try? rows(second)) == ["3", "18"] })
      #expect(try rows(first)[1] == "1")
      func metric(_ name: String, _ port: UInt16) throws -> String? {
        let line = try Self.page("/metrics", admin).split(separator: "\n").first {
          $0.hasPrefix("ringroad_listener_\(name){listener=\"127.0.0.1:\(port)\"}")
        }
        return line?.split(separator: " ").last.map(String.init)
      }
      #expect(eventually(within: .seconds(3)) { (try? metric("latency_seconds_count", second)) == "18" })
      #expect(try metric("latency_seconds_count", first) == "1")
      #expect(try metric("requests_total", second) == "18")
      #expect(
        try Self.page("/api/v1/status", admin).contains("\"address\":\"127.0.0.1:\(second)\",\"clients\":3"))
      // A reload replaces the second: the new one begins with nothing, and clients of the old are counted for none.
      let total = try proxy.number("keys_requested")
      try proxy.replace(config([first, third]))
      #expect(eventually(within: .seconds(3)) { (try? rows(third)) == ["0", "0"] })
      for client in others { #expect(try client.get("k")?.text == "v") }
      let late = try TextClient(port: third)
      #expect(try late.get("k")?.text == "v")
      #expect(eventually(within: .seconds(2)) { (try? rows(third)) == ["1", "1"] })
      #expect(try rows(second) == ["none", "none"])
      #expect(try rows(first)[1] == "1")
      #expect(try metric("requests_total", second) == nil)
      #expect(eventually(within: .seconds(2)) { (try? proxy.number("keys_requested")) == total + 4 })
    }

    /// A page of the admin interface.
    private static func page(_ path: String, _ port: UInt16) throws -> String {
      let client = try TextClient(port: port)
      try client.send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
      var length = 0
      while case let line = try client.line(), !line.isEmpty {
        if line.lowercased().hasPrefix("content-length:") {
          length = Int(line.dropFirst(15).drop { $0 == " " }) ?? 0
        }
      }
      return String(decoding: try client.bytes(length), as: UTF8.self)
    }

    @Test func socketPathLeftByACrashIsReplaced() throws {
      let server = try Memcached()
      let shared = try Directory()
      let config = { (port: UInt16, _: Directory) in
        "listen: [127.0.0.1:\(port), \"unix:\(shared.file("s"))\"]\nservers: [\(server.address)]\n"
      }
      let first = try Proxy(config)
      first.child.kill()
      #expect(FileManager.default.fileExists(atPath: shared.file("s")))
      let second = try Proxy(config)
      let address = try #require(Address(unixPath: shared.file("s")))
      #expect(try TextClient(address).ask("mn") == "MN")
      #expect(second.child.ended() == nil)
    }

    @Test func serverMayBeAUnixSocket() throws {
      let directory = try Directory()
      var words = ["memcached", "-s", directory.file("m"), "-t", "1"]
      if getuid() == 0 { words += ["-u", "root"] }
      let memcached = try Child(words)
      #expect(eventually(within: .seconds(5)) { FileManager.default.fileExists(atPath: directory.file("m")) })
      let proxy = try Proxy { port, _ in
        "listen: 127.0.0.1:\(port)\nservers: [\"unix:\(directory.file("m"))\"]\n"
      }
      let client = try proxy.client()
      #expect(try client.set("k", "v") == "STORED")
      #expect(try client.get("k")?.text == "v")
      #expect(memcached.ended() == nil)
    }
  }

  @Suite struct PlacementTests {
    @Test func longestPrefixSelectsThePoolAndPoolsShareNoKeys() throws {
      let servers = try (0..<4).map { _ in try Memcached() }
      let proxy = try Proxy { port, _ in
        """
        listen: 127.0.0.1:\(port)
        pools:
          main: {servers: [\(servers[0].address), \(servers[1].address)]}
          sessions: {servers: [\(servers[2].address)]}
          special: {servers: [\(servers[3].address)]}
        routes:
          - {prefix: "session:", pool: sessions}
          - {prefix: "session:vip:", pool: special}
          - {pool: main}

        """
      }
      let client = try proxy.client()
      var keys: [String] = []
      for i in 0..<50 { keys += ["session:\(i)", "session:vip:\(i)", "user:\(i)", "sess\(i)"] }
      for key in keys { #expect(try client.set(key, "value of \(key)") == "STORED") }
      #expect(try client.get(keys).map(\.text) == keys.map { "value of \($0)" })
      let owners = try proxy.route(keys)
      for server in servers {
        let found = Set(try server.client().get(keys).map(\.key))
        #expect(found == Set(keys.filter { owners[$0] == server.address }))
      }
      #expect(
        keys.filter { owners[$0] == servers[2].address }
          == keys.filter { $0.hasPrefix("session:") && !$0.hasPrefix("session:vip:") })
      #expect(
        keys.filter { owners[$0] == servers[3].address } == keys.filter { $0.hasPrefix("session:vip:") })
      #expect(try client.ask("flush_all") == "OK")
      #expect(try client.get(keys).isEmpty)
    }

    @Test func keyWithoutARouteIsAMissOnReadAndRefusedOnWrite() throws {
      let server = try Memcached()
      let proxy = try Proxy { port, _ in
        """
        listen: 127.0.0.1:\(port)
        pools: {only: {servers: [\(server.address)]}}
        routes: [{prefix: "a:", pool: only}]

        """
      }
      let client = try proxy.client()
      #expect(try client.set("a:1", "v") == "STORED")
      #expect(try client.get(["a:1", "b:1"]).map(\.key) == ["a:1"])
      let refusal = try client.set("b:1", "v")
      #expect(refusal.hasPrefix("CLIENT_ERROR") || refusal.hasPrefix("SERVER_ERROR"))
      #expect(try client.get("a:1")?.text == "v")
    }

    @Test func keysWithTheSameHashTagShareAServer() throws {
      let cluster = try Cluster(
        servers: 4, options: "placement: twemproxy-ketama\nhash: fnv1a_64\nhash_tag: \"{}\"")
      let client = try cluster.client()
      var places: Set<String> = []
      for user in 0..<40 {
        let keys = (0..<10).map { "{\(user)-customer}:field\($0)" }
        let owners = Set(try cluster.proxy.route(keys).values)
        #expect(owners.count == 1)
        places.formUnion(owners)
        for key in keys { #expect(try client.set(key, key) == "STORED") }
        let server = try #require(cluster.servers.first { owners.contains($0.address) })
        #expect(try server.client().get(keys).map(\.key) == keys)
        #expect(try client.get(keys).map(\.text) == keys)
      }
      #expect(places.count == 4)
    }

    @Test func weightedServerHoldsItsShareOfTheKeys() throws {
      let servers = try (0..<2).map { _ in try Memcached() }
      let proxy = try Proxy { port, _ in
        "listen: 127.0.0.1:\(port)\nservers: [\(servers[0].address), {address: \"\(servers[1].address)\", weight: 3}]\n"
      }
      let client = try proxy.client()
      for i in 0..<1000 { #expect(try client.set("w:\(i)", "v") == "STORED") }
      let heavy = Int(try servers[1].client().stats()["curr_items"] ?? "") ?? 0
      #expect((650...850).contains(heavy), "\(heavy) of 1000")
    }
  }
}
