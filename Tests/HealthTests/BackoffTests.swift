import Bytes
import TestSupport
import Testing
import Topology

@testable import Health

struct BackoffTests {
  /// The waits with the least jitter (5 %), in milliseconds.
  static func waits(_ count: Int, flaps: Int = 0, _ policy: PoolPolicy = PoolPolicy()) -> [UInt64] {
    var backoff = Backoff()
    for _ in 0..<flaps { backoff.fell(after: .zero, policy) }
    return (0..<count).map { _ in backoff.nextWait(random: least, policy).ms }
  }

  @Test func probeWaitsGrowByHalfUpToTheLongest() {
    #expect(
      Self.waits(12) == [950, 1425, 2137, 3206, 4809, 7214, 10821, 16231, 24347, 28500, 28500, 28500])
  }

  /// A refused connection costs nothing, and a server that has just started must be found soon.
  @Test(arguments: [0, 1, 3])
  func serverThatRefusesIsProbedAtAConstantInterval(flaps: Int) {
    var backoff = Backoff()
    for _ in 0..<flaps { backoff.fell(after: .zero, PoolPolicy()) }
    for _ in 0..<20 {
      #expect(backoff.nextWait(random: least, PoolPolicy(), grows: false).ms == 950 << UInt64(flaps))
    }
    // If the server then hangs, the waits begin to grow.
    #expect(backoff.nextWait(random: least, PoolPolicy()).ms == 1425 << UInt64(flaps))
  }

  @Test(arguments: [(0, 950), (1, 1900), (2, 3800), (3, 7600), (4, 15200), (5, 28500), (100, 28500)])
  func eachFlapDoublesTheFirstProbeWait(_ flaps: Int, _ expected: UInt64) {
    #expect(Self.waits(1, flaps: flaps) == [expected])
  }

  @Test func jitterShortensProbeWaitsByFiveToFiftyPercent() {
    var backoff = Backoff()
    #expect(backoff.nextWait(random: least, PoolPolicy()).ms == 950)
    backoff = Backoff()
    #expect(backoff.nextWait(random: most, PoolPolicy()).ms == 500)
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func everyProbeWaitIsWithinTheJitterRange(seed: UInt64) {
    var random = Seeded(seed)
    let policy = PoolPolicy(probeInterval: .milliseconds(1 + random.below(5000)))
    var backoff = Backoff()
    var base = Double(policy.interval)
    var shortest = 1.0
    var longest = 0.0
    for _ in 0..<1000 {
      let share = Double(backoff.nextWait(random: random.next(), policy).wholeNanoseconds) / base
      #expect(share >= 0.499 && share <= 0.951, "seed \(seed)")
      shortest = min(shortest, share)
      longest = max(longest, share)
      base = min(base * 1.5, Double(policy.longest))
    }
    // The waits cover the whole range.
    #expect(shortest < 0.52 && longest > 0.93, "seed \(seed)")
  }

  @Test func quickFailureIsAFlapAndTimeUpRemovesIt() {
    var backoff = Backoff()
    let policy = PoolPolicy()
    backoff.fell(after: nil, policy)
    #expect(backoff.flaps == 0)
    var trace: [UInt64] = []
    for upFor in [9999, 0, 5000, 10_000, 25_000, 100, 3_600_000] {
      backoff.fell(after: .milliseconds(upFor), policy)
      trace.append(backoff.flaps)
    }
    #expect(trace == [1, 2, 3, 2, 0, 1, 0])
  }

  @Test func numberOfFlapsIsLimited() {
    var backoff = Backoff()
    for _ in 0..<1000 { backoff.fell(after: .zero, PoolPolicy()) }
    #expect(backoff.flaps == Backoff.mostFlaps)
    #expect(backoff.probesToReturn == 3)
  }

  @Test(arguments: [(0, 1), (1, 2), (2, 3), (3, 3)])
  func flappingServerMustAnswerMoreProbes(_ flaps: Int, _ probes: Int) {
    var backoff = Backoff()
    for _ in 0..<flaps { backoff.fell(after: .zero, PoolPolicy()) }
    #expect(backoff.probesToReturn == probes)
  }

  @Test(arguments: [
    (Duration.zero, Duration.zero), (.seconds(-5), .seconds(-5)), (.seconds(1), .zero),
    (.seconds(Int64.max), .seconds(Int64.max)), (.nanoseconds(1), .seconds(Int64.max)),
  ])
  func extremeHealthRulesNeitherSpinNorTrap(_ interval: Duration, _ longest: Duration) {
    let policy = PoolPolicy(probeInterval: interval, probeMax: longest)
    var backoff = Backoff()
    for _ in 0..<10 { backoff.fell(after: .zero, policy) }
    for _ in 0..<100 {
      let wait = backoff.nextWait(random: most, policy)
      #expect(wait >= .microseconds(500) && wait <= .seconds(86400))
    }
  }
}
