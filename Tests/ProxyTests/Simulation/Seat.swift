import Bytes

@testable import Proxy

/// A worker of several, with its edge: what the runtime's thread is, in a world of one thread.
final class Seat {
  let number: Int
  var worker: Worker
  /// Its connections, by link.
  var pipes: [UInt32: Pipe] = [:]
  /// Mail is read in order: nothing before this.
  var mailAt: UInt64 = 0
  var reportAt: UInt64 = 0

  init(_ number: Int, _ plan: WorkerPlan, now: UInt64) {
    self.number = number
    worker = Worker(plan: plan, processID: 1, secret: UInt64(number), now: Instant(nanoseconds: now))
  }
}

/// A connection from a worker to a server. What was sent before it is closed still arrives, and is done.
final class Pipe {
  let connection: UInt32
  let server: String
  var inbox = Inbox()
  var isOpen = true
  /// The worker does not read it for now; what has come meanwhile.
  var isPaused = false
  var held: [UInt8] = []
  var isEstablished = false
  var arrivalAtServer: UInt64 = 0
  var arrivalAtProxy: UInt64 = 0
  /// A server that goes on after a stop comes to it no sooner.
  var servedAt: UInt64 = 0

  init(connection: UInt32, server: String) {
    self.connection = connection
    self.server = server
  }
}

/// What a client wrote or deleted, and what became of it.
struct Write {
  var start: UInt64
  /// When the client knew; or, of one that wanted no answer, when it was over one way or the other.
  var end: UInt64
  /// Nobody was to be told.
  var isQuiet: Bool
  /// Whether it was told that it is done; else it is in doubt.
  var isDone = false
  /// The worker that was asked for it.
  var seat = 0
  /// It was answered as if its key were not there: since when, if it was. A write has not been done then, and its value is
  /// never to be seen; a delete is done, or will be.
  var missedAt: UInt64?
  /// Where and when a server did it.
  var deeds: [(server: String, time: UInt64)] = []
}

/// What clients did to a key, and whether a value may still be seen.
///
/// A value is stale when another write was begun after the value's own had ended, and was acknowledged before
/// the read began. One excuse: a write in doubt that its server does late, after the other one on the same
/// server, has not come back from the dead; it has only just happened.
struct KeyHistory {
  /// By version; deletes have one as well.
  var writes: [Int: Write] = [:]
  /// Those that are done, in the order in which that was known.
  private var done: [Int] = []

  mutating func end(_ version: Int, at now: UInt64, isDone: Bool) {
    writes[version]?.end = now
    guard isDone, writes[version]?.isDone == false else { return }
    writes[version]?.isDone = true
    done.append(version)
  }

  /// When it was answered as if its key were not there.
  mutating func miss(_ version: Int, at now: UInt64) { writes[version]?.missedAt = now }

  /// Whether a value may not be there that a write has left which was said not to be done. The clients of its worker
  /// never see it; others do no longer once two deadlines have passed.
  func isUndone(_ version: Int, readAt start: UInt64, by seat: Int, patience: UInt64) -> Bool {
    guard let own = writes[version], let missedAt = own.missedAt else { return false }
    return start > missedAt + (own.seat == seat ? 0 : 2 * patience)
  }

  /// `grace`: how long a delete that was told a miss may take to be seen by other workers' clients.
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

/// An application with one request at a time.
final class Asker {
  enum Wish { case read, write, delete, flush }

  let seat: Seat
  private(set) var slot: UInt32
  var wish = Wish.read
  var keys: [String] = []
  var version = 0
  var start: UInt64 = 0
  /// It speaks of one key in a meta command.
  var isMeta = false
  var isWaiting = false
  /// Its flush has not reached a server that is out.
  var isOwed = false
  /// What of its request the proxy has not read yet, and what has come of the answer.
  var unsaid: [UInt8] = []
  var heard: [UInt8] = []
  var isPaused = false

  init(_ seat: Seat) {
    self.seat = seat
    slot = seat.worker.open()
  }

  /// It has a new connection.
  func begin(_ slot: UInt32) {
    self.slot = slot
    isWaiting = false
    unsaid = []
    heard = []
    isPaused = false
  }
}
