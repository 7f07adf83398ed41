import Bytes
import Stats
import Topology
import Wire

// Lists of all keys (`lru_crawler metadump`, `mgdump`): the servers' lists, one after the other, each on a private
// connection, with one end. So a list of any length costs `Limits.ahead` bytes, and no other request waits for it.
//
//     server 1   key=a … key=c … END      the client   key=a … key=c … key=b … END
//     server 2   key=b … END
//
// Only whole lines are passed on. When a server cannot give its list, the client gets an error line instead of the end, and
// is closed: a list with a part missing must not be taken for a whole one.

extension Transfers {
  /// Asks the next server for its list; ends the client's when there is none.
  mutating func advance(dump i: Ref<Stream>, now: Instant, _ d: inout Dispatcher) {
    let f = d.streams[i].fanOut
    guard d.streams[i].piece < d.fanOuts[f].pieces.count else { return endDump(i, &d) }
    let s = d.fanOuts[f].pieces[d.streams[i].piece].server
    guard d.upstream.servers.isTaken(s), !d.upstream.servers[s].isRetired else {
      // It left the configuration meanwhile.
      d.streams[i].piece += 1
      return advance(dump: i, now: now, &d)
    }
    d.streams[i].server = s
    let shared = d.upstream.connection(to: s, lane: d.streams[i].client.slot.index)
    if let failure = d.upstream.admit(shared, now: now, &d.common) { return failedDump(i, failure.words, &d) }
    guard streamsAtWork < d.common.limits.streams else {
      return streamWaits.append(
        StreamWait(client: d.streams[i].client, stream: d.streams.id(of: i), since: now))
    }
    let l = takeConnection(for: i, to: s, now: now, &d)
    d.streams[i].enqueue(on: &d.upstream.connections[l].queue, since: now, &d.common.buffers)
    d.streams[i].stage = .head
    d.upstream.queued(on: l, &d.common)
  }

  /// Passes on the whole lines of a server's list; returns the bytes consumed.
  mutating func digestDump(
    _ i: Ref<Stream>, _ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant, _ d: inout Dispatcher
  ) -> Int {
    var p = 0
    while let newline = bytes.firstNewline(from: p) {
      let end = newline &+ 1
      if bytes.hasText("key=", at: p) || bytes.hasText("mg ", at: p) {
        p = end
        continue
      }
      give(i, bytes, 0, p, &d)
      guard bytes.isText("END\r\n", from: p, to: end) || bytes.isText("EN\r\n", from: p, to: end) else {
        failedDump(
          i, "refuses to list its keys: does it know the command, and is its LRU crawler on and idle?", &d)
        return bytes.byteCount
      }
      d.upstream.connections[l].queue.dropAll()
      leaveConnection(i, isClean: end == bytes.byteCount, &d)
      d.streams[i].stage = .waiting
      d.streams[i].piece += 1
      advance(dump: i, now: now, &d)
      return bytes.byteCount
    }
    guard bytes.byteCount &- p < ReplyParser.longestLine else {
      violation(l, .lineTooLong, bytes, p, &d)
      return bytes.byteCount
    }
    give(i, bytes, 0, p, &d)
    d.streams[i].move(p, now: now)
    return p
  }

  private mutating func endDump(_ i: Ref<Stream>, _ d: inout Dispatcher) {
    let c = d.streams[i].client.slot
    d.downstream.append(d.streams[i].isMetaDump ? "END\r\n" : "EN\r\n", to: .output(c), &d.common)
    finishDownload(i, isClean: true, &d)
  }

  /// Ends a list with an error line, and closes the client behind it.
  mutating func failedDump(_ i: Ref<Stream>, _ cause: StaticString, _ d: inout Dispatcher) {
    let c = d.streams[i].client.slot
    d.appendError(cause, at: d.streams[i].server, to: .output(c))
    d.downstream.markDirty(client: c)
    finishDownload(i, isClean: false, &d)
    d.downstream.hangUp(c, &d.common)
  }
}

extension Stream {
  /// Whether a list ends as `metadump`'s does: its line is longer than that of `mgdump`.
  fileprivate var isMetaDump: Bool {
    mutating get { line.readable.hasText("lru_crawler metadump", at: 0) }
  }
}
