import Bytes
import Stats
import Testing
import Wire

@testable import Proxy

/// The handshake on a new connection, and what follows from the answers.
@Suite struct HandshakeTests {
  /// A server with an established connection that answers the handshake with these lines.
  private static func rig(version: String, _ answer: String) -> Rig {
    let rig = Rig(["a"], isAccepting: false)
    rig.begin(rig.connection("a"), version: version, handshake: answer)
    return rig
  }

  private static let ancient = lines("ERROR", "ERROR")
  private static let experimental = lines("EN", "CLIENT_ERROR invalid or duplicate flag")
  private static let early = lines("MN", "CLIENT_ERROR invalid flag")
  private static let bare = lines("MN", "EN")
  private static let whole = lines("MN", "EN O<opaque>")

  @Test(
    arguments: [
      ("1.4.39", ancient, Era.v1_4, Era.v1_4), ("1.5.22", experimental, .v1_5, .v1_5),
      ("1.6.9", early, .v1_6_0, .v1_6_0), ("1.6.14", bare, .v1_6_10, .v1_6_10),
      ("1.6.18", whole, .v1_6_18, .v1_6_18), ("1.6.21", whole, .v1_6_20, .v1_6_20),
      ("1.6.45", whole, .v1_6_40, .v1_6_40),
      // Programs that only resemble memcached.
      ("1.6.31", ancient, .v1_6_27, .v1_4), ("mcrouter 38.0", ancient, .v1_6_18, .v1_4),
      ("1.4.15", whole, .v1_4, .v1_4), ("1.6.31", early, .v1_6_27, .v1_6_0),
    ] as [(String, String, Era, Era)])
  func aServersEraIsKnownByItsHandshake(
    _ version: String, _ answer: String, _ classic: Era, _ meta: Era
  ) {
    let rig = Self.rig(version: version, answer)
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: classic, meta: meta))
    let c = rig.open()
    rig.say(c, "get x")
    #expect(rig.asked("a") == lines("get x"))
  }

  /// A damaged answer says nothing about a server: the connection is closed, and the next one repeats the handshake.
  @Test(arguments: [
    lines("\u{1}x", "MN", "EN O<opaque>"), lines("MN", "EN O1"), lines("MN", "xEN O<opaque>"),
    lines("EN O<opaque>", "MN"), lines("STORED", "ERROR"), lines("MN", "MN"), lines("MN", "EN O<opaque> x"),
  ])
  func aDamagedHandshakeChangesNoDialect(_ answer: String) {
    let rig = Rig(["a", "b"], isAccepting: false)
    rig.begin(rig.connection("b"), version: "1.6.18", handshake: Self.whole)
    rig.begin(rig.connection("a"), version: "1.6.18", handshake: answer)
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: .v1_6_18, meta: .v1_6_18))
    #expect(rig.count(.integrityFailures) == 1)
    rig.advance(.milliseconds(1100))
    rig.begin(rig.connection("a"), version: "1.6.18", handshake: Self.whole)
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: .v1_6_18, meta: .v1_6_18))
    #expect(rig.worker.dispatcher.upstream.connections[rig.connection("a")].state == .ready)
  }

  /// A queued request never reaches a server that would run its value as commands.
  @Test(
    arguments: [
      ("1.6.9", early, "CLIENT_ERROR invalid flag"),
      ("1.5.22", experimental, "CLIENT_ERROR invalid or duplicate flag"),
      ("1.4.39", ancient, "ERROR"), ("1.6.31", ancient, "ERROR"),
    ] as [(String, String, String)])
  func aMetaSetIsNeverSentToAServerThatDoesNotSupportIt(
    _ version: String, _ answer: String, _ refusal: String
  ) {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "get x", "ms k 11", "incr evil 1", "get y", "ms k 9 q", "flush_all")
    rig.begin(rig.connection("a"), version: version, handshake: answer)
    #expect(rig.asked("a") == lines("get x", "get y"))
    rig.send(from: "a", lines("END", "END"))
    #expect(rig.got(c) == lines("END", refusal, "END", refusal))
    // Nor is it sent once that is known.
    rig.say(c, "ms k 9", "flush_all", "get z")
    #expect(rig.asked("a") == lines("get z"))
    rig.hangUp(c)
  }

  /// A large one uses a private connection.
  @Test func aLargeMetaSetIsNeverSentToAServerThatDoesNotSupportIt() {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    let rig = Rig(["a"], isAccepting: false, limits: limits)
    let c = rig.open()
    rig.send(c, "ms k 1000\r\n" + String(repeating: "v", count: 500))
    guard let l = rig.privateConnections.first else { return #expect(Bool(false), "no upload") }
    rig.begin(l, version: "1.6.9", handshake: Self.early)
    #expect(rig.got(c) == lines("CLIENT_ERROR invalid flag"))
    #expect(rig.asked(l) == "")
    rig.send(c, String(repeating: "v", count: 500) + "\r\nmn\r\n")
    #expect(rig.got(c) == lines("MN"))
  }

  @Test func theDialectIsThatOfTheOldestServer() {
    let rig = Rig(["a", "b", "c"], isAccepting: false)
    rig.begin(rig.connection("a"), version: "1.6.45", handshake: Self.whole)
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: .v1_6_40, meta: .v1_6_40))
    rig.begin(rig.connection("b"), version: "1.6.18", handshake: Self.whole)
    rig.begin(rig.connection("c"), version: "1.6.14", handshake: Self.bare)
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: .v1_6_10, meta: .v1_6_10))
    rig.apply(["a", "b"])
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: .v1_6_18, meta: .v1_6_18))
  }

  /// twemproxy closes a connection on every command that it does not know.
  @Test func aServerThatClosesOverTheHandshakeIsUsedWithoutIt() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "get x", "ms k 1", "v")
    for _ in 0..<2 {
      rig.begin(rig.connection("a"), version: "0.5.0", handshake: "")
      rig.lose("a")
    }
    #expect(rig.got(c) == "" && rig.events().isEmpty, "not a failure of the server")
    rig.begin(rig.connection("a"), version: "0.5.0", handshake: "")
    #expect(rig.asked("a") == lines("get x"))
    rig.send(from: "a", lines("END"))
    #expect(rig.got(c) == lines("END", "ERROR"))
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: .v1_4, meta: .v1_4))
  }

  /// It gets the handshake again once the connection has been idle: it may have been slow.
  @Test func aServerThatIgnoresTheHandshakeIsUsedWithoutIt() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "get x")
    for _ in 0..<2 {
      rig.begin(rig.connection("a"), version: "1.6.18", handshake: "")
      rig.advance(.milliseconds(210))
    }
    rig.accept(rig.connection("a"), version: "1.6.18")
    #expect(rig.asked("a") == lines("get x"))
    rig.send(from: "a", lines("END"))
    #expect(rig.got(c) == lines("END"))
    rig.say(c, "mg x")
    #expect(rig.got(c) == lines("ERROR"))
    rig.advance(.milliseconds(1100))
    rig.say(c, "mg x")
    #expect(rig.asked("a") == lines("mg x O1"), "after the handshake")
    #expect(rig.count(.serverConnections) == 1)
  }

  /// If it answered once and later closes the connection, it was stopped, or its network failed.
  @Test func aServerThatAnsweredTheHandshakeOnceKeepsItsEra() {
    let rig = Self.rig(version: "1.6.18", Self.whole)
    for _ in 0..<8 {
      rig.lose("a")
      rig.advance(.seconds(2))
      guard rig.connecting.contains(rig.connection("a")) else { continue }
      rig.begin(rig.connection("a"), version: "1.6.18", handshake: "")
    }
    #expect(rig.worker.dispatcher.upstream.dialect == Dialect(classic: .v1_6_18, meta: .v1_6_18))
    #expect(!rig.events().isEmpty)
  }

  // MARK: - Servers that are full, or cannot be used

  @Test func aFullServerIsNotReportedAsFailed() {
    let rig = Rig(["a"], isAccepting: false) { $0.writesMissOnFailure = true }
    let c = rig.open()
    rig.say(c, "get x", "set x 0 0 1", "v", "delete y")
    let l = rig.connection("a")
    rig.startHandshaking(l)
    rig.send(from: l, lines("ERROR Too many open connections"))
    #expect(rig.got(c) == lines("END", "NOT_STORED", "NOT_FOUND"))
    #expect(rig.events() == [.full(server: Fleet.id(of: "a"))])
    #expect(rig.count(.integrityFailures) == 0)
    // If it is tried again at once it is still full, and that is not reported twice.
    rig.say(c, "get x")
    #expect(rig.got(c) == lines("END"))
    rig.advance(.milliseconds(1100))
    rig.startHandshaking(l)
    rig.send(from: l, lines("ERROR Too many open connections"))
    #expect(rig.events().isEmpty)
    rig.advance(.milliseconds(1100))
    rig.accept(l)
    #expect(rig.asked("a") == lines("delete y"))
  }

  @Test(arguments: [
    ("CLIENT_ERROR unauthenticated\r\n", Unsuited.authentication), ("\u{15}\u{3}\u{1}\u{0}", .tls),
  ])
  func anUnusableServerIsReportedWithItsReason(_ answer: String, _ why: Unsuited) {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.say(c, "get x")
    rig.startHandshaking(rig.connection("a"))
    rig.send(from: "a", answer)
    #expect(rig.events().first == .unsuited(server: Fleet.id(of: "a"), why))
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.integrityFailures) == 0)
  }
}
