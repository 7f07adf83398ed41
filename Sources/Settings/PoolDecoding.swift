import Routing

// Decoding of a pool and its servers.

extension SettingsDecoder {
  typealias PoolField = (key: PoolKey, at: FilePosition, value: YAMLNode)

  /// Decodes a pool from its keys, which are in their own mapping or at the top level.
  mutating func pool(_ name: String, _ fields: [PoolField], at place: FilePosition) -> PoolSettings {
    var pool = PoolSettings(name: name, servers: [])
    var probeAt: FilePosition?
    var servers: [PlacedServer]?
    for (key, keyPlace, value) in fields {
      switch key {
      case .servers:
        servers = self.servers(value)
      case .placement: read(value, key, into: &pool.placement, PlacementWords.scheme)
      case .hash: read(value, key, into: &pool.hash, PlacementWords.hash)
      case .hashTag: readHashTag(value, into: &pool.hashTag)
      case .connectTimeout: read(value, key, into: &pool.policy.connectTimeout, Self.timeout)
      case .requestTimeout: read(value, key, into: &pool.policy.requestTimeout, Self.timeout)
      case .failures:
        read(value, key, into: &pool.policy.failures) { text throws(Complaint) in
          try Quantity.count(text, in: Bounds.failures)
        }
      case .probeInterval:
        read(value, key, into: &pool.policy.probeInterval, Self.timeout)
        probeAt = probeAt ?? keyPlace
      case .probeMax:
        read(value, key, into: &pool.policy.probeMax, Self.timeout)
        probeAt = keyPlace
      case .onFailure:
        read(value, key, into: &pool.policy.onFailure) { text throws(Complaint) in try parseWord(text) }
      case .readsOnFailure:
        read(value, key, into: &pool.policy.readsOnFailure) { text throws(Complaint) in try parseWord(text) }
      case .writesOnFailure:
        read(value, key, into: &pool.policy.writesOnFailure) { text throws(Complaint) in try parseWord(text) }
      case .rejoin:
        read(value, key, into: &pool.policy.rejoin) { text throws(Complaint) in try parseWord(text) }
      case .onJoin:
        read(value, key, into: &pool.policy.onJoin) { text throws(Complaint) in try parseWord(text) }
      case .floor: read(value, key, into: &pool.policy.floorPercent, Quantity.percent)
      case .connections:
        read(value, key, into: &pool.policy.connections) { text throws(Complaint) in
          try Quantity.count(text, in: Bounds.connections)
        }
      }
    }
    if servers == nil { refuse(place, "pool \(quoted(name)) has no \"servers\"") }
    pool.servers = withDistinctLabels(servers ?? [], on: pool.placement)
    if let probeAt, pool.policy.probeInterval > pool.policy.probeMax {
      let (first, last) = (
        Quantity.written(pool.policy.probeInterval), Quantity.written(pool.policy.probeMax)
      )
      refuse(probeAt, "probe_interval (\(first)) is longer than probe_max (\(last))")
    }
    return pool
  }

  private mutating func readHashTag(_ node: YAMLNode, into place: inout HashTag?) {
    // Without quotes `{}` is an empty mapping and `[]` an empty list: the likeliest typing error of all.
    switch node.content {
    case .mapping([]), .list([]):
      let meant = node.found == "a list" ? "[]" : "{}"
      let complaint = Complaint.expected(
        "two visible ASCII characters in quotes", found: node.found,
        hint: "did you mean hash_tag: \"\(meant)\"?")
      refuse(node.position, complaint, about: PoolKey.hashTag.rawValue)
    default:
      read(node, PoolKey.hashTag, into: &place, PlacementWords.hashTag)
    }
  }

  // MARK: Servers

  typealias PlacedServer = (server: ServerSettings, at: FilePosition)

  /// Decodes a list of servers, each address once.
  mutating func servers(_ node: YAMLNode) -> [PlacedServer] {
    let isList = if case .list = node.content { true } else { false }
    let meant = isList || node.isNothing ? nil : ServerForms.servers(node)
    let hint = meant.map { "write \($0.written)" } ?? "such as [10.0.0.1:11211, 10.0.0.2:11211]"
    guard let items = items(of: node, "servers", most: Bounds.serversInPool, hint: hint) else { return [] }
    var servers: [PlacedServer] = []
    var addresses: [Endpoint: FilePosition] = [:]
    for item in items {
      guard let server = server(item) else { continue }
      let address = server.endpoint.withoutAlias
      if let first = addresses[address] {
        let alias = address == server.endpoint.comparable ? "" : ", which is \(address)"
        refuse(item.position, duplicate: "server \(server.endpoint)\(alias)", first: first)
        continue
      }
      addresses[address] = item.position
      serverPlaces.append((server.endpoint, item.position))
      servers.append((server, item.position))
    }
    return servers
  }

  /// Checks that each ring label occurs once: two servers with one label would share all their points.
  private mutating func withDistinctLabels(
    _ servers: [PlacedServer], on scheme: PlacementScheme
  ) -> [ServerSettings] {
    var labels: [String: FilePosition] = [:]
    for (server, place) in servers {
      let label = scheme.label(of: server.ringServer)
      if let first = labels[label] {
        refuse(place, duplicate: "server name \(quoted(label))", first: first)
      } else {
        labels[label] = place
      }
    }
    return servers.map(\.server)
  }

  /// Decodes an address, or a mapping of address, weight and name.
  private mutating func server(_ node: YAMLNode) -> ServerSettings? {
    if case .mapping = node.content { return namedServer(node) }
    let listHint = node.scalar == nil ? ServerForms.server(node).map { "write \($0.written)" } : nil
    guard let text = text(node, "servers", expected: "an address such as 10.0.0.1:11211", hint: listHint)
    else { return nil }
    do throws(Complaint) {
      return try Self.server(text)
    } catch {
      let weighted = ServerForms.server(node).flatMap { $0.entries == nil ? nil : $0.written }
      let several = ServerForms.addresses(in: text)
      if several.count > 1, weighted == nil {
        let list = several.map { YAMLNode.word($0).written }
        refuse(
          node.position, "servers: several servers in one item: \(quoted(text))",
          hint: node.isInFlow
            ? "write \(list.joined(separator: ", "))"
            : "put each on a line of its own: \(list.map { "- \($0)" }.joined(separator: ", "))")
      } else {
        var complaint = error
        // The command line has no mappings.
        if let weighted, case .file = source { complaint.hint = "write \(weighted)" }
        refuse(node.position, complaint, about: "servers")
      }
      return nil
    }
  }

  private mutating func namedServer(_ node: YAMLNode) -> ServerSettings? {
    if let complaint = ServerForms.addressComplaint(node, in: "a server"),
      let meant = ServerForms.server(node)
    {
      refuse(node.position, complaint, hint: "write \(meant.written)")
      return nil
    }
    let errorsBefore = errors.count
    var server: ServerSettings?
    var weight: UInt32 = 1
    var name: String?
    var mark: ServerMark?
    let fields = fields(of: node, "a server", as: ServerKey.self)
    for (key, _, value) in fields {
      switch key {
      case .address: read(value, key, into: &server) { text throws(Complaint) in try Self.server(text) }
      case .weight:
        read(value, key, into: &weight) { text throws(Complaint) in
          do throws(Complaint) {
            return UInt32(try Quantity.count(text, in: Bounds.weight))
          } catch {
            var complaint = error
            if text == "0" { complaint.hint = "mark: down takes the server out; the default is 1" }
            throw complaint
          }
        }
      case .name:
        read(value, key, into: &name) { text throws(Complaint) in
          if let complaint = Self.nameComplaint(text) { throw complaint }
          return text
        }
      case .mark: read(value, key, into: &mark) { text throws(Complaint) in try parseWord(text) }
      }
    }
    if !fields.contains(where: { $0.key == .address }) {
      refuse(node.position, "a server without \"address\"")
    }
    guard var server, errors.count == errorsBefore else { return nil }
    (server.weight, server.name, server.isMarkedDown) = (weight, name, mark == .down)
    return server
  }

  private static func server(_ text: String) throws(Complaint) -> ServerSettings {
    ServerSettings(address: text, endpoint: try Endpoint.parse(text, for: .server))
  }

  /// The error in the name of a pool or server; nil if there is none.
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
