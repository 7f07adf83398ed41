import Net
import Settings
import Stats

extension HTTPResponse {
  /// What every response tells browsers: keep nothing, guess no types, run nothing from elsewhere.
  private static func headers(_ type: String, policy: String = "default-src 'none'") -> [(
    name: String, value: String
  )] {
    [
      ("Content-Type", type), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
      ("Referrer-Policy", "no-referrer"), ("Content-Security-Policy", policy),
    ]
  }

  static func bytes(_ status: Int, _ type: String, _ bytes: [UInt8]) -> HTTPResponse {
    HTTPResponse(status, headers: headers(type), body: bytes)
  }

  static func text(_ status: Int, _ text: String) -> HTTPResponse {
    bytes(status, "text/plain; charset=utf-8", Array(text.utf8))
  }

  package static func json(_ value: JSON, status: Int = 200) -> HTTPResponse {
    bytes(status, "application/json", value.bytes + [10])
  }

  package static func error(_ status: Int, _ words: String) -> HTTPResponse {
    json(.object(["error": .string(words)]), status: status)
  }

  /// A server was marked.
  package static func marked(_ server: String, isDown: Bool) -> HTTPResponse {
    json(
      .object([
        "server": .string(server), "mark": .string(isDown ? "down" : "up"),
        "until": .string("the next reload"),
      ]))
  }

  /// A reload has changed this, one sentence each.
  package static func reloaded(_ changes: [String]) -> HTTPResponse {
    json(.object(["reloaded": .bool(true), "changes": .array(changes.map(JSON.string))]))
  }

  /// The dashboard.
  static var page: HTTPResponse {
    HTTPResponse(
      200, headers: headers("text/html; charset=utf-8", policy: "\(DashboardPage.contentSecurityPolicy)"),
      body: Array("\(DashboardPage.html)".utf8))
  }

  /// The beginning of a stream of events.
  package static var eventStream: HTTPResponse {
    HTTPResponse(200, headers: headers("text/event-stream"), body: Array(": events of the proxy\n\n".utf8))
  }
}

extension Site {
  /// Events in the form of a stream.
  package static func stream(of events: [LogEvent]) -> [UInt8] {
    events.flatMap { Array("id: \($0.seq)\ndata: ".utf8) + $0.json.bytes + Array("\n\n".utf8) }
  }
}
