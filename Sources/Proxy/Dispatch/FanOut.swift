import Bytes
import Topology
import Wire

/// A request that was split over several servers, until the last of them has answered.
///
/// A multi-get has a piece for each key, in the client's order; a leg is a chain through the pieces of one server.
/// Values are kept in `bytes` in the order of arrival, and one walk over the pieces puts them in the client's order:
///
///     pieces   a → (0, 31)   b → miss   c → (31, 40)        bytes   VALUE a … VALUE c …
///
/// A command for every server has a piece for each server, and `bytes` has their whole replies.
package struct FanOut: ~Copyable, Recyclable {
  enum Kind: UInt8, BitwiseCopyable {
    case multiGet
    case flushAll
    case version
    case stats
    case serverStats
    /// `stats` of a kind that prints keys raw: a `Fence` marks the end of each server's report.
    case dump
    /// A list of all keys, streamed from one server after the other: see `KeyDumps.swift`.
    case keyDump
  }

  struct Piece: BitwiseCopyable {
    /// The position in `bytes` of the value's block, or of the server's reply.
    var offset = 0
    /// Zero: a miss, or no reply.
    var length: UInt32 = 0
    /// The next key of the same leg.
    var next = UInt32.max
    /// The same place, for a command to every server.
    var server: Ref<Server> {
      get { Ref(next) }
      set { next = newValue.index }
    }
    var keyLength: UInt8 = 0
    /// The flags below, one bit each: so a piece has 24 bytes.
    private var marks = Marks()
    /// Why there is no reply.
    var failure: ServerFailure?
    /// The pool that it was asked of, if it `isAimed`.
    var pool = PoolIndex()
    /// For a leg's first key: the first key of the rest of its share, which is requested when the leg is answered.
    var rest = UInt32.max

    /// Its value is too large to be kept, and is requested separately. Its key is in `bytes`.
    var isDeferred: Bool {
      get { marks[1] }
      set { marks[1] = newValue }
    }

    /// Whether a node has named its pool.
    var isAimed: Bool {
      get { marks[2] }
      set { marks[2] = newValue }
    }

    /// Another piece, or a fixed answer, stands for its key: see `RoutedKeys`.
    var hasMoved: Bool {
      get { marks[4] }
      set { marks[4] = newValue }
    }

  }

  var kind = Kind.multiGet
  var exchange = Ref<Exchange>.none
  var count = Count()
  var bytes = Buffer()
  var pieces = List<Piece>()
  /// Whether the reply must be made piece by piece, because some values were deferred.
  var hasDeferred = false
  /// Whether the client's further requests wait until the deferred values have been sent.
  var isHolding = false
  /// Number of legs that the reply to the client waits for.
  var pending = 0
  /// Number of legs still in a server's queue: the reply to a late one, which was answered for, must still be
  /// recognised.
  var open = 0
  /// Number of legs that failed. `failure` and `failedServer` tell why the first did, and where.
  var failures = 0
  /// Keys of a multi-get that no server answered for.
  var unanswered = 0
  var failure: ServerFailure?
  var failedServer = Ref<Server>.none
  /// Whether failed keys give an error line rather than misses.
  var isStrict = false
  var command = Command()
  var routed = RoutedKeys()

  /// What is counted of it when it is answered.
  struct Count: BitwiseCopyable {
    var verb = Verb.get
    /// The pool of its first key, its client's listener, and when the worker received it.
    var pool = PoolIndex()
    var listener = ListenerIndex()
    var since = Instant.origin
    /// Keys whose values have arrived, and that are known to have missed: what a leg that is not late adds to them is
    /// counted.
    var hits = 0
    var misses = 0
  }

  /// What a command for every server has besides.
  struct Command {
    /// When the worker received it.
    var asked = Instant.origin
    /// Its arguments; for `stats` and `dump` only.
    var words: [String] = []
    /// Whether it is a `flush_all` without a delay.
    var isImmediate = false
  }

  package init() {}

  /// Whether values have their cas number.
  var withCAS: Bool { count.verb.givesCAS }

  /// Adds a key, as a miss until its value arrives; returns its piece.
  @inline(always) mutating func add(_ key: Word) -> UInt32 {
    var piece = Piece()
    piece.keyLength = UInt8(truncatingIfNeeded: key.length)
    let i = UInt32(truncatingIfNeeded: pieces.count)
    pieces.append(piece)
    return i
  }

  /// The next run of values, from piece `i`, that are adjacent in `bytes` in the order of the reply: all of them if one
  /// server has all the keys. Moves `i` behind them; nil when no further piece has a value.
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

  /// Appends the values in the client's order.
  mutating func appendValues(to output: inout Buffer, _ buffers: inout BufferPool) {
    output.reserve(bytes.count &+ 8, &buffers)
    var i = 0
    while let run = nextRun(&i) {
      output.append(bytes, from: run.offset, count: run.count, &buffers)
    }
  }

  /// Defers a piece with a value too large to be kept: keeps its key, which is in `asked`.
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

  /// Discards the values of a leg, whose reply was bad: they are not trusted, and count as not answered.
  mutating func forgetValues(from first: UInt32) {
    var i = first
    while i != .max {
      pieces[Int(i)].length = 0
      pieces[Int(i)].isDeferred = false
      i = pieces[Int(i)].next
    }
  }

  package mutating func reset() {
    kind = .multiGet
    hasDeferred = false
    isHolding = false
    exchange = Ref<Exchange>.none
    count = Count()
    pieces.removeAll()
    pending = 0
    open = 0
    failures = 0
    unanswered = 0
    failure = nil
    failedServer = Ref<Server>.none
    isStrict = false
    if !command.words.isEmpty { command.words = [] }
    if !routed.isEmpty { routed.removeAll() }
  }
}
