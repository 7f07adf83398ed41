import Bytes
import Testing

@testable import Bench

@Suite struct ScheduleTests {
  private let start = Instant(nanoseconds: 1_000_000)

  private func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: (1 + milliseconds) * 1_000_000) }

  @Test func requestsAreDueAtTheRateWhateverIsAnswered() {
    var schedule = Schedule(rate: 1000, from: start, connections: 2, depth: 2)
    var taken: [String] = []
    while let (i, due) = schedule.take(now: at(10), end: at(100)) {
      taken.append("\(i) \(due.nanoseconds / 1_000_000)")
    }
    // Four have room; the others stay due.
    #expect(taken == ["0 1", "1 2", "0 3", "1 4"] && !schedule.hasRoom)
    schedule.giveBack(1, count: 1)
    let next = schedule.take(now: at(50), end: at(100))
    #expect(next?.connection == 1 && next?.due == at(4))
  }

  @Test func requestsAreNotDueEarlyNorAfterTheEnd() {
    var schedule = Schedule(rate: 1000, from: start, connections: 10, depth: 1)
    #expect(schedule.take(now: at(0), end: at(2))?.due == at(0))
    #expect(schedule.take(now: at(0), end: at(2)) == nil)
    #expect(schedule.take(now: at(9), end: at(2))?.due == at(1))
    #expect(schedule.take(now: at(9), end: at(2)) == nil)
  }

  @Test func closedConnectionGetsNoRequest() {
    var schedule = Schedule(rate: 1000, from: start, connections: 2, depth: 2)
    schedule.close(0)
    let first = schedule.take(now: at(9), end: at(99))?.connection
    let second = schedule.take(now: at(9), end: at(99))?.connection
    #expect(first == 1 && second == 1 && !schedule.hasRoom)
  }

  @Test func requestsThatWereNotSentCountWithTheTimeThatTheyWaited() {
    var run = RunState(keys: KeySpace(seed: 1, sizes: 1...1), count: 1)
    let schedule = Schedule(rate: 1000, from: start, connections: 1, depth: 1)
    schedule.recordUnsent(dueBefore: at(100), now: at(100), &run)
    #expect(run.tally.unsent == 100 && run.sinceDue.total == 100 && run.sinceDue.maximum == 100_000_000)
    let median = run.sinceDue.percentile(50)
    #expect(median > 49_000_000 && median < 52_000_000)
    Schedule().recordUnsent(dueBefore: at(100), now: at(100), &run)
    #expect(run.tally.unsent == 100)
  }
}
