/// One of the proxy's own numbers. The order is the order of `stats ringroad`.
@frozen @usableFromInline
package enum Counter: Int, CaseIterable, Sendable {
  case clientConnections, clientConnectionsTotal, rejectedClients, foreignClients
  case getRequests, multigetRequests, setRequests, arithRequests, deleteRequests, touchRequests
  case metaRequests, adminRequests
  case requestsForwarded, readsJoined, keysRequested
  case clientErrors, serverErrors, readsAsMisses, writesAsMisses
  case streamedValues, valuesCutShort, repliesCutShort
  case timeouts, lateReplies, queueFull, noreplyDropped, readRetries
  case integrityFailures, unsolicitedBytes
  case serverConnections, serverConnects, serverConnectFailures, serverConnectionsLost
  case clientBytesIn, clientBytesOut, serverBytesIn, serverBytesOut
  case journalKeys, journalDeleted, journalOverflows
  case memoryInUse, memoryIdle, streams, streamsWaiting
}

/// How a number behaves: a counter only grows, a gauge is a state.
package enum CounterKind: Equatable, Sendable { case counter, gauge }

extension Counter {
  /// What is shown of a number: its name in `stats ringroad`, its kind, and one sentence of help.
  package typealias Description = (name: String, kind: CounterKind, help: String)

  /// The table of the proxy's numbers.
  package var description: Description {
    switch self {
    case .clientConnections: ("client_connections", .gauge, "Clients connected now")
    case .clientConnectionsTotal:
      ("client_connections_total", .counter, "Clients that ever connected")
    case .rejectedClients:
      ("rejected_clients", .counter, "Clients rejected because there were too many")
    case .foreignClients:
      (
        "foreign_clients", .counter,
        "Clients closed for what they sent: memcached's binary protocol, TLS, HTTP, or a line without an end"
      )
    case .getRequests: ("requests_get", .counter, "Reads of one key")
    case .multigetRequests: ("requests_multiget", .counter, "Reads of several keys")
    case .setRequests:
      ("requests_set", .counter, "Requests that store: set add replace append prepend cas")
    case .arithRequests: ("requests_arith", .counter, "incr and decr requests")
    case .deleteRequests: ("requests_delete", .counter, "delete requests")
    case .touchRequests: ("requests_touch", .counter, "touch requests")
    case .metaRequests: ("requests_meta", .counter, "Meta requests: mg ms md ma me mn")
    case .adminRequests:
      ("requests_admin", .counter, "stats version verbosity flush_all and other requests without a key")
    case .requestsForwarded:
      ("requests_forwarded", .counter, "Requests sent to servers, one per server of a multi-get")
    case .readsJoined:
      ("reads_joined", .counter, "Reads merged into the get line of the read before them")
    case .keysRequested: ("keys_requested", .counter, "Keys that clients asked for")
    case .clientErrors:
      ("client_errors", .counter, "Requests refused with ERROR or CLIENT_ERROR by the proxy")
    case .serverErrors: ("server_errors", .counter, "Requests that the proxy answered SERVER_ERROR")
    case .readsAsMisses:
      ("reads_as_misses", .counter, "Keys answered as a miss because their server could not answer")
    case .writesAsMisses:
      (
        "writes_as_misses", .counter,
        "Writes answered as not stored or not found because their server could not answer"
      )
    case .streamedValues:
      ("streamed_values", .counter, "Large values streamed over a private connection to a server")
    case .valuesCutShort:
      ("values_cut_short", .counter, "Clients closed because a server failed in the middle of a large value")
    case .repliesCutShort:
      (
        "replies_cut_short", .counter,
        "Connections to servers closed and reopened in the middle of a reply too large to buffer"
      )
    case .timeouts: ("timeouts", .counter, "Requests whose deadline passed")
    case .lateReplies: ("late_replies", .counter, "Replies that arrived after their deadline; discarded")
    case .queueFull:
      ("queue_full", .counter, "Requests refused because a server's queue was full")
    case .noreplyDropped:
      ("noreply_dropped", .counter, "noreply and quiet requests lost because their server failed")
    case .readRetries:
      ("read_retries", .counter, "Reads sent again because their connection to the server was dead")
    case .integrityFailures:
      ("integrity_failures", .counter, "Replies that did not fit their request; connection closed")
    case .unsolicitedBytes:
      ("unsolicited_bytes", .counter, "Times a server sent bytes without a request; connection closed")
    case .serverConnections: ("server_connections", .gauge, "Connections to servers open now")
    case .serverConnects: ("server_connects", .counter, "Connections to servers opened")
    case .serverConnectFailures:
      ("server_connect_failures", .counter, "Connections to servers that could not be opened")
    case .serverConnectionsLost:
      ("server_connections_lost", .counter, "Connections to servers that were lost")
    case .clientBytesIn: ("client_bytes_in", .counter, "Bytes read from clients")
    case .clientBytesOut: ("client_bytes_out", .counter, "Bytes written to clients")
    case .serverBytesIn: ("server_bytes_in", .counter, "Bytes read from servers")
    case .serverBytesOut: ("server_bytes_out", .counter, "Bytes written to servers")
    case .journalKeys:
      ("journal_keys", .counter, "Keys journaled to be deleted on a server before it serves them again")
    case .journalDeleted: ("journal_deleted", .counter, "Keys deleted on servers because of a journal")
    case .journalOverflows:
      ("journal_overflows", .counter, "Times a server's invalidation journal overflowed")
    case .memoryInUse: ("memory_in_use", .gauge, "Bytes of buffers and of the state of requests, in use")
    case .memoryIdle: ("memory_idle", .gauge, "Bytes of free buffers that are kept for reuse")
    case .streams: ("streams", .gauge, "Large values that are being streamed now")
    case .streamsWaiting: ("streams_waiting", .gauge, "Clients waiting for a connection for a large value")
    }
  }
}
