import Bytes
import Stats
import Testing

@testable import Proxy

/// Multi-gets with values that do not fit in memory, and replies that take longer than a deadline.
@Suite struct LargeMultiGetTests {
  private static func value(_ key: String, _ count: Int) -> String {
    "VALUE \(key) 0 \(count)\r\n" + String(repeating: "v", count: count) + "\r\n"
  }

  /// A rig that can buffer 400 bytes, and in which 100 bytes are large.
  private func rig(
    _ names: [String] = ["a"], worthCutting: Int = 500,
    _ change: (inout Fleet.Options) -> Void = { _ in }
  ) -> Rig {
    var limits = Limits()
    limits.held = 50
    limits.heldLeast = 50
    limits.large = 100
    limits.small = 10
    limits.worthCutting = worthCutting
    limits.worthCuttingSingle = 4000
    return Rig(names, limits: limits, change)
  }

  /// A client that received large values last.
  private static func clientOfLargeValues(_ rig: Rig) -> Ref<Client> {
    let c = rig.open()
    rig.say(c, "get x y")
    _ = rig.asked("a")
    rig.send(from: "a", value("x", 45) + value("y", 45) + "END\r\n")
    _ = rig.got(c)
    return c
  }

  // MARK: - Deadlines

  /// A server that keeps delivering is not late, however long it takes.
  @Test func aMultiGetIsNotLateWhileItsValuesKeepArriving() {
    let rig = Rig(["a"])
    let (c, d) = (rig.open(), rig.open())
    let keys = (0..<10).map { "k\($0)" }
    rig.say(c, "get " + keys.joined(separator: " "))
    _ = rig.asked("a")
    rig.say(d, "set x 0 0 1", "v")
    _ = rig.asked("a")
    for key in keys {
      rig.advance(.milliseconds(300))
      rig.send(from: "a", Self.value(key, 5))
    }
    #expect(rig.got(c) == "" && rig.got(d) == "" && rig.events().isEmpty)
    rig.advance(.milliseconds(300))
    rig.send(from: "a", "END\r\n")
    #expect(rig.got(c) == keys.map { Self.value($0, 5) }.joined() + "END\r\n")
    // The deadline of the request behind it starts now.
    rig.advance(.milliseconds(150))
    rig.send(from: "a", "STORED\r\n")
    #expect(rig.got(d) == "STORED\r\n")
    #expect(rig.count(.timeouts) == 0)
  }

  @Test func aMultiGetIsLateAfterADeadlineWithoutAValue() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x y z")
    _ = rig.asked("a")
    for key in ["x", "y"] {
      rig.advance(.milliseconds(300))
      rig.send(from: "a", Self.value(key, 5))
    }
    for _ in 0..<49 { rig.advance(.milliseconds(10)) }
    #expect(rig.got(c) == "")
    rig.advance(.milliseconds(20))
    #expect(rig.got(c) == Self.value("x", 5) + Self.value("y", 5) + "END\r\n")
    #expect(rig.count(.readsAsMisses) == 1)
    #expect(rig.worker.serverNumbers.map(\.tally.readsAsMisses) == [1])
  }

  /// A value that drips is subject to the deadline; one of more than a few kilobytes per deadline is not.
  @Test(arguments: [(10, true), (1000, false)])
  func aLargeValueIsLateOnlyIfItDrips(_ perTick: Int, _ isLate: Bool) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE x 0 100000\r\n")
    for _ in 0..<90 {
      rig.advance(.milliseconds(10))
      rig.send(from: "a", String(repeating: "v", count: perTick))
    }
    #expect(rig.got(c) == (isLate ? "END\r\n" : ""))
    #expect((rig.count(.timeouts) == 1) == isLate)
  }

  // MARK: - Replies that do not fit

  /// More than fits, and much more to come: the connection is closed, and the rest is requested key by key.
  @Test func aMultiGetReplyThatDoesNotFitIsCutShort() throws {
    let rig = rig()
    let (c, d) = (rig.open(), rig.open())
    let keys = (0..<30).map { "k\($0)" }
    let l = rig.connection("a")
    rig.say(c, "get " + keys.joined(separator: " "))
    rig.say(d, "get other")
    _ = rig.asked("a")
    rig.send(from: "a", keys.prefix(10).map { Self.value($0, 45) }.joined())
    #expect(rig.effects.contains(.disconnect(connection: l)))
    #expect(rig.count(.repliesCutShort) == 1 && rig.count(.serverConnectionsLost) == 0)
    // The other read uses the next connection.
    #expect(rig.asked("a") == lines("get other"))
    rig.send(from: "a", lines("END"))
    #expect(rig.got(d) == lines("END"))
    var given = ""
    for key in keys {
      given += rig.got(c)
      guard let p = rig.privateConnections.first else { continue }
      let asked = rig.asked(p)
      if asked.isEmpty { continue }
      #expect(asked.hasPrefix("get k"))
      let name = asked.dropFirst(4).dropLast()
      rig.send(from: p, Self.value(String(name), 45) + "END\r\n")
      _ = key
    }
    while let p = rig.privateConnections.first {
      let name = rig.asked(p).dropFirst(4).dropLast()
      rig.send(from: p, Self.value(String(name), 45) + "END\r\n")
      given += rig.got(c)
    }
    given += rig.got(c)
    #expect(given == keys.map { Self.value($0, 45) }.joined() + "END\r\n")
    #expect(rig.events().isEmpty)
    rig.hangUp(c)
    rig.hangUp(d)
    #expect(rig.leak == nil)
  }

  /// A write behind it has been sent, so the reply is read to its end.
  @Test func aMultiGetReplyBeforeAWriteIsNotCutShort() {
    let rig = rig()
    let (c, d) = (rig.open(), rig.open())
    let keys = (0..<30).map { "k\($0)" }
    rig.say(c, "get " + keys.joined(separator: " "))
    rig.say(d, "incr n 1")
    _ = rig.asked("a")
    rig.send(from: "a", keys.map { Self.value($0, 45) }.joined() + "END\r\n7\r\n")
    #expect(rig.got(d) == lines("7"))
    #expect(rig.count(.repliesCutShort) == 0)
  }

  /// The server has large values and the client is unknown: the first two keys are requested alone.
  @Test(arguments: [(5, true), (45, false)])
  func theFirstTwoValuesDecideHowTheRestIsRequested(_ size: Int, _ isSmall: Bool) {
    let rig = rig()
    let (c, d) = (rig.open(), rig.open())
    rig.say(d, "get large")
    rig.reply("a", "VALUE large 0 200")
    rig.send(from: "a", String(repeating: "v", count: 200) + "\r\nEND\r\n")
    let keys = (0..<12).map { "k\($0)" }
    rig.say(c, "get " + keys.joined(separator: " "), "mn")
    #expect(rig.asked("a") == lines("get k0 k1"))
    rig.send(from: "a", Self.value("k0", size) + Self.value("k1", size) + "END\r\n")
    if isSmall {
      #expect(rig.asked("a") == lines("get " + keys.dropFirst(2).joined(separator: " ")))
      rig.send(from: "a", keys.dropFirst(3).map { Self.value($0, size) }.joined() + "END\r\n")
      #expect(
        rig.got(c) == (keys.prefix(2) + keys.dropFirst(3)).map { Self.value($0, size) }.joined()
          + "END\r\nMN\r\n")
      rig.say(c, "get " + keys.joined(separator: " "))
      #expect(rig.asked("a") == lines("get " + keys.joined(separator: " ")), "the value size is known now")
    } else {
      #expect(rig.asked("a") == "")
      #expect(rig.count(.streamedValues) >= 1)
    }
  }

  /// The reply to the first keys is cut short, as another server's values do not fit: the rest of the share has not been
  /// asked for yet, and is asked for key by key as well.
  @Test func theRestOfAShareWhoseFirstKeysAreCutShortIsAskedFor() {
    let rig = rig(["a", "b"], worthCutting: 100)
    let (c, d) = (rig.open(), rig.open())
    let (a, b) = ((0..<2).map { rig.key(on: "a", $0) }, (0..<5).map { rig.key(on: "b", $0) })
    // Server b has large values.
    rig.say(d, "get \(b[0])")
    rig.reply("b", "VALUE \(b[0]) 0 200")
    rig.send(from: "b", String(repeating: "v", count: 200) + "\r\nEND\r\n")
    rig.hangUp(d)
    rig.say(c, "get " + (a + b).joined(separator: " "))
    #expect(rig.asked("a") == lines("get " + a.joined(separator: " ")))
    #expect(rig.asked("b") == lines("get " + b.prefix(2).joined(separator: " ")))
    rig.send(from: "a", Self.value(a[0], 45) + "VALUE \(a[1]) 0 200\r\n")
    rig.send(from: "a", String(repeating: "v", count: 200) + "\r\nEND\r\n")
    rig.send(from: "b", "VALUE")
    #expect(rig.count(.repliesCutShort) == 1)
    var given = rig.got(c)
    while let p = rig.privateConnections.first {
      let key = String(rig.asked(p).dropFirst(4).dropLast(1))
      rig.send(from: p, Self.value(key, 45) + "END\r\n")
      given += rig.got(c)
    }
    #expect(given == (a + b).map { Self.value($0, 45) }.joined() + "END\r\n")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// If a server's share of a multi-get fails, the part not yet requested fails as well.
  @Test func theRestOfAFailedShareOfAMultiGetFails() {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "get large")
    rig.reply("a", "VALUE large 0 200")
    let d = rig.open()
    rig.say(d, "get x y z w")
    _ = rig.asked("a")
    rig.lose("a")
    #expect(rig.got(d) == lines("END"))
    #expect(rig.count(.readsAsMisses) >= 4)
    rig.hangUp(c)
    rig.hangUp(d)
    #expect(rig.leak == nil)
  }

  /// A client that last received values too large to buffer gets each value when its turn has come.
  @Test func aClientOfLargeValuesGetsThemOneByOne() {
    let rig = rig()
    let c = Self.clientOfLargeValues(rig)
    let keys = (0..<30).map { "k\($0)" }
    rig.say(c, "get " + keys.joined(separator: " "))
    #expect(rig.asked("a") == "")
    var given = ""
    while let p = rig.privateConnections.first {
      let name = rig.asked(p).dropFirst(4).dropLast()
      rig.send(from: p, Self.value(String(name), 45) + "END\r\n")
      given += rig.got(c)
    }
    #expect(given == keys.map { Self.value($0, 45) }.joined() + "END\r\n")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A deletion is promised on the connection that answers the client's request before: the key of the deletion is a miss,
  /// and the other keys are requested.
  @Test(arguments: ["mg y v", "get y"])
  func largeValuesAreAskedForBesideAPromisedDeletion(_ before: String) {
    let rig = rig { $0.writesMissOnFailure = true }
    let c = Self.clientOfLargeValues(rig)
    let d = rig.open()
    rig.say(d, "get w", "set x 0 0 1", "v")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.send(from: "a", lines("END"))
    #expect(rig.got(d) == lines("END"))
    let keys = ["x"] + (0..<30).map { "k\($0)" }
    rig.say(c, before, "get " + keys.joined(separator: " "))
    let asked = rig.asked("a")
    rig.advance(.milliseconds(300))
    #expect(rig.got(d) == lines("NOT_STORED"))
    #expect(rig.asked("a") == lines("delete x"))
    #expect(rig.privateConnections.isEmpty)
    let opaque = asked.split(separator: " ").last?.dropLast(1) ?? ""
    let answer = before.hasPrefix("mg") ? lines("VA 1 \(opaque)", "v") : lines("VALUE y 0 1", "v", "END")
    rig.send(from: "a", lines("STORED") + answer)
    var given = rig.got(c)
    while let p = rig.privateConnections.first {
      let key = String(rig.asked(p).dropFirst(4).dropLast())
      rig.send(from: p, Self.value(key, 45) + "END\r\n")
      given += rig.got(c)
    }
    let own = before.hasPrefix("mg") ? lines("VA 1", "v") : lines("VALUE y 0 1", "v", "END")
    #expect(given == own + keys.dropFirst().map { Self.value($0, 45) }.joined() + "END\r\n")
    rig.hangUp(c)
    rig.hangUp(d)
    rig.send(from: "a", lines("NOT_FOUND"))
    #expect(rig.leak == nil)
  }

  /// A value that does not arrive is counted as a miss, once for the proxy and once for its server.
  @Test func largeValuesThatDoNotArriveAreCountedAsMisses() {
    let rig = rig()
    let c = Self.clientOfLargeValues(rig)
    rig.say(c, "get " + (0..<30).map { "k\($0)" }.joined(separator: " "))
    var expected = ""
    for n in 0..<30 {
      guard let p = rig.privateConnections.first else { break }
      #expect(rig.asked(p) == lines("get k\(n)"))
      switch n {
      case 3: rig.advance(.milliseconds(500))
      case 5: rig.lose(connection: p)
      case 7: rig.send(from: p, lines("SERVER_ERROR out of memory"))
      default:
        expected += Self.value("k\(n)", 45)
        rig.send(from: p, Self.value("k\(n)", 45) + "END\r\n")
      }
    }
    #expect(rig.got(c) == expected + "END\r\n")
    #expect(rig.count(.timeouts) == 1 && rig.count(.readsAsMisses) == 3)
    #expect(
      rig.worker.dispatcher.upstream.servers[
        rig.worker.dispatcher.upstream.connections[rig.connection("a")].server
      ].counts.tally.readsAsMisses
        == 3)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A noreply write is in flight: a read on another connection might be answered before it.
  @Test(arguments: ["set k3 0 0 1 noreply\r\nv\r\n", "delete k3 noreply\r\n", "flush_all noreply\r\n"])
  func aLargeMultiGetIsAnsweredAfterTheClientsNoreplyWrites(_ write: String) throws {
    let rig = rig()
    let c = Self.clientOfLargeValues(rig)
    let keys = (0..<30).map { "k\($0)" }
    rig.send(c, write)
    rig.say(c, "get " + keys.joined(separator: " "))
    #expect(rig.privateConnections.isEmpty)
    let asked = rig.asked("a")
    #expect(asked == write.replacing(" noreply", with: "") + lines("get " + keys.joined(separator: " ")))
    let done = write.hasPrefix("set") ? "STORED" : write.hasPrefix("delete") ? "DELETED" : "OK"
    rig.send(from: "a", lines(done, "END"))
    #expect(rig.got(c) == lines("END"))
    // Nothing is in flight any more.
    rig.say(c, "get " + keys.joined(separator: " "))
    #expect(rig.asked("a") == "" && !rig.privateConnections.isEmpty)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }
}
