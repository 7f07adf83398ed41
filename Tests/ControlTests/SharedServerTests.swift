import Bytes
import Health
import Proxy
import TestSupport
import Testing
import Topology

@testable import Control

/// Servers that are in two pools: 1 and 2 are in both, 3 in the first only, 4 in the second only.
@Suite struct SharedServerTests {
  static let (first, second) = (PoolID(1), PoolID(2))

  static func pools(
    _ changeFirst: (inout PoolPolicy) -> Void = { _ in },
    _ changeSecond: (inout PoolPolicy) -> Void = { _ in }
  ) -> [PoolMembers] {
    var pools = [
      PoolMembers(id: first, servers: [1, 2, 3]), PoolMembers(id: second, servers: [1, 2, 4]),
    ]
    for i in pools.indices { pools[i].policy.failures = 1 }
    changeFirst(&pools[0].policy)
    changeSecond(&pools[1].policy)
    return pools
  }

  static let now = Instant(nanoseconds: 1_000_000_000)

  // MARK: - The health board

  @Test func itHasOneHealth() {
    var board = HealthBoard(Self.pools())
    #expect(
      board.failed(1, .refused, at: Self.now, random: 0) == [.down(1, .refused, ejected: true)])
    #expect(board.ejectedFrom(1) == [Self.first, Self.second])
    #expect(board.failed(1, .refused, at: Self.now, random: 0) == [])
    #expect(board.dueProbes(at: Self.now.advanced(by: .seconds(60))) == [1])
  }

  @Test func eachPoolDecidesAboutItsOwnRing() {
    var board = HealthBoard(Self.pools({ $0.onFailure = .failFast }))
    _ = board.failed(1, .refused, at: Self.now, random: 0)
    #expect(board.status(of: 1) == .ejected)
    #expect(board.ejectedFrom(1) == [Self.second])
    var both = HealthBoard(Self.pools({ $0.onFailure = .failFast }, { $0.onFailure = .failFast }))
    _ = both.failed(1, .refused, at: Self.now, random: 0)
    #expect(both.status(of: 1) == .failFast)
  }

  @Test func theMostImpatientPoolDecidesWhenItIsOut() {
    var board = HealthBoard(Self.pools({ $0.failures = 9 }, { $0.failures = 2 }))
    #expect(board.failed(1, .timedOut, at: Self.now, random: 0) == [])
    #expect(
      board.failed(1, .timedOut, at: Self.now.advanced(by: .seconds(1)), random: 0)
        == [.down(1, .timedOut, ejected: true)])
  }

  @Test func aReloadThatRemovesAPoolForgetsItsEjection() {
    var board = HealthBoard(Self.pools({ $0.onFailure = .failFast }))
    _ = board.failed(1, .refused, at: Self.now, random: 0)
    _ = board.reload([Self.pools({ $0.onFailure = .failFast })[0]], at: Self.now)
    #expect(board.status(of: 1) == .failFast)
  }

  // MARK: - The failover coordinator

  /// The coordinator with two workers that answer at once.
  final class Desk {
    var failover: FailoverCoordinator
    var now = SharedServerTests.now
    init(_ pools: [PoolMembers]) { failover = FailoverCoordinator(pools, workers: 2) }

    func answer(_ steps: [FailoverCoordinator.Step], _ entries: [ServerID: Journal.Entries] = [:])
      -> [FailoverCoordinator.Step]
    {
      var next: [FailoverCoordinator.Step] = []
      for step in steps {
        let ticket: UInt64
        switch step {
        case .tell(_, _, let t, _, _), .collectOrphans(_, let t): ticket = t
        default: continue
        }
        next += failover.answered(0, ticket: ticket, entries, now: now)
        next += failover.answered(1, ticket: ticket, [:], now: now)
      }
      return next
    }

    func wants(_ server: ServerID, _ status: ServerStatus, from pools: Set<PoolID>) {
      _ = answer(answer(failover.wants(server, status, from: pools, now: now)))
    }
  }

  static func jobs(_ steps: [FailoverCoordinator.Step]) -> [FailoverCoordinator.CleanupJob] {
    steps.compactMap { if case .clean(_, let job) = $0 { job } else { nil } }
  }

  @Test func itLeavesTheRingsOneAfterTheOther() {
    let desk = Desk(Self.pools())
    desk.wants(1, .ejected, from: [Self.second])
    #expect(desk.failover.status(of: 1) == .ejected)
    #expect(desk.failover.ejectedFrom(1) == [Self.second])
    desk.wants(1, .ejected, from: [Self.first, Self.second])
    #expect(desk.failover.ejectedFrom(1) == [Self.first, Self.second])
  }

  @Test func itFailsFastEverywhereBeforeAPoolHasItBack() {
    let desk = Desk(Self.pools())
    desk.wants(1, .ejected, from: [Self.first, Self.second])
    let steps = desk.failover.wants(1, .ejected, from: [Self.second], now: desk.now)
    #expect(desk.failover.status(of: 1) == .failFast)
    _ = desk.answer(steps)
    // The other pool ejects it again when its stand-ins are clean.
    #expect(desk.failover.ejectedFrom(1) == [])
    desk.now = desk.now.advanced(by: .seconds(2))
    var next = desk.failover.tick(now: desk.now)
    #expect(next.count == 2)
    next = desk.answer(next)
    _ = desk.answer(next)
    #expect(desk.failover.ejectedFrom(1) == [Self.second])
  }

  /// `rejoin: flush` of one pool deletes the recorded keys instead, so that the other pool's keys stay.
  @Test(arguments: [RejoinRule.invalidate, .asIs, .flush])
  func aFlushForOnePoolIsNoFlushForBoth(_ other: RejoinRule) throws {
    let desk = Desk(Self.pools({ $0.rejoin = .flush }, { $0.rejoin = other }))
    desk.wants(1, .ejected, from: [Self.first, Self.second])
    var entries = Journal.Entries()
    _ = entries.insert(Array("k".utf8), of: 1)
    let steps = desk.answer(
      desk.failover.returns(1, isEmpty: false, now: desk.now), [1: entries])
    let job = try #require(Self.jobs(steps).first)
    #expect(job.flushes == (other == .flush))
    #expect(job.keys == (other == .flush ? [] : [Array("k".utf8)]))
  }

  @Test func copiesAreCollectedForEachPoolByItself() {
    let desk = Desk(Self.pools())
    desk.wants(1, .ejected, from: [Self.first, Self.second])
    var steps = desk.failover.returns(1, isEmpty: true, now: desk.now)
    while !steps.isEmpty { steps = desk.answer(steps) }
    desk.wants(1, .up, from: [])
    desk.now = desk.now.advanced(by: .seconds(2))
    let tickets = desk.failover.tick(now: desk.now).compactMap { step -> UInt64? in
      if case .collectOrphans(_, let ticket) = step { ticket } else { nil }
    }
    #expect(Set(tickets.map { desk.failover.pool(ofCollection: $0) }) == [Self.first, Self.second])
  }

  @Test func aReloadThatRemovesThePoolItWasEjectedFromPutsItBackInTheRing() {
    let desk = Desk(Self.pools())
    desk.wants(1, .ejected, from: [Self.second])
    _ = desk.failover.reload([Self.pools()[0]], now: desk.now)
    #expect(desk.failover.status(of: 1) == .failFast)
    #expect(desk.failover.ejectedFrom(1) == [])
  }
}
