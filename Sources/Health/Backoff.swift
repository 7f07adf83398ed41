import Bytes

/// How long until a server that is out is probed again.
///
///     hangs, or answers wrongly   1 s   1.5 s   2.25 s   …   30 s   30 s     each shortened by 5–50 %
///     refuses connections         1 s   1 s     1 s      …
///
/// The first wait is `probe_interval`. After a probe that was refused the next one is as long, for as long as it takes: it
/// costs next to nothing. After any other each further one is half as long again, none longer than `probe_max`. The jitter only shortens: servers that fell together are not probed together, and yet a
/// server that is back is found within the interval.
///
/// **Flaps.** A server that fails within ten probe intervals of its return has flapped: each such time
/// doubles its first wait, and it must answer more probes in a row before it returns. Every ten
/// intervals that it stays up take one flap off again, counted when it next fails.
package struct Backoff: BitwiseCopyable, Equatable, Sendable {
  /// A return lasts this many probe intervals, or it was a flap; also what it takes to work one off.
  package static let calmIntervals: UInt64 = 10
  /// More flaps make no difference: one second, doubled so often, is past any sensible `probe_max`.
  package static let mostFlaps: UInt64 = 6

  /// Quick failures after a return, less those worked off since.
  package private(set) var flaps: UInt64 = 0
  /// The last wait, before its jitter; 0 before the first.
  private var wait: UInt64 = 0

  package init() {}

  /// Probes that must succeed in a row: one, and up to two more while the server flaps.
  package var probesToReturn: Int { 1 + Int(min(flaps, 2)) }

  /// The server is out (again). `upFor` is the time since its last return, nil if it was never out.
  package mutating func fell(after upFor: Duration?, _ rules: HealthRules) {
    wait = 0
    guard let upFor else { return }
    let calmPeriods = upFor.wholeNanoseconds / (rules.interval * Self.calmIntervals)
    if calmPeriods == 0 {
      flaps = min(flaps + 1, Self.mostFlaps)
    } else {
      flaps -= min(flaps, calmPeriods)
    }
  }

  /// The wait until the next probe of a server that does not answer; `grows` unless it refused. `random` is any number.
  package mutating func nextWait(random: UInt64, _ rules: HealthRules, grows: Bool = true) -> Duration {
    wait = wait == 0 || !grows ? rules.interval << flaps : wait + wait / 2
    wait = min(wait, rules.longest)
    return Self.shortened(wait, random)
  }

  /// The wait between the probes of a server that answers but has to do so more than once.
  package func confirmingWait(random: UInt64, _ rules: HealthRules) -> Duration {
    Self.shortened(rules.interval, random)
  }

  /// Shorter by 5.0 to 50.0 %.
  private static func shortened(_ wait: UInt64, _ random: UInt64) -> Duration {
    let permille = 50 + random.multipliedFullWidth(by: 451).high
    return .nanoseconds(Int64(clamping: wait - wait / 1000 * permille))
  }
}
