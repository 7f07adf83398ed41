import Topology

/// What became of a request, or of one key of a multi-get.
@usableFromInline @frozen
package enum RequestResult: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  case hit, miss
  case stored, notStored, exists, notFound, deleted, touched
  /// A new number, or another reply that confirms the request.
  case done
  /// The server's own error line.
  case serverError
  // No server has answered; the same order as in `ServerFailure`.
  case refused, unreachable, timedOut, connectionLost, protocolError, queueFull, down, shuttingDown, full

  /// A request that no server has answered.
  @inlinable package init(_ failure: ServerFailure) {
    let first = RequestResult.refused.rawValue
    self = RequestResult(rawValue: first &+ failure.rawValue) ?? .serverError
  }

  /// Its name in metrics and in the admin interface.
  package var name: String {
    switch self {
    case .hit: "hit"
    case .miss: "miss"
    case .stored: "stored"
    case .notStored: "not_stored"
    case .exists: "exists"
    case .notFound: "not_found"
    case .deleted: "deleted"
    case .touched: "touched"
    case .done: "done"
    case .serverError: "server_error"
    case .refused: "refused"
    case .unreachable: "unreachable"
    case .timedOut: "timed_out"
    case .connectionLost: "connection_lost"
    case .protocolError: "protocol_error"
    case .queueFull: "queue_full"
    case .down: "down"
    case .shuttingDown: "shutting_down"
    case .full: "full"
    }
  }

  /// Whether no server has answered, or one has answered with an error line.
  package var isError: Bool { rawValue >= RequestResult.serverError.rawValue }

  /// The number of results.
  @inlinable package static var count: Int { 19 }
}
