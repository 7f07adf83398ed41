import Bytes
import Wire

/// A transfer of one large value between a client and a server, over a private connection.
///
///     upload      client ─▶ connection.queue ─▶ server   the client is read as fast as the server accepts
///     download    server ─▶ client.output ─▶ client      the server is read as fast as the client accepts
///
/// So a value of any size costs `Limits.ahead` bytes of memory, and a slow client or server delays only itself. An
/// upload starts when the client's earlier requests are answered; the client's next request is served when the upload
/// is answered. A download starts when it is the reply's turn: the value was found to be large on the shared
/// connection, discarded there, and is requested again.
struct Stream: ~Copyable, Recyclable {
  enum Course: UInt8, BitwiseCopyable {
    case upload
    case download
  }

  /// The part of a download's reply that is expected next.
  enum Stage: UInt8, BitwiseCopyable {
    /// Nothing was requested yet: it is not its turn, or no stream is free.
    case waiting
    case head
    case value
    case tail
  }

  var course = Course.download
  /// Whether a download's turn has come and it has begun.
  var hasStarted = false
  var stage = Stage.waiting
  var client = SlotID(Ref<Client>.none, generation: 0)
  var exchange = Ref<Exchange>.none
  /// Its multi-get, if it has deferred values, and the piece to be sent next.
  var fanOut = Ref<FanOut>.none
  var piece = 0
  var connection = Ref<ServerConnection>.none
  var server = Ref<Server>.none
  /// The request line, and the leg by which its reply is parsed.
  var line = Buffer()
  var leg = Leg()
  var progress = Progress()
  /// Bytes of this value were sent: the client can no longer get an error, or the server may have stored it.
  var hasBegun = false
  /// The client reads more slowly than the server sends: the connection to the server is not read.
  var isHeldUp = false
  /// The value was small enough to be buffered: its client is not closed to free the stream for others.
  var isOptional = false

  /// How much is left, and when it last moved.
  struct Progress: BitwiseCopyable {
    /// Bytes still to be transferred: of an upload's request to the server, of a download's value to the client.
    var left = 0
    /// When it last made progress (by `Upstream.leastProgress` bytes, or to another stage), and the bytes since.
    var movedAt = Instant.origin
    var moved = 0
    /// Of an upload: since when the server has bytes to accept, or a reply to send.
    var askedAt = Instant.origin
  }

  init() {}
  mutating func reset() { self = Stream() }

  /// Writes the request line for one key's value.
  mutating func writeLine(
    _ verb: Verb, _ source: borrowing Buffer, keyAt: Int, count: Int, _ buffers: inout BufferPool
  ) {
    line.removeAll()
    line.append(verb == .gets ? "gets " : "get ", &buffers)
    leg.verb = verb
    leg.continuesPreviousLine = false
    leg.isContinuedByNext = false
    leg.keyStart = UInt8(truncatingIfNeeded: line.count)
    leg.keyLength = UInt8(truncatingIfNeeded: count)
    line.append(source, from: keyAt, count: count, &buffers)
    line.append("\r\n", &buffers)
    leg.length = UInt32(truncatingIfNeeded: line.count)
  }

  /// The route of its key.
  mutating func route(_ router: inout Router, _ target: Target) -> Route {
    router.route(
      of: line.readable,
      RequestKey(
        word: Word(start: Int(leg.keyStart), length: Int(leg.keyLength)),
        isEncoded: leg.verb.isMeta && leg.meta.contains(.base64)), target)
  }

  /// Whether a deletion of its key on its server is promised and not yet answered.
  mutating func isPromisedAway(_ upstream: borrowing Upstream) -> Bool {
    upstream.isPromisedAway(leg, line.readable, at: server)
  }

  /// Queues its request.
  mutating func enqueue(on queue: inout RequestQueue, since now: Instant, _ buffers: inout BufferPool) {
    var asked = leg
    asked.since = now
    queue.enqueue(asked, copiedFrom: line.readable, at: 0, &buffers)
  }

  /// A copy of its line.
  mutating func copyLine(_ buffers: inout BufferPool) -> Buffer {
    var copy = Buffer()
    copy.append(line, from: 0, count: line.count, &buffers)
    return copy
  }

  /// Takes the line out of a stream that is about to end.
  mutating func takeLine() -> Buffer {
    var taken = Buffer()
    swap(&taken, &line)
    return taken
  }

  /// Records that `n` bytes were transferred.
  mutating func move(_ n: Int, now: Instant) {
    progress.moved &+= n
    guard progress.moved >= Upstream.leastProgress else { return }
    progress.moved = 0
    progress.movedAt = now
  }
}

/// A client that waits for a free stream.
struct StreamWait: BitwiseCopyable {
  var client: SlotID<Client>
  /// The download that waits; none when the client has an upload to begin.
  var stream: SlotID<Stream>?
  var since: Instant
}
