import Stats
import TestSupport
import Testing
import Topology
import Wire

@testable import Admin

@Suite struct RecorderTests {
  private static let server = ServerID(7)
  private static let pool = PoolID(3)

  /// A proxy with one server, which has answered this number of gets.
  private static func snapshot(_ hits: UInt64, time: Double = 0, hasServer: Bool = true) -> Snapshot {
    var snapshot = Snapshot()
    snapshot.time = time
    guard hasServer else { return snapshot }
    snapshot.control.servers = [ServerReport(id: server, label: "a", pools: ["main"])]
    snapshot.control.pools = [PoolReport(id: pool, name: "main", servers: [server])]
    var numbers = ServerNumbers(id: server)
    numbers.tally.hits = hits
    snapshot.servers[server] = numbers
    var tally = PoolTally()
    tally.count(Verb.get.rawValue, .hit, Int(hits))
    var counts = ResultCounts()
    tally.read(into: &counts)
    snapshot.pools[pool] = counts
    return snapshot
  }

  @Test func historyKeepsTheNewestSixHundredSteps() throws {
    var recorder = Recorder()
    #expect(recorder.last == -1 && recorder.steps(of: recorder.total, from: 0).isEmpty)
    var hits: UInt64 = 0
    for second in 0..<1500 {
      hits += UInt64(second)
      recorder.record(Self.snapshot(hits, time: Double(second)), LatencyBook())
    }
    #expect(recorder.last == 1499 && recorder.first == 900 && recorder.time == 1499)
    let track = try #require(recorder.servers[Self.server])
    for track in [track, recorder.total, try #require(recorder.pools[Self.pool])] {
      #expect(recorder.steps(of: track, from: 0).map(\.requests) == (900...1499).map(UInt32.init))
      #expect(recorder.steps(of: track, from: 1498).map(\.hits) == [1498, 1499])
      #expect(recorder.steps(of: track, from: 1500).isEmpty)
    }
    #expect(recorder.recent(track, seconds: 10) == UInt64((1490...1499).reduce(0, +)))
  }

  @Test func firstStepCountsNothing() throws {
    var recorder = Recorder()
    recorder.record(Self.snapshot(1_000_000), LatencyBook())
    #expect(recorder.steps(of: recorder.total, from: 0).map(\.requests) == [0])
  }

  @Test func whatHasLeftIsForgottenAndBeginsAgain() throws {
    var recorder = Recorder()
    for hits in [0, 10] as [UInt64] { recorder.record(Self.snapshot(hits), LatencyBook()) }
    recorder.record(Self.snapshot(0, hasServer: false), LatencyBook())
    #expect(recorder.servers.isEmpty && recorder.pools.isEmpty)
    recorder.record(Self.snapshot(500), LatencyBook())
    recorder.record(Self.snapshot(503), LatencyBook())
    let track = try #require(recorder.servers[Self.server])
    #expect(recorder.steps(of: track, from: 0).map(\.requests) == [0, 0, 0, 0, 3])
  }

  @Test func countersThatFallCountNothing() throws {
    var recorder = Recorder()
    for hits in [100, 150, 20, 25] as [UInt64] { recorder.record(Self.snapshot(hits), LatencyBook()) }
    #expect(recorder.steps(of: recorder.total, from: 0).map(\.requests) == [0, 50, 0, 5])
    #expect(
      recorder.steps(of: try #require(recorder.servers[Self.server]), from: 0).map(\.hits) == [0, 50, 0, 5])
  }

  @Test func quantilesAreThoseOfTheStep() throws {
    var recorder = Recorder()
    var book = LatencyBook()
    for i in 1...1000 {
      book.servers[Self.server, default: LatencyCounts()].record(nanoseconds: UInt64(i) * 1_000_000)
    }
    recorder.record(Self.snapshot(0), book)
    recorder.record(Self.snapshot(0), LatencyBook())
    let steps = recorder.steps(of: try #require(recorder.servers[Self.server]), from: 0)
    #expect(
      abs(steps[0].p50 - 0.5) < 0.005 && abs(steps[0].p99 - 0.99) < 0.009
        && abs(steps[0].p999 - 0.999) < 0.009)
    #expect(steps[1].p50.isNaN && steps[1].p99.isNaN && steps[1].p999.isNaN)
  }

  @Test func latenciesOfNowAreForgottenAfterTenSeconds() throws {
    var recorder = Recorder()
    var book = LatencyBook()
    book.pools[Self.pool, default: LatencyCounts()].record(nanoseconds: 1_000_000)
    for _ in 0..<7 { recorder.record(Self.snapshot(0), LatencyBook()) }
    recorder.record(Self.snapshot(0), book)
    var seconds = 0
    while recorder.pools[Self.pool]?.now != nil, seconds < 100 {
      recorder.record(Self.snapshot(0), LatencyBook())
      seconds += 1
    }
    #expect((5...10).contains(seconds))
    let track = try #require(recorder.pools[Self.pool])
    #expect(
      track.all.counts.reduce(0, +) == 1 && abs(track.all.sum - 0.001) < 0.00001, "the metric never falls")
  }

  @Test func aListenersLatenciesAreKeptAsLongAsItIsConfigured() throws {
    var recorder = Recorder()
    var snapshot = Self.snapshot(0)
    snapshot.control.listeners = [
      ListenerReport(id: ListenerID(1), "a"), ListenerReport(id: ListenerID(2), "b"),
    ]
    var book = LatencyBook()
    book.listeners[ListenerID(1), default: LatencyCounts()].record(nanoseconds: 1_000_000, times: 3)
    // One that was removed a moment ago.
    book.listeners[ListenerID(9), default: LatencyCounts()].record(nanoseconds: 1_000_000)
    for _ in 0..<2 { recorder.record(snapshot, book) }
    #expect(Set(recorder.listeners.keys) == [ListenerID(1), ListenerID(2)])
    let one = try #require(recorder.listeners[ListenerID(1)])
    #expect(one.all.counts.reduce(0, +) == 6 && abs(one.all.sum - 0.006) < 0.00005)
    #expect(try #require(one.now).allSatisfy { abs($0 - 0.001) < 0.00001 })
    #expect(recorder.listeners[ListenerID(2)]?.now == nil)
    snapshot.control.listeners.removeFirst()
    recorder.record(snapshot, LatencyBook())
    #expect(Set(recorder.listeners.keys) == [ListenerID(2)])
  }

  @Test func bucketsOfTheMetricAreWhatWasRecorded() throws {
    var random = Seeded(5)
    var recorder = Recorder()
    var all: [UInt64] = []
    for _ in 0..<20 {
      var book = LatencyBook()
      for _ in 0..<500 {
        let nanoseconds = UInt64(1) << UInt64(random.below(34)) + UInt64(random.below(1000))
        all.append(nanoseconds)
        book.pools[Self.pool, default: LatencyCounts()].record(nanoseconds: nanoseconds)
      }
      recorder.record(Self.snapshot(0), book)
    }
    let track = try #require(recorder.pools[Self.pool])
    #expect(track.all.counts.reduce(0, +) == UInt64(all.count))
    var below: UInt64 = 0
    for (i, bound) in Buckets.bounds.enumerated() {
      below += track.all.counts[i]
      let low = all.count { Double($0) < Double(bound) * 1000 * 0.99 }
      let high = all.count { Double($0) < Double(bound) * 1000 * 1.01 }
      #expect((low...high).contains(Int(below)), "up to \(bound) µs")
    }
  }

  @Test func busyIsAShareOfTheSecond() {
    var recorder = Recorder()
    for (time, cpu) in [(10.0, 1000), (11.0, 1250), (13.0, 2250), (14.0, 9000), (15.0, 0)] {
      var snapshot = Snapshot()
      snapshot.time = time
      snapshot.workers = [WorkerSnapshot(clients: 0, requestsForwarded: 0, cpu: .milliseconds(cpu))]
      recorder.record(snapshot, LatencyBook())
      switch time {
      case 10: #expect(recorder.busy == [0])
      case 11: #expect(abs(recorder.busy[0] - 0.25) < 1e-9)
      case 13: #expect(abs(recorder.busy[0] - 0.5) < 1e-9)
      case 14: #expect(recorder.busy == [1])
      default: #expect(recorder.busy == [0])
      }
    }
  }
}
