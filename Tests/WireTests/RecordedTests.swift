import Bytes
import TestSupport
import Testing

@testable import Wire

/// Compares the parser's verdicts with the recorded answers of seven memcached versions: the same errors, and the
/// next request at the same byte, except for the reasons in `Exception`.
struct RecordedTests {
  /// Why the proxy parses a row differently from that version.
  enum Exception: String, CaseIterable {
    case declared = "a refused line says how long its value is: the value is skipped, not run"
    case ambiguous = "a NUL or a CR within a line that is not a read: refused"
    case browser = "a line that begins as HTTP does closes the connection, in 1.4 too"
    case experimental = "meta commands that 1.5 has otherwise: refused"
    case sizeFlag = "ms of 1.6.0 to 1.6.9: never sent"
    case unfinished = "a value that has not come as a whole, too large for the server: not judged by its line"
    case raw = "a key in base64 that is no text, printed raw"
    case halfway = "an opaque that is too long: refused by the line, where memcached looks at the item first"
  }

  @Test(arguments: Recorded.versions)
  func recordedAnswersOfEveryVersionMatchTheParser(version: String) throws {
    let i = try #require(Recorded.versions.firstIndex(of: version))
    let era = Recorded.era(of: version)
    var excused: [Exception: Int] = [:]
    var compared = 0
    for row in try Recorded.all() {
      let reading = Reading(row.sent + Array("version\r\n".utf8), dialect: Dialect(classic: era, meta: era))
      let one = Comparison(seen: reading.seen, answer: row.answers[i], era: era)
      compared += 1
      guard let what = one.difference else { continue }
      guard let why = exception(row, reading, one, era, what) else {
        Issue.record("\(version): \(escaped(row.sent)): \(reading.seen), \(what)")
        continue
      }
      excused[why, default: 0] += 1
    }
    #expect(compared > 1800)
    // Most of the differences from 1.6.40 and later begin with a blank before set.
    #expect(excused.values.reduce(0, +) < (era.isStrict ? 50 : era < .v1_6_10 ? 800 : 200), "\(excused)")
  }

  private func exception(
    _ row: Recorded, _ reading: Reading, _ one: Comparison, _ era: Era, _ what: String
  ) -> Exception? {
    let line = row.sent.prefix { $0 != 10 }
    if line.dropLast(line.last == 13 ? 1 : 0).contains(where: { $0 == 0 || $0 == 13 }) { return .ambiguous }
    if let first = reading.swallowing.min(), one.difference(upTo: first + 1) == nil { return .declared }
    if era < .v1_5, reading.seen.contains(.hangUp) { return .browser }
    if case .openValue = reading.seen.last, era < .v1_6_0, what.hasPrefix("at the end") { return .unfinished }
    let isMeta = row.sent.split(separator: 10).contains { $0.first { $0 != 32 } == 109 }
    if isMeta, era == .v1_5 { return .experimental }
    if isMeta, era == .v1_6_0, row.sent.starts(with: Array("ms ".utf8)) { return .sizeFlag }
    if isMeta, reading.seen.contains(.refused(.opaqueTooLong, isQuiet: false)) { return .halfway }
    if isMeta, line.split(whereSeparator: { $0 == 32 || $0 == 13 }).contains([98]) { return .raw }
    return nil
  }
}
