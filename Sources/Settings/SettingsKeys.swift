// Every key of the file, by the mapping that contains it; a pool's are beside its settings (`PoolKey`). The decoder
// switches over these without a default, so every key listed here is decoded, and all others are unknown.

/// The keys of one kind of mapping.
protocol SettingsKey: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
  /// The default in the form of the file; nil if there is none, or if it is more than one word.
  var defaultText: String? { get }
}

extension SettingsKey {
  var defaultText: String? { nil }
}

/// The keys of the top level, besides those of a pool in the short form.
enum FileKey: String, SettingsKey {
  case listen, threads
  case pinThreads = "pin_threads"
  case pools, policies, routes, limits, log, admin
  case drainTimeout = "drain_timeout"

  var defaultText: String? {
    let settings = ProxySettings(pools: [])
    return switch self {
    case .threads: "auto"
    case .pinThreads: String(settings.pinsThreads)
    case .drainTimeout: Quantity.written(settings.drainTimeout)
    case .listen: settings.listeners.first?.endpoint.description
    case .admin: settings.admin.written
    case .pools, .policies, .routes, .limits, .log: nil
    }
  }
}

enum ListenerKey: String, SettingsKey {
  case address, mode, owner
  case pool = "to"

  var defaultText: String? { self == .mode ? "0700" : nil }
}

enum AdminKey: String, SettingsKey {
  case address, mode, owner, hosts, token
}

enum TokenKey: String, SettingsKey {
  case file
}

enum ServerKey: String, SettingsKey {
  case address, weight, name, resolved, mark

  var defaultText: String? { self == .weight ? "1" : nil }
}

/// What an operator may say of a server.
enum ServerMark: String, CaseIterable {
  case down
}

/// The keys of a policy, and of a route that does more than name a pool: verbs, their parameters, clauses.
enum NodeKey: String, SettingsKey {
  case to
  case attempt = "try"
  case share, commands, answer
  case on
  case onMiss = "on_miss"
  case laterTTL = "later_ttl"
  case deletes, salt
  case allow, deny, values, ttl, deadline

  static let verbs: [NodeKey] = [.to, .attempt, .share, .commands, .answer]

  /// The verb whose parameter it is; nil for verbs and clauses.
  var verb: NodeKey? {
    switch self {
    case .on, .onMiss, .laterTTL, .deletes: .attempt
    case .salt: .share
    default: nil
    }
  }

  var defaultText: String? {
    switch self {
    case .on: TryWords.On.trouble.rawValue
    case .onMiss: TryWords.OnMiss.miss.rawValue
    case .laterTTL: "60s"
    case .deletes: TryWords.Deletes.same.rawValue
    default: nil
    }
  }
}

/// The keys of a route: which keys it takes, and those of a policy.
enum RouteKey: SettingsKey {
  case prefix, keys, pool
  case node(NodeKey)

  private static let own: [RouteKey] = [.prefix, .keys, .pool]

  init?(rawValue: String) {
    if let key = Self.own.first(where: { $0.rawValue == rawValue }) {
      self = key
    } else if let key = NodeKey(rawValue: rawValue) {
      self = .node(key)
    } else {
      return nil
    }
  }

  var rawValue: String {
    switch self {
    case .prefix: "prefix"
    case .keys: "keys"
    case .pool: "pool"
    case .node(let key): key.rawValue
    }
  }

  var defaultText: String? { if case .node(let key) = self { key.defaultText } else { nil } }

  static let allCases: [RouteKey] = own + NodeKey.allCases.map(RouteKey.node)
}

enum ValuesKey: String, SettingsKey {
  case max
}

enum TTLKey: String, SettingsKey {
  case min, max, none, set
}

enum LimitKey: String, SettingsKey {
  case clients
  case clientOutput = "client_output"
  case maxValue = "max_value"
  case serverQueue = "server_queue"
  case memory
  case halfRequestTimeout = "half_request_timeout"
  case unreadTimeout = "unread_timeout"

  var defaultText: String? { LimitSettings().written(self) }
}

enum LogKey: String, SettingsKey {
  case to, level, format
  case clientsMaySetLevel = "clients_may_set_level"
  case slow

  var defaultText: String? { LogSettings().written(self) }
}

enum SlowKey: String, SettingsKey {
  case over, keys

  var defaultText: String? { self == .keys ? SlowLogSettings.Keys.hash.rawValue : nil }
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

  var defaultText: String? {
    switch self {
    case .file(let key): key.defaultText
    case .pool(let key): key.defaultText
    }
  }

  static let allCases: [TopKey] = FileKey.allCases.map(TopKey.file) + PoolKey.allCases.map(TopKey.pool)
}

/// Every key that the decoder knows, once: the documentation and the full example must contain them all.
package enum KnownKeys {
  package static let all: [String] = {
    let groups = [
      words(FileKey.self), words(ListenerKey.self), words(PoolKey.self), words(ServerKey.self),
      words(RouteKey.self), words(ValuesKey.self), words(TTLKey.self),
      words(LimitKey.self), words(LogKey.self), words(SlowKey.self),
      words(AdminKey.self), words(TokenKey.self),
    ]
    return Set(groups.joined()).sorted()
  }()

  private static func words<Key: SettingsKey>(_ type: Key.Type) -> [String] { Key.allCases.map(\.rawValue) }
}
