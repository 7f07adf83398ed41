import Bytes
import Routing
import Stats
import Topology
import Wire

// Meta commands: rewritten on the way to the server; the reply is checked, and restored to what the client expects.
//
//     client   mg k v q           VA 2        (a miss: nothing)
//     server   mg k v O17         VA 2 O17    (a miss: EN O17)

extension Leg {
  /// The request line as it was sent.
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
  /// Forwards a meta request to its key's server. A quiet one takes its place in the client's order like any other:
  /// only the server's reply tells whether it is answered at all.
  mutating func forwardMeta(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    guard let destination = destination(for: bytes, request) else {
      return downstream.refuse(c, .noRoute, isQuiet: false, &common)
    }
    let l = destination.isAlone ? destination.connection : connection(to: destination.server, for: c)
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth) {
      if let failure = admit(l, for: c, now: now) {
        return turnAway(c, bytes, p, request, at: destination, by: l, failure)
      }
    }
    if upstream.connections[l].isMade,
      !Self.isSpoken(request.verb, in: upstream.connections[l].handshake.meta)
    {
      return downstream.refuse(
        c, Self.unspoken(in: upstream.connections[l].handshake.meta), isQuiet: false, &common)
    }
    let x = downstream.newExchange(c)
    upstream.opaque &+= 1
    let era = upstream.connections[l].handshake.meta
    upstream.connections[l].queue.enqueueMeta(
      x, in: destination.pool, bytes, p, request, opaque: upstream.opaque, for: era, secret: upstream.secret,
      since: now,
      &common.buffers)
    common.counters.add(.requestsForwarded)
    markDirty(connection: l)
  }

  /// The destination of a request's key. A base64 key is decoded before it is hashed, so that it has the same server as
  /// in the classic commands.
  func destination(for bytes: RawSpan, _ request: Request) -> Destination? {
    destination(
      for: bytes, Word(start: request.keyStart, length: request.keyLength),
      isEncoded: request.verb.isMeta && request.meta.contains(.base64))
  }

  func destination(for bytes: RawSpan, _ key: Word, isEncoded: Bool) -> Destination? {
    if isEncoded, let key = DecodedKey(bytes, from: key.from, count: Int(key.length)) {
      return destination(for: key.bytes.span.raw, from: 0, count: key.count)
    }
    return destination(for: bytes, from: key.from, count: Int(key.length))
  }

  private func destination(for bytes: RawSpan, from: Int, count: Int) -> Destination? {
    let pool = router.table.pool(for: bytes, from: from, count: count)
    guard pool >= 0 else { return nil }
    let place = router.table.pools[Ref(UInt32(truncatingIfNeeded: pool))].server(
      owning: bytes, from: from, count: count)
    return router.destinations[Int(router.poolStarts[pool]) &+ place]
  }

  // MARK: - Replies

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
  private mutating func digestFenced(_ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int)
    -> Int?
  {
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
  private mutating func take(
    _ reply: MetaReply, _ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int
  ) {
    if invalidation.isJournaling { noteMetaChange(l, leg, reply, bytes, p) }
    if leg.exchange != Ref<Exchange>.none {
      // The reply is completed from the request only where the server was not asked for the key.
      var request =
        leg.meta.contains(.hiddenKey) ? upstream.connections[l].queue.copyFront(&common.buffers) : Buffer()
      give(leg, reply, bytes, p, request)
      request.release(to: &common.buffers)
    } else if leg.isLate {
      common.counters.add(.lateReplies)
    }
    upstream.connections[l].queue.dropFront(&common.buffers)
  }

  /// Sends a reply to the client in the form that the client's own request would have had: without the proxy's opaque,
  /// with a key that the server was not asked for, or not at all.
  mutating func give(
    _ leg: Leg, _ reply: MetaReply, _ bytes: RawSpan, _ p: Int, _ asked: borrowing Buffer
  ) {
    if leg.meta.contains(.quiet) && reply.status.isSilent(leg.verb) {
      return downstream.concludeSilently(leg.exchange, &common)
    }
    let target = downstream.target(of: leg.exchange)
    if leg.meta.contains(.unshown), reply.status == .done {
      downstream.append(Refusal.notShown.line, to: target, &common)
      return downstream.conclude(leg.exchange, target, &common)
    }
    appendReply(leg, reply, bytes, p, to: p &+ reply.length, asked, target)
    downstream.conclude(leg.exchange, target, &common)
  }

  /// Appends a reply up to `end`, at least its line. The request is at the front of `asked`.
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

  /// Appends bytes of a reply without the proxy's opaque; returns where they end.
  private mutating func append(
    _ bytes: RawSpan, from: Int, to end: Int, _ leg: Leg, _ reply: MetaReply, _ target: ReplyTarget
  ) -> Int {
    var from = from
    if leg.metaLine.hasOwnOpaque, reply.opaque.length > 0, reply.opaque.from >= from, reply.opaque.to <= end {
      downstream.append(bytes.extracting(from..<reply.opaque.from), to: target, &common)
      from = reply.opaque.to
    }
    downstream.append(bytes.extracting(from..<end), to: target, &common)
    return end
  }

  /// Appends ` k<key>`, followed by ` b` if the key is in base64.
  private mutating func appendKey(
    _ line: MetaLine, _ asked: borrowing Buffer, _ start: Int, to target: ReplyTarget
  ) {
    let key = line.key(from: start)
    downstream.append(" k", to: target, &common)
    downstream.append(asked.readable.extracting(key.from..<key.to), to: target, &common)
    if line.flags.contains(.base64) { downstream.append(" b", to: target, &common) }
  }

  // MARK: - Failures

  /// Answers a meta request that could not be sent at all.
  mutating func failMeta(
    _ x: Ref<Exchange>, _ bytes: RawSpan, _ p: Int, _ request: Request, at destination: Destination,
    _ failure: ServerFailure, isTrue: Bool
  ) {
    var asked = Buffer()
    // A miss returns the flags that the request line asks for.
    var line = request
    line.bodyLength = 0
    var leg = Leg(MetaLine.write(bytes, p, line, opaque: 0, to: &asked, &common.buffers))
    leg.exchange = x
    leg.pool = destination.pool
    failMeta(leg, at: destination.server, failure, asked, 0, isTrue: isTrue)
    asked.release(to: &common.buffers)
  }

  /// Answers a meta request whose server failed. A read may count as a miss, and so may a write if that `isTrue`; a
  /// miss has the opaque and the key that memcached would return. Everything else is an error line, even for a quiet
  /// request.
  mutating func failMeta(
    _ leg: Leg, at s: Ref<Server>, _ failure: ServerFailure, _ asked: borrowing Buffer, _ start: Int,
    isTrue: Bool
  ) {
    let isRead = leg.verb == .metaGet || leg.verb == .metaDebug
    let isMiss = isRead && policy(of: leg.pool, at: s).missesOnFailure
    if isMiss { countMiss(at: s) }
    if isMiss && leg.meta.contains(.quiet) { return downstream.concludeSilently(leg.exchange, &common) }
    let target = downstream.target(of: leg.exchange)
    if isMiss {
      appendMiss("EN", leg.metaLine, asked, start, to: target)
    } else if isTrue, policy(of: leg.pool, at: s).writesMissOnFailure, let miss = leg.verb.metaMiss(leg.meta)
    {
      common.counters.add(.writesAsMisses)
      appendMiss(miss, leg.metaLine, asked, start, to: target)
    } else {
      common.counters.add(.serverErrors)
      appendError(failure, at: s, to: target)
    }
    downstream.conclude(leg.exchange, target, &common)
  }

  /// Appends `EN`, `NS` or `NF`, and the opaque and the key in the order of the request's flags.
  private mutating func appendMiss(
    _ status: StaticString, _ line: MetaLine, _ asked: borrowing Buffer, _ start: Int,
    to target: ReplyTarget
  ) {
    downstream.append(status, to: target, &common)
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
          downstream.append(" ", to: target, &common)
          downstream.append(asked.readable.extracting(word.from..<word.to), to: target, &common)
        }
        if MetaLine.comesBack(letter) { place &+= 1 }
      }
      if isHidden { appendKey(line, asked, start, to: target) }
    }
    downstream.append("\r\n", to: target, &common)
  }
}
