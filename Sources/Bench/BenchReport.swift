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

  private let options: BenchOptions
  private let tally: Tally
  private let times: RunTimes
  private let seconds: Double
  /// The share of a processor that this process used.
  private let processor: Double
  /// With the requests that a stalled connection could not send; and without them.
  private let corrected: Latencies
  private let measured: Latencies
  /// The interval of the correction in a closed loop.
  private let interval: UInt64

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

  private var perSecond: Double { Double(tally.requests) / seconds }

  // MARK: - Text

  var text: String {
    var lines = [heading, ""]
    func row(_ name: String, _ count: Int, _ rest: String = "") {
      let number = Figures.right(Figures.grouped(count), 15)
      lines.append("  \(Figures.left(name, 12))\(number)\(rest.isEmpty ? "" : "   \(rest)")")
    }
    row("requests", tally.requests, "\(Figures.grouped(Int(perSecond.rounded())))/s\(aim)")
    let found = Figures.share(tally.hits, of: tally.hits + tally.misses)
    let keys = options.multiget == 1 ? "" : "\(options.multiget) keys each: "
    let misses = Figures.grouped(tally.misses)
    row("gets", tally.reads, "\(keys)\(Figures.grouped(tally.hits)) hits (\(found)), \(misses) misses")
    row("sets", tally.writes)
    row("errors", tally.errorCount)
    for (error, count) in sortedErrors {
      lines.append("    \(Figures.right(Figures.grouped(count), 10))  \(error)")
    }
    row("mismatches", tally.mismatches, tally.mismatches == 0 ? "every value was right" : "")
    for example in tally.examples { lines.append("    \(example)") }
    if tally.mismatches > tally.examples.count { lines.append("    …") }
    if tally.stale > 0 { row("stale", tally.stale, "values that a later set had replaced") }
    if tally.lost > 0 { row("lost", tally.lost, "connections; the first: \(tally.whyLost ?? "unknown")") }
    if tally.unanswered > 0 { row("unanswered", tally.unanswered, "requests without a reply") }
    if tally.unsent > 0 {
      row("not sent", tally.unsent, "requests that were due, but no connection had room")
    }
    lines += latencyLines + hints
    return lines.joined(separator: "\n") + "\n"
  }

  private var heading: String {
    let loop = options.rate.map { "open loop at \(Figures.grouped($0)) requests/s" } ?? "closed loop"
    let load = "\(options.connections) connections, depth \(options.depth), \(loop)"
    let sizes = options.sizes
    let size =
      sizes.lowerBound == sizes.upperBound
      ? Figures.grouped(sizes.lowerBound)
      : "\(Figures.grouped(sizes.lowerBound)) to \(Figures.grouped(sizes.upperBound))"
    let choice = options.zipf == 0 ? "" : ", zipf \(Figures.decimal(options.zipf, places: 2))"
    let keys =
      "\(Figures.grouped(options.keys)) keys\(choice), values of \(size) bytes, \(options.writes)% sets"
    let length = Figures.decimal(seconds, places: 1) + " s" + (times.isInterrupted ? " (interrupted)" : "")
    return "\(options.target): \(length), \(load)\n\(keys)"
  }

  /// How much of an open loop's rate was reached.
  private var aim: String {
    guard let rate = options.rate else { return "" }
    return " of \(Figures.grouped(rate))/s"
  }

  private var sortedErrors: [(String, Int)] {
    tally.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }

  private var latencyLines: [String] {
    let names = (Latencies.percentiles.map(\.name) + ["max"]).map { Figures.right($0, 10) }.joined()
    let isOpen = options.rate != nil
    let meaning =
      isOpen
      ? "due: from when a request was due, sent: from when it was sent, to its reply"
      : "corrected: with the requests that waited unsent while a connection was slow (one each \(Figures.time(interval)), the median)"
    return [
      "", "  \(Figures.left("latency", 12))\(names)",
      "  \(Figures.left(isOpen ? "due" : "corrected", 12))\(corrected.row)",
      "  \(Figures.left(isOpen ? "sent" : "measured", 12))\(measured.row)", "  \(meaning)",
    ]
  }

  private var hints: [String] {
    var hints: [String] = []
    if processor > 0.9 {
      hints.append(
        "this program used \(Figures.decimal(processor * 100, places: 0))% of a processor: it may be the limit, not \(options.target)"
      )
    }
    if tally.unsent > 0 {
      hints.append("the rate was not reached: try more connections, or a larger --depth")
    }
    if tally.misses > 0 && tally.errorCount == 0 {
      hints.append("all keys were set before: misses are values that were evicted or lost since")
    }
    if tally.stale > 0 {
      hints.append("stale values are usual where a proxy moves keys between servers; see man ringroad")
    }
    return hints.isEmpty ? [] : [""] + hints.map { "  note: \($0)" }
  }

  // MARK: - JSON

  var json: String {
    var fields: [(String, String)] = [
      ("target", Self.quoted("\(options.target)")),
      ("connections", "\(options.connections)"), ("depth", "\(options.depth)"),
      ("rate", options.rate.map { "\($0)" } ?? "null"), ("keys", "\(options.keys)"),
      ("size_min", "\(options.sizes.lowerBound)"), ("size_max", "\(options.sizes.upperBound)"),
      ("writes_percent", "\(options.writes)"), ("zipf", Figures.decimal(options.zipf, places: 3)),
      ("multiget", "\(options.multiget)"), ("interrupted", "\(times.isInterrupted)"),
    ]
    fields += [
      ("seconds", Figures.decimal(seconds, places: 3)), ("requests", "\(tally.requests)"),
      ("requests_per_second", Figures.decimal(perSecond, places: 1)), ("gets", "\(tally.reads)"),
      ("sets", "\(tally.writes)"), ("hits", "\(tally.hits)"), ("misses", "\(tally.misses)"),
      ("stale", "\(tally.stale)"), ("mismatches", "\(tally.mismatches)"),
      ("mismatch_examples", "[\(tally.examples.map(Self.quoted).joined(separator: ", "))]"),
      (
        "errors",
        "{\(sortedErrors.map { "\(Self.quoted($0.0)): \($0.1)" }.joined(separator: ", "))}"
      ),
      ("connections_lost", "\(tally.lost)"), ("unanswered", "\(tally.unanswered)"),
      ("unsent", "\(tally.unsent)"), ("bytes_in", "\(tally.bytesIn)"), ("bytes_out", "\(tally.bytesOut)"),
      ("latency_us", corrected.json), ("measured_latency_us", measured.json),
      ("processor_share", Figures.decimal(processor, places: 3)),
    ]
    return "{\(fields.map { "\"\($0)\": \($1)" }.joined(separator: ", "))}\n"
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": out += "\\\(scalar)"
      case _ where scalar.value < 32:
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
