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
  /// The process's id, for `stats`.
  var processID: Int32 = 0
  /// Unix time in whole seconds, as the edge last said.
  package var wallSeconds = 0
  /// Bytes of the records of the requests in flight, when that was last noted.
  var records = 0
  var effects = Fifo<Effect>()
  package var events: [WorkerEvent] = []
  package var clientEvents: [ClientEvent] = []
  package var reports = RequestReports()

  /// `seed`: by which it is left to chance which requests are looked at.
  init(limits: Limits, seed: UInt64) {
    self.limits = limits
    hotKeys = HotKeys(seed: seed)
    reports.set(limits)
  }

  mutating func set(_ limits: Limits) {
    self.limits = limits
    reports.set(limits)
  }
}
