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
