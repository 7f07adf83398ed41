/// One of the proxy's own numbers. The order is the order of `stats ringroad`.
@frozen @usableFromInline
package enum Counter: Int, CaseIterable, Sendable {
  case clientConnections, clientConnectionsTotal, rejectedClients, foreignClients
  case clientsClosedHalfRequest, clientsClosedUnread, clientsClosedStream, clientsClosedMemory
  case clientFlushes, clientStatsResets, clientLogLevels
  case getRequests, multigetRequests, setRequests, arithRequests, deleteRequests, touchRequests
  case metaRequests, adminRequests
  case requestsForwarded, readsJoined, keysRequested
  case clientErrors, serverErrors, readsAsMisses, writesAsMisses
  case streamedValues, valuesCutShort, repliesCutShort
  case timeouts, lateReplies, slowRequests, queueFull, noreplyDropped, readRetries
  case integrityFailures, unsolicitedBytes
  case serverConnections, serverConnects, serverConnectFailures, serverConnectionsLost
  case clientBytesIn, clientBytesOut, serverBytesIn, serverBytesOut
  case clientPauses, serverPauses
  case journalKeys, journalDeleted, journalOverflows
  case memoryInUse, memoryIdle, streams, streamsWaiting
  case logLinesDropped, hostsWithSeveralAddresses, configUnreadable, settingsHiddenByFlags
}

extension Counter {
  /// The number's row in `stats ringroad`.
  package var definition: Definition {
    switch self {
    case .clientConnections: .init("client_connections", .gauge, "clients", "Clients connected now")
    case .clientConnectionsTotal:
      .init("client_connections_total", .counter, "clients", "Clients that ever connected")
    case .rejectedClients:
      .init("rejected_clients", .counter, "clients", "Clients rejected because there were too many")
    case .foreignClients:
      .init(
        "foreign_clients", .counter, "clients",
        "Clients closed for what they sent: memcached's binary protocol, TLS, HTTP, or a line without an end")
    case .clientsClosedHalfRequest:
      .init(
        "clients_closed_half_request", .counter, "clients",
        "Clients closed because a request of theirs stayed unfinished for limits.half_request_timeout")
    case .clientsClosedUnread:
      .init(
        "clients_closed_unread", .counter, "clients",
        "Clients closed because they read none of their replies for limits.unread_timeout")
    case .clientsClosedStream:
      .init(
        "clients_closed_stream", .counter, "clients",
        "Clients closed because a large value of theirs did not move for a second while others waited to begin one"
      )
    case .clientsClosedMemory:
      .init(
        "clients_closed_memory", .counter, "clients",
        "Clients closed because memory was short and they held the most of it")
    case .clientFlushes: .init("client_flushes", .counter, "requests", "flush_all requests of clients")
    case .clientStatsResets:
      .init("client_stats_resets", .counter, "requests", "stats reset requests of clients")
    case .clientLogLevels:
      .init(
        "client_log_levels", .counter, "requests",
        "verbosity requests of clients, whether or not they may set the log level")
    case .getRequests: .init("requests_get", .counter, "requests", "Reads of one key")
    case .multigetRequests: .init("requests_multiget", .counter, "requests", "Reads of several keys")
    case .setRequests:
      .init("requests_set", .counter, "requests", "Requests that store: set add replace append prepend cas")
    case .arithRequests: .init("requests_arith", .counter, "requests", "incr and decr requests")
    case .deleteRequests: .init("requests_delete", .counter, "requests", "delete requests")
    case .touchRequests: .init("requests_touch", .counter, "requests", "touch requests")
    case .metaRequests: .init("requests_meta", .counter, "requests", "Meta requests: mg ms md ma me mn")
    case .adminRequests:
      .init(
        "requests_admin", .counter, "requests",
        "stats version verbosity flush_all and other requests without a key")
    case .requestsForwarded:
      .init(
        "requests_forwarded", .counter, "requests",
        "Requests sent to servers, one per server of a multi-get")
    case .readsJoined:
      .init("reads_joined", .counter, "requests", "Reads merged into the get line of the read before them")
    case .keysRequested: .init("keys_requested", .counter, "keys", "Keys that clients asked for")
    case .clientErrors:
      .init("client_errors", .counter, "requests", "Requests refused with ERROR or CLIENT_ERROR by the proxy")
    case .serverErrors:
      .init("server_errors", .counter, "requests", "Requests that the proxy answered SERVER_ERROR")
    case .readsAsMisses:
      .init(
        "reads_as_misses", .counter, "keys",
        "Keys answered as a miss because their server could not answer")
    case .writesAsMisses:
      .init(
        "writes_as_misses", .counter, "requests",
        "Writes answered as not stored or not found because their server could not answer")
    case .streamedValues:
      .init(
        "streamed_values", .counter, "values",
        "Large values streamed over a private connection to a server")
    case .valuesCutShort:
      .init(
        "values_cut_short", .counter, "clients",
        "Clients closed because a server failed in the middle of a large value")
    case .repliesCutShort:
      .init(
        "replies_cut_short", .counter, "connections",
        "Connections to servers closed and reopened in the middle of a reply too large to buffer")
    case .timeouts: .init("timeouts", .counter, "requests", "Requests whose deadline passed")
    case .lateReplies:
      .init("late_replies", .counter, "replies", "Replies that arrived after their deadline; discarded")
    case .slowRequests:
      .init(
        "slow_requests", .counter, "requests",
        "Requests that took at least log.slow.over, one per server of a multi-get; 0 while that is off")
    case .queueFull:
      .init("queue_full", .counter, "requests", "Requests refused because a server's queue was full")
    case .noreplyDropped:
      .init(
        "noreply_dropped", .counter, "requests",
        "noreply and quiet requests lost because their server failed")
    case .readRetries:
      .init(
        "read_retries", .counter, "requests",
        "Reads sent again because their connection to the server was dead")
    case .integrityFailures:
      .init(
        "integrity_failures", .counter, "replies",
        "Replies that did not fit their request; connection closed")
    case .unsolicitedBytes:
      .init(
        "unsolicited_bytes", .counter, "bytes",
        "Bytes that servers sent without a request; connection closed")
    case .serverConnections:
      .init("server_connections", .gauge, "connections", "Connections to servers open now")
    case .serverConnects: .init("server_connects", .counter, "connections", "Connections to servers opened")
    case .serverConnectFailures:
      .init(
        "server_connect_failures", .counter, "connections",
        "Connections to servers that could not be opened")
    case .serverConnectionsLost:
      .init("server_connections_lost", .counter, "connections", "Connections to servers that were lost")
    case .clientBytesIn: .init("client_bytes_in", .counter, "bytes", "Bytes read from clients")
    case .clientBytesOut: .init("client_bytes_out", .counter, "bytes", "Bytes written to clients")
    case .serverBytesIn: .init("server_bytes_in", .counter, "bytes", "Bytes read from servers")
    case .serverBytesOut: .init("server_bytes_out", .counter, "bytes", "Bytes written to servers")
    case .clientPauses:
      .init(
        "client_pauses", .counter, "pauses",
        "Times a client was not read for a while, because its replies or requests had to wait")
    case .serverPauses:
      .init(
        "server_pauses", .counter, "pauses",
        "Times a server was not read for a while, because the client of a large value reads slowly")
    case .journalKeys:
      .init(
        "journal_keys", .counter, "keys",
        "Keys journaled to be deleted on a server before it serves them again")
    case .journalDeleted:
      .init("journal_deleted", .counter, "keys", "Keys deleted on servers because of a journal")
    case .journalOverflows:
      .init("journal_overflows", .counter, "journals", "Times a server's invalidation journal overflowed")
    case .memoryInUse:
      .init("memory_in_use", .gauge, "bytes", "Bytes of buffers and of the state of requests, in use")
    case .memoryIdle: .init("memory_idle", .gauge, "bytes", "Bytes of free buffers that are kept for reuse")
    case .streams: .init("streams", .gauge, "values", "Large values that are being streamed now")
    case .streamsWaiting:
      .init("streams_waiting", .gauge, "clients", "Clients waiting for a connection for a large value")
    case .logLinesDropped:
      .init("log_lines_dropped", .counter, "lines", "Log lines that the log's destination did not accept")
    case .hostsWithSeveralAddresses:
      .init(
        "hosts_with_several_addresses", .gauge, "host names",
        "Host names of servers with several addresses; only one of them is used")
    case .configUnreadable:
      .init("config_unreadable", .gauge, "files", "1 while the configuration file cannot be read, else 0")
    case .settingsHiddenByFlags:
      .init(
        "settings_hidden_by_flags", .gauge, "settings",
        "Settings of the file that differ from a flag of the command line, which applies instead")
    }
  }
}
