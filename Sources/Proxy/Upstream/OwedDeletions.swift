import Bytes
import Stats
import Topology
import Wire

// Deletions that clients were promised: a client was told that its write was not done, and the write may have been. If
// the server is up, the deletion is sent on the connection of the write, behind the requests already on it. If that
// connection is lost, the deletion goes first on the next one.

/// A key to be deleted, and the pool whose rules its deletion has.
struct Deletion {
  var key: [UInt8]
  var pool: PoolIndex
}

/// A deletion that a client was promised: the server, and the connection on which the write was sent.
struct Promise {
  var deletion: Deletion
  var server: Ref<Server>
  var connection: Ref<ServerConnection>
  /// Whether requests are queued there already that must come behind it.
  var isAhead: Bool
  /// Whether the write is still in the connection's queue: requests behind it must not see it.
  var isBehindWrite: Bool
}

extension ServerConnection {
  /// Whether the deletion of a key waits until the connection is used again.
  func owes(_ key: [UInt8]) -> Bool { owed.deletions.contains { $0.key == key } }
}

extension Upstream {
  /// Whether a deletion that is promised now will be done: not if the process is shutting down, nor on a server that
  /// is used as it is when it returns.
  func mayPromise(
    at s: Ref<Server>, in pool: PoolIndex, by l: Ref<ServerConnection>, _ failure: ServerFailure,
    _ limits: Limits
  ) -> Bool {
    guard policy(of: pool, at: s).isJournaled, servers[s].isJournaled, !servers[s].isRetired,
      failure != .shuttingDown, !isGivingUp, promised.count < Self.mostPromises
    else { return false }
    // Twice the queue's limits, in bytes and requests: requests that were given up have left the queue, or soon will.
    return connections[l].owed.deletions.count < Self.mostPromises
      && connections[l].queue.bytes.count < limits.serverQueue &* 2
      && connections[l].queue.legs.count < limits.serverDepth &* 2
  }

  /// The most deletions that one connection may owe.
  static var mostPromises: Int { 4096 }

  /// Whether deletions that clients were promised are queued on a connection, or will be.
  func owesDeletions(_ l: Ref<ServerConnection>) -> Bool {
    !connections[l].owed.deletions.isEmpty || promised.contains { $0.connection == l }
      || connections[l].queue.hasPromisedDeletion
  }

  /// Sends the deletions promised since the last call on connections that are ready, ahead of what is queued there if
  /// they must be. Other connections note them in `owed`.
  @inline(never)
  mutating func keepPromises(_ common: inout Common) {
    guard !promised.isEmpty else { return }
    var list: [Promise] = []
    swap(&list, &promised)
    var waiting: Set<Ref<ServerConnection>> = []
    for one in list {
      let s = one.server
      guard servers.isTaken(s), !servers[s].isRetired, servers[s].status == .up,
        let l = currentConnection(one.connection, of: s)
      else { continue }
      if connections[l].state == .ready, !one.isAhead || connections[l].queue.sent > 0 {
        appendDeletion(one.deletion, on: l, &common)
      } else {
        connections[l].owed.deletions.append(one.deletion)
        if connections[l].state == .ready { waiting.insert(l) }
      }
    }
    for l in waiting { sendOwed(l, &common) }
  }

  /// The connection itself if requests still use it, else the first of its server's connections.
  private func currentConnection(_ l: Ref<ServerConnection>, of s: Ref<Server>) -> Ref<ServerConnection>? {
    for i in 0..<servers[s].connections.count where servers[s].connections[i] == l { return l }
    return servers[s].connections.first
  }

  /// Sends the deletions that a connection owes when it is used again, ahead of its queue, which is unsent.
  mutating func sendOwed(_ l: Ref<ServerConnection>, _ common: inout Common) {
    let deletions = connections[l].owed.deletions
    connections[l].owed.deletions = []
    let waiting = connections[l].queue.takeAll()
    var done: Set<[UInt8]> = []
    for one in deletions where done.insert(one.key).inserted { appendDeletion(one, on: l, &common) }
    connections[l].queue.append(waiting, &common.buffers)
  }

  /// Queues a deletion on a connection. No client gets its reply. A key that only base64 can express is skipped on a
  /// server that does not know base64: it cannot be stored there.
  mutating func appendDeletion(_ one: Deletion, on l: Ref<ServerConnection>, _ common: inout Common) {
    let era = connections[l].handshake.meta
    guard
      connections[l].queue.enqueueDeletion(
        of: one.key, in: one.pool, opaque: &opaque, for: era, since: common.clock, &common.buffers)
    else { return }
    markDirty(l)
  }

  /// Gives up requests queued behind writes just given up on a connection that stays in use, if they have the same
  /// keys: they might see a write that its client was told had not been done. O(queue).
  mutating func giveUpBehind(_ l: Ref<ServerConnection>, _ common: inout Common) {
    var keys: Set<[UInt8]> = []
    for one in promised where one.connection == l && one.isBehindWrite { keys.insert(one.deletion.key) }
    guard !keys.isEmpty else { return }
    var at = connections[l].queue.positionInTime
    while let one = connections[l].queue.next(&at) {
      let leg = one.leg
      if !leg.isLate, !leg.isPromised, leg.exchange != Ref<Exchange>.none || leg.fanOut != Ref<FanOut>.none,
        concerns(leg, keys, on: l, one.start)
      {
        expire(one, on: l, &common)
      }
    }
  }

  private func concerns(_ leg: Leg, _ keys: Set<[UInt8]>, on l: Ref<ServerConnection>, _ start: Int) -> Bool {
    // A command for every server has no key.
    if leg.fanOut != Ref<FanOut>.none, !leg.verb.isRetrieval { return false }
    let bytes = connections[l].queue.bytes.readable
    var walk = KeyRange(leg, start: start)
    while let key = walk.next(bytes) {
      if keys.contains(key) { return true }
    }
    return false
  }

  /// Whether a deletion of a request's key on a server is promised and not yet answered.
  func isPromisedAway(_ leg: Leg, _ line: RawSpan, at s: Ref<Server>) -> Bool {
    for n in 0..<servers[s].connections.count {
      let l = servers[s].connections[n]
      var at = RequestQueue.Position()
      while let one = connections[l].queue.next(&at) {
        if one.leg.isPromised, isSameKey(leg, line, one.leg, connections[l].queue.bytes.readable, one.start) {
          return true
        }
      }
      if connections[l].owed.deletions.isEmpty { continue }
      var keys = KeyRange(leg, start: 0)
      if let key = keys.next(line), connections[l].owes(key) { return true }
    }
    return false
  }

  private func isSameKey(_ a: Leg, _ first: RawSpan, _ b: Leg, _ second: RawSpan, _ start: Int) -> Bool {
    var (one, other) = (KeyRange(a, start: 0), KeyRange(b, start: start))
    return one.next(first) == other.next(second)
  }

  // MARK: - Requests that a server does not support

  /// Whether a server of this era understands the request and reads its data block as a value.
  static func isSpoken(_ verb: Verb, in era: Era) -> Bool {
    !verb.isMeta || era >= (verb == .metaSet ? .v1_6_10 : .v1_6_0)
  }

  /// Whether this connection is made, to a server that does not understand the request.
  func isUnspoken(_ verb: Verb, on l: Ref<ServerConnection>) -> Bool {
    connections[l].isMade && !Self.isSpoken(verb, in: connections[l].handshake.meta)
  }

  /// The error with which a server of that era refuses it.
  static func unspoken(in era: Era) -> Refusal {
    era < .v1_5 ? .unknown : era < .v1_6_0 ? .badFlags : .invalidFlag
  }

  /// Refuses the queued requests that a new connection's server does not understand, because it speaks less than was
  /// assumed. No byte of them was sent.
  mutating func refuseUnspoken(_ l: Ref<ServerConnection>, _ common: inout Common) {
    let (era, s) = (connections[l].handshake.meta, connections[l].server)
    if connections[l].isPrivate {
      if connections[l].queue.front == .upload, let leg = connections[l].queue.legs.first,
        !Self.isSpoken(leg.verb, in: era)
      {
        failedTransfers.append(
          FailedTransfer(stream: connections[l].stream, failure: .protocolError, isUnspoken: true))
      }
      return
    }
    var at = RequestQueue.Position()
    while let one = connections[l].queue.next(&at) {
      let isDump = one.leg.verb == .stats && one.leg.isFenced && era < .v1_6_0
      if !isDump, Self.isSpoken(one.leg.verb, in: era) { continue }
      connections[l].queue.settle(
        one, at: s, next: l, .protocolError, isDump ? .unsent : .unspoken, to: &settled, &common.buffers)
      connections[l].queue.dropUnsent(one)
      at = RequestQueue.Position(index: one.index, start: one.start)
    }
  }
}
