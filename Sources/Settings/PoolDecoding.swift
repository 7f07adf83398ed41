// A pool and its servers.

extension SettingsDecoder {
  typealias PoolField = (key: PoolKey, at: FilePosition, value: YAMLNode)

  /// Decodes a pool from the keys that stand for it, in a mapping of its own or at the top level.
  mutating func pool(_ name: String, _ fields: [PoolField], at place: FilePosition) -> PoolSettings {
    var pool = PoolSettings(name: name, servers: [])
    var probeAt: FilePosition?
    var hasServers = false
    for (key, keyPlace, value) in fields {
      switch key {
      case .servers:
        hasServers = true
        pool.servers = servers(value)
      case .placement:
        read(value, key, into: &pool.placement) { text throws(Complaint) in try parseWord(text) }
      case .hash: read(value, key, into: &pool.hash, Self.hash)
      case .hashTag: readHashTag(value, into: &pool.hashTag)
      case .connectTimeout: read(value, key, into: &pool.connectTimeout, Self.timeout)
      case .requestTimeout: read(value, key, into: &pool.requestTimeout, Self.timeout)
      case .failures:
        read(value, key, into: &pool.failures) { text throws(Complaint) in
          try Quantity.count(text, in: Bounds.failures)
        }
      case .probeInterval:
        read(value, key, into: &pool.probeInterval, Self.timeout)
        probeAt = probeAt ?? keyPlace
      case .probeMax:
        read(value, key, into: &pool.probeMax, Self.timeout)
        probeAt = keyPlace
      case .onFailure:
        read(value, key, into: &pool.onFailure) { text throws(Complaint) in try parseWord(text) }
      case .readsOnFailure:
        read(value, key, into: &pool.readsOnFailure) { text throws(Complaint) in try parseWord(text) }
      case .rejoin: read(value, key, into: &pool.rejoin) { text throws(Complaint) in try parseWord(text) }
      case .floor: read(value, key, into: &pool.floor, Quantity.percent)
      case .connections:
        read(value, key, into: &pool.connections) { text throws(Complaint) in
          try Quantity.count(text, in: Bounds.connections)
        }
      }
    }
    if !hasServers { refuse(place, "pool \(quoted(name)) has no \"servers\"") }
    if let probeAt, pool.probeInterval > pool.probeMax {
      let (first, last) = (Quantity.written(pool.probeInterval), Quantity.written(pool.probeMax))
      refuse(probeAt, "probe_interval (\(first)) is longer than probe_max (\(last))")
    }
    return pool
  }

  private static func hash(_ text: String) throws(Complaint) -> KeyHashName? {
    if text == "auto" { return nil }
    guard let hash = KeyHashName(rawValue: text) else {
      throw .unknownWord(text, known: KeyHashName.allCases.map(\.rawValue) + ["auto"])
    }
    return hash
  }

  private mutating func readHashTag(_ node: YAMLNode, into place: inout HashTag?) {
    // Without quotes `{}` is an empty mapping and `[]` an empty list: the likeliest slip of all.
    switch node.content {
    case .mapping([]), .list([]):
      let meant = node.found == "a list" ? "[]" : "{}"
      let complaint = Complaint.expected(
        "two visible ASCII characters in quotes", found: node.found,
        hint: "did you mean hash_tag: \"\(meant)\"?")
      refuse(node.position, complaint, about: PoolKey.hashTag.rawValue)
    default:
      read(node, PoolKey.hashTag, into: &place) { text throws(Complaint) in
        text == "none" ? nil : try HashTag.parse(text)
      }
    }
  }

  // MARK: Servers

  /// The servers of a list, each once by address and by ring label.
  mutating func servers(_ node: YAMLNode) -> [ServerSettings] {
    let example: String? =
      if case .scalar(let text, _) = node.content, !node.isNothing { "write [\(text.prefix(64))]" } else {
        nil
      }
    guard let items = items(of: node, "servers", most: Bounds.serversInPool, hint: example) else { return [] }
    var servers: [ServerSettings] = []
    var addresses: [Endpoint: FilePosition] = [:]
    var labels: [String: FilePosition] = [:]
    for item in items {
      guard let server = server(item) else { continue }
      if let first = addresses[server.endpoint.comparable] {
        refuse(item.position, duplicate: "server \(server.endpoint)", first: first)
        continue
      }
      addresses[server.endpoint.comparable] = item.position
      if let first = labels[server.ringLabel] {
        refuse(item.position, duplicate: "server name \(quoted(server.ringLabel))", first: first)
        continue
      }
      labels[server.ringLabel] = item.position
      servers.append(server)
    }
    return servers
  }

  /// An address, or a mapping of address, weight and name.
  private mutating func server(_ node: YAMLNode) -> ServerSettings? {
    if case .mapping = node.content { return namedServer(node) }
    guard let text = text(node, "servers", expected: "an address such as 10.0.0.1:11211") else { return nil }
    do throws(Complaint) {
      return try Self.server(text)
    } catch {
      refuse(node.position, error, about: "servers")
      return nil
    }
  }

  private mutating func namedServer(_ node: YAMLNode) -> ServerSettings? {
    let errorsBefore = errors.count
    var server: ServerSettings?
    var weight: UInt32 = 1
    var name: String?
    let fields = fields(of: node, "a server", as: ServerKey.self)
    for (key, _, value) in fields {
      switch key {
      case .address: read(value, key, into: &server) { text throws(Complaint) in try Self.server(text) }
      case .weight:
        read(value, key, into: &weight) { text throws(Complaint) in
          UInt32(try Quantity.count(text, in: Bounds.weight))
        }
      case .name:
        read(value, key, into: &name) { text throws(Complaint) in
          if let complaint = Self.nameComplaint(text) { throw complaint }
          return text
        }
      }
    }
    if !fields.contains(where: { $0.key == .address }) {
      refuse(node.position, "a server without \"address\"")
    }
    guard var server, errors.count == errorsBefore else { return nil }
    (server.weight, server.name) = (weight, name)
    return server
  }

  private static func server(_ text: String) throws(Complaint) -> ServerSettings {
    ServerSettings(address: text, endpoint: try Endpoint.parse(text, defaultPort: Endpoint.serverPort))
  }

  /// What is wrong with the name of a pool or server; nil if nothing is.
  static func nameComplaint(_ name: String) -> Complaint? {
    if name.isEmpty { return .expected("a name", found: quoted("")) }
    if name.utf8.count > Bounds.nameBytes {
      return .said("a name has at most \(Bounds.nameBytes) bytes, this one \(name.utf8.count)")
    }
    guard name.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else {
      return .said("space or control byte in the name \(quoted(name))")
    }
    return nil
  }
}

extension ServerSettings {
  /// What the ring hashes for this server: the name, or the address without memcached's own port, as
  /// libmemcached and twemproxy have it. Two servers of one pool may not share it.
  package var ringLabel: String {
    if let name { return name }
    return switch endpoint {
    case .tcp(let host, Endpoint.serverPort): host
    case .tcp(let host, let port): "\(host):\(port)"
    case .unix(let path): path
    }
  }
}
