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
    guard connections[l].hasSentFront else {
      violation(l, .unsolicited, bytes, p)
      return nil
    }
    noteSize(value, at: connections[l].server)
    let isSingle = leg.fanOut == Ref<FanOut>.none
    let tail = tail(of: leg)
    if isJournaling, isSingle, leg.verb.mayChange, !leg.isLate { noteFront(l, leg) }
    if isSingle ? leg.exchange != Ref<Exchange>.none : !leg.isLate {
      let isRepeatable = value > heldLimit && mayAskAgain(l, leg)
      guard isRepeatable || value > mostHeld else {
        connections[l].awaited = header &+ value &+ tail.utf8CodeUnitCount
        return 0
      }
      if !isRepeatable {
        giveUp(l, leg)
      } else if isSingle {
        deferLargeValue(l, leg)
      } else {
        let asked = exchange(&connections[l].asked, with: Buffer())
        fanOuts[leg.fanOut].deferLargeValue(
          Int(connections[l].cursor), asked, keyAt: connections[l].cursorAt, &buffers)
        connections[l].asked = asked
        noteDeferred(leg.fanOut)
      }
    }
    if !isSingle { step(l, leg.fanOut) }
    connections[l].front = .discarding
    connections[l].discardLeft = header &+ value
    if isSingle, !leg.isContinuedByNext,
      connections[l].discardLeft &- bytes.byteCount &+ p >= limits.worthCuttingSingle, cutShort(l, leg)
    {
      return nil
    }
    return discardValue(l, bytes, p)
  }

  /// Answers for a value that can neither be requested again nor buffered as if its server had failed.
  private mutating func giveUp(_ l: Ref<ServerConnection>, _ leg: Leg) {
    counters.add(.queueFull)
    guard leg.fanOut == Ref<FanOut>.none else {
      return noteFailure(leg.fanOut, at: connections[l].server, .queueFull, keys: 1)
    }
    connections[l].legs[0].exchange = Ref<Exchange>.none
    let asked = exchange(&connections[l].asked, with: Buffer())
    fail(leg, at: connections[l].server, .queueFull, asked, 0)
    connections[l].asked = asked
  }

  /// What must follow the bytes of a value that belongs to this leg.
  private func tail(of leg: Leg) -> StaticString {
    leg.fanOut == Ref<FanOut>.none && !leg.verb.isMeta && !leg.isContinuedByNext ? "\r\nEND\r\n" : "\r\n"
  }

  /// Moves the connection's cursor past the current value.
  private mutating func step(_ l: Ref<ServerConnection>, _ f: Ref<FanOut>) {
    let piece = fanOuts[f].pieces[Int(connections[l].cursor)]
    connections[l].cursorAt &+= Int(piece.keyLength) &+ 1
    connections[l].cursor = piece.next
  }

  /// Discards what has arrived of an unwanted value; nil when the connection was closed.
  mutating func discardValue(_ l: Ref<ServerConnection>, _ bytes: RawSpan, _ p: Int) -> Int? {
    let n = min(connections[l].discardLeft, bytes.byteCount &- p)
    let before = connections[l].discardLeft
    connections[l].discardLeft &-= n
    // Each 64 KiB have a deadline, as in a streamed value, so that no request waits behind a value that drips.
    if !connections[l].legs[0].isLate, before &>> 16 != connections[l].discardLeft &>> 16 {
      connections[l].legs[0].since = clock
    }
    let tail = tail(of: connections[l].legs[0])
    guard connections[l].discardLeft == 0, bytes.byteCount &- p &- n >= tail.utf8CodeUnitCount else {
      return n
    }
    guard bytes.hasText(tail, at: p &+ n) else {
      violation(l, .badLength, bytes, p &+ n)
      return nil
    }
    connections[l].front = .plain
    let leg = connections[l].legs[0]
    if leg.fanOut == Ref<FanOut>.none {
      connections[l].dropFront(&buffers)
      if leg.isLate { counters.add(.lateReplies) }
    }
    return n &+ tail.utf8CodeUnitCount
  }

  /// Whether a later request gives the same value: no request behind it on this connection changes the key, and the
  /// request itself changes nothing.
  func mayAskAgain(_ l: Ref<ServerConnection>, _ leg: Leg) -> Bool {
    if leg.fanOut != Ref<FanOut>.none {
      let piece = fanOuts[leg.fanOut].pieces[Int(connections[l].cursor)]
      return connections[l].mayAskAgain(keyAt: connections[l].cursorAt, count: Int(piece.keyLength))
    }
    if leg.verb.isMeta
      && (leg.verb != .metaGet || !leg.metaLine.isRepeatable(connections[l].asked.readable, from: 0))
    {
      return false
    }
    return connections[l].mayAskAgain(keyAt: Int(leg.keyStart), count: Int(leg.keyLength))
  }

  /// Has the front leg's reply streamed in its turn.
  private mutating func deferLargeValue(_ l: Ref<ServerConnection>, _ leg: Leg) {
    let x = leg.exchange
    connections[l].legs[0].exchange = Ref<Exchange>.none
    guard exchanges[x].client != Ref<Client>.none else { return exchanges.give(x) }
    hold(exchanges[x].client)
    let i = newDownload(x)
    streams[i].server = connections[l].server
    streams[i].leg = leg
    streams[i].leg.exchange = Ref<Exchange>.none
    let asked = exchange(&connections[l].asked, with: Buffer())
    if leg.verb.isMeta {
      streams[i].line.append(asked, from: 0, count: Int(leg.length), &buffers)
    } else {
      writeLine(
        i, leg.verb.expectation == .valuesWithCAS ? .gets : .get, asked, keyAt: Int(leg.keyStart),
        count: Int(leg.keyLength))
    }
    connections[l].asked = asked
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

  /// Writes the request line for one key's value.
  mutating func writeLine(
    _ i: Ref<Stream>, _ verb: Verb, _ source: borrowing Buffer, keyAt: Int, count: Int
  ) {
    streams[i].line.removeAll()
    streams[i].line.append(verb == .gets ? "gets " : "get ", &buffers)
    streams[i].leg.verb = verb
    streams[i].leg.continuesPreviousLine = false
    streams[i].leg.isContinuedByNext = false
    streams[i].leg.keyStart = UInt8(truncatingIfNeeded: streams[i].line.count)
    streams[i].leg.keyLength = UInt8(truncatingIfNeeded: count)
    streams[i].line.append(source, from: keyAt, count: count, &buffers)
    streams[i].line.append("\r\n", &buffers)
    streams[i].leg.length = UInt32(truncatingIfNeeded: streams[i].line.count)
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
