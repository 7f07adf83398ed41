/// A connection from the worker to a model server.
final class ConnectionSocket {
  let connection: UInt32
  let server: ModelServer
  var isOpen = true
  var isEstablished = false
  /// Its server has closed it, or never took it: what is sent on it is not read.
  var isDead = false
  /// What has come to the server and was not read.
  var inbox = Inbox()
  /// Bytes taken from the worker and not yet read by the server: on their way, and arrived; and how many
  /// the kernel takes.
  var underway = 0
  var unread = 0
  /// Bytes ever taken from the worker, and of these, the ones whose requests the server has done.
  var taken = 0
  var served = 0
  var window: Int
  var isBlocked = false
  /// The worker does not read it for now; what has come meanwhile.
  var isPaused = false
  var held: [UInt8] = []
  /// Bytes keep their order: no earlier than what was sent before.
  var arrivalAtServer: UInt64 = 0
  var arrivalAtProxy: UInt64 = 0
  /// Something untrue was sent on it: no more until the next connection.
  var hasLied = false
  /// A request whose answer is still to come was forgotten.
  var hasForgotten = false

  init(connection: UInt32, server: ModelServer, window: Int) {
    self.connection = connection
    self.server = server
    self.window = window
  }
}
