import Bytes
import Stats
import Topology
import Wire

/// A request to one server that was answered, or given up: what is reported of it. Of a multi-get, each server's share is
/// one.
package struct AnsweredRequest: Equatable, Sendable {
  package var verb: Verb
  package var pool: PoolID
  package var server: ServerID
  package var result: RequestResult
  /// From its arrival until now.
  package var took: Duration
  /// From its arrival until its last byte was sent; nil if that is not known, or if it was not sent.
  package var queue: Duration? = nil
  /// For how long its client has left earlier replies unread, if it has.
  package var unread: Duration? = nil
  /// The number of its keys, and of those that were hits.
  package var keys = 1
  package var hits = 0
  /// Its first key, as the client has sent it; empty if it is not known.
  package var key: [UInt8]
  /// Bytes of the request and of the reply.
  package var bytes: Int
  /// The number of slow requests that this one stands for.
  package var count = 1
}

/// The answered requests that a worker reports: the slow ones of a tick, of which it describes the first few. A server that
/// stalls makes thousands.
package struct RequestReports: Sendable {
  static let mostSlow = 8
  /// Requests that took this number of nanoseconds are looked at; `.max`: none is.
  private(set) var after = UInt64.max
  private(set) package var slow: [AnsweredRequest] = []

  init() {}

  mutating func set(_ limits: Limits) { after = limits.slow }

  /// Whether a request is to be described. If not, it may have been counted.
  mutating func wants(at server: ServerID) -> Bool {
    guard slow.count >= Self.mostSlow else { return true }
    if let i = slow.lastIndex(where: { $0.server == server }) ?? slow.indices.last { slow[i].count &+= 1 }
    return false
  }

  mutating func add(_ one: AnsweredRequest) { slow.append(one) }

  /// Removes and returns the slow requests since the last call.
  package mutating func takeSlow() -> [AnsweredRequest] {
    defer { slow = [] }
    return slow
  }
}
