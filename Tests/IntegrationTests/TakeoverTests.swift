import Bytes
import Glibc
import Net
import Synchronization
import Testing

/// A server that closes the connection on the next request after `takeOver`, and afterwards answers as another
/// server.
private final class TakenOver: Sendable {
  private let phase = Atomic<Int>(0)

  func takeOver() { phase.store(1, ordering: .sequentiallyConsistent) }

  func answer(_ line: String) -> FakeServer.Reply {
    if phase.compareExchange(expected: 1, desired: 2, ordering: .sequentiallyConsistent).exchanged {
      return FakeServer.Reply("", closes: true)
    }
    if line == "version" { return FakeServer.Reply("VERSION 1.6.18\r\n") }
    guard line.hasPrefix("get ") else { return FakeServer.Reply("ERROR\r\n") }
    let value = phase.load(ordering: .sequentiallyConsistent) == 0 ? "mine" : "else"
    let key = line.split(whereSeparator: \.isWhitespace)[1]
    return FakeServer.Reply("VALUE \(key) 0 4\r\n\(value)\r\nEND\r\n")
  }
}

extension Integration {
  /// Server names that suddenly resolve to another machine.
  @Suite(.enabled(if: hasMounts, "a mount namespace of its own takes root and unshare(1)"))
  struct TakeoverTests {
    private func config(_ port: UInt16, _ server: String, _ more: String = "") -> String {
      "listen: 127.0.0.1:\(port)\nthreads: 1\nservers: [\(server)]\n\(more)\n"
    }

    /// At once another memcached, with other values, answers at the old address.
    @Test func serverThatTookOverAnAddressReceivesNoRequest() throws {
      let stranger = TakenOver()
      let fake = try FakeServer { stranger.answer($0) }
      let next = try Memcached(ip: "127.0.0.3", port: fake.port)
      let proxy = try NamedProxy(hosts: "127.0.0.1 cache-a.test\n") {
        config($0, "cache-a.test:\(fake.port)")
      }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      #expect(try client.get("k")?.text == "mine")
      // A connection that lasted for a second is reopened at once.
      pause(.milliseconds(1200))
      try proxy.hosts("127.0.0.3 cache-a.test\n")
      stranger.takeOver()
      let start = Clock.now()
      var foreign = 0
      let hasMoved = eventually(within: .seconds(5)) {
        if (try? client.get("k"))??.text == "else" { foreign += 1 }
        return (try? client.set("moved", "v")) == "STORED"
      }
      #expect(hasMoved, "\(proxy.log)")
      #expect(Clock.now().since(start) < .seconds(2))
      #expect(foreign == 0)
      #expect(try next.client().get("moved")?.text == "v")
      #expect(!proxy.log.contains("server down"), "\(proxy.log)")
    }

    /// If the address is unchanged, a lost connection costs no more than one lookup.
    @Test func lostConnectionIsReopenedAtOnceIfTheNameIsUnchanged() throws {
      let stranger = TakenOver()
      let fake = try FakeServer { stranger.answer($0) }
      let proxy = try NamedProxy(hosts: "127.0.0.1 cache-a.test\n") {
        config($0, "cache-a.test:\(fake.port)")
      }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      #expect(try client.get("k")?.text == "mine")
      pause(.milliseconds(1200))
      stranger.takeOver()
      let start = Clock.now()
      #expect(eventually(within: .seconds(3)) { (try? client.get("k"))??.text == "else" })
      #expect(Clock.now().since(start) < .milliseconds(500))
      #expect(!proxy.log.contains("server down"), "\(proxy.log)")
    }

    /// Even if the next probe of the old machine is due much later.
    @Test func movedServerNameIsFollowedWithinTwoSecondsDespiteBackoff() throws {
      let first = try Memcached(ip: "127.0.0.2")
      let second = try Memcached(ip: "127.0.0.3", port: first.port)
      let proxy = try NamedProxy(hosts: "127.0.0.2 cache-a.test\n") {
        config($0, "cache-a.test:\(first.port)", "probe_interval: 20s")
      }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      #expect(try client.set("k", "v") == "STORED")
      first.stop()
      #expect(
        eventually(within: .seconds(8)) {
          _ = try? client.get("k")
          return proxy.log.contains("server down")
        })
      pause(.seconds(2))
      try proxy.hosts("127.0.0.3 cache-a.test\n")
      let moved = Clock.now()
      #expect(eventually(within: .seconds(6)) { (try? client.set("k", "w")) == "STORED" })
      #expect(Clock.now().since(moved) < .seconds(2))
      #expect(try second.client().get("k")?.text == "w")
      first.resume()
    }
  }
}
