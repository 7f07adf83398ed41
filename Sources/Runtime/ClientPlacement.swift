import Bytes

/// Which worker the next client goes to: one with the fewest clients, and of these the one that had the least to do lately.
///
///     clients      40   42   47      an eighth of the fewest more counts as equal: the first two
///     busy         6    2    1       tenths of the last second
///     goes to           ↑
///
/// A client stays where it was dealt, and nobody knows what it will ask. So the number of clients comes first, and what they
/// ask tips the scales no further than that eighth: figures a second old must not send a whole crowd to one worker.
/// What is equal in both takes turns. O(workers) for each client; the control thread's.
struct ClientPlacement {
  /// How busy each worker was lately, in tenths: finer is noise.
  private var busy: [Int]
  private var work: [SharedStats.Work]
  /// Who comes first among equals.
  private var first = 0

  init(workers: Int) {
    busy = Array(repeating: 0, count: workers)
    work = Array(repeating: SharedStats.Work(), count: workers)
  }

  /// Picks one, by the number of clients that each has.
  mutating func worker(clients: (Int) -> Int) -> Int {
    let fewest = busy.indices.reduce(Int.max) { min($0, clients($1)) }
    var best = first
    // None yet: everything is less.
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

  /// Takes in what the workers have done, about once a second.
  mutating func note(_ now: [SharedStats.Work]) {
    for i in busy.indices where i < now.count {
      // A worker that has not said anything since counts as busy as it was.
      guard now[i].at > work[i].at else { continue }
      if work[i].at > .origin {
        let share = (now[i].spent - work[i].spent) / now[i].at.since(work[i].at)
        busy[i] = Int((share * 10).rounded())
      }
      work[i] = now[i]
    }
  }
}
