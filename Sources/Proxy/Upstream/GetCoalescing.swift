import Bytes
import Wire

// Get coalescing: the consecutive gets that one turn of the loop has for a server, from any clients, are sent as one
// multi-get line.
//
//     get a ─┐
//     get b ─┼▶  get a b c d\r\n        VALUE a …  VALUE c …  END
//     get c d┘
//
// memcached sends the reply to each command separately, which costs it several times as much as finding a value. Each
// leg takes its own values from the reply to the line; `END` belongs to every leg, and so does an error. When
// the value of a later key arrives, the keys before it are known to have missed.
//
//     bytes   "get a"             " b"                                       " c d\r\n"
//     leg     isContinuedByNext   continuesPreviousLine, isContinuedByNext   continuesPreviousLine

extension RequestQueue {
  /// Bytes at which a line is full: no more keys are added, so that no server takes too long over it, and each client
  /// waits for little beside its own reply.
  private static var fullLine: UInt { 1024 }

  /// Removes the line end of the last line if more keys may be added to it: it is a get's, and nothing of it was sent.
  /// A space and a key must follow.
  @inline(always) mutating func reopenLine() -> Bool {
    guard UInt(bitPattern: lineLength &- 1) < Self.fullLine &- 1, bytes.count &- sent >= lineLength else {
      return false
    }
    assert(legs.last.verb == .get)
    bytes.dropLast(2)
    return true
  }

  /// Queues a get's leg, whose keys are at the back of `bytes` with their line end: they begin a line, or continue the
  /// one that was reopened.
  @inline(always) mutating func enqueueGet(_ leg: Leg) {
    if leg.continuesPreviousLine {
      legs.last.continueByNext()
      lineLength &+= Int(leg.length) &- 2
    } else {
      lineLength = Int(leg.length)
    }
    legs.append(leg)
  }

  /// Queues `get <key>\r\n`, which is exactly the beginning of `line`; returns whether it continues the previous line.
  @inline(always)
  mutating func enqueueGet(
    _ exchange: Ref<Exchange>, from listener: ListenerIndex, in pool: PoolIndex, keyLength: Int,
    _ line: RawSpan,
    since now: Instant, _ buffers: inout BufferPool
  ) -> Bool {
    var leg = Leg()
    leg.exchange = exchange
    leg.account = Account(pool, listener)
    leg.keyLength = UInt8(truncatingIfNeeded: keyLength)
    leg.since = now
    let continuesPreviousLine = reopenLine()
    // All of it, or only from the space.
    let from = continuesPreviousLine ? 3 : 0
    let length = keyLength &+ 6 &- from
    leg.continuesPreviousLine = continuesPreviousLine
    leg.keyStart = UInt8(truncatingIfNeeded: 4 &- from)
    leg.length = UInt32(truncatingIfNeeded: length)
    bytes.append(line, from: from, count: length, &buffers)
    enqueueGet(leg)
    return continuesPreviousLine
  }

  /// Bytes of the line of the front leg, from that leg to the line's end. O(legs of the line).
  var frontLine: Int {
    @inline(never) mutating get {
      var length = 0
      for i in 0..<legs.count {
        length &+= Int(legs[i].length)
        if !legs[i].isContinuedByNext { break }
      }
      return length
    }
  }

  /// Reads the share of a line's reply that belongs to the leg of a single key. The length of `.reply` is that of a
  /// value without `END`, of an error line, or 0. The leg is the `i`th, and its bytes are in `bytes` at `start`.
  @inline(always)
  mutating func parseShare(_ leg: Leg, _ i: Int, at start: Int, of reply: RawSpan, maxValue: Int) -> Answer {
    if takeMiss() { return .reply(length: 0, .miss) }
    switch ReplyParser.block(
      reply, at: 0, asked: bytes.readable, keyStart: start &+ Int(leg.keyStart),
      keyLength: Int(leg.keyLength),
      withCAS: false, maxValue: maxValue)
    {
    case .value(let length):
      // What follows the value tells whether it is complete.
      guard let goesOn = reply.goesOn(at: length) else { return .partial }
      return goesOn ? .reply(length: length, .hit) : .broken(.badLength)
    case .end: return .reply(length: 0, .miss)
    case .partial: return .partial
    case .opening(let header, let value): return .opening(header: header, value: value)
    case .otherKey: return findOwner(of: reply, behind: i, at: start) ?? .reply(length: 0, .miss)
    case .other: return ReplyParser.errorLine(reply, at: 0)
    case .broken(let why): return .broken(why)
    }
  }

  /// Whether the front leg is known to have missed; counts it as read.
  @inline(always) mutating func takeMiss() -> Bool {
    guard missed > 0 else { return false }
    missed &-= 1
    return true
  }

  /// Finds, behind the `i`th leg in its line, the leg that requested the value at the beginning of `reply`; nil when
  /// there is one: then the number of legs between, which missed, is recorded. The `i`th leg's bytes are in `bytes` at
  /// `start`. O(bytes of the line).
  @inline(never) mutating func findOwner(of reply: RawSpan, behind i: Int, at start: Int) -> Answer? {
    // A space ends the key; other control bytes are part of it.
    var keyEnd = 6
    let limit = min(reply.byteCount, RequestParser.longestKey &+ 7)
    while keyEnd < limit, reply.byte(at: keyEnd) != 32 {
      if reply.byte(at: keyEnd) == 13 || reply.byte(at: keyEnd) == 10 { return .broken(.wrongKey) }
      keyEnd &+= 1
    }
    guard keyEnd < limit else { return limit > RequestParser.longestKey &+ 6 ? .broken(.wrongKey) : .partial }
    var end = start &+ Int(legs[i].length)
    var n = i
    while legs[n].isContinuedByNext, n &+ 1 < legs.count {
      n &+= 1
      let start = end
      end &+= Int(legs[n].length)
      if bytes.readable.hasKey(reply, from: 6, to: keyEnd, in: start..<end) {
        missed = n &- i &- 1
        return nil
      }
    }
    return .broken(.wrongKey)
  }
}

extension RawSpan {
  /// Whether bytes `from ..< to` of `other` are a key in this part of a line, which has a space before each key, and
  /// perhaps a line end behind the last. Keys may contain control bytes other than those of a line end.
  fileprivate func hasKey(_ other: RawSpan, from: Int, to: Int, in part: Range<Int>) -> Bool {
    var i = part.lowerBound
    while i < part.upperBound, byte(at: i) == 32 {
      i &+= 1
      let start = i
      while i < part.upperBound, byte(at: i) != 32, byte(at: i) != 13 { i &+= 1 }
      if i &- start == to &- from, matches(at: start, other, at: from, count: to &- from) { return true }
    }
    return false
  }

  /// Whether another value or `END` begins at `i`; nil when too few bytes have arrived to tell.
  @inline(always) func goesOn(at i: Int) -> Bool? {
    guard i <= byteCount &- 8 else { return continuesAtEnd(at: i) }
    let word = word(at: i) & 0xff_ffff_ffff
    return word == 0x45_554c_4156 || word == 0x0a_0d44_4e45  // "VALUE", "END\r\n"
  }

  /// The same where fewer than eight bytes are left.
  @inline(never) private func continuesAtEnd(at i: Int) -> Bool? {
    guard i <= byteCount &- 5 else { return nil }
    return hasText("END\r\n", at: i) || hasText("VALUE", at: i)
  }
}
