/// What was counted in one run.
struct Tally {
  /// Requests that were answered, with a value, a miss or an error.
  var requests = 0
  var reads = 0
  var writes = 0
  /// Keys that were answered with a value, and without one.
  var hits = 0
  var misses = 0
  /// Values of a version that a later write had replaced.
  var stale = 0
  var bytesIn = 0
  var bytesOut = 0
  /// Requests without a reply when the run ended, or when their connection was lost.
  var unanswered = 0
  /// Requests that were due and not sent when the run ended.
  var unsent = 0
  /// Connections that were lost, and why the first one was.
  var lost = 0
  var whyLost: String?

  /// Error replies, by their text.
  private(set) var errors: [String: Int] = [:]
  private(set) var mismatches = 0
  /// The first mismatches, described.
  private(set) var examples: [String] = []
  private static let mostExamples = 5
  private static let mostErrors = 20

  mutating func note(error: String) {
    let isKnown = errors[error] != nil || errors.count < Self.mostErrors
    errors[isKnown ? error : "other errors", default: 0] += 1
  }

  mutating func note(mismatch: String) {
    mismatches += 1
    if examples.count < Self.mostExamples { examples.append(mismatch) }
  }

  mutating func noteLost(_ reason: String) {
    lost += 1
    if whyLost == nil { whyLost = reason }
  }

  var errorCount: Int { errors.values.reduce(0, +) }

  /// Forgets everything but what went wrong: the measurement begins.
  mutating func beginMeasurement() {
    let before = self
    self = Tally()
    (lost, whyLost, errors) = (before.lost, before.whyLost, before.errors)
    (mismatches, examples) = (before.mismatches, before.examples)
  }
}
