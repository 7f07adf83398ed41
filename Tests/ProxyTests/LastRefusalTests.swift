import Testing

@testable import Proxy

/// Deletions that were refused just before a server returned, after its journal was taken.
@Suite struct LastRefusalTests {
  /// The refused client tries again as soon as the server is up: the value that it then stores must stay.
  @Test(arguments: [1, 3])
  func refusedDeletesAreSentBeforeAnyLaterRequest(_ count: Int) {
    let rig = Rig()
    let keys = (0..<count).map { rig.key(on: "a", $0) }
    let c = rig.open()
    rig.set(.failFast, "a")
    for key in keys { rig.say(c, "delete \(key)") }
    _ = rig.got(c)
    rig.set(.up, "a")
    rig.say(c, "set \(keys[0]) 0 0 1", "y")
    let asked = rig.asked("a")
    #expect(asked.hasSuffix(lines("set \(keys[0]) 0 0 1", "y")))
    #expect(
      asked.dropLast(lines("set \(keys[0]) 0 0 1", "y").count).split(separator: "\r\n").sorted()
        == keys.map { "delete \($0)" }.sorted().map { Substring($0) })
    for _ in keys { rig.send(from: "a", lines("NOT_FOUND")) }
    rig.send(from: "a", lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    #expect(rig.held(against: "a") == [])
  }

  /// If that fails too, the key is in doubt like any other.
  @Test func aFailedDeleteByTheProxyIsInDoubt() {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.failFast, "a")
    rig.say(rig.open(), "delete \(key)")
    rig.set(.up, "a")
    #expect(rig.asked("a") == lines("delete \(key)"))
    rig.lose("a")
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == [key])
  }

  @Test func manyOrBinaryRefusedKeysAreHandedOver() {
    var rig = Rig(["a"])
    rig.set(.failFast, "a")
    let c = rig.open()
    for n in 0..<300 { rig.say(c, "delete k\(n)") }
    rig.set(.up, "a")
    #expect(rig.asked("a") == "" && rig.held(against: "a").count == 300)
    rig = Rig(["a"])
    rig.set(.failFast, "a")
    rig.say(rig.open(), "md aGVsbG8gd29ybGQ= b")
    rig.set(.up, "a")
    #expect(rig.asked("a") == "" && rig.held(against: "a") == ["hello world"])
  }

  /// memcached cancels a flush when one with a delay follows.
  @Test func aServerFlushedOnItsReturnGetsNoDelayedFlush() {
    let rig = Rig()
    rig.set(.ejected, "a")
    rig.worker.set(.up, of: Fleet.id(of: "a"), wasFlushed: true, now: rig.now)
    rig.settle()
    rig.say(rig.open(), "flush_all 10")
    #expect(rig.asked("a") == "flush_all\r\n")
    #expect(rig.asked("b") == "flush_all 10\r\n")
  }
}
