/// The commands of memcached's text protocol (its `doc/protocol.txt` is the reference).
@usableFromInline @frozen
package enum Verb: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  case get
  case gets
  case gat
  case gats
  case set
  case add
  case replace
  case append
  case prepend
  case cas
  case delete
  case incr
  case decr
  case touch
  case metaGet
  case metaSet
  case metaDelete
  case metaArithmetic
  case metaDebug
  case metaNoop
  case flushAll
  case stats
  case version
  case verbosity
  case quit
  /// `lru_crawler metadump` or `mgdump`: a list of all keys.
  case keyDump

  /// The command's name in the protocol.
  package var word: String {
    switch self {
    case .metaGet: "mg"
    case .metaSet: "ms"
    case .metaDelete: "md"
    case .metaArithmetic: "ma"
    case .metaDebug: "me"
    case .metaNoop: "mn"
    case .flushAll: "flush_all"
    case .keyDump: "lru_crawler"
    default: "\(self)"
    }
  }

  /// Whether a value follows the request's line.
  @inlinable package var isStorage: Bool {
    switch self {
    case .set, .add, .replace, .append, .prepend, .cas, .metaSet: true
    default: false
    }
  }

  /// Whether it is a classic read, of one key or several.
  @inlinable package var isRetrieval: Bool {
    switch self {
    case .get, .gets, .gat, .gats: true
    default: false
    }
  }

  /// Whether it is a classic read that returns the cas numbers of its values.
  @inlinable package var givesCAS: Bool { @inline(__always) get { self == .gets || self == .gats } }

  /// Whether it is a meta command that is sent to the server of its key.
  @inlinable package var isMeta: Bool {
    switch self {
    case .metaGet, .metaSet, .metaDelete, .metaArithmetic, .metaDebug: true
    default: false
    }
  }

  /// Whether it may change its item, including its lifetime. For `mg` the flags decide.
  @inlinable package var mayChange: Bool {
    switch self {
    case .gat, .gats, .delete, .incr, .decr, .touch, .metaGet, .metaDelete, .metaArithmetic: true
    default: isStorage
    }
  }

  /// Whether it is sent to every server.
  @inlinable package var isForEveryServer: Bool { self == .flushAll || self == .stats || self == .version }

  /// Whether its first argument is an expiration time: `gat <exptime> <key>*`.
  @inlinable package var touches: Bool { self == .gat || self == .gats }

  /// The family of replies that a server may send to it.
  @inlinable package var expectation: Expectation {
    switch self {
    case .get, .gat: .values
    case .gets, .gats: .valuesWithCAS
    case .set, .add, .replace, .append, .prepend, .cas: .stored
    case .delete: .deleted
    case .incr, .decr: .number
    case .touch: .touched
    case .metaGet, .metaSet, .metaDelete, .metaArithmetic, .metaDebug, .metaNoop: .meta
    case .flushAll, .verbosity, .quit: .done
    case .stats, .keyDump: .report
    case .version: .version
    }
  }
}

/// The family of replies that are valid for a request.
@usableFromInline @frozen
package enum Expectation: UInt8, BitwiseCopyable, Sendable {
  /// `VALUE <key> <flags> <bytes>` blocks, then `END`.
  case values
  /// The same blocks with the cas number.
  case valuesWithCAS
  /// `STORED`, `NOT_STORED`, `EXISTS`, `NOT_FOUND`.
  case stored
  /// `DELETED`, `NOT_FOUND`.
  case deleted
  /// The new number, `NOT_FOUND`.
  case number
  /// `TOUCHED`, `NOT_FOUND`.
  case touched
  /// `OK`.
  case done
  /// Lines until `END`, or the one line `RESET` or `OK`.
  case report
  /// `VERSION <text>`.
  case version
  /// A two-letter status and flags.
  case meta
}
