import Bytes
import Proxy
import Topology

// What the failover coordinator knows of servers and pools.

extension FailoverCoordinator {
  enum Phase: Sendable, Equatable {
    case none
    /// Returning: the workers hand over their entries so far.
    case collecting
    case deleting
    /// The workers stop using its stand-ins, hand over the entries added since, and promise no more deletions on it.
    case closing
    case finishing
    /// Made safe; nothing else is decided about it until the health board sets its status.
    case returned
  }

  struct Member: Sendable {
    /// The pools that it is in, by their places.
    var pools: [Int] = []
    /// The pools for whose servers it stands in while they are out, though it is in none of them.
    var standsInFor: [Int] = []
    /// The status set by the health board, and the last one sent to the workers; if ejected, from which pools.
    var wanted = ServerStatus.up
    var wantedFrom: Set<PoolID> = []
    var told = ServerStatus.up
    var toldFrom: Set<PoolID> = []
    /// The ticket of that last status, and whether all workers have confirmed it.
    var ticket: UInt64 = 0
    var isKnown = true
    /// It left `ejected`, so its keys leave the stand-ins, and not all workers have confirmed that.
    var isReclaiming = false
    var phase = Phase.none
    /// Entries to be deleted on it, and those that the current cleanup job is deleting.
    var held = Journal.Entries()
    var underway: Journal.Entries?
    var flushes = false
    var owesFlush = false
    /// When a client last requested the flush that is still owed.
    var owedAt = Instant.origin
    /// Whether it refused `flush_all` during this return, and whether the log says that it stays out for that.
    var isFlushRefused = false
    var isSaidUnsafe = false
    var wasEjected = false
    var isEmpty = false
    var deleted = 0
    var isFlushed = false
    /// Owners that the log has already named in an overflow event.
    var overflowed = Journal.Owners()
    /// Answers to tickets up to this one may name owners by the ring before a reload.
    var lastOfOldRing: UInt64 = 0

    /// Whether it was out from the start and was never used: then what changes meanwhile is nothing to delete on it.
    var isNew = false

    /// The pools that what it holds concerns.
    var concerned: [Int] { pools + standsInFor }

    /// A new server: up, or if `pools` is not nil, out, and ejected from these.
    init(outOf pools: Set<PoolID>? = nil) {
      guard let pools else { return }
      isNew = true
      let status = pools.isEmpty ? ServerStatus.failFast : .ejected
      (wanted, told) = (status, status)
      (wantedFrom, toldFrom) = (pools, pools)
    }
  }

  struct PoolState: Sendable {
    var members: PoolMembers
    /// When the stand-ins' copies are to be collected.
    var due: Instant?
    /// Ticket of the collection that is running.
    var round: UInt64?
    /// When the last collection ended.
    var askedAt = Instant.origin

    var servers: [ServerID] { members.servers }
    /// Its servers, and those of the pools that stand in for them.
    var holders: [ServerID] { members.servers + members.standIns }
    var policy: PoolPolicy { members.policy }
    var isJournaled: Bool { policy.isJournaled }
  }

  /// Where something asks all servers of a pool, counted: kept as the servers change, so that a server that fails costs
  /// the same however many others fail with it.
  struct Tally: Sendable, Equatable {
    /// The servers' places in the pool.
    let places: [ServerID: Int]
    /// The servers with copies, or requests, that prevent any ejection.
    var blocking = 0
    /// The servers that are up and hold unlisted copies; those whose copies may be of any owner; of each owner named,
    /// how many hold copies.
    var holders = 0
    var holdersOfAll = 0
    var owners: [ServerID: Int] = [:]
    /// The servers whose status may have to be changed, and those of them that are to be looked at.
    var waiting: Set<ServerID> = []
    var due: Set<ServerID> = []

    init(_ servers: [ServerID]) {
      places = Dictionary(servers.enumerated().map { ($1, $0) }) { first, _ in first }
    }

    mutating func count(_ facts: Facts, _ server: ServerID, by sign: Int) {
      blocking += facts.isBlocking ? sign : 0
      if facts.isWaiting, sign > 0 { waiting.insert(server) } else { waiting.remove(server) }
    }

    mutating func count(_ lost: Journal.Owners?, by sign: Int) {
      guard let lost else { return }
      holders += sign
      holdersOfAll += lost.areAll ? sign : 0
      for id in lost.ids {
        let count = owners[id, default: 0] + sign
        owners[id] = count == 0 ? nil : count
      }
    }

    /// Removes and returns the servers to look at, in the pool's order.
    mutating func takeDue() -> [ServerID] {
      let servers = due.filter(waiting.contains)
      due = []
      return servers.count < 2 ? Array(servers) : servers.sorted { (places[$0] ?? 0) < (places[$1] ?? 0) }
    }
  }

  /// What a pool's tally counts of a server.
  struct Facts: Sendable, Equatable {
    var pools: [Int] = []
    var isBlocking = false
    var isWaiting = false
    var isEjected = false
    /// The owners of its unlisted copies, if it has any and is up.
    var lost: Journal.Owners?

    init(_ member: Member?) {
      guard let member else { return }
      pools = member.concerned
      let isUp = member.told == .up
      isBlocking = member.isReclaiming || isUp && (!member.held.keys.isEmpty || member.underway != nil)
      let wantsEjection = member.wanted == .ejected && !isUp && member.toldFrom != member.wantedFrom
      isWaiting = member.phase == .none && (wantsEjection || member.told == .returning)
      isEjected = member.told == .ejected
      if isUp, member.held.hasOverflowed { lost = member.held.lost }
    }
  }

  /// The members, with the tallies of their pools.
  struct Members: Sendable {
    private var all: [ServerID: Member] = [:]
    /// By the pools' places.
    private(set) var tallies: [Tally]
    /// The pools where something has gone that prevented ejections, and whose waiting servers have not been looked at since.
    private(set) var freer: Set<Int>

    init(_ pools: [[ServerID]]) {
      tallies = pools.map(Tally.init)
      freer = Set(pools.indices)
    }

    var servers: Dictionary<ServerID, Member>.Keys { all.keys }

    subscript(server: ServerID) -> Member? {
      get { all[server] }
      _modify {
        let before = Facts(all[server])
        defer { note(server, before, Facts(all[server])) }
        yield &all[server]
      }
    }

    /// Nothing that belongs to no server prevents ejections from the pool any more.
    mutating func free(_ pool: Int) { freer.insert(pool) }

    /// Has all servers of the pool that wait looked at: with each of their pools, as one may leave several at once.
    mutating func lookAtWaiting(_ pool: Int) {
      freer.remove(pool)
      for server in tallies[pool].waiting {
        for own in all[server]?.pools ?? [] { tallies[own].due.insert(server) }
      }
    }

    mutating func takeDue(_ pool: Int) -> [ServerID] { tallies[pool].takeDue() }

    private mutating func note(_ server: ServerID, _ before: Facts, _ after: Facts) {
      if after.isWaiting { for pool in after.pools { tallies[pool].due.insert(server) } }
      guard before != after else { return }
      for pool in before.pools { tallies[pool].count(before, server, by: -1) }
      for pool in after.pools { tallies[pool].count(after, server, by: 1) }
      if before.isBlocking { for pool in after.pools where tallies[pool].blocking == 0 { free(pool) } }
      if before.lost != after.lost || before.pools != after.pools {
        for pool in before.pools { tallies[pool].count(before.lost, by: -1) }
        for pool in after.pools { tallies[pool].count(after.lost, by: 1) }
        if before.lost != nil { for pool in before.pools { free(pool) } }
      }
      guard before.isEjected, !after.isEjected else { return }
      for pool in tallies.indices where tallies[pool].owners[server] != nil { free(pool) }
    }

    /// Whether copies that servers of the pool hold, and that no list names, prevent the ejection of one of its servers:
    /// those of its own keys, and of the keys of servers that are ejected. Its own copies do not.
    func areHeld(in pool: Int, against server: ServerID) -> Bool {
      let tally = tallies[pool]
      guard tally.holders > 0 else { return false }
      let own = Facts(all[server]).lost
      if tally.holdersOfAll > (own?.areAll == true ? 1 : 0) { return true }
      func isNamed(_ owner: ServerID) -> Bool {
        tally.owners[owner] ?? 0 > (own?.ids.contains(owner) == true ? 1 : 0)
      }
      return isNamed(server) || tally.owners.keys.contains { all[$0]?.told == .ejected && isNamed($0) }
    }
  }
}
