import Settings
import Testing

@testable import Console

@Suite struct FrameTests {
  private func lines(_ dashboard: Dashboard, _ columns: Int, _ rows: Int?, _ glyphs: Glyphs = .unicode)
    -> [String]
  {
    Composition.frame(dashboard, Canvas(columns: columns, rows: rows, glyphs: glyphs)).lines.map(\.text)
  }

  /// The lines without blanks at their ends.
  private func trimmed(_ lines: [String]) -> [String] {
    lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
  }

  @Test func frameOfAnOrdinaryTerminal() {
    let frame = trimmed(lines(Reports.two, 80, 24))
    #expect(frame.count == 24)
    #expect(
      frame.prefix(5) == [
        " ringroad 1.2.3  127.0.0.1:11312  up 1d 2h                                ready",
        " warning server b:2 is ejected: its keys are on other servers",
        "   req/s    hits   err/s     p50     p99   p99.9 clients   limit  memory",
        "     990    100%       0  1.00ms  1.00ms  1.00ms      12   10.0k 12.0MiB",
        " req/s                                                       ▂▄▅▇█ 970 max",
      ])
    #expect(frame.contains(" pool           up req/s  hits err/s    p50    p99  p99.9  placement"))
    #expect(frame.contains(" main       1 of 2   990  100%     0  100us 1.00ms 10.0ms     ketama"))
    #expect(frame.contains(" server state▾  req/s  hits err/s    p50    p99  p99.9  infl share ideal"))
    #expect(frame.contains(" b:2    EJECTED     0     -     2  123us 1.23ms 12.3ms     3     - 50.0%"))
    #expect(frame.contains(" a:1    up        500 90.0%     0  123us 1.23ms 12.3ms     3 75.0% 50.0% ███│█▌"))
    #expect(frame.contains("  10s warning server ejected server=b:2 reason=timed out"))
    #expect(frame[23] == " sort: t state name req/s hits err/s p99 inflight share                    quit")
  }

  @Test func frameOfTheSmallestTerminal() {
    let frame = Composition.frame(Reports.two, Canvas(columns: 40, rows: 10, glyphs: .ascii))
    let painter = Painter(term: "xterm", noColour: nil, locale: "C")
    #expect(
      String(decoding: painter.plain(frame), as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false
      ).dropLast() == [
        " ringroad 1.2.3  127.0.0.1:11312  ready",
        " warning server b:2 is ejected: its key~",
        "   req/s    hits   err/s     p50     p99",
        "     990    100%       0  1.00ms  1.00ms",
        " server statev  req/s  hits err/s    p99",
        " b:2    EJECTED     0     -     2 1.23ms",
        " a:1    up        500 90.0%     0 1.23ms",
        " events",
        "  10s warning server ejected server=b:2~",
        " t n r h e p i s sort              quit",
      ])
  }

  @Test func plainFrameShowsAllServers() {
    let many = Reports.dashboard { _ in (0..<300).map { Reports.server("\"s\($0)\"") } }
    let frame = lines(many, 100, nil)
    #expect(frame.count { $0.contains(" up ") } >= 300)
    #expect(!frame.contains { $0.contains("quit") })
  }

  @Test func frameBeforeTheFirstAnswerSaysSo() {
    var dashboard = Dashboard(address: "[::1]:5")
    #expect(trimmed(lines(dashboard, 40, 10))[1] == " no answer yet")
    dashboard.silence = Dashboard.Silence(reason: "Connection refused", seconds: 3)
    #expect(trimmed(lines(dashboard, 60, 10))[1] == " no answer for 3s: Connection refused")
    #expect(trimmed(lines(dashboard, 60, 10))[0].hasSuffix("waiting"))
  }

  @Test func valuesOfASilentProxyStayAndAreMarkedOld() {
    var dashboard = Reports.two
    dashboard.silence = Dashboard.Silence(reason: "Connection refused", seconds: 70)
    let frame = Composition.frame(dashboard, Canvas(columns: 80, rows: 24))
    let text = trimmed(frame.lines.map(\.text))
    #expect(text[0].hasSuffix("NO ANSWER"))
    #expect(text[1] == " no answer for 1m, the values are old: Connection refused")
    #expect(text.contains { $0.hasPrefix(" b:2    EJECTED") })
    #expect(frame.lines[2..<23].allSatisfy { $0.spans.allSatisfy { $0.style == .faint } })
    #expect(text.count == 24)
  }

  @Test func anotherProcessMakesTheOldNumbersForgotten() {
    var dashboard = Reports.two
    var report = Reports.report(servers: [Reports.server(#""a:1""#, requests: 7)])
    report.status.started = 2000
    dashboard.take(Look(report: report, history: Reports.history(last: 1, count: 2)))
    #expect(dashboard.history.steps.count == 2)
    #expect(dashboard.rows.map(\.rate.requests) == [nil])
  }

  @Test func hotKeysHaveAPanelWhenThereAreSome() {
    let keys = #"[{"key":"user:1\\x1b","server":"a:1","share":0.125}]"#
    let dashboard = Reports.dashboard({ _ in [Reports.server("\"a\"")] }, hotKeys: keys)
    let frame = trimmed(lines(dashboard, 80, 30))
    #expect(frame.contains(" hot keys") && frame.contains(#" 12.5% a:1    user:1\x1b"#))
    #expect(!lines(Reports.two, 80, 30).contains { $0.contains("hot keys") })
  }

  static let sizes = [1, 2, 5, 10, 20, 39, 40, 41, 60, 77, 78, 79, 80, 81, 100, 132, 250].flatMap { columns in
    [1, 2, 3, 5, 10, 11, 15, 24, 40, 70].map { (columns, $0) }
  }

  @Test(arguments: sizes)
  func noFrameIsLargerThanItsTerminal(_ columns: Int, _ rows: Int) {
    let long = "\"" + String(repeating: "n", count: 300) + ":11211\""
    let hotKeys =
      "[" + Array(repeating: #"{"key":"k","server":\#(long),"share":1}"#, count: 9).joined(separator: ",")
      + "]"
    let names = ["\"a\"", long, #""b""#]
    var dashboards = [
      Dashboard(address: "somewhere.example:11312"), Reports.two,
      Reports.dashboard(
        { _ in names.map { Reports.server($0, pools: #"["main","other"]"#) } }, hotKeys: hotKeys),
      Reports.dashboard { _ in (0..<1000).map { Reports.server("\"server-\($0)\"", requests: $0) } },
    ]
    dashboards += dashboards.map { dashboard in
      var dashboard = dashboard
      dashboard.silence = Dashboard.Silence(reason: String(repeating: "long ", count: 100), seconds: 1e12)
      dashboard.offset = 1_000_000
      return dashboard
    }
    for dashboard in dashboards {
      for glyphs in [Glyphs.unicode, .ascii] {
        let frame = Composition.frame(dashboard, Canvas(columns: columns, rows: rows, glyphs: glyphs))
        #expect(frame.lines.count == rows)
        for line in frame.lines {
          #expect(line.width <= columns && line.text.unicodeScalars.count == line.width)
        }
      }
    }
  }

  @Test func numbersOfAHostileProxyDoNotTrap() {
    for number in ["1e308", "-1e308", "9223372036854775808", "-1", "1e-308", "\"x\"", "null", "[]", "{}"] {
      var dashboard = Dashboard(address: "a")
      for _ in 0..<2 {
        var report = Reports.report(servers: [])
        let status = Reports.json(
          #"{"uptime":\#(number),"now":\#(number),"started":\#(number),"clients":{"now":\#(number),"limit":\#(number)}}"#
        )
        report.status = ProxyReport.Status(status)
        let server = Reports.json(
          #"{"name":"a","requests":\#(number),"hits":\#(number),"misses":\#(number),"in_flight":\#(number),"#
            + #""share":{"traffic":\#(number),"ideal":\#(number)},"latency":{"p50":\#(number),"p99":\#(number)}}"#
        )
        report.servers = [ProxyReport.Server(server)]
        report.pools = [ProxyReport.Pool(Reports.json(#"{"name":\#(number),"up":\#(number)}"#))]
        report.events = [ProxyReport.Event(Reports.json(#"{"time":\#(number)}"#))]
        let series =
          #"{"requests":[\#(number)],"hits":[1],"misses":[1],"errors":[\#(number)],"p50":[1],"p99":[\#(number)],"p999":[1]}"#
        for place in [number, "5"] {
          let history = Reports.json(
            #"{"first":\#(place),"last":\#(place),"total":\#(series),"pools":{"main":\#(series)}}"#)
          dashboard.take(Look(report: report, history: history))
        }
      }
      #expect(lines(dashboard, 100, 30).count == 30)
    }
  }

  @Test func aThousandServersAreScrolledAndDrawnQuickly() {
    var dashboard = Reports.dashboard { _ in
      (0..<1000).map { Reports.server("\"server-\($0)\"", requests: $0) }
    }
    let start = ContinuousClock.now
    var frame = Composition.frame(dashboard, Canvas(columns: 80, rows: 24))
    // Unoptimised.
    #expect(ContinuousClock.now - start < .seconds(2))
    #expect(frame.page >= 8)
    #expect(frame.lines.last?.text.hasSuffix(" 1-\(frame.page)/1000 quit ") == true)
    _ = dashboard.press(.end, page: frame.page)
    frame = Composition.frame(dashboard, Canvas(columns: 80, rows: 24))
    #expect(frame.lines.contains { $0.text.contains("server-999 ") } && frame.offset == 1000 - frame.page)
  }
}
