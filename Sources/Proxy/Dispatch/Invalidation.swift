import Bytes
import Routing
import Stats
import Topology
import Wire

// The answer to a write that failed, and the deletion with which the proxy makes that answer true.
//
//     refused before it was sent     NOT_STORED, NOT_FOUND: true. A refused delete is recorded, and done later.
//     in doubt                       the same, and its key is deleted there before any later request for it
//     in doubt, and the proxy        an error: the server may read the write from that connection after a deletion
//     closed the connection          that was sent on the next one
//
// If the server is up, it is sent the deletion: see `OwedDeletions.swift`. If it is out, the key is in its journal.

/// A deletion that was refused with a miss while its server failed fast, or was about to be used again.
struct RefusedDeletion {
  var server: Ref<Server>
  var key: [UInt8]
  var target: Target
  var since: Instant
}

/// What servers must forget before they have their keys again.
struct Invalidation: ~Copyable {
  var journal = Journal()
  /// Whether any key is served by a stand-in now.
  var isJournaling = false
  /// Deletions refused lately for servers that fail fast: see `deleteRefusedOnStandIns`.
  var refusals: [RefusedDeletion] = []

  // MARK: - Which deletions can be promised

  /// Records a request that was refused before a byte of it was sent. It changed nothing, but if it was to remove its
  /// key, its client continues without the key, so the deletion is recorded. Returns whether a miss is a true answer.
  @inline(never)
  mutating func noteRefusal(
    _ bytes: RawSpan, lineAt p: Int, _ verb: Verb, _ keys: KeyRange, at s: Ref<Server>, in pool: PoolIndex,
    _ target: Target, by l: Ref<ServerConnection>, isAhead: Bool = false, _ failure: ServerFailure,
    _ upstream: inout Upstream,
    _ router: borrowing Router, _ common: inout Common
  ) -> Bool {
    guard verb.removes(bytes, lineAt: p, keyEnd: keys.firstEnd) else { return true }
    // It was routed here, so this pool's ring still has the server.
    let isFailingFast = upstream.servers[s].status != .up
    let isPromised =
      upstream.policy(of: pool, at: s).writesMissOnFailure
      && upstream.mayPromise(at: s, in: pool, by: l, failure, common.limits)
      && (!isFailingFast || hasRoomForRefusals(now: common.clock))
    var keys = keys
    while let key = keys.next(bytes) {
      recordDoubt(key, target, at: s, upstream, router, &common)
      guard isPromised else { continue }
      if isFailingFast {
        refusals.append(RefusedDeletion(server: s, key: key, target: target, since: common.clock))
      } else {
        upstream.promised.append(
          Promise(
            deletion: Deletion(key: key, pool: pool), server: s, connection: l, isAhead: isAhead,
            isBehindWrite: false))
      }
    }
    return isPromised
  }

  /// Records a write that was given up after bytes of it were sent: it may have been done, may still be done, or
  /// never will be. Returns whether its client can be told that it was not done. If its server is up, it is deleted
  /// there; in case the server goes out, its journal has the key already.
  @inline(never)
  mutating func settleDoubt(
    _ one: Settled, _ bytes: RawSpan, _ upstream: inout Upstream, _ router: borrowing Router,
    _ common: inout Common
  ) -> Bool {
    let (leg, s) = (one.leg, one.server)
    recordDoubt(leg, at: s, bytes, one.start, upstream, router, &common)
    let isUp = upstream.servers[s].status == .up
    // If the server is up, a deletion on the next connection may arrive before the write. A server that is out
    // finishes all that is left in its old connections before its journal's deletions are sent.
    if one.fate == .leftBehind, !leg.isPromised, isUp { return false }
    guard leg.isPromised || leg.exchange != Ref<Exchange>.none, leg.verb.isWrite,
      upstream.policy(of: leg.pool, at: s).writesMissOnFailure,
      upstream.mayPromise(at: s, in: leg.pool, by: one.next, one.failure, common.limits)
    else { return false }
    var keys = KeyRange(leg, start: one.start)
    while isUp, let key = keys.next(bytes) {
      upstream.promised.append(
        Promise(
          deletion: Deletion(key: key, pool: leg.pool), server: s, connection: one.next, isAhead: one.isAhead,
          isBehindWrite: one.fate == .late))
    }
    return true
  }

  // MARK: - Deletions refused just before a server is ejected or used again

  /// Whether another deletion may be refused with a miss. Old ones are dropped: no worker takes that long to learn that a
  /// server is ejected.
  private mutating func hasRoomForRefusals(now: Instant) -> Bool {
    guard refusals.count >= Upstream.mostPromises else { return true }
    guard let oldest = refusals.first, now.since(oldest.since) > Self.refusalLife else { return false }
    refusals.removeAll { now.since($0.since) > Self.refusalLife }
    return true
  }

  private static var refusalLife: Duration { .seconds(2) }

  /// Deletes keys on the stand-ins of ejected servers, if their deletion was refused while the server failed fast. Another
  /// worker may have learned of the ejection first, and stored a value on the stand-in since. While the stand-in is out
  /// too, it may be ejected or return next, so the key is kept.
  mutating func deleteRefusedOnStandIns(
    _ upstream: inout Upstream, _ router: borrowing Router, _ common: inout Common
  ) {
    var list: [RefusedDeletion] = []
    swap(&list, &refusals)
    for one in list where upstream.servers.isTaken(one.server) {
      let standIns = router.standIns(for: one.key, one.target, of: one.server, upstream)
      guard standIns.contains(where: { upstream.servers[$0].status == .up }) else {
        refusals.append(one)
        continue
      }
      guard common.clock.since(one.since) <= Self.refusalLife else { continue }
      for standIn in standIns where upstream.servers[standIn].status == .up {
        deleteOnAllConnections([one.key], of: standIn, &upstream, router, &common)
      }
    }
  }

  /// A reload has given the pools other numbers: see `PoolIndex.renumber`.
  mutating func renumberPools(_ numbers: [PoolIndex]) {
    for i in refusals.indices where refusals[i].target.isPool {
      var pool = PoolIndex(Int(refusals[i].target.number))
      pool.renumber(numbers)
      refusals[i].target = Target(pool)
    }
  }

  /// Takes the keys of deletions refused for a server.
  mutating func takeRefusals(of s: Ref<Server>) -> [[UInt8]] {
    let keys = refusals.filter { $0.server == s }.map(\.key)
    refusals.removeAll { $0.server == s }
    return keys
  }
}

extension Verb {
  /// Whether the command's purpose is to change its key: `gat`, or `mg` that touches or creates, is a read.
  var isWrite: Bool {
    switch expectation {
    case .stored, .deleted, .number, .touched: true
    default: self == .metaSet || self == .metaDelete || self == .metaArithmetic
    }
  }

  var isDelete: Bool { self == .delete || self == .metaDelete }

  /// memcached's reply to a change that was made, if it is always the same; of a meta request only that there is one.
  var doneLine: StaticString? {
    switch expectation {
    case .stored: "STORED\r\n"
    case .deleted: "DELETED\r\n"
    case .touched: "TOUCHED\r\n"
    default: self == .metaSet || self == .metaDelete ? "HD" : nil
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
