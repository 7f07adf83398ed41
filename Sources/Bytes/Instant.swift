/// A point in time on the monotonic clock, in nanoseconds since an arbitrary origin.
///
/// No module below `Runtime` reads a clock: callers pass the time in.
@usableFromInline @frozen
package struct Instant: BitwiseCopyable, Comparable, Hashable, Sendable {
  @usableFromInline package var nanoseconds: UInt64

  @inlinable package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// Earlier than every other instant.
  @inlinable package static var origin: Instant { Instant(nanoseconds: 0) }
  /// Later than every other instant: a deadline that never expires.
  @inlinable package static var never: Instant { Instant(nanoseconds: .max) }

  @inlinable package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
  @inlinable package static func == (a: Instant, b: Instant) -> Bool { a.nanoseconds == b.nanoseconds }

  /// This instant plus `duration`, at most `never`.
  package func advanced(by duration: Duration) -> Instant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
    return overflow ? .never : Instant(nanoseconds: sum)
  }

  /// The time since an earlier instant; zero if `earlier` is not earlier.
  package func since(_ earlier: Instant) -> Duration {
    guard nanoseconds > earlier.nanoseconds else { return .zero }
    return .nanoseconds(Int64(clamping: nanoseconds &- earlier.nanoseconds))
  }

  /// The same, in nanoseconds.
  @inlinable package func nanoseconds(since earlier: Instant) -> UInt64 {
    nanoseconds &- min(nanoseconds, earlier.nanoseconds)
  }
}

extension Duration {
  /// The duration in nanoseconds, at most `UInt64.max`; zero if it is negative.
  package var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return .max }
    let (sum, carry) = whole.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
    return carry ? .max : sum
  }
}
