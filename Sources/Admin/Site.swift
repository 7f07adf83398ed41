import Bytes
import Net
import Settings
import Stats
import Topology

/// The admin interface: requests in, responses out. It opens nothing and knows no thread.
///
///     GET  /  /metrics  /healthz  /readyz  /api/v1/…     read
///     POST /api/v1/plan                                  what a configuration would move; changes nothing
///     POST /api/v1/reload  /api/v1/servers/NAME/mark     change something, and need the token
package struct Site: ~Copyable {
  /// What a request asks for.
  package enum Answer: Sendable {
    case response(HTTPResponse)
    /// Reload the configuration, and answer with what became of it.
    case reload
    case mark(server: String, isDown: Bool)
    /// The events from number `since` on, as they happen.
    case events(since: Int)
    /// The requests that the filter shows, as they are answered; as JSON events or as lines.
    case tail(TailFilter, asEvents: Bool)
  }

  /// What the site is asked to read besides the numbers.
  package struct Sources {
    package var numbers: MetricSource
    package var events: (_ since: Int) -> [LogEvent]
    package var hotKeys: () -> HotKeyReport
    package var now: Instant
    /// The token that changes need; nil without one.
    package var token: () -> String?

    package init(
      _ numbers: MetricSource, now: Instant, events: @escaping (_ since: Int) -> [LogEvent],
      hotKeys: @escaping () -> HotKeyReport, token: @escaping () -> String?
    ) {
      self.numbers = numbers
      self.now = now
      self.events = events
      self.hotKeys = hotKeys
      self.token = token
    }
  }

  private var placement = Placement()
  /// The name that the listener was given, which clients may use.
  private let hosts: Set<String>

  /// `hosts`: the names by which clients may reach it, besides numeric addresses and localhost.
  package init(hosts: [String]) { self.hosts = Set(hosts.map { $0.lowercased() }) }

  package mutating func answer(_ request: HTTPRequest, _ sources: Sources) -> Answer {
    if let host = request.host, !mayBe(host: host) {
      return .response(
        .error(421, "this name is not the proxy's: use its address, or add the name to admin.hosts"))
    }
    guard let endpoint = Endpoint(request.path) else {
      return .response(.error(404, "there is no such page"))
    }
    let allowed = endpoint.method == "GET" ? ["GET", "HEAD"] : [endpoint.method]
    guard allowed.contains(request.method) else {
      var response = HTTPResponse.error(405, "only \(allowed.joined(separator: " and ")) here")
      response.headers.append(("Allow", allowed.joined(separator: ", ")))
      return .response(response)
    }
    guard let query = Query(request.query) else {
      return .response(.error(400, "the query is not well percent-encoded"))
    }
    if let stranger = query.items.first(where: { !endpoint.parameters.contains($0.name) }) {
      return .response(.error(400, "unknown parameter \(quoted(stranger.name))"))
    }
    if endpoint == .plan { return .response(plan(request, sources.numbers)) }
    if endpoint.isChange {
      let words = "nothing can be changed here: the configuration has no admin.token"
      if let refusal = refusal(of: request, sources.token(), words) { return .response(refusal) }
      return change(endpoint, request, sources.numbers)
    }
    if endpoint == .tail {
      let words = "requests show clients' keys, so this needs a token: the configuration has no admin.token"
      if let refusal = refusal(of: request, sources.token(), words) { return .response(refusal) }
      return tail(request, query, sources.numbers)
    }
    return read(endpoint, request, query, sources)
  }

  /// Whether a browser that was sent here by name was meant to be: a foreign name whose address was changed to ours would
  /// let any page read from here. Numeric addresses cannot be changed so. Browsers always name the host; health checks
  /// by HTTP/1.0 need not.
  private func mayBe(host: String) -> Bool {
    var name = host.lowercased()[...]
    let digits = name.utf8.reversed().prefix { (48...57).contains($0) }.count
    if digits > 0, name.dropLast(digits).last == ":" { name = name.dropLast(digits + 1) }
    if name.hasPrefix("["), name.hasSuffix("]") {
      return HostName.isIPv6(String(name.dropFirst().dropLast()))
    }
    let isNumeric = !name.isEmpty && name.utf8.allSatisfy { "0123456789.".utf8.contains($0) }
    return isNumeric || name == "localhost" || hosts.contains(String(name))
  }

  /// Why a request that needs the token is refused; nil if it has that. `words`: what to say if there is none.
  private func refusal(of request: HTTPRequest, _ token: String?, _ words: String) -> HTTPResponse? {
    guard let token, !token.isEmpty else { return .error(403, words) }
    let given = request.authorization ?? ""
    guard given.lowercased().hasPrefix("bearer "), isSame(String(given.dropFirst(7)), token) else {
      var response = HTTPResponse.error(401, "this needs the token: Authorization: Bearer TOKEN")
      response.headers.append(("WWW-Authenticate", "Bearer"))
      return response
    }
    return nil
  }

  /// Compares in a time that does not depend on where they differ.
  private func isSame(_ a: String, _ b: String) -> Bool {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }

  // MARK: - What changes something

  private func change(_ endpoint: Endpoint, _ request: HTTPRequest, _ numbers: MetricSource) -> Answer {
    switch endpoint {
    case .reload: return .reload
    case .mark(let name):
      guard numbers.snapshot.control.servers.contains(where: { $0.label == name }) else {
        return .response(.error(404, "there is no server \(quoted(name))"))
      }
      let body = JSONDocument.read(request.body)
      switch body.flatMap({ $0.members.count == 1 ? $0["mark"].text : nil }) {
      case "down": return .mark(server: name, isDown: true)
      case "up": return .mark(server: name, isDown: false)
      default: return .response(.error(400, #"the body must be {"mark": "down"} or {"mark": "up"}"#))
      }
    default: return .response(.error(404, "there is no such page"))
    }
  }

  // MARK: - What would change

  /// What the configuration in the body would move. A browser sends a body of this type for another page only after it has
  /// asked, and it is not told that it may.
  private func plan(_ request: HTTPRequest, _ numbers: MetricSource) -> HTTPResponse {
    guard request.contentType?.lowercased().hasPrefix("application/yaml") == true else {
      return .error(415, "the body is a configuration: Content-Type: application/yaml")
    }
    do throws(ConfigFailure) {
      let new = try ProxySettings.decode(bytes: request.body, file: "configuration")
      return .bytes(200, "application/json", Array(ChangePlan(from: numbers.settings, to: new).json.utf8))
    } catch {
      // The question was understood: this is the answer.
      let errors = error.description.split(separator: "\n").map { String($0) }
      return .bytes(200, "application/json", Array(ChangePlan.json(errors: errors).utf8))
    }
  }

  // MARK: - What is read

  private mutating func read(
    _ endpoint: Endpoint, _ request: HTTPRequest, _ query: Query, _ sources: Sources
  ) -> Answer {
    let numbers = sources.numbers
    switch endpoint {
    case .page: return .response(.page)
    case .health: return .response(.text(200, "ok\n"))
    case .ready:
      let reasons = numbers.snapshot.unreadyReasons(numbers.settings)
      return .response(
        .text(reasons.isEmpty ? 200 : 503, reasons.isEmpty ? "ready\n" : reasons.map { $0 + "\n" }.joined()))
    case .metrics:
      let format: MetricText =
        request.accept?.contains("application/openmetrics-text") == true ? .openMetrics : .prometheus
      return .response(.bytes(200, format.contentType, format.render(numbers)))
    case .status: return .response(.json(numbers.status()))
    case .pools: return .response(.json(numbers.pools()))
    case .config: return .response(.json(numbers.config()))
    case .events:
      guard let since = number("since", query) else { return .response(.error(400, "since is a number")) }
      if request.accept?.contains("text/event-stream") == true { return .events(since: since) }
      return .response(.json(.object(["events": .array(sources.events(since).map(\.json))])))
    case .history:
      guard let since = number("since", query) else { return .response(.error(400, "since is a number")) }
      return .response(history(since: since, query, numbers))
    default: return .response(readRing(endpoint, query, sources))
    }
  }

  /// What depends on the rings.
  private mutating func readRing(_ endpoint: Endpoint, _ query: Query, _ sources: Sources)
    -> HTTPResponse
  {
    let numbers = sources.numbers
    placement.update(numbers.settings, numbers.snapshot.control)
    switch endpoint {
    case .servers: return .json(numbers.servers(placement))
    case .ring:
      guard let ring = numbers.ring(query.texts("pool").first, placement) else {
        return .error(404, "there is no such pool")
      }
      return .json(ring)
    case .hotKeys:
      let by = query.texts("by").last ?? "requests"
      guard by == "requests" || by == "bytes" else { return .error(400, "by is requests or bytes") }
      return .json(
        numbers.hotKeys(sources.hotKeys(), byBytes: by == "bytes", now: sources.now, placement))
    case .route:
      guard let key = query.items.first(where: { $0.name == "key" })?.value, !key.isEmpty else {
        return .error(400, "which key? /api/v1/route?key=KEY")
      }
      guard key.count <= 250, !key.contains(where: { $0 <= 32 || $0 == 127 }) else {
        return .error(400, "a key has at most 250 bytes, and no blanks or control characters")
      }
      let name = query.texts("pool").last
      let pool = name.map { name in numbers.settings.pools.firstIndex { $0.name == name } }
      if pool == .some(.none) { return .error(404, "there is no such pool") }
      return route(key, in: pool ?? nil, numbers)
    default: return .error(404, "there is no such page")
    }
  }

  private func route(_ key: [UInt8], in pool: Int?, _ numbers: MetricSource) -> HTTPResponse {
    guard let place = placement.place(of: key, in: pool) else {
      return .error(404, "no route leads from this key to a pool: name one with pool=NAME")
    }
    let state = numbers.snapshot.control.servers.first { $0.label == place.server?.address }?.state
    return .json(
      .object([
        "key": .string(String(decoding: key, as: UTF8.self)), "pool": .string(place.pool.name),
        "prefix": .string(place.prefix), "server": .text(place.server?.address),
        "label": .string(place.label),
        "owner": .string(place.owner.address), "state": .text(state?.rawValue), "plan": .text(place.plan),
      ]))
  }

  private func history(since: Int, _ query: Query, _ numbers: MetricSource) -> HTTPResponse {
    let labels = numbers.snapshot.control.servers.map(\.label)
    var wanted = Set(query.texts("server"))
    if let all = query.texts("servers").first {
      guard all == "all" else { return .error(400, "servers is all, or left out") }
      guard labels.count <= 100 else {
        return .error(400, "more than 100 servers: name those that are meant")
      }
      wanted.formUnion(labels)
    }
    guard wanted.count <= 100 else { return .error(400, "at most 100 servers at once") }
    if let stranger = wanted.subtracting(labels).first {
      return .error(404, "there is no server \(quoted(stranger))")
    }
    return .json(numbers.history(since: since, servers: wanted))
  }

  /// A parameter that is a number, 0 if it is left out; nil if it is none.
  private func number(_ name: String, _ query: Query) -> Int? {
    guard let text = query.texts(name).last else { return 0 }
    guard let number = Int(text), number >= -1, number < 1 << 53 else { return nil }
    return number
  }
}
