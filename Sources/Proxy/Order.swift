import Bytes
import Wire

/// What a worker wants done at the edge: sockets are not its business.
package enum Order: BitwiseCopyable, Equatable {
  /// Open this connection to its server.
  case connect(link: UInt32)
  /// Send `Worker.hello` on this connection, which is open and idle.
  case greet(link: UInt32)
  /// Close this connection, if it is open.
  case disconnect(link: UInt32)
  /// Close this client and say so with `closed(client:)`.
  case close(client: UInt32)
  /// Read no more from this client until `resume`.
  case pause(client: UInt32)
  case resume(client: UInt32)
  /// Read no more from this connection to a server until `resumeLink`.
  case pauseLink(UInt32)
  case resumeLink(UInt32)
  /// Answer this exchange with the whole process's numbers.
  case report(exchange: SlotID)
}

/// What a worker has seen that others should know: for the log, and for the board that decides on health.
package enum Notice: Equatable, Sendable {
  /// So many requests failed at this server, or a connection to it, for one cause.
  case failed(server: UInt32, Trouble)
  /// A reply in time, after a failure.
  case answered(server: UInt32)
  /// Bytes that no request can have been answered with; the connection was closed.
  case breach(server: UInt32, breach: Breach, asked: [UInt8], got: [UInt8])
  /// Memory was short: the client that held the most, so many bytes, was closed.
  case relieved(held: Int)
  /// A client asked for this log level.
  case verbosity(UInt64)
  /// flush_all reached everybody but these servers: they are flushed before they come back.
  case flushOwed(server: UInt32)
  /// The server did a client's `flush_all` without a delay; it was asked at `asked`.
  case flushed(server: UInt32, asked: Instant)
}
