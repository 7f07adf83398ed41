import Settings

/// What descriptors are for: how many clients there may be, so that some are always left for the servers.
///
///     limit = the process's own + each worker's own and its connections to servers + clients
struct DescriptorBudget: Equatable {
  /// Kept in hand by the control thread.
  static let reserve = 8
  /// Standard streams, log, the control thread's loop, bells, signals and file watch, lookups underway.
  private static let process = 24
  /// A worker's loop and bell, and a few private connections for long values.
  private static let worker = 8

  /// Needed whoever is a client.
  let own: Int
  /// Without which not even the threads could start.
  let least: Int
  private let limits: LimitSettings

  init(_ settings: ProxySettings, workers: Int) {
    limits = settings.limits
    var perWorker = Self.worker
    var servers = 0
    for pool in settings.pools {
      servers += pool.servers.count
      // One more for one that is tried beside a silent connection.
      perWorker += pool.servers.count * (pool.connections + 1)
    }
    // The probes' too.
    own = Self.process + Self.reserve + settings.listeners.count + servers + workers * perWorker
    least = Self.process + Self.reserve + settings.listeners.count + workers * Self.worker
  }

  /// With which nobody lacks anything, however many long values are underway.
  var wanted: Int { limits.clients + own + 1024 }

  /// Of a limit that is hardly enough for the proxy itself a quarter is for clients all the same.
  func clients(within limit: UInt64) -> Int {
    let limit = Int(clamping: limit)
    return min(limits.clients, max(limit - own, limit / 4, 1))
  }
}
