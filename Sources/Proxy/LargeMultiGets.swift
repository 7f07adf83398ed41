import Bytes
import Stats
import Wire

// Multi-gets whose values may be large: a value that does not fit in memory is requested only when it can be sent to
// the client, so that the server sends it once.
//
//     the client's last values were large   each key is requested separately, in its turn
//     not known, but its server has some    get a b ─▶ their size ─┬▶ small: get c d e …, in one line
//                                                                  └▶ large: c d e … each in its turn
//     else                                  get a b c d e …; if much more is to arrive than can be kept, the
//                                           connection is closed, and each missing key is requested in its turn

extension Worker {
  /// Keys of a share that are requested first where values may be large.
  private static var firstKeys: Int { 2 }
  /// Time for which a server that has shown a large value is taken to have more.
  private static var largeMemory: Duration { .seconds(300) }

  /// Records the size of a value on its way to or from a server.
  mutating func noteSize(_ bytes: Int, at s: Ref<Server>) {
    if bytes >= common.limits.large { upstream.servers[s].largeAt = common.clock }
  }

  // MARK: - Every key requested in its turn

  /// Whether to request every key of a multi-get on a private connection: its values would not fit in memory if they
  /// are as large as this client's last ones, and no write can be overtaken.
  @inline(never) func isTooLargeToGather(_ c: Ref<Client>, bytes: RawSpan, _ request: Request, lineAt p: Int)
    -> Bool
  {
    let size = Int(downstream.clients[c].large.valueSize)
    guard !request.verb.touches else { return false }
    // A key and its separator are at least two bytes.
    guard (p &+ request.lineLength &- request.keyStart) / 2 &* size > common.gatherLimit else { return false }
    var words = KeyWalk(from: request.keyStart, to: p &+ request.lineLength)
    var count = 0
    while words.next(bytes) != nil { count &+= 1 }
    return count &* size > common.gatherLimit && !hasUnansweredWrites
  }

  /// Whether a server has yet to do a write that no client waits for (`noreply`, or its deadline has passed). A read on
  /// a private connection might be answered before that write; one on the shared connection is answered behind it.
  private var hasUnansweredWrites: Bool {
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      if upstream.connections.isTaken(l), upstream.connections[l].queue.hasUnansweredWrite { return true }
      l = l.next
    }
    return false
  }

  /// Serves a multi-get by requesting every key separately, on a private connection.
  @inline(never)
  mutating func streamMultiGet(_ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request) {
    let f = fanOuts.take()
    var words = beginKeys(bytes, p, request)
    while let key = words.next(bytes) {
      guard words.isGood(bytes, key) else {
        abandon(f)
        return downstream.refuse(c, .badFormat, isQuiet: false, &common)
      }
      let i = fanOuts[f].add(key)
      if routeIndex(of: bytes, from: key.from, count: Int(key.length)) < 0 {
        common.counters.add(.readsAsMisses)
      } else {
        fanOuts[f].deferLargeValue(Int(i), bytes, keyAt: key.from, &common.buffers)
      }
    }
    common.counters.add(fanOuts[f].pieces.count, to: .keysRequested)
    fanOuts[f].exchange = downstream.newExchange(c)
    fanOuts[f].withCAS = request.verb.expectation == .valuesWithCAS
    noteDeferred(f)
    finish(f)
  }

  // MARK: - Cut short

  /// Closes a connection in the middle of the front leg's reply and reopens it: that costs less than to receive and
  /// discard the rest. The reads queued behind are sent again on it. Returns false, and does nothing, if anything else is
  /// queued.
  @inline(never)
  mutating func cutShort(_ l: Ref<ServerConnection>, _ leg: Leg) -> Bool {
    guard upstream.connections[l].state == .ready, !upstream.connections[l].isRetiring,
      !upstream.connections[l].isPrivate,
      upstream.connections[l].queue.hasSentFront,
      upstream.servers[upstream.connections[l].server].status == .up, !isGivingUp,
      upstream.connections[l].queue.hasOnlyReadsBehindFront
    else { return false }
    upstream.connections[l].queue.cutFront()
    common.counters.subtract(.serverConnections)
    common.counters.add(.repliesCutShort)
    dropReplacement(of: l)
    let others = deferOthers(l)
    reset(l, .connectionLost, readsTo: l, isEndedHere: true)
    upstream.connections[l].isCut = true
    connect(l, now: common.clock)
    for f in others where fanOuts[f].pending == 0 { finish(f) }
    return true
  }

  /// Defers every key of the other multi-gets that wait on a connection that is cut short: they would meet the same
  /// large values. Returns their fan-outs.
  private mutating func deferOthers(_ l: Ref<ServerConnection>) -> [Ref<FanOut>] {
    var others: [Ref<FanOut>] = []
    var at = RequestQueue.Position()
    while let one = upstream.connections[l].queue.next(&at) {
      let (leg, f) = (one.leg, one.leg.fanOut)
      if f != Ref<FanOut>.none, fanOuts[f].kind == .multiGet, !leg.isLate, !leg.verb.touches,
        fanOuts[f].count(from: leg.piece) > Self.firstKeys
      {
        upstream.connections[l].queue.deferAll(one, in: &fanOuts[f], &common.buffers)
        noteDeferred(f)
        upstream.connections[l].queue.markLate(one.index)
        upstream.connections[l].queue.disown(one.index)
        fanOuts[f].pending &-= 1
        fanOuts[f].open &-= 1
        others.append(f)
      }
    }
    return others
  }

  /// Handles a reply to a multi-get with deferred values; returns whether its connection was cut short.
  @inline(never)
  mutating func endsEarly(_ f: Ref<FanOut>, _ leg: Leg, on l: Ref<ServerConnection>, isMore: Bool) -> Bool {
    noteDeferred(f)
    return isMore && !leg.isLate && cutShort(multiGet: f, leg, on: l)
  }

  /// Defers the keys of a multi-get's share that are not answered yet, and cuts its connection short, if the values
  /// still to arrive do not fit and are many bytes. Returns whether it did.
  mutating func cutShort(multiGet f: Ref<FanOut>, _ leg: Leg, on l: Ref<ServerConnection>) -> Bool {
    let (left, average) = (
      fanOuts[f].count(from: upstream.connections[l].queue.cursor), fanOuts[f].averageSize
    )
    let (bytes, overflow) = left.multipliedReportingOverflow(by: average)
    guard upstream.connections[l].queue.cursor != .max, !overflow, bytes >= common.limits.worthCutting else {
      return false
    }
    let (cursor, keyAt) = (upstream.connections[l].queue.cursor, upstream.connections[l].queue.cursorAt)
    var request = upstream.connections[l].queue.copyFront(&common.buffers)
    defer { request.release(to: &common.buffers) }
    guard cutShort(l, leg) else { return false }
    fanOuts[f].deferAll(from: cursor, request, keyAt: keyAt, &common.buffers)
    noteDeferred(f)
    // Otherwise the rest of the share would never be requested.
    if let rest = fanOuts[f].takeRest(of: leg.piece) { deferRest(f, from: rest) }
    fanOuts[f].pending &-= 1
    fanOuts[f].open &-= 1
    if fanOuts[f].pending == 0 { finish(f) }
    return true
  }

  // MARK: - The first keys, then the rest

  /// Whether the values of a share may be large: its server has some, and the client's are not known to be small.
  @inline(__always)
  func mayBeLarge(at s: Ref<Server>, for c: Ref<Client>, _ verb: Verb, now: Instant) -> Bool {
    guard upstream.servers[s].largeAt != .origin, verb == .get || verb == .gets else { return false }
    return
      (downstream.clients[c].large.valueSize == 0
      || Int(downstream.clients[c].large.valueSize) >= common.limits.large)
      && now.since(upstream.servers[s].largeAt) < Self.largeMemory
  }

  /// Cuts a request without its line end after the first keys of its share; the fan-out's `bytes` keep the other keys.
  @inline(never)
  mutating func split(_ open: OpenLeg, _ f: Ref<FanOut>) {
    let isSplit = upstream.connections[open.connection].queue.split(
      open.share, from: open.first, keeping: Self.firstKeys, in: &fanOuts[f], &common.buffers)
    if isSplit { noteDeferred(f) }
  }

  /// Requests the rest of a share when its first keys are answered: in one line if the values are small, else one by
  /// one.
  @inline(never)
  mutating func askWhatIsLeft(_ f: Ref<FanOut>, behind leg: Leg, on l: Ref<ServerConnection>) {
    guard let first = fanOuts[f].takeRest(of: leg.piece) else { return }
    let x = fanOuts[f].exchange
    guard x != Ref<Exchange>.none, downstream.exchanges[x].client != Ref<Client>.none else { return }
    noteSize(fanOuts[f].size(of: leg.piece).largest, at: upstream.connections[l].server)
    guard fits(fanOuts[f].count(from: first), like: leg.piece, f) else {
      return deferRest(f, from: first)
    }
    if let failure = admit(l, now: common.clock) {
      return noteFailure(f, at: upstream.connections[l].server, in: leg.pool, failure, keysFrom: first)
    }
    upstream.connections[l].queue.enqueueRest(
      from: first, of: f, behind: leg, in: &fanOuts[f], since: common.clock, &common.buffers)
    fanOuts[f].pending &+= 1
    fanOuts[f].open &+= 1
    common.counters.add(.requestsForwarded)
    markDirty(connection: l)
  }

  /// Defers the rest of a share, whose keys the fan-out's `bytes` keep.
  private mutating func deferRest(_ f: Ref<FanOut>, from first: UInt32) {
    var i = first
    while i != .max {
      fanOuts[f].pieces[Int(i)].isDeferred = true
      i = fanOuts[f].pieces[Int(i)].next
    }
    fanOuts[f].hasDeferred = true
    noteDeferred(f)
  }

  /// Whether the values of `count` more keys fit in memory if they are like those of a leg.
  private func fits(_ count: Int, like leg: UInt32, _ f: Ref<FanOut>) -> Bool {
    let (average, largest) = fanOuts[f].size(of: leg)
    if largest > common.heldLimit { return false }
    let (bytes, overflow) = average.multipliedReportingOverflow(by: count)
    return !overflow && bytes &+ fanOuts[f].bytes.count <= common.gatherLimit
  }

  /// Records the size of a multi-get's values: the client's next ones are expected to be like them.
  mutating func learnSize(_ f: Ref<FanOut>, for c: Ref<Client>) {
    let bytes = fanOuts[f].bytes.count
    if fanOuts[f].hasDeferred {
      downstream.clients[c].large.valueSize = max(
        downstream.clients[c].large.valueSize, UInt32(clamping: common.limits.large))
    } else if bytes > 0 {
      // For small values nothing more need be known.
      let isSmall = bytes < fanOuts[f].pieces.count &* common.limits.small
      downstream.clients[c].large.valueSize =
        isSmall ? 1 : UInt32(clamping: max(1, bytes / max(1, fanOuts[f].pieces.count)))
    }
  }

}

extension RequestQueue {
  /// Has the value at the cursor requested again, by itself.
  mutating func deferValue(in fanOut: inout FanOut, _ buffers: inout BufferPool) {
    fanOut.deferLargeValue(Int(cursor), bytes, keyAt: cursorAt, &buffers)
  }

  /// Has every key of a multi-get's leg requested again, by itself.
  mutating func deferAll(_ one: Entry, in fanOut: inout FanOut, _ buffers: inout BufferPool) {
    fanOut.deferAll(from: one.leg.piece, bytes, keyAt: one.start &+ Int(one.leg.keyStart), &buffers)
  }

  /// Copies the front request, or a line that requests its value, to a stream.
  mutating func copyFront(to stream: inout Stream, _ buffers: inout BufferPool) {
    let leg = legs[0]
    if leg.verb.isMeta { return stream.line.append(bytes, from: 0, count: Int(leg.length), &buffers) }
    stream.writeLine(
      leg.verb.expectation == .valuesWithCAS ? .gets : .get, bytes, keyAt: Int(leg.keyStart),
      count: Int(leg.keyLength), &buffers)
  }

  /// Shortens a share that is being written to its first `most` keys; the fan-out keeps the others. False if there are no
  /// more.
  mutating func split(
    _ share: Share, from first: UInt32, keeping most: Int, in fanOut: inout FanOut,
    _ buffers: inout BufferPool
  ) -> Bool {
    var end = share.start &+ Int(share.keyStart)
    var last = first
    var i = first
    var count = 0
    while i != .max {
      count &+= 1
      if count <= most {
        last = i
        end &+= Int(fanOut.pieces[Int(i)].keyLength) &+ (count > 1 ? 1 : 0)
      }
      i = fanOut.pieces[Int(i)].next
    }
    guard count > most else { return false }
    let rest = fanOut.pieces[Int(last)].next
    fanOut.pieces[Int(last)].next = .max
    var keyAt = end &+ 1
    i = rest
    while i != .max {
      fanOut.keep(Int(i), bytes, keyAt: keyAt, &buffers)
      keyAt &+= Int(fanOut.pieces[Int(i)].keyLength) &+ 1
      i = fanOut.pieces[Int(i)].next
    }
    bytes.truncate(to: end)
    fanOut.pieces[Int(first)].rest = rest
    return true
  }

  /// Requests the kept rest of a share, fan-out `f`, in one line.
  mutating func enqueueRest(
    from first: UInt32, of f: Ref<FanOut>, behind previous: Leg, in fanOut: inout FanOut, since now: Instant,
    _ buffers: inout BufferPool
  ) {
    let before = end
    let verb = previous.verb
    write(verb == .gets ? "gets" : "get", &buffers)
    var i = first
    while i != .max {
      let piece = fanOut.pieces[Int(i)]
      write(" ", &buffers)
      bytes.append(fanOut.bytes, from: piece.offset, count: Int(piece.keyLength), &buffers)
      fanOut.pieces[Int(i)].offset = 0
      i = piece.next
    }
    write("\r\n", &buffers)
    var leg = Leg()
    leg.verb = verb
    leg.fanOut = f
    leg.pool = previous.pool
    leg.piece = first
    leg.keyStart = verb == .gets ? 5 : 4
    leg.since = now
    enqueue(leg, from: before)
  }
}

extension FanOut {
  /// Keeps a key, which is in `asked`, until its value is requested.
  mutating func keep(_ i: Int, _ asked: borrowing Buffer, keyAt: Int, _ buffers: inout BufferPool) {
    pieces[i].offset = bytes.count
    pieces[i].length = 0
    bytes.append(asked, from: keyAt, count: Int(pieces[i].keyLength), &buffers)
  }

  /// Defers the keys of a chain, which are in `asked` with a space between two.
  mutating func deferAll(
    from first: UInt32, _ asked: borrowing Buffer, keyAt: Int, _ buffers: inout BufferPool
  ) {
    var i = first
    var at = keyAt
    while i != .max {
      deferLargeValue(Int(i), asked, keyAt: at, &buffers)
      at &+= Int(pieces[Int(i)].keyLength) &+ 1
      i = pieces[Int(i)].next
    }
  }

  /// Writes the request line for the value of a deferred piece.
  mutating func writeLine(for piece: Piece, to stream: inout Stream, _ buffers: inout BufferPool) {
    stream.writeLine(
      withCAS ? .gets : .get, bytes, keyAt: piece.offset, count: Int(piece.keyLength), &buffers)
  }

  /// Appends the value of a piece.
  mutating func append(_ piece: Piece, to output: inout Buffer, _ buffers: inout BufferPool) {
    output.append(bytes, from: piece.offset, count: Int(piece.length), &buffers)
  }

  /// Takes the first key of the rest that follows the leg beginning with this piece.
  mutating func takeRest(of leg: UInt32) -> UInt32? {
    let first = pieces[Int(leg)].rest
    guard first != .max else { return nil }
    pieces[Int(leg)].rest = .max
    return first
  }

  /// Average bytes of the values that have arrived.
  var averageSize: Int {
    var hits = 0
    for i in 0..<pieces.count where pieces[i].length > 0 { hits &+= 1 }
    return hits == 0 ? 0 : bytes.count / hits
  }

  /// Number of keys of a chain.
  func count(from first: UInt32) -> Int {
    var n = 0
    var i = first
    while i != .max {
      n &+= 1
      i = pieces[Int(i)].next
    }
    return n
  }

  /// Average and largest bytes of a chain's values; a deferred one counts as larger than any.
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
