import Bytes
import Stats
import Wire

// One bound for everything that a worker keeps. The less of it is free, the less any one may take.
//
//     0                                            ¾                memory          1¼
//     ├── what waits for somebody: answers unread, ┼── what moves: ──┼── for a turn, ─┤
//     │   values half come, streams read ahead     │   queues, gets  │   then relieve │

extension Worker {
  /// Bytes of buffers, and of what is known of the requests in flight.
  var memoryInUse: Int {
    buffers.inUse &+ Int(exchanges.count) &* Self.requestSize &+ Int(fanOuts.count) &* Self.fanOutSize
  }

  /// What a request in flight takes beside its bytes: an `Exchange`, a `Leg`, and the room that lists of them
  /// leave between two sizes.
  private static let requestSize = 256
  /// A `FanOut` with as many pieces as it keeps from one use to the next.
  private static let fanOutSize = 4096

  /// Bytes that may still be taken.
  private var free: Int { max(0, limits.memory &- memoryInUse) }

  /// Bytes that may still be taken by what waits for somebody.
  private var freeToWait: Int { max(0, limits.memory / 4 &* 3 &- memoryInUse) }

  /// Values longer than this are streamed; shorter ones are held as a whole. The less memory there is, the
  /// less is held.
  var heldLimit: Int { min(limits.held, max(limits.heldLeast, freeToWait / 4)) }

  /// The longest value that is held when it cannot be asked for again.
  var mostHeld: Int { max(limits.held, free) }

  /// Bytes that a client may leave unread before its next request waits.
  var allowance: Int { min(limits.clientOutput, max(2048, freeToWait / 4)) }

  /// Requests that a client may have in flight.
  var requestAllowance: UInt32 { min(limits.clientRequests, UInt32(clamping: max(8, free >> 12))) }

  /// Bytes of a streamed value that are read ahead of who takes them.
  var ahead: Int { min(limits.ahead, max(16_384, freeToWait / 16)) }

  /// Bytes that may wait for one server.
  var queueAllowance: Int { min(limits.serverQueue, max(65_536, free / 2)) }

  /// Bytes of a multi-get's values that are gathered before they are given.
  var gatherLimit: Int { max(limits.heldLeast, min(limits.held &* 8, free / 4)) }

  /// The numbers of each server, for the whole process, in place of those that stood there. O(servers and connections).
  package mutating func giveServerNumbers(to numbers: inout [ServerNumbers]) {
    numbers.removeAll(keepingCapacity: true)
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s), !servers[s].isRetired {
        var heard = Instant.origin
        for i in 0..<servers[s].connections.count {
          heard = max(heard, connections[servers[s].connections[i]].heard)
        }
        numbers.append(
          ServerNumbers(id: servers[s].id, heard: heard, readsAsMisses: servers[s].readsAsMisses))
      }
      s += 1
    }
  }

  /// Brings the gauges of the counters up to date.
  package mutating func noteMemory() {
    counters.set(.memoryInUse, to: memoryInUse)
    counters.set(.memoryIdle, to: buffers.idleBytes)
    counters.set(.streams, to: streamsAtWork)
    counters.set(.streamsWaiting, to: streamWaits.count)
  }

  /// Whether more memory is held than may be.
  package var isOverfull: Bool { mutating get { buffers.inUse > limits.memory &+ limits.memory / 4 } }

  /// Closes the client that holds the most, if that is much: it leaves answers unread, or a value half sent.
  /// Nobody comes here who takes and gives what was asked for; it is what keeps a worker's memory bounded
  /// whatever its clients do.
  package mutating func closeLargestClient() {
    var most = Self.modest
    var victim = Slab<Client>.none
    var c: UInt32 = 0
    while c < clients.end {
      if clients.isTaken(c), !clients[c].isClosed, memory(of: c) > most {
        most = memory(of: c)
        victim = c
      }
      c += 1
    }
    guard victim != Slab<Client>.none else { return }
    close(client: victim)
    events.append(.closedForMemory(held: most))
  }

  /// Who holds no more is not to blame.
  private static let modest = 8192

  private func memory(of c: UInt32) -> Int {
    var total =
      clients[c].input.footprint &+ clients[c].output.footprint &+ clients[c].parked.footprint
    if clients[c].stream != Slab<Stream>.none, clients[c].isUploading {
      total &+= connections[streams[clients[c].stream].connection].asked.footprint
    }
    return total
  }

  /// Gives back what a burst has left.
  mutating func trimMemory() {
    buffers.trim()
    exchanges.trim()
    fanOuts.trim()
    effects.trim()
    var l: UInt32 = 0
    while l < connections.end {
      connections[l].legs.trim()
      l += 1
    }
  }
}
