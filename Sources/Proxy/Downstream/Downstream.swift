import Bytes
import Stats
import Topology
import Wire

/// A worker's clients, and their requests in the order in which they are answered.
package struct Downstream: ~Copyable {
  package var clients = Slab<Client>(capacity: 64)
  package var listeners = ListenerTable()
  var exchanges = Slab<Exchange>(capacity: 256)
  /// Clients with replies to be sent.
  var dirtyClients = Fifo<Ref<Client>>()
  /// Those of `dirtyClients` that `nextClientToFlush` skipped in this turn.
  var heldClients = Fifo<Ref<Client>>()
  /// Stalled clients that can be served again.
  var resumable = Fifo<Ref<Client>>()
  /// Downloads whose turn has come, and which have not begun yet.
  var downloadsDue = Fifo<DueDownload>()

  /// Number of requests that wait for a reply.
  package var requestsInFlight: Int { mutating get { Int(exchanges.count) } }

  /// Allocates a slot for a new client.
  package mutating func open(_ common: inout Common, from listener: ListenerID? = nil) -> Ref<Client> {
    let c = clients.take()
    clients[c].listener = listeners.index(of: listener)
    listeners.tallies[clients[c].listener.place].clients &+= 1
    clients[c].window = max(1, common.limits.firstRequests)
    common.counters.add(.clientConnections)
    common.counters.add(.clientConnectionsTotal)
    return c
  }

  /// Closes a client that is closing and is owed nothing more.
  mutating func closeIfDone(_ c: Ref<Client>, _ common: inout Common) {
    guard clients[c].life.isClosing, !clients[c].life.isClosed, !clients[c].life.isStalled,
      clients[c].inFlight == 0,
      clients[c].output.isEmpty
    else { return }
    clients[c].life.isClosed = true
    common.effects.append(.close(client: c))
  }

  @inline(__always) mutating func markDirty(client c: Ref<Client>) {
    if clients[c].becomeDirty() { dirtyClients.append(c) }
  }

  /// The next client with something to send; each once per turn of the loop.
  ///
  /// A client with further requests in flight is skipped for up to `nanoseconds`: a send costs as much for one reply as
  /// for sixteen. Skipped clients are looked at again after `takeHeld`.
  @inline(__always)
  package mutating func nextClientToFlush(holding nanoseconds: UInt64, now: Instant, _ common: inout Common)
    -> Ref<
      Client
    >?
  {
    while let c = dirtyClients.popFirst() {
      if nanoseconds > 0, clients[c].mayBeHeld(for: nanoseconds, now: now) {
        heldClients.append(c)
        continue
      }
      clients[c].sending.heldSince = .never
      clients[c].sending.isDirty = false
      if !clients[c].output.isEmpty && !clients[c].life.isClosed { return c }
      // The last reply awaited may have had no bytes; then no send follows that would close the client.
      closeIfDone(c, &common)
    }
    return nil
  }

  /// Number of clients that may have something to send.
  package var clientsToFlush: Int { mutating get { dirtyClients.count } }

  /// Whether replies are held back: the loop must not sleep until they are sent.
  package var holdsAnswers: Bool { mutating get { !heldClients.isEmpty } }

  /// Has `nextClientToFlush` look again at the clients whose replies were held back.
  package mutating func takeHeld() {
    while let c = heldClients.popFirst() { dirtyClients.append(c) }
  }

  /// The edge sent `n` bytes of the client's output.
  @inline(__always)
  mutating func sent(_ c: Ref<Client>, _ n: Int, now: Instant, _ common: inout Common) {
    common.counters.add(n, to: .clientBytesOut)
    clients[c].learnWindow(common.limits, allowance: common.allowance)
    clients[c].output.consume(n)
    if clients[c].output.isEmpty {
      clients[c].output.release(to: &common.buffers)
      clients[c].sending.blockedSince = .never
      if clients[c].life.isClosing { closeIfDone(c, &common) }
    } else if n > 0 || clients[c].sending.blockedSince == .never {
      clients[c].sending.blockedSince = now
    }
  }

  // MARK: - What clients send

  /// Whether the first bytes of a connection are another protocol's: memcached's binary one, or TLS. They may contain
  /// no line that could be refused, and the client would wait for its own timeout: the worker closes the connection.
  @inline(never)
  mutating func isForeign(_ c: Ref<Client>, _ bytes: RawSpan, _ common: inout Common) -> Bool {
    clients[c].intake.hasSpoken = true
    if bytes.hasText("\u{16}\u{3}", at: 0) {
      common.note(.spokeTLS, by: c)
    } else if bytes.byteCount > 0 && bytes.byte(at: 0) == 0x80 {
      common.note(.spokeBinary, by: c)
    } else {
      return false
    }
    hangUp(c, &common)
    return true
  }

  @inline(__always)
  mutating func keepRest(
    _ c: Ref<Client>, _ bytes: RawSpan, from consumed: Int, now: Instant, _ common: inout Common
  ) {
    let rest = bytes.byteCount &- consumed
    if rest > 0 {
      if clients[c].intake.awaited > rest {
        clients[c].input.reserve(clients[c].intake.awaited, &common.buffers)
      }
      clients[c].input.append(bytes, from: consumed, count: rest, &common.buffers)
      notePartial(c, rest: rest, consumed: consumed, now: now)
    } else if clients[c].intake.partialSince != .never, !clients[c].large.isUploading {
      clients[c].intake.partialSince = .never
    }
  }

  /// Keeps what is left of a client's input after `consumed` bytes of it were served.
  mutating func keep(
    _ input: consuming Buffer, of c: Ref<Client>, consumed: Int, now: Instant, _ common: inout Common
  ) {
    if input.isEmpty {
      input.release(to: &common.buffers)
    } else if clients[c].intake.awaited > input.count {
      input.reserve(clients[c].intake.awaited &- input.count, &common.buffers)
    }
    let rest = input.count
    clients[c].input = input
    notePartial(c, rest: rest, consumed: consumed, now: now)
  }

  /// Records since when a request is unfinished. Each 64 KiB of a large value restart that clock: they are progress.
  mutating func notePartial(_ c: Ref<Client>, rest: Int, consumed: Int, now: Instant) {
    if clients[c].large.isUploading && !clients[c].life.isStalled { return }
    if rest == 0 || clients[c].life.isStalled {
      clients[c].intake.partialSince = .never
    } else if consumed > 0 || clients[c].intake.partialSince == .never
      || rest &- clients[c].intake.partialSize >= 65_536
    {
      clients[c].intake.partialSince = now
      clients[c].intake.partialSize = rest
    }
  }

  /// What a client is doing, as `stats conns` shows it.
  package func state(of c: Ref<Client>) -> ClientState { clients[c].state }

  /// Whether a client has few requests in flight: it is admitted to a queue that others have filled.
  func isModest(_ c: Ref<Client>) -> Bool { clients[c].inFlight < 8 }

  // MARK: - Closing

  /// The client has sent its last byte. It is closed when all its requests are answered and the replies sent.
  mutating func endOfInput(_ c: Ref<Client>, _ common: inout Common) {
    clients[c].life.isClosing = true
    if !clients[c].life.isStalled { clients[c].input.release(to: &common.buffers) }
    clients[c].intake.partialSince = .never
    // An unfinished value is no request.
    if clients[c].large.isUploading && clients[c].large.bodyLeft > clients[c].input.count {
      close(client: c, &common)
    }
    closeIfDone(c, &common)
  }

  /// Takes an exchange from its client, which has disconnected. If it is not answered yet, its reply will be dropped.
  mutating func detach(_ x: Ref<Exchange>) {
    if exchanges[x].isFinished { exchanges.give(x) } else { exchanges[x].client = Ref<Client>.none }
  }

  /// Releases the slot of a client that has disconnected, and its buffers.
  mutating func release(client c: Ref<Client>, _ common: inout Common) {
    clients[c].input.release(to: &common.buffers)
    clients[c].output.release(to: &common.buffers)
    clients[c].parked.release(to: &common.buffers)
    listeners.tallies[clients[c].listener.place].clients &-= 1
    clients.give(c)
    common.counters.subtract(.clientConnections)
  }

  /// Closes clients that keep the proxy waiting for too long: with half a request, or by not reading replies.
  mutating func sweep(now: Instant, _ common: inout Common) {
    for c in clients.slots where clients.isTaken(c) && !clients[c].life.isClosed {
      if clients[c].hasHalfRequest(for: common.limits.halfRequestTimeout, now: now) {
        common.note(.leftHalfRequest, by: c)
        close(client: c, &common)
      } else if clients[c].hasUnread(for: common.limits.unreadTimeout, now: now) {
        common.note(.leftRepliesUnread, by: c)
        close(client: c, &common)
      }
      clients[c].forgetWindow(common.limits)
    }
  }

  mutating func close(client c: Ref<Client>, _ common: inout Common) {
    guard !clients[c].life.isClosed else { return }
    clients[c].life.isClosed = true
    common.effects.append(.close(client: c))
  }
}

/// A download whose turn has come.
struct DueDownload: BitwiseCopyable {
  var client: SlotID<Client>
  var stream: Ref<Stream>
}
