import Bytes
import Settings
import Stats
import TestSupport
import Testing

@testable import Runtime

@Suite struct ClientPlacementTests {
  /// A placement for workers that were busy for these hundredths of the last second.
  private func placement(busy: [Int]) -> ClientPlacement {
    var placement = ClientPlacement(workers: busy.count)
    let start = Instant(nanoseconds: 5_000_000_000)
    placement.note(busy.map { _ in SharedStats.Work(spent: .seconds(3), at: start) })
    placement.note(
      busy.map {
        SharedStats.Work(spent: .seconds(3) + .milliseconds($0 * 10), at: start.advanced(by: .seconds(1)))
      }
    )
    return placement
  }

  @Test(
    arguments: [
      // The number of clients decides.
      ([3], [0], 0), ([4, 3], [0, 0], 1), ([3, 2, 4, 2], [0, 0, 0, 0], 1), ([7, 8], [90, 0], 0),
      // With equal numbers the less busy worker, and the first of equals.
      ([3, 3], [50, 10], 1), ([3, 3], [10, 50], 0), ([3, 3], [0, 0], 0), ([0, 0, 0], [90, 80, 80], 1),
      // Up to an eighth more counts as equal.
      ([8, 9], [50, 10], 1), ([8, 10], [50, 10], 0), ([40, 45, 46], [50, 30, 10], 1),
      ([15, 17], [50, 0], 0),
      // Not if the workers are equally busy: a few hundredths are no difference.
      ([40, 45], [31, 29], 0), ([45, 40], [29, 31], 1), ([45, 40], [0, 0], 1),
    ] as [([Int], [Int], Int)])
  func clientGoesToTheWorkerWithFewestClientsThenLeastLoad(_ clients: [Int], _ busy: [Int], _ worker: Int) {
    var placement = placement(busy: busy)
    #expect(placement.worker { clients[$0] } == worker)
  }

  @Test func equalWorkersGetClientsInTurn() {
    var placement = ClientPlacement(workers: 3)
    #expect((0..<7).map { _ in placement.worker { _ in 0 } } == [0, 1, 2, 0, 1, 2, 0])
  }

  /// Whichever clients leave, new clients fill the gaps.
  @Test(arguments: 1...20)
  func clientCountsStayWithinOneOfEachOtherAfterClientsLeave(_ seed: UInt64) {
    var random = Seeded(seed)
    let workers = Int.random(in: 1...9, using: &random)
    var placement = ClientPlacement(workers: workers)
    var clients = Array(repeating: 0, count: workers)
    for _ in 0..<50 {
      for i in clients.indices { clients[i] -= Int.random(in: 0...clients[i], using: &random) }
      let most = clients.reduce(0, max)
      for _ in 0..<(most * workers - clients.reduce(0, +) + Int.random(in: 0..<20, using: &random)) {
        clients[placement.worker { clients[$0] }] += 1
      }
      #expect(clients.reduce(0, max) - clients.reduce(Int.max, min) <= 1, "\(clients)")
    }
  }

  /// The load figures may be a second old when many clients connect at once.
  @Test func burstOfClientsIsNotSentToTheLeastBusyWorkerAlone() {
    var placement = placement(busy: [90, 0, 90, 90])
    var clients = [100, 100, 100, 100]
    for _ in 0..<4000 { clients[placement.worker { clients[$0] }] += 1 }
    #expect(clients.reduce(0, +) == 4400)
    let others = [clients[0], clients[2], clients[3]]
    #expect(others.reduce(0, max) - others.reduce(Int.max, min) <= 1, "\(clients)")
    #expect(clients[1] > clients[0] && clients[1] - clients[0] <= clients[0] / 8 + 1, "\(clients)")
  }

  @Test func workerWithoutANewReportKeepsItsLoadFigure() {
    var placement = placement(busy: [60, 20])
    let silent = SharedStats.Work(spent: .milliseconds(3600), at: Instant(nanoseconds: 6_000_000_000))
    // If silence counted as idle time, the first worker would be as busy as the second.
    for second in 2...4 {
      placement.note([
        silent,
        SharedStats.Work(
          spent: .milliseconds(3200 + 400 * (second - 1)),
          at: Instant(nanoseconds: UInt64(second + 5) * 1_000_000_000)),
      ])
    }
    #expect(placement.worker { _ in 5 } == 1)
  }
}

@Suite struct SharedStatsTests {
  @Test func sharedStatsCountsClientsPerWorkerAndInTotal() {
    let sharedStats = SharedStats(workers: 3)
    sharedStats.clientCame(to: 0)
    sharedStats.clientCame(to: 2)
    sharedStats.clientCame(to: 2)
    sharedStats.clientLeft(0)
    #expect((0..<3).map { sharedStats.clients(of: $0) } == [0, 0, 2])
    #expect(sharedStats.clients == 2)
  }

  @Test func statsRingroadHasRowsForEveryWorker() {
    let sharedStats = SharedStats(workers: 2)
    sharedStats.clientCame(to: 1)
    var report = ControlReport()
    report.workers = 2
    sharedStats.publish(report, ProxySettings(pools: []))
    let lines = String(decoding: sharedStats.rendered(), as: UTF8.self).split(separator: "\r\n")
    #expect(
      lines.filter { $0.contains("worker:0") } == [
        "STAT worker:0:clients 0", "STAT worker:0:requests_forwarded 0", "STAT worker:0:cpu_ms 0",
      ])
    #expect(lines.contains("STAT uptime 0") && lines.contains("STAT threads 2"))
    #expect(lines.contains("STAT worker:1:clients 1"))
  }
}
