import Stats
import Topology

/// What happened in one second to one server, one pool, or all.
package struct Step: Sendable, Equatable {
  package var requests: UInt32 = 0
  package var hits: UInt32 = 0
  package var misses: UInt32 = 0
  package var errors: UInt32 = 0
  /// In seconds; not a number in a second without requests.
  package var p50 = Float.nan
  package var p99 = Float.nan
  package var p999 = Float.nan
}

/// Numbers that only grow, as of one moment.
struct Totals: Sendable, Equatable {
  var requests: UInt64 = 0
  var hits: UInt64 = 0
  var misses: UInt64 = 0
  var errors: UInt64 = 0

  init() {}

  init(_ tally: ServerTally) {
    hits = tally.hits
    misses = tally.misses
    errors = tally.errors &+ tally.failed
    requests = tally.answered &+ tally.failed
  }

  init(_ results: ResultCounts) {
    for result in RequestResult.allCases {
      let count = results[result]
      requests &+= count
      if result.isError { errors &+= count }
    }
    hits = results[.hit]
    misses = results[.miss]
  }

  static func += (a: inout Totals, b: Totals) {
    a.requests &+= b.requests
    a.hits &+= b.hits
    a.misses &+= b.misses
    a.errors &+= b.errors
  }
}

/// A histogram as metrics show it: all events so far, in a few buckets.
package struct Buckets: Sendable, Equatable {
  /// The bounds of the buckets, in microseconds; one more bucket has what is longer.
  package static let bounds = [
    50, 100, 200, 350, 500, 750, 1000, 2000, 3500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
  ]

  package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
  /// In seconds.
  package private(set) var sum = 0.0

  package init() {}

  mutating func add(_ latencies: LatencyCounts) { sum += latencies.add(to: &counts, bounds: Self.bounds) }
}

/// Latencies of one server, one pool, one listener, or all: those of the last seconds, and the histogram of all so far.
package struct Latencies: Sendable {
  /// Five seconds each: together they are what is shown as "now".
  private var older = LatencyCounts()
  private var newer = LatencyCounts()
  package private(set) var all = Buckets()
  /// The 50th, 99th and 99.9th percentile of the last five to ten seconds.
  package private(set) var now: [Double]?

  static let shares = [0.5, 0.99, 0.999]

  fileprivate mutating func record(_ latencies: LatencyCounts, step: Int) {
    all.add(latencies)
    if step % 5 == 0 { (older, newer) = (newer, LatencyCounts()) }
    newer += latencies
    var recent = older
    recent += newer
    now = recent.quantiles(Self.shares)
  }
}

/// The last ten minutes of one server, one pool, or all, second by second, and its latencies.
package struct Track: Sendable {
  /// In a ring of `Recorder.length`; `Recorder.last` says which is the newest.
  fileprivate(set) var steps: [Step] = []
  private var before: Totals?
  private var latencies = Latencies()
  /// All latencies.
  package var all: Buckets { latencies.all }
  /// See `Latencies.now`.
  package var now: [Double]? { latencies.now }

  fileprivate mutating func record(_ totals: Totals, _ latencies: LatencyCounts, step: Int) {
    var new = Step()
    if let before {
      new.requests = Self.growth(of: totals.requests, since: before.requests)
      new.hits = Self.growth(of: totals.hits, since: before.hits)
      new.misses = Self.growth(of: totals.misses, since: before.misses)
      new.errors = Self.growth(of: totals.errors, since: before.errors)
    }
    before = totals
    if let quantiles = latencies.quantiles(Latencies.shares) {
      (new.p50, new.p99, new.p999) = (Float(quantiles[0]), Float(quantiles[1]), Float(quantiles[2]))
    }
    if steps.isEmpty { steps = Array(repeating: Step(), count: Recorder.length) }
    steps[step % Recorder.length] = new
    self.latencies.record(latencies, step: step)
  }
}

extension Track {
  /// None when a server or a pool has left, and with it what it had counted.
  private static func growth(of total: UInt64, since before: UInt64) -> UInt32 {
    UInt32(clamping: total - min(total, before))
  }
}

/// The history of the process: once a second it takes everything that was counted, and keeps ten minutes of it.
package struct Recorder: Sendable {
  /// Steps that are kept, of a second each.
  package static let length = 600

  /// The number of the newest step; the first is 0.
  package private(set) var last = -1
  /// When that was recorded, in seconds since 1970.
  package private(set) var time = 0.0
  package private(set) var total = Track()
  package private(set) var servers: [ServerID: Track] = [:]
  package private(set) var pools: [PoolID: Track] = [:]
  package private(set) var listeners: [ListenerID: Latencies] = [:]
  /// Each worker's turns and lags, all of them.
  package private(set) var turns: [Buckets] = []
  package private(set) var lags: [Buckets] = []
  /// Each worker's share of the last second that it was at work.
  package private(set) var busy: [Double] = []
  private var cpu: [Duration] = []

  package init() {}

  /// The number of the oldest step that is kept.
  package var first: Int { max(0, last - Self.length + 1) }

  /// Records a second. O(servers, pools and listeners, times buckets).
  package mutating func record(_ snapshot: Snapshot, _ book: LatencyBook) {
    last += 1
    let elapsed = snapshot.time - time
    busy = snapshot.workers.enumerated().map { i, worker in
      guard cpu.indices.contains(i), elapsed > 0 else { return 0 }
      return min(1, max(0, (worker.cpu - cpu[i]) / .seconds(1) / elapsed))
    }
    cpu = snapshot.workers.map(\.cpu)
    time = snapshot.time
    for server in snapshot.control.servers {
      servers[server.id, default: Track()].record(
        Totals(snapshot.numbers(of: server.id).tally), book.servers[server.id] ?? LatencyCounts(), step: last)
    }
    for (worker, loop) in book.loops where worker >= 0 && worker < 1024 {
      while turns.count <= worker {
        turns.append(Buckets())
        lags.append(Buckets())
      }
      turns[worker].add(loop.turns)
      lags[worker].add(loop.lags)
    }
    var (all, latencies) = (Totals(), LatencyCounts())
    for pool in snapshot.control.pools {
      let totals = Totals(snapshot.results(of: pool.id))
      let counts = book.pools[pool.id] ?? LatencyCounts()
      pools[pool.id, default: Track()].record(totals, counts, step: last)
      all += totals
      latencies += counts
    }
    total.record(all, latencies, step: last)
    for listener in snapshot.control.listeners {
      listeners[listener.id, default: Latencies()].record(
        book.listeners[listener.id] ?? LatencyCounts(), step: last)
    }
    forget(allBut: snapshot.control)
  }

  /// Forgets what is no longer configured.
  private mutating func forget(allBut control: ControlReport) {
    let (serverIDs, poolIDs) = (Set(control.servers.map(\.id)), Set(control.pools.map(\.id)))
    let listenerIDs = Set(control.listeners.map(\.id))
    servers = servers.filter { serverIDs.contains($0.key) }
    pools = pools.filter { poolIDs.contains($0.key) }
    listeners = listeners.filter { listenerIDs.contains($0.key) }
  }

  /// The steps of a track from number `from` on; those before the track began are empty.
  package func steps(of track: Track, from: Int) -> [Step] {
    let start = max(first, from)
    guard start <= last, !track.steps.isEmpty else { return [] }
    return (start...last).map { track.steps[$0 % Self.length] }
  }

  /// What happened in the last `seconds` to a server.
  package func recent(_ track: Track, seconds: Int) -> UInt64 {
    steps(of: track, from: last - seconds + 1).reduce(0) { $0 + UInt64($1.requests) }
  }
}
