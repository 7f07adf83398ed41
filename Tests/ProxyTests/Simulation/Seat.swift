import Bytes

@testable import Proxy

/// One of several workers, with its edge: the counterpart of the runtime's thread in a world of one thread.
final class Seat {
  let number: Int
  var worker: Worker
  /// Its connections, by number.
  var pipes: [Ref<ServerConnection>: Pipe] = [:]
  /// Mail is delivered in order: none before this time.
  var mailAt: UInt64 = 0
  var reportAt: UInt64 = 0

  init(_ number: Int, _ plan: WorkerPlan, now: UInt64) {
    self.number = number
    worker = Worker(plan: plan, processID: 1, secret: UInt64(number), now: Instant(nanoseconds: now))
  }
}

/// A connection from a worker to a server. What was sent before it is closed still arrives, and is executed.
final class Pipe {
  let connection: Ref<ServerConnection>
  let server: String
  var inbox = Inbox()
  var isOpen = true
  /// The worker has paused it; what has arrived meanwhile.
  var isPaused = false
  var held: [UInt8] = []
  var isEstablished = false
  var arrivalAtServer: UInt64 = 0
  var arrivalAtProxy: UInt64 = 0
  /// A server that resumes after a stop does not read it before this time.
  var servedAt: UInt64 = 0

  init(connection: Ref<ServerConnection>, server: String) {
    self.connection = connection
    self.server = server
  }
}

/// A write or delete of a client, and its result.
struct Write {
  var start: UInt64
  /// When the client got the reply; without a reply, when the request ended in any way.
  var end: UInt64
  /// The client wants no reply.
  var isQuiet: Bool
  /// Whether it was reported as done; otherwise it is in doubt.
  var isDone = false
  /// The worker that got the request.
  var seat = 0
  /// When it was answered as a miss, if it was. A write has then not been done, and its value must never be seen; a
  /// delete is done, or will be.
  var missedAt: UInt64?
  /// Where and when a server executed it.
  var deeds: [(server: String, time: UInt64)] = []
}

/// The writes and deletes of a key, and whether a value may still be seen.
///
/// A value is stale if another write began after the value's own write had ended, and was acknowledged before the
/// read began. One exception: a write in doubt that its server executes late, after the other one on the same server,
/// is not an old value that returned; it has only just been written.
struct KeyHistory {
  /// By version; deletes have versions too.
  var writes: [Int: Write] = [:]
  /// Those that are done, in the order in which that became known.
  private var done: [Int] = []

  mutating func end(_ version: Int, at now: UInt64, isDone: Bool) {
    writes[version]?.end = now
    guard isDone, writes[version]?.isDone == false else { return }
    writes[version]?.isDone = true
    done.append(version)
  }

  /// Records when it was answered as a miss.
  mutating func miss(_ version: Int, at now: UInt64) { writes[version]?.missedAt = now }

  /// Notes that a server has deleted the key: for a write answered as a miss that is the deletion its client was promised.
  mutating func deletePromised(_ deed: (server: String, time: UInt64)) {
    for number in writes.keys where writes[number]?.missedAt != nil { writes[number]?.deeds.append(deed) }
  }

  /// Whether a value must not be seen because its write was reported as not done. Clients of the same worker must
  /// never see it, others not after two deadlines.
  func isUndone(_ version: Int, readAt start: UInt64, by seat: Int, patience: UInt64) -> Bool {
    guard let own = writes[version], let missedAt = own.missedAt else { return false }
    return start > missedAt + (own.seat == seat ? 0 : 2 * patience)
  }

  /// `grace`: how long other workers' clients may see a value after its delete was answered as a miss.
  func isStale(_ version: Int, readAt start: UInt64, by seat: Int, grace: UInt64) -> Bool {
    guard let own = writes[version] else { return true }
    for number in done.reversed() {
      guard let other = writes[number] else { continue }
      if other.end <= own.end { return false }
      let delay = other.missedAt != nil && other.seat != seat ? grace : 0
      guard other.end + delay < start, other.start > own.end else { continue }
      guard !own.isDone, let late = own.deeds.last,
        other.deeds.contains(where: { $0.server == late.server && late.time >= $0.time })
      else { return true }
    }
    return false
  }
}

/// A client with one request at a time.
final class Asker {
  enum Wish { case read, write, delete, flush }

  let seat: Seat
  private(set) var slot: Ref<Client>
  var wish = Wish.read
  var keys: [String] = []
  var version = 0
  var start: UInt64 = 0
  /// It sends one key in a meta command.
  var isMeta = false
  var isWaiting = false
  /// Its flush was not sent to a server that is out.
  var isOwed = false
  /// The part of its request that the proxy has not read yet, and the part of the reply that has arrived.
  var unsaid: [UInt8] = []
  var heard: [UInt8] = []
  var isPaused = false

  init(_ seat: Seat) {
    self.seat = seat
    slot = seat.worker.open()
  }

  /// It has a new connection.
  func begin(_ slot: Ref<Client>) {
    self.slot = slot
    isWaiting = false
    unsaid = []
    heard = []
    isPaused = false
  }
}
