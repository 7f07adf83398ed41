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
  /// The number of requests that this one stands for.
  package var count = 1
}

/// The slow requests of a tick: the first few, and the number of further ones. A server that stalls makes thousands.
package struct SlowRequests: Sendable {
  static let most = 8
  package private(set) var list: [AnsweredRequest] = []

  var isFull: Bool { list.count >= Self.most }

  mutating func add(_ one: AnsweredRequest) {
    if isFull { countFurther(at: one.server) } else { list.append(one) }
  }

  /// Counts one more with another of the same server, if there is one.
  mutating func countFurther(at server: ServerID) {
    guard let i = list.lastIndex(where: { $0.server == server }) ?? list.indices.last else { return }
    list[i].count &+= 1
  }

  /// Removes and returns them.
  package mutating func take() -> [AnsweredRequest] {
    defer { list = [] }
    return list
  }
}
