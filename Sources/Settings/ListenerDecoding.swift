// Decoding of listeners, limits and the log.

extension SettingsDecoder {
  /// Decodes one address, a mapping, or a list of both; no address twice.
  mutating func listeners(_ node: YAMLNode) -> [ListenerSettings] {
    let nodes: [YAMLNode]
    if case .list = node.content {
      nodes = items(of: node, "listen", most: Bounds.listeners) ?? []
    } else {
      nodes = [node]
    }
    var listeners: [ListenerSettings] = []
    var seen: [Endpoint: FilePosition] = [:]
    for node in nodes {
      guard let listener = listener(node) else { continue }
      if let first = seen[listener.endpoint.comparable] {
        refuse(node.position, duplicate: "listener \(listener.endpoint)", first: first)
        continue
      }
      seen[listener.endpoint.comparable] = node.position
      listeners.append(listener)
    }
    return listeners
  }

  /// Decodes one listener; without `port` its address must have one.
  mutating func listener(_ node: YAMLNode, port: UInt16? = nil) -> ListenerSettings? {
    guard case .mapping = node.content else {
      guard let text = text(node, "listen", expected: "an address such as 127.0.0.1:11311") else {
        return nil
      }
      do throws(Complaint) {
        return ListenerSettings(try Endpoint.parse(text, for: .listener(defaultPort: port)))
      } catch {
        refuse(node.position, error, about: "listen")
        return nil
      }
    }
    if let complaint = ServerForms.addressComplaint(node, in: "a listener"),
      let meant = ServerForms.listener(node)
    {
      refuse(node.position, complaint, hint: "write \(YAMLNode.word(meant).written)")
      return nil
    }
    let errorsBefore = errors.count
    var endpoint: Endpoint?
    var mode: UInt16?
    var owner: String?
    var pool: String?
    var socketKeys: [(ListenerKey, FilePosition)] = []
    let fields = fields(of: node, "a listener", as: ListenerKey.self)
    for (key, place, value) in fields {
      switch key {
      case .address:
        read(value, key, into: &endpoint) { text throws(Complaint) in
          try Endpoint.parse(text, for: .listener(defaultPort: port))
        }
      case .mode:
        socketKeys.append((key, place))
        read(value, key, into: &mode, Quantity.mode)
      case .owner:
        socketKeys.append((key, place))
        read(value, key, into: &owner, Self.owner)
      case .pool:
        read(value, key, into: &pool) { text throws(Complaint) in text }
        if let pool { targetPlaces.append((pool, value.position)) }
      }
    }
    if !fields.contains(where: { $0.key == .address }) {
      refuse(node.position, "a listener without \"address\"")
    }
    if case .tcp? = endpoint {
      for (key, place) in socketKeys {
        refuse(
          place, "\(quoted(key.rawValue)) is for Unix sockets",
          hint: "an address such as unix:/run/ringroad.sock")
      }
    }
    guard let endpoint, errors.count == errorsBefore else { return nil }
    return ListenerSettings(endpoint, mode: mode, owner: owner, pool: pool)
  }

  /// Parses `user` or `user:group`; whether they exist is checked when the socket is created.
  private static func owner(_ text: String) throws(Complaint) -> String {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let isName: (Substring) -> Bool = { part in
      !part.isEmpty && part.utf8.count <= 32
        && part.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/") }
    }
    guard parts.count <= 2, parts.allSatisfy(isName) else {
      throw .expected("user or user:group", found: quoted(text))
    }
    return text
  }

  mutating func limits(_ node: YAMLNode) -> LimitSettings {
    var limits = LimitSettings()
    for (key, _, value) in fields(of: node, "limits", as: LimitKey.self) {
      switch key {
      case .clients:
        read(value, key, into: &limits.clients) { text throws(Complaint) in
          try Quantity.count(text, in: Bounds.clients)
        }
      case .clientOutput: readSize(value, key, into: &limits.clientOutput, in: Bounds.clientOutput)
      case .maxValue: readSize(value, key, into: &limits.maxValue, in: Bounds.maxValue)
      case .serverQueue: readSize(value, key, into: &limits.serverQueue, in: Bounds.serverQueue)
      case .memory: readSize(value, key, into: &limits.memory, in: Bounds.memory)
      case .halfRequestTimeout: read(value, key, into: &limits.halfRequestTimeout, Self.clientTimeout)
      case .unreadTimeout: read(value, key, into: &limits.unreadTimeout, Self.clientTimeout)
      }
    }
    return limits
  }

  private static func clientTimeout(_ text: String) throws(Complaint) -> Duration {
    try Quantity.duration(text, in: Bounds.clientTimeout)
  }

  private mutating func readSize(
    _ node: YAMLNode, _ key: LimitKey, into place: inout Int, in range: ClosedRange<Int>
  ) {
    read(node, key, into: &place) { text throws(Complaint) in try Quantity.size(text, in: range) }
  }

  mutating func log(_ node: YAMLNode) -> LogSettings {
    var log = LogSettings()
    for (key, _, value) in fields(of: node, "log", as: LogKey.self) {
      switch key {
      case .to: read(value, key, into: &log.destination, LogSettings.Destination.parse)
      case .level: read(value, key, into: &log.level) { text throws(Complaint) in try parseWord(text) }
      case .format: read(value, key, into: &log.format) { text throws(Complaint) in try parseWord(text) }
      case .clientsMaySetLevel: read(value, key, into: &log.clientsMaySetLevel, Self.truth)
      case .slow: log.slow = slowLog(value)
      }
    }
    return log
  }

  /// Decodes `off`, or a mapping with `over`.
  mutating func slowLog(_ node: YAMLNode) -> SlowLogSettings {
    var slow = SlowLogSettings()
    guard case .mapping = node.content else {
      guard node.scalar != "off" else { return slow }
      let isTime = node.scalar.map { (try? Self.timeout($0)) != nil } ?? false
      let hint = isTime ? "write {over: \(node.written)}" : nil
      refuse(
        node.position, .expected("off, or a mapping such as {over: 50ms}", found: node.found, hint: hint),
        about: LogKey.slow.rawValue)
      return slow
    }
    var hasTime = false
    for (key, _, value) in fields(of: node, LogKey.slow.rawValue, as: SlowKey.self) {
      switch key {
      case .over:
        hasTime = true
        read(value, key, into: &slow.over, Self.timeout)
      case .keys: read(value, key, into: &slow.keys) { text throws(Complaint) in try parseWord(text) }
      }
    }
    if !hasTime { refuse(node.position, "slow without \"over\"", hint: "such as {over: 50ms}") }
    return slow
  }
}

extension LogSettings.Destination: CustomStringConvertible {
  private static let expected = "stderr, syslog, journald or the absolute path of a file"

  /// Parses `stderr`, `syslog`, `journald`, or the absolute path of a file.
  static func parse(_ text: String) throws(Complaint) -> Self {
    let words: [Self] = [.stderr, .syslog, .journald]
    if let word = words.first(where: { $0.description == text }) { return word }
    guard text.hasPrefix("/"), text.utf8.count > 1 else {
      let near = nearestWord(to: text, among: words.map(\.description)).map { "did you mean \(quoted($0))?" }
      throw .expected(expected, found: quoted(text), hint: near)
    }
    guard text.utf8.count < 4096, text.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
      throw .expected(expected, found: quoted(text))
    }
    return .file(path: text)
  }

  package var description: String {
    switch self {
    case .stderr: "stderr"
    case .syslog: "syslog"
    case .journald: "journald"
    case .file(let path): path
    }
  }
}
