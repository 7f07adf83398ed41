/// Why a server could not answer, in words that a person can tell apart.
///
/// Only what the server or the way to it did: its own `SERVER_ERROR`, a client's bad input or a full
/// queue are no failures of a server and have no cause here.
@frozen @usableFromInline
package enum FailureCause: UInt8, CaseIterable, Sendable {
  /// Nobody listens there.
  case refused
  /// The system knows no way there.
  case unreachable
  /// A deadline passed: connecting, or a request's.
  case timedOut
  /// A connection broke.
  case connectionLost
  /// A reply that does not fit its request.
  case protocolError

  /// As it stands in `SERVER_ERROR ringroad: <server> <cause>` and in the log.
  package var words: String {
    switch self {
    case .refused: "refused"
    case .unreachable: "unreachable"
    case .timedOut: "timed out"
    case .connectionLost: "connection lost"
    case .protocolError: "protocol error"
    }
  }

  /// Whether one such failure is enough: the system itself says that nothing can be sent there. The
  /// others may be an accident and must come in a row.
  package var isConclusive: Bool { self == .refused || self == .unreachable }
}
