import Bytes
import Proxy
import Settings
import TestSupport
import Testing
import Topology

@testable import Control

/// Many servers of one pool fail together, as when a rack loses its power: each costs as much as if it failed alone.
@Suite struct WholeFailureTests {
  /// Almost as many as the floor allows of 2,000 servers. With work for each server at each event this takes minutes.
  @Test(.timeLimit(.minutes(2)), arguments: [false, true])
  func nearlyHalfOf2000ServersFailTogether(haveNames: Bool) throws {
    let (count, failing) = (2000, 980)
    let hosts = (0..<count).map { haveNames ? "cache-\($0)" : "10.0.\($0 / 250).\($0 % 250)" }
    var desk = try ControlPlaneTests.Desk(
      "servers: [\(hosts.map { "\($0):1" }.joined(separator: ", "))]\nplacement: gomemcache")
    desk.control.lookUpNames(now: desk.now)
    for (i, name) in hosts.enumerated() {
      desk.control.lookedUp(name, .found(["10.1.\(i / 250).\(i % 250)"]), now: desk.now)
    }
    for i in 0..<failing {
      let server = ServerID(UInt32(i * 2))
      let address = desk.control.names.address(of: server)
      for worker in 0..<2 {
        desk.control.received(
          .seen(worker: worker, .failed(server: server, .refused), at: address), now: desk.now)
      }
    }
    // They fail fast first, and are ejected when all workers know.
    var known: UInt64 = 0
    while known < desk.control.failover.lastTicket {
      known += 1
      for worker in 0..<2 {
        desk.control.received(.answered(worker: worker, ticket: known, [:]), now: desk.now)
      }
    }
    #expect(known == UInt64(2 * failing))
    let report = desk.control.report(time: 0)
    #expect(report.servers.count { $0.state == .ejected } == failing)
    #expect(report.servers.count { $0.state == .up } == count - failing)
  }

  /// What is counted as servers change is what a count of all servers gives.
  @Test(arguments: 0..<50 as Range<UInt64>) func talliesFollowTheServers(seed: UInt64) {
    var random = Seeded(seed)
    let servers = (0..<6).map { ServerID(UInt32($0)) }
    var members = FailoverCoordinator.Members([servers, Array(servers[2...])])
    for server in servers {
      var member = FailoverCoordinator.Member()
      member.pools = server.number < 2 ? [0] : [0, 1]
      members[server] = member
    }
    for _ in 0..<300 {
      let server = servers[random.below(servers.count)]
      let owner = servers[random.below(servers.count)]
      switch random.below(8) {
      case 0: members[server]?.told = [.up, .failFast, .returning, .ejected][random.below(4)]
      case 1: members[server]?.wanted = [.up, .failFast, .ejected][random.below(3)]
      case 2: members[server]?.wantedFrom = random.below(2) == 0 ? [] : [PoolID(1)]
      case 3: members[server]?.held.insert([1], of: owner)
      case 4: members[server]?.held.overflow()
      case 5: members[server]?.held = Journal.Entries()
      case 6: members[server]?.underway = random.below(2) == 0 ? nil : Journal.Entries()
      default: members[server]?.isReclaiming = random.below(2) == 0
      }
      var counted = FailoverCoordinator.Members([servers, Array(servers[2...])])
      for server in servers { counted[server] = members[server] }
      for (kept, fresh) in zip(members.tallies, counted.tallies) {
        #expect(kept.blocking == fresh.blocking && kept.waiting == fresh.waiting, "seed \(seed)")
        #expect(kept.holders == fresh.holders && kept.owners == fresh.owners, "seed \(seed)")
      }
    }
  }
}
