import Routing

// Decoding of a pool and its servers.

extension SettingsDecoder {
  typealias PoolField = (key: PoolKey, at: FilePosition, value: YAMLNode)

  /// Decodes a pool from its keys, which are in their own mapping or at the top level.
  mutating func pool(_ name: String, _ fields: [PoolField], at place: FilePosition) -> PoolSettings {
    var pool = PoolSettings(name: name, servers: [])
    var probeAt: FilePosition?
    var hash: YAMLNode?
    var servers: [PlacedServer]?
    for (key, keyPlace, value) in fields {
      switch key {
      case .servers:
        servers = self.servers(value)
      case .placement: readPlacement(value, into: &pool)
      case .hash: hash = value
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
        poolsWithFailureRule.insert(name)
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
    // Which hashes there are depends on the placement, which may stand below.
    if let hash { readHash(hash, into: &pool) }
    pool.servers = (servers ?? []).map(\.server)
    checkLabels(of: servers ?? [], in: pool)
    checkPlacement(of: pool, servers: servers ?? [])
    noteIdleValues(of: pool, servers: servers ?? [])
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

  // MARK: - Placement

  /// Decodes a word, or a mapping of it and what the placement's clients were told.
  ///
  ///     placement: dalli
  ///     placement: {scheme: mcproxy-jump, seed: blue}
  private mutating func readPlacement(_ node: YAMLNode, into pool: inout PoolSettings) {
    guard case .mapping = node.content else {
      read(node, PoolKey.placement, into: &pool.placement, PlacementWords.scheme)
      return
    }
    if let entry = node.entries?.first(where: { ["name", "type"].contains($0.key.scalar) }),
      !(node.entries?.contains { $0.key.scalar == PlacementKey.scheme.rawValue } ?? false)
    {
      let words = quoted(entry.key.scalar ?? "")
      refuse(
        entry.key.position, "unknown key \(words) in placement",
        hint: "write scheme: \(entry.value.written)")
      return
    }
    var options = PlacementOptions()
    var scheme: PlacementScheme?
    let errorsBefore = errors.count
    let fields = fields(of: node, "placement", as: PlacementKey.self)
    for (key, _, value) in fields where key == .scheme {
      read(value, key, into: &scheme, PlacementWords.scheme)
    }
    guard let scheme else {
      if errors.count == errorsBefore {
        refuse(
          node.position, "placement without \"scheme\"", hint: "such as {scheme: mcproxy-jump, seed: blue}")
      }
      return
    }
    pool.placement = scheme
    for (key, place, value) in fields {
      if let option = key.option, !scheme.options.contains(option) {
        let known = PlacementKey.allCases.filter { $0.option.map(scheme.options.contains) ?? ($0 != .scheme) }
        refuse(
          place,
          "placement \(scheme.name) has no \(quoted(key.rawValue)), but \(known.map(\.rawValue).joined(separator: ", "))",
          hint: "leave it out")
        continue
      }
      read(value, key, of: scheme, into: &options)
    }
    pool.placementOptions = options
  }

  private mutating func read(
    _ value: YAMLNode, _ key: PlacementKey, of scheme: PlacementScheme, into options: inout PlacementOptions
  ) {
    switch key {
    case .scheme: break
    case .seed: read(value, key, into: &options.seed, Self.keyText)
    case .salt: read(value, key, into: &options.salt, Self.keyText)
    case .addPrefix: read(value, key, into: &options.addedPrefix, Self.keyText)
    case .skipPrefix: read(value, key, into: &options.skippedPrefix, Self.keyText)
    case .filterStop: read(value, key, into: &options.stop, Self.keyText)
    case .filterTags: read(value, key, into: &options.tags, PlacementWords.hashTag)
    case .points:
      read(value, key, into: &options.points) { text throws(Complaint) in
        let points = try Quantity.count(text, in: Bounds.pointsOfServer)
        if points % scheme.pointsInDigest != 0 {
          throw .expected("a multiple of \(scheme.pointsInDigest)", found: quoted(text))
        }
        return points
      }
    case .order:
      read(value, key, into: &options.sortsServers) { text throws(Complaint) in
        try parseWord(text, as: ServerOrder.self) == .sorted
      }
    case .weights:
      read(value, key, into: &options.ignoresWeights) { text throws(Complaint) in
        try parseWord(text, as: UseOfValue.self) == .ignored
      }
    case .names:
      read(value, key, into: &options.ignoresNames) { text throws(Complaint) in
        try parseWord(text, as: UseOfValue.self) == .ignored
      }
    case .keys:
      read(value, key, into: &options.keys) { text throws(Complaint) in
        guard let kind = KeyKind(rawValue: text), scheme.keyKinds.contains(kind) else {
          throw .unknownWord(text, known: scheme.keyKinds.map(\.rawValue))
        }
        return kind
      }
    }
  }

  /// What is hashed with a key: as much as a key may have.
  private static func keyText(_ text: String) throws(Complaint) -> String {
    guard !text.isEmpty, text.utf8.count <= Bounds.prefixBytes else {
      throw .expected("1 to \(Bounds.prefixBytes) bytes", found: quoted(text))
    }
    return text
  }

  /// Decodes the hash, which must be one of the placement's.
  private mutating func readHash(_ node: YAMLNode, into pool: inout PoolSettings) {
    let scheme = pool.placement
    let names = scheme.hashes.map(\.name)
    read(node, PoolKey.hash, into: &pool.hash) { text throws(Complaint) in
      if text == PlacementWords.ownHash { return nil }
      guard let hash = KeyHash(name: text) else {
        throw .unknownWord(text, known: [PlacementWords.ownHash] + names)
      }
      guard scheme.hashes.contains(hash) else {
        throw .said(
          "placement \(scheme.name) does not hash keys by \(text)",
          hint: "expected one of \(([PlacementWords.ownHash] + names).joined(separator: ", "))")
      }
      return hash
    }
  }

  /// Checks what a pool's placement and its servers say of each other.
  private mutating func checkPlacement(of pool: PoolSettings, servers: [PlacedServer]) {
    let scheme = pool.placement
    var points = 0
    for (server, place) in servers {
      if let complaint = scheme.complaint(about: server.ringServer, pool.placementOptions) {
        refuse(place, "server \(server.endpoint): placement \(scheme.name) \(complaint)")
      }
      points += scheme.hasWeights && !pool.placementOptions.ignoresWeights ? Int(server.weight) : 1
    }
    let each = scheme.entriesOfWeight == 0 ? 0 : pool.placementOptions.points ?? scheme.entriesOfWeight
    if each > 0, points * each > Bounds.placementEntries, let place = servers.first?.at {
      refuse(
        place,
        "the weights of pool \(quoted(pool.name)) add up to \(points): with placement \(scheme.name) at most "
          + "\(Bounds.placementEntries / each)",
        hint: "divide all weights by the same number; keys move unless the clients' weights change too")
    }
  }

  /// Notes the servers' values that their placement does not use: the first of each kind, and how many there are.
  private mutating func noteIdleValues(of pool: PoolSettings, servers: [PlacedServer]) {
    func list(_ idle: [PlacedServer], _ key: String) -> String {
      "the \(key) of \(idle[0].server.endpoint)" + (idle.count > 1 ? " and \(idle.count - 1) more" : "")
        + " in pool \(quoted(pool.name)) changes nothing: "
    }
    let scheme = pool.placement
    let weighted = servers.filter { !scheme.hasWeights && $0.server.weight != 1 }
    if let first = weighted.first {
      note(first.at, list(weighted, "weight") + "placement \(scheme.name) has no weights")
    }
    func hashesAddress(of server: ServerSettings) -> Bool {
      var other = server
      other.resolved = nil
      return scheme.hashesLabels && pool.label(of: server) != pool.label(of: other)
    }
    let resolved = servers.filter { $0.server.resolved != nil && !hashesAddress(of: $0.server) }
    guard let place = resolved.first?.at, var unnamed = resolved.first?.server else { return }
    unnamed.name = nil
    let why =
      hashesAddress(of: unnamed)
      ? "its name is hashed instead" : "placement \(scheme.name) does not hash it"
    note(place, list(resolved, "resolved address") + why)
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
  private mutating func checkLabels(of servers: [PlacedServer], in pool: PoolSettings) {
    guard pool.placement.hashesLabels else { return }
    var labels: [String: FilePosition] = [:]
    for (server, place) in servers {
      let label = pool.label(of: server)
      if let first = labels[label] {
        refuse(place, duplicate: "server name \(quoted(label))", first: first)
      } else {
        labels[label] = place
      }
    }
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
    var resolved: String?
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
      case .resolved: read(value, key, into: &resolved, Self.numericAddress)
      case .mark: read(value, key, into: &mark) { text throws(Complaint) in try parseWord(text) }
      }
    }
    if !fields.contains(where: { $0.key == .address }) {
      refuse(node.position, "a server without \"address\"")
    }
    guard var server, errors.count == errorsBefore else { return nil }
    (server.weight, server.name, server.isMarkedDown) = (weight, name, mark == .down)
    server.resolved = resolved
    return server
  }

  private static func server(_ text: String) throws(Complaint) -> ServerSettings {
    ServerSettings(address: text, endpoint: try Endpoint.parse(text, for: .server))
  }

  /// An address in numbers, without a port.
  private static func numericAddress(_ text: String) throws(Complaint) -> String {
    let isNumeric = text.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
    let colons = text.utf8.filter { $0 == UInt8(ascii: ":") }.count
    guard !text.isEmpty, text.utf8.count <= 45, isNumeric || colons > 1 && !text.contains("]") else {
      throw .expected("a numeric address without a port, such as 10.0.0.1", found: quoted(text))
    }
    return text
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
