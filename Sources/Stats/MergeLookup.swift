// Lookup of a stat's rule in the table.

extension MergeTable {
  /// The rule for a stat's name, or nil if the table has no row for it.
  package static func rule(for name: String, in kind: StatsKind) -> MergeRule? {
    index(kind)[pattern(of: name, in: kind).text]
  }

  /// The counters of `stats`.
  package static let counters = general.filter { $0.value.isCounter }.map { (name: $0.key, rule: $0.value) }

  /// The number of a counter in `counters`.
  static let counterNumbers = Dictionary(
    counters.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })

  /// The rule for a stat that is not in the table.
  package static func fallback(in kind: StatsKind) -> MergeRule {
    switch kind {
    case .settings: .same
    case .conns: .each
    // Numbers are summed, as gauges are; other values are shown once or as a list, as with every sum.
    default: .sum
    }
  }

  /// The rows of a kind; none for commands that do not answer with a list of stats.
  package static func rows(of kind: StatsKind) -> KeyValuePairs<String, MergeRule> {
    switch kind {
    case .general: general
    case .settings: settings
    case .items: items
    case .slabs: slabs
    case .sizes: sizes
    case .conns: conns
    case .reset, .detailSwitch, .detailDump, .cachedump, .other: [:]
    }
  }

  /// The name with its number replaced by `*`, and the number.
  ///
  ///     items:7:age → items:*:age, 7        12:addr → *:addr, 12        96 → *, 96
  static func pattern(of name: String, in kind: StatsKind) -> (text: String, number: UInt64?) {
    switch kind {
    case .items, .slabs, .conns:
      let prefix = kind == .items ? "items:" : ""
      guard name.hasPrefix(prefix) else { return (name, nil) }
      let rest = name.dropFirst(prefix.count)
      guard let colon = rest.firstIndex(of: ":"), let number = saturatingDecimal(rest[..<colon]) else {
        return (name, nil)
      }
      return (prefix + "*" + rest[colon...], number)
    case .sizes:
      guard let number = saturatingDecimal(name) else { return (name, nil) }
      return ("*", number)
    default: return (name, nil)
    }
  }

  private static func index(_ kind: StatsKind) -> [String: MergeRule] {
    switch kind {
    case .general: generalIndex
    case .settings: settingsIndex
    case .items: itemsIndex
    case .slabs: slabsIndex
    case .sizes: sizesIndex
    case .conns: connsIndex
    case .reset, .detailSwitch, .detailDump, .cachedump, .other: [:]
    }
  }

  private static let generalIndex = indexed(general)
  private static let settingsIndex = indexed(settings)
  private static let itemsIndex = indexed(items)
  private static let slabsIndex = indexed(slabs)
  private static let sizesIndex = indexed(sizes)
  private static let connsIndex = indexed(conns)

  private static func indexed(_ rows: KeyValuePairs<String, MergeRule>) -> [String: MergeRule] {
    Dictionary(rows.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }
}
