import Bytes
import Proxy
import TestSupport
import Testing
import Topology

@testable import Control

/// The failover coordinator's decisions, one event after the other, with two workers.
@Suite struct FailoverTests {
  static func at(_ ms: UInt64) -> Instant { Instant(nanoseconds: ms * 1_000_000) }
  static func entries(_ keys: String..., of owner: ServerID = 1) -> Journal.Entries {
    var entries = Journal.Entries()
    for key in keys { entries.insert(Array(key.utf8), of: owner) }
    return entries
  }
  /// An overflow for this owner, and these listed keys.
  static func lost(of owner: ServerID = 1, _ keys: String...) -> Journal.Entries {
    var entries = entries("lost", of: owner)
    entries.overflow()
    for key in keys { entries.insert(Array(key.utf8), of: 3) }
    return entries
  }
  static func owners(_ ids: ServerID...) -> Journal.Owners {
    var entries = Journal.Entries()
    for id in ids { entries.insert([UInt8(id.number)], of: id) }
    entries.overflow()
    return entries.lost
  }

  final class Desk {
    var failover: FailoverCoordinator
    var now: UInt64 = 1000
    convenience init(_ rejoin: RejoinRule = .invalidate, _ limits: Limits = Limits()) {
      self.init(
        pools: [PoolMembers(members: [1, 2, 3], rejoin: rejoin, requestTimeout: .milliseconds(500))], limits)
    }
    init(pools: [PoolMembers], _ limits: Limits = Limits()) {
      failover = FailoverCoordinator(pools, workers: 2, limits: limits)
    }

    var moment: Instant { FailoverTests.at(now) }
    func wants(_ server: ServerID, _ status: ServerStatus, from pools: Set<PoolID>? = nil)
      -> [FailoverCoordinator.Step]
    {
      failover.wants(server, status, from: pools, now: moment)
    }
    func returns(_ server: ServerID, isEmpty: Bool = false) -> [FailoverCoordinator.Step] {
      failover.returns(server, isEmpty: isEmpty, now: moment)
    }
    /// Both workers answer the ticket of the only inquiry among the steps.
    func answer(_ steps: [FailoverCoordinator.Step], _ entries: [ServerID: Journal.Entries] = [:])
      -> [FailoverCoordinator.Step]
    {
      var next: [FailoverCoordinator.Step] = []
      for step in steps {
        let ticket: UInt64
        switch step {
        case .tell(_, _, let t, _, _): ticket = t
        case .collectOrphans(_, let t): ticket = t
        default: continue
        }
        #expect(failover.answered(0, ticket: ticket, entries, now: moment) == [])
        next += failover.answered(1, ticket: ticket, [:], now: moment)
      }
      return next
    }
    func cleaned(_ server: ServerID, _ ok: Bool = true) -> [FailoverCoordinator.Step] {
      failover.cleaned(server, ok: ok, now: moment)
    }
    func tick(after ms: UInt64) -> [FailoverCoordinator.Step] {
      now += ms
      return failover.tick(now: moment)
    }
    /// Takes the server out of the rings of these pools, or of all, in two steps.
    func eject(_ server: ServerID, from pools: Set<PoolID>? = nil) {
      _ = answer(answer(wants(server, .ejected, from: pools)))
    }
  }

  static func told(_ steps: [FailoverCoordinator.Step]) -> [String] {
    steps.map { step in
      switch step {
      case .tell(let server, let status, _, let takesEntries, _):
        "tell \(server) \(status)\(takesEntries ? " takesEntries" : "")"
      case .collectOrphans(let servers, _): "orphans \(servers)"
      case .clean(let server, let job):
        "clean \(server) \(job.flushes ? "flush" : "")"
          + job.keys.map { String(decoding: $0, as: UTF8.self) }.sorted().joined(separator: ",")
      case .abandon(let server): "abandon \(server)"
      case .rejoined(let server, let ok): "rejoined \(server) \(ok)"
      case .event(let server, let event): "event \(server) \(event)"
      }
    }
  }

  @Test func aServerLeavesTheRingWhenAllWorkersFailFastForIt() {
    let desk = Desk()
    let first = desk.wants(1, .ejected)
    #expect(Self.told(first) == ["tell 1 failFast"])
    #expect(desk.failover.status(of: 1) == .failFast)
    let second = desk.answer(first)
    #expect(Self.told(second) == ["tell 1 ejected"])
    #expect(Self.told(desk.answer(second)) == [])
  }

  @Test func aReturnCollectsAndDeletesTwiceBeforeTheServerIsUp() {
    let desk = Desk()
    desk.eject(1)
    var steps = desk.returns(1)
    #expect(Self.told(steps) == ["tell 1 ejected takesEntries"])
    steps = desk.answer(steps, [1: Self.entries("x", "y")])
    #expect(Self.told(steps) == ["clean 1 x,y"])
    steps = desk.cleaned(1)
    #expect(Self.told(steps) == ["tell 1 returning takesEntries"])
    steps = desk.answer(steps, [1: Self.entries("z")])
    #expect(Self.told(steps) == ["clean 1 z"])
    #expect(Self.told(desk.cleaned(1)) == ["rejoined 1 true"])
    steps = desk.wants(1, .up)
    #expect(
      Self.told(steps) == ["event 1 safe(deleted: 3, isFlushed: false)", "tell 1 up takesEntries"])
    // Entries for writes refused between the last collection and now.
    steps = desk.answer(steps, [1: Self.entries("late")])
    #expect(Self.told(steps) == ["clean 1 late"])
    #expect(desk.failover.deleted == 3)
  }

  /// Brings server 1 back, with nothing to be deleted on it.
  func back(_ desk: Desk) {
    let steps = desk.answer(desk.answer(desk.returns(1)))
    #expect(Self.told(steps) == ["rejoined 1 true"])
    _ = desk.answer(desk.wants(1, .up))
  }

  /// The board's status is still `ejected` when the server is reported safe: that must not eject it once more.
  @Test func aCleanedServerWaitsForTheBoardEvenIfItsPoolIsClean() {
    let desk = Desk()
    desk.eject(2)
    _ = desk.answer(desk.answer(desk.returns(2)))
    _ = desk.answer(desk.wants(2, .up))
    // The stand-ins of 2 are not clean: 1 fails fast.
    #expect(desk.answer(desk.wants(1, .ejected)) == [])
    let closing = desk.answer(desk.returns(1))
    #expect(Self.told(closing) == ["tell 1 returning takesEntries"])
    #expect(desk.answer(desk.tick(after: 1200)) == [])
    #expect(desk.failover.isClean(0))
    #expect(Self.told(desk.answer(closing)) == ["rejoined 1 true"])
    #expect(
      Self.told(desk.wants(1, .up)) == [
        "event 1 safe(deleted: 0, isFlushed: false)", "tell 1 up takesEntries",
      ])
  }

  // MARK: - A new address

  @Test(arguments: [RejoinRule.invalidate, .flush])
  func aServerThatMovesWhileOutIsFlushedUnlessEmpty(_ rejoin: RejoinRule) {
    for (status, isEmpty) in [
      (ServerStatus.ejected, false), (.ejected, true), (.failFast, false), (.failFast, true),
    ] {
      let desk = Desk(rejoin)
      if status == .ejected { desk.eject(1) } else { _ = desk.answer(desk.wants(1, .failFast)) }
      desk.failover.moved(1)
      let steps = desk.answer(desk.returns(1, isEmpty: isEmpty), [1: Self.entries("x")])
      #expect(Self.told(steps).first == (isEmpty ? "tell 1 returning takesEntries" : "clean 1 flush"))
    }
  }

  @Test func aServerThatMovesWhileUpIsUsedAsItIs() {
    let desk = Desk()
    desk.failover.moved(1)
    desk.failover.moved(99)
    #expect(desk.failover.isClean(0))
    desk.eject(1)
    #expect(Self.told(desk.answer(desk.returns(1))) == ["tell 1 returning takesEntries"])
  }

  @Test func rejoinAsIsUsesAMovedServerAsItIs() {
    let desk = Desk(.asIs)
    desk.eject(1)
    desk.failover.moved(1)
    #expect(Self.told(desk.answer(desk.returns(1))) == ["rejoined 1 true"])
  }

  /// Deletions sent to the old address are not done on the new server.
  @Test func aReturnInterruptedByAMoveStartsAgain() {
    let desk = Desk()
    desk.eject(1)
    var steps = desk.answer(desk.returns(1), [1: Self.entries("x")])
    #expect(Self.told(steps) == ["clean 1 x"])
    desk.failover.moved(1)
    steps = desk.failover.interrupted(1, now: desk.moment)
    #expect(Self.told(steps) == ["rejoined 1 false"])
    #expect(Self.told(desk.answer(desk.returns(1))) == ["clean 1 flush"])
  }

  @Test func standInsAreCleanedWhenNoRequestCanBeInFlight() {
    let desk = Desk()
    desk.eject(1)
    back(desk)
    #expect(desk.tick(after: 1050) == [])
    var steps = desk.tick(after: 60)
    #expect(Self.told(steps) == ["orphans [1, 2, 3]"])
    steps = desk.answer(steps, [2: Self.entries("x"), 3: Self.entries("y")])
    #expect(Self.told(steps) == ["clean 2 x", "clean 3 y"])
    #expect(Self.told(desk.cleaned(2)) == ["event 2 swept(deleted: 1)"])
    _ = desk.cleaned(3)
    #expect(desk.failover.isClean(0) && desk.tick(after: 5000) == [])
  }

  @Test func aServerThatFailsInAnUncleanPoolFailsFastUntilItIsClean() {
    let desk = Desk()
    desk.eject(1)
    back(desk)
    var steps = desk.wants(1, .ejected)
    #expect(Self.told(steps) == ["tell 1 failFast"])
    #expect(desk.answer(steps) == [])
    steps = desk.answer(desk.tick(after: 1200), [2: Self.entries("x")])
    #expect(Self.told(steps) == ["clean 2 x"])
    #expect(Self.told(desk.cleaned(2)) == ["event 2 swept(deleted: 1)", "tell 1 ejected"])
  }

  @Test func aCleanupJobThatFailsIsRetried() {
    let desk = Desk()
    desk.eject(1)
    back(desk)
    _ = desk.answer(desk.tick(after: 1200), [2: Self.entries("x")])
    #expect(Self.told(desk.cleaned(2, false)) == ["event 2 unswept"])
    #expect(!desk.failover.isClean(0) && desk.tick(after: 900) == [])
    #expect(Self.told(desk.answer(desk.tick(after: 200))) == ["clean 2 x"])
  }

  @Test func aStandInThatGoesOutIsCleanedWhenItReturns() {
    let desk = Desk()
    desk.eject(1)
    back(desk)
    _ = desk.answer(desk.tick(after: 1200), [2: Self.entries("x")])
    let steps = desk.wants(2, .ejected)
    #expect(Self.told(steps) == ["abandon 2", "tell 2 failFast"])
    // Its copies block no other server while it is out.
    #expect(Self.told(desk.answer(steps)) == ["tell 2 ejected"])
    let found = desk.answer(desk.returns(2), [2: Self.entries("y")])
    #expect(Self.told(found) == ["clean 2 x,y"])
  }

  @Test func aFailedReturnKeepsTheCollectedEntries() {
    let desk = Desk()
    desk.eject(1)
    _ = desk.answer(desk.returns(1), [1: Self.entries("x")])
    #expect(Self.told(desk.cleaned(1, false)) == ["rejoined 1 false"])
    #expect(desk.failover.status(of: 1) == .ejected)
    let steps = desk.answer(desk.returns(1), [1: Self.entries("y")])
    #expect(Self.told(steps) == ["clean 1 x,y"])
  }

  @Test func aReturnThatFailsLateFailsFastUntilTheStandInsAreClean() {
    let desk = Desk()
    desk.eject(1)
    let closing = desk.answer(desk.returns(1))
    #expect(Self.told(closing) == ["tell 1 returning takesEntries"])
    // Out as before: deletions on it may be promised again.
    let failed = desk.failover.interrupted(1, now: desk.moment)
    #expect(Self.told(failed) == ["tell 1 failFast", "rejoined 1 false"])
    #expect(desk.answer(closing) == [] && desk.answer(failed) == [])
    let steps = desk.tick(after: 1200)
    #expect(Self.told(steps) == ["orphans [2, 3]"])
    #expect(Self.told(desk.answer(steps)) == ["tell 1 ejected"])
  }

  @Test func anOverflowRequiresAFlushUnlessTheServerIsEmpty() {
    for isEmpty in [false, true] {
      let desk = Desk()
      desk.eject(1)
      let steps = desk.answer(desk.returns(1, isEmpty: isEmpty), [1: Self.lost()])
      #expect(Self.told(steps) == [isEmpty ? "tell 1 returning takesEntries" : "clean 1 flush"])
    }
  }

  @Test func rejoinFlushFlushesOnlyServersThatWereEjected() {
    let desk = Desk(.flush)
    desk.eject(1)
    #expect(Self.told(desk.answer(desk.returns(1))) == ["clean 1 flush"])
    _ = desk.answer(desk.wants(2, .failFast))
    #expect(Self.told(desk.answer(desk.returns(2))) == ["tell 2 returning takesEntries"])
  }

  @Test func rejoinAsIsDeletesNothing() {
    let desk = Desk(.asIs)
    desk.eject(1)
    let steps = desk.returns(1)
    #expect(Self.told(steps) == ["tell 1 returning takesEntries"])
    #expect(Self.told(desk.answer(steps)) == ["rejoined 1 true"])
    _ = desk.answer(desk.wants(1, .up))
    #expect(desk.tick(after: 5000) == [])
    desk.eject(1)
    #expect(desk.failover.status(of: 1) == .ejected)
  }

  @Test(arguments: [RejoinRule.invalidate, .flush, .asIs])
  func aClientsFlushIsOwedUntilTheServerIsBack(_ rule: RejoinRule) {
    let desk = Desk(rule)
    desk.eject(1)
    #expect(desk.failover.oweFlush(1, now: desk.moment) == [])
    var steps = desk.answer(desk.returns(1, isEmpty: true))
    #expect(Self.told(steps) == ["clean 1 flush"])
    // A slow worker reports the owed flush before it confirms the return: still before the server is up.
    let slow = Desk(rule)
    slow.eject(1)
    steps = slow.returns(1, isEmpty: true)
    if rule != .asIs { steps = slow.answer(steps) }
    #expect(Self.told(steps) == ["tell 1 returning takesEntries"])
    #expect(slow.failover.oweFlush(1, now: slow.moment) == [])
    #expect(Self.told(slow.answer(steps)) == ["clean 1 flush"])
    #expect(Self.told(slow.cleaned(1)) == ["rejoined 1 true"])
    // Reported when the server is already up: done at once.
    let late = Desk(rule)
    #expect(Self.told(late.failover.oweFlush(2, now: late.moment)) == ["clean 2 flush"])
  }

  @Test(arguments: [RejoinRule.invalidate, .flush, .asIs])
  func anOwedFlushThatFailsIsTriedAgain(_ rule: RejoinRule) {
    let desk = Desk(rule)
    #expect(Self.told(desk.failover.oweFlush(2, now: desk.moment)) == ["clean 2 flush"])
    #expect(Self.told(desk.cleaned(2, false)) == ["event 2 unswept"])
    let steps = desk.tick(after: 1100)
    #expect(Self.told(steps) == ["orphans [1, 2, 3]"])
    #expect(Self.told(desk.answer(steps)) == ["clean 2 flush"])
    #expect(desk.failover.nextDeadline == .never)
  }

  @Test func aReloadForgetsRemovedServersAndCollectsOrphansAgain() {
    let desk = Desk()
    desk.eject(1)
    let pool = PoolMembers(
      members: [2, 3, 4], rejoin: .invalidate, requestTimeout: .milliseconds(500))
    #expect(desk.failover.reload([pool], now: desk.moment) == [])
    #expect(desk.wants(1, .up) == [])
    #expect(Self.told(desk.tick(after: 1200)) == ["orphans [2, 3, 4]"])
    let quiet = Desk()
    _ = quiet.failover.reload([pool], now: quiet.moment)
    #expect(quiet.tick(after: 5000) == [])
  }

  @Test func aJournalStartedWhileAServerIsOutCountsAsOverflowed() {
    let desk = Desk(.asIs)
    desk.eject(1)
    let pool = PoolMembers(
      members: [1, 2, 3], rejoin: .invalidate, requestTimeout: .milliseconds(500))
    _ = desk.failover.reload([pool], now: desk.moment)
    #expect(Self.told(desk.answer(desk.returns(1))) == ["clean 1 flush"])
    #expect(!desk.failover.isClean(0))
  }

  @Test func failedReturnsKeepNoMoreEntriesThanTheLimit() {
    var limits = Limits()
    limits.journalKeys = 5
    let desk = Desk(.invalidate, limits)
    desk.eject(1)
    for n in 0..<20 {
      _ = desk.answer(desk.returns(1), [1: Self.entries("k\(n)")])
      _ = desk.cleaned(1, false)
    }
    #expect(Self.told(desk.answer(desk.returns(1))) == ["clean 1 flush"])
  }
}
