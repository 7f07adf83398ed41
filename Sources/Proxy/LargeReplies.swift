import Bytes
import Stats
import Wire

// Large replies on the shared connections: discarded there, and requested again on a private connection, from which
// they are streamed (`Downloads.swift`).

extension Worker {
  /// Handles a large value that has begun to arrive for the front leg: discards it, or buffers it. Returns the bytes to
  /// consume now, 0 when it is buffered; nil when the connection was closed.
  @inline(never) mutating func begin(
    long value: Int, header: Int, _ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int
  ) -> Int? {
    guard upstream.connections[l].queue.hasSentFront else {
      violation(l, .unsolicited, bytes, p)
      return nil
    }
    noteSize(value, at: upstream.connections[l].server)
    let isSingle = leg.fanOut == Ref<FanOut>.none
    if invalidation.isJournaling, isSingle, leg.verb.mayChange, !leg.isLate { noteFront(l, leg) }
    if isSingle ? leg.exchange != Ref<Exchange>.none : !leg.isLate {
      let isRepeatable = value > common.heldLimit && mayAskAgain(l, leg)
      guard isRepeatable || value > common.mostHeld else {
        upstream.connections[l].awaited = header &+ value &+ leg.valueEnd.utf8CodeUnitCount
        return 0
      }
      if !isRepeatable {
        giveUp(l, leg)
      } else if isSingle {
        deferLargeValue(l, leg)
      } else {
        upstream.connections[l].queue.deferValue(in: &fanOuts[leg.fanOut], &common.buffers)
        noteDeferred(leg.fanOut)
      }
    }
    if !isSingle { step(l, leg.fanOut) }
    upstream.connections[l].queue.beginDiscarding(header &+ value)
    if isSingle, !leg.isContinuedByNext,
      upstream.connections[l].queue.discardLeft &- bytes.byteCount &+ p >= common.limits.worthCuttingSingle,
      cutShort(l, leg)
    {
      return nil
    }
    return discardValue(l, bytes, p)
  }

  /// Answers for a value that can neither be requested again nor buffered as if its server had failed.
  private mutating func giveUp(_ l: Ref<ServerConnection>, _ leg: Leg) {
    common.counters.add(.queueFull)
    guard leg.fanOut == Ref<FanOut>.none else {
      return noteFailure(leg.fanOut, at: upstream.connections[l].server, in: leg.pool, .queueFull, keys: 1)
    }
    upstream.connections[l].queue.disown(0)
    var request = upstream.connections[l].queue.copyFront(&common.buffers)
    fail(leg, at: upstream.connections[l].server, .queueFull, request, 0)
    request.release(to: &common.buffers)
  }

  /// Moves the connection's cursor past the current value.
  private mutating func step(_ l: Ref<ServerConnection>, _ f: Ref<FanOut>) {
    let piece = fanOuts[f].pieces[Int(upstream.connections[l].queue.cursor)]
    upstream.connections[l].queue.skipPiece(keyLength: Int(piece.keyLength), next: piece.next)
  }

  /// Discards what has arrived of an unwanted value; nil when the connection was closed.
  mutating func discardValue(_ l: Ref<ServerConnection>, _ bytes: RawSpan, _ p: Int) -> Int? {
    let leg = upstream.connections[l].queue.legs[0]
    switch upstream.connections[l].queue.discard(bytes, p, now: common.clock) {
    case .more(let n): return n
    case .done(let n):
      if leg.fanOut == Ref<FanOut>.none {
        upstream.connections[l].queue.dropFront(&common.buffers)
        if leg.isLate { common.counters.add(.lateReplies) }
      }
      return n
    case .broken(let n):
      violation(l, .badLength, bytes, p &+ n)
      return nil
    }
  }

  /// Whether a later request gives the same value: no request behind it on this connection changes the key, and the
  /// request itself changes nothing.
  func mayAskAgain(_ l: Ref<ServerConnection>, _ leg: Leg) -> Bool {
    if leg.fanOut != Ref<FanOut>.none {
      let piece = fanOuts[leg.fanOut].pieces[Int(upstream.connections[l].queue.cursor)]
      return upstream.connections[l].queue.mayAskAgain(
        keyAt: upstream.connections[l].queue.cursorAt, count: Int(piece.keyLength))
    }
    if leg.verb.isMeta
      && (leg.verb != .metaGet
        || !leg.metaLine.isRepeatable(upstream.connections[l].queue.bytes.readable, from: 0))
    {
      return false
    }
    return upstream.connections[l].queue.mayAskAgain(keyAt: Int(leg.keyStart), count: Int(leg.keyLength))
  }

  /// Has the front leg's reply streamed in its turn.
  private mutating func deferLargeValue(_ l: Ref<ServerConnection>, _ leg: Leg) {
    let x = leg.exchange
    upstream.connections[l].queue.disown(0)
    guard downstream.exchanges[x].client != Ref<Client>.none else { return downstream.exchanges.give(x) }
    downstream.hold(downstream.exchanges[x].client)
    let i = newDownload(x)
    transfers.streams[i].server = upstream.connections[l].server
    transfers.streams[i].leg = leg
    transfers.streams[i].leg.exchange = Ref<Exchange>.none
    upstream.connections[l].queue.copyFront(to: &transfers.streams[i], &common.buffers)
    beginIfTurn(x)
  }

  /// Makes a stream for an exchange whose client is connected.
  private mutating func newDownload(_ x: Ref<Exchange>) -> Ref<Stream> {
    let i = transfers.streams.take()
    transfers.streams[i].client = downstream.clients.id(of: downstream.exchanges[x].client)
    transfers.streams[i].exchange = x
    downstream.exchanges[x].stream = i
    downstream.exchanges[x].parkedAt = 0
    downstream.exchanges[x].parkedLength = 0
    downstream.exchanges[x].isFinished = true
    common.counters.add(.streamedValues)
    return i
  }

  /// Records that keys of a multi-get are deferred.
  mutating func noteDeferred(_ f: Ref<FanOut>) {
    guard !fanOuts[f].isHolding, fanOuts[f].exchange != Ref<Exchange>.none else {
      return
    }
    fanOuts[f].isHolding = true
    downstream.hold(downstream.exchanges[fanOuts[f].exchange].client)
  }

  /// Streams the reply of a multi-get with deferred values, piece by piece.
  mutating func deferLargeValue(_ f: Ref<FanOut>, _ x: Ref<Exchange>) {
    guard downstream.exchanges[x].client != Ref<Client>.none else { return downstream.exchanges.give(x) }
    let i = newDownload(x)
    transfers.streams[i].fanOut = f
    fanOuts[f].open &+= 1
    beginIfTurn(x)
  }

  /// Begins the download at once if it is the exchange's turn.
  private mutating func beginIfTurn(_ x: Ref<Exchange>) {
    let c = downstream.exchanges[x].client
    if downstream.clients[c].first == x { downstream.begin(download: downstream.exchanges[x].stream, for: c) }
  }
}
