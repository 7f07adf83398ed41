import Routing
import Topology

// The checks that need all policies: what a node may name, and how far that leads.

extension NodeDecoder {
  /// What is behind a target.
  private struct Reach {
    /// Pools, and answers by their policy.
    var leaves: Set<RouteTarget> = []
    /// The nodes on the longest way.
    var depth = 0

    mutating func add(_ other: Reach) {
      leaves.formUnion(other.leaves)
      depth = max(depth, other.depth)
    }
  }

  /// Refuses circles, and trees that are too large, or have a node where it may not be. Nothing else may be wrong.
  func checkWays(_ decoder: inout SettingsDecoder) {
    var order: [Int] = []
    guard !findCircles(&order, &decoder) else { return }
    // Each policy is behind those that name it.
    var reaches = [Reach](repeating: Reach(), count: placedPolicies.count)
    for i in order {
      reaches[i] = check(placedPolicies[i], target: .node(i), reaches, &decoder)
    }
    for route in placedRoutes { _ = check(route, target: nil, reaches, &decoder) }
  }

  private func name(_ target: RouteTarget) -> String {
    switch target {
    case .pool(let i): quoted(names[i])
    case .node(let i): quoted(placedPolicies[i].node.name)
    }
  }

  // MARK: - Circles

  /// Reports every reference that closes a circle. `order` gets the policies, each after those that it names.
  private func findCircles(_ order: inout [Int], _ decoder: inout SettingsDecoder) -> Bool {
    enum Mark { case new, open, done }
    var marks = [Mark](repeating: .new, count: placedPolicies.count)
    var hasCircle = false
    for start in placedPolicies.indices where marks[start] == .new {
      // The way from `start`, with the next reference of each policy on it: no recursion, as it may be long.
      var way: [(policy: Int, next: Int)] = [(start, 0)]
      marks[start] = .open
      while let (policy, next) = way.last {
        guard next < placedPolicies[policy].references.count else {
          marks[policy] = .done
          order.append(policy)
          way.removeLast()
          continue
        }
        way[way.count - 1].next += 1
        let reference = placedPolicies[policy].references[next]
        guard case .node(let i) = reference.target else { continue }
        switch marks[i] {
        case .done: break
        case .new:
          marks[i] = .open
          way.append((i, 0))
        case .open:
          hasCircle = true
          let policies = way.map(\.policy)
          let circle = policies[(policies.firstIndex(of: i) ?? 0)...] + [i]
          let names = circle.map { placedPolicies[$0].node.name }
          let shown = names.count > 10 ? names.prefix(5) + ["…"] + names.suffix(4) : names[...]
          decoder.refuse(
            reference.at, "policies name each other in a circle: \(shown.joined(separator: " -> "))",
            hint: "one of them has to name a pool instead")
        }
      }
    }
    return hasCircle
  }

  // MARK: - Trees

  /// Checks a node whose references are checked, and returns what is behind it.
  private func check(
    _ placed: Placed, target: RouteTarget?, _ reaches: [Reach], _ decoder: inout SettingsDecoder
  ) -> Reach {
    var reach = Reach()
    var seen: Set<RouteTarget> = []
    for reference in placed.references {
      var behind = Reach()
      switch reference.target {
      case .pool: behind.leaves = [reference.target]
      case .node(let i): behind = reaches[i]
      }
      if case .attempt = placed.node.verb {
        guard isMember(reference, &decoder) else { continue }
        for twice in behind.leaves.intersection(seen).sorted(by: { $0.number > $1.number }) {
          guard case .pool = twice else { continue }
          decoder.refuse(
            reference.at, "try: pool \(name(twice)) is behind two members",
            hint: "one way has to leave it out")
        }
        seen.formUnion(behind.leaves)
      }
      reach.add(behind)
    }
    if case .answer = placed.node.verb, let target { reach.leaves = [target] }
    // A route that only names a target is no node.
    if target != nil || !placed.node.isPlain { reach.depth += 1 }
    if reach.depth == Bounds.depth + 1 {
      decoder.refuse(
        placed.at, "\(subject(of: placed)) leads through more than \(Bounds.depth) nodes to a pool",
        hint: "name what is behind them")
    }
    if reach.leaves.count > Bounds.leaves {
      decoder.refuse(
        placed.at,
        "\(subject(of: placed)) leads to \(reach.leaves.count) pools and answers; there may be \(Bounds.leaves)",
        hint: "it has to name fewer")
    }
    return reach
  }

  private func subject(of placed: Placed) -> String {
    placed.node.name.isEmpty ? "a route" : "policy \(quoted(placed.node.name))"
  }

  /// Whether a member of `try` only leads on to pools; refuses it if not.
  private func isMember(_ reference: Reference, _ decoder: inout SettingsDecoder) -> Bool {
    var open = [reference.target]
    var seen: Set<RouteTarget> = []
    while let target = open.popLast() {
      guard case .node(let i) = target, seen.insert(target).inserted else { continue }
      let node = placedPolicies[i].node
      let problem: String? =
        switch node.verb {
        case .share: "has \"share\", which stands above \"try\""
        case .commands(let entries, nil)
        where entries.reduce(into: CommandSet(), { $0.formUnion($1.commands) }) != CommandWord.withKey:
          "has \"commands\" without \"rest\""
        default: node.hasClauses ? "has clauses, which stand above \"try\"" : nil
        }
      if let problem {
        decoder.refuse(
          reference.at, "try: policy \(quoted(node.name)) \(problem)",
          hint: "a member leads to pools and answers only")
        return false
      }
      open += node.verb.targets
    }
    return true
  }
}

extension RouteNode {
  /// Whether it does something besides its verb.
  var hasClauses: Bool {
    !denied.isEmpty || maxValue != nil || ttl != nil || deadline != nil
  }
}
