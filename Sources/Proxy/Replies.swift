import Bytes
import Stats
import Wire

// The reply path: from the servers' bytes to the clients' outputs.

extension Worker {
  /// Receives bytes from a server: forwards every whole reply in them to its client and keeps the unfinished rest.
  package mutating func serverReceived(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) {
    common.counters.add(bytes.byteCount, to: .serverBytesIn)
    common.clock = now
    if upstream.connections[l].input.isEmpty {
      let consumed = digest(l, bytes, now: now)
      noteArrival(of: bytes.byteCount, consumed, on: l, now: now)
      let rest = bytes.byteCount &- consumed
      if rest > 0, upstream.connections[l].state != .closed {
        if upstream.connections[l].awaited > rest {
          upstream.connections[l].input.reserve(upstream.connections[l].awaited, &common.buffers)
        }
        upstream.connections[l].input.append(bytes, from: consumed, count: rest, &common.buffers)
      }
    } else {
      upstream.connections[l].input.append(bytes, &common.buffers)
      serverFilled(l, bytes.byteCount, now: now)
    }
  }

  /// Records that bytes arrived from a server.
  @inline(__always)
  private mutating func noteArrival(of count: Int, _ consumed: Int, on l: Ref<ServerConnection>, now: Instant)
  {
    if consumed > 0 { upstream.connections[l].progress.heard = now }
    if upstream.connections[l].queue.sent > 0 { notePart(of: count, consumed, on: l, now: now) }
  }

  /// Records whether a server is in the middle of a reply and makes progress: a value of several, or enough bytes. A
  /// few bytes at a time are no progress.
  @inline(never)
  private mutating func notePart(of count: Int, _ consumed: Int, on l: Ref<ServerConnection>, now: Instant) {
    guard upstream.connections[l].state == .ready else { return }
    if upstream.connections[l].progress.of != upstream.connections[l].queue.legs.place {
      upstream.connections[l].progress.of = upstream.connections[l].queue.legs.place
      upstream.connections[l].progress.bytes = 0
      upstream.connections[l].progress.at = .origin
      // The bytes may have belonged to an earlier reply.
      if consumed > 0, upstream.connections[l].queue.cursorAt == 0 { return }
    }
    upstream.connections[l].progress.bytes &+= count
    guard
      upstream.connections[l].progress.bytes >= Self.leastProgress
        || consumed > 0 && upstream.connections[l].queue.front != .discarding
    else { return }
    upstream.connections[l].progress.bytes = 0
    upstream.connections[l].progress.at = now
    upstream.connections[l].progress.heard = now
  }

  /// Bytes of a reply that count as progress.
  static var leastProgress: Int { 4096 }

  /// The edge has read `n` bytes directly into the connection's `input`.
  package mutating func serverReceived(_ l: Ref<ServerConnection>, filled n: Int, now: Instant) {
    common.counters.add(n, to: .serverBytesIn)
    common.clock = now
    serverFilled(l, n, now: now)
  }

  /// More of a server's bytes, `n`, were added to `input`. A large reply is parsed when it is complete.
  private mutating func serverFilled(_ l: Ref<ServerConnection>, _ n: Int, now: Instant) {
    guard upstream.connections[l].missing == 0 else { return notePart(of: n, 0, on: l, now: now) }
    var input = exchange(&upstream.connections[l].input, with: Buffer())
    let consumed = digest(l, input.readable, now: now)
    noteArrival(of: n, consumed, on: l, now: now)
    input.consume(consumed)
    if input.isEmpty || upstream.connections[l].state == .closed {
      input.release(to: &common.buffers)
    } else {
      if upstream.connections[l].awaited > input.count {
        input.reserve(upstream.connections[l].awaited &- input.count, &common.buffers)
      }
      upstream.connections[l].input = input
    }
  }

  /// Handles the whole replies at the front; returns their bytes.
  private mutating func digest(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    guard upstream.connections[l].state == .ready else { return handshakeReceived(l, bytes, now: now) }
    upstream.connections[l].awaited = 0
    if upstream.connections[l].stream != Ref<Stream>.none {
      return upstream.connections[l].queue.front == .upload
        ? digestUpload(l, bytes) : digestDownload(l, bytes, now: now)
    }
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
          if isAnswered { noteAnswered(l) }
          return p
        }
        continue
      case .partial:
        if isAnswered { noteAnswered(l) }
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
            if isAnswered { noteAnswered(l) }
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
          if isAnswered { noteAnswered(l) }
          return p
        }
        isAnswered = isAnswered || !leg.isLate
        continue
      }
      let leg = upstream.connections[l].queue.legs[0]
      guard let n = digestMeta(l, leg, bytes, p) else { return bytes.byteCount }
      p &+= n
      guard n > 0 else {
        if isAnswered { noteAnswered(l) }
        return p
      }
      isAnswered = isAnswered || !leg.isLate
    }
    if isAnswered { noteAnswered(l) }
    return p
  }

  /// Forwards whole replies unchanged, as long as they belong to plain requests. Returns where it stopped, whether a
  /// client waited for any of them, and what is there: nil when nothing is, or when it belongs to another kind of
  /// request.
  ///
  /// A separate loop, so that the rare cases occupy no registers in it.
  @inline(never)
  private mutating func handOn(_ l: Ref<ServerConnection>, _ bytes: RawSpan, from start: Int)
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
      let x = upstream.connections[l].queue.legs[0].exchange
      if x == Ref<Exchange>.none, upstream.connections[l].queue.legs[0].isLate {
        common.counters.add(.lateReplies)
      }
      if invalidation.isJournaling { noteChange(l, reply.first(length)) }
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
  private func mayComeEarly(_ outcome: Outcome) -> Bool {
    if case .error = outcome { return true }
    return false
  }

  @inline(__always)
  private mutating func noteAnswered(_ l: Ref<ServerConnection>) {
    let s = upstream.connections[l].server
    if upstream.servers[s].isSuspect {
      upstream.servers[s].isSuspect = false
      common.events.append(.answered(server: upstream.servers[s].id))
    }
  }

  // MARK: - Parts of fan-outs

  /// Reads what has arrived of the reply to a fan-out's leg. Returns its bytes, and whether the leg has ended; nil when
  /// the connection was closed.
  private mutating func digestPart(
    _ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int
  ) -> (Int, isDone: Bool)? {
    let f = leg.fanOut
    let taken: Int
    if fanOuts[f].kind == .multiGet {
      guard let (n, isDone) = digestMany(l, leg, bytes, p) else { return nil }
      guard isDone else { return (n, false) }
      if fanOuts[f].pieces[Int(leg.piece)].rest != .max, !leg.isLate { askWhatIsLeft(f, behind: leg, on: l) }
      if invalidation.isJournaling, leg.verb.touches, !leg.isLate { noteFront(l, leg) }
      taken = n
    } else if fanOuts[f].kind == .dump {
      switch Fence(bytes, at: p, asked: upstream.connections[l].queue.bytes.readable, length: Int(leg.length))
      {
      case .partial: return (0, false)
      case .broken(let why):
        violation(l, why, bytes, p)
        return nil
      case .met(let report, let length):
        if !leg.isLate { keepReply(f, leg, bytes, p, report, .done) }
        taken = length
      }
    } else {
      let answer =
        leg.verb == .stats
        ? ReplyParser.report(bytes, at: p) : ReplyParser.line(bytes, at: p, leg.verb.expectation)
      switch answer {
      case .partial, .opening: return (0, false)
      case .broken(let why):
        violation(l, why, bytes, p)
        return nil
      case .reply(let length, let outcome):
        guard upstream.connections[l].queue.sent >= Int(leg.length) || mayComeEarly(outcome) else {
          violation(l, .unsolicited, bytes, p)
          return nil
        }
        if !leg.isLate { keepReply(f, leg, bytes, p, length, outcome) }
        taken = length
      }
    }
    upstream.connections[l].queue.dropFront(&common.buffers)
    if leg.isLate { common.counters.add(.lateReplies) } else { fanOuts[f].pending &-= 1 }
    fanOuts[f].open &-= 1
    if fanOuts[f].pending == 0 { finish(f) }
    return (taken, true)
  }

  /// Makes the reply of a fan-out, once, when every leg was answered for. The fan-out is released when none of its legs
  /// is in a queue any more.
  mutating func finish(_ f: Ref<FanOut>) {
    let x = fanOuts[f].exchange
    if x != Ref<Exchange>.none, downstream.exchanges[x].client != Ref<Client>.none,
      fanOuts[f].kind == .multiGet
    {
      learnSize(f, for: downstream.exchanges[x].client)
      if fanOuts[f].isHolding, !fanOuts[f].hasDeferred {
        // The rest of its keys was requested in one line.
        fanOuts[f].isHolding = false
        downstream.unhold(downstream.exchanges[x].client)
      }
    }
    if x != Ref<Exchange>.none, fanOuts[f].hasDeferred {
      fanOuts[f].exchange = Ref<Exchange>.none
      // The download may end at once: this keeps the fan-out until then.
      fanOuts[f].open &+= 1
      deferLargeValue(f, x)
      fanOuts[f].open &-= 1
    } else if x != Ref<Exchange>.none {
      fanOuts[f].exchange = Ref<Exchange>.none
      let target = downstream.target(of: x)
      if fanOuts[f].kind == .multiGet {
        merge(f, into: target)
      } else {
        summarise(f, into: target)
      }
      downstream.conclude(x, target, &common)
    }
    if fanOuts[f].open == 0 { release(f) }
  }

  mutating func release(_ f: Ref<FanOut>) {
    fanOuts[f].bytes.release(to: &common.buffers)
    fanOuts.give(f)
  }
}
