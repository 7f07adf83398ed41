import Foundation
import Net
import Settings
import Stats
import Testing
import Topology

@testable import Admin

@Suite struct SiteTests {
  static let pages = [
    "/", "/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/pools", "/api/v1/servers",
    "/api/v1/ring",
    "/api/v1/history", "/api/v1/events", "/api/v1/config", "/api/v1/route?key=a", "/api/v1/hotkeys",
    "/api/v1/hotkeys?by=bytes",
  ]
  static let changes = ["/api/v1/reload", "/api/v1/servers/10.0.0.1/mark"]

  @Test(arguments: pages, ["GET", "HEAD"])
  func everyPageCanBeRead(_ page: String, _ method: String) throws {
    var fixture = try Fixture()
    let response = try fixture.response(method, page)
    #expect(response.status == 200 && !response.body.isEmpty)
    #expect(response.header("X-Content-Type-Options") == "nosniff")
    #expect(response.header("Cache-Control") == "no-store")
    #expect(response.header("Content-Security-Policy")?.hasPrefix("default-src 'none'") == true)
    let type = page.hasPrefix("/api/") ? "application/json" : page == "/" ? "text/html" : "text/plain"
    #expect(response.header("Content-Type")?.hasPrefix(type) == true)
  }

  @Test(arguments: pages + changes, ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "GET", "HEAD", "other"])
  func otherMethodsAreRefusedWithThoseThatAreAllowed(_ page: String, _ method: String) throws {
    let isChange = Self.changes.contains(page)
    guard isChange ? method != "POST" : method != "GET" && method != "HEAD" else { return }
    var fixture = try Fixture()
    let response = try fixture.response(method, page)
    #expect(response.status == 405)
    #expect(response.header("Allow") == (isChange ? "POST" : "GET, HEAD"))
  }

  @Test(arguments: [
    "/x", "/metrics/", "//", "/api", "/api/v1", "/api/v1/status/", "/API/v1/status", "/api/v1/servers//mark",
    "/api/v1/servers/a/b/mark", "/api/v1/servers/%zz/mark", "/api/v1/servers/a/marks", "/%2e%2e/etc/passwd",
    "",
    "*", "/..", "/metrics%00",
  ])
  func unknownPathIsNotFound(_ path: String) throws {
    var fixture = try Fixture()
    let answer = fixture.answer(HTTPRequest(method: "GET", path: path, host: "localhost"))
    #expect(answer.response?.status == 404)
    #expect(answer.response?.text == "{\"error\":\"there is no such page\"}\n")
  }

  @Test(arguments: [
    ("/metrics?a=1", 400, "unknown parameter"), ("/api/v1/hotkeys?by=luck", 400, "by is requests or bytes"),
    ("/api/v1/ring?pol=main", 400, "unknown parameter"),
    ("/api/v1/ring?pool=%", 400, "percent-encoded"), ("/api/v1/ring?pool=%g0", 400, "percent-encoded"),
    ("/api/v1/ring?pool=nothing", 404, "no such pool"), ("/api/v1/history?since=x", 400, "since is a number"),
    ("/api/v1/history?since=-2", 400, "since is a number"),
    ("/api/v1/history?since=99999999999999999999", 400, "since is a number"),
    ("/api/v1/history?servers=some", 400, "servers is all"),
    ("/api/v1/history?server=nothing", 404, "no server"),
    ("/api/v1/events?since=1.5", 400, "since is a number"),
    ("/api/v1/route", 400, "which key"), ("/api/v1/route?key=", 400, "which key"),
    ("/api/v1/route?key=a%20b", 400, "no blanks"), ("/api/v1/route?key=%7f", 400, "no blanks"),
    ("/api/v1/route?key=%00", 400, "no blanks"),
    ("/api/v1/route?key=\(String(repeating: "a", count: 251))", 400, "at most 250"),
  ])
  func badQueryIsRefusedInWords(_ target: String, _ status: Int, _ words: String) throws {
    var fixture = try Fixture()
    let response = try fixture.response("GET", target)
    #expect(response.status == status)
    #expect(response.text.hasPrefix("{\"error\":\"") && response.text.contains(words), "\(response.text)")
  }

  @Test(arguments: [
    "127.0.0.1:11312", "127.0.0.1", "[::1]:11312", "[::1]", "[fd00::1]:80", "localhost", "LOCALHOST:11312",
    "proxy.example", "PROXY.example:11312", "10.1.2.3:1",
  ])
  func hostThatIsTheProxysIsServed(_ host: String) throws {
    var fixture = try Fixture()
    #expect(fixture.answer(HTTPRequest(method: "GET", path: "/healthz", host: host)).response?.status == 200)
  }

  @Test(arguments: [
    "", "evil.example", "evil.example:11312", "127.0.0.1.evil.example", "localhost.evil.example",
    "proxy.example.",
    "[evil.example]", "[::1]evil.example", "[::1]:80.evil.example", "[::1", "a@127.0.0.1", ":11312",
    "127.0.0.1:x:y",
    "[]", "localhost:",
  ])
  func foreignHostIsRefused(_ host: String) throws {
    var fixture = try Fixture()
    let answer = fixture.answer(HTTPRequest(method: "GET", path: "/metrics", host: host))
    #expect(answer.response?.status == 421)
  }

  /// Browsers always name a host; health checks by HTTP/1.0 may not.
  @Test func requestWithoutAHostIsServed() throws {
    var fixture = try Fixture()
    #expect(fixture.answer(HTTPRequest(method: "GET", path: "/healthz")).response?.status == 200)
  }

  // MARK: - Changes

  @Test(arguments: [nil, ""] as [String?])
  func nothingIsChangedWithoutAConfiguredToken(_ token: String?) throws {
    var fixture = try Fixture()
    fixture.token = token
    for page in Self.changes {
      var request = Fixture.request("POST", page, body: #"{"mark": "down"}"#)
      request.authorization = "Bearer "
      #expect(fixture.answer(request).response?.status == 403)
    }
  }

  @Test(
    arguments: [
      nil, "", "Bearer", "Bearer ", "Bearer secre", "Bearer secret1", "Bearer Secret", "Bearer  secret",
      "Basic secret",
      "secret", "Bearersecret",
    ] as [String?])
  func wrongTokenIsRefused(_ authorization: String?) throws {
    var fixture = try Fixture()
    fixture.token = "secret"
    var request = Fixture.request("POST", "/api/v1/reload")
    request.authorization = authorization
    let response = fixture.answer(request).response
    #expect(response?.status == 401 && response?.header("WWW-Authenticate") == "Bearer")
  }

  @Test(arguments: ["Bearer secret", "bearer secret", "BEARER secret"])
  func rightTokenReloads(_ authorization: String) throws {
    var fixture = try Fixture()
    fixture.token = "secret"
    var request = Fixture.request("POST", "/api/v1/reload")
    request.authorization = authorization
    guard case .reload = fixture.answer(request) else {
      Issue.record("no reload")
      return
    }
  }

  @Test(arguments: [
    ("10.0.0.1", #"{"mark": "down"}"#, true), ("10.0.0.1", #"{"mark":"up"}"#, false),
    ("10.0.0.2%3A11212", #" { "mark" : "down" } "#, true), ("10.0.0.2:11212", #"{"mark":"up"}"#, false),
  ])
  func serverIsMarkedByItsName(_ name: String, _ body: String, _ isDown: Bool) throws {
    var fixture = try Fixture()
    fixture.token = "secret"
    var request = Fixture.request("POST", "/api/v1/servers/\(name)/mark", body: body)
    request.authorization = "Bearer secret"
    guard case .mark(let server, let mark) = fixture.answer(request) else {
      Issue.record("no mark")
      return
    }
    #expect(server == name.removingPercentEncoding && mark == isDown)
  }

  @Test(arguments: [
    "", "{}", "down", #""down""#, #"["down"]"#, #"{"mark":"sideways"}"#, #"{"mark":null}"#,
    #"{"mark":{"a":1}}"#,
    #"{"mark":"down","other":1}"#, #"{"mark":"down"#, "{\"mark\":\"down\"}\0", "\u{feff}{",
    String(repeating: "[", count: 5000), String(repeating: "{\"a\":", count: 5000),
  ])
  func badBodyOfAMarkIsRefused(_ body: String) throws {
    var fixture = try Fixture()
    fixture.token = "secret"
    var request = Fixture.request("POST", "/api/v1/servers/10.0.0.1/mark", body: body)
    request.authorization = "Bearer secret"
    #expect(fixture.answer(request).response?.status == 400)
    request.path = "/api/v1/servers/10.9.9.9/mark"
    #expect(fixture.answer(request).response?.status == 404)
  }

  // MARK: - Documents

  @Test func openMetricsIsGivenToThoseThatAcceptIt() throws {
    var fixture = try Fixture()
    var request = Fixture.request("GET", "/metrics")
    request.accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    let open = try #require(fixture.answer(request).response)
    #expect(open.header("Content-Type")?.hasPrefix("application/openmetrics-text; version=1.0.0") == true)
    #expect(open.text.hasSuffix("\n# EOF\n"))
    #expect(try fixture.response("GET", "/metrics").text.contains("# EOF") == false)
  }

  @Test func notReadyIsSaidWithItsReasons() throws {
    var fixture = try Fixture()
    try fixture.setState(.ejected, of: "10.0.0.1")
    try fixture.setState(.down, of: "10.0.0.3")
    let response = try fixture.response("GET", "/readyz")
    #expect(response.status == 503)
    #expect(response.text == "pool main: 1 of 3 servers up, at least 2 needed\n")
    #expect(try fixture.response("GET", "/healthz").status == 200)
  }

  @Test func routeIsThatOfTheRings() throws {
    var fixture = try Fixture()
    let whole = try fixture.document("/api/v1/route?key=s:1")
    #expect(whole["pool"] as? String == "sessions" && whole["prefix"] as? String == "s:")
    let server = try #require(whole["server"] as? String)
    #expect(whole["owner"] as? String == server && whole["state"] as? String == "up")
    try fixture.setState(.ejected, of: server)
    let other = try fixture.document("/api/v1/route?key=s:1")
    #expect(other["owner"] as? String == server && other["server"] as? String != server)
    let longer = try fixture.document("/api/v1/route?key=s:x%ff")
    #expect(longer["pool"] as? String == "main" && longer["prefix"] as? String == "s:x")
  }

  /// As on a listener that names the pool.
  @Test func routeInANamedPoolHasNoPrefix() throws {
    var fixture = try Fixture()
    let named = try fixture.document("/api/v1/route?key=s:1&pool=main")
    #expect(named["pool"] as? String == "main" && named["prefix"] as? String == "")
    let server = try #require(named["server"] as? String)
    #expect(["10.0.0.1", "10.0.0.2:11212", "10.0.0.3"].contains(server))
    try fixture.setState(.ejected, of: server)
    let other = try fixture.document("/api/v1/route?key=s:1&pool=main")
    #expect(other["owner"] as? String == server && other["server"] as? String != server)
    #expect(try fixture.response("GET", "/api/v1/route?key=s:1&pool=none").status == 404)
    var unrouted = try Fixture(
      "listen: [{address: 127.0.0.1:1, to: a}, {address: 127.0.0.1:2, to: b}]\n"
        + "pools: {a: {servers: [x]}, b: {servers: [y]}}")
    #expect(try unrouted.response("GET", "/api/v1/route?key=k").text.contains("pool=NAME"))
    #expect(try unrouted.document("/api/v1/route?key=k&pool=b")["server"] as? String == "y")
  }

  @Test func keyWithoutARouteIsNotFound() throws {
    var fixture = try Fixture("pools: {a: {servers: [x]}}\nroutes: [{prefix: q, pool: a}]")
    #expect(try fixture.response("GET", "/api/v1/route?key=z").status == 404)
    #expect(try fixture.response("GET", "/api/v1/route?key=q").status == 200)
  }

  @Test func eventsAfterANumberAreGiven() throws {
    var fixture = try Fixture()
    fixture.events = (1...3).map {
      var event = LogEvent(time: 1.5, level: .info, message: "a \"b\"", fields: [])
      event.seq = $0
      return event
    }
    let events = try #require(try fixture.document("/api/v1/events?since=1")["events"] as? [[String: Any]])
    #expect(events.map { $0["seq"] as? Int } == [2, 3])
    #expect(events[0]["text"] as? String == "a \"b\"" && events[0]["time"] as? Double == 1.5)
    var request = Fixture.request("GET", "/api/v1/events?since=2")
    request.accept = "text/event-stream"
    guard case .events(let since) = fixture.answer(request) else {
      Issue.record("no stream")
      return
    }
    #expect(since == 2)
    let stream = String(decoding: Site.stream(of: fixture.events), as: UTF8.self)
    #expect(stream.hasPrefix("id: 1\ndata: {\"seq\":1,") && stream.hasSuffix("}\n\n"))
  }

  @Test func aHundredServersAtMostAreGivenAtOnce() throws {
    let servers = (0..<101).map { "s\($0)" }
    var fixture = try Fixture("servers: [\(servers.joined(separator: ", "))]")
    #expect(try fixture.response("GET", "/api/v1/history?servers=all").status == 400)
    let query = servers.map { "server=\($0)" }.joined(separator: "&")
    #expect(try fixture.response("GET", "/api/v1/history?\(query)").status == 400)
    #expect(try fixture.response("GET", "/api/v1/history?\(query.dropLast(12))").status == 200)
  }
}
