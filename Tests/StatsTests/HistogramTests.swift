import Stats
import TestSupport
import Testing

@Suite struct HistogramTests {
  @Test func bucketsFollowEachOtherWithoutGaps() {
    var next = 0
    for bucket in 0..<LatencyBuckets.count {
      let (from, width) = LatencyBuckets.range(of: bucket)
      #expect(from == next && width > 0)
      next = from + width
      for microseconds in [from, from + width - 1] {
        #expect(LatencyBuckets.bucket(of: UInt64(microseconds) * 1000) == bucket)
        #expect(LatencyBuckets.bucket(of: UInt64(microseconds) * 1000 + 999) == bucket)
      }
    }
    #expect(next == 1 << 24)
  }

  /// From 63 µs on; below that a bucket is a microsecond.
  @Test func middleOfABucketIsAtMostEightPerMilleOff() {
    for bucket in 0..<LatencyBuckets.count {
      let (from, width) = LatencyBuckets.range(of: bucket)
      let middle = LatencyBuckets.seconds(of: bucket) * 1_000_000
      #expect(abs(middle - Double(from) - Double(width) / 2) < 1e-6)
      if from >= 63 { #expect(Double(width) / 2 / Double(from) <= 0.008) } else { #expect(width == 1) }
    }
  }

  @Test func longerTimesHaveNoLowerBuckets() {
    var random = Seeded(1)
    var times = (0..<50_000).map { _ in random.next() >> UInt64(random.below(64)) }
    times += [0, 999, 1000, .max, .max - 1]
    var before = 0
    for time in times.sorted() {
      let bucket = LatencyBuckets.bucket(of: time)
      #expect(bucket >= before && bucket < LatencyBuckets.count)
      before = bucket
    }
    #expect(LatencyBuckets.bucket(of: .max) == LatencyBuckets.count - 1)
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func quantilesAreNearTheExactOnes(_ seed: UInt64) throws {
    var random = Seeded(seed)
    var counts = LatencyCounts()
    let times = (0..<1 + random.below(5000)).map { _ in
      100_000 + (random.next() >> UInt64(40 + random.below(16)))
    }
    for time in times { counts.record(nanoseconds: time) }
    let sorted = times.sorted()
    let shares = [0, 0.1, 0.5, 0.9, 0.99, 0.999, 1]
    let found = try #require(counts.quantiles(shares))
    for (share, quantile) in zip(shares, found) {
      let rank = max(1, Int((Double(sorted.count) * share).rounded(.up)))
      let exact = Double(sorted[rank - 1]) / 1e9
      #expect(abs(quantile - exact) <= exact * 0.008 + 1e-6, "\(share): \(quantile), exactly \(exact)")
    }
    #expect(found == found.sorted() && counts.total == UInt64(times.count))
  }

  @Test func withoutEventsThereAreNoQuantiles() {
    #expect(LatencyCounts().quantiles([0.5]) == nil && LatencyCounts().isEmpty)
    var sum = LatencyCounts()
    sum += LatencyCounts()
    #expect(sum.isEmpty)
  }

  @Test func longestTimesShareTheLastBucket() throws {
    var counts = LatencyCounts()
    for time in [17_000_000_000, 1 << 60, UInt64.max] { counts.record(nanoseconds: time) }
    let found = try #require(counts.quantiles([0, 1]))
    #expect(found[0] == found[1] && (16.6...16.8).contains(found[0]))
    var coarse: [UInt64] = [0, 0]
    _ = counts.add(to: &coarse, bounds: [5_000_000])
    #expect(coarse == [0, 3])
  }

  @Test func histogramIsMovedAndBeginsAgain() {
    var histogram = Histogram()
    var total = LatencyCounts()
    histogram.move(to: &total)
    #expect(total.isEmpty)
    histogram.record(1_000_000, times: 3)
    histogram.record(2_000_000)
    histogram.move(to: &total)
    histogram.move(to: &total)
    #expect(total.total == 4)
    histogram.record(1_000_000)
    histogram.move(to: &total)
    var expected = LatencyCounts()
    expected.record(nanoseconds: 1_000_000, times: 4)
    expected.record(nanoseconds: 2_000_000)
    #expect(total == expected)
  }

  @Test func sumsAreThoseOfAllParts() {
    var random = Seeded(4)
    var (whole, parts) = (LatencyCounts(), [LatencyCounts(), LatencyCounts(), LatencyCounts()])
    for _ in 0..<3000 {
      let time = random.next() >> 30
      whole.record(nanoseconds: time)
      parts[random.below(3)].record(nanoseconds: time)
    }
    var sum = LatencyCounts()
    for part in parts { sum += part }
    #expect(sum == whole)
  }

  @Test func coarseBucketsHaveEveryEventOnce() {
    var random = Seeded(6)
    var counts = LatencyCounts()
    var times: [UInt64] = []
    for _ in 0..<5000 {
      times.append(random.next() >> UInt64(30 + random.below(20)))
      counts.record(nanoseconds: times[times.count - 1])
    }
    let bounds = [100, 1000, 50_000, 5_000_000]
    var coarse = [UInt64](repeating: 0, count: bounds.count + 1)
    let sum = counts.add(to: &coarse, bounds: bounds)
    #expect(coarse.reduce(0, +) == 5000)
    let exact = times.reduce(0.0) { $0 + min(Double($1) / 1e9, 16.777216) }
    #expect(abs(sum - exact) <= exact * 0.01 + 5000 * 1e-6)
  }
}
