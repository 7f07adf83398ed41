import Settings
import Testing

@testable import Console

/// Names and texts come from files and servers: none may act on the terminal.
@Suite struct HostileTextTests {
  static let attacks = [
    "\u{1B}[2J", "\u{1B}]0;title\u{7}", "\u{9B}31m", "\r\n", "\u{0}", "\u{8}", "\u{7F}", "\u{202E}abc",
    "\u{2066}",
    "\u{200B}", "\u{200D}", "e\u{301}", "漢字", "👩‍👩‍👧", "\u{FEFF}", "\u{AD}", "\u{2028}", "\u{E000}", "\u{10FFFF}",
  ]

  /// The bytes of everything that can be drawn, without the sequences of the painter itself.
  private func drawn(_ dashboard: Dashboard, _ glyphs: Glyphs) -> String {
    let frame = Composition.frame(dashboard, Canvas(columns: 120, rows: nil, glyphs: glyphs))
    let painter = Painter(term: "xterm", noColour: nil, locale: glyphs == .unicode ? "C.UTF-8" : "C")
    return String(decoding: painter.plain(frame), as: UTF8.self)
  }

  private func escaped(_ text: String) -> String {
    String(decoding: JSONDocument.text(text).bytes, as: UTF8.self)
  }

  @Test(arguments: attacks)
  func noTextActsOnTheTerminal(_ attack: String) {
    let name = escaped("a\(attack)b")
    var dashboard = Dashboard(address: "a")
    var report = Reports.report(
      servers: [Reports.server(name, state: "up", pools: "[\(name)]")],
      hotKeys: #"[{"key":\#(name),"server":\#(name),"share":1}]"#)
    report.servers[0].state = "x\(attack)"
    report.status.version = attack
    report.status.attention = [.init(level: attack, text: attack)]
    report.pools[0].name = attack
    report.pools[0].placement = attack
    report.events = [.init(time: 0, level: attack, text: attack)]
    dashboard.take(Look(report: report, history: .null))
    for silence in [nil, Dashboard.Silence(reason: attack, seconds: 1)] {
      dashboard.silence = silence
      let text = drawn(dashboard, .unicode)
      #expect(text.contains("?"))
      #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || isPlain($0) })
      #expect(drawn(dashboard, .ascii).utf8.allSatisfy { $0 == 10 || (32..<127).contains($0) })
    }
  }

  @Test func linesOfAnswersArePrintable() {
    #expect(answer(Array("ok\n".utf8)) == ["ok"])
    #expect(answer([27, 91, 50, 74, 10, 0xFF, 10]) == ["?[2J", "?"])
    #expect(answer(Array(repeating: 65, count: 100_000)).map(\.count) == [4096])
    #expect(answer(Array(repeating: [65, 10], count: 1000).flatMap(\.self)).count == 32)
  }

  @Test func whatWasPlainStaysPlain() {
    #expect(printable("cache-1.example:11211 größe ж") == "cache-1.example:11211 größe ж")
    #expect(
      fitted("abcdef", 4) == "abc…" && fitted("abc", 3) == "abc" && fitted("abc", 1) == "a"
        && fitted("a", 0) == "")
  }
}
