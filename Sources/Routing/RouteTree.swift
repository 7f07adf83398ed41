import Topology

/// The members of a `try` as a tree, with what each has said so far: which is asked next, and what is answered.
///
/// `next` is the only code that decides that another server is asked because of what one has said. It is pure: the worker
/// asks, and calls it again with the outcome.
package struct RouteTree: Hashable, Sendable {
  /// A member that asks no other: a pool, or an answer without any server.
  package enum Leaf: Hashable, Sendable {
    case pool(Int)
    case answer(FixedAnswer)
  }

  /// A leaf; or members: the next one is asked if the one before cannot answer.
  package indirect enum Node: Hashable, Sendable {
    /// By its number in `leaves`.
    case leaf(Int)
    case attempt([Node], TryRules)
  }

  package private(set) var leaves: [Leaf] = []
  /// For each leaf, the longest life in seconds of what is stored there; nil for as long as the client says.
  package private(set) var longestLives: [Int?] = []
  package private(set) var root = Node.leaf(0)
  /// After this time no other server is asked; nil for twice the timeout of the first pool.
  package private(set) var deadline: Duration?

  /// Whether reads may find a key in a member though another is used for it: then every change must reach all of them.
  package private(set) var readsEverywhere = false
  /// The same for deletes only.
  package private(set) var deletesEverywhere = false
  /// Whether a read may go on from a member whose server is not known to be out.
  package private(set) var readsGoOn = false
  /// For how many seconds after its return a server's keys may still be read from no other member: until copies there
  /// have ended. Nil if no copy there can be old.
  package private(set) var copiesLast: Int?

  package init() {}

  /// Adds a leaf; returns its node.
  package mutating func add(_ leaf: Leaf) -> Node {
    leaves.append(leaf)
    longestLives.append(nil)
    return .leaf(leaves.count - 1)
  }

  /// Makes the whole tree.
  package mutating func finish(_ node: Node, deadline: Duration? = nil) {
    root = node
    self.deadline = deadline
    limit(node, nil)
    let rules = Self.rules(in: node)
    readsEverywhere = rules.contains { $0.goesOnAtMiss }
    deletesEverywhere = readsEverywhere || rules.contains { $0.deletesAll }
    readsGoOn = readsEverywhere || rules.contains { $0.goesOnAtTrouble }
    copiesLast = readsEverywhere ? nil : rules.map { $0.laterTTL ?? .max }.max() ?? .max
  }

  private mutating func limit(_ node: Node, _ most: Int?) {
    switch node {
    case .leaf(let i): longestLives[i] = most
    case .attempt(let members, let rules):
      for (i, member) in members.enumerated() {
        let own = i == 0 ? nil : rules.laterTTL
        limit(member, [most, own].compactMap(\.self).min())
      }
    }
  }

  private static func rules(in node: Node) -> [TryRules] {
    guard case .attempt(let members, let rules) = node else { return [] }
    return [rules] + members.flatMap { Self.rules(in: $0) }
  }

  /// The pools in their order.
  package var pools: [Int] {
    leaves.compactMap { if case .pool(let pool) = $0 { pool } else { nil } }
  }

  // MARK: - What is done next

  /// The next step of a request, from what each leaf has said. `.wait`: for those that were asked.
  package func next(_ kind: RequestKind, _ states: LegStates) -> RouteStep {
    guard kind.isChange else {
      switch reading(root, kind, states) {
      case .ask(let leaf): return .ask(leaf: leaf, .asAsked)
      case .open: return .wait
      case .ended(let leaf): return end(leaf)
      }
    }
    // The member in charge: the first that is not known to be out. If it fails, no other is asked: it, or another
    // proxy, may still have the change, or give the old value to others.
    guard let charge = leaves.indices.first(where: { states[$0] != .skipped }) else { return end(0) }
    if case .answer(let fixed) = leaves[charge] { return .say(fixed) }
    if states[charge] == .idle { return .ask(leaf: charge, .asAsked) }
    if kind == .delete ? deletesEverywhere : readsEverywhere {
      for leaf in leaves.indices where states[leaf] == .idle {
        if case .pool = leaves[leaf] { return .ask(leaf: leaf, .deletion) }
      }
    }
    if leaves.indices.contains(where: { states[$0] == .asked }) { return .wait }
    if kind == .delete, states[charge] == .no,
      let other = leaves.indices.first(where: { states[$0] == .yes })
    {
      return .answer(leaf: other)
    }
    return .answer(leaf: charge)
  }

  private func end(_ leaf: Int) -> RouteStep {
    if case .answer(let fixed) = leaves[leaf] { return .say(fixed) }
    return .answer(leaf: leaf)
  }

  private enum Reading {
    case ask(Int)
    case open
    case ended(Int)
  }

  private func reading(_ node: Node, _ kind: RequestKind, _ states: LegStates) -> Reading {
    switch node {
    case .leaf(let i):
      if case .answer = leaves[i] { return .ended(i) }
      return states[i] == .idle ? .ask(i) : states[i] == .asked ? .open : .ended(i)
    case .attempt(let members, let rules):
      var miss: Int?
      var trouble = 0
      for member in members {
        guard case .ended(let leaf) = reading(member, kind, states) else {
          return reading(member, kind, states)
        }
        switch states[leaf] {
        case .skipped: trouble = leaf
        case .no where rules.goesOnAtMiss && kind != .lease: miss = miss ?? leaf
        case .refused, .unsent, .doubt:
          guard kind == .read, rules.goesOnAtTrouble || rules.goesOnAtMiss else { return .ended(leaf) }
          trouble = leaf
        case .idle, .asked, .yes, .no: return .ended(leaf)
        }
      }
      return .ended(miss ?? trouble)
    }
  }
}

/// What a request is to do, as far as another server may be asked for it.
package enum RequestKind: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  case read
  /// A read that may hand out the right to store the key's next value, or whose server was out lately: it continues to
  /// another server only if the first is known to be out.
  case lease
  case change
  case delete

  package var isChange: Bool { self == .change || self == .delete }

  /// Of a command that is no lease.
  package init(_ command: Command) {
    switch command {
    case .get, .gets, .gat, .gats: self = .read
    case .delete: self = .delete
    default: self = .change
    }
  }
}

/// What a leaf has said.
package enum LegState: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  case idle
  case asked
  /// A value, STORED, DELETED, TOUCHED, a number.
  case yes
  /// A miss, NOT_FOUND, NOT_STORED, EXISTS.
  case no
  /// The server's own error.
  case refused
  /// No byte was sent.
  case unsent
  /// It was sent and not answered.
  case doubt
  /// Its server is known to be out.
  case skipped
}

/// What the leaves of a tree have said, three bits each.
package struct LegStates: BitwiseCopyable, Equatable, Sendable {
  /// The most leaves of a tree.
  package static let most = 16

  private var bits: UInt64 = 0

  package init() {}

  package subscript(leaf: Int) -> LegState {
    get { LegState(rawValue: UInt8(truncatingIfNeeded: bits &>> UInt64(leaf &* 3) & 7)) ?? .idle }
    set {
      let shift = UInt64(truncatingIfNeeded: leaf &* 3)
      bits = bits & ~(7 &<< shift) | UInt64(newValue.rawValue) &<< shift
    }
  }
}

/// What follows.
package enum RouteStep: Equatable, Sendable {
  case ask(leaf: Int, RequestForm)
  case wait
  /// What this leaf has said; if it has said nothing, that it did not answer.
  case answer(leaf: Int)
  case say(FixedAnswer)
}

/// What a leaf is asked.
package enum RequestForm: UInt8, BitwiseCopyable, Sendable {
  /// What the client asked.
  case asAsked
  /// To delete the key.
  case deletion
}
