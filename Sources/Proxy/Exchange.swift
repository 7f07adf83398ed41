import Bytes
import Wire

/// One request of a client until its answer is on its way: a place in the client's order.
package struct Exchange: BitwiseCopyable, Recyclable {
  /// Whose it is; none when the client has left.
  var client = Slab<Client>.none
  /// The client's next exchange.
  var next = Slab<Exchange>.none
  /// A long answer, streamed when its turn has come.
  var stream = Slab<Stream>.none
  /// Whether the answer is there, or is to be streamed.
  var isFinished = false
  /// An answer before its turn: where it lies in the client's `parked`.
  var parkedAt = 0
  var parkedLength = 0

  package init() {}
  package mutating func reset() {
    next = Slab<Exchange>.none
    stream = Slab<Stream>.none
    isFinished = false
  }
}

/// One server's share of a request: what it was sent, and what it owes.
///
/// Legs stand in the order in which their bytes stand in the connection's `asked`, so that the oldest
/// leg's request is always at the front of it: checking a reply's key needs no copy of the key.
package struct Leg: BitwiseCopyable {
  /// The exchange that waits; none when nobody does (noreply, a deadline that passed, a client that left).
  var exchange = Slab<Exchange>.none
  /// The fan-out that it is a part of, and its place there: the first key's piece, or the server's.
  var fanOut = Slab<FanOut>.none
  var piece = UInt32.max
  /// Bytes of the request in `asked`.
  var length: UInt32 = 0
  var keyStart: UInt8 = 0
  var keyLength: UInt8 = 0
  var verb: Verb = .get
  /// Whether its deadline passed: it has been answered, and what comes for it is dropped.
  var isLate = false
  /// A read that was sent once before, on a connection that was dead. There is no third time.
  var isRetried = false
  /// For meta requests: what was asked, and the place of a key that the server was not asked for.
  var meta = MetaFlags()
  var keyPlace: UInt8 = 0
  /// When the worker took the request.
  var since = Instant.origin

  init() {}
}
