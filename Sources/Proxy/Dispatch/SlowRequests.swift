import Bytes
import Stats
import Topology
import Wire

// Requests that are reported when they are answered, because they took long.

extension Dispatcher {
  /// Whether a request that arrived then and is answered now is to be reported.
  @inline(__always) func isNoticed(since: Instant) -> Bool {
    common.clock.nanoseconds &- since.nanoseconds >= common.noticeAfter
  }

  /// Reports a leg whose request begins at `start` in its queue and whose reply has `length` bytes. `result`: nil for a
  /// multi-get's leg, whose keys tell.
  @inline(never)
  mutating func notice(
    _ leg: Leg, _ result: RequestResult?, on l: Ref<ServerConnection>, at start: Int = 0, length: Int
  ) {
    let s = upstream.connections[l].server
    let sentAt = upstream.connections[l].queue.sentAt(start &+ Int(leg.length))
    guard let place = place(of: leg, at: s) else { return }
    var one = describe(leg, result, at: s, sentAt: sentAt, length: length)
    one.key = upstream.connections[l].queue.copyKey(at: start &+ place.start, count: place.count)
    common.slowRequests.add(one)
  }

  /// The same for a request that is in `asked`, from `start`.
  mutating func notice(
    _ leg: Leg, _ result: RequestResult, at s: Ref<Server>, _ asked: RawSpan, _ start: Int, sentAt: Instant?,
    length: Int
  ) {
    guard let place = place(of: leg, at: s) else { return }
    var one = describe(leg, result, at: s, sentAt: sentAt, length: length)
    one.key = asked.copy(from: start &+ place.start, count: place.count)
    common.slowRequests.add(one)
  }

  /// Reports a request that its server does not answer, or not in time.
  @inline(never)
  mutating func noticeFailure(
    _ leg: Leg, _ failure: ServerFailure, at s: Ref<Server>, _ asked: RawSpan, _ start: Int, sentAt: Instant?
  ) {
    if leg.fanOut != Ref<FanOut>.none, fanOuts[leg.fanOut].kind != .multiGet { return }
    notice(leg, RequestResult(failure), at: s, asked, start, sentAt: sentAt, length: 0)
  }

  /// Reports those of the gets at the front of a connection that took long; their values are in `bytes` from `start`.
  @inline(never)
  mutating func noticeGets(_ count: Int, on l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int) {
    var (p, at) = (start, 0)
    for i in 0..<count {
      let leg = upstream.connections[l].queue.legs[i]
      var length = 0
      // An error ends the reply to the line.
      var result = i >= count &- shared.errors ? RequestResult.serverError : .miss
      if case .value(let n) = ReplyParser.block(
        bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, keyStart: at &+ Int(leg.keyStart),
        keyLength: Int(leg.keyLength), withCAS: false, maxValue: common.limits.maxValue)
      {
        length = n
        result = .hit
      }
      if leg.exchange != Ref<Exchange>.none, isNoticed(since: leg.since) {
        notice(leg, result, on: l, at: at, length: length)
      }
      p &+= length
      at &+= Int(leg.length)
    }
  }

  /// Counts a slow request. Returns where its first key is in it; nil if it is not to be reported after all, because there
  /// are too many.
  private mutating func place(of leg: Leg, at s: Ref<Server>) -> (start: Int, count: Int)? {
    common.counters.add(.slowRequests)
    guard !common.slowRequests.isFull else {
      common.slowRequests.countFurther(at: upstream.servers[s].id)
      return nil
    }
    let isShare = leg.fanOut != Ref<FanOut>.none && leg.piece != .max
    let length = isShare ? fanOuts[leg.fanOut].pieces[Int(leg.piece)].keyLength : leg.keyLength
    return (Int(leg.keyStart), Int(length))
  }

  private func describe(
    _ leg: Leg, _ result: RequestResult?, at s: Ref<Server>, sentAt: Instant?, length: Int
  ) -> AnsweredRequest {
    let pool = Int(leg.pool.number)
    var one = AnsweredRequest(
      verb: leg.verb, pool: pool < upstream.pools.ids.count ? upstream.pools.ids[pool] : PoolID(.max),
      server: upstream.servers[s].id, result: result ?? .miss, took: common.clock.since(leg.since), key: [],
      bytes: Int(leg.length) &+ length)
    one.queue = sentAt?.since(leg.since)
    var x = leg.exchange
    if leg.fanOut != Ref<FanOut>.none {
      x = fanOuts[leg.fanOut].exchange
      (one.keys, one.hits) = fanOuts[leg.fanOut].keys(from: leg.piece)
      if result == nil, one.hits > 0 { one.result = .hit }
    }
    guard x != Ref<Exchange>.none, downstream.exchanges[x].client != Ref<Client>.none else { return one }
    let since = downstream.clients[downstream.exchanges[x].client].sending.blockedSince
    if since != .never { one.unread = common.clock.since(since) }
    return one
  }
}

extension FanOut {
  /// The number of keys in the chain that begins with a piece, and how many of them have a value.
  fileprivate func keys(from piece: UInt32) -> (count: Int, hits: Int) {
    var (i, count, hits) = (piece, 0, 0)
    while i != .max {
      count &+= 1
      if pieces[Int(i)].length > 0 || pieces[Int(i)].isDeferred { hits &+= 1 }
      i = pieces[Int(i)].next
    }
    return (count, hits)
  }
}

extension RequestQueue {
  mutating func copyKey(at start: Int, count: Int) -> [UInt8] {
    bytes.readable.copy(from: start, count: count)
  }
}

extension RawSpan {
  /// A part of the bytes; nothing if they do not have it.
  fileprivate func copy(from start: Int, count: Int) -> [UInt8] {
    guard start >= 0, count >= 0, start <= byteCount &- count else { return [] }
    return (0..<count).map { byte(at: start &+ $0) }
  }
}
