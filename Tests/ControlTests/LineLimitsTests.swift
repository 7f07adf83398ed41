import Bytes
import Testing

@testable import Control

@Suite struct LineLimitsTests {
  /// Events of one kind at these seconds, and what is logged: the number left out with a line; nil without one.
  static let cases: [(events: [(at: Int, count: Int)], lines: [Int?])] = [
    ([(0, 1)], [0]),
    ([(0, 5)], [4]),
    ([(0, 1), (1, 1), (59, 1)], [0, nil, nil]),
    ([(0, 1), (60, 1)], [0, 0]),
    ([(0, 1), (1, 3), (59, 1), (60, 1), (61, 1)], [0, nil, nil, 4, nil]),
    ([(0, 2), (1, 3), (75, 2), (134, 1), (135, 1)], [1, nil, 4, nil, 1]),
  ]

  private func at(_ second: Int) -> Instant { Instant.origin.advanced(by: .seconds(1000 + second)) }

  @Test(arguments: cases)
  func oneLineAMinuteReportsHowManyWereLeftOut(_ events: [(at: Int, count: Int)], _ lines: [Int?]) {
    var limits = LineLimits()
    #expect(events.map { limits.take("a", count: $0.count, now: at($0.at)) } == lines)
  }

  @Test func kindsAreLimitedSeparately() {
    var limits = LineLimits()
    #expect(limits.take("a", now: at(0)) == 0)
    #expect(limits.take("b", now: at(1)) == 0)
    #expect(limits.take("a", now: at(2)) == nil && limits.take("b", now: at(2)) == nil)
    #expect(limits.take("a", now: at(60)) == 1 && limits.take("b", now: at(60)) == nil)
  }

  @Test func eventsWithoutAFurtherLineAreReportedWhenTheMinuteIsOver() {
    var limits = LineLimits()
    _ = limits.take("a", now: at(0))
    _ = limits.take("b", now: at(0))
    _ = limits.take("a", count: 7, now: at(1))
    #expect(limits.takeLeftOut(now: at(59)).isEmpty)
    let due = limits.takeLeftOut(now: at(60))
    #expect(due.map(\.kind) == ["a"] && due.map(\.count) == [7])
    #expect(limits.take("a", now: at(61)) == nil, "that was this minute's line")
    #expect(limits.take("b", now: at(61)) == 0)
  }
}
