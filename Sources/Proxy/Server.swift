import Bytes
import Wire

/// One memcached of a pool, as a worker sees it: its standing, its limits and its connections.
package struct Server: ~Copyable, Recyclable {
  /// The same in every worker and across reloads.
  package var id: UInt32 = .max
  /// What error lines and logs call it: the address as written.
  package var label: [UInt8] = []
  var status = ServerStatus.up
  /// The worker's connections to it.
  var connections = Fifo<UInt32>()
  /// Private connections that no stream uses now.
  var spares = Fifo<UInt32>()
  /// When the last value came that could have been held or passed on as it comes, and from which client.
  var longAt = Instant.origin
  var longFrom = Slab<Client>.none
  /// When a large value was last seen on its way to or from it; the origin if none was.
  var largeAt = Instant.origin
  var connectTimeout: UInt64 = 0
  var requestTimeout: UInt64 = 0
  var missesOnFailure = true
  var writesMissOnFailure = true
  /// The pool's place in the plan.
  var pool: UInt32 = 0
  /// Whether the journal is kept for it.
  var isJournaled = false
  /// Whether it was flushed before a return: a later `flush_all` with a delay would take that back.
  var wasFlushed = false
  /// Keys of its that were answered as misses because it could not answer.
  var readsAsMisses: UInt64 = 0
  /// Whether the board was told of a failure since the last good reply.
  var isSuspect = false
  /// What `version` said last; nil before it was asked.
  var version: Era?
  /// The newest era whose meta requests it has shown that it speaks.
  var meta = Era.v1_6_18
  /// Connections in a row that it has closed, or left unanswered, when asked which meta requests it speaks.
  var shunned: UInt8 = 0
  /// Whether it has ever answered that, of this version.
  var hasShown = false
  /// When it is asked again, if it has not, and how often it has been used without.
  var proveAt = Instant.origin
  var shuns: UInt8 = 0
  /// Whether it has said that it takes no more connections, and none was made since.
  var isFull = false
  /// No longer in the configuration: its last requests are answered, then it is forgotten.
  var isRetired = false

  package init() {}
  package mutating func reset() { self = Server() }

  /// Whether its version speaks meta requests, and it has not answered the handshake.
  var isUnproven: Bool { !hasShown && (version ?? .v1_4) >= .v1_6_0 }
}

/// How a server stands in the eyes of the whole process.
package enum ServerStatus: UInt8, BitwiseCopyable, Sendable {
  /// In the ring and asked.
  case up
  /// Out of the ring: its keys belong to others for now.
  case ejected
  /// In the ring, but not asked: its keys fail at once.
  case failFast
  /// The same, and about to be used: what it must forget was asked for when it was told, so from now on nothing more
  /// can be promised in its name.
  case returning
}

/// One connection from a worker to a server, shared by all its clients.
///
///     asked   ┌ sent, unanswered ┬ to be sent ┐      legs   oldest … youngest
///             0                 sent        count
package struct ServerConnection: ~Copyable, Recyclable {
  package enum State: UInt8, BitwiseCopyable {
    case closed
    case connecting
    /// Connected; `version` was asked, and nothing else is sent until it is answered.
    case handshaking
    /// It was; now it is asked which meta requests its server speaks: see `Handshake`.
    case learningMeta
    /// Greeted, but what was asked before on connections that it follows has not been answered: nothing is sent yet,
    /// so that no client's request overtakes another of its own.
    case waiting
    case ready
    /// Nothing was asked or said on it for a while: it is asked `version` before it is used again.
    case idle
    /// It was, and has not answered yet.
    case validating
  }

  enum Front: UInt8, BitwiseCopyable {
    case plain
    /// It was answered before all of it was sent.
    case answered
    /// A value of its reply goes by that nobody keeps.
    case discarding
    /// It is an upload: what was sent is forgotten at once.
    case upload
  }

  package var server: UInt32 = .max
  /// Whether it is connected, and its server has yet to say what it is; and whether it has said so.
  package internal(set) var isNew = false
  package internal(set) var isHandshakeDone = false
  package var state = State.closed
  /// Requests from the oldest that is unanswered to the youngest.
  package var asked = Buffer()
  /// Bytes at the front of `asked` that were sent.
  package var sent = 0
  /// An unfinished reply, and how much there must be of it before it is worth looking at.
  package var input = Buffer()
  var awaited = 0
  var legs = Fifo<Leg>()
  /// Legs at the front whose deadline has passed, and the bytes of their requests.
  var late = 0
  var lateLength = 0
  /// The newest era whose meta requests its server has shown that it speaks.
  var meta = Era.v1_6_10
  /// The random number of its handshake.
  var secret: UInt64 = 0
  /// Keys whose deletion is promised: sent ahead of anything else when the connection is used again.
  var owed: [[UInt8]] = []
  /// Progress in the front leg's multi-get: the next piece, and where its key stands in `asked`.
  var cursor: UInt32 = .max
  var cursorAt = 0
  /// Bytes of the line at the back of `asked`, if it is one that more keys may join; the last legs are all its.
  var lineLength = 0
  /// Legs at the front whose keys were missed, as a value of a later key of their line has told.
  var missed = 0
  /// What is odd about the front leg.
  var front = Front.plain
  /// For `discarding`: bytes of the value that are still to come.
  var discardLeft = 0
  /// Not shared: it carries one long value at a time.
  var isPrivate = false
  var stream = Slab<Stream>.none
  /// The last multi-get that has touched it, the last piece of its share, and whether it takes none.
  var round: UInt64 = 0
  var lastPiece: UInt32 = .max
  var isRefusing = false
  var isDirty = false
  /// When the present state began.
  var since = Instant.origin
  /// No attempt to connect before; until then requests fail for the reason that the last one failed.
  var retryAt = Instant.origin
  var lastFailure = ServerFailure.refused
  /// It was closed in the middle of a reply that was not wanted, and is made again.
  var isCut = false
  /// Takes no more requests: it answers what it was asked, and goes. Its failures are nobody's concern.
  var isRetiring = false
  /// Connections that are greeted while it still owes answers wait for them.
  var isFollowed = false
  /// When it last gave a reply, or a value of one: a server that drips bytes has said nothing.
  var heard = Instant.origin
  /// When its server last got on with the reply to a leg, which stood at this place in `legs`, and the bytes since.
  var partAt = Instant.origin
  var partOf = -1
  var part = 0
  /// Until when it was in the middle of a reply that took longer than a deadline: what waits behind counts from then.
  var deliveredAt = Instant.origin
  /// The connection that is tried beside this one because it is silent, and the one that this is tried for.
  var replacement = Slab<ServerConnection>.none
  var replaces = Slab<ServerConnection>.none
  /// When it was asked for a sign of life.
  var validatingSince = Instant.origin
  /// No deadline that passes on it before is another failure of the server.
  var blamedUntil = Instant.origin

  package init() {}
  package mutating func reset() { self = ServerConnection() }

  /// Another key of the multi-get at hand; returns the piece before it. In its line as in ours a space
  /// stands before the key.
  @inline(always)
  mutating func join(_ piece: UInt32, _ bytes: RawSpan, _ key: Word, _ buffers: inout BufferPool) -> UInt32 {
    let before = lastPiece
    lastPiece = piece
    if !isRefusing {
      asked.append(bytes, from: key.from &- 1, count: Int(key.length) &+ 1, &buffers)
    }
    return before
  }

  /// Bytes of a long reply that are still to come before it is worth looking at.
  package var missing: Int { mutating get { max(0, awaited &- input.count) } }

  /// Whether it was greeted, whatever has become of it since.
  var isMade: Bool { state == .ready || isUnverified }

  /// Whether nothing was sent on it that is not answered, because it is not known to be alive.
  var isUnverified: Bool { state == .idle || state == .validating }

  /// Whether another request may join the queue without further ado.
  @inline(__always) func isOpen(bytes: Int, depth: Int) -> Bool {
    state == .ready && asked.count <= bytes && legs.count < depth
  }

  /// Whether to read a key of the front leg again later gives the same: a request behind it may change it, and
  /// what is written in base64 is not compared; or a time that is over ends it. O(requests that wait).
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

  /// Takes a request whose bytes may be sent on as they are.
  @inline(always)
  mutating func take(_ leg: Leg, _ bytes: RawSpan, from p: Int, _ buffers: inout BufferPool) {
    asked.append(bytes, from: p, count: Int(leg.length), &buffers)
    enqueue(leg)
  }

  /// Puts a leg in the queue whose request stands at the back of `asked`, with a line of its own that nothing joins.
  @inline(always) mutating func enqueue(_ leg: Leg) {
    legs.append(leg)
    lineLength = 0
  }

  /// Takes its place among the connections with something to send; false if it has one.
  @inline(__always) mutating func becomeDirty() -> Bool {
    if isDirty { return false }
    isDirty = true
    return true
  }

  /// Reads the reply that the front leg, which there is, is owed.
  @inline(always)
  mutating func answer(_ bytes: RawSpan, at p: Int, maxValue: Int) -> Answer {
    let verb = legs[0].verb
    guard verb.isRetrieval else { return ReplyParser.line(bytes, at: p, verb.expectation) }
    return ReplyParser.single(
      bytes, at: p, asked: asked.readable, keyStart: Int(legs[0].keyStart), keyLength: Int(legs[0].keyLength),
      withCAS: verb.givesCAS, maxValue: maxValue)
  }

  /// Whether what comes next is owed to a request for one server whose reply goes on as it is.
  var owesPlainly: Bool {
    @inline(always) mutating get {
      !legs.isEmpty && legs[0].fanOut == Slab<FanOut>.none && !legs[0].verb.isMeta && sent > 0
        && front == .plain
    }
  }

  /// Whether all of the front leg's bytes have been sent, and of its line.
  var hasSentFront: Bool {
    @inline(always) mutating get { sent == asked.count || sent >= frontLine }
  }

  /// The front leg has been answered. A server may answer before it was sent the whole request (a
  /// value that is too large); then the rest is still sent before the leg leaves.
  @inline(always)
  mutating func dropFront(_ buffers: inout BufferPool) {
    let length = Int(legs[0].length)
    guard sent >= length else {
      front = .answered
      legs[0].exchange = Slab<Exchange>.none
      legs[0].fanOut = Slab<FanOut>.none
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

  /// Legs at the front have been answered, which were sent, and whose requests have so many bytes.
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
