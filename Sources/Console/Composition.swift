/// Makes a frame of the dashboard: which parts fit into the canvas, and with how many lines.
///
///     title, what needs attention, numbers, graphs | pools | servers | hot keys | events | keys
struct Composition {
  let dashboard: Dashboard
  let canvas: Canvas

  /// The frame. It has no more lines and columns than the canvas.
  static func frame(_ dashboard: Dashboard, _ canvas: Canvas) -> Frame {
    let composition = Composition(dashboard: dashboard, canvas: canvas)
    var frame = composition.whole()
    // From old values no line may look as if it were new; the title and the line about the silence say what is wrong.
    let fresh = 2
    if dashboard.silence != nil {
      frame.lines = frame.lines.enumerated().map { $0 < fresh ? $1 : $1.styled(.faint) }
    }
    frame.lines = frame.lines.map { $0.cut(to: canvas.columns) }
    if let rows = canvas.rows {
      while frame.lines.count < rows - 1 { frame.lines.append(Line()) }
      if frame.lines.count < rows { frame.lines.append(composition.keys(frame).cut(to: canvas.columns)) }
      frame.lines = Array(frame.lines.prefix(rows))
    }
    return frame
  }

  private func whole() -> Frame {
    var frame = Frame()
    guard let report = dashboard.report else {
      frame.lines = [title] + silence
      return frame
    }
    let parts = Parts(report, self)
    frame.lines = [title] + silence + attention(most: parts.attention) + numbers
    frame.lines += graphs(lines: parts.graphs)
    let panels = Panels(composition: self, report: report)
    frame.lines += panels.pools(most: parts.pools)
    let (table, offset) = servers(most: parts.servers)
    frame.lines += table
    (frame.page, frame.offset) = (parts.servers, offset)
    frame.lines += panels.hotKeys(most: parts.hotKeys)
    frame.lines += panels.events(most: parts.events)
    return frame
  }

  // MARK: The head

  private var title: Line {
    var line = Line(" ringroad", .title)
    var right = " waiting "
    if let status = dashboard.report?.status {
      line.add(" \(status.version)  \(dashboard.address)  up \(span(status.uptime))", .title)
      right = dashboard.silence != nil ? " NO ANSWER " : status.isReady ? " ready " : " NOT READY "
    } else {
      line.add("  \(dashboard.address)", .title)
    }
    line = line.cut(to: max(0, canvas.columns - right.count))
    line.pad(to: canvas.columns - right.count, .title)
    let isWell = dashboard.silence == nil && dashboard.report?.status.isReady ?? true
    line.add(right, isWell ? .title : .alarm)
    return line
  }

  /// What is said of a proxy that does not answer.
  private var silence: [Line] {
    guard let silence = dashboard.silence else {
      return dashboard.report == nil ? [Line(" no answer yet", .faint)] : []
    }
    var line = Line(" no answer for \(age(silence.seconds))", .bad)
    if dashboard.report != nil { line.add(", the values are old", .bad) }
    line.add(": \(silence.reason)")
    return [line]
  }

  private func attention(most: Int) -> [Line] {
    let all = dashboard.report?.status.attention ?? []
    return all.prefix(most).enumerated().map { i, attention in
      var line = Line(" ")
      line.add(attention.level, style(ofLevel: attention.level), in: 7)
      let hidden = all.count - most
      let more = i == most - 1 && hidden > 0 ? " (and \(hidden) more)" : ""
      line.add(" ")
      line.add(fitted(printable(attention.text), max(1, canvas.columns - line.width - more.count)))
      line.add(more, .strong)
      return line
    }
  }

  func style(ofLevel level: String) -> Style {
    switch level {
    case "error": .bad
    case "warning": .warning
    default: .faint
    }
  }

  /// The numbers of the whole proxy: a line of words, and one of values.
  private var numbers: [Line] {
    guard let status = dashboard.report?.status else { return [] }
    let steps = dashboard.history.steps
    let errors = steps.mean(dashboard.seconds, \.errors)
    let latencies = steps.latency
    let all: [(word: String, value: String, style: Style)] = [
      ("req/s", amount(steps.mean(dashboard.seconds, \.requests)), .strong),
      ("hits", share(steps.hitRatio), .strong),
      ("err/s", amount(errors), (errors ?? 0) > 0 ? .bad : .strong),
      ("p50", latency(latencies.p50), .strong), ("p99", latency(latencies.p99), .strong),
      ("p99.9", latency(latencies.p999), .strong), ("clients", amount(status.clients), .strong),
      ("limit", amount(status.clientLimit), .plain), ("memory", size(status.memory), .plain),
    ]
    let least = 8
    let count = max(1, min(all.count, canvas.columns / least))
    let field = min(12, canvas.columns / count)
    var (words, values) = (Line(), Line())
    for cell in all.prefix(count) {
      words.add(cell.word, .faint, in: field, toRight: true)
      values.add(cell.value, cell.style, in: field, toRight: true)
    }
    return [words, values]
  }

  /// The last minutes: requests with this many lines, latencies, and errors if there were any. With fewer lines than
  /// that the first ones remain.
  private func graphs(lines: Int) -> [Line] {
    guard lines > 0 else { return [] }
    let tall = max(1, min(Self.tallest, lines - graphCount + 1))
    let requests = graph("req/s", .good, of: .mean, lines: tall) { $0.counts.requests }
    let latencies = graph("p99", .plain, of: .highest, lines: 1, \.latency.p99)
    let errors = hasErrors ? graph("err/s", .bad, of: .mean, lines: 1) { $0.counts.errors } : []
    return Array((requests + latencies + errors).prefix(lines))
  }

  /// The lines of a graph at most.
  static let tallest = 4
  /// The columns beside a graph.
  private static let graphMargins = (left: 7, right: 14)

  private var hasErrors: Bool { dashboard.history.steps.contains { $0.counts.errors > 0 } }

  /// The number of graphs.
  var graphCount: Int {
    let isWide = canvas.columns >= Self.graphMargins.left + Self.graphMargins.right + 8
    return isWide && dashboard.history.last != nil ? hasErrors ? 3 : 2 : 0
  }

  private func graph(
    _ word: String, _ style: Style, of combine: History.Combination, lines: Int,
    _ value: (History.Step) -> Double?
  ) -> [Line] {
    let count = min(240, canvas.columns - Self.graphMargins.left - Self.graphMargins.right)
    guard let (values, seconds) = dashboard.history.columns(count, value: value, of: combine) else {
      return []
    }
    let highest = values.compactMap(\.self).max() ?? 0
    let written = word == "p99" ? latency(highest) : amount(highest)
    let rows = canvas.glyphs.graph(values, highest: highest, lines: lines)
    return rows.enumerated().map { i, row in
      var line = Line()
      line.add(i == 0 ? word : "", .faint, in: Self.graphMargins.left - 1, toRight: true)
      line.add(" ")
      line.add(row, style)
      if i == 0 { line.add(" \(written) max") }
      let minutes = age(Double(count * seconds))
      if lines > 1, i == lines - 1 { line.add(" last \(minutes)", .faint) }
      if lines == 1, word == "req/s" { line.add(", \(minutes)", .faint) }
      return line
    }
  }

  // MARK: Servers

  private func servers(most: Int) -> (lines: [Line], offset: Int) {
    let rows = dashboard.rows
    let offset = max(0, min(dashboard.offset, rows.count - most))
    let table = ServerTable(
      rows.map(\.server), pools: dashboard.report?.pools.map(\.name) ?? [], width: canvas.columns - 1,
      canvas.glyphs)
    var head = Line(" ", .heading)
    head.add(table.head(dashboard.order))
    head.pad(to: canvas.columns, .heading)
    return ([head] + rows.dropFirst(offset).prefix(most).map { Line(" ") + table.line($0) }, offset)
  }

  // MARK: The last line

  /// The keys, with the one in force marked, and which servers are shown if that is not all.
  private func keys(_ frame: Frame) -> Line {
    let isNarrow = canvas.columns < 78
    var line = Line(isNarrow ? " " : " sort:")
    for column in SortOrder.Column.allCases {
      let isChosen = column == dashboard.order.column
      if !isNarrow { line.add(" ") }
      line.add(String(column.rawValue), isChosen ? .heading : .key)
      if isNarrow {
        line.add(" ")
      } else {
        // The word without the letter, if it begins with it.
        let rest = column.word.first == column.rawValue ? String(column.word.dropFirst()) : " " + column.word
        line.add(rest, isChosen ? .heading : .faint)
      }
    }
    if isNarrow { line.add("sort", .faint) }
    var right = Line()
    let count = dashboard.report?.servers.count ?? 0
    if frame.page > 0, count > frame.page {
      right.add("\(frame.offset + 1)-\(min(count, frame.offset + frame.page))/\(count) ")
    }
    right.add("q", .key)
    right.add("uit ", .faint)
    line = line.cut(to: max(0, canvas.columns - right.width))
    line.pad(to: canvas.columns - right.width)
    line.add(right)
    return line
  }
}

/// How many lines each part of a frame has.
struct Parts: Equatable {
  var attention: Int
  var graphs: Int
  var pools: Int
  var servers: Int
  var hotKeys: Int
  var events: Int

  init(_ report: ProxyReport, _ composition: Composition) {
    guard let rows = composition.canvas.rows else {
      attention = report.status.attention.count
      graphs = composition.graphCount > 0 ? composition.graphCount + 2 : 0
      (pools, servers) = (report.pools.count, report.servers.count)
      hotKeys = report.hotKeys.count
      events = min(20, report.events.count)
      return
    }
    // The title, the numbers, the head of the servers, the keys, and what is said of a silent proxy.
    var left = rows - 5 - (composition.dashboard.silence == nil ? 0 : 1)
    func take(_ wanted: Int, leaving: Int) -> Int {
      let taken = max(0, min(wanted, left - leaving))
      left -= taken
      return taken
    }
    /// Lines of a panel that has a head, or none.
    func panel(_ wanted: Int, leaving: Int) -> Int {
      guard wanted > 0 else { return 0 }
      let taken = take(wanted + 1, leaving: leaving)
      if taken == 1 { left += 1 }
      return max(0, taken - 1)
    }
    let few = min(3, report.servers.count)
    attention = take(min(3, report.status.attention.count), leaving: few + 1)
    graphs = take(min(2, composition.graphCount), leaving: min(8, report.servers.count) + 2)
    // With a single pool its numbers are those of the whole proxy.
    pools = panel(min(report.pools.count, max(2, rows / 8)), leaving: min(6, report.servers.count) + 3)
    events = panel(min(3, report.events.count), leaving: min(7, report.servers.count))
    hotKeys = panel(min(5, report.hotKeys.count), leaving: min(10, report.servers.count))
    servers = max(0, take(report.servers.count, leaving: 0))
    // What is left shows more of the rest, and higher graphs.
    graphs += take(composition.graphCount - graphs, leaving: 0)
    if graphs == composition.graphCount, graphs > 0 { graphs += take(Composition.tallest - 1, leaving: 0) }
    if events > 0 { events += take(report.events.count - events, leaving: 0) }
    if pools > 0 { pools += take(report.pools.count - pools, leaving: 0) }
    if hotKeys > 0 { hotKeys += take(report.hotKeys.count - hotKeys, leaving: 0) }
  }
}
