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

  /// Has a download begin once the current event is handled: until then a connection's requests may be elsewhere, and
  /// its promises not in its queue yet (`isPromisedAway`).
  mutating func begin(download i: Ref<Stream>, for c: Ref<Client>) {
    clients[c].stream = i
    downloadsDue.append(streams.id(of: i))
  }

  /// Begins the downloads whose turn has come.
  mutating func beginDownloads() {
    while let id = downloadsDue.popFirst() {
      if streams.isCurrent(id) { advance(id.slot, now: clock) }
    }
  }

  /// Sends the next pieces of the reply, as far as the client reads them.
  mutating func advance(_ i: Ref<Stream>, now: Instant) {
    let f = streams[i].fanOut
    guard f != Ref<FanOut>.none else { return ask(i, now: now) }
    let c = streams[i].client.slot
    markDirty(client: c)
    while streams[i].piece < fanOuts[f].pieces.count {
      guard clients[c].output.count <= ahead else {
        streams[i].isHeldUp = true
        return
      }
      let piece = fanOuts[f].pieces[streams[i].piece]
      if piece.isDeferred {
        fanOuts[f].writeLine(for: piece, to: &streams[i], &buffers)
        return ask(i, now: now)
      }
      if piece.length > 0 {
        fanOuts[f].append(piece, to: &clients[c].output, &buffers)
      }
      streams[i].piece += 1
    }
    appendEnd(f, to: .output(c))
    finishDownload(i, isClean: true)
  }

  /// Requests the value on a private connection, or waits for a free stream.
  private mutating func ask(_ i: Ref<Stream>, now: Instant) {
    let leg = streams[i].leg
    let key = Word(start: Int(leg.keyStart), length: Int(leg.keyLength))
    let isEncoded = leg.verb.isMeta && leg.meta.contains(.base64)
    guard let destination = destination(for: streams[i].line.readable, key, isEncoded: isEncoded) else {
      // Its route was removed by a reload: the key is a miss.
      guard streams[i].fanOut == Ref<FanOut>.none else {
        counters.add(.readsAsMisses)
        streams[i].piece += 1
        return advance(i, now: now)
      }
      return failedDownload(i, .unreachable, now: now)
    }
    streams[i].server = destination.server
    streams[i].leg.pool = destination.pool
    // A private connection might still see the value of a key whose deletion is pending.
    if isPromisedAway(i, at: destination.server) { return failedDownload(i, .timedOut, now: now) }
    if let failure = admit(connection(to: destination.server, for: streams[i].client.slot), now: now) {
      return failedDownload(i, failure, now: now)
    }
    if streams[i].connection == Ref<ServerConnection>.none {
      guard streamsAtWork < limits.streams else {
        streamWaits.append(StreamWait(client: streams[i].client, stream: streams.id(of: i), since: now))
        return
      }
    }
    let l = takePrivateConnection(for: i, to: destination.server, now: now)
    let line = exchange(&streams[i].line, with: Buffer())
    var asked = streams[i].leg
    asked.since = now
    connections[l].queue.enqueue(asked, copiedFrom: line, at: 0, &buffers)
    streams[i].line = line
    streams[i].stage = .head
    streams[i].hasBegun = false
    counters.add(.requestsForwarded)
    markDirty(connection: l)
  }

  // MARK: - On the private connection

  /// Handles the bytes of a download's reply; returns the bytes consumed.
  mutating func digestDownload(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    var p = 0
    while p < bytes.byteCount {
      let i = connections[l].stream
      guard i != Ref<Stream>.none, connections[l].queue.sent > 0 else {
        counters.add(bytes.byteCount &- p, to: .unsolicitedBytes)
        violation(l, .unsolicited, bytes, p)
        return bytes.byteCount
      }
      switch streams[i].stage {
      case .waiting, .head:
        guard let n = digestHead(i, l, bytes, p, now: now) else { return bytes.byteCount }
        if n == 0 { return p }
        p &+= n
      case .value:
        let n = min(streams[i].left, bytes.byteCount &- p)
        give(i, bytes, p, n)
        streams[i].left &-= n
        streams[i].move(n, now: now)
        p &+= n
        if streams[i].left == 0 { streams[i].stage = .tail }
      case .tail:
        let tail: StaticString = streams[i].leg.verb.isMeta ? "\r\n" : "\r\nEND\r\n"
        guard bytes.byteCount &- p >= tail.utf8CodeUnitCount else { return p }
        guard bytes.hasText(tail, at: p) else {
          violation(l, .badLength, bytes, p)
          return bytes.byteCount
        }
        // A multi-get has one `END` for all its values.
        give(i, bytes, p, streams[i].fanOut == Ref<FanOut>.none ? tail.utf8CodeUnitCount : 2)
        p &+= tail.utf8CodeUnitCount
        finishValue(i, l, isLast: p == bytes.byteCount, now: now)
      }
    }
    return p
  }

  private mutating func give(_ i: Ref<Stream>, _ bytes: RawSpan, _ p: Int, _ n: Int) {
    let c = streams[i].client.slot
    clients[c].output.append(bytes, from: p, count: n, &buffers)
    streams[i].hasBegun = true
    markDirty(client: c)
    if clients[c].output.count > ahead && !streams[i].isHeldUp {
      streams[i].isHeldUp = true
      streams[i].movedAt = clock
      effects.append(.pauseConnection(streams[i].connection))
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
    let leg = connections[l].queue.legs[0]
    guard connections[l].queue.sent >= Int(leg.length) else {
      violation(l, .unsolicited, bytes, p)
      return nil
    }
    if leg.verb.isMeta { return digestMetaHead(i, l, line, isLast: isLast, now: now) }
    switch connections[l].queue.parse(line, at: 0, maxValue: limits.maxValue) {
    case .opening(let header, let value):
      give(i, line, 0, header)
      expectValue(i, value, now: now)
    case .reply(let length, let outcome):
      if streams[i].fanOut == Ref<FanOut>.none {
        give(i, line, 0, length)
      } else if outcome == .error {
        noteFailure(streams[i].fanOut, at: streams[i].server, in: leg.pool, .protocolError, keys: 1)
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
      line, at: 0, to: connections[l].queue.legs[0].metaLine, asked: connections[l].queue.bytes.readable,
      era: connections[l].meta, maxValue: limits.maxValue)
    switch answer {
    case .opening(let reply, let header, let value):
      giveLine(i, l, reply, line, to: header)
      streams[i].hasBegun = true
      expectValue(i, value, now: now)
    case .reply(let reply):
      let isSilent = streams[i].leg.meta.contains(.quiet) && reply.status.isSilent(streams[i].leg.verb)
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
    var request = connections[l].queue.copyFront(&buffers)
    appendReply(
      streams[i].leg, reply, line, 0, to: end, request, .output(streams[i].client.slot))
    request.release(to: &buffers)
    markDirty(client: streams[i].client.slot)
  }

  private mutating func expectValue(_ i: Ref<Stream>, _ value: Int, now: Instant) {
    noteSize(value, at: streams[i].server)
    if streams[i].fanOut != Ref<FanOut>.none {
      let c = streams[i].client.slot
      clients[c].valueSize = UInt32(clamping: (Int(clients[c].valueSize) &+ max(1, value)) / 2)
    }
    streams[i].left = value
    streams[i].stage = value > 0 ? .value : .tail
    streams[i].movedAt = now
    streams[i].moved = 0
  }

  /// Ends a value that was sent as a whole: the stream ends, or continues with its next piece.
  private mutating func finishValue(_ i: Ref<Stream>, _ l: Ref<ServerConnection>, isLast: Bool, now: Instant)
  {
    connections[l].queue.dropAll()
    guard streams[i].fanOut != Ref<FanOut>.none else { return finishDownload(i, isClean: isLast) }
    leaveConnection(i, isClean: isLast)
    streams[i].stage = .waiting
    streams[i].piece += 1
    advance(i, now: now)
  }

  /// Ends a download whose reply is complete.
  private mutating func finishDownload(_ i: Ref<Stream>, isClean: Bool) {
    let c = streams[i].client.slot
    let x = streams[i].exchange
    clients[c].stream = Ref<Stream>.none
    exchanges[x].stream = Ref<Stream>.none
    unhold(c)
    end(stream: i, isClean: isClean)
    conclude(x, .output(c))
  }

  /// Ends a download whose value can no longer be received.
  mutating func failedDownload(_ i: Ref<Stream>, _ failure: ServerFailure, now: Instant) {
    // Close a client that was sent a partial value: it would take whatever followed for the rest of the value.
    guard !streams[i].hasBegun else {
      counters.add(.valuesCutShort)
      return close(client: streams[i].client.slot)
    }
    if streams[i].fanOut != Ref<FanOut>.none {
      noteFailure(streams[i].fanOut, at: streams[i].server, in: streams[i].leg.pool, failure, keys: 1)
      streams[i].piece += 1
      return advance(i, now: now)
    }
    let c = streams[i].client.slot
    var leg = streams[i].leg
    leg.exchange = streams[i].exchange
    let line = exchange(&streams[i].line, with: Buffer())
    let s = streams[i].server
    clients[c].stream = Ref<Stream>.none
    exchanges[leg.exchange].stream = Ref<Stream>.none
    unhold(c)
    end(stream: i, isClean: false)
    fail(leg, at: s, failure, line, 0)
    var gone = line
    gone.release(to: &buffers)
  }

  /// The client has read some of its output.
  mutating func clientTook(_ c: Ref<Client>, now: Instant) {
    let i = clients[c].stream
    guard streams[i].course == .download, streams[i].isHeldUp, clients[c].output.count <= ahead / 2
    else { return }
    streams[i].isHeldUp = false
    streams[i].movedAt = now
    if streams[i].connection != Ref<ServerConnection>.none {
      effects.append(.resumeConnection(streams[i].connection))
    } else {
      advance(i, now: now)
    }
  }
}
