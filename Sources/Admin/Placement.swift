import Bytes
import Routing
import Settings
import Stats
import Topology

/// The rings as the proxy uses them at present, to answer where a key goes and which share of a ring each server has.
/// Rebuilt only when the configuration or a server's state has changed.
package struct Placement: ~Copyable {
  private var settings: ProxySettings?
  private var resolver = RouteResolver(RoutingPlan(pools: [], defaultPool: nil))
  private var out: [[Bool]] = []
  /// For each pool without a ring, its servers' shares as sample keys have them.
  private var shares: [[Double]] = []

  package init() {}

  /// Adopts the configuration in force and the servers' states.
  package mutating func update(_ new: ProxySettings, _ control: ControlReport) {
    if settings?.pools != new.pools || settings?.routes != new.routes || settings?.policies != new.policies {
      resolver = RouteResolver(new.routingPlan(reusing: resolver.plan.pools))
      (out, shares) = ([], [])
    }
    settings = new
    let servers = Dictionary(control.servers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let outNow = control.pools.map { pool in
      pool.servers.map { servers[$0]?.isOut(of: pool.id) ?? false }
    }
    guard out != outNow, outNow.count == resolver.plan.pools.count else { return }
    out = outNow
    for (i, excluded) in out.enumerated() where !excluded.allSatisfy({ $0 }) {
      resolver.table.pools[Ref(UInt32(i))].exclude(excluded)
    }
    shares = []
    for pool in resolver.plan.pools.indices { shares.append(sampledShares(of: pool)) }
  }

  /// Empty for a ring, which is counted, and for a pool whose servers are all out.
  private func sampledShares(of pool: Int) -> [Double] {
    let own = resolver.plan.pools[pool]
    if case .ring = own.layout { return [] }
    if out[pool].allSatisfy({ $0 }) { return [] }
    let samples = min(50_000, own.samples)
    var shares = [Double](repeating: 0, count: own.servers.count)
    for i in 0..<samples {
      let key = Array("sample:\(i)".utf8)
      let server = resolver.table.pools[Ref(UInt32(pool))].server(
        owning: key.span.raw, from: 0, count: key.count)
      if shares.indices.contains(server) { shares[server] += 1 / Double(samples) }
    }
    return shares
  }

  /// Where a key goes.
  struct Place {
    let pool: PoolSettings
    let prefix: String
    /// The key's server on the full ring, and the one that has it now; nil if all are out.
    let owner: ServerSettings
    let server: ServerSettings?
    let label: String
    /// What a get may ask besides, as text; nil if it asks only this pool.
    let plan: String?
  }

  /// Nil if no route leads to a pool. Of several pools it is the one that a get asks first. `named`: the position of the
  /// pool that the key is in, as on a listener that names it, whatever the key begins with.
  func place(of key: [UInt8], in named: Int? = nil) -> Place? {
    guard let settings, let route = resolver.resolve(key, .get, from: named.map(RouteTarget.pool)),
      let first = route.firstPool, settings.pools.indices.contains(first)
    else { return nil }
    let pool = settings.pools[first]
    let servers = resolver.servers(of: route)
    let owner = resolver.table.pools[Ref(UInt32(first))].owner(of: key.span.raw, from: 0, count: key.count)
    guard pool.servers.indices.contains(owner), case let now?? = servers.first else { return nil }
    let isListed =
      named == nil && settings.routes.contains { $0.keys.contains { $0.utf8.elementsEqual(key) } }
    let routes =
      named == nil
      ? settings.routes.filter { $0.keys.isEmpty && key.starts(with: $0.prefix.utf8) } : []
    let isOut = out.indices.contains(first) && out[first].allSatisfy { $0 }
    return Place(
      pool: pool,
      prefix: isListed
        ? String(decoding: key, as: UTF8.self)
        : routes.max { $0.prefix.utf8.count < $1.prefix.utf8.count }?.prefix ?? "",
      owner: pool.servers[owner], server: isOut ? nil : pool.servers[now],
      label: pool.label(of: pool.servers[now]),
      plan: route.steps.count > 1 ? route.text(.get, servers, of: settings.pools) : nil)
  }

  /// A pool's circle in equal slices: which of its servers has most of each; -1 without any.
  struct Circle {
    static let slices = 720
    var owners: [Int]
    /// Each server's share of the circle as it is now.
    var shares: [Double]
    /// Each server's share by weight, of those that are not out.
    var ideal: [Double]
  }

  /// O(points). `pool`: its index in the configuration.
  func circle(of pool: Int) -> Circle? {
    guard let settings, settings.pools.indices.contains(pool), resolver.plan.pools.indices.contains(pool)
    else {
      return nil
    }
    let servers = settings.pools[pool].servers
    let excluded = out.indices.contains(pool) ? out[pool] : []
    let isOut = { (i: Int) in excluded.indices.contains(i) && excluded[i] }
    let own = settings.pools[pool]
    let hasWeights = own.placement.hasWeights && !own.placementOptions.ignoresWeights
    let weights = servers.enumerated().map { isOut($0) ? 0 : hasWeights ? Double($1.weight) : 1 }
    let sum = max(1, weights.reduce(0, +))
    var circle = Circle(
      owners: Array(repeating: -1, count: Circle.slices), shares: Array(repeating: 0, count: servers.count),
      ideal: weights.map { $0 / sum })
    guard case .ring = resolver.plan.pools[pool].layout else {
      if shares.indices.contains(pool), shares[pool].count == servers.count { circle.fill(shares[pool]) }
      return circle
    }
    let points = resolver.plan.pools[pool].points.filter { !isOut(Int($0.server)) }
    guard let last = points.last else { return circle }
    let whole = 4_294_967_296.0
    var most = [Double](repeating: 0, count: Circle.slices)
    var at = 0.0
    func give(_ server: Int, to end: Double) {
      guard servers.indices.contains(server) else { return }
      circle.shares[server] += (end - at) / whole
      while at < end {
        let slice = min(Circle.slices - 1, Int(at / whole * Double(Circle.slices)))
        let border = min(end, Double(slice + 1) * whole / Double(Circle.slices))
        if border - at > most[slice] { (most[slice], circle.owners[slice]) = (border - at, server) }
        at = max(border, at.nextUp)
      }
    }
    for point in points { give(Int(point.server), to: Double(point.value) + 1) }
    give(Int(points.first?.server ?? last.server), to: whole)
    return circle
  }
}

extension Placement.Circle {
  /// For a placement without a ring: the servers one after the other, each as long as its share.
  fileprivate mutating func fill(_ shares: [Double]) {
    self.shares = shares
    var (server, end) = (0, shares.first ?? 0)
    for slice in owners.indices {
      let middle = (Double(slice) + 0.5) / Double(Self.slices)
      while middle > end, server < shares.count - 1 {
        server += 1
        end += shares[server]
      }
      owners[slice] = server
    }
  }
}

extension ServerReport {
  /// Whether a pool's requests go elsewhere, or nowhere: the ring of a pool whose servers are all held out keeps one.
  fileprivate func isOut(of pool: PoolID) -> Bool {
    ejectedFrom.contains(pool) || state == .markedDown || state == .joining
  }
}
