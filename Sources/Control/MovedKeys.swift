import Routing
import Settings

// How many keys a change of the file moves: asked of sample keys, on the full rings of before and after.

extension PoolSettings {
  /// The number of sample keys: the share is right to one or two percent.
  private static var samples: Int { 2000 }
  /// Above this share, in percent, a reload warns.
  static var notableShare: Int { 10 }

  /// The share of the pool's keys, in percent, that have another server in `new`; nil if no ring is different. O(samples).
  func movedShare(in new: PoolSettings) -> Int? {
    guard
      servers.map(\.ringServer) != new.servers.map(\.ringServer) || placement != new.placement
        || placementOptions != new.placementOptions
        || hash != new.hash || hashTag != new.hashTag
    else { return nil }
    let before = RoutingTable(RoutingPlan(pools: [plan()], defaultPool: 0))
    let after = RoutingTable(RoutingPlan(pools: [new.plan()], defaultPool: 0))
    var moved = 0
    for i in 0..<Self.samples {
      let key = Array("sample:\(i)".utf8)
      guard let old = before.where(key), let place = after.where(key) else { continue }
      if servers[old.server].endpoint.comparable != new.servers[place.server].endpoint.comparable {
        moved += 1
      }
    }
    return (moved * 100 + Self.samples / 2) / Self.samples
  }
}
