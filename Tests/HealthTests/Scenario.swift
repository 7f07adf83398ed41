import Bytes
import Health
import TestSupport
import Topology

/// The instant `n` milliseconds after the origin.
func ms(_ n: UInt64) -> Instant { Instant(nanoseconds: n * 1_000_000) }

/// Random numbers that give the least and the most jitter.
let least: UInt64 = 0
let most: UInt64 = .max

extension Duration {
  /// The duration in milliseconds, truncated.
  var ms: UInt64 { wholeNanoseconds / 1_000_000 }
}

func servers(_ numbers: Range<UInt32>) -> [ServerID] { numbers.map { ServerID($0) } }

/// A board with pool 1 of servers 0, 1, 2 …
func board(_ count: UInt32, _ policy: PoolPolicy = PoolPolicy()) -> HealthBoard {
  HealthBoard([PoolMembers(id: PoolID(1), servers: servers(0..<count), policy: policy)])
}

extension ServerFailure {
  /// The failures that count for a server's health.
  static let faults = allCases.filter(\.isServersFault)
}
