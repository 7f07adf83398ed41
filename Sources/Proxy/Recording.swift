import Bytes
import Routing
import Stats
import Wire

// What goes into the journal: changes that a stand-in gets, and changes of which nobody knows whether they
// were made. Nothing here is called while all servers are up and answer.

extension Worker {
  // MARK: - Changes that a stand-in gets

  /// A request that changes this key is about to be routed.
  @inline(never)
  mutating func recordChange(_ bytes: RawSpan, from: Int, count: Int) {
    let pool = table.pool(for: bytes, from: from, count: count)
    guard pool >= 0, !table.pools[UInt32(truncatingIfNeeded: pool)].isWhole else { return }
    let start = Int(poolStarts[pool])
    let place = table.pools[UInt32(truncatingIfNeeded: pool)].server(owning: bytes, from: from, count: count)
    let home = table.pools[UInt32(truncatingIfNeeded: pool)].owner(of: bytes, from: from, count: count)
    guard place != home else { return }
    let standIn = lanes[start + place].server
    let owner = lanes[start + home].server
    guard servers[standIn].isJournaled else { return }
    let key = array(bytes, from, count)
    record(key, of: owner, against: owner, isLasting: true)
    record(key, of: owner, against: standIn, isLasting: true)
  }

  /// The same for every key of a `gat` or `gats`.
  @inline(never)
  mutating func recordChanges(_ bytes: RawSpan, _ p: Int, _ request: Request) {
    var words = KeyWalk(from: request.keyStart, to: p &+ request.lineLength)
    while let key = words.next(bytes) {
      let end = Self.withoutLineEnd(bytes, key)
      if end > key.from, end - key.from <= RequestParser.longestKey {
        recordChange(bytes, from: key.from, count: end - key.from)
      }
    }
  }

  /// The same for a meta request, if it is one that changes anything.
  @inline(never)
  mutating func recordMetaChange(_ bytes: RawSpan, _ p: Int, _ request: Request) {
    guard Self.changes(bytes, p, request) else { return }
    if request.meta.contains(.base64),
      let key = DecodedKey(bytes, from: request.keyStart, count: request.keyLength)
    {
      // SAFETY: a byte has no padding that could be uninitialised.
      unsafe recordChange(key.bytes.span.bytes, from: 0, count: key.count)
    } else {
      recordChange(bytes, from: request.keyStart, count: request.keyLength)
    }
  }

  /// The same for a value that takes a way of its own: a long one, or one that is too long.
  mutating func recordSet(_ bytes: RawSpan, _ request: Request) {
    if request.verb.isMeta { return recordMetaChange(bytes, 0, request) }
    recordChange(bytes, from: request.keyStart, count: request.keyLength)
  }

  // MARK: - Changes that nobody answers for

  /// A request was refused without being sent. Whoever takes no notice of the error must not meet the old
  /// value later.
  @inline(never)
  mutating func recordRefusal(_ bytes: RawSpan, _ p: Int, _ request: Request, at s: UInt32) {
    guard servers[s].isJournaled, Self.changes(bytes, p, request) else { return }
    let key = Word(start: request.keyStart, length: request.keyLength)
    recordDoubt(bytes, key, isEncoded: request.meta.contains(.base64), at: s)
  }

  /// A leg was failed for: its server may have done what it was asked, may do so yet, or never will.
  @inline(never)
  mutating func recordDoubt(_ leg: Leg, at s: UInt32, _ request: borrowing Buffer, _ start: Int) {
    guard leg.verb.mayChange, servers[s].isJournaled else { return }
    let asked = request.readable
    if leg.verb == .metaGet, !Self.changes(asked, leg.metaLine.sentFlags(asked, from: start)) { return }
    let keyStart = start &+ Int(leg.keyStart)
    guard leg.fanOut != Slab<FanOut>.none, leg.verb.isRetrieval else {
      let key = Word(start: keyStart, length: Int(leg.keyLength))
      return recordDoubt(asked, key, isEncoded: leg.meta.contains(.base64), at: s)
    }
    var words = KeyWalk(from: keyStart, to: start &+ Int(leg.length) &- 2)
    while let key = words.next(asked) { recordDoubt(asked, key, isEncoded: false, at: s) }
  }

  /// On a server that is up and owns the key, doubt is of use only if it goes out soon.
  private mutating func recordDoubt(_ bytes: RawSpan, _ word: Word, isEncoded: Bool, at s: UInt32) {
    var key = array(bytes, word.from, Int(word.length))
    if isEncoded, let decoded = DecodedKey(bytes, from: word.from, count: Int(word.length)) {
      // SAFETY: a byte has no padding that could be uninitialised.
      key = unsafe array(decoded.bytes.span.bytes, 0, decoded.count)
    }
    let pool = Int(servers[s].pool)
    // SAFETY: a byte has no padding that could be uninitialised.
    let home = table.pools[servers[s].pool].owner(of: unsafe key.span.bytes, from: 0, count: key.count)
    let owner = lanes[Int(poolStarts[pool]) + home].server
    record(key, of: owner, against: s, isLasting: owner != s || servers[s].standing != .up)
  }

  private mutating func record(_ key: [UInt8], of owner: UInt32, against s: UInt32, isLasting: Bool) {
    let outcome = journal.record(
      key, of: servers[owner].id, against: servers[s].id, isLasting: isLasting, mostKeys: limits.journalKeys,
      mostBytes: limits.journalBytes)
    switch outcome {
    case .added: counters.add(.journalKeys)
    case .overflowed: counters.add(.journalOverflows)
    case .nothingNew: break
    }
  }

  // MARK: - What is asked of the journal

  /// The most keys that a worker deletes by itself on a server that is up again.
  static var refusalsDeleted: Int { 256 }

  /// Gives away what is held against a server: who asked sees to it that it is deleted there.
  package mutating func surrender(_ server: UInt32) -> Journal.Entries { journal.take(server) }

  /// Gives away the copies that these servers hold of keys that are others' now. A server that is out keeps
  /// its entries until it returns.
  package mutating func surrenderStrays(of ids: [UInt32]) -> [UInt32: Journal.Entries] {
    var strays: [UInt32: Journal.Entries] = [:]
    for id in ids {
      guard let s = slot(of: id), servers[s].standing == .up else { continue }
      let pool = servers[s].pool
      let start = Int(poolStarts[Int(pool)])
      var stray: [[UInt8]: Bool] = [:]
      journal.visit(lastingOf: id) { key in
        // SAFETY: a byte has no padding that could be uninitialised.
        let bytes = unsafe key.span.bytes
        let place = table.pools[pool].server(owning: bytes, from: 0, count: key.count)
        stray[key] = lanes[start + place].server != s
      }
      let entries = journal.takeLasting(id, withFlags: true) { stray[$0] ?? false }
      if !entries.isEmpty { strays[id] = entries }
    }
    return strays
  }

  /// Changes refused between the last time that the server was made safe and now that it is up. Their keys are deleted
  /// ahead of whatever comes: an errand later would meet what a client that tries again has stored by then. More than
  /// a few, and what cannot stand in a line, are surrendered all the same.
  @inline(never)
  mutating func deleteRefused(at s: UInt32, now: Instant) {
    guard servers[s].isJournaled, servers[s].links.count > 0 else { return }
    guard journal.lastingCount(of: servers[s].id) <= min(Self.refusalsDeleted, limits.serverDepth) else {
      return
    }
    let l = servers[s].links[0]
    let entries = journal.takeLasting(servers[s].id, withFlags: false) { key in
      !key.contains { $0 <= 32 || $0 == 127 }
    }
    for key in entries.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      var leg = Leg()
      leg.verb = .delete
      leg.keyStart = 7
      leg.keyLength = UInt8(truncatingIfNeeded: key.count)
      leg.length = UInt32(truncatingIfNeeded: key.count &+ 9)
      leg.since = now
      links[l].asked.append("delete ", &pool)
      // SAFETY: a byte has no padding that could be uninitialised.
      links[l].asked.append(unsafe key.span.bytes, &pool)
      links[l].asked.append("\r\n", &pool)
      links[l].enqueue(leg)
      markDirty(link: l)
    }
  }

  // MARK: - Which requests change anything

  /// Whether a request changes its key. `mg` does with `T` (its time) and `N` (it makes an item).
  private static func changes(_ bytes: RawSpan, _ p: Int, _ request: Request) -> Bool {
    guard request.verb == .metaGet else { return request.verb.mayChange }
    return changes(
      bytes, KeyWalk(from: request.keyStart &+ request.keyLength, to: p &+ request.lineLength))
  }

  private static func changes(_ bytes: RawSpan, _ flags: KeyWalk) -> Bool {
    var flags = flags
    while let word = flags.next(bytes) {
      let letter = bytes.byte(at: word.from)
      if letter == 84 || letter == 78 { return true }
    }
    return false
  }

  /// Where a line's last word ends: its CR and LF are not part of it.
  private static func withoutLineEnd(_ bytes: RawSpan, _ word: Word) -> Int {
    var end = word.to
    while end > word.from, bytes.byte(at: end &- 1) == 10 || bytes.byte(at: end &- 1) == 13 { end &-= 1 }
    return end
  }

  private func array(_ bytes: RawSpan, _ from: Int, _ count: Int) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(count)
    for i in 0..<count { copy.append(bytes.byte(at: from &+ i)) }
    return copy
  }
}
