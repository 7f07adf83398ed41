import Bytes
import Foundation
import Glibc
import Net
import Testing

/// Whether this process may give a child its own hosts file and resolver.
let hasMounts: Bool = {
  guard getuid() == 0, let child = try? Child(["unshare", "-m", "true"]) else { return false }
  return child.end(within: .seconds(5)) == .exited(0)
}()

/// A proxy with an `/etc/hosts` and an `/etc/resolv.conf` of the test, and by default a resolver that never answers.
final class NamedProxy {
  let directory: Directory
  let port: UInt16
  let child: Child
  let silence: SilentResolver

  init(hosts: String, _ config: (UInt16) -> String) throws {
    directory = try Directory()
    silence = try SilentResolver()
    port = try Ports.free()
    let files = directory
    try Proxy.write(hosts, to: files.file("hosts"))
    try Proxy.write("nameserver \(silence.ip)\noptions timeout:5 attempts:2\n", to: files.file("resolv.conf"))
    try Proxy.write(config(port), to: files.file("ringroad.yml"))
    let script = """
      mount --bind \(files.file("hosts")) /etc/hosts && mount --bind \(files.file("resolv.conf")) /etc/resolv.conf \
      && exec \(try Programs.ringroad()) --config \(files.file("ringroad.yml"))
      """
    child = try Child(["unshare", "-m", "sh", "-c", script], output: files.file("log"))
  }

  var log: String { directory.read("log") }
  func client() throws -> TextClient { try TextClient(port: port) }
  func numbers() throws -> [String: String] { try client().stats("ringroad") }
  func number(_ name: String) throws -> Int { Int(try numbers()[name] ?? "") ?? -1 }

  /// Writes in place: the mount shows the same file.
  func hosts(_ text: String) throws { try Self.overwrite(directory.file("hosts"), text) }
  func config(_ text: String) throws { try Self.overwrite(directory.file("ringroad.yml"), text) }

  private static func overwrite(_ path: String, _ text: String) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.truncate(atOffset: 0)
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
  }

  func isUp(within limit: Duration) -> Bool {
    eventually(within: limit) { (try? self.client().ask("mn")) == "MN" }
  }
}

/// A name server's socket that receives queries and answers none.
final class SilentResolver {
  let ip: String
  private let descriptor: Int32

  init() throws {
    ip = "127.77.\(Int.random(in: 0..<250)).\(Int.random(in: 1..<250))"
    descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(53).bigEndian
    let (text, socket) = (ip, descriptor)
    // SAFETY: a C string and a structure of this frame, valid during the calls.
    let code = unsafe withUnsafeMutablePointer(to: &address) { address in
      unsafe inet_pton(AF_INET, text, &address.pointee.sin_addr)
      return unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else { throw SystemError.last("bind \(ip):53") }
  }

  deinit { close(descriptor) }
}

extension Integration {
  @Suite(.enabled(if: hasMounts, "a mount namespace of its own takes root and unshare(1)"))
  struct NameTests {
    /// Two servers with the same port on two loopback addresses.
    private func twins() throws -> (Memcached, Memcached, UInt16) {
      let first = try Memcached(ip: "127.0.0.2")
      let second = try Memcached(ip: "127.0.0.3", port: first.port)
      return (first, second, first.port)
    }

    private func config(_ port: UInt16, _ servers: [String], _ more: String = "") -> String {
      "listen: 127.0.0.1:\(port)\nthreads: 2\nservers: [\(servers.joined(separator: ", "))]\n\(more)\n"
    }

    @Test func serverIsFollowedToItsNewAddressWithoutALostRequest() throws {
      let (first, second, port) = try twins()
      let proxy = try NamedProxy(hosts: "127.0.0.2 cache-a.test\n") { config($0, ["cache-a.test:\(port)"]) }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      #expect(try client.set("k", "first") == "STORED")
      #expect(try first.client().get("k")?.text == "first")
      try proxy.hosts("127.0.0.3 cache-a.test\n")
      proxy.child.signal(SIGHUP)
      var answered = 0
      let hasMoved = eventually(within: .seconds(3)) {
        answered += 1
        return (try? client.set("k\(answered)", "v")) == "STORED"
          && (try? second.client().get("k\(answered)")) != nil
      }
      #expect(hasMoved)
      #expect(try proxy.number("address_changes") == 1)
      #expect(try proxy.number("server_errors") == 0 && proxy.number("reads_as_misses") == 0)
      let change = "server=cache-a.test:\(port) from=127.0.0.2:\(port) to=127.0.0.3:\(port)"
      let line = "server address changed \(change)"
      #expect(eventually(within: .seconds(2)) { proxy.log.contains(line) })
    }

    @Test func nameOfAFailedServerIsLookedUpAgain() throws {
      let (first, second, port) = try twins()
      let proxy = try NamedProxy(hosts: "127.0.0.2 cache-a.test\n") {
        config($0, ["cache-a.test:\(port)"], "probe_interval: 300ms")
      }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      #expect(try client.set("k", "v") == "STORED")
      try proxy.hosts("127.0.0.3 cache-a.test\n")
      first.kill()
      let killed = Clock.now()
      #expect(eventually(within: .seconds(5)) { (try? client.set("k", "v")) == "STORED" })
      #expect(Clock.now().since(killed) < .milliseconds(2500))
      withExtendedLifetime(second) {}
    }

    /// Like `localhost`, which has two addresses although a server often listens on only one.
    @Test func serverNameWithSeveralAddressesUsesOneThatAnswers() throws {
      let server = try Memcached(ip: "127.0.0.4")
      let proxy = try NamedProxy(hosts: "127.0.0.5 c.test\n127.0.0.6 c.test\n127.0.0.4 c.test\n") {
        config($0, ["c.test:\(server.port)"])
      }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      #expect(eventually(within: .milliseconds(800)) { (try? client.set("k", "v")) == "STORED" })
      #expect(!proxy.log.contains("server down"))
    }

    /// Without an address to listen on the proxy cannot start; a silent resolver delays that error only briefly.
    @Test func unresolvedListenerNameEndsTheStartWithAnError() throws {
      let begin = Clock.now()
      let proxy = try NamedProxy(hosts: "127.0.0.1 localhost\n") { port in
        "listen: lost.test:\(port)\nservers: [127.0.0.1:1]\n"
      }
      #expect(proxy.child.end(within: .seconds(8)) == .exited(1))
      let took = Clock.now().since(begin)
      #expect((.seconds(2)...(.milliseconds(3500))).contains(took), "it took \(took)")
      #expect(proxy.log.contains("cannot listen on lost.test:\(proxy.port): no address"), "\(proxy.log)")
    }

    @Test func silentResolverDelaysOnlyTheStart() throws {
      let (lost, gone) = ("lost.test:11211", "gone.test:11211")
      let server = try Memcached()
      let begin = Clock.now()
      let proxy = try NamedProxy(hosts: "127.0.0.1 localhost\n") {
        config($0, [lost, server.address], "floor: 0%")
      }
      #expect(proxy.isUp(within: .seconds(8)))
      let took = Clock.now().since(begin)
      #expect((.seconds(2)...(.milliseconds(3500))).contains(took), "the start took \(took)")
      let client = try proxy.client()
      let keys = (0..<200).map { "k\($0)" }
      // The keys of lost.test go to the other server.
      #expect(
        eventually(within: .seconds(2)) { keys.allSatisfy { (try? client.set($0, "v")) == "STORED" } })
      #expect(try proxy.numbers()["server:main:\(lost)"] == "ejected")
      // A third server takes keys from the others, lost.test's stand-ins among them, and the copies they have of
      // these keys are deleted. The keys of lost.test for which it does not become the stand-in stay where they are.
      let owners = try Proxy.route(["--servers", "\(lost),\(gone),\(server.address)"], keys)
      let standIns = try Proxy.route(["--servers", "\(gone),\(server.address)"], keys)
      let kept = try #require(keys.first { owners[$0] == lost && standIns[$0] == server.address })
      let taken = try #require(keys.first { owners[$0] == gone })
      // A reload with another name that does not resolve: meanwhile clients are still accepted and served.
      try proxy.config(config(proxy.port, [lost, gone, server.address], "floor: 0%"))
      var slowest = Duration.zero
      let deadline = Clock.now().advanced(by: .seconds(4))
      while Clock.now() < deadline {
        let start = Clock.now()
        let value = try proxy.client().get(kept)
        slowest = max(slowest, Clock.now().since(start))
        #expect(value?.text == "v", "whoever is not found is out of the ring")
        guard value != nil else { break }
        pause(.milliseconds(5))
      }
      #expect(slowest < .milliseconds(300), "a new client waited for \(slowest)")
      #expect(try proxy.number("reloads") == 1)
      // The new server has not answered: the others have its keys.
      #expect(try proxy.numbers()["server:main:\(gone)"] == "joining", "\(proxy.log)")
      #expect(eventually(within: .seconds(1)) { (try? client.set(taken, "w")) == "STORED" })
      #expect(try client.get(taken)?.text == "w")
      #expect(try server.client().get(taken)?.text == "w")
      // Now the names resolve.
      try proxy.hosts("127.0.0.1 localhost lost.test gone.test\n")
      #expect(eventually(within: .seconds(20)) { proxy.log.contains("host found again") })
    }

    /// A resolved address stays in use when the name disappears.
    @Test func serverNameThatDisappearsKeepsItsLastAddress() throws {
      let server = try Memcached()
      let proxy = try NamedProxy(hosts: "127.0.0.1 cache-a.test\n") {
        config($0, ["cache-a.test:\(server.port)"])
      }
      #expect(proxy.isUp(within: .seconds(5)))
      let client = try proxy.client()
      try proxy.hosts("127.0.0.1 localhost\n")
      proxy.child.signal(SIGHUP)
      let isSaid = eventually(within: .seconds(25)) {
        (try? client.set("k", "v")) != "STORED" || proxy.log.contains("host not found")
      }
      #expect(isSaid)
      #expect(try client.set("k", "v") == "STORED")
      #expect(try proxy.number("host_lookup_failures") == 1)
    }
  }
}
