import Proxy
import Settings
import Topology

// Log lines about clients: what happened, and what the operator can do. Nothing that a client sent is in them.

extension ClientEvent {
  /// The line's level and message, and the fields after the client's address.
  func line(_ limits: LimitSettings) -> (LogLevel, String, [ControlPlane.LogField]) {
    switch kind {
    case .spokeBinary:
      (
        .warning, "closed a client that speaks the binary protocol",
        [("do", "set it to the text protocol, such as binary=False in pylibmc")]
      )
    case .spokeTLS: (.warning, "closed a client that speaks TLS", [("do", "let it connect without TLS")])
    case .spokeHTTP:
      (
        .warning, "closed a client that speaks HTTP",
        [("do", "let a health check send version and a line end instead")]
      )
    case .sentLineWithoutEnd:
      (
        .warning, "closed a client that sent a line without an end",
        [("do", "check what connects there")]
      )
    case .leftHalfRequest:
      (
        .warning, "closed a client that left a request unfinished",
        [("limits.half_request_timeout", Quantity.written(limits.halfRequestTimeout))]
      )
    case .leftRepliesUnread:
      (
        .warning, "closed a client that did not read its replies",
        [("limits.unread_timeout", Quantity.written(limits.unreadTimeout))]
      )
    case .heldStream:
      (
        .warning, "closed a client whose large value did not move while others waited",
        [("do", "let it read or send large values without a pause")]
      )
    case .heldMostMemory:
      (
        .warning, "memory is short: closed the client that held the most",
        [("bytes", "\(number)"), ("do", "raise limits.memory if the machine has more")]
      )
    case .flushedAll: (.warning, "flush_all by a client", [])
    case .resetStats: (.info, "stats reset by a client", [])
    case .setLogLevel:
      (.warning, "log level set by a client", [("level", "\(LogLevel(verbosity: number).rawValue)")])
    }
  }
}
