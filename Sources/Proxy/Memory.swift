import Bytes
import Stats
import Wire

// One limit for all the memory of a worker. The less of it is free, the less any one client or server may use.
//
//     0                                      ¾              memory                          1¼
//     ├── waits for a peer: unread replies, ─┼── in transit: ──┼── for one turn; then the ───┤
//     │   unfinished values, read-ahead      │   queues, gets  │   largest client is closed  │

extension Worker {
  /// Bytes of buffers, and of the records of the requests in flight.
  var memoryInUse: Int {
    buffers.inUse &+ Int(exchanges.count) &* Self.requestSize &+ Int(fanOuts.count) &* Self.fanOutSize
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

  /// Replaces `numbers` with this worker's statistics of each server. O(servers and connections).
  package mutating func giveServerNumbers(to numbers: inout [ServerNumbers]) {
    numbers.removeAll(keepingCapacity: true)
    var s = Ref<Server>(0)
    while s.index < servers.end {
      if servers.isTaken(s), !servers[s].isRetired {
        var heard = Instant.origin
        for i in 0..<servers[s].connections.count {
          heard = max(heard, connections[servers[s].connections[i]].heard)
        }
        numbers.append(
          ServerNumbers(id: servers[s].id, heard: heard, readsAsMisses: servers[s].readsAsMisses))
      }
      s = s.next
    }
  }

  /// Updates the gauges among the counters.
  package mutating func noteMemory() {
    counters.set(.memoryInUse, to: memoryInUse)
    counters.set(.memoryIdle, to: buffers.idleBytes)
    counters.set(.streams, to: streamsAtWork)
    counters.set(.streamsWaiting, to: streamWaits.count)
  }

  /// Whether the buffers exceed the memory limit by more than a quarter.
  package var isOverfull: Bool { mutating get { buffers.inUse > limits.memory &+ limits.memory / 4 } }

  /// Closes the client with the most buffered bytes, if they are many: it leaves replies unread, or a value unfinished.
  /// This bounds a worker's memory. A client that reads its replies and finishes its values is never closed by it.
  package mutating func closeLargestClient() {
    var most = Self.modest
    var victim = Ref<Client>.none
    var c = Ref<Client>(0)
    while c.index < clients.end {
      if clients.isTaken(c), !clients[c].isClosed, memory(of: c) > most {
        most = memory(of: c)
        victim = c
      }
      c = c.next
    }
    guard victim != Ref<Client>.none else { return }
    close(client: victim)
    events.append(.closedForMemory(held: most))
  }

  /// Bytes up to which a client is not closed: it is not the cause of the shortage.
  private static let modest = 8192

  private func memory(of c: Ref<Client>) -> Int {
    var total =
      clients[c].input.footprint &+ clients[c].output.footprint &+ clients[c].parked.footprint
    if clients[c].stream != Ref<Stream>.none, clients[c].isUploading {
      total &+= connections[streams[clients[c].stream].connection].queue.bytes.footprint
    }
    return total
  }

  /// Frees the memory that a burst has left unused.
  mutating func trimMemory() {
    buffers.trim()
    exchanges.trim()
    fanOuts.trim()
    effects.trim()
    var l = Ref<ServerConnection>(0)
    while l.index < connections.end {
      connections[l].queue.trim()
      l = l.next
    }
  }
}
