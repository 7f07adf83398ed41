import Bytes
import Stats

// Deadlines of server connections, of the requests on them, and of clients.

extension Worker {
  /// Checks all deadlines; called every few milliseconds. Cost: one check per server connection, and per client once
  /// a second (`sweep`).
  package mutating func tick(now: Instant) {
    common.clock = now
    noteRecords()
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      if upstream.connections.isTaken(l) {
        if upstream.connections[l].state != .closed { expire(l, now: now) } else { reconnect(l, now: now) }
      }
      l = l.next
    }
    if transfers.streams.count > 0 || !transfers.streamWaits.isEmpty { expireStreams(now: now) }
    if !transfers.uploadsHeld.isEmpty { resumeHeldUploads() }
    if !upstream.retiring.isEmpty { releaseRetired(now: now) }
  }

  /// Reconnects a lost connection before a request needs it, so that no client's request has to test the server.
  private mutating func reconnect(_ l: Ref<ServerConnection>, now: Instant) {
    let s = upstream.connections[l].server
    guard !upstream.connections[l].isPrivate, !upstream.connections[l].isRetiring, !isGivingUp,
      upstream.servers.isTaken(s),
      !upstream.servers[s].isRetired,
      upstream.servers[s].status == .up, now >= upstream.connections[l].attempt.retryAt,
      now.since(upstream.connections[l].attempt.since) >= common.limits.reconnecting
    else { return }
    connect(l, now: now)
  }

  private mutating func expire(_ l: Ref<ServerConnection>, now: Instant) {
    let s = upstream.connections[l].server
    if upstream.connections[l].state == .idle { return checkIdle(l, now: now) }
    if upstream.connections[l].state == .waiting, !mustWait(l, now: now) { use(l, now: now) }
    if upstream.connections[l].state == .ready, upstream.connections[l].queue.legs.isEmpty,
      upstream.servers[s].speech.isUnproven,
      now >= upstream.servers[s].speech.proveAt,
      !upstream.connections[l].isPrivate, !upstream.connections[l].isRetiring
    {
      return handshakeAgain(l, now: now)
    }
    if upstream.connections[l].state == .validating { return expireValidation(l, now: now) }
    if upstream.connections[l].state != .ready && upstream.connections[l].state != .waiting {
      let age = now.nanoseconds &- min(now.nanoseconds, upstream.connections[l].attempt.since.nanoseconds)
      if age >= upstream.servers[s].timeouts.connect { return lost(l, .timedOut, now: now) }
    }
    if upstream.connections[l].isPrivate { return }
    if upstream.servers[s].timeouts.areMixed { expireShorter(l, now: now) }
    let timeout = upstream.servers[s].timeouts.request
    var isOverdue = false
    while let one = upstream.connections[l].queue.firstInTime {
      let age =
        now.nanoseconds
        &- min(now.nanoseconds, max(one.leg.since, upstream.connections[l].progress.deliveredAt).nanoseconds)
      guard age >= timeout else { break }
      // A server that keeps delivering is not late, however long its reply takes; nor are the requests queued behind.
      if isDelivering(l, within: timeout, now: now) {
        upstream.connections[l].progress.deliveredAt = now
        break
      }
      isOverdue = true
      // Nothing was sent yet, so no reply can arrive, and a request that was given up must not be sent later.
      guard upstream.connections[l].state == .ready else {
        common.counters.add(.timeouts)
        return lost(l, .timedOut, now: now)
      }
      if upstream.connections[l].queue.isUnsentInTime {
        dropUnsent(l, now: now)
        break
      }
      if !one.leg.isLate, !(upstream.connections[l].queue.front == .answered && one.index == 0) {
        common.counters.add(.timeouts)
        expire(one, on: l)
      }
      upstream.connections[l].queue.passLate()
    }
    if !invalidation.promised.isEmpty {
      giveUpBehind(l)
      keepPromises()
    }
    // A silent connection is judged by the result of its replacement instead.
    if isOverdue && !isSilent(l, now: now) { blame(l, now: now) }
    guard upstream.connections[l].queue.late > 0, let oldest = upstream.connections[l].queue.legs.first else {
      dropReplacement(of: l)
      return checkIdle(l, now: now)
    }
    let age =
      now.nanoseconds
      &- min(now.nanoseconds, max(oldest.since, upstream.connections[l].progress.deliveredAt).nanoseconds)
    let (limit, overflow) = timeout.multipliedReportingOverflow(by: 2)
    if upstream.connections[l].queue.late > common.limits.lateReplies || (!overflow && age >= limit) {
      return lost(l, .timedOut, now: now)
    }
    openReplacement(for: l, now: now)
  }

  /// Whether the server is in the middle of a reply and has made progress within the deadline.
  private func isDelivering(_ l: Ref<ServerConnection>, within timeout: UInt64, now: Instant) -> Bool {
    upstream.connections[l].state == .ready && upstream.connections[l].progress.at != .origin
      && upstream.connections[l].progress.of == upstream.connections[l].queue.legs.place
      && !upstream.connections[l].queue.legs.isEmpty
      && now.nanoseconds &- min(now.nanoseconds, upstream.connections[l].progress.at.nanoseconds) < timeout
  }

  /// Answers for a leg of a connection that was sent. Its reply will be recognised by its position and dropped.
  mutating func expire(_ one: RequestQueue.Entry, on l: Ref<ServerConnection>) {
    let leg = one.leg
    let s = upstream.connections[l].server
    upstream.connections[l].queue.markLate(one.index)
    var request = upstream.connections[l].queue.copy(one, &common.buffers)
    // The proxy's own deletion will still be done in order; if the connection is lost, it is promised again.
    let isTrue = leg.isPromised ? false : settleDoubt(leg, at: s, by: l, .timedOut, request, 0)
    fail(leg, at: s, .timedOut, request, 0, isTrue: isTrue)
    request.release(to: &common.buffers)
    if leg.fanOut != Ref<FanOut>.none && fanOuts[leg.fanOut].pending == 0 { finish(leg.fanOut) }
  }

  /// Answers for overdue requests that were not begun to be sent, and removes them: a request reported as failed must not
  /// be executed after the client's later requests.
  mutating func dropUnsent(_ l: Ref<ServerConnection>, now: Instant) {
    var unsent = upstream.connections[l].queue.takeUnsent(&common.buffers)
    var at = RequestQueue.Position()
    while let one = unsent.next(&at) {
      if now.nanoseconds &- min(now.nanoseconds, one.leg.since.nanoseconds) >= timeout(of: one.leg, on: l) {
        if !one.leg.isLate { common.counters.add(.timeouts) }
        abandon(
          one.leg, at: upstream.connections[l].server, by: l, .timedOut, .notDone, unsent.bytes, one.start)
      } else {
        upstream.connections[l].queue.requeue(one.leg, from: unsent.bytes, at: one.start, &common.buffers)
      }
    }
    unsent.clear(&common.buffers)
    keepPromises()
  }

  /// Nanoseconds until a request is late.
  private func timeout(of leg: Leg, on l: Ref<ServerConnection>) -> UInt64 {
    let s = upstream.connections[l].server
    return upstream.servers[s].timeouts.areMixed
      ? policy(of: leg.pool).requestTimeout : upstream.servers[s].timeouts.request
  }

  /// Answers for the overdue requests of pools with a shorter timeout than others of the server. The longest alone tells
  /// whether the server has failed. O(requests queued).
  private mutating func expireShorter(_ l: Ref<ServerConnection>, now: Instant) {
    var at = upstream.connections[l].queue.positionInTime
    var isUnsent = false
    while let one = upstream.connections[l].queue.next(&at) {
      let limit = timeout(of: one.leg, on: l)
      let from = max(one.leg.since, upstream.connections[l].progress.deliveredAt)
      guard !one.leg.isLate, now.nanoseconds &- min(now.nanoseconds, from.nanoseconds) >= limit,
        limit < upstream.servers[upstream.connections[l].server].timeouts.request,
        !isDelivering(l, within: limit, now: now),
        !(upstream.connections[l].queue.front == .answered && one.index == 0)
      else { continue }
      if one.start >= upstream.connections[l].queue.sent {
        isUnsent = true
      } else {
        common.counters.add(.timeouts)
        expire(one, on: l)
      }
    }
    if isUnsent { dropUnsent(l, now: now) }
  }

  /// Closes clients that keep the proxy waiting: with half a request, or by not reading replies. Called once a
  /// second; also frees memory left over from a burst.
  package mutating func sweep(now: Instant) {
    var c = Ref<Client>(0)
    while c.index < downstream.clients.end {
      if downstream.clients.isTaken(c) && !downstream.clients[c].life.isClosed {
        let isHalfAsked =
          downstream.clients[c].intake.partialSince != .never
          && now.since(downstream.clients[c].intake.partialSince) >= common.limits.requestPatience
        let isNotReading =
          downstream.clients[c].sending.blockedSince != .never
          && now.since(downstream.clients[c].sending.blockedSince) >= common.limits.writePatience
        if isHalfAsked || isNotReading { downstream.close(client: c, &common) }
        downstream.clients[c].forgetWindow(common.limits)
      }
      c = c.next
    }
    sweepSpares(now: now)
    forgetRetired()
    trimMemory()
    if !invalidation.journal.isEmpty { invalidation.journal.turn(now: now, life: common.limits.journalLife) }
  }
}
