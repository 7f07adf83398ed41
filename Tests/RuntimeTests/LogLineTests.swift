import Foundation
import Settings
import Stats
import Testing

@testable import Runtime

@Suite struct LogLineTests {
  /// Text with which peers might split a line in two, or forge one.
  static let hostile = [
    "plain", "", "two words", "a \"quote\" and a \\", "line\nbreak\r\n", "tab\there", "nul\0",
    "\u{1b}[31mred",
    "\u{7f}\u{85}\u{9f}", "ключ 鍵 🔑", "x=1 level=error", "{\"message\":\"forged\"}",
  ]

  @Test(arguments: hostile)
  func textLogLineEscapesHostileTextIntoOneLine(_ text: String) {
    let line = LogLine.render(.warning, text, [("server", text), ("why", "known")], .text)
    #expect(line.hasSuffix(" why=known\n"))
    #expect(line.filter { $0.isNewline }.count == 1)
    #expect(line.unicodeScalars.dropLast().allSatisfy { $0.value >= 32 && !(127..<160).contains($0.value) })
  }

  @Test(arguments: hostile)
  func jsonLogLineEscapesHostileTextIntoOneObject(_ text: String) throws {
    let line = LogLine.render(.error, text, [("server", text), ("why", "known")], .json)
    #expect(line.hasSuffix("}\n") && line.filter { $0.isNewline }.count == 1)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
    #expect(object["message"] == text && object["server"] == text && object["why"] == "known")
    #expect(object["level"] == "error")
    #expect(object.count == 5)
  }

  @Test func textLogLineHasTimeLevelMessageAndFields() throws {
    let line = LogLine.render(
      .info, "server down", [("server", "10.0.0.1:11211"), ("cause", "timed out")], .text)
    let rest = " info server down server=10.0.0.1:11211 cause=\"timed out\"\n"
    #expect(line.hasSuffix(rest))
    let time = String(line.dropLast(rest.count))
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    let date = try #require(format.date(from: time), "\(time)")
    #expect(abs(date.timeIntervalSinceNow) < 60)
  }

  /// The rows of `stats ringroad` have values without quotes.
  @Test(arguments: hostile)
  func rowHasNoControlCharacters(_ text: String) {
    let line = ReportLine(.lastReloadError, text).value
    #expect(line.unicodeScalars.allSatisfy { $0.value >= 32 && !(127..<160).contains($0.value) })
    if text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) { #expect(line == text) }
  }

  @Test func textLogLineQuotesAnEmptyValue() {
    #expect(LogLine.render(.info, "m", [("k", "")], .text).hasSuffix(" m k=\"\"\n"))
  }

  @Test(arguments: [(0 as UInt64, LogSettings.Level.warning), (1, .info), (2, .debug), (.max, .debug)])
  func verbosityOfMemcachedMapsToALogLevel(verbosity: UInt64, level: LogSettings.Level) {
    #expect(LogSettings.Level(verbosity: verbosity) == level)
  }

  @Test func logLevelIncludesAllMoreSevereLevels() {
    let levels: [LogSettings.Level] = [.error, .warning, .info, .debug]
    for (i, limit) in levels.enumerated() {
      #expect(levels.filter { $0.isWithin(limit) } == Array(levels[...i]))
    }
  }
}
