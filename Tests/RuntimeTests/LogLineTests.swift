import Foundation
import Net
import Settings
import Stats
import Testing

@testable import Runtime

@Suite struct LogLineTests {
  /// Text with which peers might split a line in two, or forge one.
  static let hostile = [
    "plain", "", "two words", "a \"quote\" and a \\", "line\nbreak\r\n", "tab\there", "nul\0",
    "\u{1b}[31mred",
    "\u{7f}\u{85}\u{9f}", "ключ 鍵 🔑", "x=1 level=error", "{\"message\":\"forged\"}", "\u{2028}a\u{2029}",
    "\"quoted\"", "\\", "=", "\u{a0}", "…", "\u{fffd}", "e\u{301}",
  ]

  private func render(_ message: String, _ fields: [LogEvent.Field], _ format: LogSettings.Format) -> String {
    LogLine.render(
      LogEvent(time: 1_763_632_800.5, level: .warning, message: message, fields: fields), format)
  }

  @Test(arguments: hostile)
  func textLogLineEscapesHostileTextIntoOneLine(_ text: String) throws {
    let line = render(text, [("server", text), ("why", "known")], .text)
    #expect(line.hasSuffix(" why=known\n"))
    #expect(line.filter { $0.isNewline }.count == 1)
    #expect(line.unicodeScalars.dropLast().allSatisfy { $0.value >= 32 && !(127..<160).contains($0.value) })
    let value = try #require(line.firstRange(of: " server=")).upperBound
    let pairs = try LogfmtParser.pairs(of: "server=" + line[value...].dropLast())
    #expect(pairs.map(\.name) == ["server", "why"] && pairs.map(\.value) == [text, "known"])
  }

  @Test(arguments: hostile)
  func jsonLogLineEscapesHostileTextIntoOneObject(_ text: String) throws {
    let line = render(text, [("server", text), ("why", "known")], .json)
    #expect(line.hasSuffix("}\n") && line.filter { $0.isNewline }.count == 1)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
    #expect(object["message"] == text && object["server"] == text && object["why"] == "known")
    #expect(object["level"] == "warning")
    #expect(object.count == 5)
  }

  @Test(arguments: hostile)
  func logfmtLineKeepsHostileTextInItsPair(_ text: String) throws {
    let line = render(text, [("server", text), ("why", "known")], .logfmt)
    #expect(line.hasSuffix("\n") && line.filter { $0.isNewline }.count == 1)
    let pairs = try LogfmtParser.pairs(of: String(line.dropLast()))
    #expect(pairs.map(\.name) == ["time", "level", "message", "server", "why"])
    #expect(pairs.map(\.value) == ["2025-11-20T10:00:00.500Z", "warning", text, text, "known"])
  }

  @Test(arguments: [
    "a=b", "=", "a=", "a=b  c=d", "a=\"b", "a=b\"c", "a=\"b\"c", "a=\"\\x\"", "a b=c", "a=\t", " a=b",
  ])
  func parserOfLogfmtIsStrict(_ line: String) {
    if line == "a=b" {
      #expect(throws: Never.self) { try LogfmtParser.pairs(of: line) }
    } else {
      #expect(throws: LogfmtParser.Mistake.self) { try LogfmtParser.pairs(of: line) }
    }
  }

  /// A reader of JSON or logfmt takes one of two values with the same name.
  @Test func fieldWithTheNameOfALinesOwnIsRenamed() throws {
    let fields: [LogEvent.Field] = [("level", "debug")]
    #expect(
      render("m", fields, .json).hasSuffix(#""level":"warning","message":"m","log.level":"debug"}"# + "\n"))
    #expect(render("m", fields, .logfmt).hasSuffix(" level=warning message=m log.level=debug\n"))
    #expect(render("m", fields, .text).hasSuffix(" warning m level=debug\n"))
    let names = LogFields.all.map { LogLine.ownNames.contains($0.name) ? "log." + $0.name : $0.name }
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { $0.allSatisfy { $0 == "." || $0 == "_" || $0.isASCII && $0.isLowercase } })
  }

  @Test func textLogLineHasTimeLevelMessageAndFields() throws {
    let line = LogLine.render(
      LogEvent(
        time: Clock.time(), level: .info, message: "server down",
        fields: [("server", "10.0.0.1:11211"), ("cause", "timed out")]), .text)
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
    #expect(render("m", [("k", "")], .text).hasSuffix(" m k=\"\"\n"))
  }

  @Test(arguments: [(0 as UInt64, LogSettings.Level.warning), (1, .info), (2, .debug), (.max, .debug)])
  func verbosityOfMemcachedMapsToALogLevel(verbosity: UInt64, level: LogSettings.Level) {
    #expect(LogSettings.Level(verbosity: verbosity) == level)
  }
}
