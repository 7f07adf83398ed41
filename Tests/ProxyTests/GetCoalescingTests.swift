import Stats
import Testing
import Wire

@testable import Proxy

/// Reads that go to a server in one line, and what each gets of its answer.
@Suite struct GetCoalescingTests {
  static func hit(_ key: String, _ value: String = "v") -> String {
    lines("VALUE \(key) 0 \(value.utf8.count)", value)
  }

  // MARK: - What goes in one line

  @Test func whatWasSentIsNotAddedTo() {
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

  /// Nor is a line of which a part was sent.
  @Test(arguments: 1..<9)
  func whatWasSentInPartIsNotAddedTo(_ sent: Int) {
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

  /// Requests one behind the other, and the lines that a server is sent.
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
  func readsJoinWhatStandsBeforeThem(_ row: (said: [String], sent: [String])) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, lines(row.said))
    #expect(rig.asked("a") == lines(row.sent))
  }

  /// A blank ends a key, and no other control byte does.
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

  /// What cannot be the key of anything is waited for no longer than a key may be.
  @Test(arguments: [
    ("VALUE a\r\n", 1), ("VALUE " + String(repeating: "k", count: 251), 1), ("VALUE a\tb", 0),
  ])
  func aLineWithoutAKeyIsABreach(_ bytes: String, _ violations: Int) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get no", "get other")
    _ = rig.asked("a")
    rig.send(from: "a", bytes)
    #expect(rig.count(.integrityFailures) == violations)
  }

  @Test func keysOfTheGreatestLengthJoin() {
    let rig = Rig(["a"])
    let c = rig.open()
    let keys = (0..<9).map { String(repeating: "\($0)", count: 250) }
    rig.send(c, keys.map { "get \($0)\r\n" }.joined())
    // The fifth makes the line longer than one that others join.
    #expect(
      rig.asked("a")
        == lines(keys[0..<5].reduce("get") { $0 + " " + $1 }, keys[5...].reduce("get") { $0 + " " + $1 }))
    rig.send(from: "a", keys.prefix(5).map { Self.hit($0) }.joined() + "END\r\nEND\r\n")
    #expect(
      rig.got(c)
        == keys.prefix(5).map { Self.hit($0) + "END\r\n" }.joined() + String(repeating: "END\r\n", count: 4))
  }

  // MARK: - What each gets of the answer

  /// Three clients' requests in one line, `get a b c d e f`, and every choice of keys that the server may have.
  @Test(arguments: 0..<64)
  func eachGetsWhatIsItsOwnHoweverItIsCut(_ held: Int) {
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

  /// A key asked several times, of which the server has it only so often: it came and went meanwhile.
  @Test(arguments: 0...4)
  func aKeyAskedTwiceIsAnsweredTwice(_ held: Int) {
    let rig = Rig(["s"])
    let clients = (0..<4).map { _ in rig.open() }
    for c in clients { rig.say(c, "get k") }
    #expect(rig.asked("s") == lines("get k k k k"))
    rig.send(from: "s", (0..<held).map { Self.hit("k", "\($0)") }.joined() + "END\r\n")
    for (n, c) in clients.enumerated() {
      #expect(rig.got(c) == (n < held ? Self.hit("k", "\(n)") : "") + "END\r\n")
    }
  }

  @Test func theServersErrorIsEveryones() {
    let rig = Rig(["s"])
    let clients = (0..<3).map { _ in rig.open() }
    rig.say(clients[0], "get a")
    rig.say(clients[1], "get b c")
    rig.say(clients[2], "get d")
    rig.reply("s", "SERVER_ERROR out of memory writing get response")
    let error = lines("SERVER_ERROR out of memory writing get response")
    #expect(rig.got(clients[0]) == error)
    #expect(rig.got(clients[1]) == "END\r\n", "as a failure of one server is in any multi-get")
    #expect(rig.got(clients[2]) == error)
    #expect(rig.events().isEmpty)
    for c in clients { rig.hangUp(c) }
    #expect(rig.leak == nil)
  }

  // MARK: - What is wrong

  /// Answers to `get a b c`, asked by three, that are not to be trusted, and how many get something of them.
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
    // So many that what comes behind it seems to end it.
    (lines("VALUE a 0 15", "v", "VALUE b 0 12", "v23456789012"), .badLength, 0),
    (hit("a") + "GARBAGE", .badLength, 0),
    (hit("a") + hit("b") + hit("c") + "STORED\r\n", .wrongType, 2),
    ("STORED\r\n", .wrongType, 0),
    (hit("c") + "END\r\nEND\r\n", .unsolicited, 3),
  ]

  @Test(arguments: lies)
  func whatIsWrongIsNobodys(_ row: (reply: String, violation: ProtocolViolation, told: Int)) {
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

  /// The same in the part of a multi-get that another's key stands behind: none of it is given.
  @Test(arguments: [hit("a") + hit("x"), hit("a") + lines("VALUE b 0 2", "v", "")])
  func whatIsWrongInAPartTakesThePartWithIt(_ reply: String) {
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

  /// An answer before the whole question.
  @Test(arguments: ["get a", "get a a"])
  func nothingIsTakenBeforeTheLineIsSent(_ first: String) {
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

  @Test func whatWasAnsweredStaysWhenTheConnectionIsLost() {
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

  /// The answer to a line comes late for those who asked first.
  @Test func aLateAnswerIsRecognisedInItsPlace() {
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

  /// The first of a line that could not be sent are given up; what is left of it is a line.
  @Test(arguments: [["get a"], ["get a b"], ["get a", "get b c"]])
  func aLineGoesOnWithoutThoseWhoseDeadlineHasPassed(_ first: [String]) {
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

  /// A line of which a part was sent is sent to its end, whoever still waits for it.
  @Test func aLineThatWasBegunIsEnded() {
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

  /// Reads on a connection that was dead are asked again, each by itself.
  @Test func whatIsAskedAgainIsALineOfItsOwn() {
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

  // MARK: - Long values

  /// A long value is let go by, wherever it stands in the line, and asked for by itself; the others have theirs.
  @Test(arguments: ["a", "b", "c", "d"], [1, 40])
  func aLongValueInALineIsLetGoBy(_ key: String, _ cut: Int) throws {
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
