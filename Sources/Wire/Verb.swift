/// The commands of memcached's text protocol (its `doc/protocol.txt` is the reference).
@usableFromInline @frozen
package enum Verb: UInt8, BitwiseCopyable, Sendable {
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

  /// Whether the request carries a value after its line.
  @inlinable package var isStorage: Bool {
    switch self {
    case .set, .add, .replace, .append, .prepend, .cas, .metaSet: true
    default: false
    }
  }

  /// Whether it is a classic read, of any number of keys.
  @inlinable package var isRetrieval: Bool {
    switch self {
    case .get, .gets, .gat, .gats: true
    default: false
    }
  }

  /// Whether it is a classic read whose values come with their cas numbers.
  @inlinable package var givesCAS: Bool { @inline(__always) get { self == .gets || self == .gats } }

  /// Whether it is a meta command that goes to its key's server.
  @inlinable package var isMeta: Bool {
    switch self {
    case .metaGet, .metaSet, .metaDelete, .metaArithmetic, .metaDebug: true
    default: false
    }
  }

  /// Whether it may change its key: how long it lives counts. Of `mg`, its flags decide.
  @inlinable package var mayChange: Bool {
    switch self {
    case .gat, .gats, .delete, .incr, .decr, .touch, .metaGet, .metaDelete, .metaArithmetic: true
    default: isStorage
    }
  }

  /// Whether it starts with an expiration time: `gat <exptime> <key>*`.
  @inlinable package var touches: Bool { self == .gat || self == .gats }

  /// What a server may answer to it.
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
    case .stats: .report
    case .version: .version
    }
  }
}

/// The family of replies that a request can be answered with.
@usableFromInline @frozen
package enum Expectation: UInt8, BitwiseCopyable, Sendable {
  /// `VALUE <key> <flags> <bytes>` blocks, then `END`.
  case values
  /// The same with the cas number.
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
  /// Lines until `END`, or one of `RESET`, `OK`.
  case report
  /// `VERSION <text>`.
  case version
  /// Two letters and flags.
  case meta
}
