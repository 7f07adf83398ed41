import Stats
import Testing
import Wire

@testable import Proxy

/// Gets merged into one line to a server, and each client's part of the reply.
@Suite struct GetCoalescingTests {
  static func hit(_ key: String, _ value: String = "v") -> String {
    lines("VALUE \(key) 0 \(value.utf8.count)", value)
  }

  // MARK: - Which gets are merged

  @Test func aSentGetLineIsNotExtended() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    #expect(rig.asked("a") == lines("get x"))
    rig.say(c, "get y")
    rig.say(c, "get z")
    #expect(rig.asked("a") == lines("get y z"))
    rig.send(from: "a", "END\r\n" + Self.hit("y") + "END\r\n")
    #expect(rig.got(c) == "END\r\n" + Self.hit("y") + "END\r\nEND\r\n")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Not even if only a part of it was sent.
  @Test(arguments: 1..<9)
  func aPartlySentGetLineIsNotExtended(_ sent: Int) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x", "get y")
    let begun = rig.asked("a", atMost: sent)
    rig.say(c, "get z")
    #expect(begun + rig.asked("a") == lines("get x y", "get z"))
    rig.send(from: "a", Self.hit("y") + "END\r\n" + Self.hit("z") + "END\r\n")
    #expect(rig.got(c) == "END\r\n" + Self.hit("y") + "END\r\n" + Self.hit("z") + "END\r\n")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Consecutive requests, and the lines that the server is sent.
  static let mixtures: [(said: [String], sent: [String])] = [
    (["get x", "get y z", "get w"], ["get x y z w"]),
    (["get x y", "get y x"], ["get x y y x"]),
    (["get x", "gets y", "get z"], ["get x", "gets y", "get z"]),
    (["get x", "gat 5 y", "get z"], ["get x", "gat 5 y", "get z"]),
    (["get x", "delete x", "get x", "get y"], ["get x", "delete x", "get x y"]),
    (["get x", "set x 0 0 1\r\nv", "get x"], ["get x", "set x 0 0 1\r\nv", "get x"]),
    (["get  x", "get y"], ["get x", "get y"]),
    (["get y", "get  x"], ["get y", "get x"]),
    (["get x", "stats items", "get y"], ["get x", "stats items", "get y"]),
    (["get x", "get \(String(repeating: "k", count: 251))", "get y"], ["get x y"]),
    (["get x", "get y \(String(repeating: "k", count: 251))", "get z"], ["get x z"]),
    (["get x", "mn", "get y"], ["get x y"]),
  ]

  @Test(arguments: mixtures)
  func getsAreMergedOnlyWithTheGetsDirectlyBefore(_ row: (said: [String], sent: [String])) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, lines(row.said))
    #expect(rig.asked("a") == lines(row.sent))
  }

  /// A space ends a key, and no other control byte does.
  @Test(arguments: (UInt8(1)..<32).filter { $0 != 10 && $0 != 13 } + [127, 200])
  func aKeyWithAControlByteIsFoundBehindAMiss(_ byte: UInt8) {
    let odd = byte < 128 ? "a\(UnicodeScalar(byte))b" : "aéb"
    for rest in ["", " a z"] {
      let rig = Rig(["a"])
      let (c, d) = (rig.open(), rig.open())
      rig.say(c, "get no")
      rig.say(d, "get \(odd)\(rest)")
      rig.reply("a", "VALUE \(odd) 0 1", "x", "END")
      #expect(rig.got(c) == lines("END"))
      #expect(rig.got(d) == lines("VALUE \(odd) 0 1", "x", "END"))
      #expect(rig.count(.integrityFailures) == 0)
    }
  }

  /// The proxy waits for the end of a reply's key only up to the longest valid key.
  @Test(arguments: [
    ("VALUE a\r\n", 1), ("VALUE " + String(repeating: "k", count: 251), 1), ("VALUE a\tb", 0),
  ])
  func aValueLineWithoutAValidKeyIsAViolation(_ bytes: String, _ violations: Int) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get no", "get other")
    _ = rig.asked("a")
    rig.send(from: "a", bytes)
    #expect(rig.count(.integrityFailures) == violations)
  }

  @Test func getsOfTheLongestKeysAreMerged() {
    let rig = Rig(["a"])
    let c = rig.open()
    let keys = (0..<9).map { String(repeating: "\($0)", count: 250) }
    rig.send(c, keys.map { "get \($0)\r\n" }.joined())
    // The fifth makes the line longer than one to which gets are added.
    #expect(
      rig.asked("a")
        == lines(keys[0..<5].reduce("get") { $0 + " " + $1 }, keys[5...].reduce("get") { $0 + " " + $1 }))
    rig.send(from: "a", keys.prefix(5).map { Self.hit($0) }.joined() + "END\r\nEND\r\n")
    #expect(
      rig.got(c)
        == keys.prefix(5).map { Self.hit($0) + "END\r\n" }.joined() + String(repeating: "END\r\n", count: 4))
  }

  // MARK: - Each client's part of the reply

  /// Three clients' requests in one line, `get a b c d e f`, and every choice of keys that the server may hold.
  @Test(arguments: 0..<64)
  func eachClientOfAMergedGetGetsItsPartHoweverTheReplyIsCut(_ held: Int) {
    let keys = ["a", "b", "c", "d", "e", "f"].enumerated().filter { held >> $0.offset & 1 == 1 }.map(
      \.element)
    let reply = Array((keys.map { Self.hit($0, "value of \($0)") }.joined() + "END\r\n").utf8)
    for cut in 0...reply.count {
      let rig = Rig(["s"]) { $0.missesOnFailure = false }
      let clients = (0..<3).map { _ in rig.open() }
      rig.say(clients[0], "get a")
      rig.say(clients[1], "get b c d", "get e")
      rig.say(clients[2], "get f")
      #expect(rig.asked("s") == lines("get a b c d e f"))
      rig.send(from: "s", String(decoding: reply[..<cut], as: UTF8.self))
      rig.send(from: "s", String(decoding: reply[cut...], as: UTF8.self))
      func given(_ some: String...) -> String {
        some.filter { keys.contains($0) }.map { Self.hit($0, "value of \($0)") }.joined() + "END\r\n"
      }
      #expect(rig.got(clients[0]) == given("a"))
      #expect(rig.got(clients[1]) == given("b", "c", "d") + given("e"))
      #expect(rig.got(clients[2]) == given("f"))
      #expect(rig.events().isEmpty)
      for c in clients { rig.hangUp(c) }
      #expect(rig.leak == nil)
    }
  }

  /// A key requested four times, and found only `held` times: it was stored or removed meanwhile.
  @Test(arguments: 0...4)
  func aKeyInSeveralMergedGetsIsAnsweredForEach(_ held: Int) {
    let rig = Rig(["s"])
    let clients = (0..<4).map { _ in rig.open() }
    for c in clients { rig.say(c, "get k") }
    #expect(rig.asked("s") == lines("get k k k k"))
    rig.send(from: "s", (0..<held).map { Self.hit("k", "\($0)") }.joined() + "END\r\n")
    for (n, c) in clients.enumerated() {
      #expect(rig.got(c) == (n < held ? Self.hit("k", "\(n)") : "") + "END\r\n")
    }
  }

  @Test func anErrorToAMergedGetIsSentToAllItsClients() {
    let rig = Rig(["s"])
    let clients = (0..<3).map { _ in rig.open() }
    rig.say(clients[0], "get a")
    rig.say(clients[1], "get b c")
    rig.say(clients[2], "get d")
    rig.reply("s", "SERVER_ERROR out of memory writing get response")
    let error = lines("SERVER_ERROR out of memory writing get response")
    #expect(rig.got(clients[0]) == error)
    #expect(rig.got(clients[1]) == "END\r\n", "a multi-get counts a failed server as misses")
    #expect(rig.got(clients[2]) == error)
    #expect(rig.events().isEmpty)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }

  // MARK: - Wrong replies

  /// Wrong replies to the merged `get a b c` of three clients, and how many clients still get their part.
  static let lies: [(reply: String, violation: ProtocolViolation, told: Int)] = [
    (hit("x"), .wrongKey, 0),
    (hit("a") + hit("x"), .wrongKey, 1),
    (hit("b") + hit("a"), .wrongKey, 2),
    (hit("a") + hit("a"), .wrongKey, 1),
    (hit("ab"), .wrongKey, 0),
    (lines("VALUE \(String(repeating: "k", count: 300)) 0 1", "v"), .wrongKey, 0),
    // A byte is missing in a value, or there is one too many.
    (lines("VALUE a 0 3", "vv") + hit("b") + hit("c") + "END\r\n", .badLength, 0),
    (lines("VALUE a 0 3", "vvvv") + hit("b"), .badLength, 0),
    // With these extra bytes the value seems to end with what follows it.
    (lines("VALUE a 0 15", "v", "VALUE b 0 12", "v23456789012"), .badLength, 0),
    (hit("a") + "GARBAGE", .badLength, 0),
    (hit("a") + hit("b") + hit("c") + "STORED\r\n", .wrongType, 2),
    ("STORED\r\n", .wrongType, 0),
    (hit("c") + "END\r\nEND\r\n", .unsolicited, 3),
  ]

  @Test(arguments: lies)
  func wrongValuesInAMergedGetReachNoClient(_ row: (reply: String, violation: ProtocolViolation, told: Int)) {
    let rig = Rig(["s"]) { $0.missesOnFailure = false }
    let clients = (0..<3).map { _ in rig.open() }
    for (c, key) in zip(clients, ["a", "b", "c"]) { rig.say(c, "get \(key)") }
    _ = rig.asked("s")
    rig.send(from: "s", row.reply)
    let violations: [ProtocolViolation] = rig.events().compactMap {
      guard case .violation(_, let violation, let asked, _) = $0 else { return nil }
      #expect(asked.word == "get" || asked.word == "nothing")
      return violation
    }
    #expect(violations == [row.violation])
    let failure = lines("SERVER_ERROR ringroad: s:11211 protocol error")
    for (n, c) in clients.enumerated() { #expect((rig.got(c) == failure) == (n >= row.told), "client \(n)") }
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }

  /// The same in a multi-get with another client's key behind it: none of that multi-get's values is given.
  @Test(arguments: [hit("a") + hit("x"), hit("a") + lines("VALUE b 0 2", "v", "")])
  func aWrongValueDiscardsItsWholePartOfAMergedGet(_ reply: String) {
    let rig = Rig(["s"])
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "get a b")
    rig.say(d, "get c")
    _ = rig.asked("s")
    rig.send(from: "s", reply)
    rig.send(from: "s", Self.hit("z"))
    #expect(rig.got(c) == "END\r\n")
    #expect(rig.got(d) == "END\r\n")
    #expect(rig.count(.readsAsMisses) == 3)
    #expect(rig.count(.integrityFailures) == 1)
  }

  /// A reply before the whole line was sent.
  @Test(arguments: ["get a", "get a a"])
  func aReplyBeforeTheGetLineIsSentIsAViolation(_ first: String) {
    let rig = Rig(["s"])
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, first)
    rig.say(d, "get b")
    #expect(rig.asked("s", atMost: first.utf8.count + 1) == first + " ")
    rig.send(from: "s", Self.hit("a"))
    #expect(rig.count(.integrityFailures) == 1)
    #expect(rig.got(c) == "END\r\n")
    #expect(rig.got(d) == "END\r\n")
  }

  // MARK: - Failures

  @Test func answeredPartsOfAMergedGetSurviveALostConnection() {
    let rig = Rig(["s"]) { $0.missesOnFailure = false }
    let clients = (0..<3).map { _ in rig.open() }
    for (c, key) in zip(clients, ["a", "b", "c"]) { rig.say(c, "get \(key)") }
    _ = rig.asked("s")
    rig.send(from: "s", Self.hit("a") + "VALUE b 0 1\r\n")
    rig.lose("s")
    #expect(rig.got(clients[0]) == Self.hit("a") + "END\r\n")
    let failure = lines("SERVER_ERROR ringroad: s:11211 connection lost")
    #expect(rig.got(clients[1]) == failure)
    #expect(rig.got(clients[2]) == failure)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }

  /// The reply to a line is late for the client that asked first.
  @Test func aLateReplyToAMergedGetIsMatchedRequestByRequest() {
    let rig = Rig(["s"])
    let clients = (0..<3).map { _ in rig.open() }
    rig.isAccepting = false
    rig.say(clients[0], "get a", "get b c")
    rig.advance(.milliseconds(300), ticking: false)
    rig.say(clients[1], "get d")
    #expect(rig.asked("s") == lines("get a b c d"))
    rig.advance(.milliseconds(250))
    #expect(rig.count(.timeouts) == 2)
    #expect(rig.got(clients[0]) == lines("END", "END"))
    rig.say(clients[2], "get e")
    _ = rig.asked("s")
    rig.send(from: "s", ["a", "c", "d"].map { Self.hit($0) }.joined() + "END\r\n")
    rig.send(from: "s", Self.hit("e") + "END\r\n")
    #expect(rig.got(clients[0]) == "")
    #expect(rig.got(clients[1]) == Self.hit("d") + "END\r\n")
    #expect(rig.got(clients[2]) == Self.hit("e") + "END\r\n")
    #expect(rig.count(.lateReplies) == 2)
    #expect(rig.count(.integrityFailures) == 0)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }

  /// The first requests of an unsent line are given up; the rest is still a line.
  @Test(arguments: [["get a"], ["get a b"], ["get a", "get b c"]])
  func anUnsentMergedGetIsSentWithoutItsOverdueRequests(_ first: [String]) {
    for second in ["get d", "get d e"] {
      let rig = Rig(["s"])
      let (c, d) = (rig.open(), rig.open())
      rig.send(c, lines(first))
      rig.advance(.milliseconds(300), ticking: false)
      rig.say(d, second)
      rig.say(d, "get f")
      rig.advance(.milliseconds(250))
      #expect(rig.got(c) == String(repeating: "END\r\n", count: first.count))
      #expect(rig.asked("s") == lines(second + " f"))
      rig.send(from: "s", Self.hit("d") + Self.hit("f") + "END\r\n")
      #expect(rig.got(d) == Self.hit("d") + "END\r\n" + Self.hit("f") + "END\r\n")
      rig.say(d, "get g")
      #expect(rig.asked("s") == lines("get g"))
      rig.hangUp(c)
      rig.hangUp(d)
      rig.send(from: "s", "END\r\n")
      #expect(rig.leak == nil && rig.count(.integrityFailures) == 0)
    }
  }

  /// A partly sent line is sent to its end, even if no client waits for it.
  @Test func aPartlySentMergedGetIsSentToItsEnd() {
    let rig = Rig(["s"])
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "get a", "get b", "get c")
    #expect(rig.asked("s", atMost: 6) == "get a ")
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("END", "END", "END"))
    #expect(rig.asked("s") == "b c\r\n")
    rig.say(c, "get d")
    #expect(rig.asked("s") == lines("get d"))
    rig.send(from: "s", Self.hit("b") + "END\r\n" + Self.hit("d") + "END\r\n")
    #expect(rig.got(c) == Self.hit("d") + "END\r\n")
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Reads on a connection that was dead are sent again, each in a separate line.
  @Test func resentGetsAreSentInSeparateLines() {
    var limits = Limits()
    limits.staleAfter = .milliseconds(100)
    let rig = Rig(["s"], limits: limits)
    let (c, d) = (rig.open(), rig.open())
    rig.advance(.milliseconds(200), ticking: false)
    rig.say(c, "get a")
    rig.say(d, "get b c", "get d")
    #expect(rig.asked("s") == lines("get a b c d"))
    rig.lose("s")
    #expect(rig.count(.readRetries) == 3)
    #expect(rig.asked("s") == lines("get a", "get b c", "get d"))
    rig.send(from: "s", Self.hit("a") + "END\r\n" + Self.hit("c") + "END\r\nEND\r\n")
    #expect(rig.got(c) == Self.hit("a") + "END\r\n")
    #expect(rig.got(d) == Self.hit("c") + "END\r\nEND\r\n")
    rig.hangUp(c)
    rig.hangUp(d)
    #expect(rig.leak == nil)
  }

  // MARK: - Large values

  /// A large value anywhere in the line is discarded and requested again by itself; the others get theirs.
  @Test(arguments: ["a", "b", "c", "d"], [1, 40])
  func aLargeValueInAMergedGetIsDiscardedAndRequestedAgain(_ key: String, _ cut: Int) throws {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    let rig = Rig(["s"], limits: limits)
    let clients = (0..<3).map { _ in rig.open() }
    rig.say(clients[0], "get a")
    rig.say(clients[1], "get b c")
    rig.say(clients[2], "get d")
    _ = rig.asked("s")
    let long = String(repeating: "v", count: 1000)
    func hit(_ some: String) -> String { Self.hit(some, some == key ? long : "short") }
    let reply = Array((["a", "b", "c", "d"].map(hit).joined() + "END\r\n").utf8)
    for i in stride(from: 0, to: reply.count, by: cut) {
      rig.send(from: "s", String(decoding: reply[i..<min(i + cut, reply.count)], as: UTF8.self))
    }
    let own = try #require(rig.privateConnections.first)
    #expect(rig.privateConnections.count == 1)
    #expect(rig.asked(own) == lines("get \(key)"))
    rig.send(from: own, hit(key) + "END\r\n")
    #expect(rig.got(clients[0]) == hit("a") + "END\r\n")
    #expect(rig.got(clients[1]) == hit("b") + hit("c") + "END\r\n")
    #expect(rig.got(clients[2]) == hit("d") + "END\r\n")
    #expect(rig.count(.streamedValues) == 1 && rig.count(.integrityFailures) == 0)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }
}
