/// What each server does per second: the difference between what it had counted at two moments.
struct ServerRates: Equatable, Sendable {
  struct Rate: Equatable, Sendable {
    var requests: Double?
    var errors: Double?
    /// Hits among the reads.
    var hits: Double?
  }

  private struct Sample: Equatable, Sendable {
    var seconds: Double
    var counts: [String: ProxyReport.Counts]
  }

  /// Requests and errors are of the last three seconds or more, hits of the last ten.
  static let window = 3.0
  static let hitWindow = 10.0

  /// By time; the last one is the newest.
  private var samples: [Sample] = []

  init() {}

  /// Takes the counts of all servers. `seconds` is the proxy's uptime at that moment.
  mutating func take(_ servers: [ProxyReport.Server], seconds: Double) {
    // The same process cannot become younger: this is another one.
    if let newest = samples.last, seconds < newest.seconds { samples = [] }
    let counts = Dictionary(servers.map { ($0.name, $0.counts) }, uniquingKeysWith: { a, _ in a })
    if samples.last?.seconds == seconds { samples.removeLast() }
    samples.append(Sample(seconds: seconds, counts: counts))
    // One that is older than the window stays: rates begin there if the time between two looks is longer.
    while samples.count > 2, samples[1].seconds <= seconds - Self.hitWindow { samples.removeFirst() }
  }

  func rate(of name: String) -> Rate {
    guard let newest = samples.last, let now = newest.counts[name] else { return Rate() }
    var rate = Rate()
    if let (before, seconds) = counts(of: name, before: newest, by: Self.window) {
      rate.requests = max(0, now.requests - before.requests) / seconds
      rate.errors = max(0, now.errors - before.errors) / seconds
    }
    if let (before, _) = counts(of: name, before: newest, by: Self.hitWindow) {
      let (hits, misses) = (max(0, now.hits - before.hits), max(0, now.misses - before.misses))
      if hits + misses > 0 { rate.hits = hits / (hits + misses) }
    }
    return rate
  }

  /// The oldest sample within the window, else the newest one before; nil without any.
  private func counts(of name: String, before newest: Sample, by window: Double) -> (
    ProxyReport.Counts, Double
  )? {
    // A tenth of a second more: looks are not exactly a second apart.
    let within = samples.dropLast().first { newest.seconds - $0.seconds <= window + 0.1 }
    guard let sample = within ?? samples.dropLast().last, let counts = sample.counts[name],
      newest.seconds > sample.seconds
    else { return nil }
    return (counts, newest.seconds - sample.seconds)
  }
}
