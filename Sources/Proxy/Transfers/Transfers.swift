import Bytes
import Stats
import Topology
import Wire

/// The large values on their way: which streams have a private connection, and which wait for one.
///
/// It serves the connections that have a stream; `Dispatcher` serves all others.
struct Transfers: ~Copyable {
  /// Number of streams that have a connection, and the queue of those that wait for one.
  var streamsAtWork = 0
  var streamWaits = Fifo<StreamWait>()

  // MARK: - Connections

  /// Handles what a server sent on a stream's connection; returns the bytes consumed.
  mutating func digest(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant, _ d: inout Dispatcher)
    -> Int
  {
    guard d.upstream.connections[l].state == .ready else {
      let consumed = d.digest(l, bytes, now: now)
      settle(&d)
      return consumed
    }
    d.upstream.connections[l].awaited = 0
    return d.upstream.connections[l].queue.front == .upload
      ? digestUpload(l, bytes, &d) : digestDownload(l, bytes, now: now, &d)
  }

  /// Gives a stream a connection, which is ready or being opened.
  mutating func takeConnection(for i: Ref<Stream>, to s: Ref<Server>, now: Instant, _ d: inout Dispatcher)
    -> Ref<ServerConnection>
  {
    streamsAtWork &+= 1
    let l = d.upstream.takePrivateConnection(for: i, to: s, now: now, &d.common)
    d.streams[i].connection = l
    d.streams[i].server = s
    d.streams[i].progress.movedAt = now
    return l
  }

  /// Releases a stream's connection. If its last reply has ended, it is kept for the next stream.
  mutating func leaveConnection(_ i: Ref<Stream>, isClean: Bool, _ d: inout Dispatcher) {
    let l = d.streams[i].connection
    guard l != Ref<ServerConnection>.none else { return }
    d.streams[i].connection = Ref<ServerConnection>.none
    streamsAtWork &-= 1
    if d.streams[i].isHeldUp {
      d.streams[i].isHeldUp = false
      d.common.effects.append(.resumeConnection(l))
    }
    d.upstream.leavePrivateConnection(l, isClean: isClean, &d.common)
    admitWaiting(&d)
  }

  /// Handles bytes that cannot be the reply: the connection is closed.
  @inline(never)
  mutating func violation(
    _ l: Ref<ServerConnection>, _ why: ProtocolViolation, _ bytes: RawSpan, _ p: Int, _ d: inout Dispatcher
  ) {
    d.upstream.violation(l, why, bytes, p, &d.common)
    settle(&d)
  }

  /// Ends the streams whose connections have failed.
  @inline(__always) mutating func settle(_ d: inout Dispatcher) {
    d.settle()
    if !d.upstream.failedTransfers.isEmpty { endFailed(&d) }
  }

  @inline(never) private mutating func endFailed(_ d: inout Dispatcher) {
    while let one = d.upstream.failedTransfers.popFirst() {
      let i = one.stream
      if one.isUnspoken {
        let l = d.streams[i].connection
        d.refuse(d.streams[i].exchange, Upstream.unspoken(in: d.upstream.connections[l].handshake.meta))
        finishUpload(i, isClean: false, &d)
        continue
      }
      leaveConnection(i, isClean: false, &d)
      switch d.streams[i].course {
      case .upload: failedUpload(i, one.failure, &d)
      case .download: failedDownload(i, one.failure, now: d.common.clock, &d)
      }
    }
  }

  // MARK: - Streams wait for one another

  /// Lets the streams that have waited longest begin.
  mutating func admitWaiting(_ d: inout Dispatcher) {
    while streamsAtWork < d.common.limits.streams, let wait = streamWaits.popFirst() {
      guard d.downstream.clients.isCurrent(wait.client) else { continue }
      let c = wait.client.slot
      guard let id = wait.stream else {
        d.downstream.clients[c].large.isQueued = false
        d.downstream.clients[c].large.holdsStream = true
        streamsAtWork &+= 1
        d.downstream.considerResuming(c, &d.common)
        continue
      }
      guard d.streams.isCurrent(id) else { continue }
      advance(id.slot, now: d.common.clock, &d)
    }
  }

  /// Frees the stream that was reserved for a client's upload.
  mutating func releaseStream(of c: Ref<Client>, _ d: inout Dispatcher) {
    guard d.downstream.clients[c].large.holdsStream else { return }
    d.downstream.clients[c].large.holdsStream = false
    streamsAtWork &-= 1
    if streamsAtWork < d.common.limits.streams && !streamWaits.isEmpty { admitWaiting(&d) }
  }

  /// Ends a server's streams, and closes its idle private connections, when the server goes out.
  mutating func endStreams(of s: Ref<Server>, _ failure: ServerFailure, now: Instant, _ d: inout Dispatcher) {
    while let l = d.upstream.servers[s].spares.popFirst() { d.upstream.shut(l, &d.common) }
    for i in d.streams.slots
    where d.streams.isTaken(i) && d.streams[i].server == s
      && d.streams[i].connection != Ref<ServerConnection>.none
    {
      d.upstream.lost(d.streams[i].connection, failure, now: now, &d.common)
      settle(&d)
    }
  }

  /// Checks the deadlines of streams: ends those that make no progress.
  mutating func expireStreams(now: Instant, _ d: inout Dispatcher) {
    while let wait = streamWaits.first, now.since(wait.since) >= d.common.limits.streamWait {
      streamWaits.dropFirst()
      guard d.downstream.clients.isCurrent(wait.client) else { continue }
      d.common.counters.add(.queueFull)
      if let id = wait.stream {
        if d.streams.isCurrent(id) { failedDownload(id.slot, .queueFull, now: now, &d) }
      } else {
        d.downstream.close(client: wait.client.slot, &d.common)
      }
    }
    for i in d.streams.slots
    where d.streams.isTaken(i) && d.streams[i].connection != Ref<ServerConnection>.none {
      expire(stream: i, now: now, &d)
    }
  }

  mutating func expire(stream i: Ref<Stream>, now: Instant, _ d: inout Dispatcher) {
    let l = d.streams[i].connection
    guard d.upstream.connections[l].state == .ready else { return }
    // Gathered bytes have waited long enough.
    if d.upstream.connections[l].unsent > 0 { d.upstream.markDirty(l) }
    let rest = now.since(d.streams[i].progress.movedAt)
    if isWaitingForClient(i, &d) {
      // Other clients do not wait long for a client that neither reads nor sends.
      if !streamWaits.isEmpty && !d.streams[i].isOptional
        && rest >= d.common.limits.streamPatience
        && d.downstream.clients.isCurrent(d.streams[i].client)
        && !d.downstream.clients[d.streams[i].client.slot].life.isClosed
      {
        d.common.note(.heldStream, by: d.streams[i].client.slot)
        d.downstream.close(client: d.streams[i].client.slot, &d.common)
      }
    } else if min(rest, now.since(d.streams[i].progress.askedAt)) >= patience(with: i, &d) {
      d.common.counters.add(.timeouts)
      d.upstream.lost(l, .timedOut, now: now, &d.common)
      settle(&d)
    }
  }

  /// How long a stream may make no progress on its server's part. A server may look through many items for a list of keys.
  private func patience(with i: Ref<Stream>, _ d: inout Dispatcher) -> Duration {
    if d.streams[i].leg.verb == .keyDump { return d.common.limits.listPatience }
    return .nanoseconds(Int64(clamping: d.upstream.policy(of: d.streams[i].leg.pool).requestTimeout))
  }

  func isWaitingForClient(_ i: Ref<Stream>, _ d: inout Dispatcher) -> Bool {
    guard d.streams[i].course == .upload else { return d.streams[i].isHeldUp }
    return d.downstream.clients.isCurrent(d.streams[i].client)
      && d.downstream.clients[d.streams[i].client.slot].large.bodyLeft > 0
      && d.upstream.connections[d.streams[i].connection].queue.bytes.isEmpty
  }

  /// Answers the requests that wait for a stream: draining has reached its time limit.
  mutating func giveUp(now: Instant, _ d: inout Dispatcher) {
    while let wait = streamWaits.popFirst() {
      guard d.downstream.clients.isCurrent(wait.client) else { continue }
      if let id = wait.stream {
        if d.streams.isCurrent(id) { failedDownload(id.slot, .shuttingDown, now: now, &d) }
      } else {
        d.downstream.clients[wait.client.slot].large.isQueued = false
        d.downstream.considerResuming(wait.client.slot, &d.common)
      }
    }
  }

  /// Ends a disconnected client's stream, unless it is an upload that has arrived as a whole: that is completed.
  mutating func leaveStreams(of c: Ref<Client>, _ d: inout Dispatcher) {
    let i = d.downstream.clients[c].large.stream
    guard i != Ref<Stream>.none else { return }
    d.downstream.clients[c].large.stream = Ref<Stream>.none
    if d.streams[i].course == .upload {
      if d.downstream.clients[c].large.bodyLeft == 0 { return }
      if d.streams[i].exchange != Ref<Exchange>.none {
        d.downstream.exchanges.give(d.streams[i].exchange)
      }
    }
    end(stream: i, isClean: false, &d)
  }

  /// Releases a stream and what belongs to it.
  mutating func end(stream i: Ref<Stream>, isClean: Bool, _ d: inout Dispatcher) {
    let f = d.streams[i].fanOut
    if f != Ref<FanOut>.none {
      d.fanOuts[f].open &-= 1
      if d.fanOuts[f].open == 0 { d.release(f) }
    }
    d.streams[i].line.release(to: &d.common.buffers)
    leaveConnection(i, isClean: isClean, &d)
    d.streams.give(i)
  }
}
