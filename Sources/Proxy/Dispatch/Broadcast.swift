import Bytes
import Stats
import Topology
import Wire

// Commands for the whole cluster: they are sent to every server, and the replies are combined into one.

extension Dispatcher {
  mutating func administer(_ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant) {
    switch request.verb {
    case .quit:
      downstream.hangUp(c, &common)
    case .verbosity:
      if let level = Number(bytes, line[1])?.cutToUInt64 {
        common.note(.setLogLevel, by: c, number: level)
      }
      if !request.isQuiet { downstream.say(c, "OK\r\n", &common) }
    case .flushAll:
      common.note(.flushedAll, by: c)
      broadcast(c, bytes, request, .flushAll, words: request.isQuiet ? line.count &- 1 : line.count, now: now)
    case .version:
      broadcast(c, bytes, request, .version, words: 1, now: now)
    case .stats:
      stats(c, bytes, request, now: now)
    case .keyDump:
      dumpKeys(c, bytes)
    default: downstream.refuse(c, .unknown, isQuiet: request.isQuiet, &common)
    }
  }

  mutating func stats(_ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant) {
    if bytes.isText("ringroad", from: line[1].from, to: line[1].to) {
      common.effects.append(
        .report(exchange: downstream.exchanges.id(of: downstream.newExchange(c)), .numbers))
    } else if bytes.isText("hotkeys", from: line[1].from, to: line[1].to) {
      common.effects.append(
        .report(exchange: downstream.exchanges.id(of: downstream.newExchange(c)), .hotKeys))
    } else if bytes.isText("servers", from: line[1].from, to: line[1].to) {
      broadcast(c, bytes, request, .serverStats, words: 1, now: now)
    } else if bytes.isText("reset", from: line[1].from, to: line[1].to) {
      common.note(.resetStats, by: c)
      broadcast(c, bytes, request, .stats, words: line.count, now: now)
    } else if printsKeys(bytes) {
      broadcast(c, bytes, request, .dump, words: line.count, now: now)
    } else {
      broadcast(c, bytes, request, .stats, words: line.count, now: now)
    }
  }

  /// Whether the requested report contains keys, which clients choose. memcached since 1.6.40 accepts the beginning of
  /// a name: `stats c 1 0` is `stats cachedump 1 0`.
  func printsKeys(_ bytes: RawSpan) -> Bool {
    bytes.isBeginning(of: "cachedump", from: line[1].from, to: line[1].to)
      || (bytes.isBeginning(of: "detail", from: line[1].from, to: line[1].to)
        && bytes.isBeginning(of: "dump", from: line[2].from, to: line[2].to))
  }

  /// Sends the first `words` words of the line to every server, however many pools it is in.
  mutating func broadcast(
    _ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, _ kind: FanOut.Kind, words: Int, now: Instant
  ) {
    let f = fanOuts.take()
    fanOuts[f].kind = kind
    let kept = min(words, RequestLine.most)
    if kind == .stats || kind == .dump {
      for i in 1..<max(1, kept) { fanOuts[f].command.words.append(text(bytes, line[i])) }
    }
    fanOuts[f].command.asked = now
    fanOuts[f].command.isImmediate = kind == .flushAll && words == 1
    if !request.isQuiet { fanOuts[f].exchange = downstream.newExchange(c) }
    for s in servers(for: c) {
      ask(s, for: c, f, bytes, request.verb, words: kept, now: now)
    }
    finish(f)
  }

  /// The servers that a command for all concerns: every one, or those of the pools to which the
  /// client's listener leads.
  func servers(for c: Ref<Client>) -> [Ref<Server>] {
    let target = downstream.clients[c].target
    if target == .byKey { return (0..<upstream.everyServer.count).map { upstream.everyServer[$0] } }
    let pools = router.pools(of: target)
    var found: [Ref<Server>] = []
    for i in 0..<upstream.destinations.count where pools.contains(Int(upstream.destinations[i].pool.number)) {
      if !found.contains(upstream.destinations[i].server) { found.append(upstream.destinations[i].server) }
    }
    return found
  }

  mutating func ask(
    _ s: Ref<Server>, for c: Ref<Client>, _ f: Ref<FanOut>, _ bytes: RawSpan, _ verb: Verb, words: Int,
    now: Instant
  ) {
    var piece = FanOut.Piece()
    piece.server = s
    let l = upstream.connection(to: s, lane: c.index)
    let isDump = fanOuts[f].kind == .dump
    // A returning server may be up before the control thread learns that it owes a flush: it counts as not flushed.
    let isPromised = verb == .flushAll && upstream.servers[s].status == .returning
    // A server without meta commands would not answer the fence.
    if let failure = isPromised
      ? .unreachable
      : upstream.admitCommand(l, now: now, &common)
        ?? (isDump && upstream.connections[l].handshake.meta < .v1_6_0 ? .protocolError : nil)
    {
      piece.failure = failure
      fanOuts[f].pieces.append(piece)
      noteFailure(f, at: s, in: PoolIndex(), failure)
      return
    }
    let before = upstream.connections[l].queue.end
    // A delay would take back the flush that made this server safe.
    let words = verb == .flushAll && upstream.servers[s].wasFlushed ? 1 : words
    for i in 0..<words {
      if i > 0 { upstream.connections[l].queue.write(" ", &common.buffers) }
      upstream.connections[l].queue.write(
        bytes, from: line[i].from, count: Int(line[i].length), &common.buffers)
    }
    upstream.connections[l].queue.write("\r\n", &common.buffers)
    if isDump { upstream.connections[l].queue.writeFence(upstream.secret, &common.buffers) }
    var leg = Leg()
    leg.verb = verb
    leg.fanOut = f
    leg.piece = UInt32(truncatingIfNeeded: fanOuts[f].pieces.count)
    leg.isFenced = isDump
    leg.since = now
    upstream.connections[l].queue.enqueue(leg, from: before)
    fanOuts[f].pieces.append(piece)
    fanOuts[f].pending &+= 1
    fanOuts[f].open &+= 1
    upstream.queued(on: l, &common)
  }

  func text(_ bytes: RawSpan, _ word: Word) -> String {
    var letters: [UInt8] = []
    for i in word.from..<max(word.from, word.to) { letters.append(bytes.byte(at: i)) }
    return String(decoding: letters, as: UTF8.self)
  }

  /// Has the keys of all servers listed when it is the request's turn: see `KeyDumps.swift`.
  mutating func dumpKeys(_ c: Ref<Client>, _ bytes: RawSpan) {
    let f = fanOuts.take()
    fanOuts[f].kind = .keyDump
    // The pieces name servers until the end.
    fanOuts[f].hasDeferred = true
    for s in servers(for: c) {
      var piece = FanOut.Piece()
      piece.server = s
      fanOuts[f].pieces.append(piece)
    }
    let x = downstream.newExchange(c)
    downstream.hold(c)
    let i = newDownload(x)
    streams[i].fanOut = f
    fanOuts[f].open &+= 1
    streams[i].leg.verb = .keyDump
    for n in 0..<3 {
      if n > 0 { streams[i].line.append(" ", &common.buffers) }
      streams[i].line.append(bytes, from: line[n].from, count: Int(line[n].length), &common.buffers)
    }
    streams[i].line.append("\r\n", &common.buffers)
    streams[i].leg.length = UInt32(truncatingIfNeeded: streams[i].line.count)
    beginIfTurn(x)
  }

  /// Keeps one server's reply.
  mutating func keepReply(
    _ f: Ref<FanOut>, _ leg: Leg, _ bytes: RawSpan, _ p: Int, _ length: Int, _ outcome: Outcome
  ) {
    var piece = fanOuts[f].pieces[Int(leg.piece)]
    piece.offset = fanOuts[f].bytes.count
    piece.length = UInt32(truncatingIfNeeded: length)
    fanOuts[f].pieces[Int(leg.piece)] = piece
    fanOuts[f].bytes.append(bytes, from: p, count: length, &common.buffers)
    // A server that refuses `flush_all` has not flushed.
    guard fanOuts[f].kind == .flushAll else { return }
    if outcome == .error { return noteFailure(f, at: piece.server, in: PoolIndex(), .protocolError) }
    if fanOuts[f].command.isImmediate, upstream.servers[piece.server].isJournaled {
      common.events.append(.flushed(server: upstream.servers[piece.server].id, asked: leg.since))
    }
  }

  /// Combines the servers' replies into one.
  mutating func summarise(_ f: Ref<FanOut>, into target: ReplyTarget) {
    switch fanOuts[f].kind {
    case .flushAll: summariseFlush(f, into: target)
    case .version: summariseVersion(f, into: target)
    case .serverStats: listServers(f, into: target)
    case .dump:
      var none = KnownCounters()
      summariseStats(f, &none, clients: [], into: target, now: .origin)
    // `stats` is left to the edge; the keys of a dump go to the client as they come.
    case .stats, .multiGet, .keyDump: break
    }
  }

  /// Replies `OK` when every server in the ring was flushed. A server that is out is flushed before it returns.
  mutating func summariseFlush(_ f: Ref<FanOut>, into target: ReplyTarget) {
    var failed = 0
    for i in 0..<fanOuts[f].pieces.count {
      let piece = fanOuts[f].pieces[i]
      guard upstream.servers.isTaken(piece.server) else { continue }
      // `noteFailure` has reported that this ejected server owes the flush.
      if piece.failure == .ejected { continue }
      if piece.failure != nil || !isOK(fanOuts[f].bytes.readable, piece) {
        failed += 1
      }
    }
    if failed == 0 {
      downstream.append("OK\r\n", to: target, &common)
    } else {
      let line =
        "SERVER_ERROR ringroad: flush_all failed on \(failed) of \(fanOuts[f].pieces.count) servers\r\n"
      common.counters.add(.serverErrors)
      downstream.append(text: line, to: target, &common)
    }
  }

  func isOK(_ bytes: RawSpan, _ piece: FanOut.Piece) -> Bool {
    piece.length > 0 && bytes.hasText("OK\r\n", at: piece.offset)
  }

  /// Replies with the lowest version of the servers that answered: a client that checks for features is not misled.
  mutating func summariseVersion(_ f: Ref<FanOut>, into target: ReplyTarget) {
    var versions: [String] = []
    for i in 0..<fanOuts[f].pieces.count {
      let piece = fanOuts[f].pieces[i]
      guard piece.length > 10, fanOuts[f].bytes.readable.hasText("VERSION ", at: piece.offset) else {
        continue
      }
      let word = Word(start: piece.offset + 8, length: Int(piece.length) - 10)
      versions.append(text(fanOuts[f].bytes.readable, word))
    }
    if let lowest = lowestVersion(versions) ?? versions.first {
      downstream.append(text: "VERSION \(lowest)\r\n", to: target, &common)
    } else {
      common.counters.add(.serverErrors)
      downstream.append("SERVER_ERROR ringroad: no server answered\r\n", to: target, &common)
    }
  }

  /// Has the edge answer a `stats` request, whose servers were all heard or given up, with `mergeStats`.
  mutating func leaveToEdge(_ f: Ref<FanOut>) {
    // It waits for the edge as for another server.
    fanOuts[f].pending = 1
    common.effects.append(.mergeStats(f))
  }

  /// Whether a `stats` request wants the proxy's clients too.
  package mutating func listsClients(_ f: Ref<FanOut>) -> Bool {
    StatsKind(words: fanOuts[f].command.words) == .conns
  }

  /// Answers a `stats` request for `Effect.mergeStats`. `known` and `clients` are those of the whole process.
  package mutating func mergeStats(
    _ f: Ref<FanOut>, _ known: inout KnownCounters, clients: [ConnectedClient], now: Instant
  ) {
    let x = exchange(&fanOuts[f].exchange, with: Ref<Exchange>.none)
    fanOuts[f].pending = 0
    let target = downstream.target(of: x)
    summariseStats(f, &known, clients: clients, into: target, now: now)
    downstream.conclude(x, target, &common)
    if fanOuts[f].open == 0 { release(f) }
  }

  private mutating func summariseStats(
    _ f: Ref<FanOut>, _ known: inout KnownCounters, clients: [ConnectedClient], into target: ReplyTarget,
    now: Instant
  ) {
    let kind = StatsKind(words: fanOuts[f].command.words)
    var merged = MergedStats(kind: kind, ownPID: common.processID)
    if kind == .conns { merged.add(clients) }
    if kind == .general { known.keep(everyServerID()) }
    for i in 0..<fanOuts[f].pieces.count {
      let piece = fanOuts[f].pieces[i]
      let answer = fanOuts[f].bytes.readable.extracting(piece.offset..<piece.offset + Int(piece.length))
      let server = upstream.servers[piece.server].id
      switch kind {
      case .general:
        var counters = known[server] ?? ServerCounters()
        if merged.add(answer, &counters, asked: fanOuts[f].command.asked, now: now) {
          known[server] = counters
        } else {
          merged.standIn(counters)
        }
      case .conns: merged.add(answer, of: label(of: piece))
      // Its counters begin again because a client wants that.
      case .reset: if merged.add(answer) { known[server] = nil }
      default: merged.add(answer)
      }
    }
    downstream.append(merged.rendered(of: fanOuts[f].pieces.count).span.raw, to: target, &common)
  }

  private mutating func listServers(_ f: Ref<FanOut>, into target: ReplyTarget) {
    var listing = ServersListing()
    for i in 0..<fanOuts[f].pieces.count {
      let piece = fanOuts[f].pieces[i]
      if piece.length > 0 {
        let answer = fanOuts[f].bytes.readable.extracting(piece.offset..<piece.offset + Int(piece.length))
        listing.add(label: label(of: piece), answer: answer)
      } else {
        listing.add(label: label(of: piece), failure: "\(piece.failure?.words ?? "no answer")")
      }
    }
    downstream.append(listing.rendered().span.raw, to: target, &common)
  }

  private func everyServerID() -> Set<ServerID> {
    Set((0..<upstream.everyServer.count).map { upstream.servers[upstream.everyServer[$0]].id })
  }

  private func label(of piece: FanOut.Piece) -> String {
    String(decoding: upstream.servers[piece.server].label, as: UTF8.self)
  }

  /// Sends the report that the edge made for `Effect.report`.
  package mutating func report(_ id: SlotID<Exchange>, _ bytes: RawSpan) {
    guard downstream.exchanges.isCurrent(id) else { return }
    let target = downstream.target(of: id.slot)
    downstream.append(bytes, to: target, &common)
    downstream.conclude(id.slot, target, &common)
  }

  // MARK: - Servers that may not be released yet

  /// The servers that a reply being made may name: until then their connections are kept. O(requests in flight).
  var serversNamed: Set<Ref<Server>> {
    var named: Set<Ref<Server>> = []
    for f in fanOuts.slots
    where fanOuts.isTaken(f) && (fanOuts[f].exchange != Ref<Exchange>.none || fanOuts[f].hasDeferred) {
      named.insert(fanOuts[f].failedServer)
      if fanOuts[f].kind != .multiGet {
        for i in 0..<fanOuts[f].pieces.count { named.insert(fanOuts[f].pieces[i].server) }
      }
    }
    return named
  }

  /// These servers, and those that a large value is on its way to or from: until then the slot must not be given to
  /// another server. Their retired connections may be closed meanwhile. O(requests in flight).
  var serversInUse: Set<Ref<Server>> {
    var inUse = serversNamed
    for i in streams.slots where streams.isTaken(i) { inUse.insert(streams[i].server) }
    return inUse
  }
}
