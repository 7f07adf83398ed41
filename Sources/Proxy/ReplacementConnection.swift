import Bytes
import Stats
import Wire

// Connections that are dead and do not say so: a way that forgot them, a server that has gone without a word.
//
//     silent for one deadline ─▶ another is opened beside it ─┬▶ greeted: the old one is dead, the new one takes its place
//                                                             └▶ not greeted: the server has failed twice
//
// One that speaks again, or a server that is only slow, keeps its connection and what waits on it.

extension Worker {
  /// Whether a request has been waiting for a whole deadline while nothing at all has come.
  func isSilent(_ l: UInt32, now: Instant) -> Bool {
    guard connections[l].state == .ready, let oldest = connections[l].legs.first else { return false }
    let from = max(connections[l].heard, oldest.since)
    return now.nanoseconds &- min(now.nanoseconds, from.nanoseconds)
      >= servers[connections[l].server].requestTimeout
  }

  /// Tells the board that a deadline has passed: once per connection and deadline, however many requests it was.
  /// They failed for one reason.
  mutating func blame(_ l: UInt32, now: Instant) {
    let s = connections[l].server
    guard !connections[l].isRetiring, !servers[s].isRetired, now >= connections[l].blamedUntil else { return }
    connections[l].blamedUntil = now.advanced(
      by: .nanoseconds(Int64(clamping: servers[s].requestTimeout)))
    servers[s].isSuspect = true
    events.append(.failed(server: servers[s].id, .timedOut))
  }

  // MARK: - Another connection

  /// Opens another connection beside one that is silent; one at a time.
  mutating func openReplacement(for l: UInt32, now: Instant) {
    guard connections[l].state == .validating || isSilent(l, now: now) else { return dropReplacement(of: l) }
    let s = connections[l].server
    guard connections[l].replacement == Slab<ServerConnection>.none, !connections[l].isRetiring,
      servers[s].status == .up,
      now >= connections[l].retryAt
    else { return }
    let r = connections.take()
    connections[r].server = s
    connections[r].replaces = l
    connections[l].replacement = r
    connect(r, now: now)
  }

  /// It was greeted, and takes the place of the one that it was opened for, unless that has spoken meanwhile.
  mutating func takeOver(_ r: UInt32, now: Instant) {
    let l = connections[r].replaces
    let s = connections[r].server
    connections[r].replaces = Slab<ServerConnection>.none
    connections[l].replacement = Slab<ServerConnection>.none
    let wasValidating = connections[l].state == .validating
    guard wasValidating || isSilent(l, now: now), let i = index(of: l, at: s) else {
      return retire(connection: r)
    }
    if wasValidating { moveQueue(from: l, to: r) }
    put(r, inPlaceOf: l, at: i, of: s)
    counters.subtract(.serverConnections)
    counters.add(.serverConnectionsLost)
    reset(l, .connectionLost, readsTo: r, isEndedHere: true)
    connections[r].owed += connections[l].owed
    connections[l].owed = []
    retire(connection: l)
  }

  private func index(of l: UInt32, at s: UInt32) -> Int? {
    for i in 0..<servers[s].connections.count where servers[s].connections[i] == l { return i }
    return nil
  }

  /// It could not be made, as the board was told: so the silence is a failure as well. Tried again after a while,
  /// which has passed already if it took its whole time.
  mutating func giveUpReplacement(_ r: UInt32, _ failure: ServerFailure, now: Instant) {
    let l = connections[r].replaces
    connections[l].retryAt = failure == .timedOut ? now : now.advanced(by: limits.reconnectDelay)
    blame(l, now: now)
    dropReplacement(of: l)
  }

  /// It was opened early, for one that had rested, and its server has not answered either: it may be slow, and is
  /// given a whole deadline.
  mutating func giveUpEarlyReplacement(_ r: UInt32) {
    let l = connections[r].replaces
    let patience = Duration.nanoseconds(Int64(clamping: servers[connections[l].server].requestTimeout))
    connections[l].retryAt = connections[l].validatingSince.advanced(by: patience)
    dropReplacement(of: l)
  }

  /// Nobody needs it any more.
  mutating func dropReplacement(of l: UInt32) {
    let r = connections[l].replacement
    guard r != Slab<ServerConnection>.none else { return }
    connections[l].replacement = Slab<ServerConnection>.none
    connections[r].replaces = Slab<ServerConnection>.none
    retire(connection: r)
  }

  // MARK: - Reads once more

  /// Whether nothing has come from a connection since long before the oldest of its requests: it may have been dead
  /// before that was sent.
  func isStale(_ l: UInt32) -> Bool {
    let s = connections[l].server
    guard connections[l].state == .ready, !connections[l].isRetiring, servers[s].status == .up,
      connections[l].input.isEmpty,
      let oldest = connections[l].legs.first
    else { return false }
    return oldest.since.since(connections[l].heard) >= limits.staleAfter
  }

  /// How many reads end the queue, whose first request stands in `asked` at `start`. A read before a write is not
  /// among them: the write may have been done, and the read must not see what was asked after it.
  func readsAtTheEnd(of l: UInt32, _ asked: borrowing Buffer, _ start: Int) -> Int {
    var count = 0
    var start = start
    for i in 0..<connections[l].legs.count {
      let leg = connections[l].legs[i]
      count = Self.changesNothing(leg, asked, start) ? count &+ 1 : 0
      start &+= Int(leg.length)
    }
    return count
  }

  /// Only what somebody waits for, whose deadline has not passed, and once.
  func mayBeSentAgain(_ leg: Leg) -> Bool {
    !leg.isLate && !leg.isRetried && (leg.exchange != Slab<Exchange>.none || leg.fanOut != Slab<FanOut>.none)
  }

  /// Whether it is a read, and not one that touches or creates.
  static func changesNothing(_ leg: Leg, _ asked: borrowing Buffer, _ start: Int) -> Bool {
    switch leg.verb {
    case .get, .gets, .metaDebug: return true
    case .metaGet:
      var flags = leg.metaLine.sentFlags(asked.readable, from: start)
      while let word = flags.next(asked.readable) {
        // N creates, R wins the right to store anew, T touches.
        if [78, 82, 84].contains(asked.readable.byte(at: word.from)) { return false }
      }
      return true
    default: return false
    }
  }

  /// Puts a request at the end of a connection's queue, as it was first sent and with its first deadline.
  mutating func sendAgain(_ leg: Leg, _ asked: borrowing Buffer, _ start: Int, on l: UInt32) {
    var again = leg
    again.isRetried = true
    appendAlone(again, asked, start, on: l)
    counters.add(.readRetries)
  }
}
