/// A moment on the monotonic clock, in nanoseconds from an origin of no meaning.
///
/// Nothing below `Runtime` reads a clock: moments are passed in.
@usableFromInline @frozen
package struct Instant: BitwiseCopyable, Comparable, Hashable, Sendable {
  @usableFromInline package var nanoseconds: UInt64

  @inlinable package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// Before every other moment.
  @inlinable package static var origin: Instant { Instant(nanoseconds: 0) }
  /// After every other moment: a deadline that never comes.
  @inlinable package static var never: Instant { Instant(nanoseconds: .max) }

  @inlinable package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
  @inlinable package static func == (a: Instant, b: Instant) -> Bool { a.nanoseconds == b.nanoseconds }

  /// This moment and so much later; stops at `never`.
  package func advanced(by duration: Duration) -> Instant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
    return overflow ? .never : Instant(nanoseconds: sum)
  }

  /// Time from an earlier moment until this one; zero when it is not earlier.
  package func since(_ earlier: Instant) -> Duration {
    guard nanoseconds > earlier.nanoseconds else { return .zero }
    return .nanoseconds(Int64(clamping: nanoseconds &- earlier.nanoseconds))
  }
}

extension Duration {
  /// In nanoseconds, cut to what 64 bits hold; a negative duration counts as zero.
  package var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return .max }
    let (sum, carry) = whole.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
    return carry ? .max : sum
  }
}
