import Topology

/// The floor: the number of servers that may be out of a pool's ring at once.
///
///     10 servers, floor 50 %    failed: A B C D E │ F G
///                               these are ejected│these stay in the ring and fail fast
///
/// Below the floor the last servers would get the load of all and fail too. So a server that fails then stays in the
/// ring, and requests for its keys get misses or errors. The order of failing decides; when an ejected server
/// returns, the first waiting server is ejected instead. The last server is never ejected.
package struct PoolGuard: Equatable, Sendable {
  /// Servers that may be out of the ring at the same time.
  package let mayEject: Int

  /// `floorPercent` is read as 0 … 100; a fraction of a server is rounded up.
  package init(servers: Int, floorPercent: Int, onFailure: FailureRule = .eject) {
    guard onFailure == .eject, servers > 1 else {
      mayEject = 0
      return
    }
    let percent = min(max(floorPercent, 0), 100)
    // In two steps, because servers × percent might not fit.
    let floor = servers / 100 * percent + (servers % 100 * percent + 99) / 100
    mayEject = servers - max(1, floor)
  }

  /// For a pool with others that stand in for its servers: all of them may be out.
  package init(passingOn servers: Int) { mayEject = servers }

  /// Of the servers that are out, in the order in which they fell, those that leave the ring.
  package func ejected<Server>(of fallen: [Server]) -> ArraySlice<Server> {
    fallen.prefix(mayEject)
  }
}
