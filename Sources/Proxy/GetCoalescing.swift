import Bytes
import Wire

// Reads that go to a server in one line: those that a turn of the loop has for it one behind the other, whoever asked.
//
//     get a ─┐
//     get b ─┼▶  get a b c d\r\n        VALUE a …  VALUE c …  END
//     get c d┘
//
// memcached sends the answer to each command by itself, which costs it several times what finding a value does. In the
// answer to a line each leg takes what is its own: `END` is every leg's, and so is an error. What is not there was
// missed, as the value of a key behind it tells.
//
//     asked   "get a"      " b"                    " c d\r\n"
//     leg     isContinued  isJoined, isContinued   isJoined

extension ServerConnection {
  /// Bytes of a line from which on no more keys join it: no server takes it for too long, and no other client waits
  /// for more than its answer.
  private static var fullLine: UInt { 1024 }

  /// Takes the end off the line at the back, if more keys may join it: it is a read's, and nothing of it was sent. Then
  /// a space is next, and a key.
  @inline(always) mutating func reopenLine() -> Bool {
    guard UInt(bitPattern: lineLength &- 1) < Self.fullLine &- 1, asked.count &- sent >= lineLength else {
      return false
    }
    assert(legs.last.verb == .get)
    asked.dropLast(2)
    return true
  }

  /// Puts a read's leg in the queue whose keys stand at the back of `asked`, with the end of their line: it was reopened
  /// for them, or begins with them.
  @inline(always) mutating func close(_ leg: Leg, continuesPreviousLine: Bool) {
    if continuesPreviousLine {
      legs.last.goOn()
      lineLength &+= Int(leg.length) &- 2
    } else {
      lineLength = Int(leg.length)
    }
    legs.append(leg)
  }

  /// Takes `get <key>\r\n`, which stands to the letter at the front of `line`; returns whether it has joined another.
  @inline(always)
  mutating func enqueueGet(
    _ exchange: UInt32, keyLength: Int, _ line: RawSpan, since now: Instant, _ buffers: inout BufferPool
  ) -> Bool {
    var leg = Leg()
    leg.exchange = exchange
    leg.keyLength = UInt8(truncatingIfNeeded: keyLength)
    leg.since = now
    let continuesPreviousLine = reopenLine()
    // All of it, or from the space on.
    let from = continuesPreviousLine ? 3 : 0
    let length = keyLength &+ 6 &- from
    leg.continuesPreviousLine = continuesPreviousLine
    leg.keyStart = UInt8(truncatingIfNeeded: 4 &- from)
    leg.length = UInt32(truncatingIfNeeded: length)
    asked.append(line, from: from, count: length, &buffers)
    close(leg, continuesPreviousLine: continuesPreviousLine)
    return continuesPreviousLine
  }

  /// Bytes of the front leg's line from its own on. O(legs of the line).
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

  /// Reads what a single key's leg is owed of its line's reply: the length of `.reply` is a value's without an `END`, or an
  /// error line's, or none. It is the `i`th leg, and its bytes stand in `asked` at `start`.
  @inline(always)
  mutating func share(_ leg: Leg, _ i: Int, at start: Int, of reply: RawSpan, maxValue: Int) -> Answer {
    guard missed == 0 else {
      missed &-= 1
      return .reply(length: 0, .miss)
    }
    switch ReplyParser.block(
      reply, at: 0, asked: asked.readable, keyStart: start &+ Int(leg.keyStart),
      keyLength: Int(leg.keyLength),
      withCAS: false, maxValue: maxValue)
    {
    case .value(let length):
      // What comes behind it tells whether it is whole.
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

  /// Looks for the leg behind the `i`th in its line, whose bytes stand in `asked` at `start`, that has asked for the value
  /// that begins `reply`: nil when there is one. Then those between have missed, which is noted. O(bytes of the line).
  @inline(never) mutating func findOwner(of reply: RawSpan, behind i: Int, at start: Int) -> Answer? {
    // A blank ends the key; other control bytes are part of it.
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
      if asked.readable.hasKey(reply, from: 6, to: keyEnd, in: start..<end) {
        missed = n &- i &- 1
        return nil
      }
    }
    return .broken(.wrongKey)
  }

  /// The leg at `i` begins its line from now on, as those before it have been taken out of the queue: of their bytes,
  /// which end at `end`, the last three are made its own.
  mutating func beginLine(at i: Int, end: Int) {
    asked.overwrite(at: end &- 3, "get")
    legs[i].continuesPreviousLine = false
    legs[i].keyStart = 4
    legs[i].length &+= 3
  }
}

extension RawSpan {
  /// Whether bytes `from ..< to` of `other` are a key in this part of a line, in which there is a space before each, and
  /// perhaps a line end behind the last. In keys there may be control bytes, other than those of a line end.
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

  /// Whether another value or `END` stands at `i`; nil when too little does to tell.
  @inline(always) func goesOn(at i: Int) -> Bool? {
    guard i <= byteCount &- 8 else { return goesOnBriefly(at: i) }
    let word = word(at: i) & 0xff_ffff_ffff
    return word == 0x45_554c_4156 || word == 0x0a_0d44_4e45  // "VALUE", "END\r\n"
  }

  /// The same where fewer than eight bytes stand.
  @inline(never) private func goesOnBriefly(at i: Int) -> Bool? {
    guard i <= byteCount &- 5 else { return nil }
    return hasText("END\r\n", at: i) || hasText("VALUE", at: i)
  }
}

extension Worker {
  /// Hands on what single keys' legs at the front get of the reply to their line, up to the leg that ends it or is a part
  /// of more. Returns how far it came, whether anybody waited for one of them, and what stands there if it is no reply.
  @inline(never)
  mutating func share(_ l: UInt32, _ bytes: RawSpan, from start: Int) -> (end: Int, isAwaited: Bool, Answer?)
  {
    guard connections[l].hasSentFront else { return (start, false, .broken(.unsolicited)) }
    var p = start
    var count = 0
    var length = 0
    var isAwaited = false
    var stop: Answer?
    while p < bytes.byteCount, count < connections[l].legs.count {
      let leg = connections[l].legs[count]
      guard leg.isContinuedByNext, leg.fanOut == Slab<FanOut>.none else { break }
      let reply = bytes.rest(from: p)
      let answer = connections[l].share(leg, count, at: length, of: reply, maxValue: limits.maxValue)
      guard case .reply(let n, let outcome) = answer else {
        stop = answer
        break
      }
      count &+= 1
      length &+= Int(leg.length)
      // An error stays where it is: it is the next leg's too.
      if outcome == .hit { p &+= n }
      if leg.exchange == Slab<Exchange>.none {
        if leg.isLate { counters.add(.lateReplies) }
        continue
      }
      isAwaited = true
      // Two calls, each with what it adds for a constant: one would cost each value a dozen instructions.
      if outcome == .error {
        self.answer(leg.exchange, reply.first(n))
      } else {
        self.answer(leg.exchange, reply.first(n), addingEnd: true)
      }
    }
    connections[l].dropFront(count, length: length, &buffers)
    return (p, isAwaited, stop)
  }

  /// Puts a leg of a read, whose bytes stand in `asked` at `start`, at the back of a connection's `asked` and queue as a
  /// line of its own.
  mutating func appendAlone(_ leg: Leg, _ asked: borrowing Buffer, _ start: Int, on l: UInt32) {
    var leg = leg
    let before = connections[l].asked.count
    if leg.continuesPreviousLine {
      connections[l].asked.append("get", &buffers)
      leg.keyStart = 4
    }
    connections[l].asked.append(asked, from: start, count: Int(leg.length), &buffers)
    if leg.isContinuedByNext { connections[l].asked.append("\r\n", &buffers) }
    leg.length = UInt32(truncatingIfNeeded: connections[l].asked.count &- before)
    leg.continuesPreviousLine = false
    leg.isContinuedByNext = false
    connections[l].enqueue(leg)
  }
}
