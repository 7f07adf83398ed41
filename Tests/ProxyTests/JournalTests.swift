import Bytes
import TestSupport
import Testing
import Topology

@testable import Proxy

@Suite struct JournalTests {
  private static func key(_ n: Int) -> [UInt8] { Array("key:\(n)".utf8) }
  private static func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  @discardableResult
  private static func record(
    _ journal: inout Journal, _ n: Int, of owner: ServerID = 9, against server: ServerID = 1,
    isLasting: Bool = true,
    mostKeys: Int = 10,
    mostBytes: Int = .max
  ) -> Journal.Outcome {
    journal.record(
      key(n), of: owner, against: server, isLasting: isLasting, mostKeys: mostKeys, mostBytes: mostBytes)
  }

  @Test func aKeyIsRecordedOncePerServer() {
    var journal = Journal()
    #expect(Self.record(&journal, 1) == .added)
    #expect(Self.record(&journal, 1) == .nothingNew)
    #expect(Self.record(&journal, 1, against: 2) == .added)
    #expect(journal.take(1).keys == [Self.key(1)])
    #expect(journal.take(1).isEmpty)
    #expect(journal.take(2).keys == [Self.key(1)])
    #expect(journal.isEmpty)
  }

  @Test func tooManyKeysLeaveAnOverflowFlagAndNoKeys() {
    var journal = Journal()
    for n in 0..<10 { #expect(Self.record(&journal, n) == .added) }
    #expect(Self.record(&journal, 10) == .overflowed)
    #expect(Self.record(&journal, 11) == .nothingNew)
    #expect(Self.record(&journal, 11, isLasting: false) == .nothingNew)
    #expect(Self.record(&journal, 11, against: 2) == .added)
    let entries = journal.take(1)
    #expect(entries.hasOverflowed && entries.keys.isEmpty)
    #expect(Self.record(&journal, 1) == .added, "the page is empty after it was taken")
  }

  @Test func tooManyBytesOverflowTheJournal() {
    var journal = Journal()
    let long = [UInt8](repeating: 120, count: 250)
    var outcome = Journal.Outcome.added
    var n = 0
    while outcome == .added, n < 100 {
      n += 1
      outcome = journal.record(
        long + [UInt8(n)], of: 9, against: 1, isLasting: true, mostKeys: 1000, mostBytes: 3200)
    }
    #expect(outcome == .overflowed && (8...12).contains(n), "after \(n)")
  }

  /// In doubt on a server that stays up: kept for one `life`, gone after two.
  @Test func entriesInDoubtExpireUnlessTheServerGoesOut() {
    var journal = Journal()
    journal.turn(now: Self.at(100), life: .seconds(10))
    Self.record(&journal, 1, isLasting: false)
    Self.record(&journal, 2)
    journal.turn(now: Self.at(105), life: .seconds(10))
    journal.turn(now: Self.at(110), life: .seconds(10))
    var other = journal
    #expect(other.take(1).keys == [Self.key(1), Self.key(2)])
    var kept = journal
    kept.keep(1, mostKeys: 10, mostBytes: .max)
    for second in [120, 130, 140] as [UInt64] {
      kept.turn(now: Self.at(second), life: .seconds(10))
      journal.turn(now: Self.at(second), life: .seconds(10))
    }
    #expect(kept.take(1).keys == [Self.key(1), Self.key(2)])
    #expect(journal.take(1).keys == [Self.key(2)])
  }

  @Test func anOverflowOfEntriesInDoubtExpiresLikeThem() {
    var journal = Journal()
    journal.turn(now: Self.at(100), life: .seconds(10))
    for n in 0..<12 { Self.record(&journal, n, isLasting: false) }
    var kept = journal
    kept.keep(1, mostKeys: 10, mostBytes: .max)
    #expect(kept.take(1).hasOverflowed)
    journal.turn(now: Self.at(110), life: .seconds(10))
    journal.turn(now: Self.at(120), life: .seconds(10))
    #expect(journal.isEmpty)
  }

  @Test func orphansAreTakenAndOtherEntriesStay() {
    var journal = Journal()
    for n in 0..<6 { Self.record(&journal, n) }
    Self.record(&journal, 7, isLasting: false)
    let orphans = journal.takeLasting(1, withFlags: true) { $0.last.map { $0 % 2 == 0 } ?? false }
    #expect(orphans.keys == [Self.key(0), Self.key(2), Self.key(4)])
    #expect(journal.take(1).keys == [Self.key(1), Self.key(3), Self.key(5), Self.key(7)])
  }

  @Test func anOverflowFlagIsTakenOnlyWithFlags() {
    var journal = Journal()
    for n in 0..<11 { Self.record(&journal, n) }
    #expect(!journal.takeLasting(1, withFlags: false) { _ in true }.hasOverflowed)
    #expect(journal.takeLasting(1, withFlags: true) { _ in false }.hasOverflowed)
    #expect(journal.take(1).isEmpty)
  }

  /// An overflow drops the keys of their owners; keys of other owners are still recorded.
  @Test func anOverflowNamesOnlyTheOwnersOfItsKeys() {
    var journal = Journal()
    for n in 0..<8 { Self.record(&journal, n, of: 9) }
    for n in 8..<11 { Self.record(&journal, n, of: 8) }
    #expect(Self.record(&journal, 20, of: 8) == .nothingNew)
    #expect(Self.record(&journal, 21, of: 9) == .nothingNew)
    #expect(Self.record(&journal, 22, of: 7) == .added)
    var kept = journal
    kept.keep(1, mostKeys: 10, mostBytes: .max)
    for var journal in [journal, kept] {
      let entries = journal.take(1)
      #expect(entries.lost.ids == [8, 9] && !entries.lost.areAll)
      #expect(entries.keys == [Self.key(22)])
    }
    journal.forgetOwners(on: [1])
    #expect(Self.record(&journal, 23, of: 6) == .nothingNew)
    #expect(journal.take(1).lost.areAll)
  }

  /// Keys recorded under one ring may have other owners in the next: a later overflow counts for all owners.
  @Test func anOverflowWithKeysOfAnOldRingCountsForAllOwners() {
    var journal = Journal()
    for n in 0..<8 { Self.record(&journal, n, of: 9) }
    journal.forgetOwners(on: [1])
    for n in 8..<11 { Self.record(&journal, n, of: 8) }
    #expect(journal.take(1).lost.areAll)
  }

  @Test func mergedEntriesAreBounded() {
    var one = Journal.Entries()
    var two = Journal.Entries()
    for n in 0..<6 { one.insert(Self.key(n), of: 9) }
    for n in 4..<9 { two.insert(Self.key(n), of: 8) }
    var both = one
    both.merge(two, mostKeys: 9, mostBytes: .max)
    #expect(both.keys.count == 9)
    one.merge(two, mostKeys: 8, mostBytes: .max)
    #expect(one.lost.ids == [8, 9] && one.keys.isEmpty)
    both.merge(one, mostKeys: 100, mostBytes: .max)
    #expect(both.hasOverflowed && both.keys.count == 9)
  }
}
