import Bytes
import TestSupport
import Testing
import Topology

@testable import Health

struct HealthBoardTests {
  let a = ServerID(0)
  let b = ServerID(1)
  let c = ServerID(2)
  let d = ServerID(3)
  let pool = PoolID(1)

  /// Reports a successful probe and rejoin of the server.
  func heal(_ server: ServerID, _ board: inout HealthBoard, at now: Instant) -> [HealthBoard.Change] {
    let probed = board.probed(server, ok: true, at: now, random: least)
    #expect(probed == [.rejoining(server)])
    return board.rejoined(server, ok: true, at: now, random: least)
  }

  @Test func failedServerIsProbedAndReturns() {
    var board = board(4)
    #expect(board.nextDeadline == .never)
    #expect(board.failed(a, .timedOut, at: ms(1), random: least) == [])
    #expect(board.failed(a, .timedOut, at: ms(2), random: least) == [])
    #expect(board.failed(a, .timedOut, at: ms(3), random: least) == [.down(a, .timedOut, ejected: true)])
    #expect(board.view(pool) == [.ejected, .up, .up, .up])
    #expect(board.nextDeadline == ms(953))
    #expect(board.dueProbes(at: ms(952)) == [])
    #expect(board.dueProbes(at: ms(953)) == [a])
    #expect(board.dueProbes(at: ms(953)) == [], "handed out once")
    #expect(board.probed(a, ok: false, at: ms(960), random: least) == [])
    #expect(board.nextDeadline == ms(960).advanced(by: .microseconds(1_425_000)))
    #expect(board.probed(a, ok: true, at: ms(3000), random: least) == [.rejoining(a)])
    #expect(board.view(pool) == [.ejected, .up, .up, .up], "not before it is safe")
    #expect(board.rejoined(a, ok: true, at: ms(3001), random: least) == [.up(a)])
    #expect(board.view(pool) == [.up, .up, .up, .up])
    #expect(board.nextDeadline == .never)
  }

  @Test func answerReportedToTheBoardResetsTheFailureCount() {
    var board = board(2)
    for i in 0..<10 as Range<UInt64> {
      #expect(board.failed(a, .timedOut, at: ms(10 * i), random: least) == [])
      #expect(board.failed(a, .timedOut, at: ms(10 * i + 1), random: least) == [])
      board.answered(a, at: ms(10 * i + 2))
    }
  }

  @Test func serversBelowTheFloorFailFastAndAreEjectedInOrder() {
    var board = board(4)
    #expect(board.failed(c, .refused, at: ms(1), random: least) == [.down(c, .refused, ejected: true)])
    #expect(board.failed(a, .refused, at: ms(2), random: least) == [.down(a, .refused, ejected: true)])
    #expect(board.failed(d, .refused, at: ms(3), random: least) == [.down(d, .refused, ejected: false)])
    #expect(board.failed(b, .refused, at: ms(4), random: least) == [.down(b, .refused, ejected: false)])
    #expect(board.view(pool) == [.ejected, .failFast, .ejected, .failFast])
    #expect(heal(a, &board, at: ms(1000)) == [.up(a), .ejected(d)])
    #expect(board.view(pool) == [.up, .failFast, .ejected, .ejected])
    #expect(heal(b, &board, at: ms(1001)) == [.up(b)], "it never left the ring")
    #expect(board.view(pool) == [.up, .up, .ejected, .ejected])
    #expect(heal(c, &board, at: ms(1002)) == [.up(c)])
    #expect(heal(d, &board, at: ms(1003)) == [.up(d)])
  }

  @Test func failFastPoolEjectsNoServer() {
    var board = board(4, PoolPolicy(onFailure: .failFast))
    #expect(board.failed(a, .refused, at: ms(1), random: least) == [.down(a, .refused, ejected: false)])
    #expect(board.view(pool) == [.failFast, .up, .up, .up])
  }

  @Test func poolOfOneServerNeverEjectsIt() {
    var board = board(1, PoolPolicy(floorPercent: 0))
    #expect(board.failed(a, .refused, at: ms(1), random: least) == [.down(a, .refused, ejected: false)])
    #expect(board.view(pool) == [.failFast])
  }

  @Test func eachPoolHasItsOwnFloor() {
    var board = HealthBoard([
      PoolMembers(id: PoolID(1), servers: [a, b]), PoolMembers(id: PoolID(2), servers: [c, d]),
    ])
    #expect(board.failed(a, .refused, at: ms(1), random: least) == [.down(a, .refused, ejected: true)])
    #expect(board.failed(c, .refused, at: ms(1), random: least) == [.down(c, .refused, ejected: true)])
    #expect(board.failed(d, .refused, at: ms(1), random: least) == [.down(d, .refused, ejected: false)])
    #expect(board.view(PoolID(1)) == [.ejected, .up])
    #expect(board.view(PoolID(2)) == [.ejected, .failFast])
  }

  @Test func reloadKeepsTheHealthOfKnownServers() {
    var board = board(4)
    _ = board.failed(a, .refused, at: ms(1), random: least)
    _ = board.failed(b, .refused, at: ms(2), random: least)
    _ = board.failed(c, .refused, at: ms(3), random: least)
    #expect(board.view(pool) == [.ejected, .ejected, .failFast, .up])
    let known = board.health(of: a)

    // Two more servers: a third ejection is allowed.
    let larger = PoolMembers(id: pool, servers: servers(0..<6))
    #expect(board.reload([larger], at: ms(10)) == [.ejected(c)])
    #expect(board.health(of: a) == known)
    #expect(board.view(pool) == [.ejected, .ejected, .ejected, .up, .up, .up])

    // Removes the first failed server and three others: two of the servers that are out remain.
    let smaller = PoolMembers(id: pool, servers: [c, b, d])
    #expect(board.reload([smaller], at: ms(11)) == [.restored(c)])
    #expect(board.view(pool) == [.failFast, .ejected, .up])
    #expect(board.health(of: a) == nil)
    #expect(board.failed(a, .refused, at: ms(12), random: least) == [])
    #expect(board.probed(a, ok: true, at: ms(12), random: least) == [])
    #expect(board.rejoined(a, ok: true, at: ms(12), random: least) == [])

    // Removed and added again: a new server, which counts as up.
    #expect(board.reload([larger], at: ms(13)) == [.ejected(c)])
    #expect(board.status(of: a) == .up)

    let failFast = PoolMembers(id: pool, servers: servers(0..<6), policy: PoolPolicy(onFailure: .failFast))
    #expect(board.reload([failFast], at: ms(14)) == [.restored(b), .restored(c)])
  }

  @Test func reloadShortensTheProbeWaitsOfServersThatAreOut() {
    var board = board(2)
    _ = board.failed(a, .refused, at: ms(0), random: least)
    for _ in 0..<20 { _ = board.probed(a, ok: false, at: ms(0), random: least) }
    #expect(board.nextDeadline == ms(28_500))
    let quick = PoolPolicy(probeInterval: .milliseconds(100), probeMax: .milliseconds(400))
    _ = board.reload([PoolMembers(id: pool, servers: [a, b], policy: quick)], at: ms(1000))
    #expect(board.nextDeadline == ms(1400))
  }

  @Test func serverListedTwiceCountsOnce() {
    var board = HealthBoard([
      PoolMembers(id: PoolID(1), servers: [a, a, b, b]), PoolMembers(id: PoolID(2), servers: [a, c]),
      PoolMembers(id: PoolID(2), servers: [d]),
    ])
    #expect(board.failed(a, .refused, at: ms(1), random: least) == [.down(a, .refused, ejected: true)])
    #expect(board.failed(b, .refused, at: ms(1), random: least) == [.down(b, .refused, ejected: false)])
    #expect(board.view(PoolID(1)) == [.ejected, .ejected, .failFast, .failFast])
    #expect(board.view(PoolID(9)) == [])
    #expect(board.health(of: d) == nil)
  }

  /// Three hundred servers fail in the same millisecond and stay out for a minute: probes are spread, and no server
  /// is probed twice within half a second.
  @Test(arguments: 0..<5 as Range<UInt64>)
  func probesAreSpreadWhenAllServersFailAtOnce(seed: UInt64) {
    var random = Seeded(seed)
    let count = 300
    var board = board(UInt32(count))
    for server in servers(0..<UInt32(count)) {
      _ = board.failed(server, .refused, at: ms(0), random: random.next())
    }
    var last: [ServerID: UInt64] = [:]
    var perWindow: [UInt64: Int] = [:]
    for now in stride(from: 0 as UInt64, to: 60_000, by: 5) {
      for server in board.dueProbes(at: ms(now)) {
        if let before = last[server] { #expect(now - before >= 500, "seed \(seed)") }
        last[server] = now
        perWindow[now / 50, default: 0] += 1
        _ = board.probed(server, ok: false, at: ms(now), random: random.next())
      }
    }
    #expect(last.count == count, "every one was probed")
    #expect((perWindow.values.max() ?? 0) < count / 5, "seed \(seed)")
    // When all answer at once, each is back within its longest wait.
    for now in stride(from: 60_000 as UInt64, to: 90_001, by: 5) {
      for server in board.dueProbes(at: ms(now)) { _ = heal(server, &board, at: ms(now)) }
    }
    #expect(board.nextDeadline == .never)
  }
}
