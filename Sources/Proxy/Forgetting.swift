import Bytes
import Stats
import Wire

// What memcached does when a value is too large for it.

extension Worker {
  /// A value was refused for its size: as memcached does, its key's old value is forgotten, so that nobody takes it for
  /// the new one. memcached does so for `set`, and for `ms` in every mode. Nobody waits for the answer; what this
  /// client asks next comes behind it.
  mutating func forget(_ c: UInt32, _ bytes: RawSpan, _ request: Request, now: Instant) {
    guard request.verb == .set || request.verb == .metaSet, let lane = lane(for: bytes, request) else {
      return
    }
    let l = lane.isAlone ? lane.link : link(to: lane.server, for: c)
    if !links[l].isOpen(bytes: limits.serverQueue, depth: limits.serverDepth), admit(l, now: now) != nil {
      counters.add(.noreplyDropped)
      let key = Word(start: request.keyStart, length: request.keyLength)
      var keys = KeyRange(key: key, isEncoded: request.verb == .metaSet && request.meta.contains(.base64))
      if let key = keys.next(bytes) { recordDoubt(key, at: lane.server) }
      return
    }
    let before = links[l].asked.count
    var leg = Leg()
    if request.verb == .metaSet {
      opaque &+= 1
      leg = Leg(MetaLine.writeDelete(bytes, request, opaque: opaque, to: &links[l].asked, &pool))
    } else {
      leg.verb = .delete
      leg.keyStart = 7
      leg.keyLength = UInt8(truncatingIfNeeded: request.keyLength)
      links[l].asked.append("delete ", &pool)
      links[l].asked.append(bytes, from: request.keyStart, count: request.keyLength, &pool)
      links[l].asked.append("\r\n", &pool)
    }
    leg.length = UInt32(truncatingIfNeeded: links[l].asked.count &- before)
    leg.since = now
    links[l].enqueue(leg)
    counters.add(.requestsForwarded)
    markDirty(link: l)
  }
}
