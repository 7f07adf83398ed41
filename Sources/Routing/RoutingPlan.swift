/// The routing part of a configuration file as a plain value, with names resolved to indices and points computed.
///
/// Built once for each reload by the thread that reads the file; every worker makes its own `RoutingTable` from it.
/// Two equal plans place every key on the same server.
package struct RoutingPlan: Equatable, Sendable {
  package var pools: [PoolPlan]
  /// What targets name besides pools.
  package var nodes: [RouteNode]
  /// The targets of keys by prefix. The longest matching prefix wins, whatever the order; of two equal prefixes the
  /// first. A whole key beats all prefixes.
  package var routes: [Route]
  /// The target of keys without a matching prefix; nil if they have none.
  package var defaultTarget: RouteTarget?

  /// Indices are positions in `pools` and `nodes`; the caller must have resolved them.
  package init(
    pools: [PoolPlan], nodes: [RouteNode] = [], routes: [Route] = [], defaultTarget: RouteTarget?
  ) {
    func isGood(_ target: RouteTarget) -> Bool {
      switch target {
      case .pool(let i): pools.indices.contains(i)
      case .node(let i): nodes.indices.contains(i)
      }
    }
    precondition(routes.allSatisfy { isGood($0.target) })
    precondition(defaultTarget.map(isGood) ?? true)
    precondition(nodes.allSatisfy { $0.verb.targets.allSatisfy(isGood) })
    self.pools = pools
    self.nodes = nodes
    self.routes = routes
    self.defaultTarget = defaultTarget
  }

  package init(pools: [PoolPlan], routes: [Route] = [], defaultPool: Int?) {
    self.init(pools: pools, routes: routes, defaultTarget: defaultPool.map(RouteTarget.pool))
  }

  /// The target of keys with a prefix, or of one key.
  package struct Route: Hashable, Sendable {
    package var prefix: [UInt8]
    /// Whether `prefix` is the whole key.
    package var isWhole = false
    package var target: RouteTarget

    package init(prefix: [UInt8], isWhole: Bool = false, to target: RouteTarget) {
      self.prefix = prefix
      self.isWhole = isWhole
      self.target = target
    }

    package init(prefix: [UInt8], pool: Int) { self.init(prefix: prefix, to: .pool(pool)) }
  }
}

/// One pool of a routing plan.
package struct PoolPlan: Equatable, Sendable {
  package let name: String
  package let scheme: PlacementScheme
  package let hash: KeyHash
  package let tag: HashTag?
  package let options: PlacementOptions
  package let servers: [RingServer]
  /// How the keys are divided, computed once for all workers.
  package let layout: Layout
  /// The points of a ring that stands in for servers that are out, if the layout does not say who does.
  let standIns: [ContinuumPoint]
  /// What is hashed of a key.
  let rule: KeyRule

  /// `hash` defaults to the scheme's default hash.
  package init(
    name: String, scheme: PlacementScheme, hash: KeyHash? = nil, tag: HashTag? = nil,
    _ options: PlacementOptions = PlacementOptions(), servers: [RingServer]
  ) {
    self.name = name
    self.scheme = scheme
    self.hash = hash ?? scheme.defaultHash
    self.tag = tag
    self.options = options
    self.servers = servers
    layout = scheme.layout(for: servers, hash: hash, options)
    standIns = layout.needsStandIns ? standInPoints(for: servers) : []
    rule = KeyRule(scheme, tag, options)
  }

  /// Whether a plan with these settings would be this one.
  package func isOf(
    name: String, scheme: PlacementScheme, hash: KeyHash?, tag: HashTag?, _ options: PlacementOptions,
    servers: [RingServer]
  ) -> Bool {
    self.name == name && self.scheme == scheme && self.hash == hash ?? scheme.defaultHash && self.tag == tag
      && self.options == options && self.servers == servers
  }

  /// Whether a ring places what the hash makes of a key, or of the part in its tag.
  var isPlainRing: Bool {
    if case .ring = layout { rule.isPlain } else { false }
  }

  /// The points of its ring; none if it has no ring.
  package var points: [ContinuumPoint] {
    if case .ring(let points) = layout { points } else { [] }
  }
}

extension KeyRule {
  init(_ scheme: PlacementScheme, _ tag: HashTag?, _ options: PlacementOptions) {
    if let tags = options.tags {
      part = .tagOrNothing(tags)
    } else if !options.stop.isEmpty {
      part = .before(Array(options.stop.utf8))
    } else if let tag {
      part = .tag(tag)
    } else if options.keys != .whole {
      part = scheme.keyPart
    }
    skipped = Array(options.skippedPrefix.utf8)
    before = Array(options.addedPrefix.utf8)
    after = Array(options.salt.utf8)
    if !before.isEmpty { most = 250 }
    if scheme.keyKinds.contains(.text) { form = options.keys == .bytes ? .pythonBytes : .characters }
    if !options.seed.isEmpty {
      let text = Array(options.seed.utf8)
      seed = hashXXH3(text.span.raw, from: 0, count: text.count, seed: 0)
    }
  }
}
