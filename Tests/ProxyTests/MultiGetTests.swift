import Testing
import Wire

@testable import Proxy

@Suite struct MultiGetTests {
  @Test func aMultiGetAsksEachServerOnceAndReturnsValuesInKeyOrder() {
    let rig = Rig()
    let c = rig.open()
    let (a1, a2) = (rig.key(on: "a", 0), rig.key(on: "a", 1))
    let (b1, c1) = (rig.key(on: "b"), rig.key(on: "c"))
    rig.say(c, "get \(b1) \(a1) \(c1) \(a2)")
    #expect(rig.asked("a") == lines("get \(a1) \(a2)"))
    #expect(rig.asked("b") == lines("get \(b1)"))
    #expect(rig.asked("c") == lines("get \(c1)"))
    rig.reply("a", "VALUE \(a1) 0 2", "a1", "VALUE \(a2) 0 2", "a2", "END")
    rig.reply("c", "VALUE \(c1) 0 2", "c1", "END")
    #expect(rig.waiting(for: c) == "")
    rig.reply("b", "VALUE \(b1) 0 2", "b1", "END")
    #expect(
      rig.got(c)
        == lines(
          "VALUE \(b1) 0 2", "b1", "VALUE \(a1) 0 2", "a1", "VALUE \(c1) 0 2", "c1",
          "VALUE \(a2) 0 2", "a2", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Words behind a NUL, and keys with a CR, are not requested; nothing of them reaches a server.
  @Test(arguments: ["get k1 k2\0x k3", "get k1 \rx k2 k\r", "get k1 k2 \0"])
  func aMultiGetIsSentWithoutInvalidKeys(said: String) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, said)
    #expect(rig.asked("a") == lines("get k1 k2"))
    rig.reply("a", "VALUE k2 0 1", "x", "END")
    #expect(rig.got(c) == lines("VALUE k2 0 1", "x", "END"))
    rig.say(c, "get \r \r")
    #expect(rig.got(c) == lines("END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// The values that the server returns for `x y x z`, and those that the client gets.
  static let holdings: [(replies: [String], given: [String])] = [
    ([], []),
    (["x", "x"], ["x", "x"]),
    (["x", "y", "x", "z"], ["x", "y", "x", "z"]),
    (["y"], ["y"]),
    (["z"], ["z"]),
    (["y", "z"], ["y", "z"]),
    // Stored between the two lookups of `x`.
    (["x", "z"], ["x", "z"]),
  ]

  @Test(arguments: holdings, [1, 3, 1000])
  func aMultiGetOmitsMissesAndAnswersARepeatedKeyTwice(
    _ row: (replies: [String], given: [String]), _ cut: Int
  ) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x y x z", "get after")
    #expect(rig.asked("a") == lines("get x y x z after"))
    let reply = Array(
      (row.replies.map { "VALUE \($0) 0 1\r\n\($0)\r\n" }.joined() + "END\r\n").utf8)
    var i = 0
    while i < reply.count {
      rig.send(from: "a", String(decoding: reply[i..<min(i + cut, reply.count)], as: UTF8.self))
      i += cut
    }
    let expected = row.given.map { "VALUE \($0) 0 1\r\n\($0)\r\n" }.joined() + "END\r\nEND\r\n"
    #expect(rig.got(c) == expected)
    #expect(rig.events().isEmpty)
  }

  @Test func casNumbersAndExpiryTimesAreForwarded() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "gets x y", "gats 30 x y", "gat  -1 x y")
    #expect(rig.asked("a") == lines("gets x y", "gats 30 x y", "gat -1 x y"))
    rig.reply("a", "VALUE x 0 1 5", "1", "VALUE y 0 1 6", "2", "END")
    rig.reply("a", "VALUE y 0 1 6", "2", "END")
    rig.reply("a", "VALUE x 0 1", "1", "END")
    #expect(
      rig.got(c)
        == lines(
          "VALUE x 0 1 5", "1", "VALUE y 0 1 6", "2", "END", "VALUE y 0 1 6", "2", "END",
          "VALUE x 0 1", "1", "END"))
  }

  @Test func aBadKeyRefusesTheWholeMultiGet() {
    let rig = Rig()
    let c = rig.open()
    let long = String(repeating: "x", count: 251)
    rig.say(c, "get \(rig.key(on: "a")) \(rig.key(on: "b")) \(long)", "get \(rig.key(on: "a"))")
    #expect(rig.asked("a") == lines("get \(rig.key(on: "a"))"))
    #expect(rig.asked("b") == "")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("CLIENT_ERROR bad command line format", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Keys of all valid lengths, enough for several batches, each with its owner.
  static func many(_ rig: Rig) -> [(key: String, owner: String)] {
    (1...RequestParser.longestKey).map { n in
      let key = String("\(n)-".prefix(n)) + String(repeating: "k", count: max(0, n - "\(n)-".utf8.count))
      return (key, rig.owner(of: key))
    }
  }

  @Test(arguments: [3, 4, 15, 16, 17, 100, 250])
  func keysOfAMultiGetAreSentToTheirOwnersInOrder(count: Int) {
    let rig = Rig()
    let c = rig.open()
    var dice = Dice(seed: UInt64(count))
    let keys = Self.many(rig).shuffled(using: &dice).prefix(count)
    rig.say(c, "get \(keys.map(\.key).joined(separator: " "))")
    for name in ["a", "b", "c"] {
      let own = keys.filter { $0.owner == name }.map(\.key)
      #expect(rig.asked(name) == (own.isEmpty ? "" : lines("get \(own.joined(separator: " "))")))
      if !own.isEmpty { rig.reply(name, "VALUE \(own[0]) 0 1", "x", "END") }
    }
    let first = ["a", "b", "c"].compactMap { name in keys.firstIndex { $0.owner == name } }.sorted()
    #expect(rig.got(c) == first.map { "VALUE \(keys[$0].key) 0 1\r\nx\r\n" }.joined() + "END\r\n")
    #expect(rig.count(.keysRequested) == count)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test(arguments: [0, 1, 15, 16, 20, 32, 39])
  func aBadKeyAnywhereInALongMultiGetSendsNothing(position: Int) {
    let rig = Rig()
    let c = rig.open()
    var keys = (0..<40).map { "k\($0)" }
    keys[position] = String(repeating: "x", count: 251)
    rig.say(c, "get \(keys.joined(separator: " "))")
    for name in ["a", "b", "c"] { #expect(rig.asked(name) == "") }
    #expect(rig.got(c) == lines("CLIENT_ERROR bad command line format"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test(arguments: [true, false])
  func aFailedServerDoesNotAffectTheOthersInAMultiGet(missesOnFailure: Bool) {
    let rig = Rig { $0.missesOnFailure = missesOnFailure }
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "get \(a) \(b)", "get \(b)")
    rig.reply("b", "VALUE \(b) 0 1", "b", "VALUE \(b) 0 1", "b", "END")
    _ = rig.asked("a")
    rig.lose("a")
    let end = missesOnFailure ? "END" : "SERVER_ERROR ringroad: a:11211 connection lost"
    #expect(rig.got(c) == lines("VALUE \(b) 0 1", "b", end, "VALUE \(b) 0 1", "b", "END"))
    #expect(rig.count(.readsAsMisses) == (missesOnFailure ? 1 : 0))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func multiGetValuesReceivedBeforeAConnectionLossAreDelivered() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x y z")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE x 0 1\r\nx\r\nVALUE y 0 5\r\nab")
    rig.lose("a")
    #expect(rig.got(c) == lines("VALUE x 0 1", "x", "END"))
    #expect(rig.count(.readsAsMisses) == 2)
  }

  @Test func everyKeyOfAFailedServerIsCountedAsAMiss() {
    let rig = Rig()
    let c = rig.open()
    let (a, b) = ((0..<3).map { rig.key(on: "a", $0) }, (0..<2).map { rig.key(on: "b", $0) })
    rig.set(.failFast, "a")
    rig.say(c, "get \((a + b).joined(separator: " "))")
    rig.reply("b", "VALUE \(b[0]) 0 1", "b", "END")
    #expect(rig.got(c) == lines("VALUE \(b[0]) 0 1", "b", "END"))
    #expect(rig.count(.readsAsMisses) == 3, "b's misses are real misses")
    rig.say(c, "get \(b[0]) \(b[1])")
    rig.reply("b", "SERVER_ERROR out of memory")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.readsAsMisses) == 5)
  }

  @Test func valuesOfAWrongMultiGetReplyAreNotDelivered() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x y z")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE x 0 1\r\nx\r\nVALUE other 0 1\r\no\r\n")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.integrityFailures) == 1)
    #expect(rig.effects.contains(.disconnect(connection: rig.connection("a"))))
  }

  @Test func aServersErrorInAMultiGetIsNotForwarded() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "get \(a) \(b)")
    rig.reply("a", "SERVER_ERROR out of memory writing get response")
    rig.reply("b", "VALUE \(b) 0 1", "b", "END")
    #expect(rig.got(c) == lines("VALUE \(b) 0 1", "b", "END"))
    #expect(rig.count(.integrityFailures) == 0)
  }

  @Test func aLateReplyToAMultiGetIsDiscarded() {
    let rig = Rig()
    let c = rig.open()
    let (a1, a2, b) = (rig.key(on: "a", 0), rig.key(on: "a", 1), rig.key(on: "b"))
    rig.isAccepting = false
    rig.say(c, "get \(a1) \(b) \(a2)")
    rig.reply("b", "VALUE \(b) 0 1", "b", "END")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE \(a1) 0 2\r\na")
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("VALUE \(b) 0 1", "b", "END"))
    rig.say(c, "get \(a2)")
    _ = rig.asked("a")
    rig.send(from: "a", "1\r\nVALUE \(a2) 0 1\r\nz\r\nEND\r\nVALUE \(a2) 0 1\r\nz\r\nEND\r\n")
    #expect(rig.got(c) == lines("VALUE \(a2) 0 1", "z", "END"))
    #expect(rig.count(.lateReplies) == 1)
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aGatWithoutAKeyIsAnsweredWithEnd() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "gat 10")
    #expect(rig.got(c) == lines("END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aMultiGetOf500KeysReturnsAllValuesInKeyOrder() {
    let rig = Rig()
    let c = rig.open()
    let keys = (0..<500).map { "key:\($0)" }
    rig.say(c, "get " + keys.joined(separator: " "))
    for name in ["c", "a", "b"] {
      let own = rig.asked(name).dropFirst(4).dropLast().split(separator: " ")
      #expect(own.count > 50)
      rig.send(from: name, own.map { "VALUE \($0) 0 \($0.count)\r\n\($0)\r\n" }.joined() + "END\r\n")
    }
    #expect(rig.got(c) == keys.map { "VALUE \($0) 0 \($0.count)\r\n\($0)\r\n" }.joined() + "END\r\n")
  }
}
