import Bytes
import Proxy
import TestSupport
import Testing
import Topology

@testable import Control

/// Servers that refuse a flush, and servers that need none.
@Suite struct FailoverRefusalTests {
  private typealias Desk = FailoverTests.Desk
  private func told(_ steps: [FailoverCoordinator.Step]) -> [String] { FailoverTests.told(steps) }

  @Test func rejoinFlushDeletesListedKeysIfTheServerRefusesFlush() {
    let desk = Desk(.flush)
    desk.eject(1)
    var steps = desk.answer(desk.returns(1), [1: FailoverTests.entries("x", "y")])
    #expect(told(steps) == ["clean 1 flush"])
    steps = desk.failover.refusedFlush(1, now: desk.moment)
    #expect(told(steps) == ["event 1 unflushed", "clean 1 x,y"])
    steps = desk.cleaned(1)
    #expect(told(steps) == ["tell 1 returning takesEntries"])
    #expect(told(desk.answer(steps)) == ["rejoined 1 true"])
    #expect(
      told(desk.wants(1, .up)) == ["event 1 safe(deleted: 2, isFlushed: false)", "tell 1 up takesEntries"])
  }

  @Test(arguments: [RejoinRule.invalidate, .asIs])
  func aClientsFlushThatTheServerRefusesIsNoLongerOwed(_ rejoin: RejoinRule) {
    let desk = Desk(rejoin)
    desk.eject(1)
    _ = desk.failover.oweFlush(1, now: desk.moment)
    var steps = desk.answer(desk.returns(1))
    if rejoin == .asIs {
      #expect(told(steps) == ["clean 1 flush"])
      #expect(
        told(desk.failover.refusedFlush(1, now: desk.moment)) == ["event 1 unflushed", "rejoined 1 true"])
    } else {
      #expect(told(steps) == ["clean 1 flush"])
      steps = desk.failover.refusedFlush(1, now: desk.moment)
      #expect(told(steps) == ["event 1 unflushed", "tell 1 returning takesEntries"])
      #expect(told(desk.answer(steps)) == ["rejoined 1 true"])
    }
    // The next time no flush is owed.
    _ = desk.answer(desk.wants(1, .up))
    desk.eject(1)
    #expect(!told(desk.answer(desk.returns(1))).contains("clean 1 flush"))
  }

  /// Which of its keys are old is unknown: it must not serve them.
  @Test func aRefusingServerWithUnlistedOldKeysStaysOutUntilRestart() {
    let desk = Desk()
    desk.eject(1)
    for round in 0..<3 {
      let entries: [ServerID: Journal.Entries] = round == 0 ? [1: FailoverTests.lost()] : [:]
      #expect(told(desk.answer(desk.returns(1), entries)) == ["clean 1 flush"])
      let steps = desk.failover.refusedFlush(1, now: desk.moment)
      #expect(told(steps) == (round == 0 ? ["event 1 unsafe"] : []) + ["rejoined 1 false"], "reported once")
      #expect(desk.failover.status(of: 1) == .ejected)
    }
    desk.now += 1000
    let steps = desk.failover.returns(1, isEmpty: true, since: desk.moment, now: desk.moment)
    #expect(told(desk.answer(steps)) == ["tell 1 returning takesEntries"])
  }

  @Test func rejoinAsIsLetsAServerThatRefusesFlushReturn() {
    let desk = Desk()
    desk.eject(1)
    _ = desk.answer(desk.returns(1), [1: FailoverTests.lost()])
    _ = desk.failover.refusedFlush(1, now: desk.moment)
    let pool = PoolMembers(
      members: [1, 2, 3], rejoin: .asIs, requestTimeout: .milliseconds(500))
    _ = desk.failover.reload([pool], keeping: [PoolID(0)], now: desk.moment)
    var steps = desk.answer(desk.returns(1))
    if told(steps) == ["clean 1 flush"] { steps = desk.failover.refusedFlush(1, now: desk.moment) }
    #expect(told(steps).last == "rejoined 1 true")
  }

  @Test func aServerThatIsUpAndRefusesFlushIsAskedOnce() {
    let desk = Desk()
    #expect(told(desk.failover.oweFlush(2, now: desk.moment)) == ["clean 2 flush"])
    #expect(told(desk.failover.refusedFlush(2, now: desk.moment)) == ["event 2 unflushed"])
    #expect(desk.tick(after: 5000) == [])
    #expect(desk.failover.isClean(0))
  }

  /// A flush owed from before the restart is done with; one owed since then is not.
  @Test(arguments: [RejoinRule.invalidate, .flush, .asIs])
  func aRestartedServerNeedsNoFlushOwedBefore(_ rejoin: RejoinRule) {
    for startsLater in [true, false] {
      let desk = Desk(rejoin)
      desk.eject(1)
      _ = desk.failover.oweFlush(1, now: desk.moment)
      let since = FailoverTests.at(desk.now + (startsLater ? 500 : 0) - 1)
      desk.now += 1000
      let steps = desk.answer(desk.failover.returns(1, isEmpty: true, since: since, now: desk.moment))
      #expect(told(steps).contains("clean 1 flush") != startsLater)
    }
  }

  @Test func anUnexpectedFlushRefusalChangesNothing() {
    let desk = Desk()
    #expect(desk.failover.refusedFlush(1, now: desk.moment) == [])
    desk.eject(1)
    _ = desk.answer(desk.returns(1), [1: FailoverTests.entries("x")])
    #expect(desk.failover.refusedFlush(1, now: desk.moment) == [])
    #expect(desk.failover.refusedFlush(99, now: desk.moment) == [])
  }
}
