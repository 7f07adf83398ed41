/// Decides when a worker thread waits a little, so that more goes with one send: a send costs as much for one request
/// or reply as for thirty. With few requests in flight it never waits.
///
///     turn   wait for events ─▶ read ─▶ looks again? ─▶ answers early? ─▶ send, but held replies ─▶ pauses?
///
/// Thresholds, and pure functions of what the thread has counted.
@usableFromInline
package enum Batcher {
  /// Minimum requests in flight for looking again and for pausing.
  @inlinable package static var minInFlight: Int { 12 }
  /// A turn with fewer forwarded requests, or fewer events, brought little.
  @inlinable package static var smallTurn: Int { 32 }
  /// The most times that a turn looks again.
  @inlinable package static var mostLooks: Int { 4 }
  /// Nanoseconds of a pause, which costs as much CPU as a few sends.
  @inlinable package static var pauseLength: Int64 { 60_000 }
  /// Minimum requests in flight for holding replies.
  @inlinable package static var holdMinInFlight: Int { 32 }
  /// Nanoseconds for which a client's replies wait for those that it still awaits.
  @inlinable package static var replyHoldLimit: UInt64 { 100_000 }
  /// Replies of this many bytes and more are sent at once: holding them back would save nothing.
  static var worthSending: Int { 16_384 }
  /// Numbers of clients to answer for which this is done before anything is sent to servers. More clients are a batch
  /// without it.
  @inlinable package static var earlyReplyClients: ClosedRange<Int> { 8...64 }
  /// The most times that a turn does so.
  @inlinable package static var earlyReplyRounds: Int { 2 }

  /// Whether a turn that has looked again `looks` times does so once more before it sends.
  @inlinable package static func looksAgain(after looks: Int, inFlight: Int, forwarded: UInt64) -> Bool {
    looks < mostLooks && inFlight >= minInFlight && forwarded < smallTurn
  }

  /// Whether the replies to this number of clients are sent first, after `rounds` such sends in this turn: the clients'
  /// next requests then join the send to the servers.
  @inlinable package static func answersEarly(after rounds: Int, clients: Int) -> Bool {
    rounds < earlyReplyRounds && earlyReplyClients.contains(clients)
  }

  /// Nanoseconds for which replies may be held.
  @inlinable package static func holdLimit(inFlight: Int) -> UInt64 {
    inFlight >= holdMinInFlight ? replyHoldLimit : 0
  }

  /// Whether to hold `bytes` of replies to a client that awaits others, after they were held for `held` nanoseconds.
  @inline(__always) static func holds(_ bytes: Int, awaited: UInt32, held: UInt64, limit: UInt64) -> Bool {
    awaited > 0 && bytes < worthSending && held < limit
  }

  /// Whether to pause after a turn: it brought little of what is in flight. Servers answer in small pieces, and a turn
  /// for each costs more than it brings.
  @inlinable package static func pauses(inFlight: Int, events: Int, forwarded: UInt64) -> Bool {
    guard inFlight >= minInFlight else { return false }
    // With few clients that pipeline, one event brings many requests.
    return events < min(smallTurn, inFlight / 8) || forwarded < min(smallTurn, inFlight / 2)
  }
}
