import Bytes
import Net
import Stats

/// The rhythm of a worker's event loop: when it publishes, whether a turn takes long, and whether ticks come late.
struct Pace: ~Copyable {
  /// Ticks so far.
  private(set) var ticks = 0
  private var turns = Histogram()
  private var lags = Histogram()
  private var lastTick = Instant.never
  private var isTimed = false
  /// Ticks until the worker's numbers are published.
  private var left = Self.period
  private var beat = 0

  /// Ticks from one time to the next: a tenth of a second.
  private static let period = 10

  /// A tick has come. The turn that it is in is timed.
  mutating func tick(now: Instant) {
    ticks &+= 1
    let due = lastTick.advanced(by: WorkerThread.tickLength)
    if lastTick != .never { lags.record(now.nanoseconds(since: due)) }
    lastTick = now
    isTimed = true
  }

  /// Whether the worker's numbers are to be published at this tick. With each new beat that is half a period later.
  mutating func isTimeToPublish(beat: Int) -> Bool {
    if beat != self.beat { (self.beat, left) = (beat, Self.period / 2) }
    left -= 1
    guard left <= 0 else { return false }
    left = Self.period
    return true
  }

  /// The turn that began at `begun` has ended. Reads the clock if the turn is one that is timed.
  mutating func endTurn(begun: Instant) {
    guard isTimed else { return }
    isTimed = false
    turns.record(Clock.now().nanoseconds(since: begun))
  }

  /// Moves what was recorded since the last call.
  mutating func move(to counts: inout LoopCounts) {
    turns.move(to: &counts.turns)
    lags.move(to: &counts.lags)
  }
}
