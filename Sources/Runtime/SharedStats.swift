import Bytes
import Net
import Proxy
import Stats
import Synchronization

/// What all threads may look at: how many clients each worker has, and its numbers as of its last tenth of a second.
final class SharedStats: Sendable {
  /// What a worker has published.
  struct Row: Sendable {
    var counters = Counters()
    var work = Work()
  }

  /// How long a worker has been on a processor, and when that was; `origin` if it has not said yet.
  struct Work: Equatable, Sendable {
    var spent = Duration.zero
    var at = Instant.origin
  }

  /// A class, because an atomic has a place of its own.
  private final class Count: Sendable {
    let value = Atomic<Int>(0)
  }

  /// Clients of each worker, and those that are on their way to it.
  private let counts: [Count]
  /// Clients turned away because there were too many; the control thread's to count.
  let rejected = Atomic<Int>(0)
  /// Keys deleted on servers because the journal held them; the control thread's to count.
  let deleted = Atomic<Int>(0)
  private let rows: Mutex<[Row]>
  /// Each worker's numbers of each server, as of its last tenth of a second.
  private let servers: Mutex<[[ServerNumbers]]>
  /// What the control thread adds: reloads, servers that are out, …
  private let notes = Mutex(Notes())

  /// Rows as they are, and the names of the servers' rows.
  private struct Notes {
    var rows: [(name: String, value: String)] = []
    var servers: [(id: UInt32, name: String)] = []
  }

  init(workers: Int) {
    counts = (0..<workers).map { _ in Count() }
    rows = Mutex(Array(repeating: Row(), count: workers))
    servers = Mutex(Array(repeating: [], count: workers))
  }

  // MARK: - Clients

  /// Clients connected, of all workers.
  var clients: Int { counts.reduce(0) { $0 + $1.value.load(ordering: .relaxed) } }

  func clients(of worker: Int) -> Int { counts[worker].value.load(ordering: .relaxed) }

  /// A client is dealt to the worker.
  func clientCame(to worker: Int) { counts[worker].value.add(1, ordering: .relaxed) }

  func clientLeft(_ worker: Int) { counts[worker].value.subtract(1, ordering: .relaxed) }

  // MARK: - Numbers

  /// From the worker's own thread, whose time on a processor goes with them.
  func publish(_ counters: Counters, of worker: Int) {
    let work = Work(spent: Clock.worked(), at: Clock.now())
    rows.withLock { $0[worker] = Row(counters: counters, work: work) }
  }

  /// The same of each server's numbers.
  func publishServers(of worker: Int, _ fill: (inout [ServerNumbers]) -> Void) {
    servers.withLock { fill(&$0[worker]) }
  }

  /// When any worker last had a reply of a server; the origin if none did.
  func heard(_ server: UInt32) -> Instant {
    servers.withLock { all in
      all.joined().reduce(.origin) { $1.id == server ? max($0, $1.heard) : $0 }
    }
  }

  /// What each worker has done, as it last said.
  func work() -> [Work] { rows.withLock { $0.map(\.work) } }

  func note(_ rows: [(name: String, value: String)], servers: [(id: UInt32, name: String)] = []) {
    notes.withLock { $0 = Notes(rows: rows, servers: servers) }
  }

  /// A row for each server with what all workers count of it.
  private func serverRows(_ names: [(id: UInt32, name: String)]) -> [(name: String, value: String)] {
    let misses: [UInt32: UInt64] = servers.withLock { all in
      all.joined().reduce(into: [:]) { $0[$1.id, default: 0] &+= $1.readsAsMisses }
    }
    return names.map { ("\($0.name):reads_as_misses", "\(misses[$0.id] ?? 0)") }
  }

  /// The answer to `stats ringroad`.
  func rendered() -> [UInt8] {
    let rows = rows.withLock { $0 }
    let noted = notes.withLock { $0 }
    var notes = noted.rows + serverRows(noted.servers)
    for (worker, row) in rows.enumerated() {
      notes += [
        ("worker:\(worker):clients", "\(clients(of: worker))"),
        ("worker:\(worker):requests_forwarded", "\(row.counters[.requestsForwarded])"),
        ("worker:\(worker):cpu_ms", "\(Int(row.work.spent / .milliseconds(1)))"),
      ]
    }
    var total = rows.reduce(into: Counters()) { $0 += $1.counters }
    total.add(rejected.load(ordering: .relaxed), to: .rejectedClients)
    total.add(deleted.load(ordering: .relaxed), to: .journalDeleted)
    return total.rendered(after: notes)
  }
}
