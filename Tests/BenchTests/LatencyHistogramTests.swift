import TestSupport
import Testing

@testable import Bench

@Suite struct LatencyHistogramTests {
  @Test func everyTimeIsReportedWithinOnePercent() {
    var value: UInt64 = 0
    while value < 1 << 41 {
      var histogram = LatencyHistogram()
      histogram.record(value)
      // Without this the maximum would be reported exactly.
      histogram.record(1 << 41)
      let reported = histogram.percentile(50)
      #expect(reported >= value && Double(reported) <= Double(value) * 1.008, "\(value): \(reported)")
      value = max(value + 1, value + value / 37)
    }
  }

  @Test func percentilesAreThoseOfTheSortedTimes() {
    var random = Seeded(1)
    var histogram = LatencyHistogram()
    var times: [UInt64] = []
    for _ in 0..<20_000 {
      let time = UInt64(random.below(1 << (4 + random.below(24))))
      times.append(time)
      histogram.record(time)
    }
    times.sort()
    for percent in [0.01, 1, 10, 50, 90, 99, 99.9, 99.99, 100] {
      let exact = Double(times[max(1, Int((20_000 * percent / 100).rounded(.up))) - 1])
      let reported = Double(histogram.percentile(percent))
      #expect(reported >= exact && reported <= exact * 1.008 + 1, "\(percent): \(reported), not \(exact)")
    }
    #expect(histogram.maximum == times.last && histogram.total == 20_000)
  }

  @Test func emptyHistogramReportsZero() {
    #expect(LatencyHistogram().percentile(99) == 0)
    #expect(LatencyHistogram().corrected(interval: 5).percentile(50) == 0)
  }

  @Test func longestTimeIsExactAndHugeTimesAreNotLost() {
    var histogram = LatencyHistogram()
    histogram.record(123_456_789)
    #expect(histogram.percentile(100) == 123_456_789)
    histogram.record(.max)
    #expect(histogram.total == 2 && histogram.maximum == .max && histogram.percentile(50) < 124_500_000)
  }

  @Test func differenceHasOnlyWhatWasRecordedSince() {
    var histogram = LatencyHistogram()
    for _ in 0..<100 { histogram.record(1_000_000) }
    let before = histogram
    for _ in 0..<10 { histogram.record(2000) }
    let recent = histogram.since(before)
    #expect(recent.total == 10 && recent.percentile(99) < 2020)
  }

  /// HdrHistogram's own definition, one missing time after the other.
  private func correctedOneByOne(_ times: [UInt64], interval: UInt64) -> [UInt64] {
    var all = times
    for time in times {
      var missing = time
      while missing >= 2 * interval {
        missing -= interval
        all.append(missing)
      }
    }
    return all.sorted()
  }

  @Test(arguments: [1000, 70_000, 333_333] as [UInt64])
  func correctionAddsTheTimesOfRequestsThatWereNotSent(_ interval: UInt64) {
    var random = Seeded(interval)
    var histogram = LatencyHistogram()
    var times: [UInt64] = []
    for _ in 0..<300 {
      // The shortest time of a bucket, so that both corrections begin at the same time.
      let time = UInt64(128 + random.below(128)) << UInt64(random.below(14))
      times.append(time)
      histogram.record(time)
    }
    let exact = correctedOneByOne(times, interval: interval)
    let corrected = histogram.corrected(interval: interval)
    #expect(corrected.total == UInt64(exact.count) && corrected.total > 300)
    for percent in [10, 50, 90, 99, 99.9] as [Double] {
      let wanted = Double(exact[max(1, Int((Double(exact.count) * percent / 100).rounded(.up))) - 1])
      let reported = Double(corrected.percentile(percent))
      #expect(abs(reported - wanted) <= wanted * 0.017 + 1, "\(percent): \(reported), not \(wanted)")
    }
  }

  @Test func oneStallOfASecondShowsInACorrectedPercentile() {
    var histogram = LatencyHistogram()
    for _ in 0..<50_000 { histogram.record(200_000) }
    histogram.record(1_000_000_000)
    #expect(histogram.percentile(99.9) < 300_000)
    #expect(histogram.corrected(interval: 200_000).percentile(99.9) > 900_000_000)
  }
}
