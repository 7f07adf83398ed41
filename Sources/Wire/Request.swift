/// One request, as offsets into the bytes it came in: a plain value that owns nothing.
@usableFromInline @frozen
package struct Request: BitwiseCopyable {
  @usableFromInline package var verb: Verb = .get
  /// No answer is wanted: `noreply`.
  @usableFromInline package var isQuiet = false
  /// The line may be sent to a server as it stands; else it is written anew.
  @usableFromInline package var isVerbatim = false
  /// A retrieval of more than one key.
  @usableFromInline package var isMulti = false
  /// What a meta request's flags ask for; of no meaning for others.
  @usableFromInline package var meta = MetaFlags()
  /// Where the (first) key stands, as it is written.
  @usableFromInline package var keyStart = 0
  @usableFromInline package var keyLength = 0
  /// Bytes of the line with its ending.
  @usableFromInline package var lineLength = 0
  /// Bytes after the line that belong to the request: the value and its CR LF.
  @usableFromInline package var bodyLength = 0

  @inlinable package init() {}

  /// `get <key>\r\n` at `p`.
  @inlinable @inline(__always) package init(plainGetAt p: Int, keyLength: Int) {
    isVerbatim = true
    keyStart = p &+ 4
    self.keyLength = keyLength
    lineLength = keyLength &+ 6
  }

  /// All its bytes.
  @inlinable package var length: Int { lineLength &+ bodyLength }
}

/// Why a request was not taken, in memcached's words.
@usableFromInline @frozen
package enum Refusal: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case unknown
  case badFormat
  case badDeleteUsage
  case badDelta
  case badExptime
  case badDataChunk
  case badStats
  case badSlabID
  case badDetail
  case tooLarge
  case notPassedOn
  case noRoute
  case flagsTooLong
  case getFlagsTooLong
  case duplicateFlag
  case invalidFlag
  case badFlags
  case badToken
  case badBase64
  case badModeLength
  case badSetMode
  case badArithmeticMode
  case badInitialValue
  case badDeltaValue
  case opaqueTooLong
  case notShown
  case wrongTokens
  case invalidLength
  case experimentalMiss

  /// The line that the client gets.
  package var line: StaticString {
    switch self {
    case .unknown: "ERROR\r\n"
    case .badFormat: "CLIENT_ERROR bad command line format\r\n"
    case .badDeleteUsage: "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
    case .badDelta: "CLIENT_ERROR invalid numeric delta argument\r\n"
    case .badExptime: "CLIENT_ERROR invalid exptime argument\r\n"
    case .badDataChunk: "CLIENT_ERROR bad data chunk\r\n"
    case .badStats: "CLIENT_ERROR bad command line\r\n"
    case .badSlabID: "CLIENT_ERROR Illegal slab id\r\n"
    case .badDetail: "CLIENT_ERROR usage: stats detail on|off|dump\r\n"
    case .tooLarge: "SERVER_ERROR object too large for cache\r\n"
    case .notPassedOn: "CLIENT_ERROR ringroad does not pass this command on: ask the server itself\r\n"
    case .noRoute: "SERVER_ERROR ringroad: no route for this key\r\n"
    case .flagsTooLong: "CLIENT_ERROR options flags too long\r\n"
    case .getFlagsTooLong: "CLIENT_ERROR options flags are too long\r\n"
    case .duplicateFlag: "CLIENT_ERROR duplicate flag\r\n"
    case .invalidFlag: "CLIENT_ERROR invalid flag\r\n"
    case .badFlags: "CLIENT_ERROR invalid or duplicate flag\r\n"
    case .badToken: "CLIENT_ERROR bad token in command line format\r\n"
    case .badBase64: "CLIENT_ERROR error decoding key\r\n"
    case .badModeLength: "CLIENT_ERROR incorrect length for M token\r\n"
    case .badSetMode: "CLIENT_ERROR invalid mode for ms M token\r\n"
    case .badArithmeticMode: "CLIENT_ERROR invalid mode for ma M token\r\n"
    case .badInitialValue: "CLIENT_ERROR invalid numeric initial value\r\n"
    case .badDeltaValue: "CLIENT_ERROR invalid numeric delta value\r\n"
    case .opaqueTooLong: "CLIENT_ERROR opaque token too long\r\n"
    case .notShown: "CLIENT_ERROR ringroad does not show keys that hold a blank, a line end or a NUL\r\n"
    case .wrongTokens: "CLIENT_ERROR incorrect number of tokens supplied\r\n"
    case .invalidLength: "CLIENT_ERROR invalid length\r\n"
    case .experimentalMiss: "EN\r\n"
    }
  }
}

/// What became of the bytes at hand.
@usableFromInline @frozen
package enum Verdict: BitwiseCopyable {
  /// Not even a whole line has come; nothing was consumed.
  case partial
  /// The line has come, the value not as a whole; nothing was consumed.
  case partialBody
  /// A request stands in the argument.
  case request
  /// Not a request: answer with the refusal (unless it is quiet), skip that many bytes, of which some may
  /// be still to come, and go on.
  case refused(Refusal, skip: Int, isQuiet: Bool)
  /// Not a memcached client: close at once, run nothing of what follows.
  case hangUp
}
