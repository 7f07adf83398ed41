import Bytes
import Stats
import Topology
import Wire

// Downloads of large values: requested on a private connection when it is the reply's turn.
//
//     shared connection    VALUE k 0 67108864 …            discarded
//     private connection   get k ─▶ VALUE k 0 67108864 …   when it is the reply's turn

extension Transfers {
  // MARK: - Its turn

  /// Begins the downloads whose turn has come.
  mutating func beginDownloads(_ d: inout Dispatcher) {
    while let due = d.downstream.downloadsDue.popFirst() {
      guard d.downstream.clients.isCurrent(due.client),
        d.downstream.clients[due.client.slot].large.stream == due.stream,
        !d.streams[due.stream].hasStarted
      else { continue }
      d.streams[due.stream].hasStarted = true
      advance(due.stream, now: d.common.clock, &d)
    }
  }

  /// Sends the next pieces of the reply, as far as the client reads them.
  mutating func advance(_ i: Ref<Stream>, now: Instant, _ d: inout Dispatcher) {
    let f = d.streams[i].fanOut
    guard f != Ref<FanOut>.none else { return ask(i, now: now, &d) }
    if d.fanOuts[f].kind == .keyDump { return advance(dump: i, now: now, &d) }
    let c = d.streams[i].client.slot
    d.downstream.markDirty(client: c)
    while d.streams[i].piece < d.fanOuts[f].pieces.count {
      guard d.downstream.clients[c].output.count <= d.common.ahead else {
        d.streams[i].isHeldUp = true
        return
      }
      let piece = d.fanOuts[f].pieces[d.streams[i].piece]
      if piece.isDeferred {
        d.fanOuts[f].writeLine(for: piece, to: &d.streams[i], &d.common.buffers)
        return ask(i, now: now, &d)
      }
      if piece.length > 0 {
        d.fanOuts[f].append(piece, to: &d.downstream.clients[c].output, &d.common.buffers)
      }
      d.streams[i].piece += 1
    }
    d.appendEnd(f, to: .output(c))
    finishDownload(i, isClean: true, &d)
  }

  /// Requests the value on a private connection, or waits for a free stream.
  mutating func ask(_ i: Ref<Stream>, now: Instant, _ d: inout Dispatcher) {
    let destination: Destination
    switch d.streams[i].route(&d.router, target(of: i, d)).way {
    case .single(let place): destination = d.upstream.destinations[place]
    case .none, .through:
      // Its route was removed by a reload: the key is a miss.
      guard d.streams[i].fanOut == Ref<FanOut>.none else {
        d.common.counters.add(.readsAsMisses)
        d.streams[i].piece += 1
        return advance(i, now: now, &d)
      }
      return failedDownload(i, .unreachable, now: now, &d)
    }
    d.streams[i].server = destination.server
    d.streams[i].leg.pool = destination.pool
    // A private connection might still see the value of a key whose deletion is pending.
    if d.streams[i].isPromisedAway(d.upstream) { return failedDownload(i, .timedOut, now: now, &d) }
    if let failure = d.upstream.admit(
      d.upstream.connection(to: destination.server, lane: d.streams[i].client.slot.index), now: now, &d.common
    ) {
      return failedDownload(i, failure, now: now, &d)
    }
    if d.streams[i].connection == Ref<ServerConnection>.none {
      guard streamsAtWork < d.common.limits.streams else {
        streamWaits.append(StreamWait(client: d.streams[i].client, stream: d.streams.id(of: i), since: now))
        return
      }
    }
    let l = takeConnection(for: i, to: destination.server, now: now, &d)
    d.streams[i].enqueue(on: &d.upstream.connections[l].queue, since: now, &d.common.buffers)
    d.streams[i].stage = .head
    d.streams[i].hasBegun = false
    d.upstream.queued(on: l, &d.common)
  }

  /// Where the key of a download is: in the pool that has shown its value, or that its client's listener names.
  private func target(of i: Ref<Stream>, _ d: borrowing Dispatcher) -> Target {
    if d.streams[i].leg.isAimed { return Target(d.streams[i].leg.pool) }
    let f = d.streams[i].fanOut
    if f != Ref<FanOut>.none, d.fanOuts[f].pieces[d.streams[i].piece].isAimed {
      return Target(d.fanOuts[f].pieces[d.streams[i].piece].pool)
    }
    return d.downstream.clients[d.streams[i].client.slot].target
  }

  // MARK: - On the private connection

  /// Handles the bytes of a download's reply; returns the bytes consumed.
  mutating func digestDownload(
    _ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant, _ d: inout Dispatcher
  ) -> Int {
    var p = 0
    while p < bytes.byteCount {
      let i = d.upstream.connections[l].stream
      guard i != Ref<Stream>.none, d.upstream.connections[l].queue.sent > 0 else {
        d.common.counters.add(bytes.byteCount &- p, to: .unsolicitedBytes)
        violation(l, .unsolicited, bytes, p, &d)
        return bytes.byteCount
      }
      if d.streams[i].leg.verb == .keyDump { return digestDump(i, l, bytes, now: now, &d) }
      switch d.streams[i].stage {
      case .waiting, .head:
        guard let n = digestHead(i, l, bytes, p, now: now, &d) else { return bytes.byteCount }
        if n == 0 { return p }
        p &+= n
      case .value:
        let n = min(d.streams[i].progress.left, bytes.byteCount &- p)
        give(i, bytes, p, n, &d)
        d.streams[i].progress.left &-= n
        d.streams[i].move(n, now: now)
        p &+= n
        if d.streams[i].progress.left == 0 { d.streams[i].stage = .tail }
      case .tail:
        let tail: StaticString = d.streams[i].leg.verb.isMeta ? "\r\n" : "\r\nEND\r\n"
        guard bytes.byteCount &- p >= tail.utf8CodeUnitCount else { return p }
        guard bytes.hasText(tail, at: p) else {
          violation(l, .badLength, bytes, p, &d)
          return bytes.byteCount
        }
        // A multi-get has one `END` for all its values.
        give(i, bytes, p, d.streams[i].fanOut == Ref<FanOut>.none ? tail.utf8CodeUnitCount : 2, &d)
        p &+= tail.utf8CodeUnitCount
        finishValue(i, l, isLast: p == bytes.byteCount, now: now, &d)
      }
    }
    return p
  }

  mutating func give(_ i: Ref<Stream>, _ bytes: RawSpan, _ p: Int, _ n: Int, _ d: inout Dispatcher) {
    let c = d.streams[i].client.slot
    d.downstream.clients[c].output.append(bytes, from: p, count: n, &d.common.buffers)
    d.streams[i].hasBegun = true
    d.downstream.markDirty(client: c)
    if d.downstream.clients[c].output.count > d.common.ahead && !d.streams[i].isHeldUp {
      d.streams[i].isHeldUp = true
      d.streams[i].progress.movedAt = d.common.clock
      d.common.effects.append(.pauseConnection(d.streams[i].connection))
    }
  }

  /// Handles the first line of the reply; returns its bytes, 0 when it is incomplete, nil when the connection was
  /// closed or no longer belongs to this stream.
  mutating func digestHead(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, _ bytes: RawSpan, _ p: Int, now: Instant,
    _ d: inout Dispatcher
  ) -> Int? {
    guard let newline = bytes.firstNewline(from: p) else {
      guard bytes.byteCount &- p >= ReplyParser.longestLine else { return 0 }
      violation(l, .lineTooLong, bytes, p, &d)
      return nil
    }
    // Parses the line alone: the same whether the value has arrived or not.
    let line = bytes.extracting(p..<newline &+ 1)
    let isLast = newline &+ 1 == bytes.byteCount
    let leg = d.upstream.connections[l].queue.legs[0]
    guard d.upstream.connections[l].queue.sent >= Int(leg.length) else {
      violation(l, .unsolicited, bytes, p, &d)
      return nil
    }
    if leg.verb.isMeta { return digestMetaHead(i, l, line, isLast: isLast, now: now, &d) }
    switch d.upstream.connections[l].queue.parse(line, at: 0, maxValue: d.common.limits.maxValue) {
    case .opening(let header, let value):
      count(i, leg, .hit, on: l, length: header &+ value, &d)
      give(i, line, 0, header, &d)
      expectValue(i, value, now: now, &d)
    case .reply(let length, let outcome):
      count(i, leg, RequestResult(outcome, line), on: l, length: length, &d)
      if d.streams[i].fanOut == Ref<FanOut>.none {
        give(i, line, 0, length, &d)
      } else if outcome == .error {
        d.noteRefusal(d.streams[i].fanOut, at: d.streams[i].server, in: leg.pool, keys: 1)
      }
      finishValue(i, l, isLast: isLast, now: now, &d)
    case .partial:
      violation(l, .wrongType, bytes, p, &d)
      return nil
    case .broken(let why):
      violation(l, why, bytes, p, &d)
      return nil
    }
    return line.byteCount
  }

  /// Counts what the first line of a reply says. An error for a key of a multi-get is counted with the failed keys.
  private func count(
    _ i: Ref<Stream>, _ leg: Leg, _ result: RequestResult, on l: Ref<ServerConnection>, length: Int,
    _ d: inout Dispatcher
  ) {
    guard d.streams[i].fanOut != Ref<FanOut>.none else {
      return d.countStreamed(leg, since: d.streams[i].leg.since, result, on: l, length: length)
    }
    if result != .serverError { d.countPart(leg, result, on: l, length: length) }
  }

  mutating func digestMetaHead(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, _ line: RawSpan, isLast: Bool, now: Instant,
    _ d: inout Dispatcher
  ) -> Int? {
    let leg = d.upstream.connections[l].queue.legs[0]
    let answer = ReplyParser.meta(
      line, at: 0, to: d.upstream.connections[l].queue.legs[0].metaLine,
      asked: d.upstream.connections[l].queue.bytes.readable,
      era: d.upstream.connections[l].handshake.meta, maxValue: d.common.limits.maxValue)
    switch answer {
    case .opening(let reply, let header, let value):
      count(i, leg, RequestResult(leg.verb, reply), on: l, length: header &+ value, &d)
      giveLine(i, l, reply, line, to: header, &d)
      d.streams[i].hasBegun = true
      expectValue(i, value, now: now, &d)
    case .reply(let reply):
      count(i, leg, RequestResult(leg.verb, reply), on: l, length: reply.length, &d)
      let isSilent = d.streams[i].leg.meta.contains(.quiet) && reply.status.isSilent(d.streams[i].leg.verb)
      if !isSilent { giveLine(i, l, reply, line, to: reply.length, &d) }
      finishValue(i, l, isLast: isLast, now: now, &d)
    case .partial:
      violation(l, .wrongType, line, 0, &d)
      return nil
    case .broken(let why):
      violation(l, why, line, 0, &d)
      return nil
    }
    return line.byteCount
  }

  mutating func giveLine(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, _ reply: MetaReply, _ line: RawSpan, to end: Int,
    _ d: inout Dispatcher
  ) {
    var request = d.upstream.connections[l].queue.copyFront(&d.common.buffers)
    d.downstream.appendReply(
      d.streams[i].leg, reply, line, 0, to: end, request, .output(d.streams[i].client.slot), &d.common)
    request.release(to: &d.common.buffers)
    d.downstream.markDirty(client: d.streams[i].client.slot)
  }

  mutating func expectValue(_ i: Ref<Stream>, _ value: Int, now: Instant, _ d: inout Dispatcher) {
    d.upstream.noteSize(value, at: d.streams[i].server, &d.common)
    if d.streams[i].fanOut != Ref<FanOut>.none {
      let c = d.streams[i].client.slot
      d.downstream.clients[c].large.valueSize = UInt32(
        clamping: (Int(d.downstream.clients[c].large.valueSize) &+ max(1, value)) / 2)
    }
    d.streams[i].progress.left = value
    d.streams[i].stage = value > 0 ? .value : .tail
    d.streams[i].progress.movedAt = now
    d.streams[i].progress.moved = 0
  }

  /// Ends a value that was sent as a whole: the stream ends, or continues with its next piece.
  mutating func finishValue(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, isLast: Bool, now: Instant, _ d: inout Dispatcher
  ) {
    d.upstream.connections[l].queue.dropAll()
    guard d.streams[i].fanOut != Ref<FanOut>.none else { return finishDownload(i, isClean: isLast, &d) }
    leaveConnection(i, isClean: isLast, &d)
    d.streams[i].stage = .waiting
    d.streams[i].piece += 1
    advance(i, now: now, &d)
  }

  /// Ends a download whose reply is complete.
  mutating func finishDownload(_ i: Ref<Stream>, isClean: Bool, _ d: inout Dispatcher) {
    let c = d.streams[i].client.slot
    let (x, f) = (d.streams[i].exchange, d.streams[i].fanOut)
    if f != Ref<FanOut>.none, d.fanOuts[f].kind == .multiGet {
      d.recordLatency(of: d.fanOuts[f].count)
    }
    d.downstream.clients[c].large.stream = Ref<Stream>.none
    d.downstream.exchanges[x].stream = Ref<Stream>.none
    d.downstream.unhold(c)
    end(stream: i, isClean: isClean, &d)
    d.downstream.conclude(x, .output(c), &d.common)
  }

  /// Ends a download whose value can no longer be received.
  mutating func failedDownload(
    _ i: Ref<Stream>, _ failure: ServerFailure, now: Instant, _ d: inout Dispatcher
  ) {
    if d.streams[i].leg.verb == .keyDump { return failedDump(i, failure.words, &d) }
    // Close a client that was sent a partial value: it would take whatever followed for the rest of the value.
    guard !d.streams[i].hasBegun else {
      d.common.counters.add(.valuesCutShort)
      return d.downstream.close(client: d.streams[i].client.slot, &d.common)
    }
    if d.streams[i].fanOut != Ref<FanOut>.none {
      d.noteFailure(d.streams[i].fanOut, at: d.streams[i].server, in: d.streams[i].leg.pool, failure, keys: 1)
      d.streams[i].piece += 1
      return advance(i, now: now, &d)
    }
    let c = d.streams[i].client.slot
    var leg = d.streams[i].leg
    leg.exchange = d.streams[i].exchange
    var line = d.streams[i].takeLine()
    let s = d.streams[i].server
    d.downstream.clients[c].large.stream = Ref<Stream>.none
    d.downstream.exchanges[leg.exchange].stream = Ref<Stream>.none
    d.downstream.unhold(c)
    end(stream: i, isClean: false, &d)
    d.fail(leg, at: s, failure, line.readable)
    line.release(to: &d.common.buffers)
  }

  /// The client has read some of its output.
  mutating func clientTook(_ c: Ref<Client>, now: Instant, _ d: inout Dispatcher) {
    let i = d.downstream.clients[c].large.stream
    guard d.streams[i].course == .download, d.streams[i].isHeldUp,
      d.downstream.clients[c].output.count <= d.common.ahead / 2
    else { return }
    d.streams[i].isHeldUp = false
    d.streams[i].progress.movedAt = now
    if d.streams[i].connection != Ref<ServerConnection>.none {
      d.common.effects.append(.resumeConnection(d.streams[i].connection))
    } else {
      advance(i, now: now, &d)
    }
  }
}
