/// Why a server's share of a request was not answered: the cause in error lines, logs and statistics.
///
/// An error line that the server sent, and a client's bad input, are answers and have no cause here.
@frozen @usableFromInline
package enum ServerFailure: UInt8, BitwiseCopyable, Sendable, CaseIterable {
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
  case queueFull
  /// It is out, whether or not its keys have moved to other servers.
  case ejected
  case shuttingDown
  /// It accepts no more connections (its `-c` limit), which is no failure of the server.
  case full

  /// The text in `SERVER_ERROR ringroad: <server> <cause>` and in the log.
  package var words: StaticString {
    switch self {
    case .refused, .full: "refused"
    case .unreachable: "unreachable"
    case .timedOut: "timed out"
    case .connectionLost: "connection lost"
    case .protocolError: "protocol error"
    case .queueFull: "queue full"
    case .ejected: "down"
    case .shuttingDown: "shutting down"
    }
  }

  /// Whether the cause implies that the request was never sent: then it has changed nothing.
  package var meansUnsent: Bool {
    switch self {
    case .refused, .unreachable, .queueFull, .ejected, .full: true
    case .timedOut, .connectionLost, .protocolError, .shuttingDown: false
    }
  }

  /// Whether the server or the network failed, and not the proxy's own limits: only such failures count for its health.
  package var isServersFault: Bool {
    switch self {
    case .refused, .unreachable, .timedOut, .connectionLost, .protocolError: true
    case .queueFull, .ejected, .shuttingDown, .full: false
    }
  }

  /// Whether one such failure is enough to take the server out: the system itself reports that nothing can be sent.
  /// Other failures may be accidental and must occur in a row.
  package var isConclusive: Bool { self == .refused || self == .unreachable }
}
