import Settings

@testable import Console

/// Documents of an admin interface for the tests.
enum Reports {
  static func json(_ text: String) -> JSONDocument { JSONDocument.read(Array(text.utf8)) ?? .null }

  static func server(
    _ name: String, state: String = "up", pools: String = #"["main"]"#, requests: Int = 0, errors: Int = 0,
    share: String = "0.5"
  ) -> String {
    #"{"name":\#(name),"pools":\#(pools),"state":"\#(state)","requests":\#(requests),"hits":\#(requests * 9 / 10),"#
      + #""misses":\#(requests / 10),"errors":\#(errors),"in_flight":3,"#
      + #""latency":{"p50":0.000123,"p99":0.00123,"p999":0.0123},"share":{"ring":0.5,"ideal":0.5,"traffic":\#(share)}}"#
  }

  static let status = """
    {"version":"1.2.3","started":1000.0,"uptime":93784,"now":95000,"ready":true,"reasons":[],
     "attention":[{"level":"warning","text":"server b:2 is ejected: its keys are on other servers"}],
     "clients":{"now":12,"limit":10000},"memory":{"in_use":12582912}}
    """

  static let pools = """
    [{"name":"main","placement":"ketama","servers":["a:1","b:2"],"up":1,
      "latency":{"p50":0.0001,"p99":0.001,"p999":0.01}}]
    """

  static let events = """
    [{"time":94000,"level":"info","text":"serving","fields":{}},
     {"time":94990,"level":"warning","text":"server ejected","fields":{"server":"b:2","reason":"timed out"}}]
    """

  /// A hundred steps with ever more requests.
  static func history(last: Int = 99, count: Int = 100) -> JSONDocument {
    let numbers = (0..<count).map { "\($0 * 10)" }.joined(separator: ",")
    let zeros = Array(repeating: "0", count: count).joined(separator: ",")
    let times = Array(repeating: "0.001", count: count).joined(separator: ",")
    let series =
      #"{"requests":[\#(numbers)],"hits":[\#(numbers)],"misses":[\#(zeros)],"errors":[\#(zeros)],"#
      + #""p50":[\#(times)],"p99":[\#(times)],"p999":[\#(times)]}"#
    return json(
      #"{"first":\#(last - count + 1),"last":\#(last),"total":\#(series),"pools":{"main":\#(series)}}"#)
  }

  static func report(servers: [String], status: String = status, hotKeys: String = "[]") -> ProxyReport {
    var report = ProxyReport()
    report.status = ProxyReport.Status(json(status))
    report.servers = json("[\(servers.joined(separator: ","))]").items.map(ProxyReport.Server.init)
    report.pools = json(pools).items.map(ProxyReport.Pool.init)
    report.events = json(events).items.map(ProxyReport.Event.init)
    report.hotKeys = json(hotKeys).items.map(ProxyReport.HotKey.init)
    return report
  }

  /// A dashboard after two looks, a second apart.
  static func dashboard(_ servers: (Int) -> [String], hotKeys: String = "[]") -> Dashboard {
    var dashboard = Dashboard(address: "127.0.0.1:11312")
    for i in 0..<2 {
      var report = report(servers: servers(i), hotKeys: hotKeys)
      report.status.uptime += Double(i)
      dashboard.take(Look(report: report, history: history()))
    }
    return dashboard
  }

  static let two = dashboard { i in
    [
      server(#""a:1""#, requests: 1000 + i * 500, share: "0.75"),
      server(#""b:2""#, state: "ejected", requests: 1000, errors: i * 2, share: "null"),
    ]
  }
}
