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
    #expect(events.map { limits.take(.init("a"), count: $0.count, now: at($0.at)) } == lines)
  }

  @Test func kindsAreLimitedSeparately() {
    var limits = LineLimits()
    #expect(limits.take(.init("a"), now: at(0)) == 0)
    #expect(limits.take(.init("b"), now: at(1)) == 0)
    #expect(limits.take(.init("a"), now: at(2)) == nil && limits.take(.init("b"), now: at(2)) == nil)
    #expect(limits.take(.init("a"), now: at(60)) == 1 && limits.take(.init("b"), now: at(60)) == nil)
  }

  @Test func eventsWithoutAFurtherLineAreReportedWhenTheMinuteIsOver() {
    var limits = LineLimits()
    _ = limits.take(.init("a"), now: at(0))
    _ = limits.take(.init("b"), now: at(0))
    _ = limits.take(.init("a"), count: 7, now: at(1))
    #expect(limits.takeLeftOut(now: at(59)).isEmpty)
    let due = limits.takeLeftOut(now: at(60))
    #expect(due.map(\.kind.message) == ["a"] && due.map(\.count) == [7])
    #expect(limits.take(.init("a"), now: at(61)) == nil, "that was this minute's line")
    #expect(limits.take(.init("b"), now: at(61)) == 0)
  }

  @Test func severalLinesInAMinuteAreLimitedByTheirNumber() {
    var limits = LineLimits()
    let kind = LineLimits.Kind("server down", about: ("server", "a:1"))
    let lines = (0..<5).map { limits.take(kind, .info, most: 3, now: at($0)) }
    #expect(lines == [0, 0, 0, nil, nil])
    #expect(limits.take(.init("server down", about: ("server", "b:1")), most: 3, now: at(5)) == 0)
    #expect(limits.takeLeftOut(now: at(59)).isEmpty)
    #expect(limits.take(kind, .info, most: 3, now: at(60)) == 2)
    #expect((61..<64).map { limits.take(kind, .info, most: 3, now: at($0)) } == [0, 0, nil])
    let due = limits.takeLeftOut(now: at(120))
    #expect(due.map(\.kind) == [kind] && due.map(\.count) == [1] && due.map(\.level) == [.info])
    #expect((121..<124).map { limits.take(kind, .info, most: 3, now: at($0)) } == [0, 0, nil])
  }

  @Test func quietKindsAreForgotten() {
    var limits = LineLimits()
    for i in 0..<100 { _ = limits.take(.init("a", about: ("host", "\(i)")), now: at(0)) }
    #expect(limits.count == 100)
    #expect(limits.takeLeftOut(now: at(60)).isEmpty && limits.count == 0)
  }
}
