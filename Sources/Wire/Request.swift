/// One request of a client, as offsets into the received bytes: a plain value that owns nothing.
@usableFromInline @frozen
package struct Request: BitwiseCopyable {
  @usableFromInline package var verb: Verb = .get
  /// `noreply`: the client wants no reply.
  @usableFromInline package var isQuiet = false
  /// Whether the line may be sent to a server unchanged; otherwise it is rewritten.
  @usableFromInline package var isVerbatim = false
  /// A retrieval of several keys.
  @usableFromInline package var isMulti = false
  /// The flags of a meta request; meaningless for other requests.
  @usableFromInline package var meta = MetaFlags()
  /// The offset of the (first) key, as the client wrote it.
  @usableFromInline package var keyStart = 0
  @usableFromInline package var keyLength = 0
  /// The length of the line with its ending, in bytes.
  @usableFromInline package var lineLength = 0
  /// The number of bytes after the line: the value and its CR LF.
  @usableFromInline package var bodyLength = 0

  @inlinable package init() {}

  /// `get <key>\r\n` at `p`.
  @inlinable @inline(__always) package init(plainGetAt p: Int, keyLength: Int) {
    isVerbatim = true
    keyStart = p &+ 4
    self.keyLength = keyLength
    lineLength = keyLength &+ 6
  }

  /// The request without the value: its line alone.
  package var withoutBody: Request {
    var line = self
    line.bodyLength = 0
    return line
  }

  /// The length of the whole request in bytes.
  @inlinable package var length: Int { lineLength &+ bodyLength }
}

/// Why a request was refused; each case is one error line, memcached's or, where there is no such, ringroad's.
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

  /// The error line that the client gets.
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

/// The result of parsing received bytes.
@usableFromInline @frozen
package enum Verdict: BitwiseCopyable {
  /// The line has not fully arrived; nothing was consumed.
  case partial
  /// The line has arrived, the value has not fully; nothing was consumed.
  case partialBody
  /// `request` (the inout argument) holds a request.
  case request
  /// Not a valid request: send the error line (unless `isQuiet`), skip `skip` bytes, even if not all have arrived
  /// yet, and continue.
  case refused(Refusal, skip: Int, isQuiet: Bool)
  /// Not a memcached client: close the connection at once and run none of the following commands.
  case hangUp
}
