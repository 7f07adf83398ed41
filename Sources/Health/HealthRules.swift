import Bytes

/// What is done with the keys of a server that is out.
package enum OnFailure: Equatable, Sendable {
  /// The ring without that server; only its keys move.
  case eject
  /// The ring stays; its keys are misses or errors.
  case failFast
}

/// A pool's settings that bear on health. Absurd values are harmless here: each is read through a limit.
package struct HealthRules: Equatable, Sendable {
  /// Failures in a row before a server is out.
  package var failures: Int
  /// Until the first probe of a server that is out.
  package var probeInterval: Duration
  /// No probe waits longer.
  package var probeMax: Duration
  package var onFailure: OnFailure
  /// The share of a pool, in percent of its servers, that is never ejected.
  package var floorPercent: Int

  package init(
    failures: Int = 3, probeInterval: Duration = .seconds(1), probeMax: Duration = .seconds(30),
    onFailure: OnFailure = .eject, floorPercent: Int = 50
  ) {
    self.failures = failures
    self.probeInterval = probeInterval
    self.probeMax = probeMax
    self.onFailure = onFailure
    self.floorPercent = floorPercent
  }

  /// In nanoseconds; at least a millisecond, so that probing never spins, at most an hour.
  var interval: UInt64 { min(max(probeInterval.wholeNanoseconds, 1_000_000), 3_600_000_000_000) }
  /// In nanoseconds; at least one interval, at most a day.
  var longest: UInt64 { min(max(probeMax.wholeNanoseconds, interval), 86_400_000_000_000) }
}
