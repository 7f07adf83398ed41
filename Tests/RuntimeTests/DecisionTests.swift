import Bytes
import Net
import Proxy
import Settings
import Testing

@testable import Runtime

/// How the control thread's decisions reach the workers.
@Suite struct DecisionTests {
  /// Workers with nothing to do, and what they say.
  private final class Crew {
    let inboxes: [Mailbox<Message>]
    let outbox: Mailbox<Report>
    let server: UInt32
    private var loop: EventLoop

    init(_ count: Int) throws {
      let settings = try ProxySettings.simple(listen: [], servers: ["127.0.0.1:1"])
      var roster = Roster()
      let blueprint = Blueprint(settings, workers: count, roster: &roster) { _ in .up }
      server = blueprint.members[0].id
      outbox = try Mailbox()
      loop = try EventLoop()
      inboxes = try (0..<count).map { _ in try Mailbox() }
      let ledger = Ledger(workers: count)
      for (number, inbox) in inboxes.enumerated() {
        let (plan, outbox) = (blueprint.plan, outbox)
        Thread.start(name: "worker-\(number)") {
          guard
            var worker = try? WorkerThread(
              number: number, plan: plan, addresses: [:], processID: 1, inbox: inbox, outbox: outbox,
              ledger: ledger)
          else { return }
          worker.run()
        }
      }
      _ = loop.watch(outbox.bell, token: Token(kind: 1))
    }

    deinit { for inbox in inboxes { inbox.post(.stop) } }

    /// Tells every worker how the server stands; how long it took until the last said that it knows, nil if one did not.
    func decide(_ standing: Standing, ticket: UInt64) -> Duration? {
      let start = Clock.now()
      for inbox in inboxes {
        inbox.post(.standing(server: server, standing, ticket: ticket, surrenders: false, wasFlushed: nil))
      }
      var left = Set(inboxes.indices)
      while !left.isEmpty {
        guard Clock.now().since(start) < .seconds(10) else { return nil }
        _ = loop.runOnce(maxWait: .seconds(1))
        loop.clearReady()
        for case .answered(let worker, ticket, _) in outbox.take() { left.remove(worker) }
      }
      return Clock.now().since(start)
    }
  }

  /// Each is known to all before the next is made, and there are more of them than the workers' clocks have ticked: so it
  /// is not the tick that a worker hears of it by.
  @Test func aDecisionWakesEveryWorkerAtOnce() throws {
    let crew = try Crew(4)
    #expect(crew.decide(.failFast, ticket: 1) != nil)
    var times: [Duration] = []
    let start = Clock.now()
    for i in 0..<1000 {
      times.append(try #require(crew.decide(i % 2 == 0 ? .up : .failFast, ticket: UInt64(i) + 2)))
    }
    let ticks = Clock.now().since(start) / WorkerThread.tickLength
    #expect(ticks < 1000)
    times.sort()
    print("1000 decisions to 4 workers: median \(times[500]), 99 % \(times[990]), worst \(times[999])")
  }
}
