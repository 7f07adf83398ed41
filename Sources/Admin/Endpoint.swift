import Settings

/// A page of the admin interface.
enum Endpoint: Equatable {
  case page, health, ready, metrics
  case status, pools, servers, ring, history, events, config, route, hotKeys, tail
  case plan
  case reload
  case mark(server: String)

  /// The page at a percent-encoded path; nil if there is none.
  init?(_ path: String) {
    switch path {
    case "/": self = .page
    case "/healthz": self = .health
    case "/readyz": self = .ready
    case "/metrics": self = .metrics
    case "/api/v1/status": self = .status
    case "/api/v1/pools": self = .pools
    case "/api/v1/servers": self = .servers
    case "/api/v1/ring": self = .ring
    case "/api/v1/history": self = .history
    case "/api/v1/events": self = .events
    case "/api/v1/config": self = .config
    case "/api/v1/route": self = .route
    case "/api/v1/hotkeys": self = .hotKeys
    case "/api/v1/tail": self = .tail
    case "/api/v1/plan": self = .plan
    case "/api/v1/reload": self = .reload
    default:
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 6, parts[1...3] == ["api", "v1", "servers"], parts[5] == "mark",
        let name = percentDecoded(parts[4].utf8), !name.isEmpty
      else { return nil }
      self = .mark(server: String(decoding: name, as: UTF8.self))
    }
  }

  var method: String {
    switch self {
    case .plan, .reload, .mark: "POST"
    default: "GET"
    }
  }

  /// Whether it changes something, and so needs the token.
  var isChange: Bool {
    switch self {
    case .reload, .mark: true
    default: false
    }
  }

  /// The parameters that its query may have.
  var parameters: Set<String> {
    switch self {
    case .ring: ["pool"]
    case .history: ["since", "server", "servers"]
    case .events: ["since"]
    case .route: ["key", "pool"]
    case .hotKeys: ["by"]
    case .tail: ["prefix", "server", "sample"]
    default: []
    }
  }
}
