import Settings

/// What a proxy says of itself at one moment: the documents of its admin interface as values. What it does not say, or
/// says in another form, is nil, zero or empty.
struct ProxyReport: Equatable, Sendable {
  var status = Status()
  var pools: [Pool] = []
  var servers: [Server] = []
  var events: [Event] = []
  /// Empty if the proxy does not look for hot keys.
  var hotKeys: [HotKey] = []

  struct Latency: Equatable, Sendable {
    var p50: Double?
    var p99: Double?
    var p999: Double?

    init(_ document: JSONDocument = .null) {
      p50 = document["p50"].number
      p99 = document["p99"].number
      p999 = document["p999"].number
    }
  }

  /// Counts since the proxy's start.
  struct Counts: Equatable, Sendable {
    var requests = 0.0
    var hits = 0.0
    var misses = 0.0
    var errors = 0.0

    init() {}

    init(_ document: JSONDocument) {
      requests = document["requests"].number ?? 0
      hits = document["hits"].number ?? 0
      misses = document["misses"].number ?? 0
      errors = document["errors"].number ?? 0
    }
  }

  struct Status: Equatable, Sendable {
    struct Attention: Equatable, Sendable {
      var level: String
      var text: String
    }

    var version = ""
    var uptime = 0.0
    /// The start, by which a proxy is known to be the same.
    var started = 0.0
    var now = 0.0
    var isReady = false
    var attention: [Attention] = []
    var clients = 0.0
    var clientLimit = 0.0
    var memory = 0.0
  }

  struct Pool: Equatable, Sendable {
    var name: String
    var placement: String
    var up: Int
    var servers: Int
    var latency: Latency
  }

  struct Server: Equatable, Sendable {
    var name: String
    var pools: [String]
    var state: String
    var counts: Counts
    var latency: Latency
    var inFlight: Double
    var ideal: Double
    var traffic: Double?
  }

  struct Event: Equatable, Sendable {
    var time: Double
    var level: String
    var text: String
  }

  struct HotKey: Equatable, Sendable {
    var key: String
    var server: String
    var share: Double
  }
}

extension ProxyReport.Status {
  init(_ document: JSONDocument) {
    version = document["version"].text ?? ""
    uptime = document["uptime"].number ?? 0
    started = document["started"].number ?? 0
    now = document["now"].number ?? 0
    isReady = document["ready"].bool ?? false
    attention = document["attention"].items.map {
      Attention(level: $0["level"].text ?? "", text: $0["text"].text ?? "")
    }
    if attention.isEmpty {
      attention = document["reasons"].items.map { Attention(level: "error", text: $0.text ?? "") }
    }
    clients = document["clients"]["now"].number ?? 0
    clientLimit = document["clients"]["limit"].number ?? 0
    memory = document["memory"]["in_use"].number ?? 0
  }
}

extension ProxyReport.Pool {
  init(_ document: JSONDocument) {
    name = document["name"].text ?? ""
    placement = document["placement"].text ?? ""
    up = Int(clampingTo: document["up"].number ?? 0)
    servers = document["servers"].items.count
    latency = ProxyReport.Latency(document["latency"])
  }
}

extension ProxyReport.Server {
  init(_ document: JSONDocument) {
    name = document["name"].text ?? ""
    pools = document["pools"].items.compactMap(\.text)
    state = document["state"].text ?? ""
    counts = ProxyReport.Counts(document)
    latency = ProxyReport.Latency(document["latency"])
    inFlight = document["in_flight"].number ?? 0
    ideal = document["share"]["ideal"].number ?? 0
    traffic = document["share"]["traffic"].number
  }
}

extension ProxyReport.Event {
  init(_ document: JSONDocument) {
    time = document["time"].number ?? 0
    level = document["level"].text ?? ""
    let fields = document["fields"].members.map { "\($0.name)=\($0.value.text ?? "")" }
    text = ([document["text"].text ?? ""] + fields).joined(separator: " ")
  }
}

extension ProxyReport.HotKey {
  init(_ document: JSONDocument) {
    key = document["key"].text ?? ""
    server = document["server"].text ?? ""
    share = document["share"].number ?? 0
  }
}

extension Int {
  /// The nearest number that fits.
  init(clampingTo value: Double) { self = value.isNaN ? 0 : Int(Swift.min(Swift.max(value, -1e15), 1e15)) }
}
