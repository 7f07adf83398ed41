import Bytes
import Net
import Proxy

// What a worker is told by the control thread, and its end.

extension WorkerThread {
  mutating func readMail(_ scratch: inout Scratch, now: Instant) {
    var news = StatusBatch()
    for message in inbox.take() {
      if case .status = message {} else { settle(&news, now: now) }
      switch message {
      case .client(let descriptor): accept(descriptor, now: now)
      case .apply(let plan, let addresses, let named):
        self.addresses = addresses
        self.named = named
        worker.apply(plan, now: now)
      case .moved(let server, let address):
        // What was seen until now was seen at the old address; what is noted of it after this is nobody's.
        passOn()
        addresses[server] = address
        // Its connections are closed because it has moved: that raises no doubt.
        if doubts[server] == nil { doubts[server] = Doubt(since: now) }
        worker.relocate(server, now: now)
        execute(now: now)
        settle(server, now: now)
      case .confirmed(let server, let asked): confirm(server, asked: asked, now: now)
      case .status(let server, let status, let ticket, let takesEntries, let wasFlushed):
        if news.concern(server) { settle(&news, now: now) }
        news.take(server, ticket: ticket, takesEntries: takesEntries)
        let isNew = worker.stand(status, of: server, wasFlushed: wasFlushed, stale: &news.stale, now: now)
        if isNew { news.areNew = true }
      case .orphans(let servers, let ticket): answer(ticket, worker.takeOrphans(of: servers))
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

  /// Servers' standings that came one behind the other, as the worker has them; its rings are as they were.
  private struct StatusBatch {
    var stale: Set<Int> = []
    var areNew = false
    var tickets: [(server: UInt32, ticket: UInt64, takesEntries: Bool)] = []

    func concern(_ server: UInt32) -> Bool { tickets.contains { $0.server == server } }

    mutating func take(_ server: UInt32, ticket: UInt64, takesEntries: Bool) {
      tickets.append((server, ticket, takesEntries))
    }
  }

  /// Has the rings follow the news, and only then says that they are known.
  private mutating func settle(_ news: inout StatusBatch, now: Instant) {
    guard !news.tickets.isEmpty else { return }
    if news.areNew { worker.rearrange(news.stale, now: now) }
    passOn()
    var answers: [WorkerReport] = []
    for (server, ticket, takesEntries) in news.tickets {
      let entries = takesEntries ? worker.takeEntries(server) : Journal.Entries()
      answers.append(
        .answered(worker: number, ticket: ticket, entries.isEmpty ? [:] : [server: entries]))
    }
    outbox.post(contentsOf: answers)
    news = StatusBatch()
  }

  /// Reads once more what has come from every client: it counts as received, and is answered.
  private mutating func readEverything(_ scratch: inout Scratch, now: Instant) {
    for c in 0..<clientSockets.count where clientSockets[c].descriptor >= 0 {
      let c = UInt32(truncatingIfNeeded: c)
      readClient(c, &scratch, now: now)
      if clientSockets[Int(c)].descriptor >= 0 { loop.wantRead(clientSockets[Int(c)].watch, false) }
    }
  }

  /// Answers everybody who waits that nothing will come any more, as far as they take it at once, and ends.
  private mutating func giveUp(now: Instant) {
    hasEnded = true
    worker.giveUp(now: now)
    for _ in 0..<Self.lastRounds {
      execute(now: now)
      flush(now: now)
      guard worker.hasResumable else { break }
      worker.resumeStalled(now: now)
    }
    for c in clientSockets.indices where clientSockets[c].descriptor >= 0 {
      Socket.discardInput(clientSockets[c].descriptor)
    }
  }

  /// Says that a message has been read; what was seen before it is told before it.
  mutating func answer(_ ticket: UInt64, _ entries: [UInt32: Journal.Entries]) {
    passOn()
    outbox.post(.answered(worker: number, ticket: ticket, entries))
  }
}
