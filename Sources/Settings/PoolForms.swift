/// Hints for pools and routes in forms that a file does not have.
enum PoolForms {
  private static let servers = "{servers: [10.0.0.1:11211]}"

  /// For `pools`: a list of mappings, each with a name, or an example.
  static func pools(_ node: YAMLNode) -> String {
    guard case .list(let items) = node.content else { return "such as {main: \(servers)}" }
    let pools = items.compactMap { item -> (key: String, value: YAMLNode)? in
      guard let entries = item.entries,
        let name = entries.first(where: { $0.key.scalar == "name" })?.value.scalar
      else { return nil }
      let rest = entries.filter { $0.key.scalar != "name" }
      return (name, YAMLNode(content: .mapping(rest), position: item.position))
    }
    return pools.count < items.count || pools.isEmpty
      ? "such as {main: \(servers)}" : "write \(YAMLNode.pairs(pools).written)"
  }

  /// For one pool: its servers alone, or an example.
  static func pool(_ node: YAMLNode) -> String {
    let meant = node.isNothing ? nil : ServerForms.servers(node)
    return meant.map { "write \(YAMLNode.pairs([("servers", $0)]).written)" } ?? "such as \(servers)"
  }

  /// For `routes`: the name of a pool, a mapping of prefixes to pools, or one route.
  static func routes(_ node: YAMLNode, pools: [String]) -> String? {
    func route(_ prefix: String?, _ pool: String) -> YAMLNode? {
      guard pools.contains(pool) else { return nil }
      return .pairs((prefix.map { [("prefix", .word($0))] } ?? []) + [("pool", .word(pool))])
    }
    var found: [YAMLNode?] = []
    if let pool = node.scalar { found = [route(nil, pool)] }
    if let entries = node.entries {
      found =
        entries.contains { $0.key.scalar == "pool" }
        ? [node] : entries.map { entry in entry.value.scalar.flatMap { route(entry.key.scalar ?? "", $0) } }
    }
    let routes = found.compactMap(\.self)
    return routes.isEmpty || routes.count < found.count ? nil : "write \(YAMLNode.items(routes).written)"
  }
}
