import Bytes
import Routing
import Topology
import Wire

/// Where the request for a key is sent. What follows from its outcome, `Exchange.step` says.
struct Route: BitwiseCopyable {
  /// From 0: one member of a pool, by its number in `Upstream.destinations`. Below: as in `RouteTarget`. One number, so
  /// that a request for a pool pays nothing for the others.
  let number: Int

  enum Way {
    /// No pool has such keys.
    case none
    /// To one member of a pool.
    case single(Int)
    /// A node decides, by its number in the plan: see `RoutedRequests.swift`.
    case through(Int)
  }

  var way: Way {
    number >= 0
      ? .single(number)
      : number == RoutingTable.noPool ? .none : .through(RouteTarget.node(numbered: number))
  }
}

/// Where all requests of a client go, if it is not the keys that say so.
struct Target: BitwiseCopyable, Equatable {
  /// As in `RouteTarget`: that of a pool or a node; `nowhere`, or `byKey`.
  var number: Int32 = .min

  /// The keys' prefixes decide.
  static var byKey: Target { Target() }
  /// A pool or policy that the plan does not have.
  static var nowhere: Target { Target(number: Int32(RoutingTable.noPool)) }

  init(number: Int32 = .min) { self.number = number }
  init(_ pool: PoolIndex) { number = Int32(pool.number) }

  var isPool: Bool { @inline(__always) get { number >= 0 } }
}

extension Leg {
  /// The pool of its keys.
  var target: Target { isAimed ? Target(pool) : .byKey }
}

/// Where each key belongs: the rings. It sends nothing and changes nothing.
struct Router: ~Copyable {
  var table = RoutingTable(RoutingPlan(pools: [], defaultPool: nil))
  /// For each pool, the number of its first member in `Upstream.destinations`.
  var poolStarts = FixedArray<UInt32>([])
  /// The pools that listeners or nodes name.
  var targets: [PoolIndex] = []
  /// What the nodes come to for each command, and the number of reloads that have changed it.
  private(set) var ends = RouteEnds()
  private(set) var generation: UInt8 = 0
  /// For each pool, those in front of it in a `try`, and those behind it.
  private(set) var ahead: [[PoolIndex]] = []
  private(set) var behind: [[PoolIndex]] = []
  /// Whether a pool's servers that are ejected stay in its ring, and the pools behind it stand in for them.
  private(set) var passesOn: [Bool] = []
  private var nodes: [RouteNode] = []
  private var policies: [PoolID] = []
  private var poolIDs: [PoolID] = []

  /// The route of a key, which is bytes `from ..< from + count`.
  ///
  /// Accesses each field separately: see `docs/ARCHITECTURE.md` for the cost of borrowing a large value.
  @inline(always)
  mutating func route(of bytes: RawSpan, from: Int, count: Int, _ choice: PoolChoice) -> Route {
    let pool =
      choice.usesPrefixes ? table.pool(for: bytes, from: from, count: count) : choice.fallback
    guard pool >= 0 else { return Route(number: pool) }
    let i = Ref<Pool>(UInt32(truncatingIfNeeded: pool))
    // Of a pool that is no plain ring `live` has no points, so that the others need not ask what they are.
    if table.pools[i].live.isSingle {
      guard table.pools[i].isPlainRing else {
        return Route(
          number:
            Int(poolStarts[pool]) &+ table.otherServer(in: pool, owning: bytes, from: from, count: count))
      }
      return Route(
        number:
          Int(poolStarts[pool]) &+ Int(table.pools[i].live.firstServer))
    }
    let server = table.pools[i].live.server(
      owning: table.pools[i].hash(of: bytes, from: from, count: count))
    return Route(
      number:
        Int(poolStarts[pool]) &+ Int(server))
  }

  @inline(always)
  mutating func route(of bytes: RawSpan, from: Int, count: Int, _ target: Target) -> Route {
    route(of: bytes, from: from, count: count, choice(for: target))
  }

  /// How the pools of several keys of one client are found.
  @inline(always)
  func choice(for target: Target) -> PoolChoice {
    target == .byKey
      ? PoolChoice(fallback: table.defaultPool, usesPrefixes: table.hasPrefixes)
      : PoolChoice(fallback: Int(target.number), usesPrefixes: false)
  }

  /// Whether no key's route is a node.
  var hasNoNodes: Bool { ends.isEmpty }

  /// The pools to which a target leads.
  func pools(of target: Target) -> Set<Int> {
    if target.isPool { return [Int(target.number)] }
    var pools: Set<Int> = []
    var seen: Set<Int> = []
    var open = [RouteTarget.node(numbered: Int(target.number))]
    while let i = open.popLast() {
      guard nodes.indices.contains(i), seen.insert(i).inserted else { continue }
      for next in nodes[i].verb.targets {
        switch next {
        case .pool(let pool): pools.insert(pool)
        case .node(let node): open.append(node)
        }
      }
    }
    return pools
  }

  /// Where the requests of clients go whose listener names this policy; nil if there is none.
  func target(ofPolicy id: PoolID) -> Target? {
    policies.firstIndex(of: id).map { Target(number: Int32(RouteTarget.node($0).number)) }
  }

  /// The route of a key that was located in a batch.
  @inline(always)
  func route(of key: KeyBatch.Entry) -> Route {
    Route(
      number: key.pool >= 0
        ? Int(poolStarts[Int(key.pool)]) &+ Int(key.server) : Int(key.pool))
  }

  /// The route of a key that may be in base64. It is decoded before it is hashed, so that it has the same server as in the
  /// classic commands.
  mutating func route(of bytes: RawSpan, _ key: RequestKey, _ target: Target) -> Route {
    if key.isEncoded, let key = DecodedKey(bytes, from: key.word.from, count: Int(key.word.length)) {
      return route(of: key.bytes.span.raw, from: 0, count: key.count, target)
    }
    return route(of: bytes, from: key.word.from, count: Int(key.word.length), target)
  }

  /// What is left of a node for a command on a key.
  func end(of node: Int, _ command: Command, _ bytes: RawSpan, _ key: RequestKey) -> RouteEnd {
    if key.isEncoded, let key = DecodedKey(bytes, from: key.word.from, count: Int(key.word.length)) {
      return ends.end(of: node, command, key.bytes.span.raw, from: 0, count: key.count)
    }
    return ends.end(of: node, command, bytes, from: key.word.from, count: Int(key.word.length))
  }

  /// The member of a pool that has a key.
  mutating func place(of bytes: RawSpan, _ key: RequestKey, in pool: Int) -> Int? {
    let place = route(of: bytes, key, Target(PoolIndex(pool))).number
    return place >= 0 ? place : nil
  }

  /// Takes the nodes of a new plan; the first of them are those `policies`. If they have changed, or the pools have other
  /// numbers, no request in flight continues to another server.
  mutating func take(_ nodes: [RouteNode], of policies: [PoolID], pools: [PoolMembers]) {
    self.policies = policies
    passesOn = pools.map { !$0.standIns.isEmpty }
    guard nodes != self.nodes || pools.map(\.id) != poolIDs else { return }
    (self.nodes, poolIDs) = (nodes, pools.map(\.id))
    ends = RouteEnds(nodes)
    generation = (generation &+ 1) & RouteMark.mostGenerations
    ahead = Array(repeating: [], count: pools.count)
    behind = ahead
    for tree in ends.trees {
      let list = tree.pools.map { PoolIndex($0) }
      for (i, pool) in list.enumerated() {
        for other in list[..<i] where !ahead[Int(pool.number)].contains(other) {
          ahead[Int(pool.number)].append(other)
          behind[Int(other.number)].append(pool)
        }
      }
    }
  }

  /// The pool whose ring places a key; nil if no route matches it, or a node decides.
  func pool(of key: [UInt8], _ target: Target = .byKey) -> PoolIndex? {
    if target.isPool { return PoolIndex(Int(target.number)) }
    let i = table.pool(for: key.span.raw, from: 0, count: key.count)
    return i < 0 ? nil : PoolIndex(i)
  }

  /// The server that has a key now: its owner, or a stand-in. `s` if no route matches the key.
  func liveOwner(
    of key: [UInt8], _ target: Target, besides s: Ref<Server>, _ upstream: borrowing Upstream
  ) -> Ref<Server> {
    guard let pool = pool(of: key, target) else { return s }
    let place = table.pools[pool.ring].server(owning: key.span.raw, from: 0, count: key.count)
    return upstream.destinations[Int(poolStarts[Int(pool.number)]) + place].server
  }

  /// The servers that have a key while this one is out: the next on the ring, or those of the pools behind.
  func standIns(
    for key: [UInt8], _ target: Target, of s: Ref<Server>, _ upstream: borrowing Upstream
  ) -> [Ref<Server>] {
    let live = liveOwner(of: key, target, besides: s, upstream)
    if live != s { return [live] }
    guard let pool = pool(of: key, target), Int(pool.number) < behind.count,
      member(of: pool, having: key, upstream)?.isEjected == true
    else { return [] }
    return behind[Int(pool.number)].compactMap { member(of: $0, having: key, upstream)?.server }
  }

  /// The server that owns a key on its pool's full ring. `s` if no route matches the key.
  func owner(
    of key: [UInt8], _ target: Target, besides s: Ref<Server>, _ upstream: borrowing Upstream
  ) -> Ref<Server> {
    guard let pool = pool(of: key, target) else { return s }
    let home = table.pools[pool.ring].owner(of: key.span.raw, from: 0, count: key.count)
    return upstream.destinations[Int(poolStarts[Int(pool.number)]) + home].server
  }

  /// Whether a server holds a copy of a key that is another's now, in any pool through which the key may have been
  /// written: that of its prefix, and those that listeners name. `pool`: in that one only.
  func isOrphan(
    _ key: [UInt8], at s: Ref<Server>, in pool: PoolID?, _ upstream: borrowing Upstream
  ) -> Bool {
    func isMeant(_ index: PoolIndex) -> Bool { pool == nil || upstream.pools.id(of: index) == pool }
    if let own = self.pool(of: key), isMeant(own), liveOwner(of: key, .byKey, besides: s, upstream) != s {
      return true
    }
    return targets.contains { target in
      guard upstream.isMember(s, of: target, poolStarts) else { return false }
      if isReplaced(key, in: target, for: pool, upstream) { return true }
      return isMeant(target) && liveOwner(of: key, Target(target), besides: s, upstream) != s
    }
  }

  /// Whether a key that a pool may have stored for one in front of it is now that one's again. `other`: only this one.
  func isReplaced(
    _ key: [UInt8], in pool: PoolIndex, for other: PoolID?, _ upstream: borrowing Upstream
  ) -> Bool {
    guard Int(pool.number) < ahead.count else { return false }
    return ahead[Int(pool.number)].contains { front in
      if let other, upstream.pools.id(of: front) != other { return false }
      return member(of: front, having: key, upstream).map { !$0.isEjected } ?? false
    }
  }

  /// The member of a pool that has a key now.
  func member(of pool: PoolIndex, having key: [UInt8], _ upstream: borrowing Upstream) -> Destination? {
    let place = table.pools[pool.ring].server(owning: key.span.raw, from: 0, count: key.count)
    let i = Int(poolStarts[Int(pool.number)]) + place
    return i < upstream.destinations.count ? upstream.destinations[i] : nil
  }
}
