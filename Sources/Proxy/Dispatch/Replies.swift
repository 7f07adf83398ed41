import Bytes
import Stats
import Wire

// The reply path: from the servers' bytes to the clients' outputs.

extension Dispatcher {
  /// Handles the whole replies at the front; returns their bytes.
  mutating func digest(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    guard upstream.connections[l].state == .ready else {
      let consumed = upstream.handshakeReceived(l, bytes, now: now, &common)
      settle()
      return consumed
    }
    upstream.connections[l].awaited = 0
    var p = 0
    var isAnswered = false
    while p < bytes.byteCount {
      let (end, isAwaited, stop) = handOn(l, bytes, from: p)
      p = end
      isAnswered = isAnswered || isAwaited
      switch stop {
      case .reply:
        violation(l, .unsolicited, bytes, p)
        return bytes.byteCount
      case .opening(let header, let value):
        let leg = upstream.connections[l].queue.legs[0]
        guard let n = begin(long: value, header: header, l, leg, bytes, p) else { return bytes.byteCount }
        p &+= n
        guard n > 0 else {
          if isAnswered { upstream.noteAnswered(l, &common) }
          return p
        }
        continue
      case .partial:
        if isAnswered { upstream.noteAnswered(l, &common) }
        return p
      case .broken(let why):
        violation(l, why, bytes, p)
        return bytes.byteCount
      case nil: if p >= bytes.byteCount { continue }
      }
      guard !upstream.connections[l].queue.legs.isEmpty, upstream.connections[l].queue.sent > 0,
        upstream.connections[l].queue.front == .plain
      else {
        if upstream.connections[l].queue.front == .discarding {
          guard let n = discardValue(l, bytes, p) else { return bytes.byteCount }
          p &+= n
          guard upstream.connections[l].queue.front == .plain else {
            if isAnswered { upstream.noteAnswered(l, &common) }
            return p
          }
          isAnswered = true
          continue
        }
        common.counters.add(bytes.byteCount &- p, to: .unsolicitedBytes)
        violation(l, .unsolicited, bytes, p)
        return bytes.byteCount
      }
      if upstream.connections[l].queue.legs[0].fanOut != Ref<FanOut>.none {
        let leg = upstream.connections[l].queue.legs[0]
        guard let (n, isDone) = digestPart(l, leg, bytes, p) else { return bytes.byteCount }
        p &+= n
        guard isDone || upstream.connections[l].queue.front == .discarding else {
          if isAnswered { upstream.noteAnswered(l, &common) }
          return p
        }
        isAnswered = isAnswered || !leg.isLate
        continue
      }
      let leg = upstream.connections[l].queue.legs[0]
      guard let n = digestMeta(l, leg, bytes, p) else { return bytes.byteCount }
      p &+= n
      guard n > 0 else {
        if isAnswered { upstream.noteAnswered(l, &common) }
        return p
      }
      isAnswered = isAnswered || !leg.isLate
    }
    if isAnswered { upstream.noteAnswered(l, &common) }
    return p
  }

  /// Forwards whole replies unchanged, as long as they belong to plain requests. Returns where it stopped, whether a
  /// client waited for any of them, and what is there: nil when nothing is, or when it belongs to another kind of
  /// request.
  ///
  /// A separate loop, so that the rare cases occupy no registers in it.
  @inline(never)
  mutating func handOn(_ l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int)
    -> (end: Int, isAwaited: Bool, Answer?)
  {
    var p = start
    var isAwaited = false
    while p < bytes.byteCount, upstream.connections[l].queue.owesPlainly {
      if upstream.connections[l].queue.legs[0].isContinuedByNext {
        let (end, isAnyAwaited, stop) = share(l, bytes, from: p)
        isAwaited = isAwaited || isAnyAwaited
        p = end
        if stop != nil { return (p, isAwaited, stop) }
        continue
      }
      let reply = bytes.rest(from: p)
      let answer = upstream.connections[l].queue.parse(reply, at: 0, maxValue: common.limits.maxValue)
      guard case .reply(let length, let outcome) = answer,
        upstream.connections[l].queue.hasSentFront || mayComeEarly(outcome)
      else { return (p, isAwaited, answer) }
      let leg = upstream.connections[l].queue.legs[0]
      let x = leg.exchange
      count(leg, outcome, reply.first(length), on: l)
      if invalidation.isJournaling,
        leg.verb.saysChanged(reply.first(length))
      {
        noteChange(byFrontOf: l)
      }
      upstream.connections[l].queue.dropFront(&common.buffers)
      if x != Ref<Exchange>.none {
        downstream.answer(x, reply.first(length), &common)
        isAwaited = true
      }
      p &+= length
    }
    return (p, isAwaited, nil)
  }

  /// Whether a server may reply this before the whole request was sent: only that it refuses it.
  func mayComeEarly(_ outcome: Outcome) -> Bool {
    if case .error = outcome { return true }
    return false
  }

  /// Forwards the reply to a line to the single-key legs at the front, up to the line's last leg, one that is part of a
  /// fan-out, or one of another pool. Returns where it stopped, whether a client waited for any of them, and what is there if it is no reply.
  @inline(never)
  mutating func share(_ l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int) -> (
    end: Int, isAwaited: Bool, Answer?
  ) {
    guard upstream.connections[l].queue.hasSentFront else { return (start, false, .broken(.unsolicited)) }
    var p = start
    var count = 0
    var length = 0
    var isAwaited = false
    var stop: Answer?
    shared = SharedReply(pool: upstream.connections[l].queue.legs[0].pool)
    while p < bytes.byteCount, count < upstream.connections[l].queue.legs.count {
      let leg = upstream.connections[l].queue.legs[count]
      guard leg.isContinuedByNext, leg.fanOut == Ref<FanOut>.none, leg.pool == shared.pool else { break }
      let reply = bytes.rest(from: p)
      let answer = upstream.connections[l].queue.parseShare(
        leg, count, at: length, of: reply, maxValue: common.limits.maxValue)
      guard case .reply(let n, let outcome) = answer else {
        stop = answer
        break
      }
      count &+= 1
      length &+= Int(leg.length)
      // An error is not consumed: the next leg gets it too.
      if outcome == .hit {
        p &+= n
        shared.hits &+= 1
      }
      if leg.exchange == Ref<Exchange>.none {
        if leg.isLate { countLate(at: upstream.connections[l].server) }
        shared.skipped &+= 1
        if outcome == .hit { shared.hits &-= 1 }
        continue
      }
      isAwaited = true
      // Two calls, each with a constant for what it adds: one call would cost each value a dozen instructions.
      if outcome == .error {
        shared.errors &+= 1
        downstream.answer(leg.exchange, reply.first(n), &common)
      } else {
        downstream.answer(leg.exchange, reply.first(n), addingEnd: true, &common)
      }
    }
    countGets(count, on: l)
    if common.hotKeys.pass(count) { sampleGets(count, on: l, bytes, from: start) }
    upstream.connections[l].queue.dropFront(count, length: length, &common.buffers)
    return (p, isAwaited, stop)
  }

  /// Records what the front leg of a connection has changed, if its server is a stand-in for the keys.
  @inline(never)
  mutating func noteChange(byFrontOf l: Ref<ServerConnection>) {
    let (leg, s) = (upstream.connections[l].queue.legs[0], upstream.connections[l].server)
    var request = upstream.connections[l].queue.copyFront(&common.buffers)
    invalidation.noteChange(leg, request, at: s, fanOuts, upstream, router, &common)
    request.release(to: &common.buffers)
  }

  // MARK: - Meta

  /// Reads the reply to the front leg, a meta request. Returns its bytes, 0 if incomplete; nil if the connection was
  /// closed.
  mutating func digestMeta(_ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int) -> Int? {
    if leg.isFenced { return digestFenced(l, leg, bytes, p) }
    let answer = ReplyParser.meta(
      bytes, at: p, to: leg.metaLine, asked: upstream.connections[l].queue.bytes.readable,
      era: upstream.connections[l].handshake.meta,
      maxValue: common.limits.maxValue)
    switch answer {
    case .partial: return 0
    case .opening(_, let header, let value):
      return begin(long: value, header: header, l, leg, bytes, p)
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    case .reply(let reply):
      // Before the whole request was sent, a server may only refuse it.
      guard upstream.connections[l].queue.sent >= Int(leg.length) || reply.status == .error else {
        violation(l, .unsolicited, bytes, p)
        return nil
      }
      take(reply, l, leg, bytes, p)
      return reply.length
    }
  }

  /// The same where a `Fence` follows the request: the server may reply nothing before it answers the fence.
  mutating func digestFenced(_ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int) -> Int? {
    switch Fence(bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, length: Int(leg.length)) {
    case .partial: return 0
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    case .met(let said, let length):
      guard said > 0 else {
        take(MetaReply.silentlyDone, l, leg, bytes, p)
        return length
      }
      let answer = ReplyParser.meta(
        bytes.first(p &+ said), at: p, to: leg.metaLine, asked: upstream.connections[l].queue.bytes.readable,
        era: upstream.connections[l].handshake.meta,
        maxValue: common.limits.maxValue)
      guard case .reply(let reply) = answer, reply.length == said else {
        violation(l, .wrongType, bytes, p)
        return nil
      }
      var told = leg
      told.meta.remove(.quiet)
      take(reply, l, told, bytes, p)
      return length
    }
  }

  /// Forwards the reply to the front leg, and removes the leg.
  mutating func take(_ reply: MetaReply, _ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int) {
    if invalidation.isJournaling, reply.saysChanged(leg.verb, bytes, at: p) { noteChange(byFrontOf: l) }
    if leg.exchange != Ref<Exchange>.none {
      // The reply is completed from the request only where the server was not asked for the key.
      var request =
        leg.meta.contains(.hiddenKey) ? upstream.connections[l].queue.copyFront(&common.buffers) : Buffer()
      downstream.give(leg, reply, bytes, p, request, &common)
      request.release(to: &common.buffers)
    }
    count(leg, RequestResult(leg.verb, reply), on: l, length: reply.length)
    upstream.connections[l].queue.dropFront(&common.buffers)
  }
}
