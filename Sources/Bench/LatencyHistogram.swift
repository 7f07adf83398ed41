/// Times in nanoseconds, counted in buckets whose width is at most 1/128 of their values: a log-linear histogram as
/// HdrHistogram's.
///
///     0 1 2 … 255 │ 256 258 … 510 │ 512 516 … 1020 │ …      128 buckets for each power of two
struct LatencyHistogram {
  /// Buckets of one power of two, as a power of two.
  private static let resolution = 7
  /// Longer times than two to this power, 73 minutes, count as that long.
  private static let longest = 42
  private static let size = (longest - resolution + 1) << resolution

  private var counts = [UInt64](repeating: 0, count: size)
  private(set) var total: UInt64 = 0
  /// The longest time that was recorded, exactly.
  private(set) var maximum: UInt64 = 0

  mutating func record(_ nanoseconds: UInt64, count: UInt64 = 1) {
    counts[Self.bucket(of: nanoseconds)] &+= count
    total &+= count
    maximum = max(maximum, nanoseconds)
  }

  private static func bucket(of value: UInt64) -> Int {
    let value = min(value, 1 << longest - 1)
    let shift = max(0, UInt64.bitWidth - 1 - value.leadingZeroBitCount - resolution)
    return shift << resolution + Int(value >> UInt64(shift))
  }

  /// The shortest time of a bucket.
  private static func start(of bucket: Int) -> UInt64 {
    if bucket < 2 << resolution { return UInt64(bucket) }
    let shift = bucket >> resolution - 1
    return UInt64(bucket - shift << resolution) << UInt64(shift)
  }

  /// The shortest time that is at least as long as this share of all times; zero if there are none.
  func percentile(_ percent: Double) -> UInt64 {
    let wanted = max(1, UInt64((Double(total) * percent / 100).rounded(.up)))
    var seen: UInt64 = 0
    for bucket in counts.indices where counts[bucket] > 0 {
      seen += counts[bucket]
      // A bucket counts as its longest time.
      if seen >= wanted { return min(maximum, Self.start(of: bucket + 1) - 1) }
    }
    return maximum
  }

  /// What was recorded since an earlier state of this histogram. The maximum is that of its highest bucket.
  func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
    var difference = LatencyHistogram()
    for bucket in counts.indices where counts[bucket] > earlier.counts[bucket] {
      difference.record(
        min(maximum, Self.start(of: bucket + 1) - 1), count: counts[bucket] - earlier.counts[bucket])
    }
    return difference
  }

  /// The histogram with the times that were not measured because the requests were not sent: each time longer than
  /// `interval` kept others from being sent, which would have taken one interval less, two intervals less, and so on,
  /// as in HdrHistogram's correction for coordinated omission.
  func corrected(interval: UInt64) -> LatencyHistogram {
    var result = self
    guard interval > 0 else { return result }
    for bucket in counts.indices where counts[bucket] > 0 {
      let value = min(maximum, Self.start(of: bucket))
      // The times that are missing are value - k * interval, from one interval on.
      guard value >= 2 * interval else { continue }
      var k: UInt64 = 1
      let last = value / interval - 1
      while k <= last {
        let time = value - k * interval
        // All missing times that share a bucket are counted at once.
        let first = Self.start(of: Self.bucket(of: time))
        let lastHere = min(last, (value - first) / interval)
        result.record(time, count: (lastHere - k + 1) * counts[bucket])
        k = lastHere + 1
      }
    }
    return result
  }
}
