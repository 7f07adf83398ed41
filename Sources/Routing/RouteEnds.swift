import Bytes
import Topology

/// What is left of a node for one command, when `to`, `commands` and refusals are resolved.
package struct RouteEnd: BitwiseCopyable, Equatable, Sendable {
  /// What is done with the request.
  package enum Way: UInt8, BitwiseCopyable, Sendable {
    /// To the pool `number`.
    case pool
    /// By the tree `number`.
    case attempt
    /// By the key's hash, to one of several ends: the list `number`.
    case share
    /// The answer `number`.
    case answer
    /// The command is not allowed.
    case refused
    /// The same, answered as if nothing was there.
    case refusedQuietly
  }

  package var way: Way
  package var number: UInt16
  /// The number of the rules for what the servers are sent; 0: none.
  package var rules: UInt16

  package init(_ way: Way, _ number: Int = 0, rules: Int = 0) {
    self.way = way
    self.number = UInt16(clamping: number)
    self.rules = UInt16(clamping: rules)
  }
}

/// How a request is changed on its way: the clauses of all the nodes that it passes.
package struct RouteRules: Hashable, Sendable {
  package var maxValue: Int?
  /// The times' rules, in the order in which they apply.
  package var ttls: [TTLRule] = []
  package var deadline: Duration?

  package init() {}

  fileprivate mutating func add(_ node: RouteNode) {
    maxValue = [maxValue, node.maxValue].compactMap(\.self).min()
    if let ttl = node.ttl { ttls.append(ttl) }
    deadline = [deadline, node.deadline].compactMap(\.self).min()
  }
}

/// The nodes of a plan, resolved for each command: what a worker looks up.
package struct RouteEnds: Sendable {
  /// For each node, an index in `ends` for each command with a key.
  private var firsts: [Int32] = []
  package private(set) var ends: [RouteEnd] = []
  package private(set) var trees: [RouteTree] = []
  package private(set) var answers: [FixedAnswer] = []
  package private(set) var rules = [RouteRules()]
  private var shares: [Share] = []

  fileprivate struct Share: Sendable {
    var salt: [UInt8]
    /// The end of each part of the keyspace, in 1/10,000, and its end.
    var parts: [(upTo: Int, end: Int32)]
  }

  /// The most trees that a leg can name: the reader of a file refuses more.
  package static let mostTrees = 4096

  private static let commands = Command.withKey.count

  package init() {}

  /// Each node is resolved once for each command and for the rules that the nodes in front of it may have.
  package init(_ nodes: [RouteNode]) {
    var resolver = Resolver(nodes: nodes)
    for node in nodes.indices {
      for command in Command.withKey {
        firsts.append(resolver.index(of: .node(node), command, RouteRules()))
      }
    }
    (ends, shares) = (resolver.ends, resolver.shares)
    (trees, answers, rules) = (resolver.trees.list, resolver.answers.list, resolver.rules.list)
  }

  package var isEmpty: Bool { ends.isEmpty }

  /// The end for a request: its key is bytes `from ..< from + count`.
  package func end(of node: Int, _ command: Command, _ key: RawSpan, from: Int, count: Int) -> RouteEnd {
    let i = node &* Self.commands &+ Int(command.rawValue)
    guard firsts.indices.contains(i) else { return RouteEnd(.refused) }
    var end = ends[Int(firsts[i])]
    while end.way == .share { end = part(of: Int(end.number), key, from: from, count: count) }
    return end
  }

  private func part(of share: Int, _ key: RawSpan, from: Int, count: Int) -> RouteEnd {
    let place = Self.place(of: key, from: from, count: count, salt: shares[share].salt)
    for part in shares[share].parts where place < part.upTo { return ends[Int(part.end)] }
    return shares[share].parts.last.map { ends[Int($0.end)] } ?? RouteEnd(.refused)
  }

  /// Where a key is in the keyspace that `share` divides: 0 to 9,999.
  package static func place(of key: RawSpan, from: Int, count: Int, salt: [UInt8]) -> Int {
    var text = salt
    for i in 0..<count { text.append(key.byte(at: from &+ i)) }
    return Int(hashXXH3(text.span.raw, from: 0, count: text.count, seed: 0) % 10_000)
  }
}

// MARK: - Resolving

/// Values by the order in which they were first seen.
private struct Numbered<Value: Hashable> {
  private(set) var list: [Value] = []
  private var numbers: [Value: Int] = [:]

  mutating func number(of value: Value) -> Int {
    if let number = numbers[value] { return number }
    numbers[value] = list.count
    list.append(value)
    return list.count - 1
  }
}

extension RouteEnds {
  private struct Resolver {
    /// What a target comes to depends on these.
    struct Question: Hashable {
      var target: RouteTarget
      var command: Command
      var rules: Int
    }

    let nodes: [RouteNode]
    var ends: [RouteEnd] = []
    var trees = Numbered<RouteTree>()
    var answers = Numbered<FixedAnswer>()
    var rules = Numbered<RouteRules>()
    var shares: [Share] = []
    private var known: [Question: Int32] = [:]
    /// The nodes on the way so far. The reader of a file refuses circles; one that is there all the same ends here.
    private var depth = 0

    init(nodes: [RouteNode]) {
      self.nodes = nodes
      // Number 0: none.
      _ = rules.number(of: RouteRules())
    }

    /// The place in `ends` of what a target comes to.
    mutating func index(of target: RouteTarget, _ command: Command, _ above: RouteRules) -> Int32 {
      let question = Question(target: target, command: command, rules: rules.number(of: above))
      if let index = known[question] { return index }
      depth += 1
      defer { depth -= 1 }
      let end =
        depth <= nodes.count + 1
        ? resolve(target, command, above) : RouteEnd(.answer, answers.number(of: .nothing))
      let index = Int32(truncatingIfNeeded: ends.count)
      ends.append(end)
      known[question] = index
      return index
    }

    private mutating func resolve(
      _ target: RouteTarget, _ command: Command, _ above: RouteRules
    ) -> RouteEnd {
      guard case .node(let i) = target else {
        guard case .pool(let pool) = target else { return RouteEnd(.refused) }
        return RouteEnd(.pool, pool, rules: self.rules.number(of: above))
      }
      let node = nodes[i]
      if node.denied.has(command) {
        return RouteEnd(node.deniedQuietly.has(command) ? .refusedQuietly : .refused)
      }
      var own = above
      own.add(node)
      switch node.verb {
      case .to(let target): return end(of: target, command, own)
      case .commands(let entries, let rest):
        let target = entries.first { $0.commands.has(command) }?.target ?? rest
        return target.map { end(of: $0, command, own) } ?? RouteEnd(.refused)
      case .answer(let fixed): return RouteEnd(.answer, answers.number(of: fixed))
      case .share(let parts, let salt):
        var share = Share(salt: Array(salt.utf8), parts: [])
        var upTo = 0
        for part in parts {
          upTo += part.part
          share.parts.append((upTo, index(of: part.target, command, own)))
        }
        shares.append(share)
        return RouteEnd(.share, shares.count - 1)
      case .attempt:
        var tree = RouteTree()
        tree.finish(branch(target, command, &tree), deadline: own.deadline)
        own.deadline = nil
        return RouteEnd(.attempt, trees.number(of: tree), rules: rules.number(of: own))
      }
    }

    private mutating func end(
      of target: RouteTarget, _ command: Command, _ above: RouteRules
    ) -> RouteEnd {
      ends[Int(index(of: target, command, above))]
    }

    /// A member of a `try`. The reader of the file sees to it that no clause and no `share` is among them.
    private mutating func branch(
      _ target: RouteTarget, _ command: Command, _ tree: inout RouteTree
    ) -> RouteTree.Node {
      depth += 1
      defer { depth -= 1 }
      guard case .node(let i) = target, depth <= nodes.count + 1 else {
        guard case .pool(let pool) = target else { return tree.add(.answer(.nothing)) }
        return tree.add(.pool(pool))
      }
      switch nodes[i].verb {
      case .to(let target): return branch(target, command, &tree)
      case .commands(let entries, let rest):
        let target = entries.first { $0.commands.has(command) }?.target ?? rest
        return target.map { branch($0, command, &tree) } ?? tree.add(.answer(.nothing))
      case .answer(let fixed): return tree.add(.answer(fixed))
      case .attempt(let members, let rules):
        return .attempt(members.map { branch($0, command, &tree) }, rules)
      case .share: return tree.add(.answer(.nothing))
      }
    }
  }
}
