/// Metrics in the text format of Prometheus, version 0.0.4, or in OpenMetrics 1.0.
package enum MetricText: Sendable {
  case prometheus, openMetrics

  package var contentType: String {
    switch self {
    case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// All metrics. O(servers).
  package func render(_ source: MetricSource) -> [UInt8] {
    var out: [UInt8] = []
    for metric in Metric.all {
      let family = self == .prometheus ? metric.name : metric.family
      out += "# HELP \(family) \(help(metric.meaning))\n# TYPE \(family) \(metric.kind.rawValue)\n".utf8
      for sample in metric.samples(source) { write(metric, sample, to: &out) }
    }
    if self == .openMetrics { out += "# EOF\n".utf8 }
    return out
  }

  private func write(_ metric: Metric, _ sample: Metric.Sample, to out: inout [UInt8]) {
    switch sample.value {
    case .count(let count): out += "\(metric.name)\(braced(sample.labels)) \(count)\n".utf8
    case .number(let number): out += "\(metric.name)\(braced(sample.labels)) \(decimal(number))\n".utf8
    case .latencies(let histogram):
      var total: UInt64 = 0
      for (i, count) in histogram.counts.enumerated() {
        total &+= count
        let bound =
          Buckets.bounds.indices.contains(i) ? decimal(Double(Buckets.bounds[i]) / 1_000_000) : "+Inf"
        out += "\(metric.name)_bucket\(braced(sample.labels + [("le", bound)])) \(total)\n".utf8
      }
      out += "\(metric.name)_sum\(braced(sample.labels)) \(decimal(histogram.sum))\n".utf8
      out += "\(metric.name)_count\(braced(sample.labels)) \(total)\n".utf8
    }
  }

  private func braced(_ labels: Metric.Labels) -> String {
    guard !labels.isEmpty else { return "" }
    return "{" + labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",")
      + "}"
  }

  /// A metric's meaning; only OpenMetrics has its quotes escaped.
  func help(_ text: String) -> String { escaped(text, quotes: self == .openMetrics) }

  private func escaped(_ text: String, quotes: Bool) -> String {
    var out = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\"" where quotes: out += "\\\""
      default: out.unicodeScalars.append(character)
      }
    }
    return out
  }
}
