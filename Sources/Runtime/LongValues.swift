import Bytes
import Net
import Proxy

// Values of clients that come in pieces, read to where they shall stand.

extension WorkerThread {
  /// Less of a value that is passed on is not worth waking up for; more would be more than what shows that its client
  /// gets on.
  private static let worthPassing = 65_536

  /// More of a client's long value has come.
  @inline(never)
  mutating func readInPlace(_ c: UInt32, _ missing: Int, now: Instant) {
    if !pass(c, now: now) {
      switch worker.clients[c].input.receive(clientSockets[Int(c)].descriptor, missing, &worker.buffers) {
      case .bytes(let n): worker.clientReceived(c, filled: n, now: now)
      case .wouldBlock: break
      case .closed: endInput(c)
      case .failed: return closeClient(c)
      }
    }
    awaitMore(c)
  }

  /// A long value was begun, or its last bytes have come.
  @inline(never)
  mutating func expect(_ c: UInt32, now: Instant) {
    if worker.clients[c].missing >= Self.worthReadingInPlace { _ = pass(c, now: now) }
    awaitMore(c)
  }

  /// Reads what is to go on to a server as it comes, and sends it at once, while it is in the cache. False when the
  /// client's value is to be held.
  private mutating func pass(_ c: UInt32, now: Instant) -> Bool {
    guard worker.clients[c].isUploading else { return false }
    guard let (l, room) = worker.cutThroughRoom(of: c) else {
      worker.endCutThrough(c)
      return true
    }
    switch worker.connections[l].asked.receive(clientSockets[Int(c)].descriptor, room, &worker.buffers) {
    case .bytes(let n):
      guard worker.clientReceived(c, passed: n, now: now) else { break }
      // One that is still being made has nothing to be sent, nor a wire.
      if worker.connections[l].unsent > 0 { flushConnection(l, now: now) }
      worker.endCutThrough(c)
    case .wouldBlock: break
    case .closed: endInput(c)
    case .failed: closeClient(c)
    }
    return true
  }

  private mutating func awaitMore(_ c: UInt32) {
    guard clientSockets[Int(c)].descriptor >= 0 else { return }
    let most = worker.clients[c].isUploading ? Self.worthPassing : Self.mostAwaited
    clientSockets[Int(c)].await(worker.clients[c].missing, atMost: most)
  }

  mutating func endInput(_ c: UInt32) {
    loop.wantRead(clientSockets[Int(c)].watch, false)
    worker.endOfInput(client: c)
  }
}
