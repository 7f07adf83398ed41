/// How many servers of a pool may be taken out of its ring at once.
///
///     10 servers, floor 50 %    fell:  A B C D E │ F G
///                               these are ejected│these stay in the ring and fail fast
///
/// Below the floor the last servers would get everybody's load and fall too; so whoever falls then
/// keeps its place, and its keys are misses or errors. It is the order of falling that decides; when
/// one comes back, the first that waits is ejected in its stead. The last server is never ejected.
package struct PoolGuard: Equatable, Sendable {
  /// Servers that may be out of the ring at the same time.
  package let mayEject: Int

  /// `floorPercent` is read as 0 … 100; a share that is no whole number of servers is rounded up.
  package init(servers: Int, floorPercent: Int, onFailure: OnFailure = .eject) {
    guard onFailure == .eject, servers > 1 else {
      mayEject = 0
      return
    }
    let percent = min(max(floorPercent, 0), 100)
    // In two steps, because servers × percent might not fit.
    let floor = servers / 100 * percent + (servers % 100 * percent + 99) / 100
    mayEject = servers - max(1, floor)
  }

  /// Of the servers that are out, in the order in which they fell, those that leave the ring.
  package func ejected<Server>(of fallen: [Server]) -> ArraySlice<Server> {
    fallen.prefix(mayEject)
  }
}
