import Testing

@testable import Proxy

/// Both sides of every threshold of the batching decisions.
@Suite struct BatcherTests {
  @Test(arguments: [
    (0, 12, 31, true), (3, 12, 31, true), (4, 12, 31, false), (0, 11, 31, false), (0, 12, 32, false),
    (0, 12, 0, true), (0, 0, 0, false),
  ])
  func aSmallTurnWithManyInFlightLooksAgain(_ looks: Int, _ inFlight: Int, _ forwarded: UInt64, _ does: Bool)
  {
    #expect(Batcher.looksAgain(after: looks, inFlight: inFlight, forwarded: forwarded) == does)
  }

  @Test(arguments: [
    (0, 7, false), (0, 8, true), (0, 64, true), (0, 65, false), (1, 8, true), (2, 8, false), (0, 0, false),
  ])
  func eightTo64ClientsAreAnsweredFirst(_ rounds: Int, _ clients: Int, _ does: Bool) {
    #expect(Batcher.answersEarly(after: rounds, clients: clients) == does)
  }

  @Test(arguments: [(0, 0), (31, 0), (32, 100_000), (10_000, 100_000)])
  func repliesAreHeldWith32InFlight(_ inFlight: Int, _ limit: UInt64) {
    #expect(Batcher.holdLimit(inFlight: inFlight) == limit)
  }

  @Test(arguments: [
    (100, 1, 0, 100_000, true), (100, 0, 0, 100_000, false), (16_383, 1, 0, 100_000, true),
    (16_384, 1, 0, 100_000, false), (100, 1, 99_999, 100_000, true), (100, 1, 100_000, 100_000, false),
    (100, 1, 0, 0, false), (0, 1, 0, 1, true),
  ])
  func fewRepliesAreHeldWhileOthersAreAwaited(
    _ bytes: Int, _ awaited: UInt32, _ held: UInt64, _ limit: UInt64, _ does: Bool
  ) {
    #expect(Batcher.holds(bytes, awaited: awaited, held: held, limit: limit) == does)
  }

  @Test(arguments: [
    // Few in flight: never.
    (11, 0, 0, false), (12, 0, 0, true),
    // Half of those in flight were forwarded, and an eighth of them were events.
    (12, 1, 5, true), (12, 1, 6, false), (12, 0, 6, true),
    (40, 5, 20, false), (40, 4, 20, true), (40, 5, 19, true),
    // 32 of either are enough.
    (1000, 32, 32, false), (1000, 31, 32, true), (1000, 32, 31, true),
  ])
  func aTurnThatBroughtLittleIsFollowedByAPause(
    _ inFlight: Int, _ events: Int, _ forwarded: UInt64, _ does: Bool
  ) {
    #expect(Batcher.pauses(inFlight: inFlight, events: events, forwarded: forwarded) == does)
  }
}
