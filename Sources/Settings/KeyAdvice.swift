/// What to write for a key without a meaning where it is: another program's, or one of this file in another place.
///
///     timeout: 400          request_timeout: 400ms
///     maxconn: 1024         limits: {clients: 1024}
struct KeyAdvice {
  /// Where a setting belongs.
  enum Home: Equatable { case file, pool, limits, log }

  /// How another program writes a value.
  private enum Form {
    case same, milliseconds, servers, listener
    case words([String: String])
  }

  var home: Home
  var key: String
  /// The value as it is written here; nil if there is none for it.
  var value: YAMLNode?

  /// The entry for the top level of the file, or for a pool.
  var entry: YAMLNode.Entry? {
    guard let value else { return nil }
    return switch home {
    case .file, .pool: YAMLNode.Entry(key: .word(key), value: value)
    case .limits: YAMLNode.Entry(key: .word("limits"), value: .pairs([(key, value)]))
    case .log: YAMLNode.Entry(key: .word("log"), value: .pairs([(key, value)]))
    }
  }

  init?(for word: String, value: YAMLNode) {
    let folded = word.lowercased().replacing("-", with: "_").replacing(" ", with: "_")
    let form: Form
    if let own = Self.own(word) {
      (home, key, form) = own
    } else if let foreign = Self.foreign.first(where: { $0.words.contains(folded) }) {
      (home, key, form) = (foreign.home, foreign.key, foreign.form)
    } else {
      return nil
    }
    self.value = Self.converted(value, form)
    if !isValid {
      self.value = (PoolKey(rawValue: key)?.defaultText ?? LimitKey(rawValue: key)?.defaultText).map(
        YAMLNode.word)
    }
  }

  /// Whether a file with this setting is accepted.
  private var isValid: Bool {
    guard let entry else { return false }
    var root = [entry]
    if key != "servers" { root.append(YAMLNode.Entry(key: .word("servers"), value: .items([.word("a")]))) }
    var decoder = SettingsDecoder(source: .file(""), givesAdvice: false)
    let node = YAMLNode(content: .mapping(root), position: YAMLNode.nowhere)
    return decoder.settings(node, listeners: []) != nil
  }

  /// The hint for this key in the mapping `subject`, which has the keys `present`; nil if it is in its place.
  func hint<Key: SettingsKey>(in subject: String, _ present: Set<Key>) -> String? {
    // A server, a listener, a route and a policy have a few keys of their own, and no settings.
    let own: [Any.Type] = [
      ServerKey.self, ListenerKey.self, RouteKey.self, NodeKey.self, ValuesKey.self,
      TTLKey.self,
    ]
    if own.contains(where: { $0 == Key.self }) { return nil }
    if value == nil, home == .log, key == LogKey.to.rawValue {
      return
        "it belongs to a listener: {address: 127.0.0.1:11311, to: main}, or to a route: {prefix: \"user:\", to: main}"
    }
    let names = Set(present.map(\.rawValue))
    let written = entry.map { "\($0.key.written): \($0.value.written)" } ?? "\(key): …"
    let isTop = Key.self == TopKey.self
    if home == .pool, isTop, names.contains("pools") {
      return "move it into the pool it is meant for, as \(written)"
    }
    if isTop || home == .pool && Key.self == PoolKey.self {
      let outer = entry?.key.scalar ?? key
      if !names.contains(outer) { return value == nil ? "here it is \(quoted(key))" : "write \(written)" }
      if home == .file || home == .pool { return "leave it out: the file has \(quoted(key)) already" }
      return "move it into \(quoted(outer)), as \(key): \(value?.written ?? "…")"
    }
    return home == .pool ? nil : "write \(written) at the top level"
  }

  /// The hint for an option of a placement that stands in a pool, or at the top level.
  static func hint<Key: SettingsKey>(
    forOption word: String, among entries: [YAMLNode.Entry], as type: Key.Type
  ) -> String? {
    guard type == TopKey.self || type == PoolKey.self else { return nil }
    let hint = PlacementAdvice.hint(for: word, among: entries)
    guard type == TopKey.self, entries.contains(where: { $0.key.scalar == FileKey.pools.rawValue }) else {
      return hint
    }
    return hint.map { _ in "move it into the placement of the pool it is meant for" }
  }

  /// The keys of servers and listeners that a word may mean.
  static func alike(_ word: String) -> [String] {
    switch word.lowercased() {
    case "label": [ServerKey.name.rawValue]
    case "pool": [ListenerKey.pool.rawValue]
    default: []
    }
  }

  private static func own(_ word: String) -> (Home, String, Form)? {
    switch word {
    case "listen": (.file, word, .listener)
    case "servers": (.pool, word, .servers)
    case "drain_timeout": (.file, word, .milliseconds)
    case "connect_timeout", "request_timeout", "probe_interval", "probe_max": (.pool, word, .milliseconds)
    case _ where FileKey(rawValue: word) != nil: (.file, word, .same)
    case _ where PoolKey(rawValue: word) != nil: (.pool, word, .same)
    case _ where LimitKey(rawValue: word) != nil: (.limits, word, .same)
    case _ where LogKey(rawValue: word) != nil: (.log, word, .same)
    default: nil
    }
  }

  private static func converted(_ value: YAMLNode, _ form: Form) -> YAMLNode? {
    switch form {
    case .same: return value
    case .servers: return ServerForms.servers(value)
    case .words(let words): return value.scalar.flatMap { words[$0] }.map(YAMLNode.word)
    case .milliseconds:
      guard let text = value.scalar else { return nil }
      return .word(text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } ? "\(text)ms" : text)
    case .listener:
      guard let text = value.scalar else { return value }
      let parts = text.split(separator: " ").map(String.init)
      if parts.count == 2, parts[0].hasPrefix("/") {
        return .pairs([("address", .word(parts[0])), ("mode", .word(parts[1]))])
      }
      let isAddress = (try? Endpoint.exactly(text, for: .listener(defaultPort: nil))) != nil
      return isAddress ? value : Endpoint.repaired(text, for: .listener(defaultPort: nil)).map(YAMLNode.word)
    }
  }

  /// The keys of twemproxy, mcrouter, moxi, HAProxy and nginx, and the long flags of memcached.
  private static let foreign: [(words: Set<String>, home: Home, key: String, form: Form)] = [
    (["bind", "port", "listen_address", "listen_on", "tcp_port", "port_listen"], .file, "listen", .listener),
    (["workers", "worker_processes", "nbthread", "num_threads", "num_proxies"], .file, "threads", .same),
    (
      [
        "server", "hosts", "nodes", "backends", "backend", "upstreams", "upstream", "endpoints", "members",
        "instances", "memcached", "memcached_servers", "serverlist",
      ], .pool, "servers", .servers
    ),
    (
      [
        "timeout", "server_timeout", "server_timeout_ms", "timeout_server", "downstream_timeout",
        "read_timeout",
      ],
      .pool, "request_timeout", .milliseconds
    ),
    (["timeout_connect", "connect_timeout_ms"], .pool, "connect_timeout", .milliseconds),
    (
      ["distribution", "balance"], .pool, "placement",
      .words(["ketama": "twemproxy-ketama", "modula": "twemproxy-modula"])
    ),
    (["auto_eject_hosts"], .pool, "on_failure", .words(["true": "eject", "false": "fail_fast"])),
    (["server_failure_limit", "fall", "max_fails", "connect_max_errors"], .pool, "failures", .same),
    (
      ["server_retry_timeout", "inter", "fail_timeout", "connect_retry_interval", "probe_timeout_initial"],
      .pool, "probe_interval", .milliseconds
    ),
    (["server_connections", "pool_size", "downstream_conn_max"], .pool, "connections", .same),
    (["client_connections", "maxconn", "max_connections", "conn_limit"], .limits, "clients", .same),
    (["max_item_size", "item_size_max"], .limits, "max_value", .same),
    (["log_level", "loglevel", "verbosity"], .log, "level", .same),
    (["log_file", "logfile", "log_path"], .log, "to", .same),
  ]

  /// What to do with a key of another program that has no counterpart in the file.
  static func withoutCounterpart(_ word: String) -> String? {
    switch word.lowercased().replacing("-", with: "_") {
    case "redis", "redis_auth", "redis_db": "ringroad speaks memcached's protocol only"
    case "user": "leave it out: the user is given as ringroad -u NAME"
    case "daemon", "daemonize": "leave it out: ringroad -d runs in the background"
    case "pidfile", "pid_file": "leave it out: the file is given as ringroad -P FILE"
    case "preconnect", "backlog", "tcpkeepalive", "reuseport", "memory_limit", "mbuf_size", "stats_port",
      "stats_interval", "tcp_nodelay", "keepalive", "version", "cas", "sasl":
      "leave it out: ringroad has no such setting"
    case "idle_timeout", "client_timeout": "leave it out: an idle client is never closed"
    case "weight": "it belongs to a server: {address: 10.0.0.1:11211, weight: 2}"
    case "mark": "it belongs to a server: {address: 10.0.0.1:11211, mark: down}"
    case "mode", "owner": "it belongs to a listener: {address: unix:/run/ringroad.sock, mode: 0770}"
    case "prefix": "it belongs to a route: {prefix: \"user:\", pool: main}"
    case "try", "share", "commands", "answer", "allow", "deny", "ttl":
      "it belongs to a policy: policies: {cache: {try: [main, spare]}}"
    case "<<": "merge keys are not supported: repeat the keys here"
    default: nil
    }
  }
}

extension String {
  /// The text without the typographic quotes that word processors put around it.
  var trimmingTypographicQuotes: String {
    let quotes = "\u{201C}\u{201D}\u{201E}\u{2018}\u{2019}\u{201A}\u{AB}\u{BB}"
    guard let first, quotes.contains(first) else { return self }
    return String(drop { quotes.contains($0) }.reversed().drop { quotes.contains($0) }.reversed())
  }
}
