import Bytes
import Stats
import Wire

// Deadlines of server connections, of the requests on them, and of clients.

extension Worker {
  /// Checks all deadlines; called every few milliseconds. Cost: one check per server connection, and per client once
  /// a second (`sweep`).
  package mutating func tick(now: Instant) {
    clock = now
    var l = Ref<ServerConnection>(0)
    while l.index < connections.end {
      if connections.isTaken(l) {
        if connections[l].state != .closed { expire(l, now: now) } else { reconnect(l, now: now) }
      }
      l = l.next
    }
    if streams.count > 0 || !streamWaits.isEmpty { expireStreams(now: now) }
    if !uploadsHeld.isEmpty { resumeHeldUploads() }
    if !retiring.isEmpty { releaseRetired(now: now) }
  }

  /// Reconnects a lost connection before a request needs it, so that no client's request has to test the server.
  private mutating func reconnect(_ l: Ref<ServerConnection>, now: Instant) {
    let s = connections[l].server
    guard !connections[l].isPrivate, !connections[l].isRetiring, !isGivingUp, servers.isTaken(s),
      !servers[s].isRetired,
      servers[s].status == .up, now >= connections[l].retryAt,
      now.since(connections[l].since) >= limits.reconnecting
    else { return }
    connect(l, now: now)
  }

  private mutating func expire(_ l: Ref<ServerConnection>, now: Instant) {
    let s = connections[l].server
    if connections[l].state == .idle { return checkIdle(l, now: now) }
    if connections[l].state == .waiting, !mustWait(l, now: now) { use(l, now: now) }
    if connections[l].state == .ready, connections[l].queue.legs.isEmpty, servers[s].isUnproven,
      now >= servers[s].proveAt,
      !connections[l].isPrivate, !connections[l].isRetiring
    {
      return handshakeAgain(l, now: now)
    }
    if connections[l].state == .validating { return expireValidation(l, now: now) }
    if connections[l].state != .ready && connections[l].state != .waiting {
      let age = now.nanoseconds &- min(now.nanoseconds, connections[l].since.nanoseconds)
      if age >= servers[s].connectTimeout { return lost(l, .timedOut, now: now) }
    }
    if connections[l].isPrivate { return }
    if servers[s].hasMixedTimeouts { expireShorter(l, now: now) }
    let timeout = servers[s].requestTimeout
    var isOverdue = false
    while let one = connections[l].queue.firstInTime {
      let age =
        now.nanoseconds &- min(now.nanoseconds, max(one.leg.since, connections[l].deliveredAt).nanoseconds)
      guard age >= timeout else { break }
      // A server that keeps delivering is not late, however long its reply takes; nor are the requests queued behind.
      if isDelivering(l, within: timeout, now: now) {
        connections[l].deliveredAt = now
        break
      }
      isOverdue = true
      // Nothing was sent yet, so no reply can arrive, and a request that was given up must not be sent later.
      guard connections[l].state == .ready else {
        counters.add(.timeouts)
        return lost(l, .timedOut, now: now)
      }
      if connections[l].queue.isUnsentInTime {
        dropUnsent(l, now: now)
        break
      }
      if !one.leg.isLate, !(connections[l].queue.front == .answered && one.index == 0) {
        counters.add(.timeouts)
        expire(one, on: l)
      }
      connections[l].queue.passLate()
    }
    if !promised.isEmpty {
      giveUpBehind(l)
      keepPromises()
    }
    // A silent connection is judged by the result of its replacement instead.
    if isOverdue && !isSilent(l, now: now) { blame(l, now: now) }
    guard connections[l].queue.late > 0, let oldest = connections[l].queue.legs.first else {
      dropReplacement(of: l)
      return checkIdle(l, now: now)
    }
    let age =
      now.nanoseconds &- min(now.nanoseconds, max(oldest.since, connections[l].deliveredAt).nanoseconds)
    let (limit, overflow) = timeout.multipliedReportingOverflow(by: 2)
    if connections[l].queue.late > limits.lateReplies || (!overflow && age >= limit) {
      return lost(l, .timedOut, now: now)
    }
    openReplacement(for: l, now: now)
  }

  /// Whether the server is in the middle of a reply and has made progress within the deadline.
  private func isDelivering(_ l: Ref<ServerConnection>, within timeout: UInt64, now: Instant) -> Bool {
    connections[l].state == .ready && connections[l].partAt != .origin
      && connections[l].partOf == connections[l].queue.legs.place
      && !connections[l].queue.legs.isEmpty
      && now.nanoseconds &- min(now.nanoseconds, connections[l].partAt.nanoseconds) < timeout
  }

  /// Answers for a leg of a connection that was sent. Its reply will be recognised by its position and dropped.
  mutating func expire(_ one: RequestQueue.Entry, on l: Ref<ServerConnection>) {
    let leg = one.leg
    let s = connections[l].server
    connections[l].queue.markLate(one.index)
    var request = connections[l].queue.copy(one, &buffers)
    // The proxy's own deletion will still be done in order; if the connection is lost, it is promised again.
    let isTrue = leg.isPromised ? false : settleDoubt(leg, at: s, by: l, .timedOut, request, 0)
    fail(leg, at: s, .timedOut, request, 0, isTrue: isTrue)
    request.release(to: &buffers)
    if leg.fanOut != Ref<FanOut>.none && fanOuts[leg.fanOut].pending == 0 { finish(leg.fanOut) }
  }

  /// Answers for overdue requests that were not begun to be sent, and removes them: a request reported as failed must not
  /// be executed after the client's later requests.
  mutating func dropUnsent(_ l: Ref<ServerConnection>, now: Instant) {
    var unsent = connections[l].queue.takeUnsent(&buffers)
    var at = RequestQueue.Position()
    while let one = unsent.next(&at) {
      if now.nanoseconds &- min(now.nanoseconds, one.leg.since.nanoseconds) >= timeout(of: one.leg, on: l) {
        if !one.leg.isLate { counters.add(.timeouts) }
        abandon(one.leg, at: connections[l].server, by: l, .timedOut, .notDone, unsent.bytes, one.start)
      } else {
        connections[l].queue.requeue(one.leg, from: unsent.bytes, at: one.start, &buffers)
      }
    }
    unsent.clear(&buffers)
    keepPromises()
  }

  /// Nanoseconds until a request is late.
  private func timeout(of leg: Leg, on l: Ref<ServerConnection>) -> UInt64 {
    let s = connections[l].server
    return servers[s].hasMixedTimeouts ? policy(of: leg.pool).requestTimeout : servers[s].requestTimeout
  }

  /// Answers for the overdue requests of pools with a shorter timeout than others of the server. The longest alone tells
  /// whether the server has failed. O(requests queued).
  private mutating func expireShorter(_ l: Ref<ServerConnection>, now: Instant) {
    var at = connections[l].queue.positionInTime
    var isUnsent = false
    while let one = connections[l].queue.next(&at) {
      let limit = timeout(of: one.leg, on: l)
      let from = max(one.leg.since, connections[l].deliveredAt)
      guard !one.leg.isLate, now.nanoseconds &- min(now.nanoseconds, from.nanoseconds) >= limit,
        limit < servers[connections[l].server].requestTimeout, !isDelivering(l, within: limit, now: now),
        !(connections[l].queue.front == .answered && one.index == 0)
      else { continue }
      if one.start >= connections[l].queue.sent {
        isUnsent = true
      } else {
        counters.add(.timeouts)
        expire(one, on: l)
      }
    }
    if isUnsent { dropUnsent(l, now: now) }
  }

  /// Closes clients that keep the proxy waiting: with half a request, or by not reading replies. Called once a
  /// second; also frees memory left over from a burst.
  package mutating func sweep(now: Instant) {
    var c = Ref<Client>(0)
    while c.index < clients.end {
      if clients.isTaken(c) && !clients[c].isClosed {
        let isHalfAsked =
          clients[c].partialSince != .never
          && now.since(clients[c].partialSince) >= limits.requestPatience
        let isNotReading =
          clients[c].blockedSince != .never
          && now.since(clients[c].blockedSince) >= limits.writePatience
        if isHalfAsked || isNotReading { close(client: c) }
        clients[c].forgetWindow(limits)
      }
      c = c.next
    }
    sweepSpares(now: now)
    forgetRetired()
    trimMemory()
    if !journal.isEmpty { journal.turn(now: now, life: limits.journalLife) }
  }
}
