import Routing
import Testing
import Topology

@testable import Proxy

/// `try`: another pool where the first cannot.
@Suite struct TryTests {
  private static func spare(_ change: (inout TryRules) -> Void = { _ in }) -> Rig {
    RoutedFleet.rig(RoutedFleet.attempt([0, 1], change))
  }

  private static func both() -> Rig {
    spare {
      $0.goesOnAtMiss = true
      $0.laterTTL = nil
    }
  }

  @Test func theFirstMemberHasEverythingWhileItIsUp() {
    let rig = Self.spare()
    let c = rig.open()
    rig.say(c, "get a", "set a 0 0 1", "1", "mg a v", "delete a")
    #expect(rig.asked("m") == lines("get a", "set a 0 0 1", "1", "mg a v O1", "delete a"))
    #expect(rig.asked("s") == "")
    rig.send(from: "m", lines("END", "STORED", "EN O1", "NOT_FOUND"))
    #expect(rig.got(c) == lines("END", "STORED", "EN", "NOT_FOUND"))
    #expect(rig.asked("s") == "")
  }

  @Test func theSpareHasTheKeysOfAServerThatIsOut() {
    let rig = Self.spare()
    let c = rig.open()
    rig.set(.failFast, "m")
    rig.set(.ejected, "m")
    rig.say(c, "get a", "set a 0 0 1", "1", "set b 0 7 1", "1", "mg a v", "get a b", "ms a 1 T900", "1")
    #expect(
      rig.asked("s")
        == lines(
          "get a", "set a 0 60 1", "1", "set b 0 7 1", "1", "mg a v O1", "get a b", "ms a 1 T60 O2", "1"))
    rig.send(
      from: "s",
      lines("END", "STORED", "STORED", "VA 1 O1", "1", "VALUE a 0 1", "1", "VALUE b 0 1", "1", "END", "HD O2")
    )
    #expect(
      rig.got(c)
        == lines(
          "END", "STORED", "STORED", "VA 1", "1", "VALUE a 0 1", "1", "VALUE b 0 1", "1", "END", "HD"))
  }

  @Test func nothingGoesToTheSpareBeforeAllWorkersKnow() {
    let rig = Self.spare()
    let c = rig.open()
    rig.set(.failFast, "m")
    rig.say(c, "get a", "set a 0 0 1", "1", "get a b")
    #expect(rig.asked("s") == "")
    #expect(
      rig.got(c)
        == lines(
          "SERVER_ERROR ringroad: m:11211 down", "SERVER_ERROR ringroad: m:11211 down",
          "SERVER_ERROR ringroad: m:11211 down"))
  }

  @Test func aReadIsAskedOfTheNextWhenItsServerDoesNotAnswer() {
    let rig = Self.spare()
    let c = rig.open()
    rig.say(c, "get a", "gets b", "mg c v k Oq", "get d e", "set f 0 0 1", "1")
    #expect(rig.asked("m") != "")
    rig.lose("m")
    #expect(rig.asked("s") == lines("get a", "gets b", "mg c v k Oq", "get d e"))
    rig.send(
      from: "s",
      lines("VALUE a 0 1", "1", "END", "END", "EN Oq kc", "VALUE e 0 1", "2", "END"))
    #expect(
      rig.got(c)
        == lines(
          "VALUE a 0 1", "1", "END", "END", "EN Oq kc", "VALUE e 0 1", "2", "END",
          "SERVER_ERROR ringroad: m:11211 connection lost"))
  }

  @Test func aReadIsAskedOfTheNextWhenItsDeadlineHasPassed() {
    let rig = Self.spare()
    let c = rig.open()
    rig.say(c, "get a", "get b c")
    _ = rig.asked("m")
    rig.advance(.milliseconds(600))
    #expect(rig.asked("s") == lines("get a b c"))
    rig.send(from: "s", lines("VALUE a 0 1", "1", "VALUE c 0 1", "3", "END"))
    #expect(rig.got(c) == lines("VALUE a 0 1", "1", "END", "VALUE c 0 1", "3", "END"))
    // The late replies are recognised.
    rig.send(from: "m", lines("VALUE a 0 1", "9", "VALUE b 0 1", "9", "VALUE c 0 1", "9", "END"))
    #expect(rig.got(c) == "")
    rig.say(c, "get d")
    #expect(rig.asked("m") == lines("get d"))
  }

  @Test func aChangeInDoubtIsNeverSentTwice() {
    let rig = Self.spare()
    let c = rig.open()
    rig.say(c, "incr a 1", "set b 0 0 1", "1", "ma c")
    _ = rig.asked("m")
    rig.lose("m")
    #expect(rig.asked("s") == "")
    rig.set(.failFast, "m")
    rig.set(.ejected, "m")
    #expect(rig.asked("s") == "")
    let words = "SERVER_ERROR ringroad: m:11211 connection lost"
    #expect(rig.got(c) == lines(words, words, words))
  }

  @Test func whatAReturnedServerMayNotTrustIsNotAskedForElsewhere() {
    let rig = Self.spare()
    let c = rig.open()
    rig.set(.failFast, "m")
    rig.set(.ejected, "m")
    rig.set(.up, "m")
    rig.tick()
    rig.say(c, "get a", "get a b")
    _ = rig.asked("m")
    rig.lose("m")
    #expect(rig.asked("s") == "")
    #expect(rig.got(c).contains("SERVER_ERROR"))
    // A minute later no copy on the spare can be older.
    rig.advance(.seconds(61))
    rig.say(c, "get a")
    _ = rig.asked("m")
    rig.lose("m")
    #expect(rig.asked("s") == lines("get a"))
  }

  @Test func noOtherServerIsAskedAfterTheDeadline() {
    let rig = RoutedFleet.rig(RoutedFleet.attempt([0, 1, 2])) { $0.deadline = .milliseconds(900) }
    let c = rig.open()
    rig.say(c, "get a", "get b c")
    _ = rig.asked("m")
    rig.advance(.milliseconds(600))
    #expect(rig.asked("s") == lines("get a b c"))
    rig.advance(.milliseconds(600))
    #expect(rig.asked("u") == "")
    let words = "SERVER_ERROR ringroad: s:11211 timed out"
    #expect(rig.got(c) == lines(words, words))
  }

  @Test func everyMemberIsAskedInTurn() {
    let rig = RoutedFleet.rig(RoutedFleet.attempt([0, 1, 2]))
    let c = rig.open()
    rig.say(c, "get a", "get b c")
    _ = rig.asked("m")
    rig.lose("m")
    #expect(rig.asked("s") == lines("get a b c"))
    rig.lose("s")
    #expect(rig.asked("u") == lines("get a b c"))
    rig.send(from: "u", lines("VALUE b 0 1", "2", "END"))
    #expect(rig.got(c) == lines("END", "VALUE b 0 1", "2", "END"))
  }

  @Test func onDownOnlyAServerThatIsKnownToBeOutIsLeft() {
    let rig = Self.spare { $0.goesOnAtTrouble = false }
    let c = rig.open()
    rig.say(c, "get a")
    _ = rig.asked("m")
    rig.lose("m")
    #expect(rig.asked("s") == "")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: m:11211 connection lost"))
  }

  @Test func aMissIsAskedOfTheNextWhereItIsSaid() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "get a", "get b", "get c d", "mg e v", "gets f")
    _ = rig.asked("m")
    rig.send(
      from: "m",
      lines("VALUE b 0 1", "1", "VALUE d 0 1", "2", "END", "EN O1", "END"))
    #expect(rig.asked("s") == lines("get a c", "mg e v O1", "gets f"))
    rig.send(
      from: "s", lines("VALUE a 0 1", "8", "VALUE c 0 1", "9", "END", "VA 1 O1", "5", "END"))
    #expect(
      rig.got(c)
        == lines(
          "VALUE a 0 1", "8", "END", "VALUE b 0 1", "1", "END", "VALUE c 0 1", "9", "VALUE d 0 1", "2", "END",
          "VA 1", "5", "END"))
  }

  @Test func aMissAndADeadSecondServerIsAMiss() {
    let rig = Self.both()
    let c = rig.open()
    rig.set(.failFast, "s")
    rig.say(c, "get a", "mg b v k", "get c d")
    _ = rig.asked("m")
    rig.send(from: "m", lines("END", "EN O1 kb", "END").replacing("EN O1 kb", with: "EN kb O1"))
    #expect(rig.got(c) == lines("END", "EN kb", "END"))
  }

  @Test func aMissThenALostSecondServerIsAMiss() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "get a", "mg b v k Oz q", "mn")
    _ = rig.asked("m")
    rig.send(from: "m", lines("END", "EN kb Oz"))
    #expect(rig.asked("s") != "")
    rig.lose("s")
    #expect(rig.got(c) == lines("END", "MN"))
  }

  @Test func everyChangeIsDeletedWhereReadsMayFindTheKey() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "set a 0 0 1", "1", "incr b 1", "delete c", "ms d 1 q", "1", "md e k")
    #expect(
      rig.asked("m") == lines("set a 0 0 1", "1", "incr b 1", "delete c", "ms d 1 O1", "1", "md e k O2"))
    #expect(rig.asked("s") == lines("delete a", "delete b", "delete c", "delete d", "delete e"))
    rig.send(from: "m", lines("STORED", "5", "NOT_FOUND", "HD O1", "NF ke O2"))
    // None before the deletions are done.
    #expect(rig.got(c) == "")
    rig.reply("s", "DELETED", "NOT_FOUND", "DELETED", "NOT_FOUND", "DELETED")
    #expect(rig.got(c) == lines("STORED", "5", "DELETED", "HD ke"))
    #expect(rig.worker.dispatcher.routed.gates.count == 0)
  }

  @Test func deletionsMayBeDoneBeforeTheReply() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "delete a", "delete b", "set c 0 0 1 noreply", "1")
    rig.reply("s", "DELETED", "NOT_FOUND", "DELETED")
    rig.reply("m", "NOT_FOUND", "NOT_FOUND", "STORED")
    #expect(rig.got(c) == lines("DELETED", "NOT_FOUND"))
    #expect(rig.worker.dispatcher.routed.gates.count == 0)
  }

  @Test func aDeletionThatIsNotAnsweredDoesNotHoldTheClient() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "set a 0 0 1", "1")
    rig.reply("m", "STORED")
    #expect(rig.got(c) == "")
    rig.lose("s")
    #expect(rig.got(c) == lines("STORED"))
    #expect(rig.worker.dispatcher.routed.gates.count == 0)
  }

  @Test func aFailedChangeIsAnsweredAtOnce() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "set a 0 0 1", "1")
    rig.lose("m")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: m:11211 connection lost"))
    rig.reply("s", "NOT_FOUND")
    #expect(rig.got(c) == "")
    #expect(rig.worker.dispatcher.routed.gates.count == 0)
  }

  @Test func aClientThatLeavesLeavesNothingBehind() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "set a 0 0 1", "1", "get b", "get c d")
    _ = rig.asked("m")
    #expect(rig.asked("s") == lines("delete a"))
    rig.hangUp(c)
    rig.send(from: "m", lines("STORED", "END"))
    rig.reply("s", "NOT_FOUND")
    #expect(rig.worker.dispatcher.routed.gates.count == 0)
    #expect(rig.worker.dispatcher.fanOuts.count == 0)
    #expect(rig.asked("s") == "")
  }

  @Test func changesOnASpareAreRecordedForBothServers() {
    let rig = Self.spare()
    let c = rig.open()
    rig.set(.failFast, "m")
    rig.set(.ejected, "m")
    rig.say(c, "set a 0 0 1", "1", "get b")
    _ = rig.asked("s")
    rig.send(from: "s", lines("STORED", "END"))
    let entries = rig.worker.takeEntries(Fleet.id(of: "m"))
    #expect(entries.keys == [Array("a".utf8)])
    rig.set(.up, "m")
    let orphans = rig.worker.takeOrphans(of: [Fleet.id(of: "s"), Fleet.id(of: "m")], in: PoolID(0))
    #expect(orphans[Fleet.id(of: "s")]?.keys == [Array("a".utf8)])
  }

  @Test func aQuietChangeThatSucceedsLeavesTheNextReplyFree() {
    let rig = Self.both()
    let c = rig.open()
    rig.say(c, "ma a q N0", "mn", "ms b 1 q", "1", "mn")
    let fence = rig.asked("m").split(separator: "\r\n").map(String.init)
    #expect(fence.first?.hasPrefix("ma a N0 q") == true)
    #expect(rig.asked("s") == lines("delete a", "delete b"))
    // Nothing but the answer to the fence: the server was quiet.
    let end = fence[1].split(separator: " ").last.map(String.init) ?? ""
    rig.send(from: "m", lines("EN \(end)", "HD O2"))
    rig.reply("s", "NOT_FOUND", "NOT_FOUND")
    #expect(rig.got(c) == lines("MN", "MN"))
    #expect(rig.worker.dispatcher.routed.gates.count == 0)
  }

  @Test func aTimeIsCutWhereAReadContinues() {
    let rig = Self.spare { $0.goesOnAtMiss = true }
    let c = rig.open()
    rig.say(c, "gat 3600 a", "mg b T3600 t v", "gat 3600 c d", "mg e t")
    #expect(rig.asked("m") == lines("gat 3600 a", "mg b T3600 t v O1", "gat 3600 c d", "mg e t O2"))
    rig.send(from: "m", lines("END", "EN O1", "VALUE d 0 1", "4", "END", "EN O2"))
    #expect(rig.asked("s") == lines("gat 60 a", "mg b T60 t v O1", "gat 60 c", "mg e t O2"))
    rig.send(
      from: "s",
      lines("VALUE a 0 1", "1", "END", "VA 1 t60 O1", "2", "VALUE c 0 1", "3", "END", "HD t9 O2"))
    #expect(
      rig.got(c)
        == lines(
          "VALUE a 0 1", "1", "END", "VA 1 t60", "2", "VALUE c 0 1", "3", "VALUE d 0 1", "4", "END", "HD t9"))
  }

  @Test func aRefusedDeleteReachesTheOtherMembers() {
    var plan = RoutedFleet.plan([
      RouteNode(
        name: "both",
        RoutedFleet.attempt([0, 1]) {
          $0.goesOnAtMiss = true
          $0.laterTTL = nil
        })
    ]) {
      $0.writesOnFailure = .miss
      $0.readsOnFailure = .miss
    }
    plan.targets = plan.pools.map(\.id)
    let rig = Rig(plan: plan)
    let c = rig.open()
    rig.set(.failFast, "m")
    rig.say(c, "delete a", "delete b noreply", "md c", "set d 0 0 1", "1", "set e 0 -1 1", "1")
    #expect(rig.asked("s") == lines("delete a", "delete b", "delete c", "delete e"))
    let words = "SERVER_ERROR ringroad: m:11211 down"
    #expect(rig.got(c) == lines(words, words, "NOT_STORED", words))
  }

  @Test func aLostDeleteIsNoTrueMissBeforeTheOthersHaveDoneIt() {
    var plan = RoutedFleet.plan([
      RouteNode(name: "both", RoutedFleet.attempt([0, 1]) { $0.goesOnAtMiss = true })
    ]) { $0.writesOnFailure = .miss }
    plan.targets = plan.pools.map(\.id)
    let rig = Rig(plan: plan)
    let c = rig.open()
    rig.say(c, "delete a", "delete b")
    _ = rig.asked("m")
    _ = rig.asked("s")
    rig.reply("s", "DELETED")
    rig.lose("m")
    #expect(rig.got(c) == lines("NOT_FOUND", "SERVER_ERROR ringroad: m:11211 connection lost"))
    rig.reply("s", "DELETED")
    #expect(rig.worker.dispatcher.routed.gates.count == 0)
  }

  @Test func aRefusedValueIsForgottenByAllMembers() {
    let rig = RoutedFleet.rig(RoutedFleet.attempt([0, 1]) { $0.goesOnAtMiss = true }) { $0.maxValue = 3 }
    let c = rig.open()
    rig.say(c, "set a 0 0 4", "abcd")
    #expect(rig.asked("m") == lines("delete a"))
    #expect(rig.asked("s") == lines("delete a"))
    #expect(rig.got(c) == lines("SERVER_ERROR object too large for cache"))
  }

  @Test func aFixedErrorBehindATryEndsAMultiGet() {
    let members: [RouteTarget] = [.pool(0), .node(1)]
    let rig = RoutedFleet.rig(
      .attempt(members, TryRules()), others: [RouteNode(name: "x", .answer(.error("go away")))])
    let c = rig.open()
    rig.say(c, "get a b")
    _ = rig.asked("m")
    rig.lose("m")
    #expect(rig.got(c) == lines("SERVER_ERROR go away"))
  }
}
