import Bytes
import Stats
import Topology
import Wire

// Deadlines of server connections and of the requests on them, and the idle check. A firewall or NAT between may have
// dropped an idle connection without notice, so no client request is sent on one before the server has answered
// `version` on it.
//
//     ready ── idle for a second ─▶ idle ── a request, or 10 s ─▶ validating ─┬▶ answered: ready
//                                                                             ├▶ lost: reconnected at once
//                                                                             └▶ silent: a replacement is opened
//
// Requests queued meanwhile were never sent. They move to the next connection unchanged, writes included.

extension Upstream {
  // MARK: - Progress

  /// Keeps the unfinished reply at the end of what has arrived.
  mutating func keep(_ bytes: RawSpan, from p: Int, on l: Ref<ServerConnection>, _ common: inout Common) {
    guard connections[l].state != .closed else { return }
    let rest = bytes.byteCount &- p
    if connections[l].awaited > rest { connections[l].input.reserve(connections[l].awaited, &common.buffers) }
    connections[l].input.append(bytes, from: p, count: rest, &common.buffers)
  }

  /// The same where it is in a buffer of its own.
  mutating func keep(_ input: consuming Buffer, on l: Ref<ServerConnection>, _ common: inout Common) {
    guard !input.isEmpty, connections[l].state != .closed else { return input.release(to: &common.buffers) }
    if connections[l].awaited > input.count {
      input.reserve(connections[l].awaited &- input.count, &common.buffers)
    }
    connections[l].input = input
  }

  /// Records that bytes arrived from a server.
  @inline(__always)
  mutating func noteArrival(of count: Int, _ consumed: Int, on l: Ref<ServerConnection>, now: Instant) {
    if consumed > 0 { connections[l].progress.heard = now }
    if connections[l].queue.sent > 0 { notePart(of: count, consumed, on: l, now: now) }
  }

  /// Records whether a server is in the middle of a reply and makes progress: a value of several, or enough bytes. A
  /// few bytes at a time are no progress.
  @inline(never)
  mutating func notePart(of count: Int, _ consumed: Int, on l: Ref<ServerConnection>, now: Instant) {
    guard connections[l].state == .ready else { return }
    if connections[l].progress.of != connections[l].queue.legs.place {
      connections[l].progress.of = connections[l].queue.legs.place
      connections[l].progress.bytes = 0
      connections[l].progress.at = .origin
      // The bytes may have belonged to an earlier reply.
      if consumed > 0, connections[l].queue.cursorAt == 0 { return }
    }
    connections[l].progress.bytes &+= count
    guard
      connections[l].progress.bytes >= Self.leastProgress
        || consumed > 0 && connections[l].queue.front != .discarding
    else { return }
    connections[l].progress.bytes = 0
    connections[l].progress.at = now
    connections[l].progress.heard = now
  }

  /// Bytes of a reply that count as progress.
  static var leastProgress: Int { 4096 }

  // MARK: - Deadlines

  /// Reconnects a lost connection before a request needs it, so that no client's request has to test the server.
  mutating func reconnect(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    let s = connections[l].server
    guard !connections[l].isPrivate, !connections[l].isRetiring, !isGivingUp,
      servers.isTaken(s),
      !servers[s].isRetired,
      servers[s].status == .up, now >= connections[l].attempt.retryAt,
      now.since(connections[l].attempt.since) >= common.limits.reconnecting
    else { return }
    connect(l, now: now, &common)
  }

  /// Finds out what is overdue on a connection. Returns whether a request was; nil if there is nothing to judge. The
  /// requests are settled next, and `judge` follows.
  mutating func expire(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) -> Bool? {
    let s = connections[l].server
    switch connections[l].state {
    case .closed:
      reconnect(l, now: now, &common)
      return nil
    case .idle:
      checkIdle(l, now: now, &common)
      return nil
    case .validating:
      expireValidation(l, now: now, &common)
      return nil
    case .waiting: if !mustWait(l, now: now) { use(l, now: now, &common) }
    case .connecting, .handshaking, .learningMeta:
      if now.nanoseconds(since: connections[l].attempt.since) >= servers[s].timeouts.connect {
        lost(l, .timedOut, now: now, &common)
        return nil
      }
    case .ready: break
    }
    if connections[l].isPrivate { return nil }
    if connections[l].state == .ready, connections[l].queue.legs.isEmpty, servers[s].speech.isUnproven,
      now >= servers[s].speech.proveAt, !connections[l].isRetiring
    {
      handshakeAgain(l, now: now, &common)
      return nil
    }
    let timeout = servers[s].timeouts.request
    if servers[s].timeouts.areMixed || now.nanoseconds(since: servers[s].timeouts.commandAt) <= timeout {
      expireShorter(l, now: now, &common)
    }
    var isOverdue = false
    while let one = connections[l].queue.firstInTime {
      let age = now.nanoseconds(since: max(one.leg.since, connections[l].progress.deliveredAt))
      guard age >= timeout else { break }
      // A server that keeps delivering is not late, however long its reply takes; nor are the requests queued behind.
      if isDelivering(l, within: timeout, now: now) {
        connections[l].progress.deliveredAt = now
        break
      }
      isOverdue = true
      // Nothing was sent yet, so no reply can arrive, and a request that was given up must not be sent later.
      guard connections[l].state == .ready else {
        common.counters.add(.timeouts)
        lost(l, .timedOut, now: now, &common)
        return nil
      }
      if connections[l].queue.isUnsentInTime {
        dropUnsent(l, now: now, &common)
        break
      }
      if !one.leg.isLate, !(connections[l].queue.front == .answered && one.index == 0) {
        common.counters.add(.timeouts)
        expire(one, on: l, &common)
      }
      connections[l].queue.passLate()
    }
    return isOverdue
  }

  /// Decides whether a connection is tested, replaced or closed. `isOverdue`: a request on it is.
  mutating func judge(_ l: Ref<ServerConnection>, isOverdue: Bool, now: Instant, _ common: inout Common) {
    // A silent connection is judged by the result of its replacement instead.
    if isOverdue && !isSilent(l, now: now) { blame(l, now: now, &common) }
    guard connections[l].queue.late > 0, let oldest = connections[l].queue.legs.first else {
      dropReplacement(of: l)
      return checkIdle(l, now: now, &common)
    }
    let age = now.nanoseconds(since: max(oldest.since, connections[l].progress.deliveredAt))
    let (limit, overflow) = servers[connections[l].server].timeouts.request.multipliedReportingOverflow(by: 2)
    if connections[l].queue.late > common.limits.lateReplies || (!overflow && age >= limit) {
      return lost(l, .timedOut, now: now, &common)
    }
    openReplacement(for: l, now: now, &common)
  }

  /// Whether the server is in the middle of a reply and has made progress within the deadline.
  func isDelivering(_ l: Ref<ServerConnection>, within timeout: UInt64, now: Instant) -> Bool {
    connections[l].state == .ready && connections[l].progress.at != .origin
      && connections[l].progress.of == connections[l].queue.legs.place
      && !connections[l].queue.legs.isEmpty
      && now.nanoseconds(since: connections[l].progress.at) < timeout
  }

  /// Gives up a request that was sent. Its reply will be recognised by its position and discarded.
  mutating func expire(_ one: RequestQueue.Entry, on l: Ref<ServerConnection>, _ common: inout Common) {
    let s = connections[l].server
    connections[l].queue.markLate(one.index)
    connections[l].queue.settle(one, at: s, next: l, .timedOut, .late, to: &settled, &common.buffers)
  }

  /// Gives up overdue requests that were not begun to be sent, and removes them: a request reported as failed must not be
  /// executed after the client's later requests.
  mutating func dropUnsent(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    var unsent = connections[l].queue.takeUnsent(&common.buffers)
    var at = RequestQueue.Position()
    while let one = unsent.next(&at) {
      if now.nanoseconds(since: one.leg.since) >= timeout(of: one.leg, on: l) {
        if !one.leg.isLate { common.counters.add(.timeouts) }
        unsent.settle(
          one, at: connections[l].server, next: l, .timedOut, .unsent, to: &settled, &common.buffers)
      } else {
        connections[l].queue.requeue(one.leg, from: unsent.bytes.readable, at: one.start, &common.buffers)
      }
    }
    unsent.clear(&common.buffers)
  }

  /// Nanoseconds until a request is late.
  func timeout(of leg: Leg, on l: Ref<ServerConnection>) -> UInt64 {
    let s = connections[l].server
    if leg.verb.isForEveryServer { return commandTimeout(of: s) }
    return servers[s].timeouts.areMixed ? policy(of: leg.pool).requestTimeout : servers[s].timeouts.request
  }

  /// Nanoseconds for which a command for every server waits for one that sends nothing: half a request deadline, and a
  /// second at most. The others have answered by then, and a client that checks the proxy should not wait for longer.
  func commandTimeout(of s: Ref<Server>) -> UInt64 {
    min(servers[s].timeouts.request / 2, Self.mostCommandTimeout)
  }

  private static var mostCommandTimeout: UInt64 { 1_000_000_000 }

  /// Gives up the overdue requests of pools with a shorter timeout than others of the server, and commands for every
  /// server. The longest timeout alone tells whether the server has failed. O(requests queued).
  mutating func expireShorter(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    var at = connections[l].queue.positionInTime
    var isUnsent = false
    while let one = connections[l].queue.next(&at) {
      let limit = timeout(of: one.leg, on: l)
      let heard = one.leg.verb.isForEveryServer ? connections[l].progress.heard : .origin
      let from = max(one.leg.since, connections[l].progress.deliveredAt, heard)
      guard !one.leg.isLate, now.nanoseconds(since: from) >= limit,
        limit < servers[connections[l].server].timeouts.request,
        !isDelivering(l, within: limit, now: now),
        !(connections[l].queue.front == .answered && one.index == 0)
      else { continue }
      if one.start >= connections[l].queue.sent {
        isUnsent = true
      } else {
        common.counters.add(.timeouts)
        expire(one, on: l, &common)
      }
    }
    if isUnsent { dropUnsent(l, now: now, &common) }
  }

  // MARK: - Idle check

  /// Marks a connection that is owed no reply as idle, and validates it after a longer time. So a dead connection is
  /// found before a client needs it, and the traffic keeps firewall or NAT state alive.
  mutating func checkIdle(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    let idle = now.since(connections[l].progress.heard)
    if connections[l].state == .idle {
      if idle >= common.limits.pingAfter { validate(l, now: now, &common) }
    } else if connections[l].state == .ready, connections[l].queue.legs.isEmpty,
      connections[l].input.isEmpty,
      !connections[l].isRetiring,
      idle >= common.limits.idleAfter
    {
      connections[l].state = .idle
    }
  }

  /// Sends `version` on an idle connection; requests are held until it is answered.
  mutating func validate(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    connections[l].state = .validating
    connections[l].check.validatingSince = now
    connections[l].attempt.retryAt = .origin
    common.effects.append(.handshake(connection: l))
  }

  /// Checks the deadlines of a connection that is being validated. Its requests keep their own deadlines.
  mutating func expireValidation(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    let s = connections[l].server
    let timeout = servers[s].timeouts.request
    dropUnsent(l, now: now, &common)
    let age = now.nanoseconds(since: connections[l].check.validatingSince)
    if age >= timeout {
      guard !connections[l].isRetiring else { return lost(l, .timedOut, now: now, &common) }
      blame(l, now: now, &common)
      remake(l, now: now, &common)
    } else if age >= min(timeout / 4, common.limits.validationPatience.wholeNanoseconds) {
      openReplacement(for: l, now: now, &common)
    }
  }

  /// Closes an idle connection and opens another for the requests that wait on it. The loss says nothing about the
  /// server: the result of the next connection does.
  mutating func remake(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    dropReplacement(of: l)
    common.counters.add(.serverConnectionsLost)
    reopen(l, now: max(now, common.clock), &common)
  }
}
