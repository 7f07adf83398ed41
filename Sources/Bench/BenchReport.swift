import Bytes
import Net
import Settings

/// The result of one run, as text for people and as JSON.
struct BenchReport {
  /// The times of a report, in nanoseconds.
  struct Latencies {
    static let percentiles: [(name: String, key: String, percent: Double)] = [
      ("p50", "p50", 50), ("p90", "p90", 90), ("p99", "p99", 99), ("p99.9", "p99_9", 99.9),
    ]
    var times: [UInt64]
    var maximum: UInt64

    init(_ histogram: LatencyHistogram) {
      times = Self.percentiles.map { histogram.percentile($0.percent) }
      maximum = histogram.maximum
    }

    var row: String {
      (times + [maximum]).map { Figures.right(Figures.time($0), 10) }.joined()
    }

    /// In microseconds.
    var json: String {
      let fields = zip(Self.percentiles.map(\.key) + ["max"], times + [maximum])
      let texts = fields.map { "\"\($0)\": \(Figures.decimal(Double($1) / 1000, places: 1))" }
      return "{\(texts.joined(separator: ", "))}"
    }
  }

  let options: BenchOptions
  let tally: Tally
  let times: RunTimes
  let seconds: Double
  /// The share of a processor that this process used.
  let processor: Double
  /// With the requests that a stalled connection could not send; and without them.
  let corrected: Latencies
  let measured: Latencies
  /// The interval of the correction in a closed loop.
  let interval: UInt64

  init(_ options: BenchOptions, _ run: borrowing RunState, _ times: RunTimes) {
    self.options = options
    self.times = times
    tally = run.tally
    seconds = max(0.000_001, times.measured.asSeconds)
    processor = (Clock.worked() - times.workedBefore).asSeconds / seconds
    interval = run.sinceSent.percentile(50)
    measured = Latencies(run.sinceSent)
    corrected = Latencies(options.rate == nil ? run.sinceSent.corrected(interval: interval) : run.sinceDue)
  }

  var exitCode: Int32 {
    if tally.mismatches > 0 { return 1 }
    return tally.lost > 0 || tally.unanswered > 0 ? 3 : 0
  }

  var perSecond: Double { Double(tally.requests) / seconds }

  /// The most frequent error first.
  var sortedErrors: [(String, Int)] {
    tally.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }
}
