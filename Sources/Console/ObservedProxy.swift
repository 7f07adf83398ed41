import Net
import Settings

/// The proxy that is watched: asks it for all documents of one look.
struct ObservedProxy {
  let client: AdminClient

  init(_ client: AdminClient) { self.client = client }

  /// Asks for everything that a frame shows and the dashboard does not know yet.
  func look(
    _ dashboard: Dashboard, wait: HTTPClient.Wait = HTTPClient.wait
  ) throws(ConsoleFailure) -> Look {
    var report = ProxyReport()
    report.status = ProxyReport.Status(try client.required("/api/v1/status", wait: wait))
    report.servers = try client.required("/api/v1/servers", wait: wait)["servers"].items.map(
      ProxyReport.Server.init)
    report.pools = try client.required("/api/v1/pools", wait: wait)["pools"].items.map(ProxyReport.Pool.init)
    let first = dashboard.firstWantedStep(of: report.status)
    let history = try client.required("/api/v1/history?since=\(first)", wait: wait)
    report.events = try client.required("/api/v1/events", wait: wait)["events"].items.map(
      ProxyReport.Event.init)
    let hotKeys = try client.document("/api/v1/hotkeys", wait: wait)
    report.hotKeys = (hotKeys?["keys"].items ?? []).prefix(10).map(ProxyReport.HotKey.init)
    return Look(report: report, history: history)
  }

  /// Status, pools and servers as one object in one line.
  func json() throws(ConsoleFailure) -> [UInt8] {
    do throws(ConsoleFailure) {
      let document = JSONDocument.members([
        JSONDocument.Member(name: "status", value: try client.required("/api/v1/status")),
        JSONDocument.Member(name: "pools", value: try client.required("/api/v1/pools")["pools"]),
        JSONDocument.Member(name: "servers", value: try client.required("/api/v1/servers")["servers"]),
      ])
      return document.bytes + [10]
    } catch {
      throw ConsoleFailure("\(client.name): \(error.words)")
    }
  }
}

/// What a proxy has answered at one moment.
struct Look {
  var report: ProxyReport
  var history: JSONDocument
}
