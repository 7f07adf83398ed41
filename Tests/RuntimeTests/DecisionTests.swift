import Bytes
import Net
import Proxy
import Settings
import Testing
import Topology

@testable import Control
@testable import Runtime

/// How status changes from the control thread reach the workers.
@Suite struct DecisionTests {
  /// Idle workers, and the mailbox for their reports.
  private final class Crew {
    let inboxes: [Mailbox<ControlMessage>]
    let outbox: Mailbox<WorkerReport>
    let servers: [ServerID]
    private var loop: EventLoop

    init(_ count: Int, servers places: Int = 1) throws {
      let settings = try ProxySettings.simple(
        listen: [], servers: (1...places).map { "127.0.0.1:\($0)" })
      var registry = ServerRegistry()
      let runtimePlan = RuntimePlan(settings, workers: count, registry: &registry)
      servers = runtimePlan.members.map(\.id)
      outbox = try Mailbox()
      loop = try EventLoop()
      inboxes = try (0..<count).map { _ in try Mailbox() }
      let sharedStats = SharedStats(workers: count)
      for (number, inbox) in inboxes.enumerated() {
        let (plan, outbox) = (runtimePlan.plan, outbox)
        Thread.start(name: "worker-\(number)") {
          guard
            var worker = try? WorkerThread(
              number: number, plan: plan, addresses: [:], processID: 1, inbox: inbox, outbox: outbox,
              sharedStats: sharedStats)
          else { return }
          worker.run()
        }
      }
      _ = loop.watch(outbox.bell, token: Token(kind: 1))
    }

    deinit { for inbox in inboxes { inbox.post(.stop) } }

    /// Sends every worker a server's status; returns the time until the last worker confirmed it, nil if one did not.
    func decide(_ status: ServerStatus, ticket: UInt64) -> Duration? {
      decide(status, of: [servers[0]], ticket: ticket)
    }

    /// The same for several servers at once; their tickets count up from `ticket`.
    func decide(_ status: ServerStatus, of servers: [ServerID], ticket: UInt64) -> Duration? {
      let start = Clock.now()
      let letters = servers.enumerated().map { i, server in
        ControlMessage.status(
          server: server, status, from: [PoolID(0)], ticket: ticket + UInt64(i), takesEntries: false,
          wasFlushed: nil)
      }
      for inbox in inboxes { inbox.post(contentsOf: letters) }
      var left = inboxes.map { _ in Set(ticket..<ticket + UInt64(servers.count)) }
      while !left.allSatisfy(\.isEmpty) {
        guard Clock.now().since(start) < .seconds(10) else { return nil }
        _ = loop.runOnce(maxWait: .seconds(1))
        loop.clearReady()
        for case .answered(let worker, let ticket, _) in outbox.take() { left[worker].remove(ticket) }
      }
      return Clock.now().since(start)
    }
  }

  /// All workers confirm each change before the next is sent, and there are more changes than ticks of the workers'
  /// clocks. So it is not the tick by which a worker notices a change.
  @Test func statusChangeWakesEveryWorkerWithoutWaitingForItsTick() throws {
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

  /// Forty of forty-four servers leave the ring at once and return, for which each worker rebuilds the ring once, not
  /// forty times. So it takes far less time than one change after the other, however fast the machine is.
  @Test func manyStatusChangesAtOnceRebuildTheRingOnce() throws {
    let crew = try Crew(2, servers: 44)
    let many = Array(crew.servers.prefix(40))
    var ticket: UInt64 = 1
    func decide(_ status: ServerStatus, of servers: [ServerID]) throws -> Duration {
      defer { ticket += UInt64(servers.count) }
      return try #require(crew.decide(status, of: servers, ticket: ticket))
    }
    var (together, oneByOne) = ([Duration](), [Duration]())
    for _ in 0..<10 {
      _ = try decide(.failFast, of: many)
      together.append(try decide(.ejected, of: many))
      together.append(try decide(.failFast, of: many))
      oneByOne.append(try many.reduce(.zero) { try $0 + decide(.ejected, of: [$1]) })
      oneByOne.append(try many.reduce(.zero) { try $0 + decide(.failFast, of: [$1]) })
    }
    together.sort()
    oneByOne.sort()
    print(
      "40 decisions to 2 workers: together \(together[10]), worst \(together[19]); one by one \(oneByOne[10])"
    )
    #expect(together[0] * 4 < oneByOne[0])
  }
}
