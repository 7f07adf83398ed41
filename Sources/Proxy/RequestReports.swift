import Bytes
import Stats
import Topology

/// The answered requests that a worker reports: those that tails show, and the slow ones of a tick. It describes only the
/// first few slow ones, as a server that stalls makes thousands.
package struct RequestReports: Sendable {
  private struct Tail: Sendable {
    let filter: TailFilter
    /// Requests until the next one that is shown.
    var left = 1
    /// How many may be shown until the end of this second.
    var room = TailFilter.mostInASecond
    var until = Instant.origin
    var batch = TailBatch()
  }

  static let mostSlow = 8
  /// Requests that took this number of nanoseconds are looked at; `.max`: none is.
  private(set) var after = UInt64.max
  private var slowAfter = UInt64.max
  private(set) package var slow: [AnsweredRequest] = []
  private var tails: [Tail] = []
  /// The version of the filters that it was given last.
  package private(set) var tailVersion = 0

  init() {}

  mutating func set(_ limits: Limits) {
    slowAfter = limits.slow
    after = tails.isEmpty ? slowAfter : 0
  }

  /// Follows the tails that are open; those that were open before continue.
  package mutating func set(_ filters: [TailFilter], version: Int) {
    tailVersion = version
    tails = filters.map { filter in tails.first { $0.filter == filter } ?? Tail(filter: filter) }
    after = tails.isEmpty ? slowAfter : 0
  }

  func isSlow(_ nanoseconds: UInt64) -> Bool { nanoseconds >= slowAfter }

  /// Whether a request is to be described. A slow one that is not is counted.
  mutating func wants(at server: ServerID, took nanoseconds: UInt64) -> Bool {
    let isTailed = tails.contains { $0.filter.server == nil || $0.filter.server == server }
    if isSlow(nanoseconds), slow.count >= Self.mostSlow,
      let i = slow.lastIndex(where: { $0.server == server })
    {
      slow[i].count &+= 1
      return isTailed
    }
    return isTailed || isSlow(nanoseconds)
  }

  mutating func add(_ one: AnsweredRequest, took nanoseconds: UInt64) {
    // One of each server at least.
    if isSlow(nanoseconds), slow.count < Self.mostSlow || !slow.contains(where: { $0.server == one.server }) {
      slow.append(one)
    }
    for i in tails.indices where tails[i].filter.shows(one) {
      tails[i].left -= 1
      guard tails[i].left <= 0 else { continue }
      tails[i].left = tails[i].filter.sample
      if one.at >= tails[i].until {
        tails[i].until = one.at.advanced(by: .seconds(1))
        tails[i].room = TailFilter.mostInASecond
      }
      if tails[i].room > 0 {
        tails[i].room -= 1
        tails[i].batch.requests.append(one)
      } else {
        tails[i].batch.leftOut &+= 1
      }
    }
  }

  /// Removes and returns the slow requests since the last call.
  package mutating func takeSlow() -> [AnsweredRequest] {
    defer { slow = [] }
    return slow
  }

  /// Removes and returns what was found for the tails since the last call.
  package mutating func takeTailed() -> [(tail: UInt64, batch: TailBatch)] {
    var found: [(tail: UInt64, batch: TailBatch)] = []
    for i in tails.indices where !tails[i].batch.isEmpty {
      found.append((tails[i].filter.id, tails[i].batch))
      tails[i].batch = TailBatch()
    }
    return found
  }
}

extension TailFilter {
  fileprivate func shows(_ one: AnsweredRequest) -> Bool {
    (server == nil || server == one.server) && one.key.starts(with: prefix)
  }
}
