import Bytes
import Stats
import Wire

// From the servers' bytes to the clients' outputs.

extension Worker {
  /// Bytes came from a server: every whole reply in them goes to who asked; the unfinished rest is kept.
  package mutating func serverReceived(_ l: UInt32, _ bytes: RawSpan, now: Instant) {
    counters.add(bytes.byteCount, to: .serverBytesIn)
    if links[l].input.isEmpty {
      let consumed = digest(l, bytes, now: now)
      if consumed < bytes.byteCount, links[l].state != .closed {
        links[l].input.append(bytes, from: consumed, count: bytes.byteCount &- consumed, &pool)
      }
    } else {
      links[l].input.append(bytes, &pool)
      var input = exchange(&links[l].input, with: Buffer())
      let consumed = digest(l, input.readable, now: now)
      input.consume(consumed)
      if input.isEmpty || links[l].state == .closed {
        input.release(to: &pool)
      } else {
        links[l].input = input
      }
    }
  }

  /// Takes the whole replies at the front; returns the bytes they took.
  private mutating func digest(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    guard links[l].state == .ready else { return greeting(l, bytes, now: now) }
    var p = 0
    var isAnswered = false
    while p < bytes.byteCount {
      guard let leg = links[l].legs.first, links[l].sent > 0, !links[l].isFrontAnswered else {
        counters.add(bytes.byteCount &- p, to: .unsolicitedBytes)
        breach(l, .unsolicited, bytes, p)
        return bytes.byteCount
      }
      if leg.fanOut != Slab<FanOut>.none {
        guard let (n, isDone) = digestPart(l, leg, bytes, p) else { return bytes.byteCount }
        p &+= n
        guard isDone else {
          if isAnswered { noteAnswered(l) }
          return p
        }
        isAnswered = isAnswered || !leg.isLate
        continue
      }
      if leg.verb.isMeta {
        guard let n = digestMeta(l, leg, bytes, p) else { return bytes.byteCount }
        p &+= n
        guard n > 0 else {
          if isAnswered { noteAnswered(l) }
          return p
        }
        isAnswered = isAnswered || !leg.isLate
        continue
      }
      switch links[l].answer(to: leg, bytes, at: p, maxValue: limits.maxValue) {
      case .reply(let length, let outcome):
        guard links[l].sent >= Int(leg.length) || mayComeEarly(outcome) else {
          breach(l, .unsolicited, bytes, p)
          return bytes.byteCount
        }
        links[l].dropFront(leg, &pool)
        if leg.exchange != Slab<Exchange>.none {
          answer(leg.exchange, bytes, p, length)
          isAnswered = true
        } else if leg.isLate {
          counters.add(.lateReplies)
        }
        p &+= length
      case .partial:
        if isAnswered { noteAnswered(l) }
        return p
      case .broken(let why):
        breach(l, why, bytes, p)
        return bytes.byteCount
      }
    }
    if isAnswered { noteAnswered(l) }
    return p
  }

  /// Whether a server may say this before it was sent the whole request: only that it will not take it.
  private func mayComeEarly(_ outcome: Outcome) -> Bool {
    if case .error = outcome { return true }
    return false
  }

  /// All of a request that was answered early has been sent now.
  mutating func finishFront(_ l: UInt32) {
    guard let leg = links[l].legs.first, links[l].sent >= Int(leg.length) else { return }
    links[l].isFrontAnswered = false
    links[l].dropFront(leg, &pool)
  }

  @inline(__always)
  private mutating func noteAnswered(_ l: UInt32) {
    let s = links[l].server
    if servers[s].isSuspect {
      servers[s].isSuspect = false
      notices.append(.answered(server: servers[s].id))
    }
  }

  // MARK: - Parts of fan-outs

  /// Takes what there is of a part's reply. Returns the bytes, and whether the part has ended; nil when
  /// the connection is no more.
  private mutating func digestPart(
    _ l: UInt32, _ leg: Leg, _ bytes: RawSpan, _ p: Int
  ) -> (Int, isDone: Bool)? {
    let f = leg.fanOut
    let taken: Int
    if fanOuts[f].kind == .multiGet {
      guard let (n, isDone) = digestMany(l, leg, bytes, p) else { return nil }
      guard isDone else { return (n, false) }
      taken = n
    } else {
      let answer =
        leg.verb == .stats
        ? ReplyParser.report(bytes, at: p) : ReplyParser.line(bytes, at: p, leg.verb.expectation)
      switch answer {
      case .partial: return (0, false)
      case .broken(let why):
        breach(l, why, bytes, p)
        return nil
      case .reply(let length, let outcome):
        guard links[l].sent >= Int(leg.length) || mayComeEarly(outcome) else {
          breach(l, .unsolicited, bytes, p)
          return nil
        }
        if !leg.isLate { keepReply(f, leg, bytes, p, length, outcome) }
        taken = length
      }
    }
    links[l].dropFront(leg, &pool)
    if leg.isLate { counters.add(.lateReplies) } else { fanOuts[f].pending &-= 1 }
    fanOuts[f].open &-= 1
    if fanOuts[f].pending == 0 { finish(f) }
    return (taken, true)
  }

  /// Every leg has been answered for: the answer is made, once; the fan-out goes when no leg stands in
  /// a queue any more.
  mutating func finish(_ f: UInt32) {
    let x = fanOuts[f].exchange
    if x != Slab<Exchange>.none {
      fanOuts[f].exchange = Slab<Exchange>.none
      let destination = destination(of: x)
      if fanOuts[f].kind == .multiGet {
        merge(f, into: destination)
      } else {
        summarise(f, into: destination)
      }
      conclude(x, destination)
    }
    if fanOuts[f].open == 0 { release(f) }
  }

  mutating func release(_ f: UInt32) {
    fanOuts[f].bytes.release(to: &pool)
    fanOuts.give(f)
  }
}
