import Routing

// The top level of a file: its keys, and the checks across them.

extension SettingsDecoder {
  /// Decodes a whole file. Nil only together with at least one error. `listeners`: those that are opened instead of the
  /// file's.
  mutating func settings(_ root: YAMLNode, listeners others: [ListenerSettings]?) -> ProxySettings? {
    let fields = fields(of: root, "the file", as: TopKey.self)
    if case .mapping = root.content {} else { return nil }
    var settings = ProxySettings(pools: [])
    var poolFields: [PoolField] = []
    var pools: (at: FilePosition, value: YAMLNode)?
    var routes: YAMLNode?
    var policies: YAMLNode?
    for (key, place, value) in fields {
      switch key {
      case .pool(let key): poolFields.append((key, place, value))
      case .file(.pools): pools = (place, value)
      case .file(.policies): policies = value
      case .file(.routes): routes = value
      case .file(.listen): settings.listeners = listeners(value)
      case .file(.threads): read(value, FileKey.threads, into: &settings.threads, Self.threads)
      case .file(.pinThreads): read(value, FileKey.pinThreads, into: &settings.pinsThreads, Self.truth)
      case .file(.limits): settings.limits = limits(value)
      case .file(.log): settings.log = log(value)
      case .file(.admin): settings.admin = admin(value)
      case .file(.drainTimeout): read(value, FileKey.drainTimeout, into: &settings.drainTimeout, Self.timeout)
      }
    }
    if let pools {
      for (key, place, _) in poolFields {
        refuse(
          place, "\(quoted(key.rawValue)) at the top level of a file that has \"pools\"",
          hint: "move it into the pool it is meant for")
      }
      settings.pools = decodePools(pools.value)
    } else if poolFields.isEmpty {
      refuse(root.position, "no servers", hint: "add a line such as servers: [10.0.0.1:11211]")
    } else {
      settings.pools = [pool("main", poolFields, at: root.position)]
    }
    checkServerCount(settings.pools, at: pools?.at ?? root.position)
    var nodes = NodeDecoder(pools: settings.pools.map(\.name))
    if let policies { nodes.decodePolicies(policies, &self) }
    for (name, place) in targetPlaces where !nodes.names.contains(name) {
      refuse(place, .unknownWord(name, known: nodes.names), about: nodes.kindOfTarget)
    }
    let usesRoutes = (others ?? settings.listeners).contains { $0.pool == nil }
    settings.routes = nodes.routes(
      routes, areNeeded: usesRoutes, poolsAt: pools?.at ?? root.position, &self)
    settings.policies = nodes.policies
    if errors.isEmpty { nodes.checkWays(&self) }
    if errors.isEmpty { checkTrees(settings, at: routes?.position ?? root.position) }
    if errors.isEmpty { settings.keepKeysOfTriedPools(butOf: poolsWithFailureRule) }
    refuseOwnListeners(others ?? settings.listeners)
    return errors.isEmpty ? settings : nil
  }

  private mutating func checkTrees(_ settings: ProxySettings, at place: FilePosition) {
    let count = RouteEnds(settings.routingNodes).trees.count
    guard count > RouteEnds.mostTrees else { return }
    refuse(
      place, "\(count) different uses of \"try\", at most \(RouteEnds.mostTrees) are possible",
      hint: "let routes with the same members and parameters share a policy")
  }

  private mutating func checkServerCount(_ pools: [PoolSettings], at place: FilePosition) {
    let count = pools.reduce(0) { $0 + $1.servers.count }
    if count > Bounds.serversInAll {
      refuse(
        place, .expected("at most \(Bounds.serversInAll) servers in all", found: String(count)),
        about: "pools")
    }
  }

  private mutating func decodePools(_ node: YAMLNode) -> [PoolSettings] {
    guard case .mapping(let entries) = node.content else {
      refuse(
        node.position,
        .expected("a mapping of names to pools", found: node.found, hint: PoolForms.pools(node)),
        about: "pools")
      return []
    }
    if entries.isEmpty {
      refuse(node.position, .expected("at least one pool", found: "an empty mapping"), about: "pools")
    }
    guard entries.count <= Bounds.pools else {
      refuse(
        node.position, .expected("at most \(Bounds.pools) pools", found: String(entries.count)),
        about: "pools")
      return []
    }
    var pools: [PoolSettings] = []
    var seen: [String: FilePosition] = [:]
    for (index, entry) in entries.enumerated() {
      let isEmpty = index > 0 && entries[index - 1].value.isNothing
      guard let name = text(entry.key, "pools", expected: "the name of a pool") else { continue }
      if PoolKey(rawValue: name) != nil, isEmpty {
        let below = entry.value.entries == nil ? "" : " and the lines below it"
        refuse(
          entry.key.position,
          "\(quoted(name)) is not part of pool \(entries[index - 1].key.found): it is not indented",
          hint: "put 2 spaces before it\(below)")
        continue
      }
      if let complaint = Self.nameComplaint(name) {
        refuse(entry.key.position, complaint, about: "pool name")
      }
      if let first = seen[name] {
        refuse(entry.key.position, duplicate: "pool \(quoted(name))", first: first)
        continue
      }
      seen[name] = entry.key.position
      guard case .mapping = entry.value.content else {
        // The name is known anyway: a route to this pool is not a second error.
        pools.append(PoolSettings(name: name, servers: []))
        let next = index + 1 < entries.count ? entries[index + 1].key.scalar.flatMap(PoolKey.init) : nil
        if entry.value.isNothing, next != nil { continue }
        refuse(
          entry.value.position,
          .expected(
            "a mapping with \"servers\"", found: entry.value.found, hint: PoolForms.pool(entry.value)),
          about: "pool \(quoted(name))")
        continue
      }
      let fields = fields(of: entry.value, "pool \(quoted(name))", as: PoolKey.self)
      pools.append(pool(name, fields, at: entry.key.position))
    }
    return pools
  }

  // MARK: Values of the top level

  static func threads(_ text: String) throws(Complaint) -> Int? {
    text == "auto" ? nil : try Quantity.count(text, in: Bounds.threads, or: "auto")
  }

  /// `true` or `false`; YAML's other words for them get a hint.
  static func truth(_ text: String) throws(Complaint) -> Bool {
    switch text {
    case "true": return true
    case "false": return false
    default: break
    }
    let meant: String? =
      switch text.lowercased() {
      case "true", "yes", "on", "y", "1": "true"
      case "false", "no", "off", "n", "0": "false"
      default: nearestWord(to: text, among: ["true", "false"])
      }
    throw .expected(
      "true or false", found: quoted(text), hint: meant.map { "did you mean \(quoted($0))?" })
  }

  static func timeout(_ text: String) throws(Complaint) -> Duration {
    try Quantity.duration(text, in: Bounds.timeout)
  }
}
