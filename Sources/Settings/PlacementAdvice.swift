import Routing

/// What to write for an option of a placement that stands beside it, in the pool.
///
///     placement: mcproxy-jump
///     seed: blue                  placement: {scheme: mcproxy-jump, seed: blue}
enum PlacementAdvice {
  /// The hint for a key of a pool with these entries; nil if it is no option of any placement.
  static func hint(for word: String, among entries: [YAMLNode.Entry]) -> String? {
    guard let key = PlacementKey(rawValue: word), let value = entry(word, in: entries)?.value else {
      return nil
    }
    if let foreign = ofServer(key, value) { return "it belongs to a server: \(foreign)" }
    guard let placement = entry(PoolKey.placement.rawValue, in: entries)?.value else {
      if key == .scheme { return "write \(written(value))" }
      let usual = PoolSettings(name: "", servers: []).placement
      if has(usual, key, value) { return "write \(written(usual.name, with: entries))" }
      return PlacementScheme.allCases.first { has($0, key, value) }
        .map { "it belongs to a placement that has it; such as \(written($0.name, with: entries))" }
    }
    guard key != .scheme else { return "leave it out: the file has \"placement\" already" }
    let own = placement.entries
    let name = own.map { entry(PlacementKey.scheme.rawValue, in: $0)?.value.scalar } ?? placement.scalar
    guard let scheme = name.flatMap(PlacementScheme.init) else { return "it belongs to \"placement\"" }
    if let option = key.option, !scheme.options.contains(option) {
      return "leave it out: placement \(scheme.name) has no \(quoted(word))"
    }
    if entry(word, in: own ?? []) != nil { return "leave it out: \"placement\" has it already" }
    return "move it into \"placement\", as \(written(scheme.name, own ?? [], with: entries))"
  }

  private static func entry(_ word: String, in entries: [YAMLNode.Entry]) -> YAMLNode.Entry? {
    entries.first { $0.key.scalar == word }
  }

  /// What to write for the weights or the names of servers, if the key has those.
  private static func ofServer(_ key: PlacementKey, _ value: YAMLNode) -> String? {
    if let word = value.scalar, UseOfValue(rawValue: word) != nil { return nil }
    return switch key {
    case .weights: "{address: 10.0.0.1:11211, weight: 2}"
    case .names: "{address: 10.0.0.1:11211, name: cache-a}"
    default: nil
    }
  }

  private static func has(_ scheme: PlacementScheme, _ key: PlacementKey, _ value: YAMLNode? = nil) -> Bool {
    guard let option = key.option else { return key != .scheme }
    guard option == .keys, let word = value?.scalar, let kind = KeyKind(rawValue: word) else {
      return scheme.options.contains(option)
    }
    return scheme.keyKinds.contains(kind)
  }

  /// The placement, with the options that it has and those that stand beside it.
  private static func written(
    _ scheme: String, _ own: [YAMLNode.Entry] = [], with entries: [YAMLNode.Entry]
  ) -> String {
    var pairs: [(String, YAMLNode)] = [(PlacementKey.scheme.rawValue, .word(scheme))]
    for entry in own + entries {
      guard let word = entry.key.scalar, let key = PlacementKey(rawValue: word), key != .scheme,
        !pairs.contains(where: { $0.0 == word }), ofServer(key, entry.value) == nil,
        PlacementScheme(name: scheme).map({ has($0, key, entry.value) }) ?? false
      else { continue }
      pairs.append((word, entry.value))
    }
    return written(.pairs(pairs))
  }

  private static func written(_ placement: YAMLNode) -> String {
    "\(PoolKey.placement.rawValue): \(placement.written)"
  }
}
