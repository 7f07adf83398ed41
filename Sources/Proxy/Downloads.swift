import Bytes
import Stats
import Topology
import Wire

// Downloads of large values: requested on a private connection when it is the reply's turn.
//
//     shared connection    VALUE k 0 67108864 …            discarded
//     private connection   get k ─▶ VALUE k 0 67108864 …   when it is the reply's turn

extension Worker {
  // MARK: - Its turn

  /// Begins the downloads whose turn has come.
  mutating func beginDownloads() {
    while let due = downstream.downloadsDue.popFirst() {
      guard downstream.clients.isCurrent(due.client),
        downstream.clients[due.client.slot].large.stream == due.stream,
        !transfers.streams[due.stream].hasStarted
      else { continue }
      transfers.streams[due.stream].hasStarted = true
      advance(due.stream, now: common.clock)
    }
  }

  /// Sends the next pieces of the reply, as far as the client reads them.
  mutating func advance(_ i: Ref<Stream>, now: Instant) {
    let f = transfers.streams[i].fanOut
    guard f != Ref<FanOut>.none else { return ask(i, now: now) }
    let c = transfers.streams[i].client.slot
    downstream.markDirty(client: c)
    while transfers.streams[i].piece < fanOuts[f].pieces.count {
      guard downstream.clients[c].output.count <= common.ahead else {
        transfers.streams[i].isHeldUp = true
        return
      }
      let piece = fanOuts[f].pieces[transfers.streams[i].piece]
      if piece.isDeferred {
        fanOuts[f].writeLine(for: piece, to: &transfers.streams[i], &common.buffers)
        return ask(i, now: now)
      }
      if piece.length > 0 {
        fanOuts[f].append(piece, to: &downstream.clients[c].output, &common.buffers)
      }
      transfers.streams[i].piece += 1
    }
    appendEnd(f, to: .output(c))
    finishDownload(i, isClean: true)
  }

  /// Requests the value on a private connection, or waits for a free stream.
  private mutating func ask(_ i: Ref<Stream>, now: Instant) {
    let leg = transfers.streams[i].leg
    let key = Word(start: Int(leg.keyStart), length: Int(leg.keyLength))
    let isEncoded = leg.verb.isMeta && leg.meta.contains(.base64)
    guard let destination = destination(for: transfers.streams[i].line.readable, key, isEncoded: isEncoded)
    else {
      // Its route was removed by a reload: the key is a miss.
      guard transfers.streams[i].fanOut == Ref<FanOut>.none else {
        common.counters.add(.readsAsMisses)
        transfers.streams[i].piece += 1
        return advance(i, now: now)
      }
      return failedDownload(i, .unreachable, now: now)
    }
    transfers.streams[i].server = destination.server
    transfers.streams[i].leg.pool = destination.pool
    // A private connection might still see the value of a key whose deletion is pending.
    if isPromisedAway(i, at: destination.server) { return failedDownload(i, .timedOut, now: now) }
    if let failure = admit(
      connection(to: destination.server, for: transfers.streams[i].client.slot), now: now)
    {
      return failedDownload(i, failure, now: now)
    }
    if transfers.streams[i].connection == Ref<ServerConnection>.none {
      guard transfers.streamsAtWork < common.limits.streams else {
        transfers.streamWaits.append(
          StreamWait(client: transfers.streams[i].client, stream: transfers.streams.id(of: i), since: now))
        return
      }
    }
    let l = takePrivateConnection(for: i, to: destination.server, now: now)
    let line = exchange(&transfers.streams[i].line, with: Buffer())
    var asked = transfers.streams[i].leg
    asked.since = now
    upstream.connections[l].queue.enqueue(asked, copiedFrom: line, at: 0, &common.buffers)
    transfers.streams[i].line = line
    transfers.streams[i].stage = .head
    transfers.streams[i].hasBegun = false
    common.counters.add(.requestsForwarded)
    markDirty(connection: l)
  }

  // MARK: - On the private connection

  /// Handles the bytes of a download's reply; returns the bytes consumed.
  mutating func digestDownload(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    var p = 0
    while p < bytes.byteCount {
      let i = upstream.connections[l].stream
      guard i != Ref<Stream>.none, upstream.connections[l].queue.sent > 0 else {
        common.counters.add(bytes.byteCount &- p, to: .unsolicitedBytes)
        violation(l, .unsolicited, bytes, p)
        return bytes.byteCount
      }
      switch transfers.streams[i].stage {
      case .waiting, .head:
        guard let n = digestHead(i, l, bytes, p, now: now) else { return bytes.byteCount }
        if n == 0 { return p }
        p &+= n
      case .value:
        let n = min(transfers.streams[i].progress.left, bytes.byteCount &- p)
        give(i, bytes, p, n)
        transfers.streams[i].progress.left &-= n
        transfers.streams[i].move(n, now: now)
        p &+= n
        if transfers.streams[i].progress.left == 0 { transfers.streams[i].stage = .tail }
      case .tail:
        let tail: StaticString = transfers.streams[i].leg.verb.isMeta ? "\r\n" : "\r\nEND\r\n"
        guard bytes.byteCount &- p >= tail.utf8CodeUnitCount else { return p }
        guard bytes.hasText(tail, at: p) else {
          violation(l, .badLength, bytes, p)
          return bytes.byteCount
        }
        // A multi-get has one `END` for all its values.
        give(i, bytes, p, transfers.streams[i].fanOut == Ref<FanOut>.none ? tail.utf8CodeUnitCount : 2)
        p &+= tail.utf8CodeUnitCount
        finishValue(i, l, isLast: p == bytes.byteCount, now: now)
      }
    }
    return p
  }

  private mutating func give(_ i: Ref<Stream>, _ bytes: RawSpan, _ p: Int, _ n: Int) {
    let c = transfers.streams[i].client.slot
    downstream.clients[c].output.append(bytes, from: p, count: n, &common.buffers)
    transfers.streams[i].hasBegun = true
    downstream.markDirty(client: c)
    if downstream.clients[c].output.count > common.ahead && !transfers.streams[i].isHeldUp {
      transfers.streams[i].isHeldUp = true
      transfers.streams[i].progress.movedAt = common.clock
      common.effects.append(.pauseConnection(transfers.streams[i].connection))
    }
  }

  /// Handles the first line of the reply; returns its bytes, 0 when it is incomplete, nil when the connection was
  /// closed or no longer belongs to this stream.
  private mutating func digestHead(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, _ bytes: RawSpan, _ p: Int, now: Instant
  ) -> Int? {
    guard let newline = bytes.firstNewline(from: p) else {
      guard bytes.byteCount &- p >= ReplyParser.longestLine else { return 0 }
      violation(l, .lineTooLong, bytes, p)
      return nil
    }
    // Parses the line alone: the same whether the value has arrived or not.
    let line = bytes.extracting(p..<newline &+ 1)
    let isLast = newline &+ 1 == bytes.byteCount
    let leg = upstream.connections[l].queue.legs[0]
    guard upstream.connections[l].queue.sent >= Int(leg.length) else {
      violation(l, .unsolicited, bytes, p)
      return nil
    }
    if leg.verb.isMeta { return digestMetaHead(i, l, line, isLast: isLast, now: now) }
    switch upstream.connections[l].queue.parse(line, at: 0, maxValue: common.limits.maxValue) {
    case .opening(let header, let value):
      give(i, line, 0, header)
      expectValue(i, value, now: now)
    case .reply(let length, let outcome):
      if transfers.streams[i].fanOut == Ref<FanOut>.none {
        give(i, line, 0, length)
      } else if outcome == .error {
        noteFailure(
          transfers.streams[i].fanOut, at: transfers.streams[i].server, in: leg.pool, .protocolError, keys: 1)
      }
      finishValue(i, l, isLast: isLast, now: now)
    case .partial:
      violation(l, .wrongType, bytes, p)
      return nil
    case .broken(let why):
      violation(l, why, bytes, p)
      return nil
    }
    return line.byteCount
  }

  private mutating func digestMetaHead(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, _ line: RawSpan, isLast: Bool, now: Instant
  ) -> Int? {
    let answer = ReplyParser.meta(
      line, at: 0, to: upstream.connections[l].queue.legs[0].metaLine,
      asked: upstream.connections[l].queue.bytes.readable,
      era: upstream.connections[l].handshake.meta, maxValue: common.limits.maxValue)
    switch answer {
    case .opening(let reply, let header, let value):
      giveLine(i, l, reply, line, to: header)
      transfers.streams[i].hasBegun = true
      expectValue(i, value, now: now)
    case .reply(let reply):
      let isSilent =
        transfers.streams[i].leg.meta.contains(.quiet) && reply.status.isSilent(transfers.streams[i].leg.verb)
      if !isSilent { giveLine(i, l, reply, line, to: reply.length) }
      finishValue(i, l, isLast: isLast, now: now)
    case .partial:
      violation(l, .wrongType, line, 0)
      return nil
    case .broken(let why):
      violation(l, why, line, 0)
      return nil
    }
    return line.byteCount
  }

  private mutating func giveLine(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, _ reply: MetaReply, _ line: RawSpan, to end: Int
  ) {
    var request = upstream.connections[l].queue.copyFront(&common.buffers)
    appendReply(
      transfers.streams[i].leg, reply, line, 0, to: end, request, .output(transfers.streams[i].client.slot))
    request.release(to: &common.buffers)
    downstream.markDirty(client: transfers.streams[i].client.slot)
  }

  private mutating func expectValue(_ i: Ref<Stream>, _ value: Int, now: Instant) {
    noteSize(value, at: transfers.streams[i].server)
    if transfers.streams[i].fanOut != Ref<FanOut>.none {
      let c = transfers.streams[i].client.slot
      downstream.clients[c].large.valueSize = UInt32(
        clamping: (Int(downstream.clients[c].large.valueSize) &+ max(1, value)) / 2)
    }
    transfers.streams[i].progress.left = value
    transfers.streams[i].stage = value > 0 ? .value : .tail
    transfers.streams[i].progress.movedAt = now
    transfers.streams[i].progress.moved = 0
  }

  /// Ends a value that was sent as a whole: the stream ends, or continues with its next piece.
  private mutating func finishValue(_ i: Ref<Stream>, _ l: Ref<ServerConnection>, isLast: Bool, now: Instant)
  {
    upstream.connections[l].queue.dropAll()
    guard transfers.streams[i].fanOut != Ref<FanOut>.none else { return finishDownload(i, isClean: isLast) }
    leaveConnection(i, isClean: isLast)
    transfers.streams[i].stage = .waiting
    transfers.streams[i].piece += 1
    advance(i, now: now)
  }

  /// Ends a download whose reply is complete.
  private mutating func finishDownload(_ i: Ref<Stream>, isClean: Bool) {
    let c = transfers.streams[i].client.slot
    let x = transfers.streams[i].exchange
    downstream.clients[c].large.stream = Ref<Stream>.none
    downstream.exchanges[x].stream = Ref<Stream>.none
    downstream.unhold(c)
    end(stream: i, isClean: isClean)
    downstream.conclude(x, .output(c), &common)
  }

  /// Ends a download whose value can no longer be received.
  mutating func failedDownload(_ i: Ref<Stream>, _ failure: ServerFailure, now: Instant) {
    // Close a client that was sent a partial value: it would take whatever followed for the rest of the value.
    guard !transfers.streams[i].hasBegun else {
      common.counters.add(.valuesCutShort)
      return downstream.close(client: transfers.streams[i].client.slot, &common)
    }
    if transfers.streams[i].fanOut != Ref<FanOut>.none {
      noteFailure(
        transfers.streams[i].fanOut, at: transfers.streams[i].server, in: transfers.streams[i].leg.pool,
        failure, keys: 1)
      transfers.streams[i].piece += 1
      return advance(i, now: now)
    }
    let c = transfers.streams[i].client.slot
    var leg = transfers.streams[i].leg
    leg.exchange = transfers.streams[i].exchange
    let line = exchange(&transfers.streams[i].line, with: Buffer())
    let s = transfers.streams[i].server
    downstream.clients[c].large.stream = Ref<Stream>.none
    downstream.exchanges[leg.exchange].stream = Ref<Stream>.none
    downstream.unhold(c)
    end(stream: i, isClean: false)
    fail(leg, at: s, failure, line, 0)
    var gone = line
    gone.release(to: &common.buffers)
  }

  /// The client has read some of its output.
  mutating func clientTook(_ c: Ref<Client>, now: Instant) {
    let i = downstream.clients[c].large.stream
    guard transfers.streams[i].course == .download, transfers.streams[i].isHeldUp,
      downstream.clients[c].output.count <= common.ahead / 2
    else { return }
    transfers.streams[i].isHeldUp = false
    transfers.streams[i].progress.movedAt = now
    if transfers.streams[i].connection != Ref<ServerConnection>.none {
      common.effects.append(.resumeConnection(transfers.streams[i].connection))
    } else {
      advance(i, now: now)
    }
  }
}
