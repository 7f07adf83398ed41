/// Why a server failed, in words that tell an operator what to look at.
///
/// Only failures of the server or of the network: a `SERVER_ERROR` that the server sent, a client's bad input and a
/// full queue do not count as a server's failure and have no cause here.
@frozen @usableFromInline
package enum FailureCause: UInt8, CaseIterable, Sendable {
  /// Nothing listens on the server's port.
  case refused
  /// The system has no route to the server.
  case unreachable
  /// A deadline passed: of connecting, or of a request.
  case timedOut
  /// A connection closed or broke.
  case connectionLost
  /// A reply did not fit its request.
  case protocolError

  /// The text in `SERVER_ERROR ringroad: <server> <cause>` and in the log.
  package var words: String {
    switch self {
    case .refused: "refused"
    case .unreachable: "unreachable"
    case .timedOut: "timed out"
    case .connectionLost: "connection lost"
    case .protocolError: "protocol error"
    }
  }

  /// Whether one such failure is enough to take the server out: the system itself reports that nothing can be sent.
  /// Other failures may be accidental and must occur in a row.
  package var isConclusive: Bool { self == .refused || self == .unreachable }
}
