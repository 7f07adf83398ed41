import Routing
import Topology

// What is allowed in routes and policies but may be unintended, for `ringroad check`.

extension ProxySettings {
  /// Gives every pool that is before another member in a `try` the rule that its keys stay where they are, but for pools
  /// whose rule is written.
  mutating func keepKeysOfTriedPools(butOf written: Set<String>) {
    for i in triedPools where !written.contains(pools[i].name) { pools[i].policy.onFailure = .failFast }
  }

  /// Every node, with what it is called in a message.
  private var describedNodes: [(node: RouteNode, subject: String)] {
    policies.map { ($0, "policy \(quoted($0.name))") } + routes.map { ($0.node, $0.subject) }
  }

  /// The pools that are before another member in a `try`.
  private var triedPools: [Int] {
    var before: Set<RouteTarget> = []
    for (node, _) in describedNodes {
      if case .attempt(let members, _) = node.verb { before.formUnion(reached(from: members.dropLast())) }
    }
    return pools.indices.filter { before.contains(.pool($0)) }
  }

  /// Notes about routes and policies.
  var routeNotes: [String] {
    var notes: [String] = []
    let used = usedTargets
    for (i, policy) in policies.enumerated() where !used.contains(.node(i)) {
      notes.append("policy \(quoted(policy.name)) is not used: no route, listener or used policy names it")
    }
    if !routes.isEmpty, policies.isEmpty == false, !listeners.contains(where: { $0.pool == nil }) {
      notes.append("no listener uses the routes: each has \"to\"")
    }
    for i in triedPools where pools[i].policy.onFailure == .eject {
      notes.append(
        "pool \(quoted(pools[i].name)) has on_failure: eject: its other servers get the keys of one that is out, and "
          + "the next pool in \"try\" is asked only when reads find trouble")
    }
    for (node, subject) in describedNodes { notes += self.notes(on: node, subject) }
    for route in routes where route.keys.isEmpty && route.prefix.utf8.count == Bounds.prefixBytes {
      if routes.contains(where: { $0.keys.contains(route.prefix) }) {
        notes.append("\(route.subject) gets no key: the only one that fits is listed in another route")
      }
    }
    return notes
  }

  private func notes(on node: RouteNode, _ subject: String) -> [String] {
    var notes: [String] = []
    switch node.verb {
    case .commands(let entries, rest: nil):
      let named = entries.reduce(into: node.denied) { $0.formUnion($1.commands) }
      let refused = CommandWord.words(for: CommandWord.withKey.subtracting(named))
      if !refused.isEmpty {
        notes.append(
          "\(subject) refuses \(refused.joined(separator: ", ")): \"commands\" has no \"rest\"")
      }
    case .attempt(let members, let rules):
      if rules.laterTTL == nil, !rules.goesOnAtMiss {
        notes.append(
          "\(subject) has later_ttl: none: what another proxy stored in a later member may be read there long after "
            + "it changed")
      }
      for case .pool(let i) in reached(from: Array(members.dropFirst())).sorted(by: { $0.number < $1.number })
      where pools[i].policy.rejoin == .asIs {
        notes.append(
          "pool \(quoted(pools[i].name)) is a later member in \(subject) and has rejoin: as_is: "
            + "copies that it should forget are not deleted from it")
      }
      for (i, member) in members.enumerated().dropLast() {
        guard case .node(let n) = direct(member), policies.indices.contains(n),
          case .answer = policies[n].verb
        else { continue }
        notes.append(
          "\(subject) never gets behind \(quoted(name(of: member))), which answers: "
            + "\(quoted(name(of: members[i + 1]))) is not asked")
      }
    default: break
    }
    return notes
  }
}
