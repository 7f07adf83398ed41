import Bytes
import Wire

/// A long value on its way between one client and one server, over a connection that nobody else uses.
///
///     upload      client ─▶ link.asked ─▶ server      the client is read as fast as the server takes
///     download    server ─▶ client.output ─▶ client   the server is read as fast as the client takes
///
/// So a value of any length costs `Limits.ahead` bytes of memory, and whoever is slow holds up nobody but
/// itself. An upload starts when everything that its client asked before is answered, and the client's next
/// request is taken when it has been answered. A download starts when it is its answer's turn: its value was
/// seen to be long on the shared connection, let go by there, and is asked for once more.
struct Stream: ~Copyable, Recyclable {
  enum Course: UInt8, BitwiseCopyable {
    case upload
    case download
  }

  /// What comes next of a download.
  enum Stage: UInt8, BitwiseCopyable {
    /// Nothing was asked yet: its turn or a free connection has to come.
    case waiting
    case head
    case value
    case tail
  }

  var course = Course.download
  var stage = Stage.waiting
  var client = SlotID(index: .max, generation: 0)
  var exchange = Slab<Exchange>.none
  /// A multi-get with long values, and the piece it is at.
  var fanOut = Slab<FanOut>.none
  var piece = 0
  var connection = Slab<ServerConnection>.none
  var server = Slab<Server>.none
  /// What is asked: the line that is sent, and how its reply is to be read.
  var line = Buffer()
  var leg = Leg()
  /// Bytes that are still to pass: of an upload's request to the server, of a download's value to the client.
  var left = 0
  /// Bytes of this value have been given to the client, which cannot be told anything else any more; or to the
  /// server, which may have stored it.
  var hasBegun = false
  /// The client takes less than comes: its connection to the server is not read.
  var isHeldUp = false
  /// When it last got on, by `Worker.leastProgress` or to another stage, and the bytes since.
  var movedAt = Instant.origin
  var moved = 0
  /// It could have been held, so that nobody hurries its client.
  var isOptional = false
  /// Of an upload: since when the server has something to take, or an answer to give.
  var askedAt = Instant.origin

  init() {}
  mutating func reset() { self = Stream() }

  /// So many bytes have passed.
  mutating func move(_ n: Int, now: Instant) {
    moved &+= n
    guard moved >= Worker.leastProgress else { return }
    moved = 0
    movedAt = now
  }
}

/// A client that waits for a connection of its own to be free.
struct StreamWait: BitwiseCopyable {
  var client: SlotID
  /// The download that waits; none when the client has an upload to begin.
  var stream: SlotID?
  var since: Instant
}
