import Bytes
import Stats
import Testing
import Topology

@testable import Proxy

/// `stats` merged with what all workers share.
@Suite struct StatsRequestTests {
  private func ask(_ rig: Rig, _ c: Ref<Client>, _ answers: [(String, Int)]) -> String {
    rig.advance(.seconds(10))
    rig.say(c, "stats")
    for (name, count) in answers {
      rig.reply(name, "STAT uptime 9", "STAT cmd_get \(count)", "STAT curr_items \(count)", "END")
    }
    return rig.got(c)
  }

  private func rows(_ counted: Int, _ items: Int, _ answered: String) -> String {
    lines(
      "STAT uptime 9", "STAT cmd_get \(counted)", "STAT curr_items \(items)",
      "STAT ringroad_servers_answered \(answered)", "END")
  }

  @Test(arguments: [ServerStatus.ejected, .failFast, .returning])
  func countersOfAServerThatIsOutStandIn(_ status: ServerStatus) {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    #expect(ask(rig, c, [("a", 700), ("b", 300)]) == rows(1000, 1000, "2/2"))
    rig.set(status, "b")
    #expect(ask(rig, c, [("a", 701)]) == rows(1001, 701, "1/2"))
    rig.set(.up, "b")
    #expect(ask(rig, c, [("a", 702), ("b", 301)]) == rows(1003, 1003, "2/2"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A client wants the counters to begin again: those of the servers that have done it.
  @Test func statsResetForgetsWhatServersHadCounted() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    _ = ask(rig, c, [("a", 700), ("b", 300)])
    rig.say(c, "stats reset")
    rig.reply("a", "RESET")
    rig.lose("b")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: 1 of 2 servers did not answer"))
    rig.set(.ejected, "b")
    #expect(ask(rig, c, [("a", 1)]) == rows(301, 1, "1/2"))
  }

  @Test func aServerThatLeavesTheConfigurationCountsNoMore() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    _ = ask(rig, c, [("a", 700), ("b", 300)])
    rig.apply(["a"])
    #expect(ask(rig, c, [("a", 700)]) == rows(700, 700, "1/1"))
    #expect(rig.known[Fleet.id(of: "b")] == nil)
  }

  @Test func aServerInTwoPoolsCountsOnce() {
    let rig = SharedServerTests.rig(["a", "b"], ["a"])
    let c = rig.open()
    #expect(ask(rig, c, [("a", 700), ("b", 300)]) == rows(1000, 1000, "2/2"))
    rig.say(c, "stats servers")
    rig.reply("a", "STAT pid 1", "END")
    rig.reply("b", "STAT pid 2", "END")
    #expect(rig.got(c) == lines("STAT a:11211:pid 1", "STAT b:11211:pid 2", "END"))
  }

  @Test func statsConnsShowsTheProxysClientsAndTheServersConnections() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.connected = [
      ConnectedClient(
        address: "tcp:10.0.0.7:4711", listener: "tcp:10.0.0.1:11211", state: .reading, idleSeconds: 3,
        worker: 0)
    ]
    rig.say(c, "stats conns")
    rig.reply("a", "STAT 5:addr tcp:x", "STAT 5:state conn_read", "END")
    rig.lose("b")
    #expect(
      rig.got(c)
        == lines(
          "STAT 1:addr tcp:10.0.0.7:4711", "STAT 1:listen_addr tcp:10.0.0.1:11211", "STAT 1:state conn_read",
          "STAT 1:secs_since_last_cmd 3", "STAT 1:worker 0", "STAT 7:server a:11211", "STAT 7:addr tcp:x",
          "STAT 7:state conn_read", "END"))
  }

  @Test func statsForAClientThatLeftAreDiscarded() {
    let rig = Rig(["a"])
    rig.holdsReports = true
    let c = rig.open()
    rig.say(c, "stats", "get x")
    rig.reply("a", "STAT cmd_get 1", "END", "END")
    #expect(rig.waiting(for: c) == "")
    rig.hangUp(c)
    let other = rig.open()
    rig.mergeStats(rig.heldMerges[0])
    #expect(rig.waiting(for: other) == "")
    rig.hangUp(other)
    #expect(rig.leak == nil && rig.heldMerges.count == 1)
  }

  @Test func stateOfAClientIsNamedAsMemcachedDoes() {
    let rig = Rig(["a"])
    let c = rig.open()
    func state() -> ClientState { rig.worker.dispatcher.downstream.state(of: c) }
    #expect(state() == .reading)
    rig.send(c, "set x 0 0 10\r\n12345")
    #expect(state() == .readingValue)
    rig.send(c, "67890\r\n")
    #expect(state() == .waitingForServers)
    rig.reply("a", "STORED")
    _ = rig.got(c, atMost: 3)
    #expect(state() == .writing)
    _ = rig.got(c)
    #expect(state() == .reading)
    rig.say(c, "get x")
    rig.endInput(c)
    #expect(state() == .closing)
  }
}
