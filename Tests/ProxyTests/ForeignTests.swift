import Testing

@testable import Proxy

/// Clients of other protocols: those that would wait for ever are closed, the others get memcached's errors.
@Suite struct ForeignTests {
  static let foreign: [(bytes: [UInt8], ClientEvent.Kind)] = [
    ([0x80], .spokeBinary),
    ([0x80, 0x0b] + [UInt8](repeating: 0, count: 22), .spokeBinary),
    ([0x80, 0x21, 0, 5] + Array("PLAIN\r\nget a\r\n".utf8), .spokeBinary),
    ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01] + [UInt8](repeating: 7, count: 512), .spokeTLS),
    ([0x16, 0x03], .spokeTLS),
    (Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), .spokeHTTP),
    (Array("POST /x HTTP/1.0\r\n\r\nset a 0 0 1\r\nx\r\n".utf8), .spokeHTTP),
    ([UInt8](repeating: 120, count: 2049), .sentLineWithoutEnd),
    ([UInt8](repeating: 120, count: 3000) + [13, 10], .sentLineWithoutEnd),
  ]

  @Test(arguments: foreign)
  func aForeignClientIsClosedAtOnceAndCountedOnce(_ bytes: [UInt8], kind: ClientEvent.Kind) {
    let rig = Rig(["a"])
    let c = rig.open()
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe rig.worker.clientReceived(c, bytes.span.bytes, now: rig.now)
    rig.settle()
    #expect(rig.closed == [c])
    #expect(rig.count(.foreignClients) == 1)
    #expect(rig.clientEvents() == [ClientEvent(kind, by: c)])
    #expect(rig.asked("a") == "")
    #expect(rig.leak == nil)
  }

  /// Behind another request they are bytes like any other: memcached checks only a connection's first byte.
  @Test(arguments: [[0x80, 0x0b], [0x16, 0x03]] as [[UInt8]])
  func foreignBytesBehindARequestAreAnUnknownCommand(_ bytes: [UInt8]) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "mn")
    let line = bytes + [13, 10]
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe rig.worker.clientReceived(c, line.span.bytes, now: rig.now)
    rig.settle()
    #expect(rig.got(c) == lines("MN", "ERROR"))
    #expect(rig.closed.isEmpty && rig.count(.foreignClients) == 0)
  }

  @Test func redisCommandsAreAnsweredWithErrors() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "*1", "$4", "PING", "PING")
    #expect(rig.got(c) == lines("ERROR", "ERROR", "ERROR", "ERROR"))
  }
}
