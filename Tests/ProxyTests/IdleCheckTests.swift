import Bytes
import Stats
import Testing

@testable import Proxy

/// Connections on which nothing was requested for a while.
@Suite struct IdleCheckTests {
  private static let requests = [
    "get x", "set x 0 0 1\r\n1", "delete x noreply", "incr x 1", "get x y", "mg x v", "ms x 1\r\n2",
    "flush_all",
  ]

  /// A rig with servers that were idle for this long, and a client.
  private func rested(_ names: [String] = ["a"], _ idling: Duration = .seconds(1)) -> (Rig, Ref<Client>) {
    let rig = Rig(names) { $0.missesOnFailure = false }
    rig.advance(idling)
    rig.wakesUp = false
    return (rig, rig.open())
  }

  @Test(arguments: requests)
  func nothingIsSentOnAnIdleConnectionBeforeItIsValidated(_ request: String) {
    let (rig, c) = rested()
    rig.say(c, request)
    #expect(rig.asleep == [rig.connection("a")])
    #expect(rig.asked("a") == "")
    rig.say(c, "get z")
    #expect(rig.asleep.count == 1, "`version` is sent once")
    rig.awaken(rig.connection("a"))
    let asked = rig.asked("a")
    #expect(asked.hasPrefix(request.prefix(2)) && asked.hasSuffix(" z\r\n"))
    #expect(rig.count(.serverConnects) == 1)
    #expect(rig.count(.serverConnections) == 1)
    rig.hangUp(c)
  }

  /// The network reports that the connection is gone.
  @Test(arguments: requests)
  func theQueueOfALostIdleConnectionMovesToTheNext(_ request: String) {
    let (rig, c) = rested()
    rig.say(c, request)
    rig.lose("a")
    #expect(rig.asked("a").hasPrefix(request.prefix(2)))
    #expect(rig.waiting(for: c) == "")
    #expect(rig.events().isEmpty, "the next handshake succeeded: the server is well")
    #expect(rig.count(.serverConnections) == 1)
    #expect(rig.count(.serverConnectionsLost) == 1)
    rig.hangUp(c)
  }

  /// The network reports nothing.
  @Test(arguments: requests)
  func theQueueOfASilentIdleConnectionMovesToItsReplacement(_ request: String) {
    let (rig, c) = rested()
    let dead = rig.connection("a")
    rig.say(c, request, "get z")
    rig.advance(.milliseconds(90))
    #expect(rig.connectionCount == 1)
    rig.advance(.milliseconds(10))
    #expect(rig.connection("a") != dead)
    #expect(rig.effects.contains(.disconnect(connection: dead)))
    let asked = rig.asked("a")
    #expect(asked.hasPrefix(request.prefix(2)) && asked.hasSuffix(" z\r\n"))
    #expect(rig.waiting(for: c) == "")
    #expect(rig.events().isEmpty)
    // A reply assembled from several servers' replies may still name it.
    if request == "flush_all" { rig.send(from: "a", "OK\r\n") }
    rig.tick()
    #expect(rig.connectionCount == 1)
    #expect(rig.count(.serverConnections) == 1)
    rig.hangUp(c)
  }

  @Test func repliesAfterAnIdleCheckKeepTheirOrder() {
    let (rig, c) = rested(["a", "b"])
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "set \(a) 0 0 1", "1", "get \(a) \(b)", "mg \(b) v k O7")
    rig.awaken(rig.connection("b"))
    rig.reply("b", "VALUE \(b) 0 1", "b", "END", "VA 1 k\(b) O7", "b")
    rig.advance(.milliseconds(100))
    rig.reply("a", "STORED", "VALUE \(a) 0 1", "1", "END")
    #expect(
      rig.got(c)
        == lines(
          "STORED", "VALUE \(a) 0 1", "1", "VALUE \(b) 0 1", "b", "END", "VA 1 k\(b) O7", "b"))
    rig.hangUp(c)
    rig.tick()
    #expect(rig.leak == nil)
  }

  @Test func aBusyConnectionIsNotValidated() {
    let (rig, c) = rested(["a"], .milliseconds(900))
    for _ in 0..<20 {
      rig.say(c, "get x")
      #expect(rig.asked("a") == lines("get x"))
      rig.advance(.milliseconds(200))
      rig.reply("a", "END")
      rig.advance(.milliseconds(700))
    }
    #expect(rig.asleep.isEmpty)
  }

  @Test func anUnusedConnectionIsValidatedPeriodically() {
    let (rig, _) = rested()
    rig.advance(.milliseconds(8900))
    #expect(rig.asleep.isEmpty)
    rig.advance(.milliseconds(100))
    #expect(rig.asleep == [rig.connection("a")])
    rig.tick()
    #expect(rig.asleep.count == 1)
    rig.awaken(rig.connection("a"))
    for _ in 0..<99 { rig.advance(.milliseconds(100)) }
    #expect(rig.asleep.isEmpty)
    rig.advance(.milliseconds(100))
    #expect(rig.asleep == [rig.connection("a")])
    let dead = rig.connection("a")
    rig.advance(.milliseconds(100))
    #expect(rig.connection("a") != dead, "replaced before a client used it")
    #expect(rig.events().isEmpty)
  }

  /// It may only be slow: failed attempts to replace the connection before the deadline are not reported.
  @Test func aServerThatAnswersValidationLateKeepsItsConnection() {
    let (rig, c) = rested()
    let connection = rig.connection("a")
    rig.isAccepting = false
    rig.say(c, "set x 0 0 1", "1")
    for _ in 0..<40 { rig.advance(.milliseconds(10)) }
    #expect(rig.connecting.isEmpty, "one attempt")
    rig.awaken(connection)
    rig.reply("a", "STORED")
    #expect(rig.got(c) == lines("STORED"))
    #expect(rig.connection("a") == connection)
    #expect(rig.events().isEmpty)
    rig.tick()
    #expect(rig.connectionCount == 1)
  }

  @Test func aHangingServerIsConnectedToNoMoreThanNecessary() {
    let (rig, c) = rested()
    rig.isAccepting = false
    rig.say(c, "set x 0 0 1", "1", "delete y noreply")
    rig.advance(.milliseconds(300))
    rig.say(c, "get z")
    let timedOut = lines("SERVER_ERROR ringroad: a:11211 timed out")
    for _ in 0..<19 { rig.advance(.milliseconds(10)) }
    #expect(rig.got(c) == "")
    rig.advance(.milliseconds(10))
    #expect(rig.got(c) == timedOut)
    #expect(rig.count(.noreplyDropped) == 1)
    let failed = WorkerEvent.failed(server: Fleet.id(of: "a"), .timedOut)
    #expect(rig.events() == [failed])
    for _ in 0..<100 { rig.advance(.milliseconds(10)) }
    #expect(rig.got(c) == timedOut)
    let unanswered = rig.events().allSatisfy { if case .unanswered = $0 { true } else { false } }
    #expect(unanswered)
    let attempts = rig.effects.filter { if case .connect = $0 { true } else { false } }.count
    #expect(attempts == 3, "at the start, as a replacement, after the deadline")
    for _ in 0..<150 { rig.advance(.milliseconds(10)) }
    let later = rig.effects.filter { if case .connect = $0 { true } else { false } }.count
    #expect(later == 5, "then about once a second, without requests")
    rig.set(.failFast, "a")
    // The other write was never sent.
    #expect(rig.held(against: "a") == ["y"])
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aServerThatRefusesAfterAnIdleLossIsReported() {
    let (rig, c) = rested()
    rig.isAccepting = false
    rig.say(c, "set x 0 0 1", "1")
    rig.lose("a")
    rig.lose("a", .refused)
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 refused"))
    #expect(rig.events() == [.failed(server: Fleet.id(of: "a"), .refused)])
  }

  @Test(arguments: [false, true])
  func unsolicitedBytesCloseAnIdleConnection(isValidating: Bool) {
    let (rig, c) = rested()
    if isValidating { rig.say(c, "set x 0 0 1", "1") }
    let connection = rig.connection("a")
    rig.send(from: connection, "STORED\r\n")
    #expect(rig.effects.contains(.disconnect(connection: connection)))
    #expect(rig.count(.integrityFailures) == 1)
    #expect(rig.waiting(for: c) == "")
    if isValidating { rig.reply("a", "STORED") }
    #expect(rig.got(c) == (isValidating ? lines("STORED") : ""))
  }

  @Test func anEjectedServersConnectionsAreNotValidated() {
    let (rig, c) = rested(["a", "b"])
    rig.say(c, "get \(rig.key(on: "a"))")
    rig.advance(.milliseconds(90))
    rig.isAccepting = false
    rig.advance(.milliseconds(10))
    rig.set(.ejected, "a")
    rig.set(.ejected, "b")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 down"))
    rig.advance(.seconds(30))
    #expect(rig.connecting.isEmpty && rig.asleep.isEmpty)
    rig.isAccepting = true
    rig.set(.up, "a")
    rig.say(c, "get \(rig.key(on: "a"))")
    rig.reply("a", "END")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.connectionCount == 2)
  }

  @Test(arguments: [false, true])
  func anIdleServerThatMovesIsUsedAtItsNewAddress(isValidating: Bool) {
    let (rig, c) = rested()
    if isValidating { rig.say(c, "set x 0 0 1", "1") }
    rig.relocate("a")
    if !isValidating { rig.say(c, "set x 0 0 1", "1") }
    rig.reply("a", "STORED")
    #expect(rig.got(c) == lines("STORED"))
    rig.tick()
    #expect(rig.connectionCount == 1)
    #expect(rig.count(.serverConnections) == 1)
  }

  @Test(arguments: [false, true])
  func aReloadThatRemovesAServerWaitsForItsValidation(answers: Bool) {
    let (rig, c) = rested(["a", "b"])
    let connection = rig.connection("a")
    rig.say(c, "get \(rig.key(on: "a"))")
    rig.apply(["b"])
    rig.advance(.milliseconds(200))
    #expect(rig.connectionCount == 2)
    if answers {
      rig.awaken(connection)
      _ = rig.asked(connection)
      rig.send(from: connection, "END\r\n")
    } else {
      rig.advance(.milliseconds(300))
    }
    #expect(rig.got(c) == (answers ? lines("END") : lines("SERVER_ERROR ringroad: a:11211 timed out")))
    rig.tick()
    #expect(rig.connectionCount == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }
}
