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

  /// The number of the first step of the history that is to be asked for: all of them, if the proxy is another process
  /// than before.
  func firstWantedStep(of status: ProxyReport.Status) -> Int {
    report?.status.started == status.started ? history.wanted : 0
  }

  /// Takes what the proxy has answered.
  mutating func take(_ look: Look) {
    // Another process has counted from zero, and its steps have the same numbers.
    if let before = report, before.status.started != look.report.status.started {
      history = History()
      rates = ServerRates()
    }
    report = look.report
    history.take(look.history)
    rates.take(look.report.servers, seconds: look.report.status.uptime)
    silence = nil
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
