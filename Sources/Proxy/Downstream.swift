import Bytes
import Stats
import Wire

/// A worker's clients, and their requests in the order in which they are answered.
package struct Downstream: ~Copyable {
  package var clients = Slab<Client>(capacity: 64)
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
  package mutating func open(_ common: inout Common) -> Ref<Client> {
    let c = clients.take()
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
