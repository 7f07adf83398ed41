/// Which of memcached's `stats` commands was asked: it decides the shape of the answer and the rules.
package enum StatsKind: Equatable, Sendable {
  /// `stats`
  case general
  case items, slabs, sizes, settings, conns
  /// `stats reset`
  case reset
  /// `stats detail on`, `stats detail off`
  case detailSwitch
  /// `stats detail dump`
  case detailDump
  /// `stats cachedump <class> <limit>`; a limit of 0 is none.
  case cachedump(limit: Int)
  /// A word that this version does not know: asked of the servers, rows merged by the default rule.
  case other

  /// From the words behind `stats`. Total: what is malformed is left to the servers to refuse.
  package init(words: [String]) {
    switch words.first {
    case nil: self = .general
    case "items": self = .items
    case "slabs": self = .slabs
    case "sizes": self = .sizes
    case "settings": self = .settings
    case "conns": self = .conns
    case "reset": self = .reset
    case "detail": self = words.count > 1 && words[1] == "dump" ? .detailDump : .detailSwitch
    case "cachedump":
      let limit = words.count > 2 ? saturatingDecimal(words[2]) ?? 0 : 0
      self = .cachedump(limit: Int(clamping: limit))
    default: self = .other
    }
  }

  /// The one line that this command answers with, if it does not list anything.
  var confirmation: String? {
    switch self {
    case .reset: "RESET"
    case .detailSwitch: "OK"
    default: nil
    }
  }

  /// Whether the answer is made of `STAT` lines.
  var listsStats: Bool {
    switch self {
    case .reset, .detailSwitch, .detailDump, .cachedump: false
    default: true
    }
  }

  /// Whether a server prints keys, or parts of them, as they were stored.
  var printsKeys: Bool {
    switch self {
    case .detailDump, .cachedump: true
    default: false
    }
  }

  /// Whether its rows are each of a class, a size or a connection: `items:1:number`, `1:chunk_size`,
  /// `96`, `23:addr`. Clients take such names apart and stumble over any other.
  var numbersRows: Bool {
    switch self {
    case .items, .slabs, .sizes, .conns: true
    default: false
    }
  }
}
