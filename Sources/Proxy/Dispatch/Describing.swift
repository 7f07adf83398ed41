import Bytes
import Stats
import Topology
import Wire

// What is said of an answered request that is reported.

extension AnsweredRequest {
  /// A leg's, without its key. `result`: nil for a multi-get's leg, whose keys tell.
  init(
    _ leg: Leg, _ result: RequestResult?, at s: Ref<Server>, length: Int, sentAt: Instant?, now: Instant,
    _ upstream: borrowing Upstream, _ downstream: borrowing Downstream, _ fanOuts: borrowing Slab<FanOut>
  ) {
    self.init(
      leg.verb, pool: upstream.pools.id(of: leg.pool), server: upstream.servers[s].id,
      result: result ?? .miss, at: now, took: now.since(leg.since), bytes: Int(leg.length) &+ length)
    queue = sentAt?.since(leg.since)
    var x = leg.exchange
    if leg.fanOut != Ref<FanOut>.none {
      x = fanOuts[leg.fanOut].exchange
      let share = fanOuts[leg.fanOut].keys(from: leg.piece)
      (keys, hits, bytes) = (share.count, share.hits, Int(leg.length) &+ share.bytes)
      if result == nil, hits > 0 { self.result = .hit }
    }
    guard x != Ref<Exchange>.none, downstream.exchanges[x].client != Ref<Client>.none else { return }
    let since = downstream.clients[downstream.exchanges[x].client].sending.blockedSince
    if since != .never { unread = now.since(since) }
  }
}

extension FanOut {
  /// The number of keys in the chain that begins with a piece, how many of them have a value, and the bytes of the values.
  fileprivate func keys(from piece: UInt32) -> (count: Int, hits: Int, bytes: Int) {
    var (i, count, hits, bytes) = (piece, 0, 0, 0)
    while i != .max {
      count &+= 1
      bytes &+= Int(pieces[Int(i)].length)
      if pieces[Int(i)].length > 0 || pieces[Int(i)].isDeferred { hits &+= 1 }
      i = pieces[Int(i)].next
    }
    return (count, hits, bytes)
  }
}

extension RawSpan {
  /// A part of the bytes; nothing if they do not have it.
  func copy(from start: Int, count: Int) -> [UInt8] {
    guard start >= 0, count >= 0, start <= byteCount &- count else { return [] }
    return (0..<count).map { byte(at: start &+ $0) }
  }
}
