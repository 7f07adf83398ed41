import Bytes
import Topology

/// The buckets of a latency histogram: microseconds one by one up to 128, then 64 buckets for each doubling, up to 16.8
/// seconds; what is longer is in the last one.
///
///     bucket   0  1  2 … 127   128   129   …   191    192 … 255   …   1215
///     from µs  0  1  2 … 127   128   130   …   254    256 … 508   …   16,646,144
///
/// A value that is read back is the middle of its bucket: at most 0.8 % off, two significant digits. The form is that of
/// HdrHistogram, by G. Tene.
@usableFromInline
package enum LatencyBuckets {
  @inlinable package static var count: Int { 1216 }
  /// The longest time that has a bucket of its own, in microseconds.
  static let longest: UInt64 = (1 << 24) - 1

  /// The bucket of a time. About ten instructions.
  @inlinable @inline(__always) package static func bucket(of nanoseconds: UInt64) -> Int {
    let microseconds = min(nanoseconds / 1000, 0xff_ffff)
    let shift = UInt64(truncatingIfNeeded: 57 &- (microseconds | 127).leadingZeroBitCount)
    return Int(truncatingIfNeeded: (shift &<< 6) &+ (microseconds &>> shift))
  }

  /// The shortest time of a bucket, in microseconds, and how many microseconds it spans.
  package static func range(of bucket: Int) -> (from: Int, width: Int) {
    guard bucket >= 128 else { return (max(0, bucket), 1) }
    let shift = min(bucket, count - 1) / 64 - 1
    return ((min(bucket, count - 1) - shift * 64) << shift, 1 << shift)
  }

  /// The middle of a bucket, in seconds.
  package static func seconds(of bucket: Int) -> Double {
    let (from, width) = range(of: bucket)
    return (Double(from) + Double(width) / 2) / 1_000_000
  }
}

/// A histogram that one thread counts into: 4.9 KB, and about fifteen instructions for a count. Its owner adds it to a
/// `LatencyCounts` ten times a second, so its counts cannot overflow.
@usableFromInline
package struct Histogram: ~Copyable {
  @usableFromInline var counts = FixedArray<UInt32>(Array(repeating: 0, count: LatencyBuckets.count))
  /// The groups of 64 buckets that have counts: a bit for each.
  @usableFromInline var touched: UInt32 = 0

  package init() {}

  /// Counts `times` events that took this long.
  package mutating func record(_ nanoseconds: UInt64, times: UInt32 = 1) {
    record(bucket: LatencyBuckets.bucket(of: nanoseconds), times: times)
  }

  /// The same, where the bucket is known.
  @inlinable @inline(__always) package mutating func record(bucket: Int, times: UInt32) {
    counts[bucket] = counts[bucket] &+ times
    touched |= 1 &<< UInt32(truncatingIfNeeded: bucket &>> 6)
  }

  /// Adds everything to `total` and forgets it here.
  package mutating func move(to total: inout LatencyCounts) {
    guard touched != 0 else { return }
    total.fill()
    while touched != 0 {
      let first = touched.trailingZeroBitCount << 6
      for i in first..<first + 64 where counts[i] > 0 {
        total.counts[i] &+= counts[i]
        counts[i] = 0
      }
      touched &= touched &- 1
    }
  }
}

/// The counts of a latency histogram as a plain value, to be merged and read. Empty ones take no memory.
package struct LatencyCounts: Equatable, Sendable {
  /// One for each bucket, or none.
  fileprivate(set) var counts: [UInt32] = []

  package init() {}

  package var isEmpty: Bool { counts.isEmpty }

  /// The number of events.
  package var total: UInt64 { counts.reduce(0) { $0 &+ UInt64($1) } }

  fileprivate mutating func fill() {
    if counts.isEmpty { counts = Array(repeating: 0, count: LatencyBuckets.count) }
  }

  /// Counts one event; for tests and for tools that are not in a hurry.
  package mutating func record(nanoseconds: UInt64, times: UInt32 = 1) {
    fill()
    counts[LatencyBuckets.bucket(of: nanoseconds)] &+= times
  }

  package static func += (a: inout LatencyCounts, b: LatencyCounts) {
    guard !b.isEmpty else { return }
    if a.isEmpty {
      a = b
      return
    }
    for i in 0..<LatencyBuckets.count { a.counts[i] &+= b.counts[i] }
  }

  /// The times, in seconds, below which these shares (0 to 1, ascending) of the events took; nil without events. One walk
  /// for all of them.
  package func quantiles(_ shares: [Double]) -> [Double]? {
    let total = total
    guard total > 0 else { return nil }
    var found: [Double] = []
    var below: UInt64 = 0
    for (bucket, count) in counts.enumerated() where count > 0 {
      below &+= UInt64(count)
      while found.count < shares.count, Double(below) >= (Double(total) * shares[found.count]).rounded(.up) {
        found.append(LatencyBuckets.seconds(of: bucket))
      }
    }
    return found.count == shares.count ? found : nil
  }

  /// Adds the events to the buckets of a metric, `bounds` in ascending microseconds: each event to the first bucket whose
  /// bound it does not exceed, else to the last. Returns the sum of the times in seconds, from the middles of the buckets.
  package func add(to coarse: inout [UInt64], bounds: [Int]) -> Double {
    var sum = 0.0
    var place = 0
    for (bucket, count) in counts.enumerated() where count > 0 {
      let (from, width) = LatencyBuckets.range(of: bucket)
      while place < bounds.count, from + width > bounds[place] { place += 1 }
      coarse[min(place, coarse.count - 1)] &+= UInt64(count)
      sum += Double(count) * LatencyBuckets.seconds(of: bucket)
    }
    return sum
  }
}

/// The latencies of all servers, pools and listeners in some time: several workers add to it, one reader takes it.
package struct LatencyBook: Sendable {
  /// By server: from a request's arrival to the server's reply.
  package var servers: [ServerID: LatencyCounts] = [:]
  /// By pool: from a request's arrival to that of its reply in the client's output.
  package var pools: [PoolID: LatencyCounts] = [:]
  /// By listener: the same of its clients' requests.
  package var listeners: [ListenerID: LatencyCounts] = [:]
  /// By worker.
  package var loops: [Int: LoopCounts] = [:]

  package init() {}
}

/// How long the turns of a worker's event loop took, and how late it was to do what was due.
package struct LoopCounts: Sendable {
  /// One turn in each ten milliseconds: from the moment it began to the end of its sending.
  package var turns = LatencyCounts()
  /// Of every tick, each ten milliseconds: how much later than due it came.
  package var lags = LatencyCounts()

  package init() {}
}
