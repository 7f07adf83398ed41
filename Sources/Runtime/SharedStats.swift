import Bytes
import Net
import Settings
import Stats
import Synchronization
import Topology

/// Statistics shared by all threads: each worker's number of clients, and its counters, which it publishes every 100
/// ms.
final class SharedStats: Sendable {
  /// A worker's published counters and CPU time, and its numbers for each listener.
  struct Row: Sendable {
    var counters = Counters()
    var work = Work()
    var listeners: [ListenerNumbers] = []
  }

  /// A worker's CPU time, and when it published that; `origin` if it has not yet.
  struct Work: Equatable, Sendable {
    var spent = Duration.zero
    var at = Instant.origin
  }

  /// An atomic counter. A class, because an array cannot hold an atomic.
  private final class Count: Sendable {
    let value = Atomic<Int>(0)
  }

  /// Clients of each worker, with those that were placed there but are not accepted by it yet.
  private let counts: [Count]
  /// Clients rejected because there were too many; counted by the control thread.
  let rejected = Atomic<Int>(0)
  /// Keys deleted on servers because the journal held them; counted by the control thread.
  let deleted = Atomic<Int>(0)
  /// Lines that the log's destination did not accept; stored by the control thread.
  let linesDropped = Atomic<Int>(0)
  private let rows: Mutex<[Row]>
  /// Each worker's numbers for each server, published every 100 ms.
  private let servers: Mutex<[[ServerNumbers]]>
  /// Each worker's numbers for each pool.
  private let pools: Mutex<[[PoolNumbers]]>
  let hotKeys: HotKeyLists
  let tails = TailDesk()
  let recording = Recording()
  /// What the control thread knows, and the configuration in force.
  private let control = Mutex((report: ControlReport(), settings: ProxySettings(pools: [])))
  private let startedAt = Clock.now()
  private let startTime = Clock.time()
  /// Each server's counters when it last answered `stats`.
  let known = Mutex(KnownCounters())
  /// Each worker's clients, as far as `stats conns` was requested.
  private let clientLists: Mutex<[ClientList]>
  /// When `stats conns` last wanted them, in the nanoseconds of an `Instant`.
  private let clientsWantedAt = Atomic<UInt64>(0)

  /// The clients that a worker had at some time.
  private struct ClientList {
    var clients: [ConnectedClient] = []
    var at = Instant.origin
  }

  init(workers: Int) {
    hotKeys = HotKeyLists(workers: workers)
    clientLists = Mutex(Array(repeating: ClientList(), count: workers))
    counts = (0..<workers).map { _ in Count() }
    rows = Mutex(Array(repeating: Row(), count: workers))
    servers = Mutex(Array(repeating: [], count: workers))
    pools = Mutex(Array(repeating: [], count: workers))
  }

  // MARK: - Clients

  /// The number of clients of all workers.
  var clients: Int { counts.reduce(0) { $0 + $1.value.load(ordering: .relaxed) } }

  func clients(of worker: Int) -> Int { counts[worker].value.load(ordering: .relaxed) }

  /// Counts a client that was placed at the worker.
  func clientCame(to worker: Int) { counts[worker].value.add(1, ordering: .relaxed) }

  func clientLeft(_ worker: Int) { counts[worker].value.subtract(1, ordering: .relaxed) }

  // MARK: - Clients for stats conns

  /// Has every worker publish its clients with its next numbers.
  func wantClients(now: Instant) { clientsWantedAt.store(now.nanoseconds, ordering: .relaxed) }

  /// Whether a worker is to publish its clients. Frees a list that is no longer needed.
  func wantsClients(of worker: Int, now: Instant) -> Bool {
    let wanted = clientsWantedAt.load(ordering: .relaxed)
    return clientLists.withLock { lists in
      if lists[worker].at.nanoseconds < wanted { return true }
      if now.since(lists[worker].at) > Self.clientListLife { lists[worker].clients = [] }
      return false
    }
  }

  func publish(_ clients: [ConnectedClient], of worker: Int) {
    clientLists.withLock { $0[worker] = ClientList(clients: clients, at: Clock.now()) }
  }

  /// All workers' clients, if every worker has published them since `asked`, or has not for `clientListPatience`.
  func clients(since asked: Instant, now: Instant) -> [ConnectedClient]? {
    clientLists.withLock { lists in
      let isComplete = lists.allSatisfy { $0.at >= asked }
      return isComplete || now.since(asked) >= Self.clientListPatience ? lists.flatMap(\.clients) : nil
    }
  }

  /// How long `stats conns` waits for a worker that is busy; workers publish every 100 ms.
  static let clientListPatience = Duration.milliseconds(500)
  /// How long a list is kept: at least as long as a request may wait for it.
  private static let clientListLife = Duration.seconds(1)

  // MARK: - Numbers

  /// Publishes a worker's counters. Called on the worker's own thread, whose CPU time is published with them.
  func publish(_ counters: Counters, of worker: Int) {
    let work = Work(spent: Clock.worked(), at: Clock.now())
    rows.withLock { rows in
      rows[worker].counters = counters
      rows[worker].work = work
    }
  }

  /// Publishes a worker's numbers for each server.
  func publishServers(of worker: Int, _ fill: (inout [ServerNumbers]) -> Void) {
    servers.withLock { fill(&$0[worker]) }
  }

  /// Publishes a worker's numbers for each pool.
  func publishPools(of worker: Int, _ fill: (inout [PoolNumbers]) -> Void) {
    pools.withLock { fill(&$0[worker]) }
  }

  /// Publishes a worker's numbers for each listener.
  func publishListeners(of worker: Int, _ fill: (inout [ListenerNumbers]) -> Void) {
    rows.withLock { fill(&$0[worker].listeners) }
  }

  /// When any worker last received a reply from a server; `origin` if none did.
  func heard(_ server: ServerID) -> Instant {
    servers.withLock { all in
      all.joined().reduce(.origin) { $1.id == server ? max($0, $1.heard) : $0 }
    }
  }

  /// Each worker's last published CPU time.
  func work() -> [Work] { rows.withLock { $0.map(\.work) } }

  /// Publishes what the control thread knows.
  func publish(_ report: ControlReport, _ settings: ProxySettings) {
    control.withLock { $0 = (report, settings) }
  }

  /// What the control thread knows.
  var report: ControlReport { control.withLock { $0.report } }

  /// The configuration in force.
  var settings: ProxySettings { control.withLock { $0.settings } }

  // MARK: - Everything

  /// All numbers, as of each thread's last tenth of a second.
  func snapshot() -> Snapshot {
    var snapshot = Snapshot()
    snapshot.time = Clock.time()
    snapshot.started = startTime
    snapshot.uptime = Clock.now().since(startedAt)
    snapshot.control = control.withLock { $0.report }
    for (i, row) in rows.withLock({ $0 }).enumerated() {
      snapshot.workers.append(
        WorkerSnapshot(
          clients: clients(of: i), requestsForwarded: row.counters[.requestsForwarded], cpu: row.work.spent))
      snapshot.totals += row.counters
      for one in row.listeners { snapshot.listeners[one.id, default: ListenerNumbers(id: one.id)] += one }
    }
    snapshot.totals += snapshot.control.numbers
    snapshot.totals.add(linesDropped.load(ordering: .relaxed), to: .logLinesDropped)
    snapshot.totals.add(rejected.load(ordering: .relaxed), to: .rejectedClients)
    snapshot.totals.add(deleted.load(ordering: .relaxed), to: .journalDeleted)
    // Copied, and merged afterwards, so that no worker waits for that.
    for one in servers.withLock({ $0 }).joined() {
      snapshot.servers[one.id, default: ServerNumbers(id: one.id)] += one
    }
    for one in pools.withLock({ $0 }).joined() {
      snapshot.pools[one.id, default: ResultCounts()] += one.results
    }
    return snapshot
  }

  /// The reply to `stats ringroad`.
  func rendered() -> [UInt8] { snapshot().rows.answer }
}
