import Routing
import Testing
import Topology

@testable import Proxy

/// Requests whose route is a node: pools, answers and refusals by command, and changed times.
@Suite struct RoutedRequestTests {
  @Test func requestsGoThroughToAPool() {
    let rig = RoutedFleet.rig(.to(.pool(1)))
    let c = rig.open()
    rig.say(c, "get a", "set a 0 0 1", "1", "mg a v", "get a b", "delete a")
    #expect(rig.asked("m") == "")
    #expect(
      rig.asked("s")
        == lines("get a", "set a 0 0 1", "1", "mg a v O1", "get a b", "delete a"))
    rig.send(
      from: "s", lines("END", "STORED", "EN O1") + lines("VALUE b 0 1", "x", "END", "DELETED"))
    #expect(rig.got(c) == lines("END", "STORED", "EN", "VALUE b 0 1", "x", "END", "DELETED"))
  }

  @Test func commandsGoToTheirPools() {
    let rig = RoutedFleet.rig(.commands([(.writes, .pool(0))], rest: .pool(1)))
    let c = rig.open()
    rig.say(c, "get a", "set a 0 0 1", "1", "gat 10 a", "mg a v", "mg a T30", "ma a", "get a b", "gats 5 a b")
    #expect(
      rig.asked("m") == lines("set a 0 0 1", "1", "gat 10 a", "mg a T30 O2", "ma a O3", "gats 5 a b"))
    #expect(rig.asked("s") == lines("get a", "mg a v O1", "get a b"))
  }

  @Test func refusedCommandsAreAnsweredInTheirTurn() {
    let rig = RoutedFleet.rig(.to(.pool(0))) {
      $0.denied = .writes
      $0.deniedQuietly = CommandSet([.delete])
    }
    let c = rig.open()
    rig.say(
      c, "get a", "set a 0 0 1", "1", "delete a", "ms a 1", "1", "md a k", "incr a 1 noreply",
      "gat 1 a b", "get a")
    #expect(rig.asked("m") == lines("get a", "get a").replacing("get a\r\nget a", with: "get a a"))
    rig.send(from: "m", lines("VALUE a 0 1", "x", "VALUE a 0 1", "x", "END"))
    #expect(
      rig.got(c)
        == lines(
          "VALUE a 0 1", "x", "END", "CLIENT_ERROR set not allowed", "NOT_FOUND",
          "CLIENT_ERROR ms not allowed",
          "NF ka", "CLIENT_ERROR gat not allowed", "VALUE a 0 1", "x", "END"))
  }

  @Test func fixedAnswersAreMemcachedsOwn() {
    for (fixed, reply) in [
      (
        FixedAnswer.nothing,
        lines("END", "NOT_STORED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "EN", "NS Ox", "NF", "END")
      ),
      (.done, lines("END", "STORED", "DELETED", "TOUCHED", "NOT_FOUND", "EN", "HD Ox", "HD", "END")),
    ] {
      let rig = RoutedFleet.rig(.answer(fixed))
      let c = rig.open()
      rig.say(
        c, "get a", "set a 0 0 1", "1", "delete a", "touch a 1", "incr a 1", "mg a v", "ms a 1 Ox", "1",
        "md a",
        "set a 0 0 1 noreply", "1", "mg a v q", "get a b")
      #expect(rig.got(c) == reply)
    }
    let rig = RoutedFleet.rig(.answer(.error("no such tenant")))
    let c = rig.open()
    rig.say(c, "get a", "get a b", "mg a v")
    #expect(
      rig.got(c)
        == lines(
          "SERVER_ERROR no such tenant", "SERVER_ERROR no such tenant", "SERVER_ERROR no such tenant"))
  }

  @Test func valuesAboveTheRoutesLimitAreRefusedAndForgotten() {
    let rig = RoutedFleet.rig(.to(.pool(0))) { $0.maxValue = 3 }
    let c = rig.open()
    rig.say(c, "set a 0 0 3", "abc", "set a 0 0 4", "abcd", "get a")
    #expect(rig.asked("m") == lines("set a 0 0 3", "abc", "delete a", "get a"))
    rig.reply("m", "STORED", "DELETED", "END")
    #expect(rig.got(c) == lines("STORED", "SERVER_ERROR object too large for cache", "END"))
  }

  @Test func timesAreChangedInEveryCommandThatHasOne() {
    let rig = RoutedFleet.rig(.to(.pool(0))) {
      var rule = TTLRule()
      (rule.max, rule.none) = (100, 50)
      $0.ttl = rule
    }
    let c = rig.open()
    rig.say(
      c, "set a 5 0 1", "1", "set a 5 7 1", "1", "add a 5 200 1", "1", "cas a 0 0 1 99", "1", "touch a 0",
      "gat 500 a", "gats 500 a b", "set a 0 -1 1", "1", "incr a 1", "append a 0 0 1", "1")
    #expect(
      rig.asked("m")
        == lines(
          "set a 5 50 1", "1", "set a 5 7 1", "1", "add a 5 100 1", "1", "cas a 0 50 1 99", "1", "touch a 50",
          "gat 100 a", "gats 100 a b", "set a 0 -1 1", "1", "incr a 1", "append a 0 50 1", "1"))
    rig.say(
      c, "ms a 1", "1", "ms a 1 T0 Oq", "1", "ms a 1 T30", "1", "ma a N0", "mg a v N700 T90", "md a T500")
    #expect(
      rig.asked("m")
        == lines(
          "ms a 1 T50 O1", "1", "ms a 1 T50 Oq", "1", "ms a 1 T30 O3", "1", "ma a N50 O4",
          "mg a v N100 T90 O5", "md a T100 O6"))
  }

  @Test func absoluteTimesAreUnderstood() {
    let now = 1_800_000_000
    var most = TTLRule()
    most.max = 3600
    #expect(TTLRule.life(now + 7200, under: [most], now: now) == 3600)
    #expect(TTLRule.life(now + 60, under: [most], now: now) == now + 60)
    #expect(TTLRule.life(now - 60, under: [most], now: now) == now - 60)
    #expect(TTLRule.life(0, under: [most], now: now) == 3600)
    #expect(TTLRule.life(-1, under: [most], now: now) == -1)
    var least = TTLRule()
    least.min = 60 * 60 * 24 * 40
    #expect(TTLRule.life(10, under: [least], now: now) == now + 60 * 60 * 24 * 40)
    #expect(TTLRule.life(0, under: [least], now: now) == 0)
    var set = TTLRule()
    set.set = 60
    #expect(TTLRule.life(0, under: [set], now: now) == 60)
    #expect(TTLRule.life(500, under: [set], now: now) == 60)
  }

  @Test func aListenerMayNameAPolicy() {
    var plan = RoutedFleet.plan([RouteNode(name: "p", .answer(.nothing))])
    plan.routing.defaultTarget = .pool(0)
    let rig = Rig(plan: plan)
    let c = rig.worker.open(pool: PoolID(100))
    let d = rig.open()
    rig.say(c, "get a")
    rig.say(d, "get a")
    #expect(rig.got(c) == lines("END"))
    #expect(rig.asked("m") == lines("get a"))
  }

  @Test func aListenersCommandsForAllConcernThePoolsOfItsPolicy() {
    let nodes = [
      RouteNode(name: "p", .commands([(.writes, .pool(0))], rest: .node(1))),
      RouteNode(name: "q", RoutedFleet.attempt([1, 0])),
    ]
    var plan = RoutedFleet.plan(nodes)
    plan.routing.defaultTarget = .pool(2)
    let rig = Rig(plan: plan)
    let c = rig.worker.open(pool: PoolID(100))
    rig.say(c, "flush_all")
    #expect(rig.asked("m") == lines("flush_all"))
    #expect(rig.asked("s") == lines("flush_all"))
    #expect(rig.asked("u") == "")
    rig.reply("m", "OK")
    rig.reply("s", "OK")
    #expect(rig.got(c) == lines("OK"))
  }
}
