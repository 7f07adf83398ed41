import Bytes
import Stats
import Wire

// Values that the proxy refuses because they are too large.

extension Worker {
  /// Deletes the key of a value refused for its size, so that the old value is not taken for the new one. memcached
  /// does this for `set`, and for `ms` in every mode. No client waits for the reply; this client's next request is
  /// queued behind.
  mutating func forget(_ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, now: Instant) {
    guard request.verb == .set || request.verb == .metaSet, let destination = destination(for: bytes, request)
    else {
      return
    }
    let word = Word(start: request.keyStart, length: request.keyLength)
    var keys = KeyRange(key: word, isEncoded: request.verb == .metaSet && request.meta.contains(.base64))
    guard let key = keys.next(bytes) else { return }
    let l = destination.isAlone ? destination.connection : connection(to: destination.server, for: c)
    if !upstream.connections[l].isOpen(bytes: common.limits.serverQueue, depth: common.limits.serverDepth),
      admit(l, now: now) != nil
    {
      common.counters.add(.noreplyDropped)
      recordDoubt(key, at: destination.server)
      return
    }
    appendDeletion(of: key, on: l)
    common.counters.add(.requestsForwarded)
  }
}
