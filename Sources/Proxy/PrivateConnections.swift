import Bytes
import Stats
import Wire

// Private connections to servers, which transfer one large value at a time.

extension Worker {
  /// Whether another stream may begin.
  var hasFreeStream: Bool { streamsAtWork < limits.streams && streamWaits.isEmpty }

  /// Gives a stream a connection, which is ready or being opened.
  mutating func takePrivateConnection(for i: UInt32, to s: UInt32, now: Instant) -> UInt32 {
    streamsAtWork &+= 1
    // A connection that was idle for long may be dead; it is not validated, as a new one costs hardly more.
    while let old = servers[s].spares.first, now.since(connections[old].since) >= limits.sparePatience {
      servers[s].spares.dropFirst()
      shut(old)
    }
    let l: UInt32
    if let spare = servers[s].spares.popFirst() {
      l = spare
    } else {
      l = connections.take()
      connections[l].server = s
      connections[l].isPrivate = true
      connect(l, now: now)
    }
    connections[l].stream = i
    streams[i].connection = l
    streams[i].server = s
    streams[i].movedAt = now
    return l
  }

  /// Releases a stream's connection. If its last reply has ended, it is kept for the next stream.
  mutating func leaveConnection(_ i: UInt32, isClean: Bool) {
    let l = streams[i].connection
    guard l != Slab<ServerConnection>.none else { return }
    streams[i].connection = Slab<ServerConnection>.none
    streamsAtWork &-= 1
    let s = connections[l].server
    connections[l].stream = Slab<Stream>.none
    connections[l].front = .plain
    if streams[i].isHeldUp {
      streams[i].isHeldUp = false
      effects.append(.resumeConnection(l))
    }
    if isClean, connections[l].state == .ready, connections[l].asked.isEmpty, connections[l].legs.isEmpty,
      connections[l].input.isEmpty,
      servers[s].status == .up, !servers[s].isRetired, servers[s].spares.count < limits.spares
    {
      connections[l].sent = 0
      connections[l].since = clock
      servers[s].spares.append(l)
    } else {
      shut(l)
    }
    admitWaiting()
  }

  /// Closes a private connection; its slot is freed when the edge has closed the socket.
  mutating func shut(_ l: UInt32) {
    if connections[l].state == .ready { counters.subtract(.serverConnections) }
    effects.append(.disconnect(connection: l))
    connections[l].state = .closed
    connections[l].asked.release(to: &buffers)
    connections[l].input.release(to: &buffers)
    connections[l].legs.removeAll()
    connections[l].sent = 0
    connections[l].late = 0
    connections[l].lateLength = 0
    retiring.append(l)
  }

  /// A private connection could not be opened, or was lost.
  mutating func lostPrivate(_ l: UInt32, _ failure: ServerFailure, now: Instant) {
    let s = connections[l].server
    let i = connections[l].stream
    counters.add(connections[l].state == .ready ? .serverConnectionsLost : .serverConnectFailures)
    if i == Slab<Stream>.none {
      servers[s].spares.removeAll(l)
      shut(l)
    }
    if !servers[s].isRetired, failure != .ejected, failure != .shuttingDown {
      note(failure, of: s, begun: connections[l].state == .ready ? nil : connections[l].since)
    }
    if i != Slab<Stream>.none { failed(stream: i, failure, now: now) }
  }

  /// Ends a stream whose connection has failed.
  private mutating func failed(stream i: UInt32, _ failure: ServerFailure, now: Instant) {
    leaveConnection(i, isClean: false)
    switch streams[i].course {
    case .upload: failedUpload(i, failure)
    case .download: failedDownload(i, failure, now: now)
    }
  }

  /// Lets the streams that have waited longest begin.
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

  /// Frees the stream that was reserved for a client's upload.
  mutating func releaseStream(of c: UInt32) {
    guard clients[c].holdsStream else { return }
    clients[c].holdsStream = false
    streamsAtWork &-= 1
    if streamsAtWork < limits.streams && !streamWaits.isEmpty { admitWaiting() }
  }

  /// Ends a server's streams, and closes its idle private connections, when the server goes out.
  mutating func endStreams(of s: UInt32, _ failure: ServerFailure, now: Instant) {
    while let l = servers[s].spares.popFirst() { shut(l) }
    var i: UInt32 = 0
    while i < streams.end {
      if streams.isTaken(i), streams[i].server == s, streams[i].connection != Slab<ServerConnection>.none {
        lost(streams[i].connection, failure, now: now)
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

  /// Checks the deadlines of streams: ends those that make no progress.
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
      if streams.isTaken(i), streams[i].connection != Slab<ServerConnection>.none {
        expire(stream: i, now: now)
      }
      i += 1
    }
  }

  private mutating func expire(stream i: UInt32, now: Instant) {
    let l = streams[i].connection
    guard connections[l].state == .ready else { return }
    // Gathered bytes have waited long enough.
    if connections[l].unsent > 0 { markDirty(connection: l) }
    let rest = now.since(streams[i].movedAt)
    if isWaitingForClient(i) {
      // Other clients do not wait long for a client that neither reads nor sends.
      if !streamWaits.isEmpty && !streams[i].isOptional && rest >= limits.streamPatience
        && clients.isCurrent(streams[i].client)
      {
        close(client: streams[i].client.index)
      }
    } else if min(rest, now.since(streams[i].askedAt))
      >= .nanoseconds(Int64(clamping: servers[connections[l].server].requestTimeout))
    {
      counters.add(.timeouts)
      lost(l, .timedOut, now: now)
    }
  }

  private func isWaitingForClient(_ i: UInt32) -> Bool {
    guard streams[i].course == .upload else { return streams[i].isHeldUp }
    return clients.isCurrent(streams[i].client) && clients[streams[i].client.index].bodyLeft > 0
      && connections[streams[i].connection].asked.isEmpty
  }

  /// Closes private connections that were idle for `Limits.sparePatience`.
  mutating func sweepSpares(now: Instant) {
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s) {
        while let l = servers[s].spares.first, now.since(connections[l].since) >= limits.sparePatience {
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
    effects.append(.close(client: c))
  }

  /// Ends a disconnected client's stream, unless it is an upload that has arrived as a whole: that is completed.
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

  /// Releases a stream and what belongs to it.
  mutating func end(stream i: UInt32, isClean: Bool) {
    let f = streams[i].fanOut
    if f != Slab<FanOut>.none {
      fanOuts[f].open &-= 1
      if fanOuts[f].open == 0 { release(f) }
    }
    streams[i].line.release(to: &buffers)
    leaveConnection(i, isClean: isClean)
    streams.give(i)
  }
}
