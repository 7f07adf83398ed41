import Net
import Settings

/// The proxy that is watched: asks it for all documents of one look.
struct ObservedProxy {
  let client: AdminClient

  init(_ client: AdminClient) { self.client = client }

  /// Asks for everything that a frame shows, and gives it to the dashboard; which stays as it is after a failure.
  func look(_ dashboard: inout Dashboard, wait: HTTPClient.Wait = HTTPClient.wait) throws(ConsoleFailure) {
    var report = ProxyReport()
    report.status = ProxyReport.Status(try client.required("/api/v1/status", wait: wait))
    // Steps of another process have the same numbers.
    if dashboard.report?.status.started != report.status.started { dashboard.forget() }
    report.servers = try client.required("/api/v1/servers", wait: wait)["servers"].items.map(
      ProxyReport.Server.init)
    report.pools = try client.required("/api/v1/pools", wait: wait)["pools"].items.map(ProxyReport.Pool.init)
    let history = try client.required("/api/v1/history?since=\(dashboard.history.wanted)", wait: wait)
    report.events = try client.required("/api/v1/events", wait: wait)["events"].items.map(
      ProxyReport.Event.init)
    let hotKeys = try client.document("/api/v1/hotkeys", wait: wait)
    report.hotKeys = (hotKeys?["keys"].items ?? []).prefix(100).map(ProxyReport.HotKey.init)
    dashboard.take(report) { $0.take(history) }
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
