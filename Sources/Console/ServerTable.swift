/// The table of servers: the columns that fit, and its rows.
struct ServerTable: Sendable {
  enum Column: CaseIterable, Sendable {
    case name, pool, state, rate, hits, errors, p50, p99, p999, inFlight, share, ideal, bar
  }

  /// Columns in the order in which they are left out when the terminal is narrow; the others stay.
  private static let optional: [Column] = [
    .p999, .ideal, .p50, .pool, .inFlight, .bar, .share, .p99, .hits, .errors,
  ]

  let columns: [Column]
  private let glyphs: Glyphs
  private let nameWidth: Int
  private let poolWidth: Int

  /// - pools: the names of all pools; with a single one there is no column for it.
  init(_ servers: [ProxyReport.Server], pools: [String], width: Int, _ glyphs: Glyphs) {
    let longest = servers.map { $0.name.unicodeScalars.count }.max() ?? 0
    let nameWidth = max(6, min(longest, max(15, width / 3)))
    let poolWidth = max(4, min(pools.map { $0.unicodeScalars.count }.max() ?? 0, 12))
    func needed(_ columns: [Column]) -> Int {
      columns.reduce(columns.count - 1) { $0 + Self.width($1, name: nameWidth, pool: poolWidth) }
    }
    var columns = Column.allCases.filter { $0 != .pool || pools.count > 1 }
    for column in Self.optional where needed(columns) > width { columns.removeAll { $0 == column } }
    self.columns = columns
    self.glyphs = glyphs
    self.poolWidth = poolWidth
    // The name has what is left, up to its length.
    self.nameWidth = max(1, min(max(6, longest), nameWidth + width - needed(columns)))
  }

  private static func width(_ column: Column, name: Int, pool: Int) -> Int {
    switch column {
    case .name: name
    case .pool: pool
    case .state: 7
    case .rate, .errors, .hits, .inFlight, .share, .ideal: 5
    case .p50, .p99, .p999: 6
    case .bar: Glyphs.barWidth
    }
  }

  private func field(_ column: Column) -> Int { Self.width(column, name: nameWidth, pool: poolWidth) }

  /// The heads of the columns, with a mark at the one by which the rows are sorted: behind a text, before a number, where
  /// it may take the blank between two columns.
  func head(_ order: SortOrder) -> Line {
    var line = Line()
    for column in columns {
      let (word, sorted) = head(column)
      let mark = sorted == order.column ? glyphs.sorted(isReversed: order.isReversed) : ""
      let gap = line.width > 0 ? 1 : 0
      if Self.isNumber(column) {
        line.add(mark + word, .heading, in: field(column) + gap, toRight: true)
      } else {
        line.pad(to: line.width + gap, .heading)
        line.add(word + mark, .heading, in: field(column))
      }
    }
    return line
  }

  /// What the column's head says, and the order that sorts by it.
  private func head(_ column: Column) -> (String, SortOrder.Column?) {
    switch column {
    case .name: ("server", .name)
    case .pool: ("pool", nil)
    case .state: ("state", .state)
    case .rate: ("req/s", .rate)
    case .hits: ("hits", .hits)
    case .errors: ("err/s", .errors)
    case .p50: ("p50", nil)
    case .p99: ("p99", .p99)
    case .p999: ("p99.9", nil)
    case .inFlight: ("infl", .inFlight)
    case .share: ("share", .share)
    case .ideal: ("ideal", nil)
    // Its mark is at the ideal, in the middle.
    case .bar: (columns.contains(.ideal) ? "" : " ideal", nil)
    }
  }

  private static func isNumber(_ column: Column) -> Bool {
    switch column {
    case .name, .pool, .state, .bar: false
    default: true
    }
  }

  func line(_ row: ServerRow) -> Line {
    var line = Line()
    let (server, state) = (row.server, row.state)
    for column in columns {
      if line.width > 0 { line.add(" ") }
      let (text, style): (String, Style) =
        switch column {
        case .name: (server.name, state.rank < 5 ? .strong : .plain)
        case .pool: (server.pools.joined(separator: ","), .plain)
        case .state: (state.word, state.style)
        case .rate: (amount(row.rate.requests), .plain)
        case .hits: (share(row.rate.hits), .plain)
        case .errors: (amount(row.rate.errors), (row.rate.errors ?? 0) > 0 ? .bad : .plain)
        case .p50: (latency(server.latency.p50), .plain)
        case .p99: (latency(server.latency.p99), .plain)
        case .p999: (latency(server.latency.p999), .plain)
        case .inFlight: (amount(server.inFlight), .plain)
        case .share: (share(server.traffic), .plain)
        case .ideal: (share(server.ideal), .faint)
        case .bar: (glyphs.bar(server.traffic, ideal: server.ideal), .plain)
        }
      line.add(text, style, in: field(column), toRight: Self.isNumber(column))
    }
    return line
  }
}
