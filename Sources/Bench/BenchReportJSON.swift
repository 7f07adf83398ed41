import Settings

extension BenchReport {
  /// The report as one JSON object on one line.
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
    String(decoding: JSONDocument.text(text).bytes, as: UTF8.self)
  }
}
