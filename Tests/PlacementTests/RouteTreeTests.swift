import Testing
import Topology

@testable import Routing

/// `RouteTree.next` over all small trees, kinds and outcomes.
@Suite struct RouteTreeTests {
  private static func tree(_ rules: TryRules, _ pools: Int, lastIsAnswer: Bool = false) -> RouteTree {
    var tree = RouteTree()
    var members = (0..<pools).map { tree.add(.pool($0)) }
    if lastIsAnswer { members.append(tree.add(.answer(.nothing))) }
    tree.finish(.attempt(members, rules))
    return tree
  }

  private static func nested(_ outer: TryRules, _ inner: TryRules) -> RouteTree {
    var tree = RouteTree()
    let first = tree.add(.pool(0))
    let second = RouteTree.Node.attempt([tree.add(.pool(1)), tree.add(.pool(2))], inner)
    tree.finish(.attempt([first, second], outer))
    return tree
  }

  private static let everyRule: [TryRules] = [false, true].flatMap { trouble in
    [false, true].flatMap { miss in
      [false, true].map { deletes in
        var rules = TryRules()
        (rules.goesOnAtTrouble, rules.goesOnAtMiss, rules.deletesAll) = (trouble, miss, deletes)
        return rules
      }
    }
  }

  private static let everyTree: [RouteTree] =
    everyRule.flatMap { rules in (2...4).map { tree(rules, $0) } + [tree(rules, 2, lastIsAnswer: true)] }
    + everyRule.flatMap { outer in everyRule.map { nested(outer, $0) } }

  /// Plays a request to its end: every leaf that is asked gets the outcome that `outcomes` says. Returns the leaves asked,
  /// in order, and the end.
  private static func play(
    _ tree: RouteTree, _ kind: RequestKind, _ outcomes: [LegState]
  ) -> (asked: [(Int, RequestForm)], end: RouteStep, states: LegStates) {
    var states = LegStates()
    var asked: [(Int, RequestForm)] = []
    for _ in 0..<64 {
      let step = tree.next(kind, states)
      switch step {
      case .ask(let leaf, let form):
        #expect(states[leaf] == .idle)
        if outcomes[leaf] != .skipped { asked.append((leaf, form)) }
        states[leaf] = outcomes[leaf]
      case .wait: Issue.record("it waits, and nothing was asked")
      case .answer, .say: return (asked, step, states)
      }
    }
    Issue.record("it does not end")
    return (asked, .wait, states)
  }

  /// Every outcome of as many leaves.
  private static func outcomes(_ leaves: Int) -> [[LegState]] {
    let ends: [LegState] = [.yes, .no, .refused, .unsent, .doubt, .skipped]
    return (0..<leaves).reduce([[]]) { lists, _ in lists.flatMap { list in ends.map { list + [$0] } } }
  }

  @Test func everyRequestEndsWithWhatALeafHasSaid() {
    for tree in Self.everyTree {
      for outcomes in Self.outcomes(tree.leaves.count) {
        for kind in RequestKind.allCases {
          let (_, end, states) = Self.play(tree, kind, outcomes)
          switch end {
          case .answer(let leaf): #expect(states[leaf] != .idle && states[leaf] != .asked)
          case .say(let fixed): #expect(fixed == .nothing)
          case .ask, .wait: Issue.record("no end")
          }
        }
      }
    }
  }

  @Test func aChangeIsAskedOfOneServerOnly() {
    for tree in Self.everyTree {
      for outcomes in Self.outcomes(tree.leaves.count) {
        for kind in [RequestKind.change, .delete] {
          let (asked, _, _) = Self.play(tree, kind, outcomes)
          let charge = outcomes.firstIndex { $0 != .skipped }
          let changed = asked.filter { $0.1 == .asAsked }.map(\.0)
          let isPool = charge.map { if case .pool = tree.leaves[$0] { true } else { false } } ?? false
          #expect(changed == (isPool ? [charge].compactMap(\.self) : []))
          let deletes = kind == .delete ? tree.deletesEverywhere : tree.readsEverywhere
          if !deletes || !isPool { #expect(asked.count == changed.count) }
        }
      }
    }
  }

  @Test func aChangeReachesWhateverAReadMayFind() {
    for tree in Self.everyTree where tree.readsEverywhere {
      for outcomes in Self.outcomes(tree.leaves.count) {
        let charge = outcomes.firstIndex { $0 != .skipped }
        guard let charge, case .pool = tree.leaves[charge] else { continue }
        let (asked, _, _) = Self.play(tree, .change, outcomes)
        let pools = tree.leaves.indices.filter { i in
          if case .pool = tree.leaves[i] { i == charge || outcomes[i] != .skipped } else { false }
        }
        #expect(Set(asked.map(\.0)) == Set(pools))
      }
    }
  }

  @Test func aReadStopsAtAHitAndPrefersAMissToTrouble() {
    for tree in Self.everyTree {
      for outcomes in Self.outcomes(tree.leaves.count) {
        let (asked, end, states) = Self.play(tree, .read, outcomes)
        #expect(asked.dropLast().allSatisfy { outcomes[$0.0] != .yes })
        if let last = asked.last, outcomes[last.0] == .yes { #expect(end == .answer(leaf: last.0)) }
        guard case .answer(let leaf) = end, states[leaf] != .yes else { continue }
        if asked.contains(where: { outcomes[$0.0] == .no }), tree.readsEverywhere, Self.isFlat(tree) {
          #expect(states[leaf] == .no)
        }
      }
    }
  }

  private static func isFlat(_ tree: RouteTree) -> Bool {
    guard case .attempt(let members, _) = tree.root else { return true }
    return members.allSatisfy { if case .leaf = $0 { true } else { false } }
  }

  @Test func aLeaseLeavesOnlyServersThatAreOut() {
    for tree in Self.everyTree {
      for outcomes in Self.outcomes(tree.leaves.count) {
        let (asked, _, _) = Self.play(tree, .lease, outcomes)
        #expect(asked.count <= 1)
        if let first = asked.first?.0 { #expect(outcomes[..<first].allSatisfy { $0 == .skipped }) }
      }
    }
  }

  @Test func aDeleteIsDoneIfAnyServerHadTheKey() {
    var rules = TryRules()
    rules.goesOnAtMiss = true
    let tree = Self.tree(rules, 3)
    #expect(Self.play(tree, .delete, [.no, .no, .yes]).end == .answer(leaf: 2))
    #expect(Self.play(tree, .delete, [.no, .no, .no]).end == .answer(leaf: 0))
    #expect(Self.play(tree, .delete, [.doubt, .yes, .no]).end == .answer(leaf: 0))
    #expect(Self.play(tree, .delete, [.skipped, .no, .yes]).end == .answer(leaf: 2))
  }

  @Test func aSpareIsAskedOnlyWhenTheFirstIsOut() {
    let tree = Self.tree(TryRules(), 2)
    #expect(Self.play(tree, .read, [.no, .yes]).asked.map(\.0) == [0])
    #expect(Self.play(tree, .read, [.doubt, .yes]).asked.map(\.0) == [0, 1])
    #expect(Self.play(tree, .change, [.doubt, .yes]).asked.map(\.0) == [0])
    #expect(Self.play(tree, .change, [.unsent, .yes]).asked.map(\.0) == [0])
    #expect(Self.play(tree, .change, [.skipped, .yes]).asked.map(\.0) == [1])
    var quiet = TryRules()
    quiet.goesOnAtTrouble = false
    #expect(Self.play(Self.tree(quiet, 2), .read, [.doubt, .yes]).asked.map(\.0) == [0])
    #expect(Self.play(Self.tree(quiet, 2), .read, [.skipped, .yes]).asked.map(\.0) == [1])
  }

  @Test func laterMembersKeepThingsNoLongerThanEachTryAboveSays() {
    var (outer, inner) = (TryRules(), TryRules())
    (outer.laterTTL, inner.laterTTL) = (100, 30)
    #expect(Self.nested(outer, inner).longestLives == [nil, 100, 30])
    outer.laterTTL = nil
    #expect(Self.nested(outer, inner).longestLives == [nil, nil, 30])
  }

  @Test func statesOfSixteenLeavesAreApart() {
    var states = LegStates()
    for leaf in 0..<LegStates.most { states[leaf] = LegState(rawValue: UInt8(leaf % 8)) ?? .idle }
    for leaf in 0..<LegStates.most { #expect(states[leaf].rawValue == UInt8(leaf % 8)) }
  }
}
