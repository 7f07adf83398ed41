import Bytes
import TestSupport
import Testing
import Topology

@testable import Health

/// A simulation in which servers fail and recover, workers notice, and probe results get lost. The board must keep
/// its invariants for every seed.
struct BoardSimulation {
  /// The state of a worker that receives only the changes.
  struct Replica: Equatable {
    var status: [ServerID: ServerStatus]
    mutating func apply(_ change: HealthBoard.Change) {
      switch change {
      case .down(let s, _, let ejected): status[s] = ejected ? .ejected : .failFast
      case .up(let s): status[s] = .up
      case .ejected(let s): status[s] = .ejected
      case .restored(let s): status[s] = .failFast
      case .marked(let s, isDown: true) where status[s] == .up: status[s] = .failFast
      case .rejoining, .marked: break
      }
    }
  }

  struct World {
    var random: Seeded
    var policy: PoolPolicy
    var board: HealthBoard
    var all: [ServerID]
    var alive: [ServerID: Bool] = [:]
    var replica: Replica
    var trace: [HealthBoard.Change] = []
    var rejoining: Set<ServerID> = []
    var marked: Set<ServerID> = []

    init(seed: UInt64) {
      random = Seeded(seed)
      policy = PoolPolicy(
        failures: 1 + random.below(4), probeInterval: .milliseconds(100 + random.below(2000)),
        onFailure: random.below(5) == 0 ? .failFast : .eject, floorPercent: random.below(101))
      all = (0..<UInt32(1 + random.below(12))).map { ServerID($0) }
      board = HealthBoard([PoolMembers(id: PoolID(1), servers: all, policy: policy)])
      replica = Replica(status: [:])
      for server in all {
        alive[server] = true
        replica.status[server] = .up
      }
    }

    mutating func hear(_ changes: [HealthBoard.Change]) {
      for change in changes {
        if case .rejoining(let server) = change { rejoining.insert(server) }
        if case .up(let server) = change { #expect(rejoining.remove(server) != nil, "up without a rejoin") }
        replica.apply(change)
      }
      trace += changes
    }

    /// One turn of the control thread; with `chaos` servers fail and results get lost.
    mutating func turn(_ now: Instant, chaos: Bool) {
      let server = all[random.below(all.count)]
      if chaos {
        if random.below(10) == 0 { alive[server] = random.below(2) == 0 }
        if random.below(200) == 0 { reload(now) }
      }
      // Traffic: servers in use answer or fail.
      if board.status(of: server) == .up {
        if alive[server] == true {
          board.answered(server, at: now)
        } else {
          let cause = ServerFailure.faults[random.below(ServerFailure.faults.count)]
          hear(board.failed(server, cause, at: now, random: random.next()))
        }
      } else if chaos {
        // A worker that has not received the change yet.
        let changes = board.failed(server, .refused, at: now, random: random.next())
        #expect(changes.isEmpty)
      }
      for due in board.dueProbes(at: now) {
        if chaos, random.below(20) == 0 { continue }
        hear(board.probed(due, ok: alive[due] == true, at: now, random: random.next()))
      }
      for server in rejoining.sorted() where random.below(3) > 0 {
        guard case .rejoining = board.health(of: server)?.state else {
          rejoining.remove(server)
          continue
        }
        let ok = alive[server] == true
        hear(board.rejoined(server, ok: ok, at: now, random: random.next()))
        if !ok { rejoining.remove(server) }
      }
    }

    mutating func reload(_ now: Instant) {
      policy.floorPercent = random.below(101)
      for server in marked.sorted() where random.below(2) == 0 { marked.remove(server) }
      if random.below(2) == 0 { marked.insert(all[random.below(all.count)]) }
      reload(now, marked: marked)
    }

    mutating func reload(_ now: Instant, marked: Set<ServerID>) {
      self.marked = marked
      let pool = PoolMembers(id: PoolID(1), servers: all, policy: policy)
      hear(board.reload([pool], marked: marked, at: now))
    }

    func check(_ now: Instant, _ seed: UInt64) {
      let view = board.view(PoolID(1))
      #expect(view == all.map { replica.status[$0] ?? .up }, "seed \(seed): the changes tell the view")
      let ejected = view.filter { $0 == .ejected }.count
      let failFast = view.filter { $0 == .failFast }.count
      // The floor does not count servers that are held out.
      let held = min(all.count - 1, all.filter { board.isMarked($0) || board.isJoining($0) }.count)
      let limit = PoolGuard(
        servers: all.count - held, floorPercent: policy.floorPercent, onFailure: policy.onFailure)
      let most = held + limit.mayEject
      #expect(ejected <= most, "seed \(seed): below the floor")
      #expect(ejected < all.count, "seed \(seed): the last server is gone")
      #expect(failFast == 0 || ejected == most, "seed \(seed): one waits although there is room")
      for server in all {
        guard let health = board.health(of: server) else { continue }
        #expect(health.isUp == (board.status(of: server) == .up))
        let longest = now.advanced(by: .nanoseconds(Int64(policy.longest)))
        let isMarked = marked.contains(server)
        #expect(isMarked == board.isMarked(server) && !(isMarked && health.isUp), "seed \(seed)")
        #expect((health.isUp || isMarked) == (health.nextProbe == .never), "seed \(seed)")
        #expect(health.isUp || isMarked || health.nextProbe <= longest, "seed \(seed): never probed again")
      }
    }
  }

  static func run(seed: UInt64) -> [HealthBoard.Change] {
    var world = World(seed: seed)
    var now: UInt64 = 0
    for _ in 0..<3000 {
      now += UInt64(world.random.below(200))
      world.turn(ms(now), chaos: true)
      world.check(ms(now), seed)
    }
    world.reload(ms(now), marked: [])
    // No more failures: within three longest waits and three intervals all servers are back.
    for server in world.all { world.alive[server] = true }
    let end = now + 3 * 30_000 + 3 * 2200
    while now < end {
      now += 50
      world.turn(ms(now), chaos: false)
    }
    world.check(ms(now), seed)
    #expect(world.board.nextDeadline == .never, "seed \(seed): somebody was forgotten")
    #expect(!world.trace.isEmpty, "seed \(seed): nothing happened")
    return world.trace
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func healthBoardKeepsItsInvariants(seed: UInt64) { _ = Self.run(seed: seed) }

  @Test func sameEventsGiveTheSameHealthDecisions() {
    for seed in 1...5 as ClosedRange<UInt64> { #expect(Self.run(seed: seed) == Self.run(seed: seed)) }
  }
}
