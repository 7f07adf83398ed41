import Bytes
import Topology

/// The wait between two probes of a server that is out.
///
///     hangs, or replies wrongly   1 s   1.5 s   2.25 s   …   30 s   30 s     each shortened by 5–50 %
///     refuses connections         1 s   1 s     1 s      …
///
/// The first wait is `probe_interval`. After a refused probe the wait stays at that interval, because such a probe
/// costs next to nothing. After any other failed probe the wait grows by half, up to `probe_max`. The jitter only
/// shortens waits: servers that failed together are not probed together, yet a server that is back is found within
/// the interval.
///
/// **Flaps.** A server that fails within ten probe intervals of its return has flapped. Each flap doubles its first
/// wait, and the server must answer more probes in a row before it returns. Every ten intervals without a failure
/// remove one flap, counted when the server next fails.
package struct Backoff: BitwiseCopyable, Equatable, Sendable {
  /// Probe intervals for which a returned server must stay up: a failure within them is a flap, and each such period
  /// removes one flap.
  package static let calmIntervals: UInt64 = 10
  /// The largest number of flaps counted: one second doubled six times exceeds any sensible `probe_max`.
  package static let mostFlaps: UInt64 = 6

  /// Flaps counted so far, less those removed since.
  package private(set) var flaps: UInt64 = 0
  /// The last wait without jitter, in nanoseconds; 0 before the first.
  private var wait: UInt64 = 0

  package init() {}

  /// Successful probes in a row that are needed to return: one, and up to two more for a server that flaps.
  package var probesToReturn: Int { 1 + Int(min(flaps, 2)) }

  /// Records that the server went out. `upFor` is the time since its last return, nil if it was never out before.
  package mutating func fell(after upFor: Duration?, _ policy: PoolPolicy) {
    wait = 0
    guard let upFor else { return }
    let calmPeriods = upFor.wholeNanoseconds / (policy.interval * Self.calmIntervals)
    if calmPeriods == 0 {
      flaps = min(flaps + 1, Self.mostFlaps)
    } else {
      flaps -= min(flaps, calmPeriods)
    }
  }

  /// The wait until the next probe of a server that does not answer; it `grows` unless the server refused the probe.
  /// `random` is any number.
  package mutating func nextWait(random: UInt64, _ policy: PoolPolicy, grows: Bool = true) -> Duration {
    wait = wait == 0 || !grows ? policy.interval << flaps : wait + wait / 2
    wait = min(wait, policy.longest)
    return Self.shortened(wait, random)
  }

  /// The wait between probes of a server that answers but must answer more than once.
  package func confirmingWait(random: UInt64, _ policy: PoolPolicy) -> Duration {
    Self.shortened(policy.interval, random)
  }

  /// The wait shortened by 5.0 to 50.0 %.
  private static func shortened(_ wait: UInt64, _ random: UInt64) -> Duration {
    let permille = 50 + random.multipliedFullWidth(by: 451).high
    return .nanoseconds(Int64(clamping: wait - wait / 1000 * permille))
  }
}

extension PoolPolicy {
  /// The probe interval in nanoseconds: at least 1 ms, so that probing never spins, at most an hour.
  var interval: UInt64 { min(max(probeInterval.wholeNanoseconds, 1_000_000), 3_600_000_000_000) }
  /// The longest wait in nanoseconds: at least one interval, at most a day.
  var longest: UInt64 { min(max(probeMax.wholeNanoseconds, interval), 86_400_000_000_000) }
}
