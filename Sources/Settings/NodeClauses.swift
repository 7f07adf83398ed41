import Routing
import Topology

/// Decodes what may stand beside the verb of any node: which commands, keys, values and times it lets through, and how.
enum NodeClauses {
  static func read(
    _ fields: [NodeDecoder.Field], into placed: inout NodeDecoder.Placed, _ decoder: inout SettingsDecoder
  ) {
    var allowAt: FilePosition?
    var denyAt: FilePosition?
    for (key, place, value) in fields {
      switch key {
      case .allow:
        allowAt = place
        if let commands = words(value, key, &decoder)?.all {
          placed.node.denied = CommandWord.withKey.subtracting(commands)
        }
      case .deny:
        denyAt = place
        if let (all, quiet) = words(value, key, &decoder) {
          (placed.node.denied, placed.node.deniedQuietly) = (all, quiet)
        }
      case .values:
        let entries = entries(
          of: value, key, as: ValuesKey.self, such: "{max: 512KiB}", usual: .max,
          isValid: { (try? Quantity.size($0, in: Bounds.valueOfRoute)) != nil }, &decoder)
        for (key, _, value) in entries {
          decoder.read(value, key, into: &placed.node.maxValue) { text throws(Complaint) in
            try Quantity.size(text, in: Bounds.valueOfRoute)
          }
        }
      case .ttl: placed.node.ttl = ttl(value, &decoder)
      case .deadline:
        decoder.read(value, key, into: &placed.node.deadline) { text throws(Complaint) in
          try Quantity.duration(text, in: Bounds.timeout)
        }
      default: break
      }
    }
    if let allowAt, let denyAt {
      decoder.refuse(
        max(allowAt, denyAt), "\"deny\" beside \"allow\": what is not allowed is denied",
        hint: "leave it out")
    }
  }

  /// The entries of a clause that is a mapping. A value alone is meant for the key `usual`, if it is `valid`.
  private static func entries<Key: SettingsKey>(
    of node: YAMLNode, _ clause: NodeKey, as type: Key.Type, such example: String, usual: Key,
    isValid: (String) -> Bool, _ decoder: inout SettingsDecoder
  ) -> [(key: Key, at: FilePosition, value: YAMLNode)] {
    if let entries = node.entries, !entries.isEmpty {
      return decoder.fields(of: node, clause.rawValue, as: type)
    }
    let meant = node.scalar.flatMap { isValid($0) ? YAMLNode.pairs([(usual.rawValue, node)]).written : nil }
    decoder.refuse(
      node.position,
      .expected(
        "a mapping such as \(example)", found: node.entries == nil ? node.found : "an empty mapping",
        hint: meant.map { "write \($0)" } ?? "such as \(example)"), about: clause.rawValue)
    return []
  }

  // MARK: - Commands

  /// The commands that a word, a list, or a mapping of words to `quietly` names, and those that are quiet.
  private static func words(
    _ node: YAMLNode, _ key: NodeKey, _ decoder: inout SettingsDecoder
  ) -> (all: CommandSet, quiet: CommandSet)? {
    var all = CommandSet()
    var quiet = CommandSet()
    let errorsBefore = decoder.errors.count
    let items: [YAMLNode]
    if case .list = node.content {
      items = decoder.items(of: node, key.rawValue, most: CommandSet.words.count) ?? []
    } else {
      items = [node]
    }
    for item in items {
      guard key == .deny, case .mapping(let entries) = item.content, !entries.isEmpty else {
        if let commands = word(item, key, &decoder) { all.formUnion(commands) }
        continue
      }
      for entry in entries {
        guard let commands = word(entry.key, key, &decoder) else { continue }
        all.formUnion(commands)
        quiet.formUnion(commands)
        if let how = decoder.text(entry.value, key.rawValue, expected: CommandWord.quietly),
          how != CommandWord.quietly
        {
          decoder.refuse(
            entry.value.position,
            .expected(CommandWord.quietly, found: quoted(how), hint: "write \(CommandWord.quietly)"),
            about: key.rawValue)
        }
      }
    }
    return decoder.errors.count == errorsBefore ? (all, quiet) : nil
  }

  private static func word(
    _ node: YAMLNode, _ key: NodeKey, _ decoder: inout SettingsDecoder
  ) -> CommandSet? {
    guard let text = decoder.text(node, key.rawValue, expected: "a command such as set, or reads or writes")
    else { return nil }
    do throws(Complaint) {
      return try CommandWord.commands(text)
    } catch {
      decoder.refuse(node.position, error, about: "command")
      return nil
    }
  }

  // MARK: - Keys and times

  private static func ttl(_ node: YAMLNode, _ decoder: inout SettingsDecoder) -> TTLRule {
    var rule = TTLRule()
    let fields = entries(
      of: node, .ttl, as: TTLKey.self, such: "{max: 1h}", usual: .max,
      isValid: { (try? Quantity.seconds($0, in: Bounds.ttl)) != nil }, &decoder)
    for (key, _, value) in fields {
      var seconds: Int?
      decoder.read(value, key, into: &seconds) { text throws(Complaint) in
        try Quantity.seconds(text, in: Bounds.ttl)
      }
      switch key {
      case .min: rule.min = seconds
      case .max: rule.max = seconds
      case .none: rule.none = seconds
      case .set: rule.set = seconds
      }
    }
    if let min = rule.min, let max = rule.max, min > max,
      let place = fields.first(where: { $0.key == .min })?.value.position
    {
      decoder.refuse(
        place,
        "ttl: min (\(Quantity.writtenSeconds(min))) is longer than max (\(Quantity.writtenSeconds(max)))",
        hint: "write \(Quantity.writtenSeconds(max))")
    }
    if fields.count > 1, let other = fields.first(where: { $0.key == .set }) {
      decoder.refuse(other.at, "ttl: \"set\" beside others, which then mean nothing", hint: "leave it out")
    }
    return rule
  }
}
