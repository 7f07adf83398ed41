/// One worker's values of the proxy's counters and gauges: an array of 64-bit integers.
///
///     index   0  client_connections    1  client_connections_total    2  rejected_clients   …
///
/// Each worker owns one; `+=` over the workers gives the totals. Counting is one addition, allocates nothing and
/// wraps at 2^64. A gauge may wrap below zero in one worker; the total is still right.
@frozen @usableFromInline
package struct Counters: BitwiseCopyable, Sendable {
  /// One value per case of `Counter`.
  @usableFromInline var values: InlineArray<58, UInt64>

  @inlinable package init() { values = InlineArray(repeating: 0) }

  @inlinable package subscript(counter: Counter) -> UInt64 {
    @inline(__always) get { values[counter.rawValue] }
  }

  /// Adds 1 to a number.
  @inlinable @inline(__always) package mutating func add(_ counter: Counter) {
    values[counter.rawValue] &+= 1
  }

  /// Adds several at once: keys, bytes.
  @inlinable @inline(__always) package mutating func add(_ count: Int, to counter: Counter) {
    values[counter.rawValue] &+= UInt64(truncatingIfNeeded: count)
  }

  /// Subtracts 1 from a gauge.
  @inlinable @inline(__always) package mutating func subtract(_ counter: Counter) {
    values[counter.rawValue] &-= 1
  }

  /// Sets a gauge to its current value.
  package mutating func set(_ counter: Counter, to count: Int) {
    values[counter.rawValue] = UInt64(truncatingIfNeeded: count)
  }

  /// Adds another worker's numbers.
  package static func += (total: inout Counters, one: Counters) {
    for i in total.values.indices { total.values[i] &+= one.values[i] }
  }

  /// The rows of `stats ringroad`, one for each number.
  package var lines: [ReportLine] { Counter.allCases.map { ReportLine(.total($0), self[$0]) } }
}
