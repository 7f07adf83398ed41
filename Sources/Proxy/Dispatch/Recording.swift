import Bytes
import Routing
import Stats
import Topology
import Wire

// Journal recording: changes made on a stand-in (the server that has an ejected server's keys), and changes that may
// have been made. What has certainly failed is not recorded. Nothing here runs while all servers are up and answer.

extension Invalidation {
  // MARK: - Changes that a stand-in has made

  /// Records the keys of a request to a server that is a stand-in for them. Its line begins `line`. For a `gat` of several
  /// keys, only those that were found.
  mutating func noteChange(
    _ leg: Leg, _ line: borrowing Buffer, at s: Ref<Server>, _ fanOuts: borrowing Slab<FanOut>,
    _ upstream: borrowing Upstream, _ router: borrowing Router, _ common: inout Common
  ) {
    let asked = line.readable
    if leg.verb == .metaGet, !Verb.changes(asked, leg.metaLine.sentFlags(asked, from: 0)) { return }
    var keys = KeyRange(leg, start: 0)
    var piece = leg.fanOut == Ref<FanOut>.none ? UInt32.max : leg.piece
    while let key = keys.next(asked) {
      if piece != .max {
        let one = fanOuts[leg.fanOut].pieces[Int(piece)]
        piece = one.next
        if one.length == 0 && !one.isDeferred { continue }
      }
      noteStandIn(key, leg.target, at: s, upstream, router, &common)
    }
  }

  /// Records a key that a server has changed, or may have, for another server that is out: the owner's copy is old
  /// now, and this server's will be once the owner is back.
  private mutating func noteStandIn(
    _ key: [UInt8], _ target: Target, at s: Ref<Server>, _ upstream: borrowing Upstream,
    _ router: borrowing Router,
    _ common: inout Common
  ) {
    guard isJournaled(key, target, at: s, upstream, router), !upstream.servers[s].isRetired else { return }
    noteForPoolsAhead(key, target, at: s, upstream, router, &common)
    let owner = router.owner(of: key, target, besides: s, upstream)
    guard owner != s else { return }
    if upstream.servers[owner].status != .up {
      record(key, of: owner, against: owner, isLasting: true, upstream, router, &common)
    }
    record(key, of: owner, against: s, isLasting: true, upstream, router, &common)
  }

  /// The same for the pools in front of this one in a `try`, whose servers are out.
  private mutating func noteForPoolsAhead(
    _ key: [UInt8], _ target: Target, at s: Ref<Server>, _ upstream: borrowing Upstream,
    _ router: borrowing Router, _ common: inout Common
  ) {
    guard target.isPool, Int(target.number) < router.ahead.count else { return }
    for pool in router.ahead[Int(target.number)] where upstream.policy(of: pool).isJournaled {
      guard let one = router.member(of: pool, having: key, upstream), one.isEjected, one.server != s else {
        continue
      }
      record(key, of: one.server, against: one.server, isLasting: true, upstream, router, &common)
      record(key, of: one.server, against: s, isLasting: true, upstream, router, &common)
    }
  }

  /// Whether changes of a key are recorded: its server is journaled, and its pool wants that.
  private func isJournaled(
    _ key: [UInt8], _ target: Target, at s: Ref<Server>, _ upstream: borrowing Upstream,
    _ router: borrowing Router
  ) -> Bool {
    upstream.servers[s].isJournaled
      && (router.pool(of: key, target).map { upstream.policy(of: $0).isJournaled } ?? true)
  }

  /// Records changes still in flight to stand-ins as if they were made, before the rings change or journal entries
  /// are handed over. O(requests in flight).
  @inline(never)
  mutating func noteInFlight(
    _ streams: borrowing Slab<Stream>, _ upstream: borrowing Upstream, _ router: borrowing Router,
    _ common: inout Common
  ) {
    for l in upstream.connections.slots
    where upstream.connections.isTaken(l) && upstream.servers.isTaken(upstream.connections[l].server) {
      let s = upstream.connections[l].server
      let isUpload = upstream.connections[l].queue.front == .upload
      var at = RequestQueue.Position()
      while let one = upstream.connections[l].queue.next(&at) {
        guard one.leg.verb.mayChange, !one.leg.isLate, one.leg.verb != .flushAll else { continue }
        // What was sent of an upload has left the queue: the stream has its line.
        if isUpload {
          noteInFlight(
            one.leg, at: s, streams[upstream.connections[l].stream].line.readable, 0, upstream, router,
            &common)
        } else {
          noteInFlight(
            one.leg, at: s, upstream.connections[l].queue.bytes.readable, one.start, upstream, router,
            &common)
        }
      }
    }
  }

  private mutating func noteInFlight(
    _ leg: Leg, at s: Ref<Server>, _ bytes: RawSpan, _ start: Int, _ upstream: borrowing Upstream,
    _ router: borrowing Router, _ common: inout Common
  ) {
    if leg.verb == .metaGet, !Verb.changes(bytes, leg.metaLine.sentFlags(bytes, from: start)) { return }
    var keys = KeyRange(leg, start: start)
    while let key = keys.next(bytes) { noteStandIn(key, leg.target, at: s, upstream, router, &common) }
  }

  // MARK: - Changes that were not answered

  /// Records a leg that was given up after it was sent: the server may have done it, may still do it, or never will.
  @inline(never)
  mutating func recordDoubt(
    _ leg: Leg, at s: Ref<Server>, _ asked: RawSpan, _ start: Int, _ upstream: borrowing Upstream,
    _ router: borrowing Router, _ common: inout Common
  ) {
    guard leg.verb.mayChange, upstream.servers[s].isJournaled else { return }
    if leg.verb == .metaGet, !Verb.changes(asked, leg.metaLine.sentFlags(asked, from: start)) { return }
    var keys = KeyRange(leg, start: start)
    while let key = keys.next(asked) { recordDoubt(key, leg.target, at: s, upstream, router, &common) }
  }

  /// On a server that is up and owns the key, a change in doubt matters only if the server goes out soon.
  mutating func recordDoubt(
    _ key: [UInt8], _ target: Target, at s: Ref<Server>, _ upstream: borrowing Upstream,
    _ router: borrowing Router,
    _ common: inout Common
  ) {
    guard isJournaled(key, target, at: s, upstream, router) else { return }
    let owner = router.owner(of: key, target, besides: s, upstream)
    record(
      key, of: owner, against: s, isLasting: owner != s || upstream.servers[s].status != .up, upstream,
      router, &common)
    if owner != s, upstream.servers[owner].status != .up {
      record(key, of: owner, against: owner, isLasting: true, upstream, router, &common)
    }
  }

  private mutating func record(
    _ key: [UInt8], of owner: Ref<Server>, against s: Ref<Server>, isLasting: Bool,
    _ upstream: borrowing Upstream, _ router: borrowing Router, _ common: inout Common
  ) {
    let outcome = journal.record(
      key, of: upstream.servers[owner].id, against: upstream.servers[s].id, isLasting: isLasting,
      mostKeys: common.limits.journalKeys,
      mostBytes: common.limits.journalBytes)
    switch outcome {
    case .added: common.counters.add(.journalKeys)
    case .overflowed: common.counters.add(.journalOverflows)
    case .nothingNew: break
    }
  }

  // MARK: - Taking entries out of the journal

  /// The most keys that a worker deletes by itself on a server that is up again.
  static var refusalsDeleted: Int { 256 }

  /// Removes and returns the copies that these servers hold of keys that other servers own now: those of one pool, or of
  /// all. A server that is out keeps its entries until it returns.
  mutating func takeOrphans(
    of ids: [ServerID], in pool: PoolID? = nil, _ upstream: borrowing Upstream, _ router: borrowing Router,
    _ common: inout Common
  ) -> [ServerID: Journal.Entries] {
    var orphans: [ServerID: Journal.Entries] = [:]
    for id in ids {
      guard let s = upstream.slot(of: id), upstream.servers[s].status == .up else { continue }
      var orphan: [[UInt8]: Bool] = [:]
      journal.forEachLasting(of: id) { key in
        orphan[key] = router.isOrphan(key, at: s, in: pool, upstream)
      }
      let entries = journal.takeLasting(id, withFlags: true) { orphan[$0] ?? false }
      if !entries.isEmpty { orphans[id] = entries }
    }
    return orphans
  }

  /// Deletes the keys of changes that were refused between the last cleanup of a server and now that it is up. The
  /// deletions are queued ahead of all requests: a later cleanup job could delete what a retrying client has stored
  /// by then. Of changes other than deletions, more than `refusalsDeleted` keys, and keys that a command line cannot
  /// contain, are left to that job.
  @inline(never)
  mutating func deleteRefused(
    at s: Ref<Server>, _ upstream: inout Upstream, _ router: borrowing Router, _ common: inout Common
  ) {
    guard upstream.servers[s].isJournaled else { return }
    var keys = Set(takeRefusals(of: s))
    if journal.lastingCount(of: upstream.servers[s].id)
      <= min(Self.refusalsDeleted, common.limits.serverDepth)
    {
      let entries = journal.takeLasting(upstream.servers[s].id, withFlags: false) { key in
        !key.contains { $0 <= 32 || $0 == 127 }
      }
      keys.formUnion(entries.keys)
    }
    deleteOnAllConnections(
      keys.sorted { $0.lexicographicallyPrecedes($1) }, of: s, &upstream, router, &common)
  }

  /// Deletes keys on a server ahead of all that its connections are given after this. Clients use different ones.
  mutating func deleteOnAllConnections(
    _ keys: [[UInt8]], of s: Ref<Server>, _ upstream: inout Upstream, _ router: borrowing Router,
    _ common: inout Common
  ) {
    for i in 0..<upstream.servers[s].connections.count {
      for key in keys {
        upstream.appendDeletion(
          Deletion(key: key, pool: router.pool(of: key) ?? PoolIndex()),
          on: upstream.servers[s].connections[i], &common)
      }
    }
  }
}

extension Verb {
  /// Whether a reply says that the key was changed, or may have been. A delete always counts: the owner may hold the
  /// key even if the stand-in does not.
  func saysChanged(_ reply: RawSpan) -> Bool {
    if reply.hasText("SERVER_ERROR", at: 0) { return true }
    switch expectation {
    case .stored: return reply.hasText("STORED", at: 0)
    case .deleted: return true
    case .touched: return reply.hasText("TOUCHED", at: 0)
    case .values, .valuesWithCAS: return touches && reply.hasText("VALUE", at: 0)
    case .number: return reply.byteCount > 0 && reply.byte(at: 0) &- 48 <= 9
    default: return false
    }
  }

  /// Whether the flags of an `mg` change its key: `T` sets its expiry, `N` creates an item.
  static func changes(_ bytes: RawSpan, _ flags: KeyWalk) -> Bool {
    var flags = flags
    while let word = flags.next(bytes) {
      let letter = bytes.byte(at: word.from)
      if letter == 84 || letter == 78 { return true }
    }
    return false
  }

  /// Whether a request removes its key: a delete, or a write that expires at once. Its line begins at `p`, its first
  /// key ends at `keyEnd`.
  func removes(_ bytes: RawSpan, lineAt p: Int, keyEnd: Int) -> Bool {
    let end = bytes.firstNewline(from: min(keyEnd, bytes.byteCount)) ?? bytes.byteCount
    var words = KeyWalk(from: isRetrieval ? p : keyEnd, to: end)
    func isNegative(_ word: Word?, behind letters: Int = 0) -> Bool {
      guard let word, Int(word.length) > letters else { return false }
      return bytes.byte(at: word.from &+ letters) == 45
    }
    switch self {
    case .delete, .metaDelete: return true
    // Skip to the time: the word after the command, after the flags, or after the key.
    case .gat, .gats, .set, .add, .replace, .append, .prepend, .cas:
      _ = words.next(bytes)
      return isNegative(words.next(bytes))
    case .touch: return isNegative(words.next(bytes))
    case .metaGet, .metaSet, .metaArithmetic:
      if self == .metaSet { _ = words.next(bytes) }
      while let word = words.next(bytes) {
        if bytes.byte(at: word.from) == 84, isNegative(word, behind: 1) { return true }
      }
      return false
    default: return false
    }
  }
}

extension MetaReply {
  /// Whether the reply to a meta request says that the key was changed, or may have been.
  func saysChanged(_ verb: Verb, _ bytes: RawSpan, at p: Int) -> Bool {
    let hasChanged =
      switch status {
      case .value, .done: true
      case .notFound: verb == .metaDelete
      case .error: bytes.hasText("SERVER_ERROR", at: p)
      case .miss, .notStored, .exists, .shown: false
      }
    return hasChanged && verb.mayChange
  }
}
