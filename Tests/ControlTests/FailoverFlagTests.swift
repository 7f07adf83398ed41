import Bytes
import Proxy
import TestSupport
import Testing
import Topology

@testable import Control

// Stand-ins with a journal overflow.

extension FailoverTests {
  // MARK: - Stand-ins with unlisted copies

  /// Server 1 has been out, and its stand-in 2 holds unlisted copies of its keys.
  private func overflowing() -> Desk {
    let desk = Desk()
    desk.eject(1)
    back(desk)
    let steps = desk.answer(desk.tick(after: 1200), [2: Self.lost()])
    #expect(steps == [.event(2, .overflowed(of: Self.owners(1)))])
    return desk
  }

  /// Server 1 is back and 3 still out; 2 holds unlisted copies of 3's keys.
  private func distrustingWhileAnotherIsOut() -> Desk {
    let desk = Desk()
    desk.eject(1)
    desk.eject(3)
    back(desk)
    _ = desk.answer(desk.tick(after: 1200), [2: Self.lost(of: 3)])
    #expect(desk.failover.status(of: 3) == .ejected)
    return desk
  }

  @Test func unlistedCopiesKeepOnlyTheirOwnersInTheRing() {
    let desk = overflowing()
    #expect(!desk.failover.mayEject(1) && desk.failover.mayEject(3))
    desk.eject(3)
    #expect(desk.failover.status(of: 3) == .ejected)
    #expect(desk.answer(desk.wants(1, .ejected)) == [])
    #expect(desk.failover.status(of: 1) == .failFast)
  }

  /// While an owner is out, its keys move when another server leaves: they could reach the unlisted copies.
  @Test func noServerLeavesWhileAnOwnerOfUnlistedCopiesIsOut() {
    let desk = distrustingWhileAnotherIsOut()
    #expect(!desk.failover.mayEject(1))
    _ = desk.answer(desk.answer(desk.returns(3)))
    _ = desk.answer(desk.wants(3, .up))
    _ = desk.answer(desk.tick(after: 1200))
    #expect(desk.failover.mayEject(1) && !desk.failover.mayEject(3))
  }

  @Test func anOverflowedStandInIsTrustedAfterItWasOutAndFlushed() {
    let desk = overflowing()
    _ = desk.answer(desk.wants(1, .ejected))
    var steps = desk.wants(2, .failFast)
    #expect(Self.told(steps) == ["tell 2 failFast", "tell 1 ejected"])
    _ = desk.answer(steps)
    steps = desk.answer(desk.returns(2))
    #expect(Self.told(steps) == ["clean 2 flush"])
    #expect(Self.told(desk.answer(desk.cleaned(2))) == ["rejoined 2 true"])
    _ = desk.answer(desk.wants(2, .up))
    #expect(desk.failover.members[2]?.held.isEmpty == true)
  }

  @Test func listedKeysAreDeletedAndTheOverflowFlagStays() {
    let desk = Desk()
    desk.eject(1)
    back(desk)
    let steps = desk.answer(desk.tick(after: 1200), [2: Self.lost(of: 1, "x")])
    #expect(steps.count == 2 && Self.told(steps).last == "clean 2 x")
    #expect(!desk.failover.mayEject(3))
    _ = desk.cleaned(2)
    #expect(!desk.failover.mayEject(1) && desk.failover.mayEject(3))
  }

  /// Another ring may give the unlisted copies other owners: then no server may leave.
  @Test(arguments: [false, true])
  func aReloadThatKeepsTheRingKeepsTheOverflowsOwners(_ keepsRings: Bool) {
    let desk = overflowing()
    let pool = PoolMembers(
      members: [1, 2, 3], rejoin: .invalidate, requestTimeout: .milliseconds(700))
    _ = desk.failover.reload([pool], keeping: keepsRings ? [PoolID(0)] : [], now: desk.moment)
    _ = desk.answer(desk.tick(after: 2000))
    #expect(desk.failover.mayEject(3) == keepsRings)
    #expect(!desk.failover.mayEject(1))
    let others = PoolMembers(
      members: [1, 2, 3, 4], rejoin: .invalidate, requestTimeout: .milliseconds(700))
    _ = desk.failover.reload([others], keeping: [PoolID(0)], now: desk.moment)
    _ = desk.answer(desk.tick(after: 2000))
    #expect(!desk.failover.mayEject(3) && !desk.failover.mayEject(4))
  }

  @Test func entriesHandedOverUnderTheOldRingNameNoOwner() {
    let desk = Desk()
    desk.eject(1)
    back(desk)
    let steps = desk.tick(after: 1200)
    let pool = PoolMembers(
      members: [1, 2, 3], rejoin: .invalidate, requestTimeout: .milliseconds(500))
    _ = desk.failover.reload([pool], now: desk.moment)
    _ = desk.answer(steps, [2: Self.lost()])
    _ = desk.answer(desk.tick(after: 2000))
    #expect(!desk.failover.mayEject(3))
  }

  // MARK: - A client's flush_all

  @Test func aStandInThatAClientHasFlushedIsTrusted() {
    let desk = overflowing()
    let early = Self.at(desk.now)
    desk.now += 10
    #expect(desk.failover.flushed(2, asked: early, now: desk.moment) == [], "sent before the overflow")
    #expect(!desk.failover.mayEject(1))
    #expect(desk.failover.flushed(3, asked: desk.moment, now: desk.moment) == [])
    _ = desk.answer(desk.wants(1, .ejected))
    #expect(
      Self.told(desk.failover.flushed(2, asked: desk.moment, now: desk.moment)) == [
        "event 2 trusted", "tell 1 ejected",
      ])
  }

  /// Requests for an owner that is out may still be in flight to the stand-in, or be sent later.
  @Test func aFlushDoesNotClearOwnersThatAreOutOrJustBack() {
    let desk = distrustingWhileAnotherIsOut()
    desk.now += 10
    #expect(desk.failover.flushed(2, asked: desk.moment, now: desk.moment) == [])
    let up = desk.answer(desk.answer(desk.returns(3)))
    #expect(Self.told(up) == ["rejoined 3 true"])
    _ = desk.answer(desk.wants(3, .up))
    #expect(desk.failover.flushed(2, asked: desk.moment, now: desk.moment) == [])
    _ = desk.answer(desk.tick(after: 1200))
    desk.now += 10
    #expect(!desk.failover.mayEject(3))
    #expect(Self.told(desk.failover.flushed(2, asked: desk.moment, now: desk.moment)) == ["event 2 trusted"])
    #expect(desk.failover.mayEject(3))
  }

  /// A flush that the proxy owed counts like a client's, once it is done.
  @Test func anOwedFlushClearsTheOverflowOnceItIsDone() {
    let desk = overflowing()
    #expect(Self.told(desk.failover.oweFlush(2, now: desk.moment)) == ["clean 2 flush"])
    #expect(!desk.failover.mayEject(1))
    _ = desk.cleaned(2, false)
    #expect(desk.failover.members[2]?.held.hasOverflowed == true)
    #expect(Self.told(desk.answer(desk.tick(after: 1100))) == ["clean 2 flush"])
    _ = desk.cleaned(2)
    #expect(desk.failover.mayEject(1))
  }
}
