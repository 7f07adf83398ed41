import Bytes
import Stats
import Topology
import Wire

// What is counted of every reply: its result by command and pool, and by server, and how long it took. The time is that
// of the turn in which the reply was read, so no clock is read for it.

/// What the legs of one reply to a line of gets have got so far. It is in the dispatcher because the loop over them has no
/// register left.
struct SharedReply: BitwiseCopyable {
  /// The pool of all of them.
  var pool = PoolIndex()
  var hits = 0
  var errors = 0
  /// Legs whose clients were answered before, or have left.
  var skipped = 0
}

extension Server {
  /// Counts a request that it has answered.
  @inline(__always) mutating func count(_ result: RequestResult, bucket: Int) {
    latency.record(bucket: bucket, times: 1)
    switch result {
    case .hit: tally.hits &+= 1
    case .miss: tally.misses &+= 1
    case .serverError: tally.errors &+= 1
    default: tally.done &+= 1
    }
  }
}

extension Dispatcher {
  /// Counts the single-key gets at the front of a connection that were answered together, as `shared` says: they are of
  /// one pool.
  @inline(never) mutating func countGets(_ count: Int, on l: Ref<ServerConnection>) {
    let (hits, errors, skipped) = (shared.hits, shared.errors, shared.skipped)
    let total = count &- skipped
    guard total > 0 else { return }
    let s = upstream.connections[l].server
    let first = upstream.connections[l].queue.legs[0]
    let place = upstream.pools.place(of: first.pool)
    upstream.servers[s].tally.hits &+= UInt64(truncatingIfNeeded: hits)
    upstream.pools.tallies[place].count(Verb.get.rawValue, .hit, hits)
    if hits < total { countGetsWithoutValue(at: s, place, misses: total &- hits &- errors, errors: errors) }
    // In the order of their arrival.
    guard skipped == 0, upstream.connections[l].queue.legs[count &- 1].since == first.since else {
      return countLatencies(of: count, on: l, place)
    }
    let bucket = bucket(since: first.since)
    upstream.servers[s].latency.record(bucket: bucket, times: UInt32(truncatingIfNeeded: count))
    upstream.pools.tallies[place].latency.record(bucket: bucket, times: UInt32(truncatingIfNeeded: count))
  }

  @inline(never)
  private mutating func countGetsWithoutValue(
    at s: Ref<Server>, _ place: Ref<PoolTally>, misses: Int, errors: Int
  ) {
    upstream.servers[s].tally.misses &+= UInt64(truncatingIfNeeded: misses)
    upstream.servers[s].tally.errors &+= UInt64(truncatingIfNeeded: errors)
    upstream.pools.tallies[place].count(Verb.get.rawValue, .miss, misses)
    upstream.pools.tallies[place].count(Verb.get.rawValue, .serverError, errors)
  }

  @inline(never)
  private mutating func countLatencies(of count: Int, on l: Ref<ServerConnection>, _ place: Ref<PoolTally>) {
    let s = upstream.connections[l].server
    for i in 0..<count {
      let leg = upstream.connections[l].queue.legs[i]
      if leg.exchange == Ref<Exchange>.none { continue }
      let bucket = bucket(since: leg.since)
      upstream.servers[s].latency.record(bucket: bucket, times: 1)
      upstream.pools.tallies[place].latency.record(bucket: bucket, times: 1)
    }
  }

  /// The bucket of the time until now.
  @inline(__always) private func bucket(since: Instant) -> Int {
    LatencyBuckets.bucket(of: common.clock.nanoseconds &- since.nanoseconds)
  }

  /// Counts a request of one key that a server has answered; one that was late only as a late reply.
  @inline(never)
  mutating func count(_ leg: Leg, _ result: RequestResult, at s: Ref<Server>) {
    guard !leg.isLate else { return countLate(at: s) }
    let bucket = bucket(since: leg.since)
    upstream.servers[s].count(result, bucket: bucket)
    let place = upstream.pools.place(of: leg.pool)
    upstream.pools.tallies[place].count(leg.verb.rawValue, result)
    upstream.pools.tallies[place].latency.record(bucket: bucket, times: 1)
  }

  /// The same for the front leg of a connection, whose reply has `length` bytes.
  @inline(__always)
  mutating func count(_ leg: Leg, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int) {
    count(leg, result, at: upstream.connections[l].server)
    if common.hotKeys.pass(1) { sample(leg, at: 0, on: l, length: length) }
  }

  /// The same for a classic request.
  @inline(__always)
  mutating func count(_ leg: Leg, _ outcome: Outcome, _ reply: RawSpan, on l: Ref<ServerConnection>) {
    let result: RequestResult =
      outcome == .hit ? .hit : outcome == .miss ? .miss : RequestResult(leg.verb, outcome, reply)
    count(leg, result, on: l, length: reply.byteCount)
  }

  // MARK: - Hot keys

  /// Looks at the key of a leg whose request begins at `start` in its queue and whose reply has `length` bytes.
  @inline(never)
  mutating func sample(_ leg: Leg, at start: Int, on l: Ref<ServerConnection>, length: Int) {
    common.hotKeys.chooseNext()
    // Keys in base64 would be counted apart from the same keys as they are.
    guard !leg.isLate, !leg.meta.contains(.base64), leg.keyLength > 0 else { return }
    let now = common.clock
    upstream.connections[l].queue.sample(
      &common.hotKeys, from: start &+ Int(leg.keyStart), count: Int(leg.keyLength),
      bytes: Int(leg.length) &+ length, now: now)
  }

  /// Looks at one of the gets at the front of a connection, whose values are in `bytes` from `start`. To know how long its
  /// value is, the values before it are passed over.
  @inline(never)
  mutating func sampleGets(_ count: Int, on l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int) {
    let chosen = min(count &- 1, max(0, count &+ common.hotKeys.left))
    var (p, at) = (start, 0)
    for i in 0...chosen {
      let leg = upstream.connections[l].queue.legs[i]
      var length = 0
      if case .value(let n) = ReplyParser.block(
        bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, keyStart: at &+ Int(leg.keyStart),
        keyLength: Int(leg.keyLength), withCAS: false, maxValue: common.limits.maxValue)
      {
        length = n
      }
      if i == chosen { return sample(leg, at: at, on: l, length: length) }
      p &+= length
      at &+= Int(leg.length)
    }
  }

  /// Looks at the keys of a multi-get's leg that was answered, if it is its turn.
  mutating func sampleKeys(of leg: Leg, on l: Ref<ServerConnection>) {
    guard common.hotKeys.pass(1) else { return }
    common.hotKeys.chooseNext()
    let now = common.clock
    var (i, keyAt) = (leg.piece, Int(leg.keyStart))
    while i != .max {
      let piece = fanOuts[leg.fanOut].pieces[Int(i)]
      upstream.connections[l].queue.sample(
        &common.hotKeys, from: keyAt, count: Int(piece.keyLength),
        bytes: Int(piece.keyLength) &+ Int(piece.length), now: now)
      keyAt &+= Int(piece.keyLength) &+ 1
      i = piece.next
    }
  }

  @inline(never) mutating func countLate(at s: Ref<Server>) {
    common.counters.add(.lateReplies)
    upstream.servers[s].tally.lateReplies &+= 1
  }

  /// Counts the keys of a multi-get's leg that were read since the fan-out had read `before`.
  @inline(__always)
  mutating func countKeys(of leg: Leg, readSince before: (hits: Int, misses: Int), at s: Ref<Server>) {
    let hits = fanOuts[leg.fanOut].read.hits &- before.hits
    let misses = fanOuts[leg.fanOut].read.misses &- before.misses
    upstream.servers[s].tally.hits &+= UInt64(truncatingIfNeeded: hits)
    let place = upstream.pools.place(of: leg.pool)
    upstream.pools.tallies[place].count(leg.verb.rawValue, .hit, hits)
    if misses > 0 {
      upstream.servers[s].tally.misses &+= UInt64(truncatingIfNeeded: misses)
      upstream.pools.tallies[place].count(leg.verb.rawValue, .miss, misses)
    }
  }

  /// Counts how long a multi-get took that is about to be answered.
  mutating func countLatency(of f: Ref<FanOut>) {
    guard fanOuts[f].kind == .multiGet, fanOuts[f].exchange != Ref<Exchange>.none else { return }
    recordLatency(since: fanOuts[f].since, in: fanOuts[f].pool)
  }

  /// Counts how long a server took for a leg.
  @inline(__always) mutating func recordLatency(since: Instant, at s: Ref<Server>) {
    upstream.servers[s].latency.record(bucket: bucket(since: since), times: 1)
  }

  /// Counts how long a request took that is about to be answered.
  mutating func recordLatency(since: Instant, in pool: PoolIndex) {
    upstream.pools.tallies[upstream.pools.place(of: pool)].latency.record(
      bucket: bucket(since: since), times: 1)
  }

  /// Counts requests of one command, or keys of a multi-get, that a server has not answered.
  @inline(never)
  mutating func countFailure(
    _ verb: Verb, _ failure: ServerFailure, _ times: Int = 1, at s: Ref<Server>, in pool: PoolIndex
  ) {
    upstream.servers[s].tally.count(failure, times)
    upstream.pools.tallies[upstream.pools.place(of: pool)].count(
      verb.rawValue, RequestResult(failure), times)
  }
}

extension RequestQueue {
  /// Adds a key of a request to the sample; it is `count` bytes from `start`.
  fileprivate mutating func sample(
    _ keys: inout HotKeys, from start: Int, count: Int, bytes weight: Int, now: Instant
  ) {
    keys.add(bytes.readable, from: start, count: count, bytes: weight, now: now)
  }
}

extension RequestResult {
  /// The result that a server's whole reply to a classic request means.
  @inline(never) init(_ verb: Verb, _ outcome: Outcome, _ reply: RawSpan) {
    switch outcome {
    case .hit: self = .hit
    case .miss: self = .miss
    case .error: self = .serverError
    case .done:
      let isLong = reply.byteCount > 4
      switch reply.byteCount > 0 ? reply.byte(at: 0) : 0 {
      case UInt8(ascii: "S"): self = .stored
      case UInt8(ascii: "E"): self = .exists
      case UInt8(ascii: "D"): self = .deleted
      case UInt8(ascii: "T"): self = .touched
      case UInt8(ascii: "N"): self = isLong && reply.byte(at: 4) == UInt8(ascii: "S") ? .notStored : .notFound
      default: self = .done
      }
    }
  }

  /// The same for a meta request.
  init(_ verb: Verb, _ reply: MetaReply) {
    let isRead = verb == .metaGet || verb == .metaDebug
    switch reply.status {
    case .value: self = isRead ? .hit : .done
    // A server is silent about a quiet read that misses.
    case .done where isRead: self = reply.length > 0 ? .hit : .miss
    case .done: self = verb == .metaSet ? .stored : verb == .metaDelete ? .deleted : .done
    case .miss: self = .miss
    case .notFound: self = .notFound
    case .notStored: self = .notStored
    case .exists: self = .exists
    case .shown: self = .hit
    case .error: self = .serverError
    }
  }
}
