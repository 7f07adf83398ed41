/// The `stats` command of a request: it determines the shape of the answer and the merge rules.
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
  /// `stats cachedump <class> <limit>`; 0 means no limit.
  case cachedump(limit: Int)
  /// A subcommand unknown to this version: forwarded to the servers, rows merged by the default rule.
  case other

  /// The kind for the words after `stats`. Never fails: the servers refuse malformed commands.
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

  /// The one line that answers this command, if it does not list anything.
  var confirmation: String? {
    switch self {
    case .reset: "RESET"
    case .detailSwitch: "OK"
    default: nil
    }
  }

  /// Whether the answer consists of `STAT` lines.
  var listsStats: Bool {
    switch self {
    case .reset, .detailSwitch, .detailDump, .cachedump: false
    default: true
    }
  }

  /// Whether the answer contains keys, or parts of them, as they were stored.
  var printsKeys: Bool {
    switch self {
    case .detailDump, .cachedump: true
    default: false
    }
  }

  /// Whether each row is of a class, a size or a connection: `items:1:number`, `1:chunk_size`, `96`, `23:addr`.
  /// Clients split such names and fail on any other.
  var numbersRows: Bool {
    switch self {
    case .items, .slabs, .sizes, .conns: true
    default: false
    }
  }
}
