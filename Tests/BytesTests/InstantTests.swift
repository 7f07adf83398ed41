import Testing

@testable import Bytes

struct InstantTests {
  static let late = Instant(nanoseconds: .max - 5)

  @Test(arguments: [
    (Instant.origin, Duration.zero, Instant.origin),
    (.origin, .nanoseconds(1), Instant(nanoseconds: 1)),
    (.origin, .seconds(3) + .nanoseconds(7), Instant(nanoseconds: 3_000_000_007)),
    (Instant(nanoseconds: 10), .seconds(-1), Instant(nanoseconds: 10)),
    (Instant(nanoseconds: 10), .milliseconds(-1), Instant(nanoseconds: 10)),
    (late, .nanoseconds(5), .never),
    (late, .nanoseconds(6), .never),
    (late, .seconds(1), .never),
    (.never, .nanoseconds(1), .never),
    (.origin, .seconds(Int64.max), .never),
    (.origin, .seconds(18_446_744_073) + .nanoseconds(709_551_615), .never),
    (.origin, .seconds(18_446_744_073) + .nanoseconds(709_551_616), .never),
    (.origin, .seconds(18_446_744_073) + .nanoseconds(709_551_614), Instant(nanoseconds: .max - 1)),
  ])
  func advancingAnInstantStopsAtNever(start: Instant, by: Duration, end: Instant) {
    #expect(start.advanced(by: by) == end)
  }

  @Test(arguments: [
    (Instant.origin, Instant.origin, Duration.zero),
    (Instant(nanoseconds: 9), Instant(nanoseconds: 4), .nanoseconds(5)),
    (Instant(nanoseconds: 4), Instant(nanoseconds: 9), .zero),
    (.origin, .never, .zero),
    (.never, .origin, .nanoseconds(Int64.max)),
    (.never, late, .nanoseconds(5)),
  ])
  func timeSinceIsNeverNegativeAndNeverOverflows(later: Instant, earlier: Instant, time: Duration) {
    #expect(later.since(earlier) == time)
  }

  @Test func instantsAreOrderedByTime() {
    let moments: [Instant] = [.origin, Instant(nanoseconds: 1), Self.late, .never]
    #expect(moments.shuffled().sorted() == moments)
    #expect(Instant.origin < .never)
    #expect(!(Instant.never < .never))
  }

  @Test(
    arguments: [
      (.nanoseconds(-1), 0), (.seconds(-5), 0), (.zero, 0), (.microseconds(1500), 1_500_000),
      (.seconds(1) + .nanoseconds(1), 1_000_000_001), (.seconds(Int64.max), .max),
      (Duration(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
    ] as [(Duration, UInt64)])
  func durationIsTruncatedToWholeNanoseconds(duration: Duration, nanoseconds: UInt64) {
    #expect(duration.wholeNanoseconds == nanoseconds)
  }
}
