/// An application: what it still wants, what it waits for, and what it knows.
final class ModelClient {
  struct Wait {
    var deed: Deed
    /// Where in the client's stream the request ends.
    var end: Int
    /// How many times servers had lost everything when it was asked.
    var restarts: Int
  }

  /// How it takes its leave.
  enum Farewell { case quit, endOfInput, hangUp }

  let number: Int
  var slot: UInt32?
  var oracle: Oracle
  var left: Int
  var farewell: Farewell
  /// Requests in order, answered from `answered` on.
  private(set) var waits: [Wait] = []
  private(set) var answered = 0
  /// Bytes that came and were not read yet.
  var inbox = Inbox()
  /// Its stream: bytes made, and of these delivered to the proxy.
  var written = 0
  var delivered = 0
  /// What the kernel holds for the proxy to read.
  var waiting: [UInt8] = []
  var hasEnded = false
  var isEndSeen = false
  var isPaused = false
  /// Reads nothing before.
  var deafUntil: UInt64 = 0
  /// Bytes that the kernel will hold until it reads.
  var window = 4096
  var unread: [UInt8] = []
  var isBlocked = false
  var hasLeft = false
  var requestsMade = 0
  /// Requests to be made in place of invented ones.
  var script: [Deed] = []
  /// Requests that may be unanswered at once.
  var most = 60
  /// It has announced its end, and is closed for it.
  var hasSaidQuit = false
  /// No earlier than what was sent before.
  var arrival: UInt64 = 0

  init(number: Int, left: Int, farewell: Farewell, oracle: Oracle) {
    self.number = number
    self.left = left
    self.farewell = farewell
    self.oracle = oracle
  }

  var front: Wait? { answered < waits.count ? waits[answered] : nil }
  var isWaiting: Bool { answered < waits.count }
  var outstanding: Int { waits.count - answered }

  func wait(for deed: Deed, restarts: Int) {
    waits.append(Wait(deed: deed, end: written, restarts: restarts))
    requestsMade += 1
  }

  func settle() { answered += 1 }
}
