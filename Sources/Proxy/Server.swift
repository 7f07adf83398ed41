import Bytes
import Routing
import Wire

/// One memcached server of a pool, as a worker sees it: its status, its limits and its connections.
package struct Server: ~Copyable, Recyclable {
  /// Its id: the same in every worker and across reloads.
  package var id: UInt32 = .max
  /// Its name in error lines and logs: the address as configured.
  package var label: [UInt8] = []
  var status = ServerStatus.up
  /// The worker's shared connections to it.
  var connections = Fifo<Ref<ServerConnection>>()
  /// Private connections that no stream uses now.
  var spares = Fifo<Ref<ServerConnection>>()
  /// When a client last began to send it a value that could be buffered or streamed, and which client that was.
  var largeValueAt = Instant.origin
  var largeValueFrom = Ref<Client>.none
  /// When it last sent or received a large value; the origin if it never did.
  var largeAt = Instant.origin
  var connectTimeout: UInt64 = 0
  var requestTimeout: UInt64 = 0
  var missesOnFailure = true
  var writesMissOnFailure = true
  /// The pool's index in the plan.
  var pool = Ref<Pool>(0)
  /// Whether the journal is kept for it.
  var isJournaled = false
  /// Whether it was flushed before a return: a later `flush_all` with a delay would take that back.
  var wasFlushed = false
  /// Keys of this server that were answered as misses because it could not answer.
  var readsAsMisses: UInt64 = 0
  /// Whether a failure was reported since its last good reply.
  var isSuspect = false
  /// Its last reply to `version`; nil before the first.
  var version: Era?
  /// The newest era whose meta requests it has been shown to support.
  var meta = Era.v1_6_18
  /// Number of connections in a row that it closed, or left unanswered, when asked which meta requests it supports.
  var shunned: UInt8 = 0
  /// Whether it, in this version, has ever answered that question.
  var hasShown = false
  /// When it is asked again if it has not, and the number of times it was used without an answer.
  var proveAt = Instant.origin
  var shuns: UInt8 = 0
  /// Whether it has replied that it accepts no more connections, and none was made since.
  var isFull = false
  /// No longer in the configuration. The worker forgets it when it has answered its last requests.
  var isRetired = false

  package init() {}
  package mutating func reset() { self = Server() }

  /// Whether its version supports meta requests but it has not answered the handshake.
  var isUnproven: Bool { !hasShown && (version ?? .v1_4) >= .v1_6_0 }
}

/// The status of a server, in the whole process.
package enum ServerStatus: UInt8, BitwiseCopyable, Sendable {
  /// In the ring, and requests are sent to it.
  case up
  /// Out of the ring: other servers own its keys for now.
  case ejected
  /// In the ring, but requests for its keys fail at once.
  case failFast
  /// Like `failFast`, and up next: its journal entries were collected, so nothing more can be promised for it.
  case returning
}

/// One connection from a worker to a server, shared by all the worker's clients unless it is private.
///
///     asked   ┌ sent, unanswered ┬ to be sent ┐      legs   oldest … youngest
///             0                 sent        count
package struct ServerConnection: ~Copyable, Recyclable {
  /// How far the connection is; see the table in docs/ARCHITECTURE.md.
  package enum State: UInt8, BitwiseCopyable {
    case closed
    case connecting
    /// Connected; `version` was sent, and nothing else is until it is answered.
    case handshaking
    /// `version` was answered; now the server is asked which meta requests it supports: see `Handshake`.
    case learningMeta
    /// The handshake is done, but requests on earlier connections that this one follows are unanswered. Nothing is sent
    /// yet, so that no client's request overtakes an earlier one of the same client.
    case waiting
    case ready
    /// Nothing was sent or received on it for a while: `version` is sent before it is used again.
    case idle
    /// `version` was sent on the idle connection and is not answered yet.
    case validating
  }

  enum Front: UInt8, BitwiseCopyable {
    case plain
    /// The front request was answered before all of it was sent.
    case answered
    /// A value of its reply is being discarded.
    case discarding
    /// It is an upload: bytes are dropped from `asked` as soon as they are sent.
    case upload
  }

  package var server = Ref<Server>.none
  /// `isNew`: connected, and the handshake is not done; `isHandshakeDone`: it is.
  package internal(set) var isNew = false
  package internal(set) var isHandshakeDone = false
  package var state = State.closed
  /// The requests, from the oldest unanswered one to the youngest.
  package var asked = Buffer()
  /// Bytes at the front of `asked` that were sent.
  package var sent = 0
  /// An unfinished reply, and the bytes of it that must be there before it is parsed again.
  package var input = Buffer()
  var awaited = 0
  var legs = Fifo<Leg>()
  /// Number of legs at the front whose deadline has passed, and the bytes of their requests.
  var late = 0
  var lateLength = 0
  /// The newest era whose meta requests its server has been shown to support.
  var meta = Era.v1_6_10
  /// The random number of its handshake.
  var secret: UInt64 = 0
  /// Keys whose deletion is promised: deleted before anything else is sent when the connection is used again.
  var owed: [[UInt8]] = []
  /// It follows a connection on which the server may yet find writes whose clients were told a miss: their deletions on
  /// this one must come after them. So it is not used before the server has had time to read the other.
  var mustRest = false
  var restsUntil = Instant.origin
  /// Progress in the reply to the front leg's multi-get: the next piece, and the position of its key in `asked`.
  var cursor: UInt32 = .max
  var cursorAt = 0
  /// Bytes of the last line of `asked`, if more keys may be added to it; the last legs make up that line.
  var lineLength = 0
  /// Number of legs at the front that missed: the value of a later key of their line has arrived.
  var missed = 0
  /// How the front leg differs from a plain one.
  var front = Front.plain
  /// For `discarding`: bytes of the value that are still to arrive.
  var discardLeft = 0
  /// Not shared: it transfers one large value at a time.
  var isPrivate = false
  var stream = Ref<Stream>.none
  /// The last multi-get with keys for it, the last piece of that share, and whether the connection refuses it.
  var round: UInt64 = 0
  var lastPiece: UInt32 = .max
  var isRefusing = false
  var isDirty = false
  /// When the current state began.
  var since = Instant.origin
  /// No attempt to connect before `retryAt`; until then requests fail for the reason of the last attempt.
  var retryAt = Instant.origin
  var lastFailure = ServerFailure.refused
  /// It was closed in the middle of a reply that was not wanted, and is being reopened.
  var isCut = false
  /// Takes no more requests: it is closed when its requests are answered. Its failures do not count against the server.
  var isRetiring = false
  /// Newer connections wait, after their handshake, until this one has no reply outstanding.
  var isFollowed = false
  /// When its last reply, or a value of one, arrived. A server that sends a few bytes at a time does not count.
  var heard = Instant.origin
  /// Progress of the current reply: when it was last made, the leg's place in `legs`, and the bytes since.
  var partAt = Instant.origin
  var partOf = -1
  var part = 0
  /// When it was last in the middle of a reply longer than a deadline: deadlines of the requests behind count from
  /// then.
  var deliveredAt = Instant.origin
  /// The connection opened beside this one because it is silent, and the silent one beside which this one was opened.
  var replacement = Ref<ServerConnection>.none
  var replaces = Ref<ServerConnection>.none
  /// When `version` was sent to check that it is alive.
  var validatingSince = Instant.origin
  /// Deadlines that pass on it before this time are not another failure of the server.
  var blamedUntil = Instant.origin

  package init() {}
  package mutating func reset() { self = ServerConnection() }

  /// Adds a key of the current multi-get to its line, with the space before it; returns the piece before it.
  @inline(always)
  mutating func join(_ piece: UInt32, _ bytes: RawSpan, _ key: Word, _ buffers: inout BufferPool) -> UInt32 {
    let before = lastPiece
    lastPiece = piece
    if !isRefusing {
      asked.append(bytes, from: key.from &- 1, count: Int(key.length) &+ 1, &buffers)
    }
    return before
  }

  /// Bytes of an unfinished reply that must still arrive before it is parsed again.
  package var missing: Int { mutating get { max(0, awaited &- input.count) } }

  /// Whether the handshake was completed, in whatever state the connection is since.
  var isMade: Bool { state == .ready || isUnverified }

  /// Whether it is not known to be alive: it is idle or being validated, and owes no reply.
  var isUnverified: Bool { state == .idle || state == .validating }

  /// Whether another request may be queued without a call of `admit`.
  @inline(__always) func isOpen(bytes: Int, depth: Int) -> Bool {
    state == .ready && asked.count <= bytes && legs.count < depth
  }

  /// Whether a later read of a key of the front leg gives the same value. Not if a request behind it may change the key
  /// (keys in base64 are not compared), or if an expiry that has passed ends it. O(requests queued).
  func mayAskAgain(keyAt: Int, count: Int) -> Bool {
    var start = 0
    for i in 0..<legs.count {
      let leg = legs[i]
      defer { start &+= Int(leg.length) }
      switch leg.verb {
      case .get, .gets, .metaDebug, .metaNoop, .stats, .version: continue
      case .metaGet where leg.metaLine.isRepeatable(asked.readable, from: start): continue
      case .gat, .gats:
        guard asked.readable.isLasting(timeAt: start &+ (leg.verb == .gat ? 4 : 5)) else { return false }
        continue
      case .flushAll: return false
      default: break
      }
      if i == 0 { continue }
      if leg.meta.contains(.base64) || legs[0].meta.contains(.base64) { return false }
      let bytes = asked.readable
      if Int(leg.keyLength) == count,
        bytes.matches(at: start &+ Int(leg.keyStart), bytes, at: keyAt, count: count)
      {
        return false
      }
    }
    return true
  }

  /// Queues a request whose bytes may be sent unchanged.
  @inline(always)
  mutating func take(_ leg: Leg, _ bytes: RawSpan, from p: Int, _ buffers: inout BufferPool) {
    asked.append(bytes, from: p, count: Int(leg.length), &buffers)
    enqueue(leg)
  }

  /// Queues a leg whose request is at the back of `asked`, with a line that no later key is added to.
  @inline(always) mutating func enqueue(_ leg: Leg) {
    legs.append(leg)
    lineLength = 0
  }

  /// Marks the connection as one with something to send; false if it is marked already.
  @inline(__always) mutating func becomeDirty() -> Bool {
    if isDirty { return false }
    isDirty = true
    return true
  }

  /// Parses the reply to the front leg, which must exist.
  @inline(always)
  mutating func answer(_ bytes: RawSpan, at p: Int, maxValue: Int) -> Answer {
    let verb = legs[0].verb
    guard verb.isRetrieval else { return ReplyParser.line(bytes, at: p, verb.expectation) }
    return ReplyParser.single(
      bytes, at: p, asked: asked.readable, keyStart: Int(legs[0].keyStart), keyLength: Int(legs[0].keyLength),
      withCAS: verb.givesCAS, maxValue: maxValue)
  }

  /// Whether the next reply belongs to a single-server request and is forwarded unchanged.
  var owesPlainly: Bool {
    @inline(always) mutating get {
      !legs.isEmpty && legs[0].fanOut == Ref<FanOut>.none && !legs[0].verb.isMeta && sent > 0
        && front == .plain
    }
  }

  /// Whether all bytes of the front leg, and of its line, were sent.
  var hasSentFront: Bool {
    @inline(always) mutating get { sent == asked.count || sent >= frontLine }
  }

  /// Removes the front leg, which has been answered. A server may answer before the whole request was sent (a value
  /// that is too large); then the leg stays until the rest is sent.
  @inline(always)
  mutating func dropFront(_ buffers: inout BufferPool) {
    let length = Int(legs[0].length)
    guard sent >= length else {
      front = .answered
      legs[0].exchange = Ref<Exchange>.none
      legs[0].fanOut = Ref<FanOut>.none
      return
    }
    legs.dropFirst()
    asked.consume(length)
    sent &-= length
    cursorAt = 0
    if late > 0 {
      late &-= 1
      lateLength &-= length
    }
    if asked.isEmpty && asked.footprint > 65_536 { asked.release(to: &buffers) }
  }

  /// Removes the first `count` legs, which were sent and answered; their requests have `length` bytes.
  @inline(always) mutating func dropFront(_ count: Int, length: Int, _ buffers: inout BufferPool) {
    legs.dropFirst(count)
    asked.consume(length)
    sent &-= length
    lateLength = late > count ? lateLength &- length : 0
    late = max(0, late &- count)
    if asked.isEmpty && asked.footprint > 65_536 { asked.release(to: &buffers) }
  }

  /// Bytes to be sent now.
  package var unsent: Int { mutating get { state == .ready ? asked.count &- sent : 0 } }
}
