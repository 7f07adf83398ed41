import Bytes
import Stats

/// What all parts of a worker use: memory, counters, limits, the time, and what the edge is to do and to learn.
package struct Common: ~Copyable {
  package var buffers = BufferPool()
  package var counters = Counters()
  package internal(set) var limits: Limits
  /// The time of the current event.
  var clock = Instant.origin
  /// Bytes of the records of the requests in flight, when that was last noted.
  var records = 0
  var effects = Fifo<Effect>()
  package var events: [WorkerEvent] = []
  package var clientEvents: [ClientEvent] = []

  init(limits: Limits) { self.limits = limits }
}
