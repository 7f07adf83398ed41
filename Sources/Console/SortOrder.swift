/// How the servers are sorted: by one column, and in which direction.
struct SortOrder: Equatable, Sendable {
  /// The key that chooses the column.
  enum Column: Character, CaseIterable, Sendable {
    case state = "t"
    case name = "n"
    case rate = "r"
    case hits = "h"
    case errors = "e"
    case p99 = "p"
    case inFlight = "i"
    case share = "s"

    /// Its name for the last line of the frame; begins with or contains the key.
    var word: String {
      switch self {
      case .state: "state"
      case .name: "name"
      case .rate: "req/s"
      case .hits: "hits"
      case .errors: "err/s"
      case .p99: "p99"
      case .inFlight: "inflight"
      case .share: "share"
      }
    }
  }

  /// Servers that are not up first.
  var column = Column.state
  var isReversed = false

  /// Chooses a column, or turns the order if it is the one already.
  mutating func choose(_ column: Column) {
    isReversed = column == self.column ? !isReversed : false
    self.column = column
  }

  /// The rows in this order; equal ones stay as the proxy has them.
  func sorted(_ rows: [ServerRow]) -> [ServerRow] {
    let values = rows.map(value)
    let order = rows.indices.sorted { a, b in
      let (first, second) = isReversed ? (b, a) : (a, b)
      if column == .name, rows[first].server.name != rows[second].server.name {
        return rows[first].server.name < rows[second].server.name
      }
      // What is not known is last in either direction.
      switch (values[a], values[b]) {
      case (nil, nil): return a < b
      case (nil, _): return false
      case (_, nil): return true
      case (let x?, let y?):
        if x == y { return a < b }
        return isReversed ? x > y : x < y
      }
    }
    return order.map { rows[$0] }
  }

  /// Small values are first.
  private func value(_ row: ServerRow) -> Double? {
    switch column {
    case .state: Double(row.state.rank)
    case .name: 0
    case .rate: row.rate.requests.map { -$0 }
    case .hits: row.rate.hits
    case .errors: row.rate.errors.map { -$0 }
    case .p99: row.server.latency.p99.map { -$0 }
    case .inFlight: -row.server.inFlight
    case .share: row.server.traffic.map { -$0 }
    }
  }
}

/// A server with what was computed for it.
struct ServerRow: Equatable, Sendable {
  /// The state in a word, how urgent it is, and how it looks.
  struct State: Equatable, Sendable {
    var word: String
    var rank: Int
    var style: Style
  }

  var server: ProxyReport.Server
  var rate: ServerRates.Rate

  var state: State {
    switch server.state {
    case "ejected": State(word: "EJECTED", rank: 0, style: .bad)
    case "down": State(word: "DOWN", rank: 1, style: .bad)
    case "marked down": State(word: "MARKED", rank: 2, style: .warning)
    case "joining": State(word: "joining", rank: 3, style: .warning)
    case "up": State(word: "up", rank: 5, style: .good)
    default: State(word: server.state, rank: 4, style: .warning)
    }
  }
}
