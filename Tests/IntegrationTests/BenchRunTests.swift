import Foundation
import Glibc
import Net
import Testing

extension Integration {
  /// `ringroad bench` against servers that are right, and against some that are not.
  @Suite struct BenchRunTests {
    private let directory: Directory

    init() throws { directory = try Directory() }

    /// Starts the tool; its output goes to the file `out`.
    private func start(_ words: String, _ target: String) throws -> Child {
      let words = words.split(separator: " ").map(String.init)
      return try Child([Programs.ringroad(), "bench"] + words + [target], output: directory.file("out"))
    }

    private func run(_ words: String, _ target: String) throws -> Spawn.End? {
      try start(words, target).end(within: .seconds(30))
    }

    /// The JSON object that the tool has printed.
    private func report() throws -> [String: Any] {
      let data = Data(directory.read("out").utf8)
      return try #require(
        try JSONSerialization.jsonObject(with: data) as? [String: Any], "\(directory.read("out"))")
    }

    private func number(_ name: String, of report: [String: Any]) throws -> Int {
      try #require(report[name] as? Int, "\(name) in \(report)")
    }

    /// In milliseconds.
    private func latency(_ name: String, of report: [String: Any], _ kind: String = "latency_us") throws
      -> Double
    {
      try #require((report[kind] as? [String: Double])?[name]) / 1000
    }

    @Test(arguments: [
      "", "-d 16 -z 1.1 -s 1-5000", "-m 20 -k 50 -w 30%", "-c 3 -d 4 -m 100 -s 20KiB -k 200",
      "-r 2000 -z 0.9 -w 50%",
    ])
    func rightServerHasNoMismatch(_ words: String) throws {
      let server = try Memcached()
      #expect(try run("-t 1 --json \(words)", server.address) == .exited(0), "\(directory.read("out"))")
      let report = try report()
      for name in ["mismatches", "stale", "misses", "connections_lost", "unanswered"] {
        #expect(try number(name, of: report) == 0, "\(name)")
      }
      let gets = try number("gets", of: report)
      #expect(try gets > 100 && number("sets", of: report) > 10)
      #expect(try number("hits", of: report) == gets * number("multiget", of: report))
      #expect((report["errors"] as? [String: Int])?.isEmpty == true)
      #expect(try latency("p50", of: report) > 0)
    }

    @Test func ringroadItselfHasNoMismatch() throws {
      let cluster = try Cluster()
      let end = try run("-t 2 -d 8 -m 10 -w 20% -s 1-3000 -z 1 --json", "127.0.0.1:\(cluster.proxy.port)")
      #expect(end == .exited(0), "\(directory.read("out"))")
      let report = try report()
      #expect(try number("mismatches", of: report) == 0 && number("stale", of: report) == 0)
    }

    @Test func unixSocketIsMeasuredToo() throws {
      let socket = directory.file("socket")
      let server = try Child(["memcached", "-s", socket, "-u", "root"])
      try #require(eventually(within: .seconds(5)) { FileManager.default.fileExists(atPath: socket) })
      #expect(try run("-t 1 -c 4", "unix:\(socket)") == .exited(0), "\(directory.read("out"))")
      #expect(directory.read("out").contains("every value was right"))
      #expect(server.ended() == nil)
    }

    /// All its keys expire, and it touches no others.
    @Test func everyKeyHasThePrefixAndExpires() throws {
      let server = try Memcached()
      #expect(try run("-t 1 -k 30", server.address) == .exited(0))
      let client = try server.client()
      try client.send("lru_crawler metadump all\r\n")
      var lines: [String] = []
      while let line = try? client.line(), line != "END" { lines.append(line) }
      #expect(lines.count == 30)
      let now = Int(Date().timeIntervalSince1970)
      for line in lines {
        #expect(line.hasPrefix("key=ringroad-bench%3A"))
        let expiry = line.split(separator: " ").compactMap { Int($0.dropFirst(4)) }.first ?? 0
        #expect(expiry > now + 300 && expiry < now + 700, "\(line)")
      }
    }

    @Test func oneCorruptedByteInAHundredThousandValuesIsReported() throws {
      let server = try Memcached()
      let relay = try Relay(to: server.port, corruptingOneIn: 100_000)
      let end = try run("-t 2 -c 4 -d 2 -m 100 -s 300 --json", "127.0.0.1:\(relay.port)")
      #expect(relay.values > 100_000 && relay.corrupted > 0, "\(relay.values) values in 2 s")
      #expect(end == .exited(1))
      let report = try report()
      #expect(try number("mismatches", of: report) == relay.corrupted)
      let example = (report["mismatch_examples"] as? [String])?.first ?? ""
      #expect(example.contains(/ringroad-bench:[0-9a-f]{8}:\d{8}: byte \d+ of 300 differs/), "\(example)")
    }

    @Test(arguments: ["", "-r 2000", "-d 8", "-c 1"])
    func stallOfASecondShowsInTheLatencies(_ words: String) throws {
      let server = try Memcached()
      let child = try start("-t 3 --json \(words)", server.address)
      pause(.milliseconds(1000))
      server.stop()
      pause(.milliseconds(1000))
      server.resume()
      #expect(child.end(within: .seconds(20)) == .exited(0), "\(directory.read("out"))")
      let report = try report()
      // Of three seconds one was lost: a third of all requests would have waited, half of them for 0.5 s and more.
      #expect(try latency("p99_9", of: report) > 800, "\(report)")
      #expect(try latency("p90", of: report) > 200, "\(report)")
      #expect(try latency("max", of: report) > 900 && latency("max", of: report) < 5000)
      #expect(try latency("p50", of: report, "measured_latency_us") < 500)
    }

    @Test func rateIsKept() throws {
      let server = try Memcached()
      #expect(try run("-t 2 -r 500 --json", server.address) == .exited(0))
      let report = try report()
      #expect(try number("requests", of: report) == 1000)
    }

    @Test func errorsAreCountedByTheirText() throws {
      let server = try FakeServer { line in
        if line.hasPrefix("get") { return FakeServer.Reply("SERVER_ERROR no server\r\n") }
        return line.hasPrefix("set") ? FakeServer.Reply("") : FakeServer.Reply("NOT_STORED\r\n")
      }
      // The value's bytes are read as lines by the fake server; values of one letter are none.
      let end = try run("-t 1 -c 2 -k 1 -s 1 -w 0%", server.address)
      let text = directory.read("out")
      #expect(end == .exited(0) && text.contains("SERVER_ERROR no server"), "\(text)")
      #expect(text.contains("NOT_STORED"), "\(text)")
    }

    @Test(
      arguments: [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as a memcached does; it is an HTTP server"),
        ("hello\r\n", "does not answer as a memcached does; is the port right?"),
        ("CLIENT_ERROR unauthenticated\r\n", "it wants a password"),
        ("ERROR Too many open connections\r\n", "it is at its connection limit"),
      ])
    func hostThatIsNoMemcachedIsNamed(_ answer: String, _ words: String) throws {
      let server = try FakeServer { _ in FakeServer.Reply(answer) }
      #expect(try run("-t 1", server.address) == .exited(3))
      let text = directory.read("out")
      #expect(text.hasPrefix("ringroad: \(server.address)") && text.contains(words), "\(text)")
      #expect(text.split(separator: "\n").count == 1)
    }

    @Test func serverThatClosesAtOnceIsNamed() throws {
      let server = try FakeServer { _ in FakeServer.Reply("", closes: true) }
      #expect(try run("-t 1", server.address) == .exited(3))
      #expect(directory.read("out").contains("closed the connection without an answer; is it a memcached"))
    }

    @Test func portWithoutAListenerIsNamed() throws {
      let port = try Ports.free()
      #expect(try run("-t 1", "127.0.0.1:\(port)") == .exited(3))
      #expect(directory.read("out").contains("127.0.0.1:\(port): Connection refused; nothing listens there"))
    }

    @Test func serverThatDiesEndsTheRunWithAReport() throws {
      let server = try Memcached()
      let child = try start("-t 10", server.address)
      pause(.milliseconds(800))
      server.kill()
      #expect(child.end(within: .seconds(5)) == .exited(3))
      let text = directory.read("out")
      #expect(text.contains("50   connections; the first: ") && text.contains("p99.9"), "\(text)")
    }

    @Test func garbageDuringTheRunIsAMismatch() throws {
      let server = try FakeServer { line in
        FakeServer.Reply(line.hasPrefix("get") && line.contains(":00000000") ? "END\r\n" : "garbage\r\n")
      }
      #expect(try run("-t 1 -c 1 -k 2", server.address) == .exited(1))
      let text = directory.read("out")
      #expect(text.contains("nothing was measured"), "\(text)")
      #expect(text.contains("a reply that is none of memcached's") && !text.contains("garbage"), "\(text)")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func interruptedRunPrintsItsReport(_ number: Int32) throws {
      let server = try Memcached()
      let child = try start("-t 60 --json", server.address)
      pause(.milliseconds(1000))
      child.signal(number)
      #expect(child.end(within: .seconds(5)) == .exited(0), "\(directory.read("out"))")
      let report = try report()
      #expect(report["interrupted"] as? Bool == true)
      #expect(try self.number("requests", of: report) > 100)
    }

    @Test func interruptWhileKeysAreFilledInMeasuresNothing() throws {
      let server = try FakeServer { FakeServer.Reply($0.hasPrefix("get") ? "END\r\n" : "") }
      let child = try start("-t 1", server.address)
      pause(.milliseconds(500))
      child.signal(SIGINT)
      #expect(child.end(within: .seconds(2)) == .exited(3))
      #expect(directory.read("out").contains("interrupted while the keys were filled in"))
    }

    @Test func secondInterruptEndsTheWaitForReplies() throws {
      let server = try Memcached()
      let child = try start("-t 60", server.address)
      pause(.milliseconds(1000))
      server.stop()
      child.signal(SIGINT)
      pause(.milliseconds(300))
      #expect(child.ended() == nil)
      child.signal(SIGINT)
      #expect(child.end(within: .seconds(1)) == .exited(3))
      #expect(directory.read("out").contains("requests without a reply"))
    }
  }
}
