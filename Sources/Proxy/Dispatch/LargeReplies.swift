import Bytes
import Stats
import Wire

// Large replies on the shared connections. If a second request gives the same value, it is discarded there (or the
// connection is closed, if much of it is still to come) and requested again on a private connection, from which it is
// streamed (`Downloads.swift`). Else it is buffered, or given up if there is no memory for it.

extension Dispatcher {
  /// Handles a large value that has begun to arrive for the front leg: discards it, or buffers it. Returns the bytes to
  /// consume now, 0 when it is buffered; nil when the connection was closed.
  @inline(never) mutating func begin(
    long value: Int, header: Int, _ l: Ref<ServerConnection>, _ leg: Leg, _ bytes: RawSpan, _ p: Int
  ) -> Int? {
    guard upstream.connections[l].queue.hasSentFront else {
      violation(l, .unsolicited, bytes, p)
      return nil
    }
    upstream.noteSize(value, at: upstream.connections[l].server, &common)
    let isSingle = leg.fanOut == Ref<FanOut>.none
    if invalidation.isJournaling, isSingle, leg.verb.mayChange, !leg.isLate { noteChange(byFrontOf: l) }
    if isSingle ? leg.exchange != Ref<Exchange>.none : !leg.isLate {
      let outcome = LegOutcome.large(
        isRepeatable: value > common.heldLimit && mayAskAgain(l, leg), fits: value <= common.mostHeld)
      switch Exchange.step(leg.verb.kind, after: outcome, upstream.policy(of: leg.pool)) {
      case .wait:
        upstream.connections[l].awaited = header &+ value &+ leg.valueEnd.utf8CodeUnitCount
        return 0
      case .ask where isSingle: deferLargeValue(l, leg)
      case .ask:
        upstream.connections[l].queue.deferValue(in: &fanOuts[leg.fanOut], &common.buffers)
        noteDeferred(leg.fanOut)
      case .answer, .say: giveUp(l, leg)
      }
    }
    if !isSingle { step(l, leg.fanOut) }
    upstream.connections[l].queue.beginDiscarding(header &+ value)
    if isSingle, !leg.isContinuedByNext,
      upstream.connections[l].queue.discardLeft &- bytes.byteCount &+ p >= common.limits.worthCuttingSingle,
      cutShort(l, leg)
    {
      return nil
    }
    return discardValue(l, bytes, p)
  }

  /// Answers for a value that can neither be requested again nor buffered as if its server had failed.
  mutating func giveUp(_ l: Ref<ServerConnection>, _ leg: Leg) {
    common.counters.add(.queueFull)
    guard leg.fanOut == Ref<FanOut>.none else {
      return noteFailure(leg.fanOut, at: upstream.connections[l].server, in: leg.pool, .queueFull, keys: 1)
    }
    upstream.connections[l].queue.disown(0)
    var request = upstream.connections[l].queue.copyFront(&common.buffers)
    fail(leg, at: upstream.connections[l].server, .queueFull, request.readable)
    request.release(to: &common.buffers)
  }

  /// Moves the connection's cursor past the current value.
  mutating func step(_ l: Ref<ServerConnection>, _ f: Ref<FanOut>) {
    let piece = fanOuts[f].pieces[Int(upstream.connections[l].queue.cursor)]
    upstream.connections[l].queue.skipPiece(keyLength: Int(piece.keyLength), next: piece.next)
  }

  /// Discards what has arrived of an unwanted value; nil when the connection was closed.
  mutating func discardValue(_ l: Ref<ServerConnection>, _ bytes: RawSpan, _ p: Int) -> Int? {
    let leg = upstream.connections[l].queue.legs[0]
    switch upstream.connections[l].queue.discard(bytes, p, now: common.clock) {
    case .more(let n): return n
    case .done(let n):
      if leg.fanOut == Ref<FanOut>.none {
        upstream.connections[l].queue.dropFront(&common.buffers)
        if leg.isLate { countLate(at: upstream.connections[l].server) }
      }
      return n
    case .broken(let n):
      violation(l, .badLength, bytes, p &+ n)
      return nil
    }
  }

  /// Whether a later request gives the same value: no request behind it on this connection changes the key, and the
  /// request itself changes nothing.
  func mayAskAgain(_ l: Ref<ServerConnection>, _ leg: Leg) -> Bool {
    if leg.fanOut != Ref<FanOut>.none {
      let piece = fanOuts[leg.fanOut].pieces[Int(upstream.connections[l].queue.cursor)]
      return upstream.connections[l].queue.mayAskAgain(
        keyAt: upstream.connections[l].queue.cursorAt, count: Int(piece.keyLength))
    }
    if leg.verb.isMeta
      && (leg.verb != .metaGet
        || !leg.metaLine.isRepeatable(upstream.connections[l].queue.bytes.readable, from: 0))
    {
      return false
    }
    return upstream.connections[l].queue.mayAskAgain(keyAt: Int(leg.keyStart), count: Int(leg.keyLength))
  }

  /// Has the front leg's reply streamed in its turn.
  mutating func deferLargeValue(_ l: Ref<ServerConnection>, _ leg: Leg) {
    let x = leg.exchange
    upstream.connections[l].queue.disown(0)
    guard downstream.exchanges[x].client != Ref<Client>.none else { return downstream.exchanges.give(x) }
    downstream.hold(downstream.exchanges[x].client)
    let i = newDownload(x)
    streams[i].server = upstream.connections[l].server
    streams[i].leg = leg
    streams[i].leg.exchange = Ref<Exchange>.none
    upstream.connections[l].queue.copyFront(to: &streams[i], &common.buffers)
    beginIfTurn(x)
  }

  /// Makes a stream for an exchange whose client is connected.
  mutating func newDownload(_ x: Ref<Exchange>) -> Ref<Stream> {
    let i = streams.take()
    streams[i].client = downstream.clients.id(of: downstream.exchanges[x].client)
    streams[i].exchange = x
    downstream.exchanges[x].stream = i
    downstream.exchanges[x].parkedAt = 0
    downstream.exchanges[x].parkedLength = 0
    downstream.exchanges[x].isFinished = true
    common.counters.add(.streamedValues)
    return i
  }

  /// Records that keys of a multi-get are deferred.
  mutating func noteDeferred(_ f: Ref<FanOut>) {
    guard !fanOuts[f].isHolding, fanOuts[f].exchange != Ref<Exchange>.none else {
      return
    }
    fanOuts[f].isHolding = true
    downstream.hold(downstream.exchanges[fanOuts[f].exchange].client)
  }

  /// Streams the reply of a multi-get with deferred values, piece by piece.
  mutating func deferLargeValue(_ f: Ref<FanOut>, _ x: Ref<Exchange>) {
    guard downstream.exchanges[x].client != Ref<Client>.none else { return downstream.exchanges.give(x) }
    let i = newDownload(x)
    streams[i].fanOut = f
    fanOuts[f].open &+= 1
    beginIfTurn(x)
  }

  /// Begins the download at once if it is the exchange's turn.
  mutating func beginIfTurn(_ x: Ref<Exchange>) {
    let c = downstream.exchanges[x].client
    if downstream.clients[c].first == x { downstream.begin(download: downstream.exchanges[x].stream, for: c) }
  }

  /// Keys of a share that are requested first where values may be large.
  private static var firstKeys: Int { 2 }
  /// Time for which a server that has shown a large value is taken to have more.
  private static var largeMemory: Duration { .seconds(300) }

  // MARK: - Counting

  /// Counts a value that is streamed, or the refusal of one. The server's time is that of the private request; `since`:
  /// when the client's request arrived, from which its own time counts.
  mutating func countStreamed(
    _ leg: Leg, since: Instant, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int
  ) {
    recordLatency(since: since, in: leg.pool, leg.listener)
    var asked = leg
    asked.since = since
    countOnServer(leg, asked, result, on: l, length: length)
  }

  /// The same for a key of a multi-get: the time that its client waits is that of the whole.
  mutating func countPart(_ leg: Leg, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int) {
    countOnServer(leg, leg, result, on: l, length: length)
  }

  /// Counts a private request. `asked`: as it is reported.
  private mutating func countOnServer(
    _ leg: Leg, _ asked: Leg, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int
  ) {
    upstream.servers[upstream.connections[l].server].counts.count(result, bucket: bucket(since: leg.since))
    upstream.pools.tallies[upstream.pools.place(of: leg.pool)].count(leg.verb.rawValue, result)
    _ = common.hotKeys.pass(1)
    look(asked, result, on: l, length: length)
  }

  // MARK: - Every key requested in its turn

  /// Whether to request every key of a multi-get on a private connection: its values would not fit in memory if they
  /// are as large as this client's last ones, and no write can be overtaken.
  @inline(never) func isTooLargeToGather(_ c: Ref<Client>, bytes: RawSpan, _ request: Request, lineAt p: Int)
    -> Bool
  {
    let size = Int(downstream.clients[c].large.valueSize)
    guard !request.verb.touches, router.hasNoNodes else { return false }
    // A key and its separator are at least two bytes.
    guard (p &+ request.lineLength &- request.keyStart) / 2 &* size > common.gatherLimit else { return false }
    var words = KeyWalk(from: request.keyStart, to: p &+ request.lineLength)
    var count = 0
    while words.next(bytes) != nil { count &+= 1 }
    return count &* size > common.gatherLimit && !upstream.hasUnansweredWrites
  }

  /// Serves a multi-get by requesting every key separately, on a private connection.
  @inline(never)
  mutating func streamMultiGet(_ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request) {
    let f = fanOuts.take()
    let target = downstream.clients[c].target
    var words = beginKeys(bytes, p, request)
    while let key = words.next(bytes) {
      guard words.isGood(bytes, key) else {
        cancel(f)
        return downstream.refuse(c, .badFormat, isQuiet: false, &common)
      }
      let i = fanOuts[f].add(key)
      switch router.route(of: bytes, from: key.from, count: Int(key.length), target).way {
      case .none: common.counters.add(.readsAsMisses)
      case .single(let n):
        if i == 0 { fanOuts[f].count.pool = upstream.destinations[n].pool }
        fanOuts[f].deferLargeValue(Int(i), bytes, keyAt: key.from, &common.buffers)
      // Such keys are never requested so: see `isTooLargeToGather`.
      case .through: common.counters.add(.readsAsMisses)
      }
    }
    common.counters.add(fanOuts[f].pieces.count, to: .keysRequested)
    fanOuts[f].exchange = downstream.newExchange(c)
    fanOuts[f].count.verb = request.verb
    fanOuts[f].count.since = common.clock
    fanOuts[f].count.listener = downstream.clients[c].listener
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
      upstream.servers[upstream.connections[l].server].status == .up, !upstream.isGivingUp,
      upstream.connections[l].queue.hasOnlyReadsBehindFront
    else { return false }
    upstream.connections[l].queue.cutFront()
    common.counters.subtract(.serverConnections)
    common.counters.add(.repliesCutShort)
    upstream.dropReplacement(of: l)
    let others = deferOthers(l)
    upstream.reset(l, .connectionLost, readsTo: l, isEndedHere: true, &common)
    upstream.connections[l].isCut = true
    upstream.connect(l, now: common.clock, &common)
    settle()
    for f in others { finish(f) }
    return true
  }

  /// Defers every key of the other multi-gets that wait on a connection that is cut short: they would meet the same
  /// large values. Returns their fan-outs.
  mutating func deferOthers(_ l: Ref<ServerConnection>) -> [Ref<FanOut>] {
    var others: [Ref<FanOut>] = []
    var at = RequestQueue.Position()
    while let one = upstream.connections[l].queue.next(&at) {
      let (leg, f) = (one.leg, one.leg.fanOut)
      if f != Ref<FanOut>.none, fanOuts[f].kind == .multiGet, fanOuts[f].routed.isEmpty, !leg.isLate,
        !leg.verb.touches,
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
    return isMore && !leg.isLate && fanOuts[f].routed.isEmpty && cutShort(multiGet: f, leg, on: l)
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
    finish(f)
    return true
  }

  // MARK: - The first keys, then the rest

  /// Whether the values of a share may be large: its server has some, and the client's are not known to be small.
  @inline(__always)
  func mayBeLarge(at s: Ref<Server>, for c: Ref<Client>, _ verb: Verb, now: Instant) -> Bool {
    guard upstream.servers[s].large.at != .origin, verb == .get || verb == .gets else { return false }
    return
      (downstream.clients[c].large.valueSize == 0
      || Int(downstream.clients[c].large.valueSize) >= common.limits.large)
      && now.since(upstream.servers[s].large.at) < Self.largeMemory
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
  mutating func askRest(_ f: Ref<FanOut>, behind leg: Leg, on l: Ref<ServerConnection>) {
    guard let first = fanOuts[f].takeRest(of: leg.piece) else { return }
    let x = fanOuts[f].exchange
    guard x != Ref<Exchange>.none, downstream.exchanges[x].client != Ref<Client>.none else { return }
    upstream.noteSize(fanOuts[f].size(of: leg.piece).largest, at: upstream.connections[l].server, &common)
    guard fits(fanOuts[f].count(from: first), like: leg.piece, f) else {
      return deferRest(f, from: first)
    }
    if let failure = upstream.admit(l, now: common.clock, &common) {
      return noteFailure(f, at: upstream.connections[l].server, in: leg.pool, failure, keysFrom: first)
    }
    upstream.connections[l].queue.enqueueRest(
      from: first, of: f, behind: leg, in: &fanOuts[f], since: common.clock, &common.buffers)
    fanOuts[f].pending &+= 1
    fanOuts[f].open &+= 1
    upstream.queued(on: l, &common)
  }

  /// Defers the rest of a share, whose keys the fan-out's `bytes` keep.
  mutating func deferRest(_ f: Ref<FanOut>, from first: UInt32) {
    var i = first
    while i != .max {
      fanOuts[f].pieces[Int(i)].isDeferred = true
      i = fanOuts[f].pieces[Int(i)].next
    }
    fanOuts[f].hasDeferred = true
    noteDeferred(f)
  }

  /// Whether the values of `count` more keys fit in memory if they are like those of a leg.
  func fits(_ count: Int, like leg: UInt32, _ f: Ref<FanOut>) -> Bool {
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
