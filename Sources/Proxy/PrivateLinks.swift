import Bytes
import Stats
import Wire

// Connections to servers that carry one long value at a time.

extension Worker {
  /// Whether there may be one stream more.
  var hasFreeStream: Bool { streamsAtWork < limits.streams && streamWaits.isEmpty }

  /// A connection for a stream, ready or on its way.
  mutating func takeLink(for i: UInt32, to s: UInt32, now: Instant) -> UInt32 {
    streamsAtWork &+= 1
    // One that was idle for long may be dead; it is not asked, as a new one costs hardly more.
    while let old = servers[s].spares.first, now.since(links[old].since) >= limits.sparePatience {
      servers[s].spares.dropFirst()
      shut(old)
    }
    let l: UInt32
    if let spare = servers[s].spares.popFirst() {
      l = spare
    } else {
      l = links.take()
      links[l].server = s
      links[l].isPrivate = true
      connect(l, now: now)
    }
    links[l].stream = i
    streams[i].link = l
    streams[i].server = s
    streams[i].movedAt = now
    return l
  }

  /// The stream needs its connection no more. One that is at the end of a reply is kept for the next stream.
  mutating func leaveLink(_ i: UInt32, isClean: Bool) {
    let l = streams[i].link
    guard l != Slab<Link>.none else { return }
    streams[i].link = Slab<Link>.none
    streamsAtWork &-= 1
    let s = links[l].server
    links[l].stream = Slab<Stream>.none
    links[l].front = .plain
    if streams[i].isHeldUp {
      streams[i].isHeldUp = false
      orders.append(.resumeLink(l))
    }
    if isClean, links[l].state == .ready, links[l].asked.isEmpty, links[l].legs.isEmpty,
      links[l].input.isEmpty,
      servers[s].standing == .up, !servers[s].isRetired, servers[s].spares.count < limits.spares
    {
      links[l].sent = 0
      links[l].since = clock
      servers[s].spares.append(l)
    } else {
      shut(l)
    }
    admitWaiting()
  }

  /// Closes a private connection; its slot is given back when the edge has done so.
  mutating func shut(_ l: UInt32) {
    if links[l].state == .ready { counters.subtract(.serverConnections) }
    orders.append(.disconnect(link: l))
    links[l].state = .closed
    links[l].asked.release(to: &pool)
    links[l].input.release(to: &pool)
    links[l].legs.removeAll()
    links[l].sent = 0
    links[l].late = 0
    links[l].lateLength = 0
    retiring.append(l)
  }

  /// A private connection could not be made, or is gone.
  mutating func lostPrivate(_ l: UInt32, _ trouble: Trouble, now: Instant) {
    let s = links[l].server
    let i = links[l].stream
    counters.add(links[l].state == .ready ? .serverConnectionsLost : .serverConnectFailures)
    if i == Slab<Stream>.none {
      servers[s].spares.removeAll(l)
      shut(l)
    }
    if !servers[s].isRetired, trouble != .ejected, trouble != .shuttingDown {
      note(trouble, of: s, begun: links[l].state == .ready ? nil : links[l].since)
    }
    if i != Slab<Stream>.none { failed(stream: i, trouble, now: now) }
  }

  /// A stream's connection is of no use any more.
  private mutating func failed(stream i: UInt32, _ trouble: Trouble, now: Instant) {
    leaveLink(i, isClean: false)
    switch streams[i].course {
    case .upload: failedUpload(i, trouble)
    case .download: failedDownload(i, trouble, now: now)
    }
  }

  /// Those that have waited longest for a connection go on.
  mutating func admitWaiting() {
    while streamsAtWork < limits.streams, let wait = streamWaits.popFirst() {
      guard clients.isCurrent(wait.client) else { continue }
      let c = wait.client.index
      guard let id = wait.stream else {
        clients[c].isQueued = false
        clients[c].holdsStream = true
        streamsAtWork &+= 1
        considerResuming(c)
        continue
      }
      guard streams.isCurrent(id) else { continue }
      advance(id.index, now: clock)
    }
  }

  /// The stream that was kept for a client's upload is free again.
  mutating func releaseStream(of c: UInt32) {
    guard clients[c].holdsStream else { return }
    clients[c].holdsStream = false
    streamsAtWork &-= 1
    if streamsAtWork < limits.streams && !streamWaits.isEmpty { admitWaiting() }
  }

  /// The streams that a server's going out ends, and its idle private connections.
  mutating func endStreams(of s: UInt32, _ trouble: Trouble, now: Instant) {
    while let l = servers[s].spares.popFirst() { shut(l) }
    var i: UInt32 = 0
    while i < streams.end {
      if streams.isTaken(i), streams[i].server == s, streams[i].link != Slab<Link>.none {
        lost(streams[i].link, trouble, now: now)
      }
      i += 1
    }
  }

  func isStreaming(to s: UInt32) -> Bool {
    var i: UInt32 = 0
    while i < streams.end {
      if streams.isTaken(i), streams[i].server == s { return true }
      i += 1
    }
    return !servers[s].spares.isEmpty
  }

  /// The clocks of streams: whoever does not get on is ended.
  mutating func expireStreams(now: Instant) {
    while let wait = streamWaits.first, now.since(wait.since) >= limits.requestPatience {
      streamWaits.dropFirst()
      guard clients.isCurrent(wait.client) else { continue }
      counters.add(.queueFull)
      if let id = wait.stream {
        if streams.isCurrent(id) { failedDownload(id.index, .queueFull, now: now) }
      } else {
        close(client: wait.client.index)
      }
    }
    var i: UInt32 = 0
    while i < streams.end {
      if streams.isTaken(i), streams[i].link != Slab<Link>.none { expire(stream: i, now: now) }
      i += 1
    }
  }

  private mutating func expire(stream i: UInt32, now: Instant) {
    let l = streams[i].link
    guard links[l].state == .ready else { return }
    // What was gathered has waited long enough.
    if links[l].unsent > 0 { markDirty(link: l) }
    let rest = now.since(streams[i].movedAt)
    if isWaitingForClient(i) {
      // Nobody waits for long for one who does not read, or does not write.
      if !streamWaits.isEmpty && !streams[i].isOptional && rest >= limits.streamPatience
        && clients.isCurrent(streams[i].client)
      {
        close(client: streams[i].client.index)
      }
    } else if min(rest, now.since(streams[i].askedAt))
      >= .nanoseconds(Int64(clamping: servers[links[l].server].requestTimeout))
    {
      counters.add(.timeouts)
      lost(l, .timedOut, now: now)
    }
  }

  private func isWaitingForClient(_ i: UInt32) -> Bool {
    guard streams[i].course == .upload else { return streams[i].isHeldUp }
    return clients.isCurrent(streams[i].client) && clients[streams[i].client.index].bodyLeft > 0
      && links[streams[i].link].asked.isEmpty
  }

  /// Idle private connections are not kept for ever.
  mutating func sweepSpares(now: Instant) {
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s) {
        while let l = servers[s].spares.first, now.since(links[l].since) >= limits.sparePatience {
          servers[s].spares.dropFirst()
          shut(l)
        }
      }
      s += 1
    }
  }

  mutating func close(client c: UInt32) {
    guard !clients[c].isClosed else { return }
    clients[c].isClosed = true
    orders.append(.close(client: c))
  }

  /// The client is gone, and with it what was streamed to it. An upload that has come as a whole goes on.
  mutating func leaveStreams(of c: UInt32) {
    let i = clients[c].stream
    guard i != Slab<Stream>.none else { return }
    clients[c].stream = Slab<Stream>.none
    if streams[i].course == .upload {
      if clients[c].bodyLeft == 0 { return }
      if streams[i].exchange != Slab<Exchange>.none { exchanges.give(streams[i].exchange) }
    }
    end(stream: i, isClean: false)
  }

  /// Lets go of a stream and of what it held.
  mutating func end(stream i: UInt32, isClean: Bool) {
    let f = streams[i].fanOut
    if f != Slab<FanOut>.none {
      fanOuts[f].open &-= 1
      if fanOuts[f].open == 0 { release(f) }
    }
    streams[i].line.release(to: &pool)
    leaveLink(i, isClean: isClean)
    streams.give(i)
  }
}
