/// What `ringroad top` knows and shows: a value; frames are made of it.
struct Dashboard: Equatable, Sendable {
  /// Why the proxy does not answer, and for how long.
  struct Silence: Equatable, Sendable {
    var reason: String
    var seconds: Double
  }

  /// The proxy's address in words.
  let address: String
  /// Nil until the proxy has answered once; the last answer stays while it does not.
  private(set) var report: ProxyReport?
  private(set) var history = History()
  private(set) var rates = ServerRates()
  var silence: Silence?
  /// The number of seconds for which rates of the whole proxy are averaged: the time between two looks.
  var seconds = 1
  var order = SortOrder()
  /// The number of servers above the first one that is shown.
  var offset = 0

  init(address: String) { self.address = address }

  /// Takes all documents of one look at the proxy.
  mutating func take(_ report: ProxyReport, _ history: (inout History) -> Void) {
    if let before = self.report, before.status.started != report.status.started { forget() }
    self.report = report
    history(&self.history)
    rates.take(report.servers, seconds: report.status.uptime)
    silence = nil
  }

  /// Forgets what another process had counted.
  mutating func forget() {
    history = History()
    rates.removeAll()
  }

  /// The servers in the order in which they are shown.
  var rows: [ServerRow] {
    order.sorted((report?.servers ?? []).map { ServerRow(server: $0, rate: rates.rate(of: $0.name)) })
  }
}

/// The size of a frame, and the characters that may be in it.
struct Canvas: Equatable, Sendable {
  var columns: Int
  /// Nil: as many as there is something to show.
  var rows: Int?
  var glyphs = Glyphs.unicode
}

/// One picture of the dashboard.
struct Frame: Equatable, Sendable {
  var lines: [Line] = []
  /// The number of servers that are shown at once, and those above the first.
  var page = 0
  var offset = 0
}
