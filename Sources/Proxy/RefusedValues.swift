import Bytes
import Stats
import Wire

// What memcached does when a value is too large for it.

extension Worker {
  /// A value was refused for its size: as memcached does, its key's old value is forgotten, so that nobody takes it for
  /// the new one. memcached does so for `set`, and for `ms` in every mode. Nobody waits for the answer; what this
  /// client asks next comes behind it.
  mutating func forget(_ c: UInt32, _ bytes: RawSpan, _ request: Request, now: Instant) {
    guard request.verb == .set || request.verb == .metaSet, let destination = destination(for: bytes, request)
    else {
      return
    }
    let word = Word(start: request.keyStart, length: request.keyLength)
    var keys = KeyRange(key: word, isEncoded: request.verb == .metaSet && request.meta.contains(.base64))
    guard let key = keys.next(bytes) else { return }
    let l = destination.isAlone ? destination.connection : connection(to: destination.server, for: c)
    if !connections[l].isOpen(bytes: limits.serverQueue, depth: limits.serverDepth), admit(l, now: now) != nil
    {
      counters.add(.noreplyDropped)
      recordDoubt(key, at: destination.server)
      return
    }
    appendDeletion(of: key, on: l)
    counters.add(.requestsForwarded)
  }
}
