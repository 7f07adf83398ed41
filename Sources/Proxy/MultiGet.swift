import Bytes
import Routing
import Stats
import Wire

/// A connection that the multi-get at hand has begun to write to.
struct Touch: BitwiseCopyable {
  var link: UInt32
  var server: UInt32
  /// The first piece of its chain.
  var first: UInt32
  /// Where its request begins in the connection's `asked`, and the first key in the request.
  var start: Int
  var keyStart: UInt8
  /// Whether it goes on with the line that stood there.
  var isJoined = false
  /// Why it cannot be asked.
  var trouble: Trouble?
}

extension Worker {
  /// A read of several keys: one request for each server that has any of them, written in one pass over
  /// the keys. Nothing is sent unless every key is good.
  mutating func multiGet(
    _ c: UInt32, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    if table.prefersBatches { return multiGetInBatches(c, bytes, p, request, now: now) }
    let f = fanOuts.take()
    var words = beginKeys(bytes, p, request)
    while let key = words.next(bytes) {
      guard words.isGood(bytes, key) else {
        abandon(f)
        return refuse(c, .badFormat, isQuiet: false)
      }
      let i = fanOuts[f].add(key)
      let place = place(of: bytes, from: key.from, count: Int(key.length))
      route(i, c, key, to: place, bytes, p, request, f, now: now)
    }
    ask(c, f, request, now: now)
  }

  /// Where the keys of a request stand; from now on no connection has been written to.
  @inline(__always)
  mutating func beginKeys(_ bytes: RawSpan, _ p: Int, _ request: Request) -> KeyWalk {
    touched.removeAll()
    var end = p &+ request.lineLength &- 1
    if end > p, bytes.byte(at: end &- 1) == 13 { end &-= 1 }
    round &+= 1
    return KeyWalk(from: request.keyStart, to: end, nul: request.verb.nul(in: dialect))
  }

  /// All keys are written: the requests go out, and the answer has its place.
  @inline(__always)
  mutating func ask(_ c: UInt32, _ f: UInt32, _ request: Request, now: Instant) {
    counters.add(fanOuts[f].pieces.count, to: .keysRequested)
    let x = newExchange(c)
    fanOuts[f].exchange = x
    fanOuts[f].withCAS = request.verb.expectation == .valuesWithCAS
    send(f, request.verb, for: c, now: now)
    if fanOuts[f].pending == 0 { finish(f) }
  }

  /// Adds a key, piece `i`, to the request for its server.
  @inline(always)
  mutating func route(
    _ i: UInt32, _ c: UInt32, _ key: Word, to place: Int, _ bytes: RawSpan, _ p: Int, _ request: Request,
    _ f: UInt32, now: Instant
  ) {
    guard place >= 0 else {
      // A key without a route is nowhere: a miss.
      counters.add(.readsAsMisses)
      return
    }
    let lane = lanes[place]
    let l = lane.isAlone ? lane.link : link(to: lane.server, for: c)
    if links[l].round == round {
      let before = links[l].join(i, bytes, key, &self.pool)
      fanOuts[f].pieces[Int(before)].next = i
    } else if touch(c, l, lane.server, i, bytes, p, request, now: now) {
      links[l].asked.append(bytes, from: key.from, count: Int(key.length), &self.pool)
    }
  }

  /// Begins a request on a connection; false when it takes none.
  @inline(never)
  private mutating func touch(
    _ c: UInt32, _ l: UInt32, _ s: UInt32, _ piece: UInt32, _ bytes: RawSpan, _ p: Int, _ request: Request,
    now: Instant
  ) -> Bool {
    var touch = Touch(link: l, server: s, first: piece, start: links[l].asked.count, keyStart: 0)
    if !links[l].isOpen(bytes: easyQueue, depth: limits.serverDepth) {
      touch.trouble = admit(l, for: c, now: now)
    }
    if touch.trouble == nil {
      touch.isJoined = request.verb == .get && links[l].reopenLine()
      if touch.isJoined {
        touch.start &-= 2
        touch.keyStart = 1
        links[l].asked.append(" ", &pool)
      } else {
        touch.keyStart = beginRead(bytes, p, request, on: l)
      }
    }
    links[l].round = round
    links[l].lastPiece = piece
    links[l].isRefusing = touch.trouble != nil
    touched.append(touch)
    return touch.trouble == nil
  }

  /// Ends the requests begun and puts their legs in the queues.
  private mutating func send(_ f: UInt32, _ verb: Verb, for c: UInt32, now: Instant) {
    for i in 0..<touched.count {
      let touch = touched[i]
      let l = touch.link
      if let trouble = touch.trouble {
        noteFailure(f, at: touch.server, trouble, keysFrom: touch.first)
        continue
      }
      if mayBeLarge(at: touch.server, for: c, verb, now: now) { split(touch, f) }
      links[l].asked.append("\r\n", &pool)
      var leg = Leg()
      leg.verb = verb
      leg.fanOut = f
      leg.piece = touch.first
      leg.keyStart = touch.keyStart
      leg.length = UInt32(truncatingIfNeeded: links[l].asked.count &- touch.start)
      leg.since = now
      if verb == .get {
        leg.isJoined = touch.isJoined
        links[l].close(leg, isJoined: touch.isJoined)
      } else {
        links[l].enqueue(leg)
      }
      fanOuts[f].pending &+= 1
      fanOuts[f].open &+= 1
      counters.add(.requestsForwarded)
      if touch.isJoined { counters.add(.readsJoined) }
      markDirty(link: l)
    }
    touched.removeAll()
  }

  /// Takes back what was begun for a request that turned out bad.
  mutating func abandon(_ f: UInt32) {
    for i in 0..<touched.count where touched[i].trouble == nil {
      links[touched[i].link].asked.truncate(to: touched[i].start)
      if touched[i].isJoined { links[touched[i].link].asked.append("\r\n", &pool) }
    }
    touched.removeAll()
    release(f)
  }

  /// A server does not answer its share of a multi-get: the chain of keys that begins with this piece, and the rest that
  /// was to follow.
  mutating func noteFailure(_ f: UInt32, at s: UInt32, _ trouble: Trouble, keysFrom first: UInt32) {
    var i = first
    var missing = 0
    while i != .max {
      if fanOuts[f].pieces[Int(i)].length == 0 { missing &+= 1 }
      i = fanOuts[f].pieces[Int(i)].next
    }
    if let rest = fanOuts[f].takeRest(of: first) { missing &+= fanOuts[f].count(from: rest) }
    noteFailure(f, at: s, trouble, keys: missing)
  }

  /// A server does not answer its share of a fan-out. `keys`: how many keys of a multi-get that leaves without an answer.
  mutating func noteFailure(_ f: UInt32, at s: UInt32, _ trouble: Trouble, keys missing: Int = 0) {
    fanOuts[f].unanswered &+= missing
    if servers[s].missesOnFailure { servers[s].readsAsMisses &+= UInt64(truncatingIfNeeded: missing) }
    if fanOuts[f].trouble == nil {
      fanOuts[f].trouble = trouble
      fanOuts[f].troubledServer = s
    }
    fanOuts[f].failures &+= 1
    if trouble == .ejected && fanOuts[f].kind == .flushAll {
      notices.append(.flushOwed(server: servers[s].id))
    }
    if !servers[s].missesOnFailure { fanOuts[f].isStrict = true }
  }

  /// Reads as much as there is of the front leg's reply to a multi-get. Returns the bytes it took, and
  /// whether the leg has ended; nil when the connection is no more.
  mutating func digestMany(_ l: UInt32, _ leg: Leg, _ bytes: RawSpan, _ start: Int) -> (Int, isDone: Bool)? {
    let f = leg.fanOut
    let (p, reading) = fanOuts[f].read(
      bytes, from: start, leg, &links[l], maxValue: limits.maxValue, most: gatherLimit, &pool)
    if fanOuts[f].hasPutOff {
      var isMore = false
      if case .more = reading { isMore = true }
      if endsEarly(f, leg, on: l, isMore: isMore) { return nil }
    }
    switch reading {
    case .long(let header, let value):
      guard let n = begin(long: value, header: header, l, leg, bytes, p) else { return nil }
      return (p &- start &+ n, false)
    case .more: return (p &- start, false)
    case .done: return (p &- start, true)
    case .refused:
      if !leg.isLate { noteFailure(f, at: links[l].server, .protocolError, keysFrom: leg.piece) }
      return (p &- start, true)
    case .broken(let why):
      breach(l, why, bytes, p)
      return nil
    }
  }

  /// Puts the values in the order asked and ends the answer.
  mutating func merge(_ f: UInt32, into destination: Destination) {
    let bytes = exchange(&fanOuts[f].bytes, with: Buffer())
    var i = 0
    switch destination {
    case .nowhere: break
    case .output(let c):
      clients[c].output.reserve(bytes.count &+ 8, &pool)
      while let run = fanOuts[f].nextRun(&i) {
        clients[c].output.append(bytes, from: run.offset, count: run.count, &pool)
      }
    case .parked(let c, _):
      clients[c].parked.reserve(bytes.count &+ 8, &pool)
      while let run = fanOuts[f].nextRun(&i) {
        clients[c].parked.append(bytes, from: run.offset, count: run.count, &pool)
      }
    }
    fanOuts[f].bytes = bytes
    appendEnd(f, to: destination)
  }

  /// What stands behind the values: `END`, or why some are not there.
  mutating func appendEnd(_ f: UInt32, to destination: Destination) {
    if fanOuts[f].failures > 0 && fanOuts[f].isStrict, let trouble = fanOuts[f].trouble {
      appendError(trouble, at: fanOuts[f].troubledServer, to: destination)
      counters.add(.serverErrors)
    } else {
      counters.add(fanOuts[f].unanswered, to: .readsAsMisses)
      append("END\r\n", to: destination)
    }
  }
}

extension FanOut {
  /// How far the reply to a part was read.
  enum Reading: BitwiseCopyable {
    /// There is more to come.
    case more
    /// A value has begun whose end is not there.
    case long(header: Int, value: Int)
    /// Up to its `END`.
    case done
    /// It is an error line of the server's own.
    case refused
    case broken(Breach)
  }

  /// Takes values for the keys of a leg as they come, and finds those that were missed by what comes
  /// instead. Returns where it stopped, and why.
  mutating func read(
    _ bytes: RawSpan, from start: Int, _ leg: Leg, _ link: inout Link, maxValue: Int, most: Int,
    _ pool: inout BufferPool
  ) -> (end: Int, Reading) {
    var p = start
    // The piece whose value comes next, and where its key stands in what was asked.
    var cursor = link.cursorAt == 0 ? leg.piece : link.cursor
    var keyAt = link.cursorAt == 0 ? Int(leg.keyStart) : link.cursorAt
    let withCAS = leg.verb.expectation == .valuesWithCAS
    // Values from here up to `p` are yet to be kept: those that stand one behind the other go by one copy.
    var fresh = start
    defer {
      link.cursor = cursor
      link.cursorAt = keyAt
      if !leg.isLate { self.bytes.append(bytes, from: fresh, count: p &- fresh, &pool) }
    }
    // The last leg of a line ends with it, the others behind their last key.
    let isContinued = leg.isContinued
    if isContinued {
      guard link.hasSentFront else { return (p, .broken(.unsolicited)) }
      if link.missed > 0 {
        link.missed &-= 1
        return (p, .done)
      }
    }
    while p < bytes.byteCount {
      if isContinued, cursor == .max { return (p, .done) }
      let keyLength = cursor == .max ? 0 : Int(pieces[Int(cursor)].keyLength)
      let block = ReplyParser.block(
        bytes, at: p, asked: link.asked.readable, keyStart: keyAt, keyLength: keyLength, withCAS: withCAS,
        maxValue: maxValue)
      switch block {
      case .value(let length):
        // Past the last key only a value of the empty key would fit.
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        if isContinued, pieces[Int(cursor)].next == .max {
          // What comes behind the last tells whether it is whole.
          guard let goesOn = bytes.goesOn(at: p &+ length) else { return (p, .more) }
          guard goesOn else { return (p, .broken(.badLength)) }
        }
        if !leg.isLate {
          let offset = self.bytes.count &+ p &- fresh
          guard offset &+ length <= most || !link.mayAskAgain(keyAt: keyAt, count: keyLength) else {
            // Enough is gathered: it is asked for again when it can be given.
            self.bytes.append(bytes, from: fresh, count: p &- fresh, &pool)
            fresh = p &+ length
            putOff(Int(cursor), link.asked, keyAt: keyAt, &pool)
            keyAt &+= keyLength &+ 1
            cursor = pieces[Int(cursor)].next
            p &+= length
            continue
          }
          pieces[Int(cursor)].offset = offset
          pieces[Int(cursor)].length = UInt32(truncatingIfNeeded: length)
        }
        keyAt &+= keyLength &+ 1
        cursor = pieces[Int(cursor)].next
        p &+= length
      case .opening(let header, let value):
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        return (p, .long(header: header, value: value))
      case .otherKey:
        // The key at the cursor was missed: the value may be of the next one.
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        let next = pieces[Int(cursor)].next
        if isContinued, next == .max {
          switch link.findOwner(of: bytes.rest(from: p), behind: 0, at: 0) {
          case nil: return (p, .done)
          case .broken(let why): return (p, .broken(why))
          default: return (p, .more)
          }
        }
        keyAt &+= keyLength &+ 1
        cursor = next
      case .end:
        guard link.hasSentFront else { return (p, .broken(.unsolicited)) }
        return (isContinued ? p : p &+ 5, .done)
      case .partial: return (p, .more)
      case .other:
        switch ReplyParser.errorLine(bytes, at: p) {
        case .reply(let length, _): return (isContinued ? p : p &+ length, .refused)
        case .partial, .opening: return (p, .more)
        case .broken(let why): return (p, .broken(why))
        }
      case .broken(let why): return (p, .broken(why))
      }
    }
    return (p, isContinued && cursor == .max ? .done : .more)
  }
}
