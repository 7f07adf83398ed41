/// What a client's connection is doing, in memcached's words.
package enum ClientState: String, Sendable {
  /// It waits for a request.
  case reading = "conn_read"
  /// A request, or the value of one, has arrived in part.
  case readingValue = "conn_nread"
  /// Its requests wait for servers.
  case waitingForServers = "conn_io_queue"
  /// It leaves replies unread.
  case writing = "conn_mwrite"
  /// It is closed when its requests are answered.
  case closing = "conn_closing"
}

/// A client of the proxy, as `stats conns` shows it.
package struct ConnectedClient: Equatable, Sendable {
  /// The client's address, and the listener's.
  package let address: String
  package let listener: String
  package let state: ClientState
  /// Seconds since the kernel last received bytes from it; nil over a Unix socket: the kernel does not know it there.
  package let idleSeconds: Int?
  package let worker: Int

  package init(address: String, listener: String, state: ClientState, idleSeconds: Int?, worker: Int) {
    self.address = address
    self.listener = listener
    self.state = state
    self.idleSeconds = idleSeconds
    self.worker = worker
  }
}

extension [ConnectedClient] {
  /// The answer to `stats conns` of a memcached that has these clients. The row `worker` shows that a connection is the
  /// proxy's; those of servers have a row `server` instead.
  var answer: [UInt8] {
    var text = ""
    for (i, client) in enumerated() {
      let rows = [
        ("addr", client.address), ("listen_addr", client.listener), ("state", client.state.rawValue),
        ("secs_since_last_cmd", client.idleSeconds.map { "\($0)" }), ("worker", "\(client.worker)"),
      ]
      for case (let name, let value?) in rows { text += "STAT \(i + 1):\(name) \(value)\r\n" }
    }
    return [UInt8]((text + "END\r\n").utf8)
  }
}
