import Bytes

/// Picks the worker for the next client: one with the fewest clients, and of these the least busy in the last second.
///
///     clients      40   42   47      up to an eighth more than the fewest counts as equal: the first two
///     busy         6    2    1       tenths of the last second
///     goes to           ↑
///
/// A client stays with its worker, and its future load is unknown. So the number of clients decides first, and load
/// only within that eighth: figures a second old must not send a burst of clients to one worker. Workers that are equal
/// in both take turns. O(workers) for each client. Used by the control thread only.
struct ClientPlacement {
  /// How busy each worker was between its last two reports, in tenths of that time: finer is noise.
  private var busy: [Int]
  private var work: [SharedStats.Work]
  /// The worker that is first among equals next time.
  private var first = 0

  init(workers: Int) {
    busy = Array(repeating: 0, count: workers)
    work = Array(repeating: SharedStats.Work(), count: workers)
  }

  /// Picks a worker; `clients` returns the number of clients of each.
  mutating func worker(clients: (Int) -> Int) -> Int {
    let fewest = busy.indices.reduce(Int.max) { min($0, clients($1)) }
    var best = first
    // No candidate yet: every worker compares less.
    var least = (busy: Int.max, clients: Int.max)
    for step in busy.indices {
      let i = (first + step) % busy.count
      let count = clients(i)
      guard count - fewest <= fewest / 8, (busy[i], count) < least else { continue }
      (best, least) = (i, (busy[i], count))
    }
    first = (best + 1) % busy.count
    return best
  }

  /// Updates how busy the workers are from their CPU times. Called about once a second.
  mutating func note(_ now: [SharedStats.Work]) {
    for i in busy.indices where i < now.count {
      // A worker without a new report keeps its last figure.
      guard now[i].at > work[i].at else { continue }
      if work[i].at > .origin {
        let share = (now[i].spent - work[i].spent) / now[i].at.since(work[i].at)
        busy[i] = Int((share * 10).rounded())
      }
      work[i] = now[i]
    }
  }
}
