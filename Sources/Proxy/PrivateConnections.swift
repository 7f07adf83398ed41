import Bytes
import Stats
import Topology

// Private connections to servers, which transfer one large value at a time.

extension Worker {
  /// Whether another stream may begin.
  var hasFreeStream: Bool { transfers.streamsAtWork < common.limits.streams && transfers.streamWaits.isEmpty }

  /// Gives a stream a connection, which is ready or being opened.
  mutating func takePrivateConnection(for i: Ref<Stream>, to s: Ref<Server>, now: Instant)
    -> Ref<ServerConnection>
  {
    transfers.streamsAtWork &+= 1
    // A connection that was idle for long may be dead; it is not validated, as a new one costs hardly more.
    while let old = upstream.servers[s].spares.first,
      now.since(upstream.connections[old].attempt.since) >= common.limits.sparePatience
    {
      upstream.servers[s].spares.dropFirst()
      shut(old)
    }
    let l: Ref<ServerConnection>
    if let spare = upstream.servers[s].spares.popFirst() {
      l = spare
    } else {
      l = upstream.connections.take()
      upstream.connections[l].server = s
      upstream.connections[l].isPrivate = true
      connect(l, now: now)
    }
    upstream.connections[l].stream = i
    transfers.streams[i].connection = l
    transfers.streams[i].server = s
    transfers.streams[i].progress.movedAt = now
    return l
  }

  /// Releases a stream's connection. If its last reply has ended, it is kept for the next stream.
  mutating func leaveConnection(_ i: Ref<Stream>, isClean: Bool) {
    let l = transfers.streams[i].connection
    guard l != Ref<ServerConnection>.none else { return }
    transfers.streams[i].connection = Ref<ServerConnection>.none
    transfers.streamsAtWork &-= 1
    let s = upstream.connections[l].server
    upstream.connections[l].stream = Ref<Stream>.none
    upstream.connections[l].queue.endTransfer()
    if transfers.streams[i].isHeldUp {
      transfers.streams[i].isHeldUp = false
      common.effects.append(.resumeConnection(l))
    }
    if isClean, upstream.connections[l].state == .ready, upstream.connections[l].queue.bytes.isEmpty,
      upstream.connections[l].queue.legs.isEmpty,
      upstream.connections[l].input.isEmpty,
      upstream.servers[s].status == .up, !upstream.servers[s].isRetired,
      upstream.servers[s].spares.count < common.limits.spares
    {
      upstream.connections[l].attempt.since = common.clock
      upstream.servers[s].spares.append(l)
    } else {
      shut(l)
    }
    admitWaiting()
  }

  /// Closes a private connection; its slot is freed when the edge has closed the socket.
  mutating func shut(_ l: Ref<ServerConnection>) {
    if upstream.connections[l].state == .ready { common.counters.subtract(.serverConnections) }
    common.effects.append(.disconnect(connection: l))
    upstream.connections[l].state = .closed
    upstream.connections[l].queue.clear(&common.buffers)
    upstream.connections[l].input.release(to: &common.buffers)
    upstream.retiring.append(l)
  }

  /// A private connection could not be opened, or was lost.
  mutating func lostPrivate(_ l: Ref<ServerConnection>, _ failure: ServerFailure, now: Instant) {
    let s = upstream.connections[l].server
    let i = upstream.connections[l].stream
    common.counters.add(
      upstream.connections[l].state == .ready ? .serverConnectionsLost : .serverConnectFailures)
    if i == Ref<Stream>.none {
      upstream.servers[s].spares.removeAll(l)
      shut(l)
    }
    if !upstream.servers[s].isRetired, failure != .ejected, failure != .shuttingDown {
      note(
        failure, of: s,
        begun: upstream.connections[l].state == .ready ? nil : upstream.connections[l].attempt.since)
    }
    if i != Ref<Stream>.none { failed(stream: i, failure, now: now) }
  }

  /// Ends a stream whose connection has failed.
  private mutating func failed(stream i: Ref<Stream>, _ failure: ServerFailure, now: Instant) {
    leaveConnection(i, isClean: false)
    switch transfers.streams[i].course {
    case .upload: failedUpload(i, failure)
    case .download: failedDownload(i, failure, now: now)
    }
  }

  /// Lets the streams that have waited longest begin.
  mutating func admitWaiting() {
    while transfers.streamsAtWork < common.limits.streams, let wait = transfers.streamWaits.popFirst() {
      guard downstream.clients.isCurrent(wait.client) else { continue }
      let c = wait.client.slot
      guard let id = wait.stream else {
        downstream.clients[c].large.isQueued = false
        downstream.clients[c].large.holdsStream = true
        transfers.streamsAtWork &+= 1
        downstream.considerResuming(c, &common)
        continue
      }
      guard transfers.streams.isCurrent(id) else { continue }
      advance(id.slot, now: common.clock)
    }
  }

  /// Frees the stream that was reserved for a client's upload.
  mutating func releaseStream(of c: Ref<Client>) {
    guard downstream.clients[c].large.holdsStream else { return }
    downstream.clients[c].large.holdsStream = false
    transfers.streamsAtWork &-= 1
    if transfers.streamsAtWork < common.limits.streams && !transfers.streamWaits.isEmpty { admitWaiting() }
  }

  /// Ends a server's streams, and closes its idle private connections, when the server goes out.
  mutating func endStreams(of s: Ref<Server>, _ failure: ServerFailure, now: Instant) {
    while let l = upstream.servers[s].spares.popFirst() { shut(l) }
    var i = Ref<Stream>(0)
    while i.index < transfers.streams.end {
      if transfers.streams.isTaken(i), transfers.streams[i].server == s,
        transfers.streams[i].connection != Ref<ServerConnection>.none
      {
        lost(transfers.streams[i].connection, failure, now: now)
      }
      i = i.next
    }
  }

  func isStreaming(to s: Ref<Server>) -> Bool {
    var i = Ref<Stream>(0)
    while i.index < transfers.streams.end {
      if transfers.streams.isTaken(i), transfers.streams[i].server == s { return true }
      i = i.next
    }
    return !upstream.servers[s].spares.isEmpty
  }

  /// Checks the deadlines of streams: ends those that make no progress.
  mutating func expireStreams(now: Instant) {
    while let wait = transfers.streamWaits.first, now.since(wait.since) >= common.limits.requestPatience {
      transfers.streamWaits.dropFirst()
      guard downstream.clients.isCurrent(wait.client) else { continue }
      common.counters.add(.queueFull)
      if let id = wait.stream {
        if transfers.streams.isCurrent(id) { failedDownload(id.slot, .queueFull, now: now) }
      } else {
        downstream.close(client: wait.client.slot, &common)
      }
    }
    var i = Ref<Stream>(0)
    while i.index < transfers.streams.end {
      if transfers.streams.isTaken(i), transfers.streams[i].connection != Ref<ServerConnection>.none {
        expire(stream: i, now: now)
      }
      i = i.next
    }
  }

  private mutating func expire(stream i: Ref<Stream>, now: Instant) {
    let l = transfers.streams[i].connection
    guard upstream.connections[l].state == .ready else { return }
    // Gathered bytes have waited long enough.
    if upstream.connections[l].unsent > 0 { markDirty(connection: l) }
    let rest = now.since(transfers.streams[i].progress.movedAt)
    if isWaitingForClient(i) {
      // Other clients do not wait long for a client that neither reads nor sends.
      if !transfers.streamWaits.isEmpty && !transfers.streams[i].isOptional
        && rest >= common.limits.streamPatience
        && downstream.clients.isCurrent(transfers.streams[i].client)
      {
        downstream.close(client: transfers.streams[i].client.slot, &common)
      }
    } else if min(rest, now.since(transfers.streams[i].progress.askedAt))
      >= .nanoseconds(Int64(clamping: policy(of: transfers.streams[i].leg.pool).requestTimeout))
    {
      common.counters.add(.timeouts)
      lost(l, .timedOut, now: now)
    }
  }

  private func isWaitingForClient(_ i: Ref<Stream>) -> Bool {
    guard transfers.streams[i].course == .upload else { return transfers.streams[i].isHeldUp }
    return downstream.clients.isCurrent(transfers.streams[i].client)
      && downstream.clients[transfers.streams[i].client.slot].large.bodyLeft > 0
      && upstream.connections[transfers.streams[i].connection].queue.bytes.isEmpty
  }

  /// Closes private connections that were idle for `Limits.sparePatience`.
  mutating func sweepSpares(now: Instant) {
    var s = Ref<Server>(0)
    while s.index < upstream.servers.end {
      if upstream.servers.isTaken(s) {
        while let l = upstream.servers[s].spares.first,
          now.since(upstream.connections[l].attempt.since) >= common.limits.sparePatience
        {
          upstream.servers[s].spares.dropFirst()
          shut(l)
        }
      }
      s = s.next
    }
  }

  /// Ends a disconnected client's stream, unless it is an upload that has arrived as a whole: that is completed.
  mutating func leaveStreams(of c: Ref<Client>) {
    let i = downstream.clients[c].large.stream
    guard i != Ref<Stream>.none else { return }
    downstream.clients[c].large.stream = Ref<Stream>.none
    if transfers.streams[i].course == .upload {
      if downstream.clients[c].large.bodyLeft == 0 { return }
      if transfers.streams[i].exchange != Ref<Exchange>.none {
        downstream.exchanges.give(transfers.streams[i].exchange)
      }
    }
    end(stream: i, isClean: false)
  }

  /// Releases a stream and what belongs to it.
  mutating func end(stream i: Ref<Stream>, isClean: Bool) {
    let f = transfers.streams[i].fanOut
    if f != Ref<FanOut>.none {
      fanOuts[f].open &-= 1
      if fanOuts[f].open == 0 { release(f) }
    }
    transfers.streams[i].line.release(to: &common.buffers)
    leaveConnection(i, isClean: isClean)
    transfers.streams.give(i)
  }
}
