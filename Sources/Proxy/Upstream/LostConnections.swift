import Bytes
import Stats
import Topology
import Wire

// Lost connections, and the replacement of those that died without a FIN or RST: dropped by a firewall or NAT, or the
// server vanished.
//
//     silent for one deadline ─▶ a replacement is opened ─┬▶ handshake done: the old one is dead and is replaced
//                                                         └▶ no handshake: the server has failed twice
//
// A connection that delivers again, or only has a slow server, is kept with its queue.

/// A request that its server will not answer, or not in time, and what is known about it.
struct Settled: BitwiseCopyable {
  enum Fate: BitwiseCopyable {
    /// No byte of it was sent.
    case unsent
    /// The same, and the server does not know the command.
    case unspoken
    /// A read on a connection that was dead before it was sent: it can be sent again.
    case stale
    /// It may have been done, may be done later, or never will be.
    case inDoubt
    /// In doubt, and still in its queue, where its reply will be recognised and discarded.
    case late
    /// In doubt, and the proxy closed the connection: the server may read it after requests sent on another.
    case leftBehind
  }

  var leg: Leg
  var server: Ref<Server>
  /// The connection that has the server's next requests, and whether some are queued there that were sent before.
  var next: Ref<ServerConnection>
  var isAhead = false
  var failure: ServerFailure
  var fate: Fate
  /// When it was sent, if that is known.
  var sentAt: Instant?
  /// Where its request begins in `SettledRequests.bytes`.
  var start: Int
}

/// Requests that will get no reply, with copies of their lines.
struct SettledRequests: ~Copyable {
  var list = List<Settled>()
  var bytes = Buffer()

  /// Takes all of them out.
  mutating func take() -> SettledRequests {
    var all = SettledRequests()
    swap(&all, &self)
    return all
  }
}

/// A private connection that failed under a stream.
struct FailedTransfer: BitwiseCopyable {
  var stream: Ref<Stream>
  var failure: ServerFailure
  /// Whether the server does not know the command. No byte was sent.
  var isUnspoken = false
}

extension Upstream {
  /// Handles a connection that could not be made or is lost: everything that waits on it fails. The edge has closed
  /// it, or gets the effect to do so.
  package mutating func lost(
    _ l: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant, _ common: inout Common
  ) {
    guard connections[l].state != .closed else { return }
    if connections[l].isPrivate { return lostPrivate(l, failure, now: now, &common) }
    let s = connections[l].server
    let isGivenUp = failure == .ejected || failure == .shuttingDown
    if connections[l].isUnverified, !isGivenUp, !connections[l].isRetiring, servers[s].status == .up {
      if failure == .protocolError { reportFailure(failure, of: s, &common) }
      return remake(l, now: now, &common)
    }
    if connections[l].state == .learningMeta, failure == .connectionLost || failure == .timedOut,
      !servers[s].speech.hasShown
    {
      servers[s].speech.shunned = min(servers[s].speech.shunned, Self.mostShunned) &+ 1
      // Answered `version` but not the handshake: it does not know the commands, or has just died: the next one
      // shows.
      if !connections[l].isRetiring, servers[s].status == .up { return remake(l, now: now, &common) }
    }
    let wasSettled =
      connections[l].state == .ready
      && now.since(connections[l].attempt.since) >= common.limits.settling
    let isStale = failure == .connectionLost && isStale(l, common)
    dropReplacement(of: l)
    if connections[l].isMade {
      common.counters.subtract(.serverConnections)
      common.counters.add(.serverConnectionsLost)
    } else if failure != .shuttingDown {
      common.counters.add(.serverConnectFailures)
      connections[l].attempt.retryAt = now.advanced(
        by: failure == .full ? common.limits.fullDelay : common.limits.reconnectDelay)
      connections[l].attempt.lastFailure = failure
    }
    let begun = connections[l].isMade ? nil : connections[l].attempt.since
    reset(
      l, failure, readsTo: isStale ? l : Ref<ServerConnection>.none, isEndedHere: failure != .connectionLost,
      &common)
    guard !servers[s].isRetired, !connections[l].isRetiring, !isGivenUp else { return }
    let silent = connections[l].check.replaces
    if failure == .timedOut, silent != Ref<ServerConnection>.none, connections[silent].state == .validating {
      return giveUpEarlyReplacement(l)
    }
    reportFailure(failure, of: s, begun: begun, &common)
    if connections[l].check.replaces != Ref<ServerConnection>.none {
      return giveUpReplacement(l, failure, now: now, &common)
    }
    // Reconnect at once: a dead server is noticed before a client requests one of its keys, and no client waits for
    // the connection to a server that was restarted.
    if (wasSettled || isStale) && servers[s].status == .up { connect(l, now: now, &common) }
  }

  /// Resets a connection, and settles what waits on it. Reads that may be sent again are meant for `target`, which may be
  /// the same connection, ahead of all later requests.
  mutating func reset(
    _ l: Ref<ServerConnection>, _ failure: ServerFailure, readsTo target: Ref<ServerConnection>,
    isEndedHere: Bool, _ common: inout Common
  ) {
    // The server may have been sent a write that it has not read yet.
    if (isEndedHere && connections[l].queue.sent > 0 && owesDeletions(l))
      || common.clock < connections[l].owed.restsUntil
    {
      connections[target == Ref<ServerConnection>.none ? l : target].owed.mustRest = true
    }
    common.effects.append(.disconnect(connection: l))
    connections[l].state = .closed
    connections[l].handshake.isNew = false
    connections[l].attempt.since = common.clock
    connections[l].input.release(to: &common.buffers)
    connections[l].awaited = 0
    connections[l].progress.of = -1
    connections[l].progress.deliveredAt = .origin
    connections[l].check.blamedUntil = .origin
    var old = connections[l].queue.takeAll()
    old.cutAnswered()
    let next = target == Ref<ServerConnection>.none ? l : target
    let trailing = target == Ref<ServerConnection>.none ? 0 : old.readsAtTheEnd
    var at = RequestQueue.Position()
    while let one = old.next(&at) {
      let isSent = one.start < old.sent
      let mayGoAgain = old.legs.count &- at.index < trailing && one.leg.mayBeSentAgain
      let inDoubt: Settled.Fate = isEndedHere ? .leftBehind : .inDoubt
      // If any byte was sent, report `connection lost`, never a cause that implies that it was not served.
      let mayBeServed = isSent && one.leg.fanOut == Ref<FanOut>.none && failure.meansUnsent
      old.settle(
        one, at: connections[l].server, next: next, isAhead: target != Ref<ServerConnection>.none,
        mayBeServed ? .connectionLost : failure, mayGoAgain ? .stale : isSent ? inDoubt : .unsent,
        to: &settled, &common.buffers)
    }
    old.clear(&common.buffers)
  }

  /// Handles bytes that cannot be the reply to the oldest request: replies no longer match requests.
  @inline(never) mutating func violation(
    _ l: Ref<ServerConnection>, _ why: ProtocolViolation, _ bytes: RawSpan, _ p: Int, _ common: inout Common
  ) {
    common.counters.add(.integrityFailures)
    let s = connections[l].server
    common.events.append(
      .violation(
        server: servers[s].id, violation: why,
        asked: Outline(
          connections[l].queue.legs.first?.verb,
          bytes: Int(connections[l].queue.legs.first?.length ?? 0)),
        got: Outline(bytes, at: p)))
    lost(l, .protocolError, now: connections[l].attempt.since, &common)
  }

  /// A private connection could not be opened, or was lost.
  mutating func lostPrivate(
    _ l: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant, _ common: inout Common
  ) {
    let s = connections[l].server
    let i = connections[l].stream
    common.counters.add(connections[l].state == .ready ? .serverConnectionsLost : .serverConnectFailures)
    if i == Ref<Stream>.none {
      servers[s].spares.removeAll(l)
      shut(l, &common)
    }
    if !servers[s].isRetired, failure != .ejected, failure != .shuttingDown {
      reportFailure(
        failure, of: s,
        begun: connections[l].state == .ready ? nil : connections[l].attempt.since, &common)
    }
    if i != Ref<Stream>.none { failedTransfers.append(FailedTransfer(stream: i, failure: failure)) }
  }

  // MARK: - Replacement connections

  /// Whether a request has waited for a whole deadline while nothing arrived on the connection.
  func isSilent(_ l: Ref<ServerConnection>, now: Instant) -> Bool {
    isSilent(l, for: servers[connections[l].server].timeouts.request, now: now)
  }

  /// The same for this number of nanoseconds.
  func isSilent(_ l: Ref<ServerConnection>, for limit: UInt64, now: Instant) -> Bool {
    guard connections[l].state == .ready, let oldest = connections[l].queue.legs.first
    else { return false }
    let from = max(connections[l].progress.heard, oldest.since)
    return now.nanoseconds(since: from) >= limit
  }

  /// Reports a passed deadline to the health board: once per connection and deadline, however many requests it hit,
  /// because they failed for one reason.
  mutating func blame(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    let s = connections[l].server
    guard !connections[l].isRetiring, !servers[s].isRetired,
      now >= connections[l].check.blamedUntil
    else { return }
    connections[l].check.blamedUntil = now.advanced(
      by: .nanoseconds(Int64(clamping: servers[s].timeouts.request)))
    servers[s].isSuspect = true
    common.events.append(.failed(server: servers[s].id, .timedOut))
  }

  /// Opens a replacement for a connection that is silent or being validated; one at a time.
  mutating func openReplacement(for l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    guard connections[l].state == .validating || isSilent(l, now: now) else {
      return dropReplacement(of: l)
    }
    let s = connections[l].server
    guard connections[l].check.replacement == Ref<ServerConnection>.none,
      !connections[l].isRetiring,
      servers[s].status == .up,
      now >= connections[l].attempt.retryAt
    else { return }
    let r = connections.take()
    connections[r].server = s
    connections[r].check.replaces = l
    connections[l].check.replacement = r
    connect(r, now: now, &common)
  }

  /// The handshake of a replacement is done: it replaces the old connection, unless that has delivered meanwhile.
  mutating func takeOver(_ r: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    let l = connections[r].check.replaces
    let s = connections[r].server
    connections[r].check.replaces = Ref<ServerConnection>.none
    connections[l].check.replacement = Ref<ServerConnection>.none
    let wasValidating = connections[l].state == .validating
    guard wasValidating || isSilent(l, now: now), let i = index(of: l, at: s) else {
      return retire(connection: r)
    }
    if wasValidating { connections[r].queue = connections[l].queue.takeAll() }
    replace(l, at: i, of: s, with: r)
    common.counters.subtract(.serverConnections)
    common.counters.add(.serverConnectionsLost)
    reset(l, .connectionLost, readsTo: r, isEndedHere: true, &common)
    connections[r].owed.deletions += connections[l].owed.deletions
    connections[l].owed.deletions = []
  }

  private func index(of l: Ref<ServerConnection>, at s: Ref<Server>) -> Int? {
    for i in 0..<servers[s].connections.count where servers[s].connections[i] == l {
      return i
    }
    return nil
  }

  /// A replacement could not be made, and that was reported to the health board; so the silence is reported as a
  /// failure too. The next attempt follows after `reconnectDelay`, or at once if this one took its whole time.
  mutating func giveUpReplacement(
    _ r: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant, _ common: inout Common
  ) {
    let l = connections[r].check.replaces
    connections[l].attempt.retryAt =
      failure == .timedOut ? now : now.advanced(by: common.limits.reconnectDelay)
    blame(l, now: now, &common)
    dropReplacement(of: l)
  }

  /// A replacement opened early, for a connection being validated, got no answer either: the server may be slow, so
  /// the next attempt waits for a whole deadline.
  mutating func giveUpEarlyReplacement(_ r: Ref<ServerConnection>) {
    let l = connections[r].check.replaces
    let patience = Duration.nanoseconds(Int64(clamping: servers[connections[l].server].timeouts.request))
    connections[l].attempt.retryAt = connections[l].check.validatingSince.advanced(by: patience)
    dropReplacement(of: l)
  }

  /// Retires a replacement that is no longer needed.
  mutating func dropReplacement(of l: Ref<ServerConnection>) {
    let r = connections[l].check.replacement
    guard r != Ref<ServerConnection>.none else { return }
    connections[l].check.replacement = Ref<ServerConnection>.none
    connections[r].check.replaces = Ref<ServerConnection>.none
    retire(connection: r)
  }

  /// Whether nothing arrived on a connection for `staleAfter` before its oldest request: it may have been dead before
  /// that was sent.
  func isStale(_ l: Ref<ServerConnection>, _ common: borrowing Common) -> Bool {
    let s = connections[l].server
    guard connections[l].state == .ready, !connections[l].isRetiring,
      servers[s].status == .up,
      connections[l].input.isEmpty,
      let oldest = connections[l].queue.legs.first
    else { return false }
    return oldest.since.since(connections[l].progress.heard) >= common.limits.staleAfter
  }

  /// Sends a read again, with its original bytes and deadline.
  mutating func sendAgain(
    _ leg: Leg, _ asked: borrowing Buffer, _ start: Int, on l: Ref<ServerConnection>, _ common: inout Common
  ) {
    var again = leg
    again.isRetried = true
    connections[l].queue.enqueue(again, copiedFrom: asked.readable, at: start, &common.buffers)
    common.counters.add(.readRetries)
    markDirty(l)
  }
}
