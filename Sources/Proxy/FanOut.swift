import Bytes
import Wire

/// A request that went to several servers, until the last of them has answered.
///
/// A multi-get has a piece for each key, in the order asked; a leg is a chain through the pieces of one
/// server. Values are kept in `bytes` as they come, and one walk over the pieces puts them in order:
///
///     pieces   a → (0, 31)   b → miss   c → (31, 40)        bytes   VALUE a … VALUE c …
///
/// A command for every server has a piece for each server, and `bytes` holds their whole replies.
struct FanOut: ~Copyable, Recyclable {
  enum Kind: UInt8, BitwiseCopyable {
    case multiGet
    case flushAll
    case version
    case stats
    case serverStats
    /// `stats` of a kind that prints keys raw: a `Fence` says where each server's report ends.
    case dump
  }

  struct Piece: BitwiseCopyable {
    /// The value's block, or the server's reply, in `bytes`.
    var offset = 0
    /// Zero: a miss, or no reply.
    var length: UInt32 = 0
    /// The next key of the same leg; for a command to every server, the server's slot.
    var next = UInt32.max
    var keyLength: UInt8 = 0
    /// Its value is too long to be kept: it will be asked for by itself. The key stands in `bytes`.
    var isDeferred = false
    /// Why there is no reply.
    var failure: ServerFailure?
    /// Of a leg's first key: the first of those of its share that are asked for when it has been answered.
    var rest = UInt32.max
  }

  var kind = Kind.multiGet
  var exchange = Slab<Exchange>.none
  var bytes = Buffer()
  var pieces = List<Piece>()
  /// Whether values come with their cas number.
  var withCAS = false
  /// Whether it is a `flush_all` that is done at once.
  var isImmediate = false
  /// Whether the answer has to be made piece by piece.
  var hasDeferred = false
  /// Whether nothing is taken from its client meanwhile.
  var isHolding = false
  /// Legs that the answer waits for.
  var pending = 0
  /// Legs that still stand in a server's queue: a late one may have been answered for, but its reply is
  /// yet to be recognised.
  var open = 0
  /// Legs that failed, and why the first of them did.
  var failures = 0
  /// Keys of a multi-get that nobody answered for.
  var unanswered = 0
  var failure: ServerFailure?
  var failedServer = Slab<Server>.none
  /// Whether failed keys are an error line rather than misses.
  var isStrict = false
  /// Which report was asked for; for `stats` and `dump` only.
  var words: [String] = []

  init() {}

  /// Notes another key, as a miss until its value comes; returns its piece.
  @inline(always) mutating func add(_ key: Word) -> UInt32 {
    var piece = Piece()
    piece.keyLength = UInt8(truncatingIfNeeded: key.length)
    let i = UInt32(truncatingIfNeeded: pieces.count)
    pieces.append(piece)
    return i
  }

  /// From piece `i` on, the next values that stand behind one another in `bytes` as they shall in the answer: all
  /// of them when one server has all the keys. Moves `i` behind them; nil when no piece has a value any more.
  @inline(always) mutating func nextRun(_ i: inout Int) -> (offset: Int, count: Int)? {
    while i < pieces.count, pieces[i].length == 0 { i &+= 1 }
    guard i < pieces.count else { return nil }
    let offset = pieces[i].offset
    var end = offset &+ Int(pieces[i].length)
    i &+= 1
    while i < pieces.count, pieces[i].offset == end || pieces[i].length == 0 {
      end &+= Int(pieces[i].length)
      i &+= 1
    }
    return (offset, end &- offset)
  }

  /// A piece has a value too long to be kept; its key stands in `asked`.
  mutating func deferLargeValue(_ i: Int, _ asked: borrowing Buffer, keyAt: Int, _ buffers: inout BufferPool)
  {
    deferLargeValue(i, asked.readable, keyAt: keyAt, &buffers)
  }

  mutating func deferLargeValue(_ i: Int, _ asked: RawSpan, keyAt: Int, _ buffers: inout BufferPool) {
    pieces[i].offset = bytes.count
    pieces[i].length = 0
    pieces[i].isDeferred = true
    bytes.append(asked, from: keyAt, count: Int(pieces[i].keyLength), &buffers)
    hasDeferred = true
  }

  mutating func reset() {
    kind = .multiGet
    withCAS = false
    isImmediate = false
    hasDeferred = false
    isHolding = false
    exchange = Slab<Exchange>.none
    pieces.removeAll()
    pending = 0
    open = 0
    failures = 0
    unanswered = 0
    failure = nil
    failedServer = Slab<Server>.none
    isStrict = false
    if !words.isEmpty { words = [] }
  }
}

/// Why a server's share of a request was not answered, in words that a person can tell apart.
package enum ServerFailure: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case refused
  case unreachable
  case timedOut
  case connectionLost
  case protocolError
  case queueFull
  case ejected
  case shuttingDown
  /// It takes no more connections, which is no failure of it.
  case full

  package var words: StaticString {
    switch self {
    case .refused, .full: "refused"
    case .unreachable: "unreachable"
    case .timedOut: "timed out"
    case .connectionLost: "connection lost"
    case .protocolError: "protocol error"
    case .queueFull: "queue full"
    case .ejected: "ejected"
    case .shuttingDown: "shutting down"
    }
  }

  /// Whether it tells that the request was never sent: what it was to change has not been changed.
  package var meansUnsent: Bool {
    switch self {
    case .refused, .unreachable, .queueFull, .ejected, .full: true
    case .timedOut, .connectionLost, .protocolError, .shuttingDown: false
    }
  }
}
