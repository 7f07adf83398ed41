import Bytes
import Stats
import Wire

// Multi-gets whose values may be large: what does not fit in memory is asked for when it can be given, and not before, so
// that servers send it once.
//
//     the client's last values were large      every key is asked for by itself, when its turn has come
//     not known, but its server has some       get a b ─▶ their size ─┬▶ small: get c d e …, in one line
//                                                                     └▶ large: c d e … each when its turn has come
//     else                                     get a b c d e …; if much more is to come than can be kept, the connection
//                                              is closed, and what is missing is asked for when its turn has come

extension Worker {
  /// Keys of a share that are asked for first where values may be large.
  private static var firstKeys: Int { 2 }
  /// How long a server that has shown a large value counts as one that has some.
  private static var largeMemory: Duration { .seconds(300) }

  /// A value so long has been seen on its way to or from a server.
  mutating func noteSize(_ bytes: Int, at s: UInt32) {
    if bytes >= limits.large { servers[s].largeAt = clock }
  }

  // MARK: - All of it when its turn has come

  /// Whether to request every key of a multi-get on a private connection: its values would not fit in memory if they are as
  /// large as this client's last ones, and no write can be overtaken.
  @inline(never) func isTooLargeToGather(_ c: UInt32, bytes: RawSpan, _ request: Request, lineAt p: Int)
    -> Bool
  {
    let size = Int(clients[c].valueSize)
    guard !request.verb.touches else { return false }
    // Each key takes two bytes at least.
    guard (p &+ request.lineLength &- request.keyStart) / 2 &* size > gatherLimit else { return false }
    var words = KeyWalk(from: request.keyStart, to: p &+ request.lineLength)
    var count = 0
    while words.next(bytes) != nil { count &+= 1 }
    return count &* size > gatherLimit && !hasUnansweredWrites
  }

  /// Whether a server has yet to do a write that no client waits for (`noreply`, or its deadline has passed). A read on a
  /// private connection might be answered before that write; one on the shared connection is answered behind it.
  private var hasUnansweredWrites: Bool {
    var l: UInt32 = 0
    while l < connections.end {
      if connections.isTaken(l) {
        for i in 0..<connections[l].legs.count {
          let leg = connections[l].legs[i]
          if leg.exchange == Slab<Exchange>.none, leg.verb.mayChange || leg.verb == .flushAll { return true }
        }
      }
      l += 1
    }
    return false
  }

  /// A multi-get of which every key is asked for by itself.
  @inline(never)
  mutating func streamMultiGet(_ c: UInt32, _ bytes: RawSpan, _ p: Int, _ request: Request) {
    let f = fanOuts.take()
    var words = beginKeys(bytes, p, request)
    while let key = words.next(bytes) {
      guard words.isGood(bytes, key) else {
        abandon(f)
        return refuse(c, .badFormat, isQuiet: false)
      }
      let i = fanOuts[f].add(key)
      if routeIndex(of: bytes, from: key.from, count: Int(key.length)) < 0 {
        counters.add(.readsAsMisses)
      } else {
        fanOuts[f].deferLargeValue(Int(i), bytes, keyAt: key.from, &buffers)
      }
    }
    counters.add(fanOuts[f].pieces.count, to: .keysRequested)
    fanOuts[f].exchange = newExchange(c)
    fanOuts[f].withCAS = request.verb.expectation == .valuesWithCAS
    noteDeferred(f)
    finish(f)
  }

  // MARK: - Cut short

  /// Closes a connection in the middle of the front leg's reply and makes another: that costs less than to receive and
  /// discard the `bytes` that remain. Reads queued behind are sent again on it; false if anything else is queued.
  @inline(never)
  mutating func cutShort(_ l: UInt32, _ leg: Leg, sparing bytes: Int) -> Bool {
    guard bytes >= limits.worthCutting, connections[l].state == .ready, !connections[l].isRetiring,
      !connections[l].isPrivate,
      connections[l].hasSentFront, servers[connections[l].server].status == .up, !isGivingUp,
      hasOnlyReads(behindFrontOf: l)
    else { return false }
    connections[l].legs.dropFirst()
    connections[l].asked.consume(Int(leg.length))
    connections[l].sent &-= Int(leg.length)
    connections[l].front = .plain
    connections[l].discardLeft = 0
    counters.subtract(.serverConnections)
    counters.add(.repliesCutShort)
    dropReplacement(of: l)
    let others = deferOthers(l)
    reset(l, .connectionLost, readsTo: l, isEndedHere: true)
    connections[l].isCut = true
    connect(l, now: clock)
    for f in others where fanOuts[f].pending == 0 { finish(f) }
    return true
  }

  /// Other multi-gets that wait on a connection that is cut short would meet the same large values: each of their keys is
  /// asked for when its turn has come. Returns them.
  private mutating func deferOthers(_ l: UInt32) -> [UInt32] {
    var others: [UInt32] = []
    let asked = exchange(&connections[l].asked, with: Buffer())
    var start = 0
    for n in 0..<connections[l].legs.count {
      let leg = connections[l].legs[n]
      let f = leg.fanOut
      if f != Slab<FanOut>.none, fanOuts[f].kind == .multiGet, !leg.isLate, !leg.verb.touches,
        fanOuts[f].count(from: leg.piece) > Self.firstKeys
      {
        deferAll(f, from: leg.piece, asked, keyAt: start &+ Int(leg.keyStart))
        connections[l].legs[n].fanOut = Slab<FanOut>.none
        connections[l].legs[n].isLate = true
        fanOuts[f].pending &-= 1
        fanOuts[f].open &-= 1
        others.append(f)
      }
      start &+= Int(leg.length)
    }
    connections[l].asked = asked
    return others
  }

  /// Puts off the keys of a chain, whose text stands in `asked` with a blank between two.
  private mutating func deferAll(_ f: UInt32, from first: UInt32, _ asked: borrowing Buffer, keyAt: Int) {
    var i = first
    var at = keyAt
    while i != .max {
      fanOuts[f].deferLargeValue(Int(i), asked, keyAt: at, &buffers)
      at &+= Int(fanOuts[f].pieces[Int(i)].keyLength) &+ 1
      i = fanOuts[f].pieces[Int(i)].next
    }
    noteDeferred(f)
  }

  private func hasOnlyReads(behindFrontOf l: UInt32) -> Bool {
    var start = Int(connections[l].legs[0].length)
    for i in 1..<max(1, connections[l].legs.count) {
      let leg = connections[l].legs[i]
      guard mayBeSentAgain(leg) || leg.isLate, Self.changesNothing(leg, connections[l].asked, start) else {
        return false
      }
      start &+= Int(leg.length)
    }
    return true
  }

  /// A multi-get has values that were put off; returns whether its connection has been cut short.
  @inline(never)
  mutating func endsEarly(_ f: UInt32, _ leg: Leg, on l: UInt32, isMore: Bool) -> Bool {
    noteDeferred(f)
    return isMore && !leg.isLate && cutShort(multiGet: f, leg, on: l)
  }

  /// The values that are still to come of a multi-get's share do not fit: each is asked for when its turn has come, and
  /// the connection ends if they are much. Returns whether it did.
  mutating func cutShort(multiGet f: UInt32, _ leg: Leg, on l: UInt32) -> Bool {
    let (left, average) = (fanOuts[f].count(from: connections[l].cursor), fanOuts[f].averageSize)
    let (bytes, overflow) = left.multipliedReportingOverflow(by: average)
    guard connections[l].cursor != .max, !overflow, bytes >= limits.worthCutting else { return false }
    let (cursor, keyAt) = (connections[l].cursor, connections[l].cursorAt)
    var missing = Buffer()
    let asked = exchange(&connections[l].asked, with: Buffer())
    missing.append(asked, from: keyAt, count: Int(leg.length) &- keyAt, &buffers)
    connections[l].asked = asked
    defer { missing.release(to: &buffers) }
    guard cutShort(l, leg, sparing: bytes) else { return false }
    deferAll(f, from: cursor, missing, keyAt: 0)
    fanOuts[f].pending &-= 1
    fanOuts[f].open &-= 1
    if fanOuts[f].pending == 0 { finish(f) }
    return true
  }

  // MARK: - The first keys, then the rest

  /// Whether the values of a share may be large: its server has some, and the client's are not known to be small.
  @inline(__always)
  func mayBeLarge(at s: UInt32, for c: UInt32, _ verb: Verb, now: Instant) -> Bool {
    guard servers[s].largeAt != .origin, verb == .get || verb == .gets else { return false }
    return (clients[c].valueSize == 0 || Int(clients[c].valueSize) >= limits.large)
      && now.since(servers[s].largeAt) < Self.largeMemory
  }

  /// Cuts a request that has been written, without its line end, behind the first keys of its share; the others' text is
  /// kept in the fan-out's `bytes`.
  @inline(never)
  mutating func split(_ touch: OpenLeg, _ f: UInt32) {
    var end = touch.start &+ Int(touch.keyStart)
    var last = touch.first
    var i = touch.first
    var count = 0
    while i != .max {
      count &+= 1
      if count <= Self.firstKeys {
        last = i
        end &+= Int(fanOuts[f].pieces[Int(i)].keyLength) &+ (count > 1 ? 1 : 0)
      }
      i = fanOuts[f].pieces[Int(i)].next
    }
    guard count > Self.firstKeys else { return }
    let rest = fanOuts[f].pieces[Int(last)].next
    fanOuts[f].pieces[Int(last)].next = .max
    let asked = exchange(&connections[touch.connection].asked, with: Buffer())
    var keyAt = end &+ 1
    i = rest
    while i != .max {
      fanOuts[f].keep(Int(i), asked, keyAt: keyAt, &buffers)
      keyAt &+= Int(fanOuts[f].pieces[Int(i)].keyLength) &+ 1
      i = fanOuts[f].pieces[Int(i)].next
    }
    connections[touch.connection].asked = asked
    connections[touch.connection].asked.truncate(to: end)
    fanOuts[f].pieces[Int(touch.first)].rest = rest
    noteDeferred(f)
  }

  /// A share's first keys have been answered: its rest is asked for in one line if that is small, else each key when its
  /// turn has come.
  @inline(never)
  mutating func askWhatIsLeft(_ f: UInt32, behind leg: Leg, on l: UInt32) {
    guard let first = fanOuts[f].startCooldown(of: leg.piece) else { return }
    let x = fanOuts[f].exchange
    guard x != Slab<Exchange>.none, exchanges[x].client != Slab<Client>.none else { return }
    noteSize(fanOuts[f].size(of: leg.piece).largest, at: connections[l].server)
    guard fits(fanOuts[f].count(from: first), like: leg.piece, f) else {
      var i = first
      while i != .max {
        fanOuts[f].pieces[Int(i)].isDeferred = true
        i = fanOuts[f].pieces[Int(i)].next
      }
      fanOuts[f].hasDeferred = true
      return noteDeferred(f)
    }
    if let failure = admit(l, now: clock) {
      return noteFailure(f, at: connections[l].server, failure, keysFrom: first)
    }
    let before = connections[l].asked.count
    connections[l].asked.append(leg.verb == .gets ? "gets" : "get", &buffers)
    let bytes = exchange(&fanOuts[f].bytes, with: Buffer())
    var i = first
    while i != .max {
      let piece = fanOuts[f].pieces[Int(i)]
      connections[l].asked.append(" ", &buffers)
      connections[l].asked.append(bytes, from: piece.offset, count: Int(piece.keyLength), &buffers)
      fanOuts[f].pieces[Int(i)].offset = 0
      i = piece.next
    }
    fanOuts[f].bytes = bytes
    connections[l].asked.append("\r\n", &buffers)
    var next = Leg()
    next.verb = leg.verb
    next.fanOut = f
    next.piece = first
    next.keyStart = leg.verb == .gets ? 5 : 4
    next.length = UInt32(truncatingIfNeeded: connections[l].asked.count &- before)
    next.since = clock
    connections[l].enqueue(next)
    fanOuts[f].pending &+= 1
    fanOuts[f].open &+= 1
    counters.add(.requestsForwarded)
    markDirty(connection: l)
  }

  /// Whether the values of `count` more keys fit in memory if they are like those of a leg.
  private func fits(_ count: Int, like leg: UInt32, _ f: UInt32) -> Bool {
    let (average, largest) = fanOuts[f].size(of: leg)
    if largest > heldLimit { return false }
    let (bytes, overflow) = average.multipliedReportingOverflow(by: count)
    return !overflow && bytes &+ fanOuts[f].bytes.count <= gatherLimit
  }

  /// The values of a multi-get have come: the client's next ones will be like them.
  mutating func learnSize(_ f: UInt32, for c: UInt32) {
    let bytes = fanOuts[f].bytes.count
    if fanOuts[f].hasDeferred {
      clients[c].valueSize = max(clients[c].valueSize, UInt32(clamping: limits.large))
    } else if bytes > 0 {
      // Of small ones nothing more is to be known.
      let isSmall = bytes < fanOuts[f].pieces.count &* limits.small
      clients[c].valueSize =
        isSmall ? 1 : UInt32(clamping: max(1, bytes / max(1, fanOuts[f].pieces.count)))
    }
  }

}

extension FanOut {
  /// Keeps the text of a key, which stands in `asked`, until its value is asked for.
  mutating func keep(_ i: Int, _ asked: borrowing Buffer, keyAt: Int, _ buffers: inout BufferPool) {
    pieces[i].offset = bytes.count
    pieces[i].length = 0
    bytes.append(asked, from: keyAt, count: Int(pieces[i].keyLength), &buffers)
  }

  /// The first key of the rest behind the leg that begins with this piece.
  mutating func startCooldown(of leg: UInt32) -> UInt32? {
    let first = pieces[Int(leg)].rest
    guard first != .max else { return nil }
    pieces[Int(leg)].rest = .max
    return first
  }

  /// What the values that have come take, on average.
  var averageSize: Int {
    var hits = 0
    for i in 0..<pieces.count where pieces[i].length > 0 { hits &+= 1 }
    return hits == 0 ? 0 : bytes.count / hits
  }

  /// How many keys a chain has.
  func count(from first: UInt32) -> Int {
    var n = 0
    var i = first
    while i != .max {
      n &+= 1
      i = pieces[Int(i)].next
    }
    return n
  }

  /// What the values of a chain take on average, and the largest of them; one that was put off is larger than any.
  func size(of first: UInt32) -> (average: Int, largest: Int) {
    var (total, hits, largest) = (0, 0, 0)
    var i = first
    while i != .max {
      let piece = pieces[Int(i)]
      if piece.isDeferred { return (Int.max, Int.max) }
      if piece.length > 0 {
        total &+= Int(piece.length)
        hits &+= 1
        largest = max(largest, Int(piece.length))
      }
      i = piece.next
    }
    return (hits == 0 ? 0 : total / hits, largest)
  }
}
