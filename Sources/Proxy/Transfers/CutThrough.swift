import Bytes
import Wire

// Cut-through: values that are small enough to be buffered, but are forwarded to their servers as they arrive. A
// buffered value is written to memory twice, and has left the CPU cache when it is sent.
//
//     client ─▶ recv ─▶ the private connection's queue ─▶ send at once ─▶ server

extension Transfers {
  /// Whether to stream this value, which has arrived in part, instead of buffering it. Only if all earlier requests of
  /// its client are answered, half of the streams are left for values that cannot be buffered, nothing that is underway
  /// may change the key, and another client sent a large value to the same server shortly before
  /// (`Limits.sparePatience`). If only one client sends large values, one at a time, few large sends cost less than
  /// many small ones: a set of 512 KiB took 128 µs of CPU and 200 µs in all when it was buffered, 179 and 259 as a
  /// stream. Where sixteen send them it was 188 µs of CPU buffered, 99 as streams.
  @inline(never)
  mutating func shouldCutThrough(
    _ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant, _ d: inout Dispatcher
  ) -> Bool {
    guard d.downstream.clients[c].inFlight == 0, streamsAtWork < d.common.limits.streams / 2,
      let destination = d.destination(for: bytes, request, of: c)
    else { return false }
    let s = destination.server
    d.upstream.noteSize(request.bodyLength, at: s, &d.common)
    let isOneOfSeveral =
      d.upstream.servers[s].large.lane != c.index
      && now.since(d.upstream.servers[s].large.valueAt) < d.common.limits.sparePatience
    d.upstream.servers[s].large.lane = c.index
    d.upstream.servers[s].large.valueAt = now
    guard isOneOfSeveral else { return false }
    let shared = d.upstream.connection(to: s, lane: c.index)
    return d.upstream.connections[shared].isOpen(bytes: d.fastPathBytes, depth: d.common.limits.serverDepth)
      && !d.wouldOvertake(c, shared, bytes, request)
  }

  /// The connection on which the client's value is forwarded, if its next bytes may be read directly into that
  /// connection's queue, and how many.
  mutating func cutThroughRoom(of c: Ref<Client>, _ d: inout Dispatcher) -> (
    connection: Ref<ServerConnection>, room: Int
  )? {
    guard d.downstream.clients[c].large.isUploading, !d.downstream.clients[c].life.isStalled,
      d.downstream.clients[c].input.isEmpty,
      d.streams[d.downstream.clients[c].large.stream].isOptional
    else { return nil }
    let l = d.streams[d.downstream.clients[c].large.stream].connection
    let room = min(
      d.downstream.clients[c].large.bodyLeft,
      d.common.ahead &+ BufferPool.margin &- d.upstream.connections[l].queue.bytes.count)
    return room > 0 ? (l, room) : nil
  }

  /// The edge has read `n` bytes of the client's value into the queue of its private connection. Returns whether to
  /// send them at once: then the edge sends what it can, and calls `endCutThrough`. A send costs as much for few bytes
  /// as for many, so few are gathered until the next tick.
  mutating func clientReceived(_ c: Ref<Client>, passed n: Int, now: Instant, _ d: inout Dispatcher) -> Bool {
    d.common.counters.add(n, to: .clientBytesIn)
    d.common.clock = now
    let l = d.streams[d.downstream.clients[c].large.stream].connection
    // Until now the server had nothing to accept.
    if d.upstream.connections[l].queue.bytes.count == n {
      d.streams[d.downstream.clients[c].large.stream].progress.askedAt = now
    }
    noteUploaded(c, n, now: now, &d)
    return d.downstream.clients[c].large.bodyLeft == 0
      || d.upstream.connections[l].queue.bytes.count >= d.common.ahead / 4 &* 3
  }

  /// Stops reading the client while the server accepts less than has arrived.
  mutating func endCutThrough(_ c: Ref<Client>, _ d: inout Dispatcher) {
    guard d.downstream.clients[c].large.isUploading, d.downstream.clients[c].large.bodyLeft > 0 else {
      return
    }
    let l = d.streams[d.downstream.clients[c].large.stream].connection
    guard d.upstream.connections[l].queue.bytes.count > d.common.ahead / 2 else { return }
    d.downstream.clients[c].intake.partialSince = .never
    d.downstream.stall(c, &d.common)
  }

  /// Bytes to read from a client at once. After a large value, only enough to recognise the next request: the rest of
  /// the next value is read directly into its final buffer.
  mutating func readLimit(of c: Ref<Client>, _ d: inout Dispatcher) -> Int {
    if d.downstream.clients[c].large.hasUploaded {
      d.downstream.clients[c].large.hasUploaded = false
      return Self.smallRead
    }
    return max(16_384, d.common.allowance)
  }

  private static var smallRead: Int { 4096 }
}
