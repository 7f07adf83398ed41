import Bytes
import TestSupport
import Testing

@testable import Wire

/// The parser's verdicts beside what memcached of seven versions answered.
struct RecordedTests {
  @Test(arguments: Recorded.versions)
  func eachVersionIsReadAsItAnswered(version: String) throws {
    let i = try #require(Recorded.versions.firstIndex(of: version))
    let era = Recorded.era(of: version)
    for row in try Recorded.all() {
      let seen = Reading.of(row.sent + Array("version\r\n".utf8), dialect: Dialect(classic: era, meta: era))
      let what = Comparison(seen: seen, answer: row.answers[i], era: era).difference
      if let what { print("ROW", version, escaped(row.sent), "|", seen, "|", what) }
    }
  }
}
