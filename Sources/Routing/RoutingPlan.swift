/// The routing part of a configuration file as a plain value, with names resolved to indices and points computed.
///
/// Built once for each reload by the thread that reads the file; every worker makes its own `RoutingTable` from it.
/// Two equal plans place every key on the same server.
package struct RoutingPlan: Equatable, Sendable {
  package var pools: [PoolPlan]
  /// The pools of keys by prefix. The longest matching prefix wins, whatever the order; of two equal prefixes the
  /// first.
  package var routes: [Route]
  /// The pool of keys without a matching prefix; nil if they have none.
  package var defaultPool: Int?

  /// Indices are positions in `pools`; the caller must have resolved them.
  package init(pools: [PoolPlan], routes: [Route] = [], defaultPool: Int?) {
    precondition(routes.allSatisfy { pools.indices.contains($0.pool) })
    precondition(defaultPool.map(pools.indices.contains) ?? true)
    self.pools = pools
    self.routes = routes
    self.defaultPool = defaultPool
  }

  /// The pool for keys with a prefix.
  package struct Route: Hashable, Sendable {
    package var prefix: [UInt8]
    package var pool: Int

    package init(prefix: [UInt8], pool: Int) {
      self.prefix = prefix
      self.pool = pool
    }
  }
}

/// One pool of a routing plan.
package struct PoolPlan: Equatable, Sendable {
  package let name: String
  package let scheme: PlacementScheme
  package let hash: KeyHash
  package let tag: HashTag?
  package let servers: [RingServer]
  /// The full ring, computed once for all workers.
  package let points: [ContinuumPoint]

  /// `hash` defaults to the scheme's default hash.
  package init(
    name: String, scheme: PlacementScheme, hash: KeyHash? = nil, tag: HashTag? = nil, servers: [RingServer]
  ) {
    self.name = name
    self.scheme = scheme
    self.hash = hash ?? scheme.defaultHash
    self.tag = tag
    self.servers = servers
    points = scheme.points(for: servers)
  }
}
