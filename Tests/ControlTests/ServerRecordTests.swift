import Bytes
import Proxy
import Testing

@testable import Control

@Suite struct ServerRecordTests {
  private func at(_ seconds: Double) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000 + UInt64(seconds * 1e9))
  }
  private func start(_ seconds: Double) -> Duration { .seconds(1000) + .milliseconds(Int(seconds * 1000)) }

  @Test func serverWithAnUptimeShorterThanItsOutageWasRestarted() {
    var record = ServerRecord()
    #expect(record.restarted(start(5.5), outSince: at(4), now: at(8)) == at(4.5))
    record = ServerRecord()
    #expect(record.restarted(start(5), outSince: at(4), now: at(8)) == nil, "its age is in whole seconds")
    record = ServerRecord()
    #expect(record.restarted(.seconds(-1_000_000), outSince: at(4), now: at(8)) == nil)
  }

  @Test func serverWithALaterStartThanBeforeWasRestarted() {
    var record = ServerRecord()
    #expect(record.restarted(start(0), outSince: at(4), now: at(5)) == nil)
    #expect(record.restarted(start(1), outSince: at(4), now: at(6)) == nil)
    #expect(record.restarted(start(2), outSince: at(4), now: at(7)) == at(5))
    #expect(record.restarted(start(2), outSince: at(4), now: at(8)) == at(5), "as often as it is asked")
    // A start found in another outage does not count: the server may have been restarted while it was up.
    #expect(record.restarted(start(12), outSince: at(20), now: at(21)) == nil)
    #expect(record.restarted(start(12), outSince: at(20), now: at(22)) == nil)
  }

  @Test func noteOfAServerEndsWithItsOutage() {
    var record = ServerRecord()
    record.caveat = .unsafe
    record.isBack()
    #expect(record.caveat == nil)
    record.caveat = .unflushed
    record.isBack()
    #expect(record.caveat == .unflushed, "it is used without the flush")
    record.wentOut()
    #expect(record.caveat == nil)
    record.caveat = .full
    record.wentOut()
    record.isBack()
    #expect(record.caveat == .full)
  }

  @Test func everyCaveatHasADistinctNote() {
    let all: [ServerRecord.Caveat] =
      [.full, .unflushed, .unsafe, .unclean] + Unsuited.allCases.map { .unsuited($0) }
    #expect(Set(all.map(\.words)).count == all.count)
  }
}
