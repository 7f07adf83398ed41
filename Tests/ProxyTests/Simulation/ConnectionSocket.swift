import Bytes

@testable import Proxy

/// A connection from the worker to a model server.
final class ConnectionSocket {
  let connection: Ref<ServerConnection>
  let server: ModelServer
  var isOpen = true
  var isEstablished = false
  /// Its server has closed or never accepted it: bytes sent on it are not read.
  var isDead = false
  /// Bytes that arrived at the server and were not consumed.
  var inbox = Inbox()
  /// Bytes taken from the worker and not yet read by the server: in flight, and arrived; and how many the kernel
  /// accepts.
  var underway = 0
  var unread = 0
  /// Bytes ever taken from the worker, and those of them with requests that the server has executed.
  var taken = 0
  var served = 0
  var window: Int
  var isBlocked = false
  /// The worker has paused it; what has arrived meanwhile.
  var isPaused = false
  var held: [UInt8] = []
  /// Bytes keep their order: none arrive earlier than those sent before.
  var arrivalAtServer: UInt64 = 0
  var arrivalAtProxy: UInt64 = 0
  /// A lie was sent on it: no more lies until the next connection.
  var hasLied = false
  /// A request that still has a reply to come was forgotten.
  var hasForgotten = false

  init(connection: Ref<ServerConnection>, server: ModelServer, window: Int) {
    self.connection = connection
    self.server = server
    self.window = window
  }
}
