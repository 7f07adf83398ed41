import Bytes
import Routing
import Stats
import Wire

// The meta commands: rewritten on the way to the server, checked and restored on the way back.
//
//     client   mg k v q           VA 2        (a miss: nothing)
//     server   mg k v O17         VA 2 O17    (a miss: EN O17)

extension Leg {
  /// The request as it was sent.
  var metaLine: MetaLine {
    var line = MetaLine()
    line.verb = verb
    line.flags = meta
    line.keyStart = keyStart
    line.keyLength = keyLength
    line.keyPlace = keyPlace
    return line
  }

  init(_ line: MetaLine) {
    self.init()
    verb = line.verb
    meta = line.flags
    keyStart = line.keyStart
    keyLength = line.keyLength
    keyPlace = line.keyPlace
  }
}

extension Worker {
  /// A meta request goes to its key's server. A quiet one takes its place in the client's order like any
  /// other: whether there is something to be said is known when the server has answered.
  mutating func forwardMeta(
    _ c: UInt32, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    guard let destination = destination(for: bytes, request) else {
      return refuse(c, .noRoute, isQuiet: false)
    }
    let l = destination.isAlone ? destination.connection : connection(to: destination.server, for: c)
    if !connections[l].isOpen(bytes: easyQueue, depth: limits.serverDepth) {
      if let failure = admit(l, for: c, now: now) {
        return turnAway(c, bytes, p, request, at: destination.server, by: l, failure)
      }
    }
    if connections[l].isMade, !Self.isSpoken(request.verb, in: connections[l].meta) {
      return refuse(c, Self.unspoken(in: connections[l].meta), isQuiet: false)
    }
    let x = newExchange(c)
    opaque &+= 1
    let before = connections[l].asked.count
    let line = MetaLine.write(
      bytes, p, request, opaque: opaque, for: connections[l].meta, to: &connections[l].asked, &buffers)
    if line.keepsQuiet { Fence.write(secret, to: &connections[l].asked, &buffers) }
    var leg = Leg(line)
    leg.exchange = x
    leg.isFenced = line.keepsQuiet
    leg.length = UInt32(truncatingIfNeeded: connections[l].asked.count &- before)
    leg.since = now
    connections[l].enqueue(leg)
    counters.add(.requestsForwarded)
    markDirty(connection: l)
  }

  /// Where a meta request's key lives. What base64 stands for is hashed, so that it is found where the
  /// classic commands find it.
  func destination(for bytes: RawSpan, _ request: Request) -> Destination? {
    destination(
      for: bytes, Word(start: request.keyStart, length: request.keyLength),
      isEncoded: request.verb.isMeta && request.meta.contains(.base64))
  }

  func destination(for bytes: RawSpan, _ key: Word, isEncoded: Bool) -> Destination? {
    if isEncoded, let key = DecodedKey(bytes, from: key.from, count: Int(key.length)) {
      // SAFETY: a byte has no padding that could be uninitialised.
      return unsafe destination(for: key.bytes.span.bytes, from: 0, count: key.count)
    }
    return destination(for: bytes, from: key.from, count: Int(key.length))
  }

  private func destination(for bytes: RawSpan, from: Int, count: Int) -> Destination? {
    let pool = table.pool(for: bytes, from: from, count: count)
    guard pool >= 0 else { return nil }
    let place = table.pools[UInt32(truncatingIfNeeded: pool)].server(
      owning: bytes, from: from, count: count)
    return destinations[Int(poolStarts[pool]) &+ place]
  }

  // MARK: - Answers

  /// Takes the reply at the front of what a server owes, where a meta request waits for it. Returns the
  /// bytes it took, none when it is not all there; nil when the connection is no more.
  mutating func digestMeta(_ l: UInt32, _ leg: Leg, _ bytes: RawSpan, _ p: Int) -> Int? {
    if leg.isFenced { return digestFenced(l, leg, bytes, p) }
    let answer = ReplyParser.meta(
      bytes, at: p, to: leg.metaLine, asked: connections[l].asked.readable, era: connections[l].meta,
      maxValue: limits.maxValue)
    switch answer {
    case .partial: return 0
    case .opening(_, let header, let value):
      return begin(long: value, header: header, l, leg, bytes, p)
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    case .reply(let reply):
      // Only that it will not take it may be said before the request was sent as a whole.
      guard connections[l].sent >= Int(leg.length) || reply.status == .error else {
        violation(l, .unsolicited, bytes, p)
        return nil
      }
      if reply.status == .value, connections[l].legs.count > 1, leg.exchange != Slab<Exchange>.none,
        seemsToHaveSwallowed(l, leg, reply, bytes, p)
      {
        askOnceMore(l, leg)
        return reply.length
      }
      take(reply, l, leg, bytes, p)
      return reply.length
    }
  }

  /// The same where a `Fence` stands behind the request: the server may say nothing before it answers that.
  private mutating func digestFenced(_ l: UInt32, _ leg: Leg, _ bytes: RawSpan, _ p: Int) -> Int? {
    switch Fence(bytes, at: p, asked: connections[l].asked.readable, length: Int(leg.length)) {
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
        bytes.first(p &+ said), at: p, to: leg.metaLine, asked: connections[l].asked.readable,
        era: connections[l].meta,
        maxValue: limits.maxValue)
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

  /// Hands on the reply to the front leg, and drops that.
  private mutating func take(_ reply: MetaReply, _ l: UInt32, _ leg: Leg, _ bytes: RawSpan, _ p: Int) {
    if isJournaling { noteMetaChange(l, leg, reply, bytes, p) }
    if leg.exchange != Slab<Exchange>.none {
      let asked = exchange(&connections[l].asked, with: Buffer())
      give(leg, reply, bytes, p, asked)
      connections[l].asked = asked
    } else if leg.isLate {
      counters.add(.lateReplies)
    }
    connections[l].dropFront(&buffers)
  }

  /// Whether the answer to the next request stands in this one's value: bytes may be missing in it, and what came
  /// after it has filled their place. Looks at line ends only, of which most values have none.
  @inline(never)
  private mutating func seemsToHaveSwallowed(
    _ l: UInt32, _ leg: Leg, _ reply: MetaReply, _ bytes: RawSpan, _ p: Int
  ) -> Bool {
    let next = connections[l].legs[1]
    let length = Int(leg.length)
    let end = p &+ reply.length &- 2
    guard next.verb.isMeta, next.verb != .metaDebug, connections[l].sent >= length &+ Int(next.length),
      var newline = bytes.first(10, from: p, to: end)
    else { return false }
    let asked = connections[l].asked.readable.rest(from: length)
    let value = bytes.first(end &+ 2)
    // The first ends the line before the value.
    while let more = bytes.first(10, from: newline &+ 1, to: end) {
      newline = more
      guard bytes.byte(at: newline &- 1) == 13 else { continue }
      let answer = ReplyParser.meta(
        value, at: newline &+ 1, to: next.metaLine, asked: asked, era: connections[l].meta,
        maxValue: limits.maxValue)
      switch answer {
      case .opening: return true
      case .reply(let inner) where inner.status != .error: return true
      default: break
      }
    }
    return false
  }

  /// The answer at hand is not to be trusted. It may be a value that looks so, stored by somebody: the connection
  /// stays, and the request is sent again behind the others if that gives the same, once; else it fails.
  @inline(never)
  private mutating func askOnceMore(_ l: UInt32, _ leg: Leg) {
    var line = Buffer()
    let asked = exchange(&connections[l].asked, with: Buffer())
    line.append(asked, from: 0, count: Int(leg.length), &buffers)
    connections[l].asked = asked
    if mayBeSentAgain(leg), mayAskAgain(l, leg) {
      sendAgain(leg, line, 0, on: l)
      markDirty(connection: l)
    } else {
      fail(leg, at: connections[l].server, .protocolError, line, 0)
    }
    line.release(to: &buffers)
    connections[l].dropFront(&buffers)
  }

  /// Gives a reply to the client as its own request would have been answered: without the proxy's
  /// opaque, with a key that the server was not asked for, or not at all.
  mutating func give(
    _ leg: Leg, _ reply: MetaReply, _ bytes: RawSpan, _ p: Int, _ asked: borrowing Buffer
  ) {
    if leg.meta.contains(.quiet) && reply.status.isSilent(leg.verb) { return concludeSilently(leg.exchange) }
    let target = target(of: leg.exchange)
    if leg.meta.contains(.unshown), reply.status == .done {
      append(Refusal.notShown.line, to: target)
      return conclude(leg.exchange, target)
    }
    appendReply(leg, reply, bytes, p, to: p &+ reply.length, asked, target)
    conclude(leg.exchange, target)
  }

  /// Appends a reply up to `end`, its line at least. The request stands at the front of `asked`.
  mutating func appendReply(
    _ leg: Leg, _ reply: MetaReply, _ bytes: RawSpan, _ p: Int, to end: Int, _ asked: borrowing Buffer,
    _ target: ReplyTarget
  ) {
    var from = p
    if leg.meta.contains(.hiddenKey), reply.status != .error, !reply.isBare {
      from = append(bytes, from: from, to: reply.keyAt, leg, reply, target)
      appendKey(leg.metaLine, asked, 0, to: target)
    }
    _ = append(bytes, from: from, to: end, leg, reply, target)
  }

  /// Appends bytes of a reply, leaving out the proxy's opaque; returns where they end.
  private mutating func append(
    _ bytes: RawSpan, from: Int, to end: Int, _ leg: Leg, _ reply: MetaReply, _ target: ReplyTarget
  ) -> Int {
    var from = from
    if leg.metaLine.hasOwnOpaque, reply.opaque.length > 0, reply.opaque.from >= from, reply.opaque.to <= end {
      append(bytes.extracting(from..<reply.opaque.from), to: target)
      from = reply.opaque.to
    }
    append(bytes.extracting(from..<end), to: target)
    return end
  }

  /// ` k<key>`, with ` b` behind it if it is in base64.
  private mutating func appendKey(
    _ line: MetaLine, _ asked: borrowing Buffer, _ start: Int, to target: ReplyTarget
  ) {
    let key = line.key(from: start)
    append(" k", to: target)
    append(asked.readable.extracting(key.from..<key.to), to: target)
    if line.flags.contains(.base64) { append(" b", to: target) }
  }

  // MARK: - Failures

  /// Answers a meta request that could not be sent at all.
  mutating func failMeta(
    _ x: UInt32, _ bytes: RawSpan, _ p: Int, _ request: Request, at s: UInt32, _ failure: ServerFailure,
    isTrue: Bool
  ) {
    var asked = Buffer()
    // A miss gives back what the line asked for.
    var line = request
    line.bodyLength = 0
    var leg = Leg(MetaLine.write(bytes, p, line, opaque: 0, to: &asked, &buffers))
    leg.exchange = x
    failMeta(leg, at: s, failure, asked, 0, isTrue: isTrue)
    asked.release(to: &buffers)
  }

  /// Answers a meta request whose server failed: a read may count as a miss, and so may a write if that `isTrue`, with the
  /// opaque and the key that a miss gives back; everything else is an error line, whether it was quiet or not.
  mutating func failMeta(
    _ leg: Leg, at s: UInt32, _ failure: ServerFailure, _ asked: borrowing Buffer, _ start: Int, isTrue: Bool
  ) {
    let isRead = leg.verb == .metaGet || leg.verb == .metaDebug
    let isMiss = isRead && servers[s].missesOnFailure
    if isMiss { countMiss(at: s) }
    if isMiss && leg.meta.contains(.quiet) { return concludeSilently(leg.exchange) }
    let target = target(of: leg.exchange)
    if isMiss {
      appendMiss("EN", leg.metaLine, asked, start, to: target)
    } else if isTrue, servers[s].writesMissOnFailure, let miss = leg.verb.metaMiss(leg.meta) {
      counters.add(.writesAsMisses)
      appendMiss(miss, leg.metaLine, asked, start, to: target)
    } else {
      counters.add(.serverErrors)
      appendError(failure, at: s, to: target)
    }
    conclude(leg.exchange, target)
  }

  /// `EN`, `NS` or `NF`, and the opaque and the key in the order in which they were asked for.
  private mutating func appendMiss(
    _ status: StaticString, _ line: MetaLine, _ asked: borrowing Buffer, _ start: Int,
    to target: ReplyTarget
  ) {
    append(status, to: target)
    if line.verb != .metaDebug {
      var place = 0
      var isHidden = line.flags.contains(.hiddenKey)
      var walk = line.sentFlags(asked.readable, from: start)
      while let word = walk.next(asked.readable) {
        if isHidden && place == line.keyPlace {
          isHidden = false
          appendKey(line, asked, start, to: target)
        }
        let letter = asked.readable.byte(at: word.from)
        if letter == 107 {
          appendKey(line, asked, start, to: target)
        } else if letter == 79 && !line.hasOwnOpaque {
          append(" ", to: target)
          append(asked.readable.extracting(word.from..<word.to), to: target)
        }
        if MetaLine.comesBack(letter) { place &+= 1 }
      }
      if isHidden { appendKey(line, asked, start, to: target) }
    }
    append("\r\n", to: target)
  }
}
