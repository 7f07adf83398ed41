import Bytes

@testable import Proxy

/// A client of the proxy: the requests still to make, those that wait for a reply, and what it knows.
final class ModelClient {
  struct Wait {
    var deed: Deed
    /// Where in the client's stream the request ends.
    var end: Int
    /// The number of servers that had lost all data when the request was made.
    var restarts: Int
  }

  /// How it ends its connection.
  enum Farewell { case quit, endOfInput, hangUp }

  let number: Int
  var slot: Ref<Client>?
  var oracle: Oracle
  var left: Int
  var farewell: Farewell
  /// Requests in order; those before `answered` are answered.
  private(set) var waits: [Wait] = []
  private(set) var answered = 0
  /// Bytes that arrived and were not consumed yet.
  var inbox = Inbox()
  /// Its stream: bytes made, and those of them delivered to the proxy.
  var written = 0
  var delivered = 0
  /// Bytes that the kernel holds for the proxy to read.
  var waiting: [UInt8] = []
  var hasEnded = false
  var isEndSeen = false
  var isPaused = false
  /// It reads nothing until then.
  var deafUntil: UInt64 = 0
  /// Bytes that the kernel holds until the client reads.
  var window = 4096
  var unread: [UInt8] = []
  var isBlocked = false
  var hasLeft = false
  var requestsMade = 0
  /// Requests to be made instead of random ones.
  var script: [Deed] = []
  /// The most requests that may be unanswered at once.
  var most = 60
  /// It has sent `quit`, and will be closed for that.
  var hasSaidQuit = false
  /// None arrive earlier than bytes sent before.
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
