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
