import Admin
import Foundation
import Stats
import Testing

/// docs/STATS.md, docs/OBSERVABILITY.md and the manual page have the tables of the code: what `stats ringroad` shows, the
/// fields of log lines, how `stats` is merged, and the metrics. `make docs` writes them there.
@Suite(.serialized) struct StatsPagesTests {
  /// A part of a page, between the lines `begin <name>` and `end <name>`.
  struct Part: CustomStringConvertible {
    let page: String
    let name: String
    let text: String

    /// The line that begins the part, or ends it: a comment in the page's language.
    func mark(_ word: String) -> String {
      page.hasSuffix(".md") ? "<!-- \(word) \(name) -->\n" : ".\\\" \(word) \(name)\n"
    }

    var description: String { "\(name) in \(page)" }
  }

  static let page = "docs/STATS.md"
  static let manual = "docs/ringroad.1"
  static let rows = ReportRow.all.map(\.definition)

  static let parts = [
    Part(page: page, name: "rows", text: markdown(rows, "row")),
    Part(page: page, name: "fields", text: markdown(LogFields.all, "field")),
    Part(page: page, name: "rules", text: rules),
    Part(page: "docs/OBSERVABILITY.md", name: "metrics", text: metrics),
    Part(page: manual, name: "rows", text: mdoc(rows)),
    Part(page: manual, name: "fields", text: mdoc(LogFields.all)),
  ]

  @Test(arguments: parts)
  func pagesHaveTheTablesOfTheCode(_ part: Part) throws {
    let text = try Repository.text(of: part.page)
    let start = try #require(text.range(of: part.mark("begin"))).upperBound
    let end = try #require(text.range(of: part.mark("end"))).lowerBound
    guard ProcessInfo.processInfo.environment["RINGROAD_WRITE_DOCS"] == nil else {
      let new = text.replacingCharacters(in: start..<end, with: part.text)
      return try new.write(
        to: Repository.root.appending(path: part.page), atomically: true, encoding: .utf8)
    }
    #expect(text[start..<end] == part.text, "make docs")
  }

  /// Every field that is logged is in the table, and no other is.
  @Test func loggedFieldsAreTheTables() throws {
    var logged: Set<String> = []
    for path in try Repository.files(in: "Sources", where: { $0.hasSuffix(".swift") })
    where path.contains("/Control/") || path.contains("/Runtime/") {
      for match in try Repository.text(of: path).matches(
        of: /[\[(,\s](?:"([a-z]+(?:[._][a-z]+)*)": |\("([a-z]+(?:[._][a-z]+)*)", ["\w])/)
      {
        logged.insert(String(match.1 ?? match.2 ?? ""))
      }
    }
    #expect(logged.subtracting(LogFields.all.map(\.name)) == [], "not in LogFields")
    #expect(Set(LogFields.all.map(\.name)).subtracting(logged) == [], "not logged")
  }

  // MARK: - Rendering

  static func markdown(_ table: [Definition], _ title: String) -> String {
    "| \(title) | kind | unit | meaning |\n|---|---|---|---|\n"
      + table.map { "| `\($0.name)` | \($0.kind.rawValue) | \($0.unit) | \($0.meaning) |\n" }.joined()
  }

  static var metrics: String {
    "| metric | kind | labels | unit | meaning |\n|---|---|---|---|---|\n"
      + Metric.all.map { metric in
        let labels = metric.labels.map { "`\($0)`" }.joined(separator: " ")
        return
          "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels) | \(metric.unit) | \(metric.meaning) |\n"
      }.joined()
  }

  /// Dashboards and alerts name only metrics that there are.
  @Test(arguments: [
    "config/prometheus-alerts.yml", "config/grafana-dashboard.json", "Tests/Admin/alerts_test.yml",
    "docs/OBSERVABILITY.md",
  ])
  func everyMetricThatIsNamedExists(_ file: String) throws {
    let names = Metric.all.flatMap { metric in
      metric.kind == .histogram
        ? ["", "_bucket", "_sum", "_count"].map { metric.name + $0 } : [metric.name]
    }
    let named = Set(try Repository.text(of: file).matches(of: /\bringroad_[a-z_]+/).map { String($0.0) })
    #expect(named.count > 10)
    #expect(named.subtracting(names) == [])
  }

  /// Each alert is explained on the page, and tested.
  @Test func everyAlertIsExplainedAndTested() throws {
    let rules = try Repository.text(of: "config/prometheus-alerts.yml")
    let alerts = rules.matches(of: /- alert: (\w+)/).map { String($0.1) }
    #expect(alerts.count > 8 && rules.matches(of: /description: >-/).count == alerts.count)
    for alert in alerts {
      #expect(try Repository.text(of: "docs/OBSERVABILITY.md").contains("`\(alert)`"))
      #expect(try Repository.text(of: "Tests/Admin/alerts_test.yml").contains(alert))
    }
  }

  static func mdoc(_ table: [Definition]) -> String {
    ".Bl -tag -width Ds -compact\n"
      + table.map { entry in
        let unit = entry.unit.isEmpty ? "" : ", \(entry.unit)"
        return ".It Li \(entry.name)\n\(entry.meaning) (\(entry.kind.rawValue)\(unit)).\n"
      }.joined() + ".El\n"
  }

  /// How each row of `stats` is merged.
  static var rules: String {
    let words: [(MergeRule, String)] = [
      (.count, "counters: added up, and they never fall, see above"),
      (.countOfSeconds, "counters of seconds: the same"),
      (.sum, "gauges: added up over the servers that answer"),
      (.smallest, "the smallest: a fall shows that a server was restarted"),
      (.largest, "the largest"),
      (.lowestVersion, "the lowest"),
      (.ownPID, "the proxy's own"),
      (.all, "1 if it is for all servers"),
      (.any, "1 if it is for one server"),
      (.same, "shown once if all servers agree, else as a list: `a,b`"),
    ]
    let rows = MergeTable.rows(of: .general)
    return "| merged as | rows |\n|---|---|\n"
      + words.map { rule, text in
        "| \(text) | \(rows.filter { $0.value == rule }.map { "`\($0.key)`" }.joined(separator: " ")) |\n"
      }.joined()
  }

  @Test func everyRuleOfStatsIsExplained() {
    for (name, rule) in MergeTable.rows(of: .general) {
      #expect(Self.rules.contains("`\(name)`"), "\(rule)")
    }
  }
}
