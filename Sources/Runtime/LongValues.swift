import Bytes
import Net
import Proxy

// Large values that clients send: read straight into the client's buffer, or into the queue for their server.

extension WorkerThread {
  /// Bytes of a forwarded value for which the kernel wakes the thread: fewer are not worth a wake-up; with more, a slow
  /// client would look like one that makes no progress.
  private static let worthPassing = 65_536

  /// Reads more of a client's large value.
  @inline(never)
  mutating func readInPlace(_ c: Ref<Client>, _ missing: Int, now: Instant) {
    if !pass(c, now: now) {
      switch worker.dispatcher.downstream.clients[c].input.receive(
        clientSockets[Int(c.index)].descriptor, missing, &worker.dispatcher.common.buffers)
      {
      case .bytes(let n): worker.clientReceived(c, filled: n, now: now)
      case .wouldBlock: break
      case .closed: endInput(c)
      case .failed: return closeClient(c)
      }
    }
    awaitMore(c)
  }

  /// Adjusts the reading of a client after a large value began or ended.
  @inline(never)
  mutating func expect(_ c: Ref<Client>, now: Instant) {
    if worker.dispatcher.downstream.clients[c].missing >= Self.worthReadingInPlace { _ = pass(c, now: now) }
    awaitMore(c)
  }

  /// Reads a part of a value that is forwarded as it arrives, and sends it at once, while it is in the CPU's cache.
  /// Returns false if the client's value is buffered instead.
  private mutating func pass(_ c: Ref<Client>, now: Instant) -> Bool {
    guard worker.dispatcher.downstream.clients[c].large.isUploading else { return false }
    guard let (l, room) = worker.cutThroughRoom(of: c) else {
      worker.endCutThrough(c)
      return true
    }
    switch worker.dispatcher.upstream.connections[l].queue.bytes.receive(
      clientSockets[Int(c.index)].descriptor, room, &worker.dispatcher.common.buffers)
    {
    case .bytes(let n):
      guard worker.clientReceived(c, passed: n, now: now) else { break }
      // A connection that is still being opened has nothing to send, and no socket.
      if worker.dispatcher.upstream.connections[l].unsent > 0 { flushConnection(l, now: now) }
      worker.endCutThrough(c)
    case .wouldBlock: break
    case .closed: endInput(c)
    case .failed: closeClient(c)
    }
    return true
  }

  private mutating func awaitMore(_ c: Ref<Client>) {
    guard clientSockets[Int(c.index)].descriptor >= 0 else { return }
    let most =
      worker.dispatcher.downstream.clients[c].large.isUploading ? Self.worthPassing : Self.mostAwaited
    clientSockets[Int(c.index)].await(worker.dispatcher.downstream.clients[c].missing, atMost: most)
  }

  mutating func endInput(_ c: Ref<Client>) {
    loop.wantRead(clientSockets[Int(c.index)].watch, false)
    worker.endOfInput(client: c)
  }
}
