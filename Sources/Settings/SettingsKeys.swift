// Every key of the file, by the mapping that contains it; a pool's are beside its settings (`PoolKey`). The decoder
// switches over these without a default, so every key listed here is decoded, and all others are unknown.

/// The keys of one kind of mapping.
protocol SettingsKey: RawRepresentable<String>, CaseIterable, Hashable, Sendable {}

/// The keys of the top level, besides those of a pool in the short form.
enum FileKey: String, SettingsKey {
  case listen, threads
  case pinThreads = "pin_threads"
  case pools, routes, limits, log
  case drainTimeout = "drain_timeout"
}

enum ListenerKey: String, SettingsKey {
  case address, mode, owner
}

enum ServerKey: String, SettingsKey {
  case address, weight, name, mark
}

/// What an operator may say of a server.
enum ServerMark: String, CaseIterable {
  case down
}

enum RouteKey: String, SettingsKey {
  case prefix, pool
}

enum LimitKey: String, SettingsKey {
  case clients
  case clientOutput = "client_output"
  case maxValue = "max_value"
  case serverQueue = "server_queue"
  case memory
}

enum LogKey: String, SettingsKey {
  case to, level, format
  case clientsMaySetLevel = "clients_may_set_level"
}

/// The keys allowed at the top level: the file's own, and a pool's if there is only one pool.
enum TopKey: SettingsKey {
  case file(FileKey)
  case pool(PoolKey)

  init?(rawValue: String) {
    if let key = FileKey(rawValue: rawValue) {
      self = .file(key)
    } else if let key = PoolKey(rawValue: rawValue) {
      self = .pool(key)
    } else {
      return nil
    }
  }

  var rawValue: String {
    switch self {
    case .file(let key): key.rawValue
    case .pool(let key): key.rawValue
    }
  }

  static let allCases: [TopKey] = FileKey.allCases.map(TopKey.file) + PoolKey.allCases.map(TopKey.pool)
}

/// Every key that the decoder knows, once: the documentation and the full example must contain them all.
package enum KnownKeys {
  package static let all: [String] = {
    let groups = [
      words(FileKey.self), words(ListenerKey.self), words(PoolKey.self), words(ServerKey.self),
      words(RouteKey.self), words(LimitKey.self), words(LogKey.self),
    ]
    return Set(groups.joined()).sorted()
  }()

  private static func words<Key: SettingsKey>(_ type: Key.Type) -> [String] { Key.allCases.map(\.rawValue) }

  /// The hint for a twemproxy key; nil if the word is not one.
  static func twemproxyHint(for key: String) -> String? {
    switch key {
    case "timeout": #"twemproxy's "timeout" is "request_timeout" here, with a unit"#
    case "distribution": #"twemproxy's "distribution: ketama" is "placement: twemproxy-ketama" here"#
    case "auto_eject_hosts":
      #"twemproxy's "auto_eject_hosts: true" is "on_failure: eject" here, false is "fail_fast""#
    case "server_failure_limit": #"twemproxy's "server_failure_limit" is "failures" here"#
    case "server_retry_timeout": #"twemproxy's "server_retry_timeout" is "probe_interval" here, with a unit"#
    case "server_connections": #"twemproxy's "server_connections" is "connections" here"#
    case "client_connections": #"twemproxy's "client_connections" is "limits: {clients: …}" here"#
    case "redis", "redis_auth", "redis_db": "ringroad speaks memcached's protocol only"
    case "preconnect", "backlog", "tcpkeepalive", "reuseport": "ringroad has no such setting: leave it out"
    default: nil
    }
  }
}
