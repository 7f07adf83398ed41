import Bytes
import Stats
import Topology
import Wire

// Private connections to servers, which transfer one large value at a time.

extension Worker {
  /// Whether another stream may begin.
  var hasFreeStream: Bool { streamsAtWork < limits.streams && streamWaits.isEmpty }

  /// Gives a stream a connection, which is ready or being opened.
  mutating func takePrivateConnection(for i: Ref<Stream>, to s: Ref<Server>, now: Instant)
    -> Ref<ServerConnection>
  {
    streamsAtWork &+= 1
    // A connection that was idle for long may be dead; it is not validated, as a new one costs hardly more.
    while let old = servers[s].spares.first, now.since(connections[old].since) >= limits.sparePatience {
      servers[s].spares.dropFirst()
      shut(old)
    }
    let l: Ref<ServerConnection>
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
  mutating func leaveConnection(_ i: Ref<Stream>, isClean: Bool) {
    let l = streams[i].connection
    guard l != Ref<ServerConnection>.none else { return }
    streams[i].connection = Ref<ServerConnection>.none
    streamsAtWork &-= 1
    let s = connections[l].server
    connections[l].stream = Ref<Stream>.none
    connections[l].queue.endTransfer()
    if streams[i].isHeldUp {
      streams[i].isHeldUp = false
      effects.append(.resumeConnection(l))
    }
    if isClean, connections[l].state == .ready, connections[l].queue.bytes.isEmpty,
      connections[l].queue.legs.isEmpty,
      connections[l].input.isEmpty,
      servers[s].status == .up, !servers[s].isRetired, servers[s].spares.count < limits.spares
    {
      connections[l].since = clock
      servers[s].spares.append(l)
    } else {
      shut(l)
    }
    admitWaiting()
  }

  /// Closes a private connection; its slot is freed when the edge has closed the socket.
  mutating func shut(_ l: Ref<ServerConnection>) {
    if connections[l].state == .ready { counters.subtract(.serverConnections) }
    effects.append(.disconnect(connection: l))
    connections[l].state = .closed
    connections[l].queue.clear(&buffers)
    connections[l].input.release(to: &buffers)
    retiring.append(l)
  }

  /// A private connection could not be opened, or was lost.
  mutating func lostPrivate(_ l: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant) {
    let s = connections[l].server
    let i = connections[l].stream
    counters.add(connections[l].state == .ready ? .serverConnectionsLost : .serverConnectFailures)
    if i == Ref<Stream>.none {
      servers[s].spares.removeAll(l)
      shut(l)
    }
    if !servers[s].isRetired, failure != .ejected, failure != .shuttingDown {
      note(failure, of: s, begun: connections[l].state == .ready ? nil : connections[l].since)
    }
    if i != Ref<Stream>.none { failed(stream: i, failure, now: now) }
  }

  /// Ends a stream whose connection has failed.
  private mutating func failed(stream i: Ref<Stream>, _ failure: ServerFailure, now: Instant) {
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
      let c = wait.client.slot
      guard let id = wait.stream else {
        clients[c].isQueued = false
        clients[c].holdsStream = true
        streamsAtWork &+= 1
        considerResuming(c)
        continue
      }
      guard streams.isCurrent(id) else { continue }
      advance(id.slot, now: clock)
    }
  }

  /// Frees the stream that was reserved for a client's upload.
  mutating func releaseStream(of c: Ref<Client>) {
    guard clients[c].holdsStream else { return }
    clients[c].holdsStream = false
    streamsAtWork &-= 1
    if streamsAtWork < limits.streams && !streamWaits.isEmpty { admitWaiting() }
  }

  /// Ends a server's streams, and closes its idle private connections, when the server goes out.
  mutating func endStreams(of s: Ref<Server>, _ failure: ServerFailure, now: Instant) {
    while let l = servers[s].spares.popFirst() { shut(l) }
    var i = Ref<Stream>(0)
    while i.index < streams.end {
      if streams.isTaken(i), streams[i].server == s, streams[i].connection != Ref<ServerConnection>.none {
        lost(streams[i].connection, failure, now: now)
      }
      i = i.next
    }
  }

  func isStreaming(to s: Ref<Server>) -> Bool {
    var i = Ref<Stream>(0)
    while i.index < streams.end {
      if streams.isTaken(i), streams[i].server == s { return true }
      i = i.next
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
        if streams.isCurrent(id) { failedDownload(id.slot, .queueFull, now: now) }
      } else {
        close(client: wait.client.slot)
      }
    }
    var i = Ref<Stream>(0)
    while i.index < streams.end {
      if streams.isTaken(i), streams[i].connection != Ref<ServerConnection>.none {
        expire(stream: i, now: now)
      }
      i = i.next
    }
  }

  private mutating func expire(stream i: Ref<Stream>, now: Instant) {
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
        close(client: streams[i].client.slot)
      }
    } else if min(rest, now.since(streams[i].askedAt))
      >= .nanoseconds(Int64(clamping: policy(of: streams[i].leg.pool).requestTimeout))
    {
      counters.add(.timeouts)
      lost(l, .timedOut, now: now)
    }
  }

  private func isWaitingForClient(_ i: Ref<Stream>) -> Bool {
    guard streams[i].course == .upload else { return streams[i].isHeldUp }
    return clients.isCurrent(streams[i].client) && clients[streams[i].client.slot].bodyLeft > 0
      && connections[streams[i].connection].queue.bytes.isEmpty
  }

  /// Closes private connections that were idle for `Limits.sparePatience`.
  mutating func sweepSpares(now: Instant) {
    var s = Ref<Server>(0)
    while s.index < servers.end {
      if servers.isTaken(s) {
        while let l = servers[s].spares.first, now.since(connections[l].since) >= limits.sparePatience {
          servers[s].spares.dropFirst()
          shut(l)
        }
      }
      s = s.next
    }
  }

  mutating func close(client c: Ref<Client>) {
    guard !clients[c].isClosed else { return }
    clients[c].isClosed = true
    effects.append(.close(client: c))
  }

  /// Ends a disconnected client's stream, unless it is an upload that has arrived as a whole: that is completed.
  mutating func leaveStreams(of c: Ref<Client>) {
    let i = clients[c].stream
    guard i != Ref<Stream>.none else { return }
    clients[c].stream = Ref<Stream>.none
    if streams[i].course == .upload {
      if clients[c].bodyLeft == 0 { return }
      if streams[i].exchange != Ref<Exchange>.none { exchanges.give(streams[i].exchange) }
    }
    end(stream: i, isClean: false)
  }

  /// Releases a stream and what belongs to it.
  mutating func end(stream i: Ref<Stream>, isClean: Bool) {
    let f = streams[i].fanOut
    if f != Ref<FanOut>.none {
      fanOuts[f].open &-= 1
      if fanOuts[f].open == 0 { release(f) }
    }
    streams[i].line.release(to: &buffers)
    leaveConnection(i, isClean: isClean)
    streams.give(i)
  }
}
