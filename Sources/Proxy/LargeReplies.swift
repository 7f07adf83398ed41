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
    guard connections[l].queue.hasSentFront else {
      violation(l, .unsolicited, bytes, p)
      return nil
    }
    noteSize(value, at: connections[l].server)
    let isSingle = leg.fanOut == Ref<FanOut>.none
    if isJournaling, isSingle, leg.verb.mayChange, !leg.isLate { noteFront(l, leg) }
    if isSingle ? leg.exchange != Ref<Exchange>.none : !leg.isLate {
      let isRepeatable = value > heldLimit && mayAskAgain(l, leg)
      guard isRepeatable || value > mostHeld else {
        connections[l].awaited = header &+ value &+ leg.valueEnd.utf8CodeUnitCount
        return 0
      }
      if !isRepeatable {
        giveUp(l, leg)
      } else if isSingle {
        deferLargeValue(l, leg)
      } else {
        connections[l].queue.deferValue(in: &fanOuts[leg.fanOut], &buffers)
        noteDeferred(leg.fanOut)
      }
    }
    if !isSingle { step(l, leg.fanOut) }
    connections[l].queue.beginDiscarding(header &+ value)
    if isSingle, !leg.isContinuedByNext,
      connections[l].queue.discardLeft &- bytes.byteCount &+ p >= limits.worthCuttingSingle, cutShort(l, leg)
    {
      return nil
    }
    return discardValue(l, bytes, p)
  }

  /// Answers for a value that can neither be requested again nor buffered as if its server had failed.
  private mutating func giveUp(_ l: Ref<ServerConnection>, _ leg: Leg) {
    counters.add(.queueFull)
    guard leg.fanOut == Ref<FanOut>.none else {
      return noteFailure(leg.fanOut, at: connections[l].server, in: leg.pool, .queueFull, keys: 1)
    }
    connections[l].queue.disown(0)
    var request = connections[l].queue.copyFront(&buffers)
    fail(leg, at: connections[l].server, .queueFull, request, 0)
    request.release(to: &buffers)
  }

  /// Moves the connection's cursor past the current value.
  private mutating func step(_ l: Ref<ServerConnection>, _ f: Ref<FanOut>) {
    let piece = fanOuts[f].pieces[Int(connections[l].queue.cursor)]
    connections[l].queue.skipPiece(keyLength: Int(piece.keyLength), next: piece.next)
  }

  /// Discards what has arrived of an unwanted value; nil when the connection was closed.
  mutating func discardValue(_ l: Ref<ServerConnection>, _ bytes: RawSpan, _ p: Int) -> Int? {
    let leg = connections[l].queue.legs[0]
    switch connections[l].queue.discard(bytes, p, now: clock) {
    case .more(let n): return n
    case .done(let n):
      if leg.fanOut == Ref<FanOut>.none {
        connections[l].queue.dropFront(&buffers)
        if leg.isLate { counters.add(.lateReplies) }
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
      let piece = fanOuts[leg.fanOut].pieces[Int(connections[l].queue.cursor)]
      return connections[l].queue.mayAskAgain(
        keyAt: connections[l].queue.cursorAt, count: Int(piece.keyLength))
    }
    if leg.verb.isMeta
      && (leg.verb != .metaGet || !leg.metaLine.isRepeatable(connections[l].queue.bytes.readable, from: 0))
    {
      return false
    }
    return connections[l].queue.mayAskAgain(keyAt: Int(leg.keyStart), count: Int(leg.keyLength))
  }

  /// Has the front leg's reply streamed in its turn.
  private mutating func deferLargeValue(_ l: Ref<ServerConnection>, _ leg: Leg) {
    let x = leg.exchange
    connections[l].queue.disown(0)
    guard exchanges[x].client != Ref<Client>.none else { return exchanges.give(x) }
    hold(exchanges[x].client)
    let i = newDownload(x)
    streams[i].server = connections[l].server
    streams[i].leg = leg
    streams[i].leg.exchange = Ref<Exchange>.none
    connections[l].queue.copyFront(to: &streams[i], &buffers)
    beginIfTurn(x)
  }

  /// Makes a stream for an exchange whose client is connected.
  private mutating func newDownload(_ x: Ref<Exchange>) -> Ref<Stream> {
    let i = streams.take()
    streams[i].client = clients.id(of: exchanges[x].client)
    streams[i].exchange = x
    exchanges[x].stream = i
    exchanges[x].parkedAt = 0
    exchanges[x].parkedLength = 0
    exchanges[x].isFinished = true
    counters.add(.streamedValues)
    return i
  }

  /// Serves no more of a client's requests until its deferred values were sent: a later write would overtake them.
  private mutating func hold(_ c: Ref<Client>) {
    guard c != Ref<Client>.none else { return }
    clients[c].deferredReplies &+= 1
    clients[c].window = 0
  }

  mutating func unhold(_ c: Ref<Client>) {
    clients[c].deferredReplies &-= 1
    if clients[c].deferredReplies == 0 { clients[c].window = 1 }
  }

  /// Records that keys of a multi-get are deferred.
  mutating func noteDeferred(_ f: Ref<FanOut>) {
    guard !fanOuts[f].isHolding, fanOuts[f].exchange != Ref<Exchange>.none else {
      return
    }
    fanOuts[f].isHolding = true
    hold(exchanges[fanOuts[f].exchange].client)
  }

  /// Streams the reply of a multi-get with deferred values, piece by piece.
  mutating func deferLargeValue(_ f: Ref<FanOut>, _ x: Ref<Exchange>) {
    guard exchanges[x].client != Ref<Client>.none else { return exchanges.give(x) }
    let i = newDownload(x)
    streams[i].fanOut = f
    fanOuts[f].open &+= 1
    beginIfTurn(x)
  }

  /// Begins the download at once if it is the exchange's turn.
  private mutating func beginIfTurn(_ x: Ref<Exchange>) {
    let c = exchanges[x].client
    if clients[c].first == x { begin(download: exchanges[x].stream, for: c) }
  }
}
