import Bytes
import Stats
import Testing

@testable import Proxy

/// Cut-through: values small enough to buffer are forwarded as they arrive if that delays no other client.
@Suite struct CutThroughTests {
  private func rig(_ change: (inout Limits) -> Void = { _ in }) -> Rig {
    var limits = Limits()
    limits.cutThrough = 100
    limits.ahead = 200
    change(&limits)
    return Rig(["a"], limits: limits)
  }

  /// A client with a value in flight, and its private connection; all that has arrived so far is sent.
  private func begun(_ rig: Rig) throws -> (client: Ref<Client>, connection: Ref<ServerConnection>) {
    let c = rig.open()
    store(rig)
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    return (c, own)
  }

  private let long = String(repeating: "v", count: 1000)

  /// Sends the line of a set and the first half of its value.
  private func begin(_ c: Ref<Client>, _ key: String, _ rig: Rig) {
    rig.send(c, "set \(key) 0 0 1000\r\n\(long.prefix(500))")
  }

  /// Sends a value that is buffered.
  private func hold(_ c: Ref<Client>, _ rig: Rig) {
    begin(c, "k", rig)
    #expect(rig.privateConnections.isEmpty)
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(rig.asked("a") == lines("set k 0 0 1000", long))
    rig.send(from: "a", lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
  }

  /// Buffers a value of another client, so that the next one is not the first in a while.
  private func store(_ rig: Rig) {
    let c = rig.open()
    hold(c, rig)
    rig.hangUp(c)
  }

  /// Ends a value that is cut through: its rest, and its reply.
  private func end(_ c: Ref<Client>, _ rig: Rig) throws {
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(rig.asked(own) == "\(long.dropFirst(500))\r\n")
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
  }

  @Test func theFirstLargeSetIsBufferedAndAnotherClientsNextIsCutThrough() throws {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    for _ in 0..<2 {
      for _ in 0..<2 { hold(c, rig) }
      begin(other, "k", rig)
      let own = try #require(rig.privateConnections.first)
      #expect(rig.asked(own) == "set k 0 0 1000\r\n\(long.prefix(500))")
      try end(other, rig)
      rig.advance(.seconds(1))
      rig.sweep()
    }
    #expect(rig.count(.streamedValues) == 2)
    for one in [c, other] { rig.hangUp(one) }
    #expect(rig.leak == nil)
  }

  /// A value that is short, or already complete, gains nothing by cut-through.
  @Test(arguments: [(80, 40), (1000, 1002)])
  func aShortOrCompleteValueTakesTheSharedConnection(length: Int, come: Int) {
    let rig = rig()
    let c = rig.open()
    store(rig)
    rig.send(
      c, "set k 0 0 \(length)\r\n" + (String(repeating: "v", count: length) + "\r\n").prefix(come))
    #expect(rig.privateConnections.isEmpty)
  }

  /// Otherwise this value would wait for the replies before it.
  @Test(arguments: ["get j\r\nset k 0 0 1000\r\n", "delete k noreply\r\nset k 0 0 1000\r\n"])
  func aValueBehindAnUnansweredRequestIsBuffered(request: String) {
    let rig = rig()
    let c = rig.open()
    store(rig)
    rig.send(c, request + long.prefix(500))
    #expect(rig.privateConnections.isEmpty && rig.paused.isEmpty)
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(rig.asked("a").hasSuffix("\(long)\r\n"))
  }

  /// Quiet or not: the client's next request waits for the server's reply.
  @Test(arguments: ["set k 0 0 1000", "set k 0 0 1000 noreply", "ms k 1000 q"])
  func aRequestBehindACutThroughWaitsForItsReply(request: String) throws {
    let rig = rig()
    let c = rig.open()
    store(rig)
    rig.send(c, "\(request)\r\n\(long.prefix(500))")
    let own = try #require(rig.privateConnections.first)
    let opaque = rig.asked(own).split(separator: "\r\n")[0].split(separator: " ").last ?? ""
    rig.send(c, "\(long.dropFirst(500))\r\nget k\r\n")
    #expect(rig.asked(own) == "\(long.dropFirst(500))\r\n" && rig.asked("a") == "")
    rig.send(from: own, request.hasPrefix("ms") ? "HD \(opaque)\r\n" : "STORED\r\n")
    #expect(rig.asked("a") == lines("get k"))
    rig.reply("a", "END")
    #expect(rig.got(c) == (request.hasSuffix("1000") ? lines("STORED", "END") : lines("END")))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Whichever client sent it: a server may read two connections in any order.
  @Test func aValueIsBufferedWhileAnotherForItsKeyIsInFlight() {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    store(rig)
    rig.say(other, "set k 0 0 1", "x")
    begin(c, "k", rig)
    #expect(rig.privateConnections.isEmpty)
    begin(other, "j", rig)
    #expect(rig.privateConnections.isEmpty, "the client's own request is not answered")
    rig.reply("a", "STORED")
    let third = rig.open()
    begin(third, "k", rig)
    #expect(rig.privateConnections.count == 1)
  }

  /// Half of the private connections is reserved for values too large to buffer.
  @Test func halfOfTheStreamsAreReservedForValuesTooLargeToBuffer() {
    let rig = rig { $0.streams = 4 }
    let clients = (0..<4).map { _ in rig.open() }
    store(rig)
    for (i, c) in clients.enumerated() {
      begin(c, "k\(i)", rig)
      #expect(rig.privateConnections.count == min(i + 1, 2))
    }
  }

  /// Nor do larger values that wait hurry its client; but half a request still has its time limit.
  @Test func aStalledCutThroughIsClosedNoSoonerThanABufferedValue() throws {
    let rig = rig {
      $0.streams = 2
      $0.held = 2000
      $0.halfRequestTimeout = .seconds(10)
    }
    let (c, d, e) = (rig.open(), rig.open(), rig.open())
    store(rig)
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    for client in [d, e] { rig.send(client, "set \(client) 0 0 5000\r\nv") }
    #expect(rig.privateConnections.count == 2)
    rig.advance(.milliseconds(2000))
    rig.sweep()
    #expect(!rig.closed.contains(c))
    rig.advance(.milliseconds(8000))
    rig.sweep()
    #expect(rig.closed.contains(c))
  }

  /// It is paused only once it sends a request behind its value.
  @Test func aCutThroughClientIsPausedOnlyWhenItPipelines() throws {
    let rig = rig()
    let (c, own) = try begun(rig)
    rig.send(c, "\(long.dropFirst(500))\r\n")
    #expect(!rig.effects.contains(.pause(client: c)))
    rig.send(c, "get k\r\n")
    #expect(rig.paused == [c])
    #expect(rig.asked("a") == "")
    _ = rig.asked(own)
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    #expect(rig.paused.isEmpty)
    #expect(rig.asked("a") == lines("get k"))
  }

  @Test func aCompleteCutThroughValueIsStoredAfterItsClientLeaves() throws {
    let rig = rig()
    let clients = [rig.open(), rig.open()]
    store(rig)
    for (c, isMeta) in zip(clients, [false, true]) {
      rig.send(c, (isMeta ? "ms k 1000\r\n" : "set k 0 0 1000\r\n") + long.prefix(500))
      let own = try #require(rig.privateConnections.first)
      let line = rig.asked(own)
      rig.send(c, "\(long.dropFirst(500))\r\n")
      rig.endInput(c)
      #expect(rig.closed.isEmpty)
      rig.hangUp(c)
      #expect(rig.asked(own).hasSuffix("v\r\n"))
      let opaque = line.split(separator: "\r\n")[0].split(separator: " ").last ?? ""
      rig.send(from: own, lines(isMeta ? "HD \(opaque)" : "STORED"))
      #expect(rig.privateConnections.isEmpty && rig.worker.spareConnections == 1)
    }
    #expect(rig.leak == nil)
  }

  // MARK: - Reading into the send buffer

  @Test func theRestOfACutThroughIsReadIntoTheSendBuffer() throws {
    let rig = rig()
    let c = rig.open()
    #expect(rig.worker.readLimit(of: c) > 4096)
    store(rig)
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    #expect(rig.worker.dispatcher.downstream.clients[c].missing == 502)
    _ = rig.asked(own)
    #expect(rig.pass(c, String(long.dropFirst(500).prefix(100))))
    #expect(rig.paused.isEmpty)
    // The server accepts less than arrives.
    #expect(rig.pass(c, String(long.dropFirst(600).prefix(50))))
    #expect(rig.paused == [c] && !rig.pass(c, "v"))
    #expect(rig.asked(own) == long.prefix(150))
    #expect(rig.paused.isEmpty)
    #expect(rig.pass(c, long.dropFirst(650) + "\r\n"))
    #expect(rig.worker.dispatcher.downstream.clients[c].missing == 0 && !rig.pass(c, "v"))
    #expect(rig.asked(own) == long.dropFirst(650) + "\r\n")
    #expect(rig.worker.dispatcher.upstream.connections[own].queue.bytes.footprint == 0)
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    // The next read, once, is only large enough to show which request follows.
    #expect(rig.worker.readLimit(of: c) == 4096)
    #expect(rig.worker.readLimit(of: c) > 4096)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A small part is collected before it is sent, but only until the next tick, so that its server need not wait.
  @Test func aSmallPartOfACutThroughIsSentAtTheNextTick() throws {
    let rig = rig()
    let (c, own) = try begun(rig)
    while rig.worker.dispatcher.upstream.nextConnectionToFlush() != nil {}
    #expect(rig.pass(c, "vvv"))
    #expect(rig.worker.dispatcher.upstream.nextConnectionToFlush() == nil)
    rig.tick()
    #expect(rig.worker.dispatcher.upstream.nextConnectionToFlush() == own)
    _ = rig.asked(own)
    rig.tick()
    #expect(rig.worker.dispatcher.upstream.nextConnectionToFlush() == nil)
  }

  /// Nothing is sent before the handshake, and no more is read than there is room for.
  @Test func aCutThroughThatIsStillConnectingReadsALittle() throws {
    let rig = rig()
    let c = rig.open()
    store(rig)
    rig.isAccepting = false
    begin(c, "k", rig)
    let own = try #require(rig.privateConnections.first)
    #expect(rig.pass(c, "v"))
    #expect(rig.paused == [c] && rig.asked(own) == "")
    rig.accept(own)
    #expect(rig.asked(own) == "set k 0 0 1000\r\n\(long.prefix(501))")
    #expect(rig.paused.isEmpty)
  }
}

extension Rig {
  /// Reads these bytes of a client's value straight into the send buffer, as the edge does, while the server accepts
  /// nothing; false if they must not be read that way.
  fileprivate func pass(_ c: Ref<Client>, _ text: String) -> Bool {
    guard let (l, room) = worker.cutThroughRoom(of: c), room >= text.utf8.count else { return false }
    if worker.clientReceived(c, passed: Array(text.utf8), on: l, now: now) { worker.endCutThrough(c) }
    settle()
    return true
  }
}
