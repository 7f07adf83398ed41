import Bytes
import Stats
import Topology
import Wire

/// One memcached server, as a worker sees it: its status, its timeouts and its connections. It may be in several pools.
package struct Server: ~Copyable, Recyclable {
  /// Its id: the same in every worker and across reloads.
  package var id = ServerID(.max)
  /// Its name in error lines and logs: the address as configured.
  package var label: [UInt8] = []
  var status = ServerStatus.up
  /// When it was last used again after it had been out; the origin if it never was.
  var upSince = Instant.origin
  /// The worker's shared connections to it.
  var connections = Fifo<Ref<ServerConnection>>()
  /// Private connections that no stream uses now.
  var spares = Fifo<Ref<ServerConnection>>()
  var large = Large()
  var timeouts = Timeouts()
  /// Whether the journal is kept for it.
  var isJournaled = false
  /// Whether it was flushed before a return: a later `flush_all` with a delay would take that back.
  var wasFlushed = false
  var counts = ServerCounts()
  /// Whether a failure was reported since its last good reply.
  var isSuspect = false
  var speech = Speech()
  /// Whether it has replied that it accepts no more connections, and none was made since.
  var isFull = false
  /// No longer in the configuration. The worker forgets it when it has answered its last requests.
  var isRetired = false

  package init() {}
  package mutating func reset() { self = Server() }

  /// The large values that it is known to have.
  struct Large: BitwiseCopyable {
    /// When a client last began to send it a value that could be buffered or streamed, and on which lane.
    var valueAt = Instant.origin
    var lane = UInt32.max
    /// When it last sent or received a large value; the origin if it never did.
    var at = Instant.origin
  }

  /// The longest timeouts of its pools, in nanoseconds: by these the connections are judged.
  struct Timeouts: BitwiseCopyable {
    var connect: UInt64 = 0
    var request: UInt64 = 0
    /// Whether its pools have different request timeouts: then requests on one connection expire in any order.
    var areMixed = false
    /// When a command for every server was last queued for it.
    var commandAt = Instant.origin
    /// The rules of its first pool: kept for the last requests of a server that is no longer configured.
    var lastPolicy: RequestPolicy?
  }

  /// What it has been found to understand.
  struct Speech: BitwiseCopyable {
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

    /// Whether its version supports meta requests but it has not answered the handshake.
    var isUnproven: Bool { !hasShown && (version ?? .v1_4) >= .v1_6_0 }
  }
}

/// One connection from a worker to a server, shared by all the worker's clients unless it is private.
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

  package var server = Ref<Server>.none
  package var state = State.closed
  package var queue = RequestQueue()
  /// An unfinished reply, and the bytes of it that must be there before it is parsed again.
  package var input = Buffer()
  var awaited = 0
  package internal(set) var handshake = HandshakeState()
  var owed = OwedDeletions()
  /// Not shared: it transfers one large value at a time.
  var isPrivate = false
  var stream = Ref<Stream>.none
  var isDirty = false
  var attempt = Attempt()
  /// It was closed in the middle of a reply that was not wanted, and is being reopened.
  var isCut = false
  /// Takes no more requests: it is closed when its requests are answered. Its failures do not count against the server.
  var isRetiring = false
  /// Newer connections wait, after their handshake, until this one has no reply outstanding.
  var isFollowed = false
  var progress = Progress()
  var check = Check()

  package init() {}
  package mutating func reset() { self = ServerConnection() }

  /// Bytes of an unfinished reply that must still arrive before it is parsed again.
  package var missing: Int { mutating get { max(0, awaited &- input.count) } }

  /// Whether the handshake was completed, in whatever state the connection is since.
  var isMade: Bool { state == .ready || isUnverified }

  /// Whether it is not known to be alive: it is idle or being validated, and owes no reply.
  var isUnverified: Bool { state == .idle || state == .validating }

  /// Whether another request may be queued without a call of `admit`.
  @inline(__always) func isOpen(bytes: Int, depth: Int) -> Bool {
    state == .ready && queue.bytes.count <= bytes && queue.legs.count < depth
  }

  /// Marks the connection as one with something to send; false if it is marked already.
  @inline(__always) mutating func becomeDirty() -> Bool {
    if isDirty { return false }
    isDirty = true
    return true
  }

  /// Bytes to be sent now.
  package var unsent: Int { mutating get { state == .ready ? queue.bytes.count &- queue.sent : 0 } }

  /// What is known from its handshake.
  package struct HandshakeState: BitwiseCopyable {
    /// `isNew`: connected, and the handshake is not done; `isDone`: it is.
    package internal(set) var isNew = false
    package internal(set) var isDone = false
    /// Its random number.
    var secret: UInt64 = 0
    /// The newest era whose meta requests the server has been shown to support.
    var meta = Era.v1_6_10
  }

  /// The last attempt to connect.
  struct Attempt: BitwiseCopyable {
    /// When the current state began.
    var since = Instant.origin
    /// No attempt to connect before `retryAt`; until then requests fail for the reason of the last attempt.
    var retryAt = Instant.origin
    var lastFailure = ServerFailure.refused
  }

  /// What must be deleted on the server before the connection is used for anything else.
  struct OwedDeletions {
    /// Those that are sent when the connection is used again.
    var deletions: [Deletion] = []
    /// It follows a connection on which the server may yet find writes whose clients were told a miss: their deletions on
    /// this one must come after them. So it is not used before the server has had time to read the other.
    var mustRest = false
    var restsUntil = Instant.origin
  }

  /// When the server last sent something.
  struct Progress: BitwiseCopyable {
    /// When its last reply, or a value of one, arrived. A server that sends a few bytes at a time does not count.
    var heard = Instant.origin
    /// Progress of the current reply: when it was last made, the leg's place in `legs`, and the bytes since.
    var at = Instant.origin
    var of = -1
    var bytes = 0
    /// When it was last in the middle of a reply longer than a deadline: deadlines of the requests behind count from
    /// then.
    var deliveredAt = Instant.origin
  }

  /// How it is found out whether a silent connection is alive.
  struct Check: BitwiseCopyable {
    /// The connection opened beside this one because it is silent, and the silent one beside which this one was opened.
    var replacement = Ref<ServerConnection>.none
    var replaces = Ref<ServerConnection>.none
    /// When `version` was sent to check that it is alive.
    var validatingSince = Instant.origin
    /// Deadlines that pass on it before this time are not another failure of the server.
    var blamedUntil = Instant.origin
  }
}
