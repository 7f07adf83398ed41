import Foundation
import Glibc
import Testing

extension Integration {
  /// `ringroad tail` and its stream, through a real proxy.
  @Suite struct TailTests {
    private struct Setup {
      let cluster: Cluster
      let files: Directory
      let admin: UInt16

      init() throws {
        files = try Directory()
        admin = try Ports.free()
        try Proxy.write("secret\n", to: files.file("token"))
        cluster = try Cluster(
          servers: 2,
          options: "admin: {address: 127.0.0.1:\(admin), token: {file: \(files.file("token"))}}",
          flags: ["--admin", "127.0.0.1:\(admin)"])
      }

      /// Starts `ringroad tail` with its output in a file.
      func tail(_ name: String, _ words: String..., token: String? = "token") throws -> Child {
        let given = token.map { ["--token-file", files.file($0)] } ?? []
        let command = [try Programs.ringroad(), "tail", "127.0.0.1:\(admin)"]
        return try Child(command + given + words, output: files.file(name))
      }

      /// The stream, without the command: opened with this token.
      func stream(_ query: String = "", token: String = "secret") throws -> TextClient {
        let client = try TextClient(port: admin)
        try client.send(
          "GET /api/v1/tail\(query) HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(token)\r\n\r\n")
        return client
      }
    }

    @Test func tailShowsTheRequestsThatItsFlagsNameAndTheThirdIsRefused() throws {
      let setup = try Setup()
      let keys = try setup.cluster.keys("user:")
      let (first, second) = (setup.cluster.servers[0].address, setup.cluster.servers[1].address)
      let (own, other) = (try #require(keys[first]?.first), try #require(keys[second]?.first))
      let all = try setup.tail("all", "--key-prefix", "user:")
      let some = try setup.tail("some", "--server", first)
      let client = try setup.cluster.client()
      let isShown = eventually(within: .seconds(5)) {
        _ = try? (client.set(own, "x"), client.get(other), client.get("cart:1"))
        return setup.files.read("all").contains(" set \(own) stored ")
          && setup.files.read("some").contains(" set \(own) stored ")
          && setup.files.read("all").contains(" get \(other) miss ")
      }
      #expect(isShown, "\(setup.files.read("all"))\n\(setup.files.read("some"))")
      #expect(!setup.files.read("all").contains("cart:1"))
      #expect(!setup.files.read("some").contains(second))
      let line = setup.files.read("all").split(separator: "\n").first ?? ""
      #expect(
        line.contains(
          /^20..-..-..T..:..:..\....Z (set|get) user:\d+ \w+ \d+\.\d{3}ms \d+B main 127\.0\.0\.1:\d+$/),
        "\(line)")
      let third = try setup.tail("third")
      #expect(third.end(within: .seconds(5)) == .exited(1))
      #expect(setup.files.read("third").contains("2 tails are open already"))
      // A tail that ends makes room for another within a second.
      all.kill()
      let hasRoom = eventually(within: .seconds(2)) {
        guard let again = try? setup.stream("?sample=1000000") else { return false }
        return (try? again.line()) == "HTTP/1.1 200 OK"
      }
      #expect(hasRoom)
      some.kill()
    }

    @Test func tailNeedsTheTokenAndARightQuery() throws {
      let setup = try Setup()
      try Proxy.write("wrong\n", to: setup.files.file("other"))
      let wrong = try setup.tail("wrong", token: "other")
      #expect(wrong.end(within: .seconds(5)) == .exited(1))
      #expect(setup.files.read("wrong").contains("--token-file"), "\(setup.files.read("wrong"))")
      let unknown = try setup.tail("unknown", "--server", "10.9.9.9:1")
      #expect(unknown.end(within: .seconds(5)) == .exited(1))
      #expect(setup.files.read("unknown").contains(#"there is no server "10.9.9.9:1""#))
      for query in ["?sample=0", "?sample=x", "?prefix=%zz", "?colour=1"] {
        #expect(try setup.stream(query).line() == "HTTP/1.1 400 Bad Request", "\(query)")
      }
      #expect(try setup.stream(token: "").line() == "HTTP/1.1 401 Unauthorized")
      let admin = try Ports.free()
      let open = try Cluster(servers: 1, flags: ["--admin", "127.0.0.1:\(admin)"])
      let child = try Child(
        [try Programs.ringroad(), "tail", "127.0.0.1:\(admin)"], output: setup.files.file("none"))
      #expect(child.end(within: .seconds(5)) == .exited(1))
      #expect(setup.files.read("none").contains("token: {file:"), "\(setup.files.read("none"))")
      #expect(open.proxy.child.ended() == nil)
    }

    /// Its socket buffers fill, then what it leaves unread exceeds the limit.
    @Test func tailThatIsNotReadIsEndedAndDelaysNothing() throws {
      let setup = try Setup()
      let stuck = try setup.stream("?prefix=k")
      #expect(try stuck.line() == "HTTP/1.1 200 OK")
      let client = try setup.cluster.client()
      let key = "k" + String(repeating: "y", count: 240)
      let batch = String(repeating: "get \(key)\r\n", count: 100)
      var isFree = false
      let deadline = ContinuousClock.now + .seconds(40)
      while !isFree, ContinuousClock.now < deadline {
        for _ in 0..<10 {
          try client.send(batch)
          for _ in 0..<100 { #expect(try client.line() == "END") }
        }
        pause(.milliseconds(500))
        // With one tail left there is room for two more.
        let more = try [setup.stream("?sample=1000000"), setup.stream("?sample=1000000")]
        isFree = try more.map { try $0.line() } == ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK"]
      }
      #expect(isFree)
      #expect(try setup.cluster.client().ask("mn") == "MN")
    }

    @Test func eventsAreJSON() throws {
      let setup = try Setup()
      let stream = try TextClient(port: setup.admin)
      try stream.send(
        "GET /api/v1/tail?prefix=a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
          + "Authorization: Bearer secret\r\n\r\n")
      #expect(try stream.line() == "HTTP/1.1 200 OK")
      let client = try setup.cluster.client()
      pause(.milliseconds(100))
      #expect(try client.set("a\u{80}", "x") == "STORED")
      var event = ""
      for _ in 0..<50 where !event.hasPrefix("data: ") { event = try stream.line() }
      let json = try JSONSerialization.jsonObject(with: Data(event.dropFirst(6).utf8)) as? [String: Any]
      #expect(json?["key"] as? String == #"a\xc2\x80"# && json?["result"] as? String == "stored")
      #expect(json?["command"] as? String == "set" && json?["pool"] as? String == "main")
    }
  }
}
