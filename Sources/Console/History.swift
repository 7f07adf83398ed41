import Settings

/// The last ten minutes, second by second, as far as the proxy has told: of all pools together.
struct History: Equatable, Sendable {
  /// What happened in one second.
  struct Step: Equatable, Sendable {
    var counts = ProxyReport.Counts()
    var latency = ProxyReport.Latency()
  }

  static let most = 600

  /// The number of the newest step; nil if there is none.
  private(set) var last: Int?
  /// The newest is the last one.
  private(set) var steps: [Step] = []
  /// The newest ten of each pool.
  private(set) var pools: [String: [Step]] = [:]

  init() {}

  /// The number of the first step that is to be asked for.
  var wanted: Int { last.map { max(0, $0 - 10) } ?? 0 }

  /// Takes the proxy's answer: the steps from `wanted` on, or all that it has.
  mutating func take(_ document: JSONDocument) {
    guard let newFirst = document["first"].number, let newLast = document["last"].number, newLast >= newFirst,
      newFirst >= 0, newLast < 1e15
    else { return }
    let (first, last) = (Int(newFirst), Int(newLast))
    let new = Array(Self.steps(document["total"]).suffix(Self.most))
    guard new.count == min(Self.most, last - first + 1) else { return }
    if let before = self.last, first <= before + 1, last >= before {
      steps.removeLast(min(steps.count, before - first + 1))
      steps += new
    } else {
      steps = new
    }
    if steps.count > Self.most { steps.removeFirst(steps.count - Self.most) }
    self.last = last
    pools = Dictionary(
      document["pools"].members.map { ($0.name, Self.steps($0.value).suffix(10)) },
      uniquingKeysWith: { a, _ in a }
    ).mapValues(Array.init)
  }

  private static func steps(_ document: JSONDocument) -> [Step] {
    let columns = ["requests", "hits", "misses", "errors", "p50", "p99", "p999"].map { document[$0].items }
    let count = columns.map(\.count).min() ?? 0
    return (0..<count).map { i in
      var step = Step()
      step.counts.requests = columns[0][i].number ?? 0
      step.counts.hits = columns[1][i].number ?? 0
      step.counts.misses = columns[2][i].number ?? 0
      step.counts.errors = columns[3][i].number ?? 0
      step.latency.p50 = columns[4][i].number
      step.latency.p99 = columns[5][i].number
      step.latency.p999 = columns[6][i].number
      return step
    }
  }

  /// The mean, or the highest, of a value in equal spans of time, for a graph of `count` columns: the newest on the
  /// right. Spans begin at multiples of their length, so that the graph does not flicker.
  func columns(_ count: Int, value: (Step) -> Double?, of combine: Combination) -> (
    values: [Double?], seconds: Int
  )? {
    guard let last, count > 0, !steps.isEmpty else { return nil }
    let seconds = [1, 2, 3, 5, 10, 15, 30, 60].first { $0 * count >= 240 } ?? 60
    let newest = last / seconds
    var sums = [Double?](repeating: nil, count: count)
    var numbers = [Int](repeating: 0, count: count)
    for (i, step) in steps.enumerated() {
      let column = count - 1 - (newest - (last - (steps.count - 1 - i)) / seconds)
      guard column >= 0, column < count, let value = value(step) else { continue }
      numbers[column] += 1
      sums[column] = combine == .mean ? (sums[column] ?? 0) + value : max(sums[column] ?? 0, value)
    }
    if combine == .mean {
      for i in sums.indices { sums[i] = sums[i].map { $0 / Double(max(1, numbers[i])) } }
    }
    return (sums, seconds)
  }

  /// How the steps of one column become one value.
  enum Combination {
    case mean, highest
  }
}

extension [History.Step] {
  /// The mean of a count in the newest steps; nil without any.
  func mean(_ count: Int, _ value: (ProxyReport.Counts) -> Double) -> Double? {
    let newest = suffix(Swift.max(1, count))
    return newest.isEmpty ? nil : newest.reduce(0) { $0 + value($1.counts) } / Double(newest.count)
  }

  /// Hits among the reads of the newest ten steps; nil without reads.
  var hitRatio: Double? {
    let (hits, misses) = suffix(10).reduce((0.0, 0.0)) { ($0.0 + $1.counts.hits, $0.1 + $1.counts.misses) }
    return hits + misses > 0 ? hits / (hits + misses) : nil
  }

  /// The latencies of the newest step that has some, among the last ten.
  var latency: ProxyReport.Latency {
    suffix(10).last { $0.latency.p50 != nil }?.latency ?? ProxyReport.Latency()
  }
}
