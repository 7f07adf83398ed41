import Bytes
import Routing
import Stats
import Topology
import Wire

// Journal recording: changes made on a stand-in (the server that has an ejected server's keys), and changes that may
// have been made; never certain failures. Nothing here runs while all servers are up and answer.

extension Worker {
  // MARK: - Changes that a stand-in has made

  /// Records the key of a classic request that may have changed it, when the reply to it, the front leg of a
  /// connection, arrives while some server's keys are on stand-ins.
  @inline(never)
  mutating func noteChange(_ l: Ref<ServerConnection>, _ reply: RawSpan) {
    let leg = upstream.connections[l].queue.legs[0]
    guard Self.saysChanged(leg.verb, reply) else { return }
    noteFront(l, leg)
  }

  /// The same for a meta request.
  @inline(never)
  mutating func noteMetaChange(
    _ l: Ref<ServerConnection>, _ leg: Leg, _ reply: MetaReply, _ bytes: RawSpan, _ p: Int
  ) {
    let hasChanged =
      switch reply.status {
      case .value, .done: true
      case .notFound: leg.verb == .metaDelete
      case .error: bytes.hasText("SERVER_ERROR", at: p)
      case .miss, .notStored, .exists, .shown: false
      }
    guard hasChanged, leg.verb.mayChange else { return }
    noteFront(l, leg)
  }

  /// Records the keys of a connection's front leg if its server is a stand-in for them. For a `gat` of several keys,
  /// only those that were found.
  mutating func noteFront(_ l: Ref<ServerConnection>, _ leg: Leg) {
    var request = upstream.connections[l].queue.copyFront(&common.buffers)
    noteFront(leg, at: upstream.connections[l].server, request)
    request.release(to: &common.buffers)
  }

  private mutating func noteFront(_ leg: Leg, at s: Ref<Server>, _ asked: borrowing Buffer) {
    let bytes = asked.readable
    if leg.verb == .metaGet, !Self.changes(bytes, leg.metaLine.sentFlags(bytes, from: 0)) { return }
    var keys = KeyRange(leg, start: 0)
    var piece = leg.fanOut == Ref<FanOut>.none ? UInt32.max : leg.piece
    while let key = keys.next(bytes) {
      if piece != .max {
        let one = fanOuts[leg.fanOut].pieces[Int(piece)]
        piece = one.next
        if one.length == 0 && !one.isDeferred { continue }
      }
      noteStandIn(key, at: s)
    }
  }

  /// The same for a value that was sent on a private connection.
  mutating func noteUpload(_ i: Ref<Stream>) {
    let line = exchange(&transfers.streams[i].line, with: Buffer())
    noteFront(transfers.streams[i].leg, at: transfers.streams[i].server, line)
    transfers.streams[i].line = line
  }

  /// Whether a reply says that the key was changed, or may have been. A delete always counts: the owner may hold the
  /// key even if the stand-in does not.
  private static func saysChanged(_ verb: Verb, _ reply: RawSpan) -> Bool {
    if reply.hasText("SERVER_ERROR", at: 0) { return true }
    switch verb.expectation {
    case .stored: return reply.hasText("STORED", at: 0)
    case .deleted: return true
    case .touched: return reply.hasText("TOUCHED", at: 0)
    case .values, .valuesWithCAS: return verb.touches && reply.hasText("VALUE", at: 0)
    case .number: return reply.byteCount > 0 && reply.byte(at: 0) &- 48 <= 9
    default: return false
    }
  }

  /// Records a key that a server has changed, or may have, for another server that is out: the owner's copy is old
  /// now, and this server's will be once the owner is back.
  private mutating func noteStandIn(_ key: [UInt8], at s: Ref<Server>) {
    guard isJournaled(key, at: s), !upstream.servers[s].isRetired else { return }
    let owner = owner(of: key, besides: s)
    guard owner != s else { return }
    if upstream.servers[owner].status != .up { record(key, of: owner, against: owner, isLasting: true) }
    record(key, of: owner, against: s, isLasting: true)
  }

  /// The pool whose ring places a key; nil if no route matches it.
  func pool(of key: [UInt8]) -> PoolIndex? {
    let i = router.table.pool(for: key.span.raw, from: 0, count: key.count)
    return i < 0 ? nil : PoolIndex(i)
  }

  /// The server that has a key now: its owner, or a stand-in. `s` if no route matches the key.
  func liveOwner(of key: [UInt8], besides s: Ref<Server>) -> Ref<Server> {
    guard let pool = pool(of: key) else { return s }
    let place = router.table.pools[pool.ring].server(owning: key.span.raw, from: 0, count: key.count)
    return router.destinations[Int(router.poolStarts[Int(pool.number)]) + place].server
  }

  /// The server that owns a key on its pool's full ring. `s` if no route matches the key.
  private func owner(of key: [UInt8], besides s: Ref<Server>) -> Ref<Server> {
    guard let pool = pool(of: key) else { return s }
    let home = router.table.pools[pool.ring].owner(of: key.span.raw, from: 0, count: key.count)
    return router.destinations[Int(router.poolStarts[Int(pool.number)]) + home].server
  }

  /// Whether changes of a key are recorded: its server is journaled, and its pool wants that.
  private func isJournaled(_ key: [UInt8], at s: Ref<Server>) -> Bool {
    upstream.servers[s].isJournaled && (pool(of: key).map { policy(of: $0).isJournaled } ?? true)
  }

  /// Records changes still in flight to stand-ins as if they were made, before the rings change or journal entries
  /// are handed over. O(requests in flight).
  @inline(never)
  mutating func noteInFlight() {
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      if upstream.connections.isTaken(l), upstream.servers.isTaken(upstream.connections[l].server) {
        noteInFlight(on: l)
      }
      l = l.next
    }
  }

  private mutating func noteInFlight(on l: Ref<ServerConnection>) {
    let isUpload = upstream.connections[l].queue.front == .upload
    var at = RequestQueue.Position()
    while let one = upstream.connections[l].queue.next(&at) {
      let leg = one.leg
      if leg.verb.mayChange, !leg.isLate, leg.verb != .flushAll {
        if isUpload {
          let line = exchange(&transfers.streams[upstream.connections[l].stream].line, with: Buffer())
          noteInFlight(leg, at: upstream.connections[l].server, line)
          transfers.streams[upstream.connections[l].stream].line = line
        } else {
          var request = upstream.connections[l].queue.copy(one, &common.buffers)
          noteInFlight(leg, at: upstream.connections[l].server, request)
          request.release(to: &common.buffers)
        }
      }
    }
  }

  private mutating func noteInFlight(_ leg: Leg, at s: Ref<Server>, _ asked: borrowing Buffer) {
    let bytes = asked.readable
    if leg.verb == .metaGet, !Self.changes(bytes, leg.metaLine.sentFlags(bytes, from: 0)) { return }
    var keys = KeyRange(leg, start: 0)
    while let key = keys.next(bytes) { noteStandIn(key, at: s) }
  }

  // MARK: - Changes that were not answered

  /// Records a leg that was given up after it was sent: the server may have done it, may still do it, or never will.
  @inline(never)
  mutating func recordDoubt(_ leg: Leg, at s: Ref<Server>, _ request: borrowing Buffer, _ start: Int) {
    guard leg.verb.mayChange, upstream.servers[s].isJournaled else { return }
    let asked = request.readable
    if leg.verb == .metaGet, !Self.changes(asked, leg.metaLine.sentFlags(asked, from: start)) { return }
    var keys = KeyRange(leg, start: start)
    while let key = keys.next(asked) { recordDoubt(key, at: s) }
  }

  /// On a server that is up and owns the key, a change in doubt matters only if the server goes out soon.
  mutating func recordDoubt(_ key: [UInt8], at s: Ref<Server>) {
    guard isJournaled(key, at: s) else { return }
    let owner = owner(of: key, besides: s)
    record(key, of: owner, against: s, isLasting: owner != s || upstream.servers[s].status != .up)
    if owner != s, upstream.servers[owner].status != .up {
      record(key, of: owner, against: owner, isLasting: true)
    }
  }

  private mutating func record(_ key: [UInt8], of owner: Ref<Server>, against s: Ref<Server>, isLasting: Bool)
  {
    let outcome = invalidation.journal.record(
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

  /// Removes and returns a server's entries, so that they are deleted there before the server is used.
  package mutating func takeEntries(_ server: ServerID) -> Journal.Entries {
    if invalidation.isJournaling { noteInFlight() }
    return invalidation.journal.take(server)
  }

  /// Removes and returns the copies that these servers hold of keys that other servers own now: those of one pool, or of
  /// all. A server that is out keeps its entries until it returns.
  package mutating func takeOrphans(of ids: [ServerID], in pool: PoolID? = nil) -> [ServerID: Journal.Entries]
  {
    var orphans: [ServerID: Journal.Entries] = [:]
    for id in ids {
      guard let s = slot(of: id), upstream.servers[s].status == .up else { continue }
      var orphan: [[UInt8]: Bool] = [:]
      invalidation.journal.forEachLasting(of: id) { key in
        let isMeant = pool == nil || self.pool(of: key).map { router.poolIDs[Int($0.number)] } == pool
        orphan[key] = isMeant && liveOwner(of: key, besides: s) != s
      }
      let entries = invalidation.journal.takeLasting(id, withFlags: true) { orphan[$0] ?? false }
      if !entries.isEmpty { orphans[id] = entries }
    }
    return orphans
  }

  /// Deletes the keys of changes that were refused between the last cleanup of a server and now that it is up. The
  /// deletions are queued ahead of all requests: a later cleanup job could delete what a retrying client has stored
  /// by then. Of changes other than deletions, more than `refusalsDeleted` keys, and keys that a command line cannot
  /// contain, are left to that job.
  @inline(never)
  mutating func deleteRefused(at s: Ref<Server>) {
    guard upstream.servers[s].isJournaled else { return }
    var keys = Set(takeRefusals(of: s))
    if invalidation.journal.lastingCount(of: upstream.servers[s].id)
      <= min(Self.refusalsDeleted, common.limits.serverDepth)
    {
      let entries = invalidation.journal.takeLasting(upstream.servers[s].id, withFlags: false) { key in
        !key.contains { $0 <= 32 || $0 == 127 }
      }
      keys.formUnion(entries.keys)
    }
    deleteOnAllConnections(keys.sorted { $0.lexicographicallyPrecedes($1) }, of: s)
  }

  /// Deletes keys on a server ahead of all that its connections are given after this. Clients use different ones.
  mutating func deleteOnAllConnections(_ keys: [[UInt8]], of s: Ref<Server>) {
    for i in 0..<upstream.servers[s].connections.count {
      for key in keys { appendDeletion(of: key, on: upstream.servers[s].connections[i]) }
    }
  }

  // MARK: - Which requests change anything

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
  static func removes(_ bytes: RawSpan, lineAt p: Int, _ verb: Verb, keyEnd: Int) -> Bool {
    let end = bytes.firstNewline(from: min(keyEnd, bytes.byteCount)) ?? bytes.byteCount
    var words = KeyWalk(from: verb.isRetrieval ? p : keyEnd, to: end)
    func isNegative(_ word: Word?, behind letters: Int = 0) -> Bool {
      guard let word, Int(word.length) > letters else { return false }
      return bytes.byte(at: word.from &+ letters) == 45
    }
    switch verb {
    case .delete, .metaDelete: return true
    // Skip to the time: the word after the command, after the flags, or after the key.
    case .gat, .gats, .set, .add, .replace, .append, .prepend, .cas:
      _ = words.next(bytes)
      return isNegative(words.next(bytes))
    case .touch: return isNegative(words.next(bytes))
    case .metaGet, .metaSet, .metaArithmetic:
      if verb == .metaSet { _ = words.next(bytes) }
      while let word = words.next(bytes) {
        if bytes.byte(at: word.from) == 84, isNegative(word, behind: 1) { return true }
      }
      return false
    default: return false
    }
  }
}
