import Bytes
import Routing
import Stats
import Wire

// Routing of up to sixteen keys at once, where that makes their hashes cheaper (`RoutingTable.prefersBatches`): the
// routes of the next few keys are found together, and then each key is treated as if it had arrived alone.

extension Worker {
  /// Like `multiGet`, sixteen keys at a time.
  @inline(never)
  mutating func multiGetInBatches(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) {
    let f = fanOuts.take()
    var words = beginKeys(bytes, p, request)
    var batch = KeyBatch()
    repeat {
      batch.removeAll()
      while batch.count < KeyBatch.most, let key = words.next(bytes) {
        guard words.isGood(bytes, key) else {
          abandon(f)
          return downstream.refuse(c, .badFormat, isQuiet: false, &common)
        }
        batch.add(from: key.from, length: Int(key.length))
      }
      router.table.locate(&batch, in: bytes)
      for n in 0..<batch.count {
        let key = Word(start: Int(batch.entries[n].from), length: Int(batch.entries[n].length))
        let i = fanOuts[f].add(key)
        addKey(i, c, key, to: routeIndex(of: batch.entries[n]), bytes, p, request, f, now: now)
      }
    } while batch.count == KeyBatch.most
    ask(c, f, request, now: now)
  }

  /// Bytes of input at which to check whether they are several gets.
  static var bytesOfSeveralGets: Int { 64 }

  /// Like `serveGets`, sixteen keys at a time.
  @inline(never)
  mutating func serveGetsInBatches(
    _ c: Ref<Client>, _ bytes: RawSpan, from start: Int, atMost room: Int, now: Instant
  ) -> Int {
    var p = start
    var count = 0
    // Most long input is another kind of request.
    if RequestParser.plainGet(bytes.rest(from: p), from: 0) == 0 { return p }
    var batch = KeyBatch()
    repeat {
      batch.removeAll()
      while batch.count < KeyBatch.most, count < room {
        let keyLength = RequestParser.plainGet(bytes.rest(from: p), from: 0)
        if keyLength == 0 { break }
        batch.add(from: p &+ 4, length: keyLength)
        p &+= keyLength &+ 6
        count &+= 1
      }
      router.table.locate(&batch, in: bytes)
      for i in 0..<batch.count {
        let key = batch.entries[i]
        let line = bytes.rest(from: Int(key.from) &- 4)
        forward(
          c, line, 0, Request(plainGetAt: 0, keyLength: Int(key.length)), to: routeIndex(of: key), now: now)
      }
    } while batch.count == KeyBatch.most
    common.counters.add(count, to: .getRequests)
    common.counters.add(count, to: .keysRequested)
    return p
  }

  /// The index of a located key's destination in `destinations`; negative when no route matches.
  @inline(always)
  mutating func routeIndex(of key: KeyBatch.Entry) -> Int {
    key.pool < 0 ? -1 : Int(router.poolStarts[Int(key.pool)]) &+ Int(key.server)
  }
}
