import Bytes
import Stats
import Testing

@testable import Proxy

/// Large values are streamed on private connections, and a slow client or server delays no other.
@Suite struct StreamTests {
  private func rig(_ change: (inout Limits) -> Void = { _ in }) -> Rig {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    limits.ahead = 200
    change(&limits)
    return Rig(["a"], limits: limits)
  }

  private let long = String(repeating: "v", count: 1000)

  /// Requests a large value; returns the private connection on which the server was asked for it again.
  private func downloading(_ c: Ref<Client>, _ rig: Rig) throws -> Ref<ServerConnection> {
    rig.say(c, "get k")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE k 0 1000\r\n\(long)")
    rig.send(from: "a", "\r\nEND\r\n")
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    return own
  }

  @Test func aLargeValueIsDiscardedAndRequestedOnAPrivateConnection() throws {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "get k")
    rig.say(other, "get j")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE k 0 1000\r\nvvv")
    #expect(rig.waiting(for: c) == "")
    let own = try #require(rig.privateConnections.first)
    #expect(rig.asked(own) == lines("get k"))
    // Discarded bytes are not kept, and the requests behind them get their replies.
    rig.send(from: "a", String(long.dropFirst(3)) + "\r\nEND\r\n")
    #expect(rig.got(other) == lines("END"))
    #expect(rig.count(.integrityFailures) == 0)
    rig.send(from: own, "VALUE k 0 1000\r\n\(long.prefix(150))")
    #expect(rig.got(c) == "VALUE k 0 1000\r\n\(long.prefix(150))")
    rig.send(from: own, String(long.dropFirst(150)) + "\r\nEND\r\n")
    #expect(rig.got(c) == long.dropFirst(150) + "\r\nEND\r\n")
    #expect(rig.count(.streamedValues) == 1)
    // The next one uses the connection that is open.
    rig.say(c, "gets k")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE k 0 1000 7\r\nv")
    #expect(rig.asked(own) == lines("gets k"))
    rig.hangUp(c)
    rig.hangUp(other)
    rig.send(from: "a", String(long.dropFirst(1)) + "\r\nEND\r\n")
    #expect(rig.leak == nil)
  }

  /// The time in the queue, on the shared connection and behind the client's earlier replies is the client's too; the
  /// server is charged with what it did.
  @Test(arguments: ["get k", "mg k v"])
  func aLargeValuesTimeCountsFromItsClientsRequest(_ request: String) throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, request)
    func opaque(_ asked: String) -> Substring { asked.firstMatch(of: /\ O[0-9a-z]+/)?.0 ?? "" }
    func reply(_ asked: String) -> String {
      request.hasPrefix("mg")
        ? "VA 1000\(opaque(asked))\r\n\(long)\r\n" : "VALUE k 0 1000\r\n\(long)\r\nEND\r\n"
    }
    let asked = rig.asked("a")
    rig.advance(.milliseconds(40), ticking: false)
    rig.send(from: "a", String(reply(asked).prefix(500)))
    rig.send(from: "a", String(reply(asked).dropFirst(500)))
    let own = try #require(rig.privateConnections.first)
    let again = rig.asked(own)
    rig.advance(.milliseconds(5), ticking: false)
    rig.send(from: own, reply(again))
    #expect(rig.got(c).contains(long))
    var book = LatencyBook()
    rig.worker.dispatcher.upstream.moveLatencies(to: &book)
    rig.worker.dispatcher.downstream.listeners.moveLatencies(to: &book)
    let client = try #require(book.pools.values.first)
    #expect(client.total == 1)
    #expect((0.0446...0.0454).contains(try #require(client.quantiles([1]))[0]))
    let server = try #require(book.servers.values.first)
    #expect(server.total == 1)
    #expect((0.0049...0.0051).contains(try #require(server.quantiles([1]))[0]))
  }

  /// Every 64 KiB of a discarded value have a deadline, so no request waits for ever behind one that drips.
  @Test(arguments: [1, 65_536])
  func requestsBehindADiscardedValueHaveADeadline(bytes: Int) {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, "get k")
    rig.say(other, "delete j")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE k 0 1000000\r\n")
    for _ in 0..<5 {
      #expect(rig.got(other) == "")
      rig.send(from: "a", String(repeating: "v", count: bytes))
      rig.advance(.milliseconds(100))
    }
    #expect(rig.got(other) == (bytes == 1 ? lines("SERVER_ERROR ringroad: a:11211 timed out") : ""))
    rig.hangUp(c)
    rig.hangUp(other)
  }

  @Test func aSlowReaderPausesOnlyItsPrivateConnection() throws {
    let rig = rig()
    let c = rig.open()
    let own = try downloading(c, rig)
    rig.send(from: own, "VALUE k 0 1000\r\n\(long.prefix(300))")
    #expect(rig.pausedConnections == [own])
    var got = rig.got(c, atMost: 100)
    #expect(rig.pausedConnections == [own])
    got += rig.got(c)
    #expect(rig.pausedConnections.isEmpty)
    rig.send(from: own, long.dropFirst(300) + "\r\nEND\r\n")
    got += rig.got(c)
    #expect(got == lines("VALUE k 0 1000", long, "END"))
  }

  /// There must be memory for it.
  @Test func aLargeValueThatCannotBeRequestedAgainNorFitsFails() {
    let rig = rig { $0.memory = 8192 }
    let (c, d) = (rig.open(), rig.open())
    let huge = String(repeating: "v", count: 9000)
    rig.say(c, "get k", "delete k")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE k 0 9000\r\n\(huge)")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.privateConnections.isEmpty && rig.count(.queueFull) == 1 && rig.count(.readsAsMisses) == 1)
    rig.send(from: "a", "\r\nEND\r\nDELETED\r\n")
    #expect(rig.got(c) == lines("DELETED"))
    // Of several values, those that fit are delivered.
    rig.say(d, "get i k j", "delete k")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE i 0 1\r\ni\r\nVALUE k 0 9000\r\n")
    rig.send(from: "a", "\(huge)\r\nVALUE j 0 1\r\nj\r\nEND\r\nDELETED\r\n")
    #expect(rig.got(d) == lines("VALUE i 0 1", "i", "VALUE j 0 1", "j", "END", "DELETED"))
    #expect(rig.count(.queueFull) == 2 && rig.count(.readsAsMisses) == 2)
    for one in [c, d] { rig.hangUp(one) }
    #expect(rig.leak == nil)
  }

  /// A change that the client sent behind the read must not be seen by it.
  @Test(arguments: [
    "set k 0 0 1\r\nx", "delete k", "touch k 0", "gat -1 k j", "gat 2592001 k j", "mg k T-1", "ma aw== b",
    "flush_all",
  ])
  func aLargeValueIsBufferedIfAWriteFollowsTheRead(change: String) {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "get k", change)
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE k 0 1000\r\n\(long)")
    #expect(rig.privateConnections.isEmpty)
    rig.send(from: "a", "\r\nEND\r\n")
    #expect(rig.got(c) == lines("VALUE k 0 1000", long, "END"))
  }

  /// A key in base64 looks different from the same key as text.
  @Test(arguments: ["set k 0 0 1\r\nx", "ms k 1\r\nx", "md k", "ms aw== 1 b\r\nx", "ma j"])
  func aLargeValueOfABase64KeyIsBufferedIfAnyWriteFollows(change: String) throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "mg aw== b v O1", change)
    _ = rig.asked("a")
    rig.send(from: "a", "VA 1000 O1\r\n\(long)")
    #expect(rig.privateConnections.isEmpty)
    rig.send(from: "a", "\r\n")
    #expect(rig.got(c) == lines("VA 1000 O1", long))
  }

  @Test(arguments: ["get j", "set j 0 0 1\r\nx", "get k", "mg k v", "gat 100 k j", "mg k T0"])
  func aLargeValueIsStreamedIfNoWriteToItsKeyFollows(other: String) {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "get k", other)
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE k 0 1000\r\n\(long)")
    #expect(rig.privateConnections.count == 1)
  }

  @Test func multiGetValuesKeepTheirOrderWhicheverAreLarge() throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "get s k t")
    _ = rig.asked("a")
    rig.send(from: "a", "VALUE s 0 1\r\ns\r\nVALUE k 0 1000\r\n\(long)")
    rig.send(from: "a", "\r\nVALUE t 0 1\r\nt\r\nEND\r\n")
    let own = try #require(rig.privateConnections.first)
    #expect(rig.got(c) == lines("VALUE s 0 1", "s"))
    #expect(rig.asked(own) == lines("get k"))
    rig.send(from: own, lines("VALUE k 0 1000", long, "END"))
    // The next value is delivered when there is room for it.
    #expect(rig.got(c) == lines("VALUE k 0 1000", long))
    #expect(rig.got(c) == lines("VALUE t 0 1", "t", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aMetaValueIsStreamedWithoutTheProxysOpaque() throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "mg k v s k q")
    let opaque = try #require(rig.asked("a").split(separator: " ").last.map { $0.dropLast() })
    rig.send(from: "a", "VA 1000 s1000 kk \(opaque)\r\n\(long)")
    rig.send(from: "a", "\r\n")
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.send(from: own, "VA 1000 s1000 kk \(opaque)\r\n\(long)\r\n")
    #expect(rig.got(c) == lines("VA 1000 s1000 kk", long))
  }

  @Test(arguments: ["N30", "R30", "h", "l", "T-1", "T2592001"])
  func aMetaReadThatCannotBeRepeatedIsBuffered(flag: String) throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "mg k v \(flag)")
    let opaque = try #require(rig.asked("a").split(separator: " ").last.map { $0.dropLast() })
    let shown = flag == "h" ? "h0 " : flag == "l" ? "l1 " : ""
    rig.send(from: "a", "VA 1000 \(shown)\(opaque)\r\n\(long)")
    #expect(rig.privateConnections.isEmpty)
    rig.send(from: "a", "\r\n")
    #expect(rig.got(c) == lines("VA 1000 \(shown)".trimmed, long))
  }

  // MARK: - Uploads

  @Test func aLargeUploadIsForwardedAsItArrives() throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, "set k 1 2 1000\r\n\(long.prefix(10))")
    let own = try #require(rig.privateConnections.first)
    #expect(rig.asked(own) == "set k 1 2 1000\r\n\(long.prefix(10))")
    rig.send(c, String(long.prefix(150)))
    #expect(rig.asked(own) == long.prefix(150))
    rig.send(c, long.dropFirst(160) + "\r\nget k\r\n")
    #expect(rig.asked("a") == "", "not before the value is stored")
    #expect(rig.asked(own) == long.dropFirst(160) + "\r\n")
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    #expect(rig.asked("a") == lines("get k"))
    rig.hangUp(c)
    rig.reply("a", "END")
    #expect(rig.leak == nil)
  }

  @Test func anUploadWaitsForTheClientsEarlierReplies() {
    let rig = rig()
    let c = rig.open()
    rig.send(c, "delete k\r\nset k 0 0 1000\r\n\(long.prefix(10))")
    #expect(rig.privateConnections.isEmpty)
    rig.reply("a", "NOT_FOUND")
    #expect(rig.privateConnections.count == 1)
  }

  @Test func anUploadIsReadAsFastAsTheServerAcceptsIt() throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, "set k 0 0 1000\r\n\(long.prefix(500))")
    rig.send(c, String(long.prefix(1)))
    #expect(rig.paused == [c])
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    #expect(rig.paused.isEmpty)
  }

  /// The server's deadline runs only while it has bytes to accept.
  @Test func aSlowUploadIsNotAServerFailure() throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, "set k 0 0 1000\r\n\(long.prefix(10))")
    let own = try #require(rig.privateConnections.first)
    for byte in 10..<14 {
      _ = rig.asked(own)
      rig.advance(.milliseconds(900))
      rig.send(c, String(long.dropFirst(byte).prefix(1)))
      rig.advance(.milliseconds(10))
    }
    #expect(rig.count(.timeouts) == 0 && rig.waiting(for: c) == "")
    // But it is not waited for without end.
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    #expect(rig.count(.timeouts) == 1)
  }

  /// Even if a byte arrives now and then: other clients wait for its stream.
  @Test func aSlowUploadIsClosedWhenOtherClientsWait() throws {
    let rig = rig { $0.streams = 1 }
    let (c, d) = (rig.open(), rig.open())
    rig.send(c, "set k 0 0 1000\r\n\(long.prefix(10))")
    let own = try #require(rig.privateConnections.first)
    rig.send(d, "set j 0 0 1000\r\n\(long.prefix(10))")
    for byte in 10..<16 where !rig.closed.contains(c) {
      _ = rig.asked(own)
      rig.advance(.milliseconds(200))
      rig.send(c, String(long.dropFirst(byte).prefix(1)))
    }
    #expect(rig.closed == [c])
  }

  @Test func anUploadRefusedAtOnceKeepsItsClientUsable() throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, "set k 0 0 1000\r\n\(long.prefix(10))")
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.send(from: own, lines("SERVER_ERROR object too large for cache"))
    #expect(rig.got(c) == lines("SERVER_ERROR object too large for cache"))
    rig.send(c, long.dropFirst(10) + "\r\nversion\r\n")
    rig.reply("a", "VERSION 1.6.40")
    #expect(rig.got(c) == lines("VERSION 1.6.40"))
    #expect(rig.effects.contains(.disconnect(connection: own)))
  }

  @Test func aServerLostDuringAnUploadIsAnErrorAndTheRestIsDiscarded() throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, "set k 0 0 1000\r\n\(long.prefix(10))")
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.lose(connection: own)
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 connection lost"))
    rig.send(c, long.dropFirst(10) + "\r\nmn\r\n")
    #expect(rig.got(c) == lines("MN"))
  }

  @Test func aClientLostDuringAnUploadClosesThePrivateConnection() throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, "set k 0 0 1000\r\n\(long.prefix(10))")
    let own = try #require(rig.privateConnections.first)
    rig.hangUp(c)
    #expect(rig.effects.contains(.disconnect(connection: own)))
    #expect(rig.leak == nil)
  }

  // MARK: - Failures

  @Test func aServerLostBeforeAValueIsAMissAndDuringItClosesTheClient() throws {
    let rig = rig()
    let c = rig.open()
    for hasBegun in [false, true] {
      rig.say(c, "get k")
      _ = rig.asked("a")
      rig.send(from: "a", "VALUE k 0 1000\r\n\(long)")
      rig.send(from: "a", "\r\nEND\r\n")
      let own = try #require(rig.privateConnections.first)
      _ = rig.asked(own)
      if hasBegun { rig.send(from: own, "VALUE k 0 1000\r\nv") }
      rig.lose(connection: own)
      if !hasBegun { #expect(rig.got(c) == lines("END")) }
      rig.tick()
    }
    #expect(rig.closed == [c])
    #expect(rig.count(.valuesCutShort) == 1)
    #expect(rig.leak == nil)
  }

  @Test func aStreamedReadThatIsNotAnsweredIsAMissAtItsDeadline() throws {
    let rig = rig()
    let c = rig.open()
    _ = try downloading(c, rig)
    rig.advance(.milliseconds(499))
    #expect(rig.got(c) == "")
    rig.advance(.milliseconds(2))
    #expect(rig.got(c) == lines("END"))
  }

  /// When all streams are taken by clients that do not read, those clients are closed after a while.
  @Test func aClientThatDoesNotReadIsClosedWhenOthersWaitForAStream() throws {
    let rig = rig { $0.streams = 1 }
    let (deaf, other) = (rig.open(), rig.open())
    for c in [deaf, other] {
      rig.say(c, "get k")
      _ = rig.asked("a")
      rig.send(from: "a", "VALUE k 0 1000\r\n\(long)")
      rig.send(from: "a", "\r\nEND\r\n")
    }
    #expect(rig.privateConnections.count == 1)
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.send(from: own, "VALUE k 0 1000\r\n\(long.prefix(300))")
    rig.advance(.milliseconds(900))
    #expect(rig.closed.isEmpty)
    rig.advance(.milliseconds(200))
    #expect(rig.closed == [deaf])
    #expect(rig.count(.clientsClosedStream) == 1)
    let next = try #require(rig.privateConnections.first { $0 != own })
    _ = rig.asked(next)
    rig.send(from: next, lines("VALUE k 0 1000", long, "END"))
    #expect(rig.got(other) == lines("VALUE k 0 1000", long, "END"))
  }

  /// The less memory is left, the less of it any client may take.
  @Test func theBufferingLimitShrinksWithFreeMemory() {
    var limits = Limits()
    limits.memory = 1 << 20
    let rig = Rig(["a"], limits: limits)
    let (before, allowance) = (rig.worker.dispatcher.common.heldLimit, rig.worker.dispatcher.common.allowance)
    let c = rig.open()
    let value = String(repeating: "v", count: 100_000)
    rig.send(c, String(repeating: "get k\r\n", count: 6))
    for _ in 0..<6 { rig.reply("a", "VALUE k 0 100000", value, "END") }
    #expect(rig.worker.dispatcher.common.heldLimit < before)
    #expect(rig.worker.dispatcher.common.allowance < allowance)
    _ = rig.got(c)
    #expect(rig.worker.dispatcher.common.heldLimit > before - 1000)
  }
}

extension String {
  /// Without a space at the end.
  fileprivate var trimmed: String { last == " " ? String(dropLast()) : self }
}
