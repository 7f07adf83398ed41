import Bytes
import Foundation
import Net
import Settings
import Stats
import Testing
import Topology
import Wire

@testable import Admin

/// A proxy with two pools as the admin interface sees it. Changes of its numbers are seen by the next request.
struct Fixture: ~Copyable {
  static let yaml = """
    pools:
      main: {servers: [10.0.0.1, "10.0.0.2:11212", {address: 10.0.0.3, weight: 2}]}
      sessions: {servers: [10.0.0.4, 10.0.0.3]}
    routes: [{prefix: "s:", pool: sessions}, {prefix: "s:x", pool: main}, {pool: main}]
    """

  var settings: ProxySettings
  var snapshot = Snapshot()
  var recorder = Recorder()
  var token: String?
  var events: [LogEvent] = []
  var hotKeys = HotKeyReport()
  var now = Instant.origin
  var site = Site(hosts: ["Proxy.example"])

  init(_ yaml: String = yaml) throws {
    settings = try ProxySettings.decode(bytes: Array(yaml.utf8), file: "f")
    snapshot.control = Self.report(of: settings)
    snapshot.control.version = "0.0"
  }

  /// Every server once, with the number of its first place in the file.
  static func report(of settings: ProxySettings) -> ControlReport {
    var report = ControlReport()
    for (p, pool) in settings.pools.enumerated() {
      let ids = pool.servers.map { server in
        if let i = report.servers.firstIndex(where: { $0.label == server.address }) {
          report.servers[i].pools.append(pool.name)
          return report.servers[i].id
        }
        let id = ServerID(UInt32(report.servers.count))
        report.servers.append(ServerReport(id: id, label: server.address, pools: [pool.name]))
        return id
      }
      report.pools.append(PoolReport(id: PoolID(UInt32(p)), name: pool.name, servers: ids))
    }
    return report
  }

  var source: MetricSource { MetricSource(snapshot, recorder, settings) }

  mutating func answer(_ request: HTTPRequest) -> Site.Answer {
    let (events, token, hotKeys) = (events, token, hotKeys)
    return site.answer(
      request,
      Site.Sources(
        source, now: now, events: { since in events.filter { $0.seq > since } },
        hotKeys: { hotKeys }, token: { token }))
  }

  static func request(_ method: String, _ target: String, body: String = "") -> HTTPRequest {
    let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
    return HTTPRequest(
      method: method, path: parts[0], query: parts.count > 1 ? parts[1] : nil, host: "127.0.0.1:11312",
      body: Array(body.utf8))
  }

  /// The response to a request that is answered at once.
  mutating func response(_ method: String, _ target: String, body: String = "") throws -> HTTPResponse {
    try #require(answer(Self.request(method, target, body: body)).response)
  }

  /// The JSON document at a path.
  mutating func document(_ target: String) throws -> [String: Any] {
    let response = try response("GET", target)
    try #require(response.status == 200, "\(response.text)")
    return try #require(JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
  }

  mutating func setState(_ state: ServerState, of label: String) throws {
    let i = try #require(snapshot.control.servers.firstIndex { $0.label == label })
    snapshot.control.servers[i].state = state
    let isOut = state != .up && state != .down
    snapshot.control.servers[i].ejectedFrom = isOut ? Set(snapshot.control.pools.map(\.id)) : []
  }

  mutating func count(pool: UInt32, _ verb: Verb, _ result: RequestResult, _ times: Int) {
    var tally = PoolTally()
    tally.count(verb.rawValue, result, times)
    var counts = ResultCounts()
    tally.read(into: &counts)
    snapshot.pools[PoolID(pool), default: ResultCounts()] += counts
  }
}

extension Site.Answer {
  var response: HTTPResponse? { if case .response(let response) = self { response } else { nil } }
}

extension HTTPResponse {
  var text: String { String(decoding: body, as: UTF8.self) }
  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
