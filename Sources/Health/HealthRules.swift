import Bytes

/// What happens to the keys of a server that is out.
package enum OnFailure: Equatable, Sendable {
  /// The server leaves the ring; only its keys move.
  case eject
  /// The ring is unchanged; requests for the server's keys get a miss or an error.
  case failFast
}

/// A pool's health settings. Extreme values are harmless: each is limited when it is read.
package struct HealthRules: Equatable, Sendable {
  /// Failures in a row before a server is out.
  package var failures: Int
  /// The wait before the first probe of a server that is out.
  package var probeInterval: Duration
  /// The longest wait between two probes.
  package var probeMax: Duration
  package var onFailure: OnFailure
  /// The percentage of a pool's servers that are never ejected: the floor.
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

  /// The probe interval in nanoseconds: at least 1 ms, so that probing never spins, at most an hour.
  var interval: UInt64 { min(max(probeInterval.wholeNanoseconds, 1_000_000), 3_600_000_000_000) }
  /// The longest wait in nanoseconds: at least one interval, at most a day.
  var longest: UInt64 { min(max(probeMax.wholeNanoseconds, interval), 86_400_000_000_000) }
}
