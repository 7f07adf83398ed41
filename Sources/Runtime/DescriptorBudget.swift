import Net
import Settings

/// How the process's file descriptors are divided: how many clients fit, so that some are always left for the servers.
///
///     limit = the process's own + each worker's own and its connections to servers + clients
struct DescriptorBudget: Equatable {
  /// Descriptors that the control thread keeps in reserve, for a reload's file and its new listeners.
  static let reserve = 8
  /// Descriptors of the process: standard streams, log, the control thread's loop, bells, signals and file watch,
  /// lookups in progress.
  private static let process = 24
  /// Descriptors of a worker: its loop and bell, and a few private connections for large values.
  private static let worker = 8

  /// Descriptors of the admin interface without its clients: its listener, loop and bells.
  private static let admin = 4

  /// Descriptors needed without any client.
  let own: Int
  /// The fewest descriptors with which the threads can start.
  let least: Int
  private let limits: LimitSettings

  init(_ settings: ProxySettings, workers: Int) {
    limits = settings.limits
    var perWorker = Self.worker
    var servers = 0
    for pool in settings.pools {
      servers += pool.servers.count
      // One more for the replacement that is tried beside a silent connection.
      perWorker += pool.servers.count * (pool.policy.connections + 1)
    }
    let hasAdmin = settings.admin.listener != nil
    let fixed = Self.process + Self.reserve + settings.listeners.count + (hasAdmin ? Self.admin : 0)
    // `servers` counts the probes' connections.
    own = fixed + servers + workers * perWorker + (hasAdmin ? HTTPLimits().connections : 0)
    least = fixed + workers * Self.worker
  }

  /// The limit to ask the system for: enough for all clients, and 1,024 more for private connections for large values.
  var wanted: Int { limits.clients + own + 1024 }

  /// The number of clients that fit in `limit`. Clients get a quarter of it even if the proxy itself needs more.
  func clients(within limit: UInt64) -> Int {
    let limit = Int(clamping: limit)
    return min(limits.clients, max(limit - own, limit / 4, 1))
  }
}
