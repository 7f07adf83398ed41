import Bytes
import Net
import Proxy
import Stats

// `stats` merges what servers say with what all workers share: the servers' last known counters and, for `stats conns`,
// every worker's clients.

extension WorkerThread {
  /// A `stats conns` whose servers have answered, until all workers have published their clients.
  struct ClientRequest {
    let fanOut: Ref<FanOut>
    let asked: Instant
  }

  /// The most clients of a worker that `stats conns` lists.
  static let clientsListed = 1000

  /// Answers a `stats` request, or has the workers publish their clients first.
  mutating func mergeStats(_ f: Ref<FanOut>, now: Instant) {
    guard worker.dispatcher.listsClients(f) else { return merge(f, []) }
    sharedStats.wantClients(now: now)
    clientRequests.append(ClientRequest(fanOut: f, asked: now))
  }

  /// Answers those for which the workers' clients are known. `isLast`: with what is known so far.
  mutating func answerClientRequests(isLast: Bool = false, now: Instant) {
    guard !clientRequests.isEmpty else { return }
    for request in exchange(&clientRequests, with: []) {
      let clients =
        isLast
        ? sharedStats.clients(since: .origin, now: now) : sharedStats.clients(since: request.asked, now: now)
      if let clients {
        merge(request.fanOut, clients)
      } else {
        clientRequests.append(request)
      }
    }
  }

  private mutating func merge(_ f: Ref<FanOut>, _ clients: [ConnectedClient]) {
    // The clock is read again: a request that is received before this moment may have been overtaken by this one.
    sharedStats.known.withLock {
      worker.dispatcher.mergeStats(f, &$0, clients: clients, now: Clock.now())
    }
  }

  /// Publishes this worker's clients, if a `stats conns` waits for them.
  func publishClients(now: Instant) {
    guard sharedStats.wantsClients(of: number, now: now) else { return }
    var clients: [ConnectedClient] = []
    for c in clientSockets.indices where clients.count < Self.clientsListed {
      let descriptor = clientSockets[c].descriptor
      // One that has just disconnected has no address.
      guard descriptor >= 0, let listener = Address.local(of: descriptor),
        let peer = listener.isTCP ? Address.remote(of: descriptor) : listener
      else { continue }
      clients.append(
        ConnectedClient(
          address: Self.named(peer), listener: Self.named(listener),
          state: worker.dispatcher.downstream.state(of: Ref(UInt32(truncatingIfNeeded: c))),
          idleSeconds: Socket.idleSeconds(descriptor), worker: number))
    }
    sharedStats.publish(clients, of: number)
  }

  /// An address in the form of memcached's `stats conns`; over a Unix socket that of the listener, as a client has none.
  private static func named(_ address: Address) -> String { address.isTCP ? "tcp:\(address)" : "\(address)" }
}
