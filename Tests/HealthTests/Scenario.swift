import Bytes
import Health

/// So many milliseconds after the origin.
func ms(_ n: UInt64) -> Instant { Instant(nanoseconds: n * 1_000_000) }

/// Random numbers for the shortest and the longest jitter.
let least: UInt64 = 0
let most: UInt64 = .max

extension Duration {
  /// In milliseconds, cut.
  var ms: UInt64 { wholeNanoseconds / 1_000_000 }
}

func servers(_ numbers: Range<UInt32>) -> [ServerID] { numbers.map { ServerID($0) } }

/// A pool 1 of servers 0, 1, 2 …
func board(_ count: UInt32, _ rules: HealthRules = HealthRules()) -> HealthBoard {
  HealthBoard([HealthPool(id: PoolID(1), servers: servers(0..<count), rules: rules)])
}
