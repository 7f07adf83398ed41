import Stats
import Testing

@testable import Proxy

/// Connections that died without a FIN or RST.
@Suite struct ReplacementConnectionTests {
  private static let timedOut = WorkerEvent.failed(server: Fleet.id(of: "a"), .timedOut)

  @Test func aDeadConnectionToAHealthyServerIsReplacedWithoutAFailure() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    let dead = rig.connection("a")
    for i in 0..<10 { rig.say(c, "get k\(i)") }
    _ = rig.asked("a")
    rig.advance(.milliseconds(500))
    let failed = lines("SERVER_ERROR ringroad: a:11211 timed out")
    #expect(rig.got(c) == String(repeating: failed, count: 10))
    #expect(rig.events().isEmpty, "the replacement's handshake succeeded: the server is well")
    #expect(rig.effects.contains(.disconnect(connection: dead)))
    #expect(rig.connection("a") != dead)
    rig.say(c, "get x")
    rig.reply("a", "VALUE x 0 1", "x", "END")
    #expect(rig.got(c) == lines("VALUE x 0 1", "x", "END"))
    #expect(rig.count(.serverConnections) == 1)
    rig.tick()
    #expect(rig.connectionCount == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// No failure is reported for them, so the journal must have them.
  @Test func writesOnADeadConnectionAreInDoubtAndReadsAreNot() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get k0")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.say(c, "set k1 0 0 1", "x", "delete k2 noreply", "get k3", "mg k4 v")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    #expect(rig.events().isEmpty)
    #expect(rig.asked("a").contains("get k3"), "reads are sent again")
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == ["k1", "k2"])
  }

  /// One failure for its silence and one for each connection without a handshake: three within half a second of the
  /// deadline.
  @Test(arguments: [1, 50])
  func aSilentServerIsReportedInTimeUnderAnyLoad(requests: Int) {
    let rig = Rig(["a"])
    let c = rig.open()
    let start = rig.now
    for i in 0..<requests { rig.say(c, "get k\(i)") }
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.advance(.milliseconds(490))
    #expect(rig.events().isEmpty)
    var failures: [Int] = []
    for tick in 0..<49 {
      rig.advance(.milliseconds(10))
      failures += rig.events().map { workerEvent in
        if case .unanswered(Fleet.id(of: "a"), since: let begun) = workerEvent {
          #expect(begun > start)
        } else {
          #expect(workerEvent == Self.timedOut)
        }
        return tick * 10
      }
    }
    #expect(failures == [200, 200, 410], "in milliseconds after the deadline")
    #expect(rig.connecting.count == 1, "one attempt at a time")
  }

  @Test func timeoutsOfOneDeadlineOnALiveConnectionAreOneFailure() {
    let rig = Rig(["a"])
    let c = rig.open()
    for i in 0..<8 { rig.say(c, "gets k\(i)") }
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.send(from: "a", "END\r\n")
    rig.isAccepting = false
    rig.advance(.milliseconds(200))
    #expect(rig.count(.timeouts) == 7)
    #expect(rig.events() == [Self.timedOut])
    #expect(rig.connecting.isEmpty)
    // A dripping server: more requests time out, which is another failure only after another deadline.
    rig.send(from: "a", "END\r\n")
    rig.say(c, "get y")
    _ = rig.asked("a")
    rig.advance(.milliseconds(400))
    rig.send(from: "a", "END\r\n")
    #expect(rig.events().isEmpty)
    rig.hangUp(c)
  }

  @Test func aConnectionThatDeliversAgainIsNotReplaced() {
    let rig = Rig(["a"]) { $0.missesOnFailure = false }
    let c = rig.open()
    let connection = rig.connection("a")
    rig.isAccepting = false
    rig.say(c, "delete x")
    rig.advance(.milliseconds(300))
    rig.say(c, "delete y")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    let replacement = rig.connecting
    #expect(replacement.count == 1 && replacement != [connection])
    rig.send(from: "a", lines("DELETED", "DELETED"))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out", "DELETED"))
    rig.accept(replacement[0])
    rig.tick()
    #expect(rig.connection("a") == connection)
    #expect(rig.connectionCount == 1)
    #expect(rig.count(.serverConnections) == 1)
    #expect(!rig.effects.contains(.disconnect(connection: connection)))
  }

  /// The queue of a connection that is found dead: reads move to the replacement, writes are in doubt.
  @Test func readsMoveToTheReplacementAndWritesFail() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    rig.advance(.milliseconds(300))
    rig.say(c, "set w 0 0 1", "1", "get y", "gat 5 z", "get y z")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    #expect(rig.asked("a") == lines("get y z"), "a read before a write must not see it")
    rig.reply("a", "VALUE z 0 1", "z", "END")
    #expect(
      rig.got(c)
        == lines(
          "END", "SERVER_ERROR ringroad: a:11211 connection lost", "END", "END", "VALUE z 0 1", "z", "END"))
    #expect(rig.count(.readRetries) == 1)
    rig.hangUp(c)
    rig.tick()
    #expect(rig.leak == nil)
  }

  @Test func anEjectedServerGetsNoReplacementConnection() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.say(c, "get \(rig.key(on: "a"))")
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.advance(.milliseconds(500))
    #expect(rig.connecting.count == 1)
    rig.set(.ejected, "a")
    rig.tick()
    #expect(rig.connecting.isEmpty)
    #expect(rig.connectionCount == 2)
    rig.apply(["b"])
    rig.tick()
    #expect(rig.connectionCount == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A read that is sent again is refused if the server that is there now does not know the command: twemproxy closes
  /// the connection on it, and every request behind it fails.
  @Test func aMetaReadIsNotSentAgainToAServerThatDoesNotUnderstandIt() throws {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "get x")
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.advance(.milliseconds(300))
    rig.say(c, "mg k v")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    let replacement = try #require(rig.connecting.first)
    rig.begin(replacement, version: "1.4.39", handshake: lines("ERROR", "ERROR"))
    #expect(rig.connection("a") == replacement)
    #expect(rig.asked("a") == "")
    #expect(rig.got(c) == lines("END", "ERROR"))
  }

  @Test func aReloadThatRemovesAServerClosesItsReplacementToo() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.say(c, "get \(rig.key(on: "a"))")
    _ = rig.asked("a")
    rig.isAccepting = false
    rig.advance(.milliseconds(500))
    rig.apply(["b"])
    rig.advance(.milliseconds(500))
    rig.tick()
    #expect(rig.connectionCount == 1)
    #expect(rig.connecting.isEmpty)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }
}
