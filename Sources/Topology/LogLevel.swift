/// How much a log line matters. A log of one level has its lines and those of the levels before it.
package enum LogLevel: String, CaseIterable, Sendable {
  case error, warning, info, debug

  /// Whether a line of this level is written when the log's level is `limit`.
  package func isWithin(_ limit: LogLevel) -> Bool { rank <= limit.rank }

  private var rank: Int {
    switch self {
    case .error: 0
    case .warning: 1
    case .info: 2
    case .debug: 3
    }
  }
}
