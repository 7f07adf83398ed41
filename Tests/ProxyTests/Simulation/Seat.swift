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
  let link: UInt32
  let server: String
  var inbox = Inbox()
  var isOpen = true
  var isEstablished = false
  var arrivalAtServer: UInt64 = 0
  var arrivalAtProxy: UInt64 = 0
  /// A server that goes on after a stop comes to it no sooner.
  var servedAt: UInt64 = 0

  init(link: UInt32, server: String) {
    self.link = link
    self.server = server
  }
}

/// What a client wrote or deleted, and what became of it.
struct Write {
  var start: UInt64
  /// When the client knew.
  var end = UInt64.max
  /// Whether it was told that it is done; else it is in doubt.
  var isDone = false
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

  func isStale(_ version: Int, readAt start: UInt64) -> Bool {
    guard let own = writes[version] else { return true }
    return writes.values.contains { other in
      guard other.isDone, other.end < start, other.start > own.end else { return false }
      guard !own.isDone, let late = own.deeds.last, let deed = other.deeds.last else { return true }
      return !(late.server == deed.server && late.time >= deed.time)
    }
  }
}

/// An application with one request at a time.
final class Asker {
  enum Wish { case read, write, delete }

  let seat: Seat
  let slot: UInt32
  var wish = Wish.read
  var key = ""
  var version = 0
  var start: UInt64 = 0
  var isWaiting = false

  init(_ seat: Seat) {
    self.seat = seat
    slot = seat.worker.open()
  }
}
