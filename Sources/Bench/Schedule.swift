import Bytes

/// When the requests of an open loop are due: one after the other at a fixed rate, whatever is answered.
///
/// The schedule needs no memory for requests that are late: it only counts those that were sent.
struct Schedule: ~Copyable {
  private var start = Instant.origin
  /// Nanoseconds from one request to the next; zero in a closed loop, which has no schedule.
  private var interval = 0.0
  private var sent: UInt64 = 0
  /// A connection's index for each request that it has room for, in the order in which room was made.
  private var room = Fifo<UInt32>()

  init() {}

  init(rate: Int, from start: Instant, connections: Int, depth: Int) {
    self.start = start
    interval = 1e9 / Double(max(1, rate))
    for _ in 0..<depth {
      for i in 0..<connections { room.append(UInt32(i)) }
    }
  }

  var isActive: Bool { interval > 0 }

  var hasRoom: Bool { !room.isEmpty }

  var nextDue: Instant { due(sent) }

  private func due(_ n: UInt64) -> Instant {
    Instant(nanoseconds: start.nanoseconds &+ UInt64(Double(n) * interval))
  }

  /// The connection for the next request, and when that is due; nil if none is due now, or no connection has room.
  mutating func take(now: Instant, end: Instant) -> (connection: Int, due: Instant)? {
    let due = nextDue
    guard due <= now, due < end, let i = room.popFirst() else { return nil }
    sent += 1
    return (Int(i), due)
  }

  /// Notes that a connection has room for further requests.
  mutating func giveBack(_ connection: UInt32, count: Int) {
    for _ in 0..<count { room.append(connection) }
  }

  /// Notes that a connection has been closed.
  mutating func close(_ connection: UInt32) { room.removeAll(connection) }

  /// Counts the requests that were due before `end` and not sent, with the time that they have waited. Of very many it takes
  /// the times of a million.
  borrowing func recordUnsent(dueBefore end: Instant, now: Instant, _ run: inout RunState) {
    guard isActive else { return }
    let total = UInt64((Double(end.nanoseconds(since: start)) / interval).rounded(.up))
    guard total > sent else { return }
    let step = max(1, (total - sent) / 1_000_000)
    for n in stride(from: sent, to: total, by: Int(step)) {
      run.sinceDue.record(now.nanoseconds(since: due(n)), count: min(step, total - n))
    }
    run.tally.unsent += Int(total - sent)
  }
}
