import Bytes
import Glibc
import Net

/// The line on a terminal that shows once a second how a run goes; nothing is written elsewhere.
struct ProgressLine {
  private let isShown = isatty(STDERR_FILENO) == 1
  private var nextShow = Instant.origin
  private var lastShow = Instant.origin
  private var requestsBefore = 0
  private var timesBefore = LatencyHistogram()

  mutating func show(_ run: borrowing RunState, _ times: RunTimes, now: Instant) {
    guard isShown, now >= nextShow else { return }
    defer { nextShow = now.advanced(by: .seconds(1)) }
    guard times.phase != .filling else {
      if nextShow != .origin { write("filling in keys: \(Figures.grouped(run.tally.writes)) set") }
      return
    }
    if run.tally.requests < requestsBefore { requestsBefore = 0 }
    if lastShow != .origin {
      let seconds = now.since(lastShow).asSeconds
      let rate = Int(Double(run.tally.requests - requestsBefore) / max(seconds, 0.001))
      let recent = run.sinceDue.since(timesBefore)
      var line =
        Figures.right(Figures.grouped(Int(now.since(times.phaseBegan).asSeconds.rounded())), 3) + " s"
      line += Figures.right(Figures.grouped(rate), 11) + " requests/s   p99 "
      line += Figures.time(recent.percentile(99))
      if run.tally.errorCount > 0 { line += "   \(Figures.grouped(run.tally.errorCount)) errors" }
      if run.tally.mismatches > 0 { line += "   \(Figures.grouped(run.tally.mismatches)) mismatches" }
      if run.tally.lost > 0 { line += "   \(run.tally.lost) connections lost" }
      write(line)
    }
    lastShow = now
    requestsBefore = run.tally.requests
    timesBefore = run.sinceDue
  }

  /// Removes the line.
  func clear() {
    if isShown { StandardStreams.write(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO) }
  }

  private func write(_ line: String) {
    StandardStreams.write(Array("\r\(line)\u{1b}[K".utf8), to: STDERR_FILENO)
  }
}
