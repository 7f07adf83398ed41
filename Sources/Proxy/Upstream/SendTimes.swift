import Bytes

/// When the requests of a connection were sent, as far as the worker notes that.
///
///     marks   ┌ 0…200 at t1 ┬ 200…380 at t2 ┬ …      bytes of all requests that were ever sent, one behind the other
///
/// A mark for each send; those of requests that were answered are dropped with the next one. There are at most `most`:
/// beyond that two neighbours become one, so that a request seems to be sent with the next ones.
struct SendTimes: ~Copyable {
  struct Mark: BitwiseCopyable {
    /// The first byte, and the one behind the last.
    var from: Int
    var to: Int
    var at: Instant
  }

  static let most = 256
  /// The number of bytes ever sent.
  private(set) var total = 0
  private(set) var marks = Fifo<Mark>()

  @inline(always) mutating func note(_ n: Int) { total &+= n }

  /// Notes when the last `n` bytes were sent. `answered`: the bytes before this one belong to requests that were answered.
  mutating func mark(last n: Int, answered: Int, at now: Instant) {
    drop(before: answered)
    if marks.count >= Self.most { merge() }
    marks.append(Mark(from: total &- n, to: total, at: now))
  }

  /// Drops the marks of bytes that were answered.
  mutating func drop(before answered: Int) {
    while let first = marks.first, first.to < answered { marks.dropFirst() }
  }

  /// When the byte before this one was sent; nil if that is not known.
  func time(ofByteBefore end: Int) -> Instant? {
    for i in 0..<marks.count where marks[i].from < end && end <= marks[i].to { return marks[i].at }
    return nil
  }

  private mutating func merge() {
    for _ in 0..<marks.count / 2 {
      if let a = marks.popFirst(), let b = marks.popFirst() {
        marks.append(Mark(from: a.from, to: b.to, at: b.at))
      }
    }
  }
}
