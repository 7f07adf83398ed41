import Bytes
import Glibc
import Net
import Synchronization
import Testing

/// A server that is cut off when it is asked the next time after `takeOver`, and another's from then on.
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
  /// Names that mean another machine all of a sudden.
  @Suite(.enabled(if: hasMounts, "a mount namespace of its own takes root and unshare(1)"))
  struct TakeoverTests {
    private func config(_ port: UInt16, _ server: String, _ more: String = "") -> String {
      "listen: 127.0.0.1:\(port)\nthreads: 1\nservers: [\(server)]\n\(more)\n"
    }

    /// The old address is another memcached's at once, with values of its own.
    @Test func whoTookAnAddressOverIsAskedForNothing() throws {
      let stranger = TakenOver()
      let fake = try FakeServer { stranger.answer($0) }
      let next = try Memcached(ip: "127.0.0.3", port: fake.port)
      let proxy = try NamedProxy(hosts: "127.0.0.1 cache-a.test\n") {
        config($0, "cache-a.test:\(fake.port)")
      }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      #expect(try client.get("k")?.text == "mine")
      // A connection that has held for a second is made anew at once.
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

    /// Where nothing has changed a lost connection costs no more than a look at the name.
    @Test func aLostConnectionToANameThatStaysIsMadeAnewAtOnce() throws {
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

    /// However long the proxy would wait before it asks the old machine again.
    @Test func aNameThatMovesIsFollowedWithinTwoSecondsWhateverTheBackOff() throws {
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
      first.goOn()
    }
  }
}
