import Bytes
import Wire

/// One request of a client, until its reply is in the client's output: a position in the client's order.
package struct Exchange: BitwiseCopyable, Recyclable {
  /// Its client; none when that has disconnected.
  var client = Ref<Client>.none
  /// The client's next exchange.
  var next = Ref<Exchange>.none
  /// A large reply, which is streamed in its turn.
  var stream = Ref<Stream>.none
  /// Whether the reply is complete, or is to be streamed.
  var isFinished = false
  /// The position, in the client's `parked`, of a reply that arrived before its turn.
  var parkedAt = 0
  var parkedLength = 0

  /// When a request that more than one server was asked for arrived: until its reply is parked.
  var begun: Instant {
    get { Instant(nanoseconds: UInt64(bitPattern: Int64(parkedAt))) }
    set { parkedAt = Int(Int64(bitPattern: newValue.nanoseconds)) }
  }

  package init() {}
  package mutating func reset() {
    next = Ref<Exchange>.none
    stream = Ref<Stream>.none
    isFinished = false
  }
}

/// One server's share of a request: what was sent to that server, and which reply it owes.
///
/// Legs are in the order of their bytes in the `RequestQueue`, so the oldest leg's request is always at its front: a
/// reply's key is compared with the request's without a copy of it.
package struct Leg: BitwiseCopyable {
  /// The exchange that waits for it; none after `noreply` or a passed deadline.
  var exchange = Ref<Exchange>.none
  /// Its fan-out, and its piece there: that of its first key, or that of its server. Without a fan-out: see `route`.
  var fanOut = Ref<FanOut>.none
  var piece = UInt32.max
  /// Bytes of its request.
  var length: UInt32 = 0
  var keyStart: UInt8 = 0
  var keyLength: UInt8 = 0
  var verb: Verb = .get
  /// The flags below, one bit each: so a leg has 32 bytes.
  private var marks = Marks()
  /// For meta requests: the client's flags, and where in the reply a key belongs that was not requested from the
  /// server.
  var meta = MetaFlags()
  var keyPlace: UInt8 = 0
  var account = Account()
  /// When the worker received the request.
  var since = Instant.origin

  init() {}

  /// For a request of one key.
  @inline(__always)
  init(
    _ request: Request, for exchange: Ref<Exchange>, from listener: ListenerIndex, in pool: PoolIndex,
    since now: Instant
  ) {
    self.exchange = exchange
    verb = request.verb
    keyLength = UInt8(truncatingIfNeeded: request.keyLength)
    account = Account(pool, listener)
    since = now
  }

  /// The pool of its key, or of its first: whose rules apply if it fails.
  var pool: PoolIndex {
    @inline(always) get { account.pool }
    @inline(always) set { account = Account(newValue, account.listener) }
  }

  /// Its client's listener.
  var listener: ListenerIndex {
    @inline(always) get { account.listener }
    @inline(always) set { account = Account(account.pool, newValue) }
  }

  /// Whether its deadline has passed: the client was answered, and the server's reply is dropped.
  var isLate: Bool {
    @inline(always) get { marks[1] }
    set { marks[1] = newValue }
  }

  /// Whether it is a read that was sent before, on a connection that was dead. It is not sent a third time.
  var isRetried: Bool {
    get { marks[2] }
    set { marks[2] = newValue }
  }

  /// Whether its keys continue the line of the leg before it: see `GetCoalescing.swift`.
  var continuesPreviousLine: Bool {
    @inline(always) get { marks[4] }
    @inline(always) set { marks[4] = newValue }
  }

  /// Whether the keys of the next leg continue its line.
  var isContinuedByNext: Bool {
    @inline(always) get { marks[8] }
    @inline(always) set { marks[8] = newValue }
  }

  /// Whether it is a deletion by the proxy itself, which a client was promised. It is given up only when the server
  /// goes out; then the server's journal has its key.
  var isPromised: Bool {
    get { marks[16] }
    set { marks[16] = newValue }
  }

  /// Whether a `Fence` was sent behind its request.
  var isFenced: Bool {
    get { marks[32] }
    set { marks[32] = newValue }
  }

  /// Whether its client's listener names its pool, so that its keys do not.
  var isAimed: Bool {
    get { marks[64] }
    set { marks[64] = newValue }
  }

  /// Whether a node decides what follows from its outcome; `route` says which.
  var isRouted: Bool {
    @inline(always) get { marks[128] }
    set { marks[128] = newValue }
  }

  /// Of a leg that `isRouted` and is no part of a fan-out.
  var route: RouteMark {
    get { RouteMark(bits: piece) }
    set {
      piece = newValue.bits
      isRouted = true
    }
  }

  /// Only requests that a client still waits for, within their deadline, and only once.
  var mayBeSentAgain: Bool {
    !isLate && !isRetried && (exchange != Ref<Exchange>.none || fanOut != Ref<FanOut>.none)
  }

  /// What follows the bytes of a value that belongs to this leg.
  var valueEnd: StaticString {
    fanOut == Ref<FanOut>.none && !verb.isMeta && !isContinuedByNext ? "\r\nEND\r\n" : "\r\n"
  }

  /// Whether it is a read that neither touches nor creates. Its request begins at `start` in `bytes`.
  func changesNothing(_ bytes: borrowing Buffer, _ start: Int) -> Bool {
    switch verb {
    case .get, .gets, .metaDebug: return true
    case .metaGet:
      var flags = metaLine.sentFlags(bytes.readable, from: start)
      while let word = flags.next(bytes.readable) {
        // N creates, R wins the right to store a new value, T touches.
        if [78, 82, 84].contains(bytes.readable.byte(at: word.from)) { return false }
      }
      return true
    default: return false
    }
  }

  /// Lets the next leg continue its line: the line end is no longer its own.
  @inline(always) mutating func continueByNext() {
    length &-= 2
    isContinuedByNext = true
  }
}

/// Whom a request is counted for: its pool and its listener, which are compared at once.
struct Account: BitwiseCopyable, Equatable {
  private var numbers: UInt16 = 0

  init() {}
  @inline(always) init(_ pool: PoolIndex, _ listener: ListenerIndex) {
    numbers = UInt16(pool.number) | UInt16(listener.number) &<< 8
  }

  var pool: PoolIndex {
    @inline(always) get { PoolIndex(number: UInt8(truncatingIfNeeded: numbers)) }
  }

  var listener: ListenerIndex {
    @inline(always) get { ListenerIndex(number: UInt8(truncatingIfNeeded: numbers &>> 8)) }
  }
}

/// Up to eight flags in one byte.
struct Marks: BitwiseCopyable {
  private var bits: UInt8 = 0

  /// `bit`: 1, 2, 4, …
  subscript(bit: UInt8) -> Bool {
    @inline(__always) get { bits & bit != 0 }
    @inline(__always) set { bits = newValue ? bits | bit : bits & ~bit }
  }
}
