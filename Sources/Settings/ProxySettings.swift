/// Everything that a configuration says, checked and with its defaults filled in.
///
///     listeners ── routes ──▶ pools ──▶ servers
///
/// A plain value: two configurations compare with `==`, and a reload builds a whole new one beside the
/// one in force. What stands here as an initial value is what `config/full.yml` shows.
package struct ProxySettings: Equatable, Sendable {
  /// Where clients connect; never empty.
  package var listeners = [ListenerSettings(.tcp(host: "127.0.0.1", port: 11311))]
  /// How many workers; nil is one for each processor that the process may use.
  package var threads: Int? = nil
  /// Whether each worker is kept on a processor of its own.
  package var pinsThreads = false
  /// In the order of the file; never empty. A route names a pool by its index here.
  package var pools: [PoolSettings]
  /// In the order of the file; never empty, no prefix twice.
  package var routes: [RouteSettings]
  package var limits = LimitSettings()
  package var log = LogSettings()
  /// How long a worker may take to answer what it has received once it is told to stop.
  package var drainTimeout: Duration = .seconds(5)

  /// The defaults around these pools. Without routes every key goes to the first pool, so that is for
  /// one pool only.
  package init(pools: [PoolSettings], routes: [RouteSettings]? = nil) {
    self.pools = pools
    self.routes = routes ?? [RouteSettings(prefix: "", pool: pools.first?.name ?? "", poolIndex: 0)]
  }

  /// What is allowed but may not be meant, a sentence each. Computes every ring.
  package var notes: [String] {
    var notes: [String] = []
    if !routes.contains(where: { $0.prefix.isEmpty }) {
      notes.append("no default route: a key that begins with none of the prefixes is refused")
    }
    for (index, pool) in pools.enumerated() where !routes.contains(where: { $0.poolIndex == index }) {
      notes.append("pool \(quoted(pool.name)) has no route: no key goes there")
    }
    for pool in pools {
      let plan = pool.plan
      let owners = Set(plan.points.map { Int($0.server) })
      for (index, server) in pool.servers.enumerated() where !owners.contains(index) {
        notes.append(
          "server \(server.address) of pool \(quoted(pool.name)) owns no key: "
            + "its weight \(server.weight) is too small beside the others")
      }
    }
    return notes
  }
}

/// One address that clients connect to.
package struct ListenerSettings: Equatable, Sendable {
  /// The permission of a Unix socket that says nothing else: its owner's alone, as in memcached.
  package static let defaultMode: UInt16 = 0o700

  package var endpoint: Endpoint
  /// The permission bits of a Unix socket; nil is `defaultMode`. Always nil for TCP.
  package var mode: UInt16? = nil
  /// `user` or `user:group` that a Unix socket is given to; nil leaves it to the process.
  package var owner: String? = nil

  package init(_ endpoint: Endpoint, mode: UInt16? = nil, owner: String? = nil) {
    self.endpoint = endpoint
    self.mode = mode
    self.owner = owner
  }
}

/// Which keys go to which pool: those that begin with `prefix`, unless a longer one fits too.
package struct RouteSettings: Equatable, Sendable {
  /// "" is the default route: every key.
  package var prefix: String
  package var pool: String
  /// The pool's place in `ProxySettings.pools`.
  package var poolIndex: Int

  package init(prefix: String, pool: String, poolIndex: Int) {
    self.prefix = prefix
    self.pool = pool
    self.poolIndex = poolIndex
  }
}

/// How much memory and how many descriptors the proxy lets others take.
package struct LimitSettings: Equatable, Sendable {
  /// Client connections of the whole process.
  package var clients = 10_000
  /// Bytes of replies that one client may leave unread before its requests wait.
  package var clientOutput = 256 << 10
  /// Bytes of the largest value that is taken from a client.
  package var maxValue = 128 << 20
  /// Bytes that may wait for one server, per worker.
  package var serverQueue = 64 << 20
  /// Bytes of all buffers of the process, shared evenly by the workers; none gets less than 16 MiB.
  package var memory = 48 << 20

  package init() {}
}

/// Where the log goes, and how much of it.
package struct LogSettings: Equatable, Sendable {
  package enum Destination: Equatable, Sendable {
    case stderr
    case syslog
    /// Appended to, and opened anew by SIGHUP.
    case file(path: String)
  }

  /// From the quietest to the most talkative.
  package enum Level: String, CaseIterable, Sendable {
    case error, warning, info, debug
  }

  package enum Format: String, CaseIterable, Sendable {
    case text, json
  }

  package var destination = Destination.stderr
  package var level = Level.info
  package var format = Format.text
  /// Whether a client's `verbosity` changes the level.
  package var clientsMaySetLevel = false

  package init() {}
}
