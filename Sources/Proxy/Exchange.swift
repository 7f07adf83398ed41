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
  /// Its bytes in `asked`.
  var length: UInt32 = 0
  var keyStart: UInt8 = 0
  var keyLength: UInt8 = 0
  var verb: Verb = .get
  /// The claims below, a bit for each: so a leg has 32 bytes.
  private var marks: UInt8 = 0
  /// For meta requests: what was asked, and the place of a key that the server was not asked for.
  var meta = MetaFlags()
  var keyPlace: UInt8 = 0
  /// When the worker took the request.
  var since = Instant.origin

  init() {}

  /// Whether its deadline passed: it has been answered, and what comes for it is dropped.
  var isLate: Bool {
    @inline(always) get { marks & 1 != 0 }
    set { mark(1, newValue) }
  }

  /// A read that was sent once before, on a connection that was dead. There is no third time.
  var isRetried: Bool {
    get { marks & 2 != 0 }
    set { mark(2, newValue) }
  }

  /// Whether its keys stand in the line of the leg before it: see `Joining.swift`.
  var continuesPreviousLine: Bool {
    @inline(always) get { marks & 4 != 0 }
    @inline(always) set { mark(4, newValue) }
  }

  /// Whether the keys of the leg behind it stand in its own line.
  var isContinuedByNext: Bool {
    @inline(always) get { marks & 8 != 0 }
    @inline(always) set { mark(8, newValue) }
  }

  /// A deletion of the proxy's own, which a client was promised: given up never, but when the server is out, which its
  /// journal knows.
  var isPromised: Bool {
    get { marks & 16 != 0 }
    set { mark(16, newValue) }
  }

  /// A `Fence` stands behind its request.
  var isFenced: Bool {
    get { marks & 32 != 0 }
    set { mark(32, newValue) }
  }

  @inline(always) private mutating func mark(_ bit: UInt8, _ isSet: Bool) {
    marks = isSet ? marks | bit : marks & ~bit
  }

  /// The leg behind it goes on with its line, whose end is no longer this one's.
  @inline(always) mutating func goOn() {
    length &-= 2
    isContinuedByNext = true
  }
}
