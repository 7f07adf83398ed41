import Bytes
import Topology

/// What the nodes of a plan make of one request before any server is asked: which pools, in which order.
package struct ResolvedRoute: Equatable, Sendable {
  /// An end of the way: a pool, or a reply without a server.
  package enum Leaf: Equatable, Sendable {
    case pool(Int)
    case answer(FixedAnswer)
    /// The command is refused; quietly: answered as if nothing was there.
    case refused(isQuiet: Bool)
  }

  /// A leaf, and when the request continues to it.
  package struct Step: Equatable, Sendable {
    package var leaf: Leaf
    /// Whether it continues here after any trouble with the leaf before; if not, only if that server is known to be out.
    package var followsTrouble = false
    /// Whether it also continues here when the leaf before does not have the key; then also at trouble.
    package var followsMiss = false
    /// The longest life, in seconds, of what is stored there; nil for any.
    package var ttl: Int?

    package init(_ leaf: Leaf) { self.leaf = leaf }
  }

  /// In the order in which they are asked; never empty. Nothing stands behind an answer or a refusal.
  package var steps: [Step]
  /// The key that was asked for.
  package var key: [UInt8]
  /// The rules for expiration times, in the order in which they apply.
  package var ttlRules: [TTLRule] = []
  /// The smallest of the limits on the way, in bytes.
  package var maxValue: Int?
  /// The shortest of the deadlines on the way.
  package var deadline: Duration?

  package init(steps: [Step], key: [UInt8]) {
    self.steps = steps
    self.key = key
  }

  /// The pool that is asked first; nil if none is.
  package var firstPool: Int? {
    if case .pool(let i)? = steps.first?.leaf { i } else { nil }
  }
}

extension RouteTarget {
  /// The target with a number of `number`; nil for that of no route.
  package init?(number: Int) {
    guard number != RoutingTable.noPool else { return nil }
    self = number >= 0 ? .pool(number) : .node(-2 - number)
  }
}

extension RoutingPlan {
  /// Follows a target to its pools. Cheap enough for people and tests; workers have a form of their own.
  package func resolve(_ target: RouteTarget, _ command: Command, key: [UInt8]) -> ResolvedRoute {
    var route = ResolvedRoute(steps: [], key: key)
    follow(target, Request(command: command, key: key), depth: 0, into: &route)
    if route.steps.isEmpty { route.steps = [ResolvedRoute.Step(.answer(.nothing))] }
    return route
  }

  /// The route of a key by the prefixes of `table`, which was made from this plan; nil if no route matches.
  package func resolve(
    _ key: [UInt8], _ command: Command, by table: borrowing RoutingTable
  ) -> ResolvedRoute? {
    let bytes = key.span.raw
    let target = RouteTarget(number: table.pool(for: bytes, from: 0, count: bytes.byteCount))
    return target.map { resolve($0, command, key: key) }
  }

  /// What is followed.
  private struct Request {
    var command: Command
    var key: [UInt8]
    var isRead: Bool { CommandSet([.get, .gets, .gat, .gats]).has(command) }
  }

  /// Appends the steps of a target. The checks of a file allow four nodes on a way and no circle; more end it.
  private func follow(
    _ target: RouteTarget, _ request: Request, depth: Int, into route: inout ResolvedRoute
  ) {
    guard case .node(let i) = target else {
      route.steps.append(ResolvedRoute.Step(leaf(of: target)))
      return
    }
    guard nodes.indices.contains(i), depth <= nodes.count else { return }
    let node = nodes[i]
    if node.denied.has(request.command) {
      route.steps.append(ResolvedRoute.Step(.refused(isQuiet: node.deniedQuietly.has(request.command))))
      return
    }
    if let rule = node.ttl { route.ttlRules.append(rule) }
    route.maxValue = Self.least(route.maxValue, node.maxValue)
    route.deadline = Self.least(route.deadline, node.deadline)
    switch node.verb {
    case .to(let next): follow(next, request, depth: depth + 1, into: &route)
    case .attempt(let members, let rules):
      for (place, member) in members.enumerated() {
        if route.steps.last.map({ $0.leaf.isEnd }) ?? false { return }
        let start = route.steps.count
        follow(member, request, depth: depth + 1, into: &route)
        guard place > 0, start < route.steps.count else { continue }
        let goesOnAtMiss = request.isRead && rules.goesOnAtMiss
        route.steps[start].followsTrouble = goesOnAtMiss || request.isRead && rules.goesOnAtTrouble
        route.steps[start].followsMiss = goesOnAtMiss
        for step in start..<route.steps.count {
          route.steps[step].ttl = Self.least(route.steps[step].ttl, rules.laterTTL)
        }
      }
    case .share(let parts, let salt):
      let place = Self.share(of: request.key, salt: salt)
      var end = 0
      for (target, part) in parts {
        end += part
        if place < end { return follow(target, request, depth: depth + 1, into: &route) }
      }
    case .commands(let entries, let rest):
      if let next = entries.first(where: { $0.commands.has(request.command) })?.target ?? rest {
        follow(next, request, depth: depth + 1, into: &route)
      } else {
        route.steps.append(ResolvedRoute.Step(.refused(isQuiet: false)))
      }
    case .answer(let answer): route.steps.append(ResolvedRoute.Step(.answer(answer)))
    }
  }

  private func leaf(of target: RouteTarget) -> ResolvedRoute.Leaf {
    if case .pool(let i) = target { .pool(i) } else { .answer(.nothing) }
  }

  /// Where a key is in the keyspace that `share` divides: 0 to 9,999.
  package static func share(of key: [UInt8], salt: String) -> Int {
    let text = Array(salt.utf8) + key
    return Int(hashXXH3(text.span.raw, from: 0, count: text.count, seed: 0) % 10_000)
  }

  private static func least<Value: Comparable>(_ a: Value?, _ b: Value?) -> Value? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
  }
}

extension ResolvedRoute.Leaf {
  /// Whether no server is asked.
  fileprivate var isEnd: Bool { if case .pool = self { false } else { true } }
}
