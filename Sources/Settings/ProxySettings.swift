import Routing
import Topology

/// A whole configuration, checked, with its defaults filled in.
///
///     listeners ── routes ──▶ policies ──▶ pools ──▶ servers
///
/// A plain value: two configurations compare with `==`, and a reload builds a new one beside the one in use. The
/// initial values here are those that `config/full.yml` shows.
package struct ProxySettings: Equatable, Sendable {
  /// The addresses that clients connect to; never empty.
  package var listeners = [ListenerSettings(.tcp(host: "127.0.0.1", port: 11311))]
  /// The number of workers; nil means one for each processor that the process may use.
  package var threads: Int? = nil
  /// Whether each worker is pinned to its own processor.
  package var pinsThreads = false
  /// In the order of the file; never empty. A route refers to a pool by its index here.
  package var pools: [PoolSettings]
  /// The nodes that have a name, in the order of the file. Their targets are indexes in `pools` and here.
  package var policies: [RouteNode] = []
  /// In the order of the file, no prefix twice; empty only if every listener names its target.
  package var routes: [RouteSettings]
  package var limits = LimitSettings()
  package var log = LogSettings()
  package var admin = AdminSettings()
  /// How long a stopping worker may take to answer the requests it has received.
  package var drainTimeout: Duration = .seconds(5)
  /// What the file says where a flag of the command line applies instead.
  package var hidden: [HiddenSetting] = []

  /// These pools with the defaults for the rest. Without routes every key goes to the first pool, so pass none only
  /// for a single pool.
  package init(pools: [PoolSettings], routes: [RouteSettings]? = nil) {
    self.pools = pools
    self.routes = routes ?? [RouteSettings(to: .pool(0))]
  }

  /// Warnings about what is allowed but may be unintended, one sentence each. Computes every ring.
  package var notes: [String] {
    var notes: [String] = []
    let usesRoutes = listeners.contains { $0.pool == nil }
    if usesRoutes, !routes.contains(where: \.isDefault) {
      notes.append(
        routes.contains { !$0.keys.isEmpty }
          ? "no default route: a key that is in no list and begins with none of the prefixes is refused"
          : "no default route: a key that begins with none of the prefixes is refused")
    }
    let used = usedTargets
    for (index, pool) in pools.enumerated() where !used.contains(.pool(index)) {
      notes.append("pool \(quoted(pool.name)) has no route: it gets no keys")
    }
    notes += routeNotes
    for pool in pools where pool.servers.allSatisfy(\.isMarkedDown) {
      notes.append("all servers of pool \(quoted(pool.name)) are marked down: its keys fail")
    }
    for pool in pools {
      let plan = pool.plan()
      let owners = plan.layout.owners
      for (index, server) in pool.servers.enumerated() where !owners.contains(index) {
        notes.append(
          "server \(server.address) of pool \(quoted(pool.name)) owns no key: "
            + "its weight \(server.weight) is too small beside the others")
      }
    }
    return notes
  }
}

/// A setting of the file that has no effect, because a flag sets the same.
package struct HiddenSetting: Equatable, Sendable {
  package var key: String
  /// The file's value.
  package var text: String
  /// The flag as it may be written, with its argument.
  package var flag: String

  package init(key: String, text: String, flag: String) {
    self.key = key
    self.text = text
    self.flag = flag
  }
}

/// One address that clients connect to.
package struct ListenerSettings: Equatable, Sendable {
  /// The permission bits of a Unix socket without `mode`: access for its owner only, as in memcached.
  package static let defaultMode: UInt16 = 0o700

  package var endpoint: Endpoint
  /// The permission bits of a Unix socket; nil is `defaultMode`. Always nil for TCP.
  package var mode: UInt16? = nil
  /// The `user` or `user:group` that will own a Unix socket; nil keeps the process's own.
  package var owner: String? = nil
  /// The name of the pool or policy that all requests of its clients go to; nil if routes decide.
  package var pool: String? = nil

  package init(_ endpoint: Endpoint, mode: UInt16? = nil, owner: String? = nil, pool: String? = nil) {
    self.endpoint = endpoint
    self.mode = mode
    self.owner = owner
    self.pool = pool
  }

  /// Whether a socket that was opened for one can serve the other.
  package func isSameSocket(as other: ListenerSettings) -> Bool {
    endpoint == other.endpoint && mode == other.mode && owner == other.owner
  }
}

/// Limits of memory and connections.
package struct LimitSettings: Equatable, Sendable {
  /// The number of client connections of the whole process.
  package var clients = 10_000
  /// The bytes of unread replies after which a client's further requests wait.
  package var clientOutput = 256 << 10
  /// The size in bytes of the largest value accepted from a client.
  package var maxValue = 128 << 20
  /// The bytes that may be queued for one server, per worker.
  package var serverQueue = 64 << 20
  /// The bytes of all buffers of the process, divided evenly among the workers; none gets less than 16 MiB.
  package var memory = 48 << 20
  /// How long a client may leave a request unfinished; every 64 KiB of a value restart it.
  package var halfRequestTimeout: Duration = .seconds(60)
  /// How long a client may leave its replies unread; every byte that it reads restarts it.
  package var unreadTimeout: Duration = .seconds(300)

  package init() {}
}

/// The log's destination, level and format.
package struct LogSettings: Equatable, Sendable {
  /// Where lines are written.
  package enum Destination: Equatable, Sendable {
    case stderr
    case syslog
    /// systemd's journal, by its native protocol.
    case journald
    /// Appended to, and reopened by SIGHUP.
    case file(path: String)
  }

  package typealias Level = LogLevel

  /// The socket on which journald takes datagrams.
  package static let journaldSocket = "/run/systemd/journal/socket"

  /// How lines are written.
  package enum Format: String, CaseIterable, Sendable {
    case text, json, logfmt
  }

  package var destination = Destination.stderr
  package var level = Level.info
  package var format = Format.text
  /// Whether a client's `verbosity` command changes the level.
  package var clientsMaySetLevel = false
  package var slow = SlowLogSettings()

  package init() {}
}

extension LogLevel {
  /// The level for memcached's verbosity, as `verbosity n` and `-v` give it.
  package init(verbosity: UInt64) {
    self = verbosity == 0 ? .warning : verbosity == 1 ? .info : .debug
  }
}
