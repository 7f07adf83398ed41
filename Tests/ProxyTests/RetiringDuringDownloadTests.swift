import Bytes
import Testing

@testable import Proxy

/// Connections that are no longer needed while a large value is on its way from the same server.
@Suite struct RetiringDuringDownloadTests {
  private let long = String(repeating: "v", count: 1000)

  private var limits: Limits {
    var limits = Limits()
    (limits.held, limits.heldLeast, limits.ahead) = (100, 100, 200)
    return limits
  }

  /// Begins a download from server a and returns its connection; ten bytes of the value have arrived.
  private func download(_ key: String, _ c: Ref<Client>, _ rig: Rig) throws -> Ref<ServerConnection> {
    let before = Set(rig.privateConnections)
    rig.say(c, "get \(key)")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE \(key) 0 1000\r\n\(long)")
    rig.send(from: "a", "\r\nEND\r\n")
    let own = try #require(rig.privateConnections.first { !before.contains($0) })
    _ = rig.asked(own)
    rig.send(from: own, "VALUE \(key) 0 1000\r\n\(long.prefix(10))")
    return own
  }

  @Test func aReplacedConnectionIsClosed() throws {
    let rig = Rig(["a"], limits: limits)
    let (c, other) = (rig.open(), rig.open())
    _ = try download("k", c, rig)
    let old = rig.connection("a")
    rig.say(other, "get j")
    _ = rig.asked("a")
    rig.relocate("a")
    #expect(rig.connection("a") != old)
    rig.send(from: old, lines("END"))
    #expect(rig.got(other) == lines("END"))
    rig.tick()
    #expect(!rig.isOpen(connection: old))
  }

  @Test func closedPrivateConnectionsAreReleased() throws {
    let rig = Rig(["a"], limits: limits)
    _ = try download("k", rig.open(), rig)
    for _ in 0..<50 {
      let c = rig.open()
      _ = try download("k", c, rig)
      rig.hangUp(c)
      rig.tick()
    }
    #expect(rig.connectionCount <= 3)
  }

  /// Its slot is given to no other server until the value has arrived.
  @Test func aRemovedServersConnectionIsClosed() throws {
    let rig = Rig(["a", "b"], limits: limits)
    let c = rig.open()
    let key = rig.key(on: "a")
    let own = try download(key, c, rig)
    let shared = rig.connection("a")
    rig.apply(["b"], limits: limits)
    rig.tick()
    #expect(!rig.isOpen(connection: shared))
    rig.apply(["b", "c"], limits: limits)
    rig.send(from: own, lines("\(long.dropFirst(10))", "END"))
    #expect(rig.got(c) == lines("VALUE \(key) 0 1000", long, "END"))
  }
}
