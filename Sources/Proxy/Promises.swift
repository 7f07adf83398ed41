import Bytes
import Stats
import Topology
import Wire

// The answer to a write that failed, and the deletion with which the proxy makes that answer true.
//
//     refused before it was sent     NOT_STORED, NOT_FOUND: true. A refused delete is recorded, and done later.
//     in doubt                       the same, and its key is deleted there before any later request for it
//     in doubt, and the proxy        an error: the server may read it from that connection after the deletion
//     closed the connection
//
// If the server is up, the deletion is sent on the connection of the write, behind the requests already on it. If
// that connection is lost, it goes first on the next one. If the server is out, the key is in its journal.

/// A deletion that a client was promised: the key, the server, and the connection on which the write was sent.
struct Promise {
  var server: Ref<Server>
  var connection: Ref<ServerConnection>
  var key: [UInt8]
}

/// A deletion that was refused with a miss while its server failed fast, or was about to be used again.
struct RefusedDeletion {
  var server: Ref<Server>
  var key: [UInt8]
  var since: Instant
}

/// What servers must forget before they have their keys again.
struct Invalidation: ~Copyable {
  var journal = Journal()
  /// Whether any key is served by a stand-in now.
  var isJournaling = false
  /// Deletions that clients have just been promised: see `keepPromises`.
  var promised: [Promise] = []
  /// Deletions refused lately for servers that fail fast: see `deleteRefusedOnStandIns`.
  var refusals: [RefusedDeletion] = []
}

extension Verb {
  /// Whether the command's purpose is to change its key: `gat`, or `mg` that touches or creates, is a read.
  var isWrite: Bool {
    switch expectation {
    case .stored, .deleted, .number, .touched: true
    default: self == .metaSet || self == .metaDelete || self == .metaArithmetic
    }
  }

  /// memcached's reply to a write of one key that does not exist; nil for other commands.
  var missLine: StaticString? {
    switch expectation {
    case .stored where self != .cas: "NOT_STORED\r\n"
    case .stored, .deleted, .number, .touched: "NOT_FOUND\r\n"
    default: nil
    }
  }

  /// The same for a meta request, as its two letters. With `C` the CAS value is compared with that of a missing item.
  func metaMiss(_ flags: MetaFlags) -> StaticString? {
    switch self {
    case .metaSet: flags.contains(.compare) ? "NF" : "NS"
    case .metaDelete, .metaArithmetic: "NF"
    default: nil
    }
  }
}

extension Worker {
  // MARK: - Which deletions can be promised

  /// Records a request that was refused before a byte of it was sent. It changed nothing, but if it was to remove its
  /// key, its client continues without the key, so the deletion is recorded. Returns whether a miss is a true answer.
  @inline(never)
  mutating func noteRefusal(
    _ bytes: RawSpan, lineAt p: Int, _ verb: Verb, _ keys: KeyRange, at s: Ref<Server>, in pool: PoolIndex,
    by l: Ref<ServerConnection>, _ failure: ServerFailure
  ) -> Bool {
    guard Self.removes(bytes, lineAt: p, verb, keyEnd: keys.firstEnd) else { return true }
    // It was routed here, so this pool's ring still has the server.
    let isFailingFast = upstream.servers[s].status != .up
    let isPromised =
      policy(of: pool, at: s).writesMissOnFailure && mayPromise(at: s, in: pool, by: l, failure)
      && (!isFailingFast || hasRoomForRefusals())
    var keys = keys
    while let key = keys.next(bytes) {
      recordDoubt(key, at: s)
      if isPromised { promise(key, at: s, by: l) }
      if isPromised, isFailingFast {
        invalidation.refusals.append(RefusedDeletion(server: s, key: key, since: common.clock))
      }
    }
    return isPromised
  }

  /// Records a write that was given up after bytes of it were sent: it may have been done, may still be done, or
  /// never will be. Returns whether its client can be told that it was not done.
  @inline(never)
  mutating func settleDoubt(
    _ leg: Leg, at s: Ref<Server>, by l: Ref<ServerConnection>, _ failure: ServerFailure,
    _ asked: borrowing Buffer, _ start: Int,
    isLeftBehind: Bool = false
  ) -> Bool {
    recordDoubt(leg, at: s, asked, start)
    // If the server is up, a deletion on the next connection may arrive before the write. A server that is out
    // finishes all that is left in its old connections before its journal's deletions are sent.
    if isLeftBehind, !leg.isPromised, upstream.servers[s].status == .up { return false }
    guard leg.isPromised || leg.exchange != Ref<Exchange>.none, leg.verb.isWrite,
      policy(of: leg.pool, at: s).writesMissOnFailure, mayPromise(at: s, in: leg.pool, by: l, failure)
    else { return false }
    let bytes = asked.readable
    var keys = KeyRange(leg, start: start)
    while let key = keys.next(bytes) { promise(key, at: s, by: l) }
    return true
  }

  /// Whether a deletion that is promised now will be done: not if the process is shutting down, nor on a server that
  /// is used as it is when it returns.
  private func mayPromise(
    at s: Ref<Server>, in pool: PoolIndex, by l: Ref<ServerConnection>, _ failure: ServerFailure
  ) -> Bool {
    guard policy(of: pool, at: s).isJournaled, upstream.servers[s].isJournaled,
      !upstream.servers[s].isRetired,
      failure != .shuttingDown, !isGivingUp,
      invalidation.promised.count < Self.mostPromises
    else { return false }
    // Twice the queue's limits, in bytes and requests: requests that were given up have left the queue, or soon will.
    return upstream.connections[l].owed.keys.count < Self.mostPromises
      && upstream.connections[l].queue.bytes.count < common.limits.serverQueue &* 2
      && upstream.connections[l].queue.legs.count < common.limits.serverDepth &* 2
  }

  /// The most deletions that one connection may owe.
  private static var mostPromises: Int { 4096 }

  /// Schedules a deletion if the server is up. In case the server goes out, its journal has the key already.
  private mutating func promise(_ key: [UInt8], at s: Ref<Server>, by l: Ref<ServerConnection>) {
    if upstream.servers[s].status == .up {
      invalidation.promised.append(Promise(server: s, connection: l, key: key))
    }
  }

  // MARK: - Deletions refused just before a server is ejected or used again

  /// Whether another deletion may be refused with a miss. Old ones are dropped: no worker takes that long to learn that a
  /// server is ejected.
  private mutating func hasRoomForRefusals() -> Bool {
    guard invalidation.refusals.count >= Self.mostPromises else { return true }
    guard let oldest = invalidation.refusals.first, common.clock.since(oldest.since) > Self.refusalLife else {
      return false
    }
    invalidation.refusals.removeAll { common.clock.since($0.since) > Self.refusalLife }
    return true
  }

  private static var refusalLife: Duration { .seconds(2) }

  /// Deletes keys on the stand-ins of ejected servers, if their deletion was refused while the server failed fast. Another
  /// worker may have learned of the ejection first, and stored a value on the stand-in since. While the stand-in is out
  /// too, it may be ejected or return next, so the key is kept.
  mutating func deleteRefusedOnStandIns() {
    let list = exchange(&invalidation.refusals, with: [])
    for one in list where upstream.servers.isTaken(one.server) {
      let standIn = liveOwner(of: one.key, besides: one.server)
      guard standIn != one.server, upstream.servers[standIn].status == .up else {
        invalidation.refusals.append(one)
        continue
      }
      if common.clock.since(one.since) <= Self.refusalLife { deleteOnAllConnections([one.key], of: standIn) }
    }
  }

  /// Takes the keys of deletions refused for a server.
  mutating func takeRefusals(of s: Ref<Server>) -> [[UInt8]] {
    let keys = invalidation.refusals.filter { $0.server == s }.map(\.key)
    invalidation.refusals.removeAll { $0.server == s }
    return keys
  }

  /// Whether deletions that clients were promised are queued on a connection, or will be.
  mutating func owesDeletions(_ l: Ref<ServerConnection>) -> Bool {
    if !upstream.connections[l].owed.keys.isEmpty
      || invalidation.promised.contains(where: { $0.connection == l })
    {
      return true
    }
    return upstream.connections[l].queue.hasPromisedDeletion
  }

  // MARK: - Sending promised deletions

  /// Sends the deletions promised since the last call on connections that are ready. Other connections note them in
  /// `owed`; with `isAhead` all do, because the deletions must precede requests that are already queued.
  @inline(never)
  mutating func keepPromises(isAhead: Bool = false) {
    guard !invalidation.promised.isEmpty else { return }
    var list: [Promise] = []
    swap(&list, &invalidation.promised)
    for one in list {
      let s = one.server
      guard upstream.servers.isTaken(s), !upstream.servers[s].isRetired, upstream.servers[s].status == .up,
        let l = currentConnection(one.connection, of: s)
      else { continue }
      if upstream.connections[l].state == .ready, !isAhead {
        appendDeletion(of: one.key, on: l)
      } else {
        upstream.connections[l].owed.keys.append(one.key)
      }
    }
  }

  /// The connection itself if requests still use it, else the first of its server's connections.
  private func currentConnection(_ l: Ref<ServerConnection>, of s: Ref<Server>) -> Ref<ServerConnection>? {
    for i in 0..<upstream.servers[s].connections.count where upstream.servers[s].connections[i] == l {
      return l
    }
    return upstream.servers[s].connections.first
  }

  /// Sends the deletions that a connection owes when it is used again, ahead of its queue, which is unsent.
  mutating func sendOwed(_ l: Ref<ServerConnection>) {
    let keys = upstream.connections[l].owed.keys
    upstream.connections[l].owed.keys = []
    let waiting = upstream.connections[l].queue.takeAll()
    var done: Set<[UInt8]> = []
    for key in keys where done.insert(key).inserted { appendDeletion(of: key, on: l) }
    upstream.connections[l].queue.append(waiting, &common.buffers)
  }

  /// Queues a deletion of a key of any bytes on a connection. No client gets its reply. A key that only base64 can
  /// express is skipped on a server that does not know base64: it cannot be stored there.
  mutating func appendDeletion(of key: [UInt8], on l: Ref<ServerConnection>) {
    let (era, pool) = (upstream.connections[l].handshake.meta, pool(of: key) ?? PoolIndex())
    guard
      upstream.connections[l].queue.enqueueDeletion(
        of: key, in: pool, opaque: &upstream.opaque, for: era, since: common.clock, &common.buffers)
    else { return }
    markDirty(connection: l)
  }

  /// Gives up requests queued behind writes just given up on a connection that stays in use, if they have the same
  /// keys: they might see a write that its client was told had not been done. O(queue).
  mutating func giveUpBehind(_ l: Ref<ServerConnection>) {
    var keys: Set<[UInt8]> = []
    for one in invalidation.promised where one.connection == l { keys.insert(one.key) }
    guard !keys.isEmpty else { return }
    var at = upstream.connections[l].queue.positionInTime
    while let one = upstream.connections[l].queue.next(&at) {
      let leg = one.leg
      if !leg.isLate, !leg.isPromised, leg.exchange != Ref<Exchange>.none || leg.fanOut != Ref<FanOut>.none,
        concerns(leg, keys, on: l, one.start)
      {
        expire(one, on: l)
      }
    }
  }

  private func concerns(_ leg: Leg, _ keys: Set<[UInt8]>, on l: Ref<ServerConnection>, _ start: Int) -> Bool {
    if leg.fanOut != Ref<FanOut>.none, fanOuts[leg.fanOut].kind != .multiGet { return false }
    let bytes = upstream.connections[l].queue.bytes.readable
    var walk = KeyRange(leg, start: start)
    while let key = walk.next(bytes) {
      if keys.contains(key) { return true }
    }
    return false
  }

  /// Whether a deletion of a stream's key on a server is promised and not yet answered.
  mutating func isPromisedAway(_ i: Ref<Stream>, at s: Ref<Server>) -> Bool {
    let line = exchange(&transfers.streams[i].line, with: Buffer())
    let isAway = isPromisedAway(transfers.streams[i].leg, line, at: s)
    transfers.streams[i].line = line
    return isAway
  }

  private func isPromisedAway(_ leg: Leg, _ line: borrowing Buffer, at s: Ref<Server>) -> Bool {
    for n in 0..<upstream.servers[s].connections.count {
      let l = upstream.servers[s].connections[n]
      var at = RequestQueue.Position()
      while let one = upstream.connections[l].queue.next(&at) {
        if one.leg.isPromised,
          isSameKey(leg, line.readable, one.leg, upstream.connections[l].queue.bytes.readable, one.start)
        {
          return true
        }
      }
      if upstream.connections[l].owed.keys.isEmpty { continue }
      var keys = KeyRange(leg, start: 0)
      if let key = keys.next(line.readable), upstream.connections[l].owed.keys.contains(key) { return true }
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

  /// The error with which a server of that era refuses it.
  static func unspoken(in era: Era) -> Refusal {
    era < .v1_5 ? .unknown : era < .v1_6_0 ? .badFlags : .invalidFlag
  }

  /// Refuses the queued requests that a new connection's server does not understand, because it speaks less than was
  /// assumed. No byte of them was sent.
  mutating func refuseUnspoken(_ l: Ref<ServerConnection>) {
    if upstream.connections[l].isPrivate { return refuseUnspokenUpload(l) }
    var at = RequestQueue.Position()
    while let one = upstream.connections[l].queue.next(&at) {
      let leg = one.leg
      let isDump = leg.fanOut != Ref<FanOut>.none && fanOuts[leg.fanOut].kind == .dump
      if isDump, upstream.connections[l].handshake.meta < .v1_6_0 {
        var request = upstream.connections[l].queue.copy(one, &common.buffers)
        abandon(leg, at: upstream.connections[l].server, by: l, .protocolError, .notDone, request, 0)
        request.release(to: &common.buffers)
      } else if !Self.isSpoken(leg.verb, in: upstream.connections[l].handshake.meta) {
        if leg.exchange != Ref<Exchange>.none {
          refuse(leg.exchange, Self.unspoken(in: upstream.connections[l].handshake.meta))
        }
      } else {
        continue
      }
      upstream.connections[l].queue.dropUnsent(one)
      at = RequestQueue.Position(index: one.index, start: one.start)
    }
  }

  /// Answers an exchange with a refusal.
  private mutating func refuse(_ x: Ref<Exchange>, _ why: Refusal) {
    common.counters.add(.clientErrors)
    let target = downstream.target(of: x)
    downstream.append(why.line, to: target, &common)
    downstream.conclude(x, target, &common)
  }

  private mutating func refuseUnspokenUpload(_ l: Ref<ServerConnection>) {
    let i = upstream.connections[l].stream
    guard i != Ref<Stream>.none, transfers.streams[i].course == .upload,
      !Self.isSpoken(transfers.streams[i].leg.verb, in: upstream.connections[l].handshake.meta)
    else { return }
    if transfers.streams[i].exchange != Ref<Exchange>.none {
      refuse(transfers.streams[i].exchange, Self.unspoken(in: upstream.connections[l].handshake.meta))
    }
    finishUpload(i, isClean: false)
  }
}

/// The keys of a request, decoded, one after the other.
struct KeyRange: BitwiseCopyable {
  private var walk: KeyWalk
  private var single: Word?
  private let isEncoded: Bool
  private let hasMany: Bool
  /// Where the first key ends.
  let firstEnd: Int

  /// For a request with one key.
  init(key: Word, isEncoded: Bool) {
    walk = KeyWalk(from: key.to, to: key.to)
    single = key
    self.isEncoded = isEncoded
    hasMany = false
    firstEnd = key.to
  }

  /// For a request with several keys, which are in `from ..< to`.
  init(from: Int, to: Int, firstEnd: Int) {
    walk = KeyWalk(from: from, to: to)
    isEncoded = false
    hasMany = true
    self.firstEnd = firstEnd
  }

  /// For a request that begins at `start`.
  init(_ leg: Leg, start: Int) {
    let key = Word(start: start &+ Int(leg.keyStart), length: Int(leg.keyLength))
    if leg.fanOut != Ref<FanOut>.none, leg.verb.isRetrieval {
      let end = start &+ Int(leg.length) &- (leg.isContinuedByNext ? 0 : 2)
      self.init(from: key.from, to: end, firstEnd: key.from)
    } else {
      self.init(key: key, isEncoded: leg.meta.contains(.base64))
    }
  }

  mutating func next(_ bytes: RawSpan) -> [UInt8]? {
    if hasMany { return walk.next(bytes).map { Self.array(bytes, $0.from, Int($0.length)) } }
    guard let key = single else { return nil }
    single = nil
    if isEncoded, let decoded = DecodedKey(bytes, from: key.from, count: Int(key.length)) {
      return Self.array(decoded.bytes.span.raw, 0, decoded.count)
    }
    return Self.array(bytes, key.from, Int(key.length))
  }

  private static func array(_ bytes: RawSpan, _ from: Int, _ count: Int) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(count)
    for i in 0..<count { copy.append(bytes.byte(at: from &+ i)) }
    return copy
  }
}
