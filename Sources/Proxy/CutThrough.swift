import Bytes
import Wire

// Values that could be held, and are passed on to their servers as they come all the same: whoever is held is written to
// memory twice, and out of the cache by the time that it is sent.
//
//     client ─▶ recv ─▶ the private connection's asked ─▶ send at once ─▶ server

extension Worker {
  /// Whether a value of which a part has come, and which could be held, is rather streamed: when nobody has to wait for that
  /// but its own client, which asks nothing ahead, and the last one for its server was another's, not long ago: where there
  /// is one at a time, few large sends cost less than many small ones, and no connection is worth making.
  @inline(never)
  mutating func shouldCutThrough(_ c: UInt32, _ bytes: RawSpan, _ request: Request, now: Instant) -> Bool {
    guard !request.isQuiet, !request.meta.contains(.quiet), !clients[c].asksAhead, clients[c].inFlight == 0,
      streamsAtWork < limits.streams / 2, streamWaits.isEmpty,
      let destination = destination(for: bytes, request)
    else { return false }
    let s = destination.server
    noteSize(request.bodyLength, at: s)
    let isOneOfSeveral =
      servers[s].longFrom != c && now.since(servers[s].longAt) < limits.sparePatience
    servers[s].longFrom = c
    servers[s].longAt = now
    guard isOneOfSeveral else { return false }
    let shared = connection(to: s, for: c)
    return connections[shared].isOpen(bytes: easyQueue, depth: Self.fewLegs)
      && !wouldOvertake(c, shared, bytes, request)
  }

  /// To look through more requests for one of the same key takes longer than it may save.
  private static var fewLegs: Int { 1024 }

  /// The connection by which the client's value goes on, if the next of it may be read into its `asked`, and how much.
  package mutating func cutThroughRoom(of c: UInt32) -> (connection: UInt32, room: Int)? {
    guard clients[c].isUploading, !clients[c].isStalled, clients[c].input.isEmpty,
      streams[clients[c].stream].isOptional
    else { return nil }
    let l = streams[clients[c].stream].connection
    let room = min(clients[c].bodyLeft, ahead &+ BufferPool.margin &- connections[l].asked.count)
    return room > 0 ? (l, room) : nil
  }

  /// The edge has read `n` bytes of the client's value into the `asked` of its passage. Returns whether they are to be sent
  /// at once: then it sends what it can, and calls `endCutThrough`. A send costs as much for a little as for much, so that
  /// little is gathered, until the next tick.
  package mutating func clientReceived(_ c: UInt32, passed n: Int, now: Instant) -> Bool {
    counters.add(n, to: .clientBytesIn)
    clock = now
    let l = streams[clients[c].stream].connection
    // Until now the server had nothing to take.
    if connections[l].asked.count == n { streams[clients[c].stream].askedAt = now }
    noteUploaded(c, n, now: now)
    return clients[c].bodyLeft == 0 || connections[l].asked.count >= ahead / 4 &* 3
  }

  /// The client is not read while the server takes less than has come.
  package mutating func endCutThrough(_ c: UInt32) {
    guard clients[c].isUploading, clients[c].bodyLeft > 0 else { return }
    let l = streams[clients[c].stream].connection
    guard connections[l].asked.count > ahead / 2 else { return }
    clients[c].partialSince = .never
    stall(c)
  }

  /// Bytes to read from a client at once. Of one whose last value was long no more than tells what comes now: the rest
  /// of the next is read to where it shall stand.
  package mutating func appetite(of c: UInt32) -> Int {
    if clients[c].hasUploaded {
      clients[c].hasUploaded = false
      return Self.taste
    }
    return max(16_384, allowance)
  }

  private static var taste: Int { 4096 }
}
