import Bytes

/// The limits of a merge: a server that sends an endless answer costs no more than these.
package struct MergeLimits: Equatable, Sendable {
  /// Rows of the merged answer.
  package var rows = 100_000
  /// Bytes of all lines read. A real `cachedump` is up to 2 MiB per server.
  package var bytes = 64 << 20
  /// Bytes of one line; memcached's own are shorter than 4.5 KiB (a path in `stats settings`).
  package var line = 8192

  package init() {}
}

/// The answers of several servers to one `stats` command, merged into one memcached answer.
///
///     10.0.0.1   STAT curr_items 5   ┐
///     10.0.0.2   STAT curr_items 7   ├─▶  STAT curr_items 12
///     10.0.0.3   (no answer)         ┘    STAT ringroad_servers_answered 2/3
///                                         END
///
/// Rows are in the order of the first server's answer, followed by rows that only other servers have. Rows of a slab
/// class or an item size are sorted by it. A list of stats has the additional row `ringroad_servers_answered`, and
/// `ringroad_rows_dropped` if a limit was reached; `items`, `slabs`, `sizes` and `conns` do not, because clients
/// split the names of their rows.
///
/// Accepts any bytes: an answer that is incomplete or of another shape is neither merged nor counted. For one thread,
/// on the cold path; the limits bound the memory.
package struct MergedStats: Sendable {
  package let kind: StatsKind
  /// Servers that sent a complete answer of the right shape.
  package private(set) var answered = 0

  private let ownPID: Int32
  private var allowance: MergeLimits
  private var dropped = 0

  private var rows: [MergedRow] = []
  private var rowOfName: [String: Int] = [:]
  private var connections = ConnectionNumbers()
  /// The counters of the server whose answer is being merged; nil if they are merged as gauges are.
  private var counters: ServerCounters?

  private var prefixes = PrefixTotals()
  private var items: [[UInt8]] = []
  private var refusal: [UInt8]?

  package init(kind: StatsKind, ownPID: Int32, limits: MergeLimits = MergeLimits()) {
    self.kind = kind
    self.ownPID = ownPID
    allowance = limits
  }

  /// Merges one server's whole answer, from its first line to `END` or its only line. False if it is an error line,
  /// incomplete or of another shape; then nothing of it is merged. In `stats conns` a row shows the server's `label` for
  /// each connection.
  @discardableResult
  package mutating func add(_ answer: RawSpan, of label: String? = nil) -> Bool {
    if let confirmation = kind.confirmation {
      guard isOnlyLine(answer, confirmation) else {
        noteRefusal(answer)
        return false
      }
      answered += 1
      return true
    }
    guard answer.endsWithEND else {
      noteRefusal(answer)
      return false
    }
    answered += 1
    connections.begin(label)
    answer.forEachLine { from, to in
      // In an answer with raw keys such a line may be part of a key.
      if answer.isText("END", from: from, to: to) { return kind.printsKeys }
      if !take(answer, from, to) { dropped += 1 }
      return true
    }
    return true
  }

  /// The same, but a counter of the server never falls: see `KnownCounters`. `asked`: when the request was received.
  package mutating func add(
    _ answer: RawSpan, _ known: inout ServerCounters, asked: Instant, now: Instant
  ) -> Bool {
    counters = known
    counters?.begin(asked: asked, now: now)
    let isMerged = add(answer)
    if isMerged, let counters {
      known = counters
      standIn(counters)
    }
    counters = nil
    return isMerged
  }

  /// Has a server's counters stand in for its answer.
  package mutating func standIn(_ known: ServerCounters) {
    for (i, (name, rule)) in MergeTable.counters.enumerated() {
      guard let total = known.total(of: i), let row = row(name, rule, nil) else { continue }
      rows[row].add(rule.text(total))
    }
  }

  /// Merges the proxy's own clients into `stats conns`, as another server's answer.
  package mutating func add(_ clients: [ConnectedClient]) {
    let answer = clients.answer
    add(answer.span.raw)
  }

  // MARK: - One line

  /// False if the line is not of this answer's shape or exceeds a limit.
  private mutating func take(_ answer: RawSpan, _ from: Int, _ to: Int) -> Bool {
    let length = to - from
    guard length <= allowance.line, length <= allowance.bytes else { return false }
    allowance.bytes -= length
    if kind.listsStats { return takeStat(answer, from, to) }
    guard allowance.rows > 0 else { return false }
    switch kind {
    case .cachedump(let limit):
      guard answer.isItemRow(from: from, to: to) else { return false }
      // Each server listed items up to the limit; a single memcached would have stopped there.
      guard limit == 0 || items.count < limit else { return true }
      var row: [UInt8] = []
      for i in from..<to { row.append(answer.byte(at: i)) }
      items.append(row)
      allowance.rows -= 1
      return true
    case .detailDump:
      guard let isNew = prefixes.add(answer.cleaned(from: from, to: to)) else { return false }
      if isNew { allowance.rows -= 1 }
      return true
    default: return false
    }
  }

  /// Merges `STAT name value`; the value may contain spaces and may be missing.
  private mutating func takeStat(_ answer: RawSpan, _ from: Int, _ to: Int) -> Bool {
    let start = from + 5
    guard start < to, answer.hasText("STAT ", at: from) else { return false }
    let space = answer.first(32, from: start, to: to) ?? to
    guard space > start else { return false }
    let name = answer.text(from: start, to: space)
    let value = space < to ? answer.text(from: space + 1, to: to) : ""

    let (pattern, number) = MergeTable.pattern(of: name, in: kind)
    let rule = MergeTable.rule(for: name, in: kind) ?? MergeTable.fallback(in: kind)
    if rule == .each { return appendOwn(name, pattern: pattern, number: number, value: value) }

    guard let i = row(name, rule, number) else { return false }
    if !isCounted(name, rule, value) { rows[i].add(value) }
    return true
  }

  /// Takes a value into the server's counters, if it is one of those; `standIn` adds it to its row.
  private mutating func isCounted(_ name: String, _ rule: MergeRule, _ value: String) -> Bool {
    guard counters != nil else { return false }
    if name == "uptime", let seconds = saturatingDecimal(value) { counters?.take(uptime: seconds) }
    guard let i = MergeTable.counterNumbers[name], let number = rule.number(value) else { return false }
    counters?.take(number, for: i)
    return true
  }

  /// The row with this name, which is new if there is none yet; nil if there are too many.
  private mutating func row(_ name: String, _ rule: MergeRule, _ number: UInt64?) -> Int? {
    if let i = rowOfName[name] { return i }
    guard allowance.rows > 0 else { return nil }
    allowance.rows -= 1
    rowOfName[name] = rows.count
    rows.append(MergedRow(name: name, rule: rule, number: number))
    return rows.count - 1
  }

  /// Appends a row that is not merged. Connections of the second server get numbers after those of the first.
  private mutating func appendOwn(
    _ name: String, pattern: String, number: UInt64?, value: String
  ) -> Bool {
    guard let number else { return appendRow(name, value) }
    let (shown, label) = connections.take(number)
    if let label, !appendRow("\(shown):server", wordOfRow(label)) { return false }
    return appendRow(String(shown) + pattern.dropFirst(), value)
  }

  private mutating func appendRow(_ name: String, _ value: String) -> Bool {
    guard allowance.rows > 0 else { return false }
    allowance.rows -= 1
    rows.append(MergedRow(name: name, rule: .each, number: nil))
    rows[rows.count - 1].add(value)
    return true
  }

  // MARK: - The merged answer

  /// The answer for the client, `END` included. `servers` is the number of servers asked. If none sent a valid
  /// answer, the client gets a server's error line, or one that reports the missing answers.
  package func rendered(of servers: Int) -> [UInt8] {
    guard answered > 0 else { return refusal ?? missing(servers, of: servers) }
    if let confirmation = kind.confirmation {
      return answered >= servers
        ? Array((confirmation + "\r\n").utf8) : missing(servers - answered, of: servers)
    }
    var output: [UInt8] = []
    let classes = Set(rows.compactMap(\.number)).count
    for row in sortedRows {
      append("STAT \(row.name) \(row.value(ownPID: ownPID, classes: classes))\r\n", to: &output)
    }
    for item in items { output += item + [13, 10] }
    prefixes.render(into: &output)
    if kind.listsStats && !kind.numbersRows {
      append("STAT ringroad_servers_answered \(answered)/\(servers)\r\n", to: &output)
      if dropped > 0 { append("STAT ringroad_rows_dropped \(dropped)\r\n", to: &output) }
    }
    append("END\r\n", to: &output)
    return output
  }

  /// Rows of a class or size by its number, those of one class in the order received; all others last.
  private var sortedRows: [MergedRow] {
    guard kind == .items || kind == .slabs || kind == .sizes else { return rows }
    return rows.enumerated().sorted { a, b in
      let first = a.element.number ?? .max
      let second = b.element.number ?? .max
      return first != second ? first < second : a.offset < b.offset
    }.map(\.element)
  }

  private func missing(_ count: Int, of servers: Int) -> [UInt8] {
    Array("SERVER_ERROR ringroad: \(count) of \(servers) servers did not answer\r\n".utf8)
  }

  private func append(_ text: String, to output: inout [UInt8]) { output += text.utf8 }

  // MARK: - Lines that are not rows

  private func isOnlyLine(_ answer: RawSpan, _ text: String) -> Bool {
    var lines = 0
    var isRight = false
    answer.forEachLine { from, to in
      lines += 1
      isRight = lines == 1 && answer.text(from: from, to: to) == text
      return lines < 2
    }
    return isRight
  }

  /// Keeps the first error line, for the case that no server sends a better answer.
  private mutating func noteRefusal(_ answer: RawSpan) {
    guard refusal == nil else { return }
    var line: [UInt8]?
    let longest = min(allowance.line, 512)
    answer.forEachLine { from, to in
      let isError =
        answer.isText("ERROR", from: from, to: to) || answer.hasText("CLIENT_ERROR ", at: from)
        || answer.hasText("SERVER_ERROR ", at: from)
      if isError { line = answer.cleaned(from: from, to: min(to, from + longest)) + [13, 10] }
      return false
    }
    refusal = line
  }
}

/// The numbers of connections in a merged `stats conns`: those of different servers are different.
private struct ConnectionNumbers {
  private var offset: UInt64 = 0
  private var highest: UInt64?
  /// The server whose connections are listed, and the last of them.
  private var label: String?
  private var last: UInt64?

  /// Another server's connections follow.
  mutating func begin(_ label: String?) {
    offset = highest.map { $0 == .max ? $0 : $0 + 1 } ?? 0
    self.label = label
    last = nil
  }

  /// The number to show for a connection, and the server's label at its first row.
  mutating func take(_ number: UInt64) -> (shown: UInt64, label: String?) {
    let (sum, overflow) = number.addingReportingOverflow(offset)
    let shown = overflow ? .max : sum
    highest = max(highest ?? 0, shown)
    defer { last = shown }
    return (shown, shown == last ? nil : label)
  }
}
