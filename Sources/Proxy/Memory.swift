import Bytes
import Stats

// One limit for all the memory of a worker. The less of it is free, the less any one client or server may use.
//
//     0                                      ¾              memory                          1¼
//     ├── waits for a peer: unread replies, ─┼── in transit: ──┼── for one turn; then the ───┤
//     │   unfinished values, read-ahead      │   queues, gets  │   largest client is closed  │

extension Common {
  /// Bytes of buffers, and of the records of the requests in flight.
  var memoryInUse: Int { buffers.inUse &+ records }

  /// Notes how many requests are in flight: they take memory beside their buffers.
  @inline(__always) mutating func noteRecords(exchanges: UInt32, fanOuts: UInt32) {
    records = Int(exchanges) &* Self.requestSize &+ Int(fanOuts) &* Self.fanOutSize
  }

  /// Bytes of a request in flight beside its buffers: an `Exchange`, a `Leg`, and the unused part of their lists.
  private static let requestSize = 256
  /// Bytes of a `FanOut` with the number of pieces that it keeps from one use to the next.
  private static let fanOutSize = 4096

  /// Bytes still free.
  private var free: Int { max(0, limits.memory &- memoryInUse) }

  /// Bytes still free for data that waits for a client or a server.
  private var freeToWait: Int { max(0, limits.memory / 4 &* 3 &- memoryInUse) }

  /// Values larger than this are streamed; smaller ones are buffered whole. The less memory is free, the lower it is.
  var heldLimit: Int { min(limits.held, max(limits.heldLeast, freeToWait / 4)) }

  /// The largest value that is buffered when it cannot be requested again.
  var mostHeld: Int { max(limits.held, free) }

  /// Bytes of replies that a client may leave unread before its next request waits.
  var allowance: Int { min(limits.clientOutput, max(2048, freeToWait / 4)) }

  /// Requests that a client may have in flight.
  var requestAllowance: UInt32 { min(limits.clientRequests, UInt32(clamping: max(8, free >> 12))) }

  /// Bytes of a streamed value that are read ahead of the receiver.
  var ahead: Int { min(limits.ahead, max(16_384, freeToWait / 16)) }

  /// Bytes that may be queued for one server.
  var queueAllowance: Int { min(limits.serverQueue, max(65_536, free / 2)) }

  /// Bytes of a multi-get's values that are gathered before they are sent.
  var gatherLimit: Int { max(limits.heldLeast, min(limits.held &* 8, free / 4)) }
}

extension Worker {
  /// Notes how many requests are in flight, before memory is asked for.
  @inline(__always) mutating func noteRecords() {
    common.noteRecords(exchanges: downstream.exchanges.count, fanOuts: fanOuts.count)
  }

  /// Replaces `numbers` with this worker's statistics of each server. O(servers and connections).
  package mutating func giveServerNumbers(to numbers: inout [ServerNumbers]) {
    numbers.removeAll(keepingCapacity: true)
    var s = Ref<Server>(0)
    while s.index < upstream.servers.end {
      if upstream.servers.isTaken(s), !upstream.servers[s].isRetired {
        var heard = Instant.origin
        for i in 0..<upstream.servers[s].connections.count {
          heard = max(heard, upstream.connections[upstream.servers[s].connections[i]].progress.heard)
        }
        numbers.append(
          ServerNumbers(
            id: upstream.servers[s].id, heard: heard, readsAsMisses: upstream.servers[s].readsAsMisses))
      }
      s = s.next
    }
  }

  /// Updates the gauges among the counters.
  package mutating func noteMemory() {
    noteRecords()
    common.counters.set(.memoryInUse, to: common.memoryInUse)
    common.counters.set(.memoryIdle, to: common.buffers.idleBytes)
    common.counters.set(.streams, to: transfers.streamsAtWork)
    common.counters.set(.streamsWaiting, to: transfers.streamWaits.count)
  }

  /// Whether the buffers exceed the memory limit by more than a quarter.
  package var isOverfull: Bool {
    mutating get { common.buffers.inUse > common.limits.memory &+ common.limits.memory / 4 }
  }

  /// Closes the client with the most buffered bytes, if they are many: it leaves replies unread, or a value unfinished.
  /// This bounds a worker's memory. A client that reads its replies and finishes its values is never closed by it.
  package mutating func closeLargestClient() {
    var most = Self.modest
    var victim = Ref<Client>.none
    var c = Ref<Client>(0)
    while c.index < downstream.clients.end {
      if downstream.clients.isTaken(c), !downstream.clients[c].life.isClosed, memory(of: c) > most {
        most = memory(of: c)
        victim = c
      }
      c = c.next
    }
    guard victim != Ref<Client>.none else { return }
    downstream.close(client: victim, &common)
    common.events.append(.closedForMemory(held: most))
  }

  /// Bytes up to which a client is not closed: it is not the cause of the shortage.
  private static let modest = 8192

  private func memory(of c: Ref<Client>) -> Int {
    var total =
      downstream.clients[c].input.footprint &+ downstream.clients[c].output.footprint
      &+ downstream.clients[c].parked.footprint
    if downstream.clients[c].large.stream != Ref<Stream>.none, downstream.clients[c].large.isUploading {
      total &+=
        upstream.connections[transfers.streams[downstream.clients[c].large.stream].connection].queue.bytes
        .footprint
    }
    return total
  }

  /// Frees the memory that a burst has left unused.
  mutating func trimMemory() {
    common.buffers.trim()
    downstream.exchanges.trim()
    fanOuts.trim()
    common.effects.trim()
    var l = Ref<ServerConnection>(0)
    while l.index < upstream.connections.end {
      upstream.connections[l].queue.trim()
      l = l.next
    }
  }
}
