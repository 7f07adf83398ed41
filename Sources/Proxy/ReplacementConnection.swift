import Bytes
import Stats
import Topology
import Wire

// Replaces server connections that died without a FIN or RST: dropped by a firewall or NAT, or the server vanished.
//
//     silent for one deadline ─▶ a replacement is opened ─┬▶ handshake done: the old one is dead and is replaced
//                                                         └▶ no handshake: the server has failed twice
//
// A connection that delivers again, or only has a slow server, is kept with its queue.

extension Worker {
  /// Whether a request has waited for a whole deadline while nothing arrived on the connection.
  func isSilent(_ l: Ref<ServerConnection>, now: Instant) -> Bool {
    guard upstream.connections[l].state == .ready, let oldest = upstream.connections[l].queue.legs.first
    else { return false }
    let from = max(upstream.connections[l].progress.heard, oldest.since)
    return now.nanoseconds &- min(now.nanoseconds, from.nanoseconds)
      >= upstream.servers[upstream.connections[l].server].timeouts.request
  }

  /// Reports a passed deadline to the health board: once per connection and deadline, however many requests it hit,
  /// because they failed for one reason.
  mutating func blame(_ l: Ref<ServerConnection>, now: Instant) {
    let s = upstream.connections[l].server
    guard !upstream.connections[l].isRetiring, !upstream.servers[s].isRetired,
      now >= upstream.connections[l].check.blamedUntil
    else { return }
    upstream.connections[l].check.blamedUntil = now.advanced(
      by: .nanoseconds(Int64(clamping: upstream.servers[s].timeouts.request)))
    upstream.servers[s].isSuspect = true
    common.events.append(.failed(server: upstream.servers[s].id, .timedOut))
  }

  // MARK: - Another connection

  /// Opens a replacement for a connection that is silent or being validated; one at a time.
  mutating func openReplacement(for l: Ref<ServerConnection>, now: Instant) {
    guard upstream.connections[l].state == .validating || isSilent(l, now: now) else {
      return dropReplacement(of: l)
    }
    let s = upstream.connections[l].server
    guard upstream.connections[l].check.replacement == Ref<ServerConnection>.none,
      !upstream.connections[l].isRetiring,
      upstream.servers[s].status == .up,
      now >= upstream.connections[l].attempt.retryAt
    else { return }
    let r = upstream.connections.take()
    upstream.connections[r].server = s
    upstream.connections[r].check.replaces = l
    upstream.connections[l].check.replacement = r
    connect(r, now: now)
  }

  /// The handshake of a replacement is done: it replaces the old connection, unless that has delivered meanwhile.
  mutating func takeOver(_ r: Ref<ServerConnection>, now: Instant) {
    let l = upstream.connections[r].check.replaces
    let s = upstream.connections[r].server
    upstream.connections[r].check.replaces = Ref<ServerConnection>.none
    upstream.connections[l].check.replacement = Ref<ServerConnection>.none
    let wasValidating = upstream.connections[l].state == .validating
    guard wasValidating || isSilent(l, now: now), let i = index(of: l, at: s) else {
      return retire(connection: r)
    }
    if wasValidating { upstream.connections[r].queue = upstream.connections[l].queue.takeAll() }
    put(r, inPlaceOf: l, at: i, of: s)
    common.counters.subtract(.serverConnections)
    common.counters.add(.serverConnectionsLost)
    reset(l, .connectionLost, readsTo: r, isEndedHere: true)
    upstream.connections[r].owed.keys += upstream.connections[l].owed.keys
    upstream.connections[l].owed.keys = []
    retire(connection: l)
  }

  private func index(of l: Ref<ServerConnection>, at s: Ref<Server>) -> Int? {
    for i in 0..<upstream.servers[s].connections.count where upstream.servers[s].connections[i] == l {
      return i
    }
    return nil
  }

  /// A replacement could not be made, and that was reported to the health board; so the silence is reported as a
  /// failure too. The next attempt follows after `reconnectDelay`, or at once if this one took its whole time.
  mutating func giveUpReplacement(_ r: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant) {
    let l = upstream.connections[r].check.replaces
    upstream.connections[l].attempt.retryAt =
      failure == .timedOut ? now : now.advanced(by: common.limits.reconnectDelay)
    blame(l, now: now)
    dropReplacement(of: l)
  }

  /// A replacement opened early, for a connection being validated, got no answer either: the server may be slow, so
  /// the next attempt waits for a whole deadline.
  mutating func giveUpEarlyReplacement(_ r: Ref<ServerConnection>) {
    let l = upstream.connections[r].check.replaces
    let patience = Duration.nanoseconds(
      Int64(clamping: upstream.servers[upstream.connections[l].server].timeouts.request))
    upstream.connections[l].attempt.retryAt = upstream.connections[l].check.validatingSince.advanced(
      by: patience)
    dropReplacement(of: l)
  }

  /// Retires a replacement that is no longer needed.
  mutating func dropReplacement(of l: Ref<ServerConnection>) {
    let r = upstream.connections[l].check.replacement
    guard r != Ref<ServerConnection>.none else { return }
    upstream.connections[l].check.replacement = Ref<ServerConnection>.none
    upstream.connections[r].check.replaces = Ref<ServerConnection>.none
    retire(connection: r)
  }

  // MARK: - Resending reads

  /// Whether nothing arrived on a connection for `staleAfter` before its oldest request: it may have been dead before
  /// that was sent.
  func isStale(_ l: Ref<ServerConnection>) -> Bool {
    let s = upstream.connections[l].server
    guard upstream.connections[l].state == .ready, !upstream.connections[l].isRetiring,
      upstream.servers[s].status == .up,
      upstream.connections[l].input.isEmpty,
      let oldest = upstream.connections[l].queue.legs.first
    else { return false }
    return oldest.since.since(upstream.connections[l].progress.heard) >= common.limits.staleAfter
  }

  /// Puts a request at the end of a connection's queue, with its original bytes and deadline.
  mutating func sendAgain(_ leg: Leg, _ asked: borrowing Buffer, _ start: Int, on l: Ref<ServerConnection>) {
    var again = leg
    again.isRetried = true
    upstream.connections[l].queue.enqueue(again, copiedFrom: asked, at: start, &common.buffers)
    common.counters.add(.readRetries)
  }
}
