import Routing
import Topology

/// Decodes policies and routes: nodes, which name pools and each other.
///
///     policies:
///       cache: {try: [main, spare]}
///     routes:
///       - {prefix: "ref:", to: cache, deny: [writes]}
struct NodeDecoder {
  /// A pool or policy, and where the file names it.
  struct Reference {
    var target: RouteTarget
    var at: FilePosition
  }

  /// What the file says of one node.
  struct Placed {
    var node: RouteNode
    var references: [Reference] = []
    /// Where the node is.
    var at: FilePosition
  }

  typealias Field = (key: NodeKey, at: FilePosition, value: YAMLNode)

  let pools: [String]
  private var policyNames: [String] = []
  private(set) var placedPolicies: [Placed] = []
  private(set) var placedRoutes: [Placed] = []

  init(pools: [String]) { self.pools = pools }

  var policies: [RouteNode] { placedPolicies.map(\.node) }
  /// Every name that a target may have.
  var names: [String] { pools + policyNames }
  /// For messages.
  var kindOfTarget: String { policyNames.isEmpty ? "pool" : "pool or policy" }

  // MARK: - Policies

  mutating func decodePolicies(_ node: YAMLNode, _ decoder: inout SettingsDecoder) {
    let subject = FileKey.policies.rawValue
    guard case .mapping(let entries) = node.content else {
      decoder.refuse(
        node.position,
        .expected("a mapping of names to policies", found: node.found, hint: "such as \(example)"),
        about: subject)
      return
    }
    guard entries.count <= Bounds.policies else {
      decoder.refuse(
        node.position, .expected("at most \(Bounds.policies) policies", found: String(entries.count)),
        about: subject)
      return
    }
    var seen: [String: FilePosition] = [:]
    var named: [(name: String, entry: YAMLNode.Entry)] = []
    for entry in entries {
      guard let name = decoder.text(entry.key, subject, expected: "the name of a policy") else { continue }
      if let complaint = SettingsDecoder.nameComplaint(name) {
        decoder.refuse(entry.key.position, complaint, about: "policy name")
      } else if pools.contains(name) {
        decoder.refuse(
          entry.key.position, "policy name: \(quoted(name)) is a pool",
          hint: "write \(YAMLNode.word(freeName(for: name, entries)).written)")
      } else if let first = seen[name] {
        decoder.refuse(entry.key.position, duplicate: "policy \(quoted(name))", first: first)
      } else {
        seen[name] = entry.key.position
        named.append((name, entry))
      }
    }
    // Policies may name those below.
    policyNames = named.map(\.name)
    for (name, entry) in named {
      placedPolicies.append(policy(name, entry.value, at: entry.key.position, &decoder))
    }
  }

  private var example: String {
    "{cache: {to: \(YAMLNode.word(pools.first ?? "main").written)}}"
  }

  /// A name for a policy that has the name of a pool.
  private func freeName(for name: String, _ entries: [YAMLNode.Entry]) -> String {
    let taken = Set(pools + entries.compactMap(\.key.scalar))
    return (1...entries.count + pools.count + 1).lazy.map {
      $0 == 1 ? "\(name)-policy" : "\(name)-policy-\($0)"
    }
    .first { !taken.contains($0) } ?? name
  }

  private func policy(
    _ name: String, _ node: YAMLNode, at place: FilePosition, _ decoder: inout SettingsDecoder
  ) -> Placed {
    let nothing = Placed(node: RouteNode(name: name, .answer(.nothing)), at: place)
    let subject = "policy \(quoted(name))"
    guard case .mapping = node.content else {
      let hint: String? =
        if let word = node.scalar, names.contains(word) {
          "write \(YAMLNode.pairs([("to", node)]).written)"
        } else {
          "such as {to: \(YAMLNode.word(pools.first ?? "main").written)}"
        }
      decoder.refuse(
        node.position, .expected("a mapping such as {try: [main, spare]}", found: node.found, hint: hint),
        about: subject)
      return nothing
    }
    let errorsBefore = decoder.errors.count
    if let pool = node.entries?.first(where: { $0.key.scalar == RouteKey.pool.rawValue }),
      node.entries?.contains(where: { $0.key.scalar == NodeKey.to.rawValue }) == false
    {
      decoder.refuse(
        pool.key.position, "unknown key \"pool\" in \(subject)", hint: "write to: \(pool.value.written)")
      return nothing
    }
    let fields = decoder.fields(of: node, subject, as: NodeKey.self)
    return placed(fields, named: name, subject, at: place, since: errorsBefore, &decoder) ?? nothing
  }

  // MARK: - Routes

  mutating func routes(
    _ node: YAMLNode?, areNeeded: Bool, poolsAt place: FilePosition, _ decoder: inout SettingsDecoder
  ) -> [RouteSettings] {
    guard let node else {
      if pools.count > 1, !areNeeded { return [] }
      if pools.count > 1 {
        decoder.refuse(
          place, "\(pools.count) pools and no \"routes\"",
          hint:
            "add a line such as routes: [{prefix: \"a:\", pool: \(pools[1])}, {pool: \(pools[0])}]")
      }
      return [RouteSettings(to: .pool(0))]
    }
    var routes: [RouteSettings] = []
    var seen: [String: FilePosition] = [:]
    var keys: [String: FilePosition] = [:]
    let hint = PoolForms.routes(node, pools: pools)
    for item in decoder.items(of: node, "routes", most: Bounds.routes, hint: hint) ?? [] {
      guard let (route, keysAt) = route(item, &decoder) else { continue }
      if route.keys.isEmpty {
        if let first = seen[route.prefix] {
          let what = route.prefix.isEmpty ? "default route" : "prefix \(quoted(route.prefix))"
          decoder.refuse(item.position, duplicate: what, first: first)
          continue
        }
        seen[route.prefix] = item.position
      }
      for (key, at) in zip(route.keys, keysAt) {
        if let first = keys[key] { decoder.refuse(at, duplicate: "key \(quoted(key))", first: first) }
        keys[key] = at
      }
      routes.append(route)
    }
    if keys.count > Bounds.routeKeys {
      decoder.refuse(
        node.position, .expected("at most \(Bounds.routeKeys) keys in all", found: String(keys.count)),
        about: "routes")
    }
    return routes
  }

  private mutating func route(
    _ node: YAMLNode, _ decoder: inout SettingsDecoder
  ) -> (RouteSettings, keysAt: [FilePosition])? {
    guard case .mapping = node.content else {
      let expected = "a mapping such as {prefix: \"a:\", pool: main}"
      let isPool = node.scalar.map { pools.contains($0) } ?? false
      let key = isPool ? "pool" : "to"
      let isTarget = node.scalar.map { names.contains($0) } ?? false
      let hint = isTarget ? "write \(YAMLNode.pairs([(key, node)]).written)" : nil
      decoder.refuse(node.position, .expected(expected, found: node.found, hint: hint), about: "routes")
      return nil
    }
    let errorsBefore = decoder.errors.count
    var prefix = ""
    var prefixAt: FilePosition?
    var keys: [(text: String, at: FilePosition)]?
    var fields: [Field] = []
    var poolAt: FilePosition?
    for (key, place, value) in decoder.fields(of: node, "a route", as: RouteKey.self) {
      switch key {
      case .prefix:
        prefixAt = place
        decoder.read(value, key, into: &prefix, Self.beginning)
      case .keys: keys = wholeKeys(value, &decoder)
      case .pool:
        if let name = value.scalar, policyNames.contains(name) {
          decoder.refuse(
            place, "pool: \(quoted(name)) is a policy", hint: "write to: \(YAMLNode.word(name).written)")
        } else {
          poolAt = place
          fields.append((.to, place, value))
        }
      case .node(let key): fields.append((key, place, value))
      }
    }
    if let poolAt, let other = fields.first(where: { $0.at != poolAt && NodeKey.verbs.contains($0.key) }) {
      decoder.refuse(
        other.at, "\(quoted(other.key.rawValue)) beside \"pool\" in a route", hint: "leave it out")
      fields.removeAll { $0.at == other.at }
    }
    if let prefixAt, keys != nil {
      decoder.refuse(prefixAt, "\"prefix\" beside \"keys\": these are whole keys", hint: "leave it out")
    }
    guard
      let placed = placed(
        fields, named: "", "a route", at: node.position, since: errorsBefore, &decoder),
      decoder.errors.count == errorsBefore
    else { return nil }
    placedRoutes.append(placed)
    let route = RouteSettings(prefix: prefix, keys: (keys ?? []).map(\.text), node: placed.node)
    return (route, (keys ?? []).map(\.at))
  }

  private func wholeKeys(
    _ node: YAMLNode, _ decoder: inout SettingsDecoder
  ) -> [(text: String, at: FilePosition)] {
    let hint = node.scalar == nil ? nil : "write \(YAMLNode.items([node]).written)"
    var keys: [(text: String, at: FilePosition)] = []
    for item in decoder.items(of: node, "keys", most: Bounds.routeKeys, hint: hint) ?? [] {
      var key = ""
      decoder.read(item, RouteKey.keys, into: &key, Self.wholeKey)
      keys.append((key, item.position))
    }
    return keys
  }

  private static func beginning(_ text: String) throws(Complaint) -> String {
    guard text.utf8.count <= Bounds.prefixBytes else {
      throw .said("a key has at most \(Bounds.prefixBytes) bytes, this prefix \(text.utf8.count)")
    }
    guard text.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else {
      throw .said("space or control byte in \(quoted(text)): no key can begin with it")
    }
    return text
  }

  private static func wholeKey(_ text: String) throws(Complaint) -> String {
    if text.isEmpty { throw .expected("a key", found: quoted(text)) }
    guard text.utf8.count <= Bounds.prefixBytes else {
      throw .said("a key has at most \(Bounds.prefixBytes) bytes, this one \(text.utf8.count)")
    }
    guard text.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else {
      throw .said("space or control byte in \(quoted(text)): no key has one")
    }
    return text
  }

  // MARK: - Nodes

  /// A node with its verb and clauses; nil only together with an error.
  private func placed(
    _ fields: [Field], named name: String, _ subject: String, at place: FilePosition, since errorsBefore: Int,
    _ decoder: inout SettingsDecoder
  ) -> Placed? {
    let verbs = fields.filter { NodeKey.verbs.contains($0.key) }
    guard let verb = verbs.first else {
      // What another error is about may be the verb.
      if decoder.errors.count == errorsBefore {
        let words = NodeKey.verbs.map(\.rawValue).joined(separator: ", ")
        let hint = name.isEmpty ? nil : "it needs one of \(words)"
        decoder.refuse(
          place, name.isEmpty ? "a route without \"pool\"" : "\(subject) without a verb", hint: hint)
      }
      return nil
    }
    for other in verbs.dropFirst() {
      decoder.refuse(
        other.at, "\(quoted(other.key.rawValue)) beside \(quoted(verb.key.rawValue)) in \(subject)",
        hint: "one of them needs a policy of its own")
    }
    for field in fields {
      if let needed = field.key.verb, needed != verb.key {
        decoder.refuse(
          field.at, "\(quoted(field.key.rawValue)) is for \(quoted(needed.rawValue))", hint: "leave it out")
      }
    }
    var placed = Placed(node: RouteNode(name: name, .answer(.nothing)), at: place)
    switch verb.key {
    case .to:
      if let target = reference(verb.value, "to", &decoder) {
        placed.references = [target]
        placed.node.verb = .to(target.target)
      }
    case .attempt: readTry(verb.value, fields, into: &placed, &decoder)
    case .share: readShare(verb.value, fields, into: &placed, &decoder)
    case .commands: readCommands(verb.value, into: &placed, &decoder)
    default: readAnswer(verb.value, into: &placed, &decoder)
    }
    NodeClauses.read(fields, into: &placed, &decoder)
    return decoder.errors.count == errorsBefore ? placed : nil
  }
}
