import Bytes
import Control
import Net
import Proxy
import Settings
import Topology

// How a worker handles the control thread's messages, and how it ends.

extension WorkerThread {
  mutating func readMail(_ scratch: inout Scratch, now: Instant) {
    var news = StatusBatch()
    for message in inbox.take() {
      if case .status = message {} else { settle(&news, now: now) }
      switch message {
      case .client(let descriptor, let listener, let pool): accept(descriptor, from: listener, pool: pool)
      case .apply(let plan, let addresses, let named):
        self.addresses = addresses
        self.named = named
        worker.apply(plan, now: now)
      case .moved(let server, let address):
        // Report the events so far with the old address; later events of the old connections are ignored.
        sendEvents()
        addresses[server] = address
        // The worker closes its connections because the server has moved: that puts no address in doubt.
        if doubts[server] == nil { doubts[server] = Doubt(since: now) }
        worker.relocate(server, now: now)
        execute(now: now)
        settle(server, now: now)
      case .confirmed(let server, let asked): confirm(server, asked: asked, now: now)
      case .status(let server, let status, let pools, let ticket, let takesEntries, let wasFlushed):
        if news.concern(server) { settle(&news, now: now) }
        news.take(server, ticket: ticket, takesEntries: takesEntries)
        let isNew = worker.setStatus(
          status, of: server, from: pools, wasFlushed: wasFlushed, stale: &news.stale, now: now)
        if isNew { news.areNew = true }
      case .orphans(let servers, let pool, let ticket):
        answer(ticket, worker.takeOrphans(of: servers, in: pool))
      case .drain:
        guard !isEnding else { break }
        isEnding = true
        readEverything(&scratch, now: now)
        worker.drain()
      case .stop: giveUp(now: now)
      }
    }
    settle(&news, now: now)
  }

  /// Status changes that arrived in a row. The worker has recorded them, but its rings are not rebuilt yet.
  private struct StatusBatch {
    var stale: Set<Int> = []
    var areNew = false
    var tickets: [(server: ServerID, ticket: UInt64, takesEntries: Bool)] = []

    func concern(_ server: ServerID) -> Bool { tickets.contains { $0.server == server } }

    mutating func take(_ server: ServerID, ticket: UInt64, takesEntries: Bool) {
      tickets.append((server, ticket, takesEntries))
    }
  }

  /// Rebuilds the rings for the batch, and only then confirms its changes to the control thread.
  private mutating func settle(_ news: inout StatusBatch, now: Instant) {
    guard !news.tickets.isEmpty else { return }
    if news.areNew { worker.updateRings(news.stale, now: now) }
    sendEvents()
    var answers: [WorkerReport] = []
    for (server, ticket, takesEntries) in news.tickets {
      let entries = takesEntries ? worker.takeEntries(server) : Journal.Entries()
      answers.append(
        .answered(worker: number, ticket: ticket, entries.isEmpty ? [:] : [server: entries]))
    }
    outbox.post(contentsOf: answers)
    news = StatusBatch()
  }

  /// Reads every client once more: what has arrived counts as received, and is answered.
  private mutating func readEverything(_ scratch: inout Scratch, now: Instant) {
    for c in 0..<clientSockets.count where clientSockets[c].descriptor >= 0 {
      let c = Ref<Client>(UInt32(truncatingIfNeeded: c))
      readClient(c, &scratch, now: now)
      if clientSockets[Int(c.index)].descriptor >= 0 {
        loop.wantRead(clientSockets[Int(c.index)].watch, false)
      }
    }
  }

  /// Fails the requests in flight and ends. Clients that do not accept their replies at once do not get them.
  private mutating func giveUp(now: Instant) {
    hasEnded = true
    worker.giveUp(now: now)
    for _ in 0..<Self.lastRounds {
      execute(now: now)
      answerClientRequests(isLast: true, now: now)
      flush(now: now)
      guard worker.hasResumable else { break }
      worker.resumeStalled(now: now)
    }
    for c in clientSockets.indices where clientSockets[c].descriptor >= 0 {
      Socket.discardInput(clientSockets[c].descriptor)
    }
  }

  /// Reports the clients' events to the control thread, each with its first client's address: once a tick, so that no
  /// client can fill the control thread's mailbox, and before a client is closed.
  mutating func sendClientEvents() {
    for event in worker.dispatcher.common.clientEvents {
      let peer = Address.remote(of: clientSockets[Int(event.client.index)].descriptor)
      var address: Endpoint?
      if let ip = peer?.ip, let port = peer?.port { address = .tcp(host: ip, port: port) }
      outbox.post(.seen(worker: number, .client(event), at: address))
    }
    worker.dispatcher.common.clientEvents.removeAll(keepingCapacity: true)
  }

  /// Reports the slow requests to the control thread, once a tick.
  mutating func sendSlowRequests() {
    for request in worker.dispatcher.common.reports.takeSlow() {
      outbox.post(.seen(worker: number, .slow(request), at: nil))
    }
  }

  /// Follows the tails that are open, and hands over what it has found for them: once a tick.
  mutating func followTails() {
    let version = sharedStats.tails.version.load(ordering: .acquiring)
    if version != worker.dispatcher.common.reports.tailVersion {
      worker.dispatcher.common.reports.set(sharedStats.tails.filters, version: version)
    }
    let found = worker.dispatcher.common.reports.takeTailed()
    if !found.isEmpty { sharedStats.tails.add(found) }
  }

  /// Confirms that a message was handled, after reporting the events before it.
  mutating func answer(_ ticket: UInt64, _ entries: [ServerID: Journal.Entries]) {
    sendEvents()
    outbox.post(.answered(worker: number, ticket: ticket, entries))
  }
}
