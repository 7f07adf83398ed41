import Bytes
import Stats

/// What all parts of a worker use: memory, counters, limits, the time, and what the edge is to do and to learn.
package struct Common: ~Copyable {
  package var buffers = BufferPool()
  package var counters = Counters()
  package var hotKeys: HotKeys
  package internal(set) var limits: Limits
  /// The time of the current event.
  var clock = Instant.origin
  /// Bytes of the records of the requests in flight, when that was last noted.
  var records = 0
  var effects = Fifo<Effect>()
  package var events: [WorkerEvent] = []
  package var clientEvents: [ClientEvent] = []
  /// Requests that took this number of nanoseconds are reported; `.max`: none is.
  private(set) var noticeAfter = UInt64.max
  package var slowRequests = SlowRequests()

  /// `seed`: by which it is left to chance which requests are looked at.
  init(limits: Limits, seed: UInt64) {
    self.limits = limits
    hotKeys = HotKeys(seed: seed)
    noticeAfter = limits.slow
  }

  mutating func set(_ limits: Limits) {
    self.limits = limits
    noticeAfter = limits.slow
  }
}
