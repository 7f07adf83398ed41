import Bytes
import Wire

// Requests in the form in which servers get them: one space between words, numbers as memcached reads them, no
// `noreply`; a meta request with an opaque of the proxy's.

extension RequestQueue {
  /// Adds text to the request that is being written at the end of `bytes`.
  @inline(__always) mutating func write(_ text: StaticString, _ buffers: inout BufferPool) {
    bytes.append(text, &buffers)
  }

  /// Adds bytes of a span to the request that is being written.
  @inline(__always)
  mutating func write(_ source: RawSpan, from: Int, count: Int, _ buffers: inout BufferPool) {
    bytes.append(source, from: from, count: count, &buffers)
  }

  /// Writes a classic request and queues its leg; its `length` and `keyStart` are set here.
  @inline(never)
  mutating func enqueue(
    _ leg: Leg, rewriting source: RawSpan, _ p: Int, _ request: Request, _ line: borrowing RequestLine,
    _ buffers: inout BufferPool
  ) {
    var leg = leg
    let before = end
    if request.verb.isRetrieval {
      leg.keyStart = beginRead(source, p, request, &buffers)
      write(source, from: request.keyStart, count: request.keyLength, &buffers)
      write("\r\n", &buffers)
    } else {
      leg.keyStart = UInt8(truncatingIfNeeded: line[0].length &+ 1)
      write(source, from: line[0].from, count: Int(line[0].length), &buffers)
      write(" ", &buffers)
      write(source, from: request.keyStart, count: request.keyLength, &buffers)
      for i in 2..<max(2, Self.wordsKept(request)) {
        write(" ", &buffers)
        write(Number(source, line[i]), as: i, of: request.verb, &buffers)
      }
      // memcached since 1.6.40 takes a last key of `noreply` for the option.
      if request.verb == .delete, source.isText("noreply", from: line[1].from, to: line[1].to) {
        write(" 0", &buffers)
      }
      write("\r\n", &buffers)
      write(source, from: p &+ request.lineLength, count: request.bodyLength, &buffers)
    }
    enqueue(leg, from: before)
  }

  /// Number of words that the server receives; `delete <key> 0` is sent as `delete <key>`.
  private static func wordsKept(_ request: Request) -> Int {
    switch request.verb {
    case .delete: 2
    case .incr, .decr, .touch: 3
    case .cas: 6
    default: 5
    }
  }

  private mutating func write(_ number: Number?, as i: Int, of verb: Verb, _ buffers: inout BufferPool) {
    guard let number else { return }
    let isTime = (i == 3 && verb.isStorage) || (i == 2 && verb == .touch)
    if isTime, let value = number.cutToInt32 {
      if value < 0 { write("-", &buffers) }
      bytes.append(decimal: UInt64(value.magnitude), &buffers)
    } else if i == 4, let value = number.cutToInt32 {
      bytes.append(decimal: UInt64(value.magnitude), &buffers)
    } else if i == 2, verb.isStorage, let value = number.cutToUInt32 {
      bytes.append(decimal: UInt64(value), &buffers)
    } else if let value = number.cutToUInt64 {
      bytes.append(decimal: value, &buffers)
    }
  }

  /// Writes `get ` or `gat <exptime> `; returns where the key begins in the request.
  mutating func beginRead(_ source: RawSpan, _ p: Int, _ request: Request, _ buffers: inout BufferPool)
    -> UInt8
  {
    let before = end
    switch request.verb {
    case .gets: write("gets ", &buffers)
    case .gat: write("gat ", &buffers)
    case .gats: write("gats ", &buffers)
    default: write("get ", &buffers)
    }
    if request.verb.touches {
      var words = KeyWalk(from: p, to: request.keyStart)
      _ = words.next(source)
      if let word = words.next(source), let value = Number(source, word)?.cutToInt32 {
        if value < 0 { write("-", &buffers) }
        bytes.append(decimal: UInt64(value.magnitude), &buffers)
      }
      write(" ", &buffers)
    }
    return UInt8(truncatingIfNeeded: end &- before)
  }

  /// Writes a meta request for a server of that era, and queues its leg. A `Fence` follows one that stays quiet.
  mutating func enqueueMeta(
    _ exchange: Ref<Exchange>, from listener: ListenerIndex, in pool: PoolIndex, isAimed: Bool = false,
    _ mark: RouteMark?, _ source: RawSpan, _ p: Int, _ request: Request, opaque: UInt64,
    for era: Era = .v1_6_40,
    secret: UInt64, since now: Instant,
    _ buffers: inout BufferPool
  ) {
    let before = end
    let line = MetaLine.write(source, p, request, opaque: opaque, for: era, to: &bytes, &buffers)
    if line.keepsQuiet { writeFence(secret, &buffers) }
    var leg = Leg(line)
    leg.exchange = exchange
    leg.account = Account(pool, listener)
    leg.isAimed = isAimed
    if let mark { leg.route = mark }
    leg.isFenced = line.keepsQuiet
    leg.since = now
    enqueue(leg, from: before)
  }

  /// Adds a fence to the request that is being written.
  mutating func writeFence(_ secret: UInt64, _ buffers: inout BufferPool) {
    Fence.write(secret, to: &bytes, &buffers)
  }

  /// Writes a deletion by the proxy of a key of any bytes. False for a key that only base64 can express on a server that
  /// does not know base64: it cannot be stored there.
  mutating func enqueueDeletion(
    of key: [UInt8], in pool: PoolIndex, opaque: inout UInt64, for era: Era, since now: Instant,
    _ buffers: inout BufferPool
  ) -> Bool {
    var leg = Leg()
    let before = end
    let source = key.span.raw
    if key.contains(where: { $0 == 32 || $0 == 13 || $0 == 10 || $0 == 0 }) {
      guard era >= .v1_6_10 else { return false }
      opaque &+= 1
      leg = Leg(MetaLine.writeDelete(ofRaw: source, opaque: opaque, to: &bytes, &buffers))
    } else {
      leg.verb = .delete
      leg.keyStart = 7
      leg.keyLength = UInt8(truncatingIfNeeded: key.count)
      write("delete ", &buffers)
      write(source, from: 0, count: key.count, &buffers)
      // Since 1.6.40 memcached takes a last word `noreply` as the option, even in the place of the key.
      write(source.isText("noreply", from: 0, to: key.count) ? " 0\r\n" : "\r\n", &buffers)
    }
    leg.pool = pool
    leg.isPromised = true
    leg.since = now
    enqueue(leg, from: before)
    return true
  }

  // MARK: - A server's share of a multi-get

  /// Records that the current multi-get has keys for this server, the first of them `piece`.
  mutating func beginRound(_ number: UInt64, _ piece: UInt32, isRefusing: Bool) {
    round = number
    lastPiece = piece
    self.isRefusing = isRefusing
  }

  /// Records that the next key of the current multi-get is another pool's.
  mutating func continueRound(_ number: UInt64) { round = number }

  /// Begins a share, or continues the last line with it: its keys follow.
  mutating func beginShare(_ source: RawSpan, _ p: Int, _ request: Request, _ buffers: inout BufferPool)
    -> Share
  {
    var share = Share(start: end, keyStart: 0)
    share.continuesPreviousLine = request.verb == .get && reopenLine()
    if share.continuesPreviousLine {
      share.start &-= 2
      share.keyStart = 1
      write(" ", &buffers)
    } else {
      share.keyStart = beginRead(source, p, request, &buffers)
    }
    return share
  }

  /// Adds a key of the current multi-get to its share, with the space before it; returns the piece before it.
  @inline(always)
  mutating func join(_ piece: UInt32, _ source: RawSpan, _ key: Word, _ buffers: inout BufferPool) -> UInt32 {
    let before = lastPiece
    lastPiece = piece
    if !isRefusing { write(source, from: key.from &- 1, count: Int(key.length) &+ 1, &buffers) }
    return before
  }

  /// Ends the share's line, and queues its leg.
  mutating func enqueue(_ leg: Leg, _ share: Share, _ buffers: inout BufferPool) {
    var leg = leg
    write("\r\n", &buffers)
    leg.keyStart = share.keyStart
    guard leg.verb == .get else { return enqueue(leg, from: share.start) }
    leg.length = UInt32(truncatingIfNeeded: end &- share.start)
    leg.continuesPreviousLine = share.continuesPreviousLine
    enqueueGet(leg)
  }

  /// Removes what was written of a share.
  mutating func cancel(_ share: Share, _ buffers: inout BufferPool) {
    bytes.truncate(to: share.start)
    if share.continuesPreviousLine { write("\r\n", &buffers) }
  }

  /// A share that is being written: where its request begins in `bytes`, and its first key in the request.
  struct Share: BitwiseCopyable {
    var start: Int
    var keyStart: UInt8
    var continuesPreviousLine = false
  }
}
