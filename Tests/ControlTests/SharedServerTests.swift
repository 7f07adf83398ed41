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

  private typealias Desk = FailoverTests.Desk

  static func jobs(_ steps: [FailoverCoordinator.Step]) -> [FailoverCoordinator.CleanupJob] {
    steps.compactMap { if case .clean(_, let job) = $0 { job } else { nil } }
  }

  @Test func itLeavesTheRingsOneAfterTheOther() {
    let desk = Desk(pools: Self.pools())
    desk.eject(1, from: [Self.second])
    #expect(desk.failover.status(of: 1) == .ejected)
    #expect(desk.failover.ejectedFrom(1) == [Self.second])
    desk.eject(1, from: [Self.first, Self.second])
    #expect(desk.failover.ejectedFrom(1) == [Self.first, Self.second])
  }

  @Test func itFailsFastEverywhereBeforeAPoolHasItBack() {
    let desk = Desk(pools: Self.pools())
    desk.eject(1, from: [Self.first, Self.second])
    let steps = desk.wants(1, .ejected, from: [Self.second])
    #expect(desk.failover.status(of: 1) == .failFast)
    _ = desk.answer(steps)
    // The other pool ejects it again when its stand-ins are clean.
    #expect(desk.failover.ejectedFrom(1) == [])
    var next = desk.tick(after: 2000)
    #expect(next.count == 2)
    next = desk.answer(next)
    _ = desk.answer(next)
    #expect(desk.failover.ejectedFrom(1) == [Self.second])
  }

  /// `rejoin: flush` of one pool deletes the recorded keys instead, so that the other pool's keys stay.
  @Test(arguments: [RejoinRule.invalidate, .asIs, .flush])
  func aFlushForOnePoolIsNoFlushForBoth(_ other: RejoinRule) throws {
    let desk = Desk(pools: Self.pools({ $0.rejoin = .flush }, { $0.rejoin = other }))
    desk.eject(1, from: [Self.first, Self.second])
    var entries = Journal.Entries()
    _ = entries.insert(Array("k".utf8), of: 1)
    let steps = desk.answer(desk.returns(1), [1: entries])
    let job = try #require(Self.jobs(steps).first)
    #expect(job.flushes == (other == .flush))
    #expect(job.keys == (other == .flush ? [] : [Array("k".utf8)]))
  }

  @Test func copiesAreCollectedForEachPoolByItself() {
    let desk = Desk(pools: Self.pools())
    desk.eject(1, from: [Self.first, Self.second])
    var steps = desk.returns(1, isEmpty: true)
    while !steps.isEmpty { steps = desk.answer(steps) }
    _ = desk.answer(desk.wants(1, .up))
    let tickets = desk.tick(after: 2000).compactMap { step -> UInt64? in
      if case .collectOrphans(_, let ticket) = step { ticket } else { nil }
    }
    #expect(Set(tickets.map { desk.failover.pool(ofCollection: $0) }) == [Self.first, Self.second])
  }

  @Test func aReloadThatRemovesThePoolItWasEjectedFromPutsItBackInTheRing() {
    let desk = Desk(pools: Self.pools())
    desk.eject(1, from: [Self.second])
    _ = desk.failover.reload([Self.pools()[0]], now: desk.moment)
    #expect(desk.failover.status(of: 1) == .failFast)
    #expect(desk.failover.ejectedFrom(1) == [])
  }
}
