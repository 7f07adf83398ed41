import Topology

/// Which requests a tail shows: a client of the admin interface that watches requests as they are answered.
package struct TailFilter: Equatable, Sendable {
  package var id: UInt64
  /// What the first key begins with.
  package var prefix: [UInt8]
  /// Nil: any.
  package var server: ServerID?
  /// One of this number is shown.
  package var sample: Int

  package init(id: UInt64 = 0, prefix: [UInt8] = [], server: ServerID? = nil, sample: Int = 1) {
    self.id = id
    self.prefix = prefix
    self.server = server
    self.sample = max(1, sample)
  }

  /// The most tails at once, and the most requests that one shows in a second.
  package static let most = 2
  package static let mostInASecond = 1000
}

/// What was found for a tail: requests, and the number of further ones that were too many.
package struct TailBatch: Sendable {
  package var requests: [AnsweredRequest] = []
  package var leftOut = 0

  package init() {}

  package var isEmpty: Bool { requests.isEmpty && leftOut == 0 }

  /// Adds what another has, up to this number of requests.
  package mutating func add(_ other: TailBatch, most: Int) {
    let room = max(0, most - requests.count)
    requests += other.requests.prefix(room)
    leftOut &+= other.leftOut &+ max(0, other.requests.count - room)
  }
}
