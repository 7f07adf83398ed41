extension BenchReport {
  /// The report for people.
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

  private var latencyLines: [String] {
    let names = (Latencies.percentiles.map(\.name) + ["max"]).map { Figures.right($0, 10) }.joined()
    let isOpen = options.rate != nil
    let meaning =
      isOpen
      ? "due: from when a request was due, sent: from when it was sent, to its reply"
      : "corrected: adds the requests that a slow connection kept from being sent (one each \(Figures.time(interval)))"
    return [
      "", "  \(Figures.left("latency", 12))\(names)",
      "  \(Figures.left(isOpen ? "due" : "corrected", 12))\(corrected.row)",
      "  \(Figures.left(isOpen ? "sent" : "measured", 12))\(measured.row)", "  \(meaning)",
    ]
  }

  private var hints: [String] {
    var hints: [String] = []
    if tally.requests == 0 {
      hints.append("nothing was measured: the connections were lost while the keys were filled in")
    } else if processor > 0.9 {
      hints.append(
        "this program used \(Figures.decimal(processor * 100, places: 0))% of a processor: it may itself be the limit"
      )
    }
    if tally.unsent > tally.requests / 1000 {
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
}
