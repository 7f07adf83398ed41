import Bytes
import Wire

// Cut-through: values that are small enough to be buffered, but are forwarded to their servers as they arrive. A
// buffered value is written to memory twice, and has left the CPU cache when it is sent.
//
//     client ─▶ recv ─▶ the private connection's queue ─▶ send at once ─▶ server

extension Worker {
  /// Whether to stream this value, which has arrived in part, instead of buffering it. Only if all earlier requests of
  /// its client are answered, half of the streams are left for values that cannot be buffered, nothing that is underway
  /// may change the key, and another client sent a large value to the same server shortly before
  /// (`Limits.sparePatience`). If only one client sends large values, one at a time, few large sends cost less than
  /// many small ones: a set of 512 KiB took 128 µs of CPU and 200 µs in all when it was buffered, 179 and 259 as a
  /// stream. Where sixteen send them it was 188 µs of CPU buffered, 99 as streams.
  @inline(never)
  mutating func shouldCutThrough(_ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant) -> Bool
  {
    guard downstream.clients[c].inFlight == 0, transfers.streamsAtWork < common.limits.streams / 2,
      let destination = destination(for: bytes, request)
    else { return false }
    let s = destination.server
    noteSize(request.bodyLength, at: s)
    let isOneOfSeveral =
      upstream.servers[s].largeValueFrom != c
      && now.since(upstream.servers[s].largeValueAt) < common.limits.sparePatience
    upstream.servers[s].largeValueFrom = c
    upstream.servers[s].largeValueAt = now
    guard isOneOfSeveral else { return false }
    let shared = connection(to: s, for: c)
    return upstream.connections[shared].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth)
      && !wouldOvertake(c, shared, bytes, request)
  }

  /// The connection on which the client's value is forwarded, if its next bytes may be read directly into that
  /// connection's queue, and how many.
  package mutating func cutThroughRoom(of c: Ref<Client>) -> (connection: Ref<ServerConnection>, room: Int)? {
    guard downstream.clients[c].large.isUploading, !downstream.clients[c].life.isStalled,
      downstream.clients[c].input.isEmpty,
      transfers.streams[downstream.clients[c].large.stream].isOptional
    else { return nil }
    let l = transfers.streams[downstream.clients[c].large.stream].connection
    let room = min(
      downstream.clients[c].large.bodyLeft,
      common.ahead &+ BufferPool.margin &- upstream.connections[l].queue.bytes.count)
    return room > 0 ? (l, room) : nil
  }

  /// The edge has read `n` bytes of the client's value into the queue of its private connection. Returns whether to
  /// send them at once: then the edge sends what it can, and calls `endCutThrough`. A send costs as much for few bytes
  /// as for many, so few are gathered until the next tick.
  package mutating func clientReceived(_ c: Ref<Client>, passed n: Int, now: Instant) -> Bool {
    common.counters.add(n, to: .clientBytesIn)
    common.clock = now
    let l = transfers.streams[downstream.clients[c].large.stream].connection
    // Until now the server had nothing to accept.
    if upstream.connections[l].queue.bytes.count == n {
      transfers.streams[downstream.clients[c].large.stream].progress.askedAt = now
    }
    noteUploaded(c, n, now: now)
    return downstream.clients[c].large.bodyLeft == 0
      || upstream.connections[l].queue.bytes.count >= common.ahead / 4 &* 3
  }

  /// Stops reading the client while the server accepts less than has arrived.
  package mutating func endCutThrough(_ c: Ref<Client>) {
    guard downstream.clients[c].large.isUploading, downstream.clients[c].large.bodyLeft > 0 else { return }
    let l = transfers.streams[downstream.clients[c].large.stream].connection
    guard upstream.connections[l].queue.bytes.count > common.ahead / 2 else { return }
    downstream.clients[c].intake.partialSince = .never
    downstream.stall(c, &common)
  }

  /// Bytes to read from a client at once. After a large value, only enough to recognise the next request: the rest of
  /// the next value is read directly into its final buffer.
  package mutating func readLimit(of c: Ref<Client>) -> Int {
    if downstream.clients[c].large.hasUploaded {
      downstream.clients[c].large.hasUploaded = false
      return Self.smallRead
    }
    return max(16_384, common.allowance)
  }

  private static var smallRead: Int { 4096 }
}
