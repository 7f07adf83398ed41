import Routing
import Settings
import TestSupport
import Testing
import Topology

/// Policies and routes with verbs: what a file makes of them, and how they are written again.
@Suite struct PolicyTests {
  static let pools = """
    pools:
      main: {servers: [10.0.0.1, 10.0.0.2]}
      spare: {servers: [10.0.9.1]}
      blue: {servers: [10.0.5.1]}

    """

  /// The node of a policy `x` with this text; other policies are `y` and `gone`.
  static func node(_ text: String) throws -> RouteNode {
    let yaml =
      pools + "policies:\n  x: \(text)\n  y: {to: spare}\n  gone: {answer: nothing}\nroutes: [{to: x}]\n"
    return try #require(try ProxySettingsTests.decode(yaml).policies.first)
  }

  private static func rules(_ change: (inout TryRules) -> Void) -> TryRules {
    var rules = TryRules()
    change(&rules)
    return rules
  }

  static let verbs: [(String, RouteVerb)] = [
    ("{to: main}", .to(.pool(0))), ("{to: y}", .to(.node(1))),
    ("{try: [main, y, gone]}", .attempt([.pool(0), .node(1), .node(2)], TryRules())),
    (
      "{try: [main, blue], on: down, on_miss: next, later_ttl: none, deletes: all}",
      .attempt(
        [.pool(0), .pool(2)],
        rules {
          $0.goesOnAtTrouble = false
          $0.goesOnAtMiss = true
          $0.laterTTL = nil
          $0.deletesAll = true
        })
    ),
    (
      "{try: [main, blue], later_ttl: 30d}",
      .attempt([.pool(0), .pool(2)], rules { $0.laterTTL = 2_592_000 })
    ),
    (
      "{share: {blue: 0.25%, y: 10.5%, main: rest}}",
      .share([(.pool(2), 25), (.node(1), 1050), (.pool(0), 8925)], salt: "")
    ),
    (
      "{share: {blue: 33.33%, main: 66.67%}, salt: 5}",
      .share([(.pool(2), 3333), (.pool(0), 6667)], salt: "5")
    ),
    ("{share: {blue: 100%, main: rest}}", .share([(.pool(2), 10_000), (.pool(0), 0)], salt: "")),
    (
      "{commands: {writes: spare, set: main, reads: blue, deletes: main}}",
      .commands(
        [
          (.reads, .pool(2)), ([.stores, .deletes], .pool(0)), ([.decides, .counts, .touches], .pool(1)),
        ], rest: nil)
    ),
    ("{commands: {delete: main, deletes: blue, rest: y}}", .commands([(.deletes, .pool(0))], rest: .node(1))),
    ("{answer: nothing}", .answer(.nothing)), ("{answer: done}", .answer(.done)),
    ("{answer: error}", .answer(.error("not available"))),
    ("{answer: moving house}", .answer(.error("moving house"))),
    ("{answer: \"gone\"}", .answer(.error("gone"))),
  ]

  @Test(arguments: verbs.indices)
  func everyVerbIsDecoded(_ index: Int) throws {
    let (text, verb) = Self.verbs[index]
    let node = try Self.node(text)
    #expect(node.verb == verb && node.name == "x")
    var plain = false
    if case .to = verb { plain = true }
    #expect(node.isPlain == plain)
  }

  @Test func everyClauseIsDecoded() throws {
    let node = try Self.node(
      "{to: main, deny: [set, {counts: quietly}], values: {max: 512KiB}, "
        + "ttl: {min: 10s, max: 7d, none: 1d}, deadline: 800ms}")
    #expect(node.denied == [.stores, .counts] && node.deniedQuietly == .counts)
    #expect(node.maxValue == 524_288 && node.deadline == .milliseconds(800))
    #expect(
      node.ttl?.min == 10 && node.ttl?.max == 604_800 && node.ttl?.none == 86_400 && node.ttl?.set == nil)
    #expect(!node.isPlain)
    #expect(try Self.node("{to: main, ttl: {set: 60s}}").ttl?.set == 60)
    #expect(try Self.node("{to: main, deny: {writes: quietly}}").deniedQuietly == .writes)
    #expect(try Self.node("{to: main, deny: writes}").denied == .writes)
    let allowed = try Self.node("{to: main, allow: [reads, set]}")
    #expect(allowed.denied == CommandSet(Command.withKey).subtracting([.reads, .stores]))
    #expect(allowed.deniedQuietly.isEmpty)
  }

  @Test func aPlanHasPoliciesFirstThenRoutesThatDoMore() throws {
    let settings = try ProxySettingsTests.decode(
      Self.pools + """
        listen: [127.0.0.1:11311, {address: 127.0.0.1:11400, to: alias}]
        policies:
          alias: {to: cache}
          cache: {try: [main, spare]}
          last: {to: blue}
        routes:
          - {prefix: "a:", to: alias}
          - {prefix: "b:", to: last}
          - {prefix: "c:", to: cache, deny: set}
          - {keys: [k, l], try: [blue, spare]}
          - {answer: nothing}
        """)
    let plan = settings.routingPlan()
    #expect(plan.nodes.map(\.name) == ["alias", "cache", "last", "\"c:\"", "k", "default"])
    #expect(plan.routes.map(\.target) == [.node(1), .pool(2), .node(3), .node(4), .node(4)])
    #expect(plan.routes.map(\.isWhole) == [false, false, false, true, true])
    #expect(plan.defaultTarget == .node(5))
    #expect(settings.target(named: "alias") == .node(1) && settings.target(named: "last") == .pool(2))
    #expect(settings.target(named: "main") == .pool(0) && settings.target(named: "none") == nil)
    #expect(settings.listeners[1].pool == "alias")
    #expect(settings.summary == "3 pools, 4 servers, 2 listeners, 5 routes, 3 policies")
    #expect(settings.prefixes(leadingTo: "main") == ["a:", "c:"])
    #expect(settings.prefixes(leadingTo: "blue") == ["b:"])
  }

  @Test func aTriedPoolKeepsItsKeysUnlessItSaysOtherwise() throws {
    func rules(_ pools: String) throws -> [FailureRule] {
      let yaml = "pools: {\(pools)}\npolicies: {x: {try: [a, y]}, y: {try: [b, c]}}\nroutes: [{to: x}]\n"
      return try ProxySettingsTests.decode(yaml).pools.map(\.policy.onFailure)
    }
    #expect(
      try rules("a: {servers: [a]}, b: {servers: [b]}, c: {servers: [c]}") == [.failFast, .failFast, .eject])
    #expect(
      try rules(
        "a: {servers: [a], on_failure: eject}, b: {servers: [b]}, c: {servers: [c], on_failure: fail_fast}")
        == [.eject, .failFast, .failFast])
    let alone = try ProxySettingsTests.decode(
      "servers: [a]\npolicies: {gone: {answer: nothing}}\nroutes: [{try: [main, gone]}]\n")
    #expect(alone.pools[0].policy.onFailure == .failFast)
  }

  // MARK: - Written again

  static let forms: [(String, String)] = [
    ("{to: main, allow: [reads]}", "{to: main, deny: [writes]}"),
    (
      "{commands: {writes: spare, set: main}}",
      "{commands: {set: main, decides: spare, touches: spare, counts: spare, delete: spare}}"
    ),
    ("{try: [main, spare], later_ttl: 60s, on: trouble}", "{try: [main, spare]}"),
    ("{share: {blue: 10%, main: rest}}", "{share: {blue: 10%, main: 90%}}"),
    ("{answer: \"done\"}", "{answer: done}"), ("{answer: \"gone\"}", "{answer: \"gone\"}"),
    ("{answer: \"not available\"}", "{answer: error}"),
    ("{to: main, ttl: {none: 24h, max: 120s}}", "{to: main, ttl: {max: 2m, none: 1d}}"),
  ]

  @Test(arguments: forms.indices)
  func aPolicyIsWrittenInOneForm(_ index: Int) throws {
    let (text, expected) = Self.forms[index]
    let yaml = Self.pools + "policies:\n  x: \(text)\nroutes: [{to: x}]\n"
    let settings = try ProxySettingsTests.decode(yaml)
    #expect(settings.yaml.contains("  x: \(expected)\n"), "\(settings.yaml)")
    #expect(try ProxySettingsTests.decode(settings.yaml) == settings)
  }

  /// A random file: each line that makes it invalid is left out.
  private static func file(_ random: inout Seeded) -> String {
    let names = ["main", "spare", "b:c", "d~e", "p0", "p1", "p2", "p3"]
    func name(below count: Int) -> String { quoted(names[Int.random(in: 0..<count, using: &random)]) }
    func pick(_ words: [String]) -> String { words.randomElement(using: &random) ?? "" }
    func node(_ count: Int) -> String {
      var entries: [String] = []
      switch random.below(6) {
      case 0: entries.append("to: \(name(below: count))")
      case 1, 2:
        entries.append("try: [\(name(below: count)), \(name(below: count)), \(name(below: count))]")
        entries.append(
          pick(["on: down", "on_miss: next", "later_ttl: \(pick(["none", "90s", "1h", "2d"]))"]))
        if random.below(2) == 0 { entries.append("deletes: all") }
      case 3:
        let part = Int.random(in: 0...99, using: &random)
        entries.append(
          "share: {\(name(below: count)): \(part).\(random.below(100) / 10)%, \(name(below: count)): rest}")
        if random.below(2) == 0 { entries.append("salt: \(pick(["a", "\"x: y\"", "null"]))") }
      case 4:
        let words = CommandSet.groups.map(\.word) + Command.withKey.map(\.word)
        let some = words.shuffled(using: &random).prefix(3).map { "\($0): \(name(below: count))" }
        let rest = random.below(2) == 0 ? ", rest: \(name(below: count))" : ""
        entries.append("commands: {\(some.joined(separator: ", "))\(rest)}")
      default: entries.append("answer: \(pick(["nothing", "done", "error", "\"nothin\"", "\"a \\\" b\""]))")
      }
      let clauses = [
        "deny: [\(pick(["set", "writes", "touches"])), {\(pick(["incr", "counts"])): quietly}]",
        "allow: [get, writes]",
        "values: {max: \(pick(["1B", "1000KB", "3MiB"]))}",
        "ttl: {\(pick(["set: 1d", "min: 1s, max: 36h", "none: 25h"]))}",
        "deadline: \(pick(["1.5s", "250us", "1h"]))",
      ]
      if random.below(3) == 0 { entries.append(pick(clauses)) }
      return "{\(entries.joined(separator: ", "))}"
    }
    var lines = ["pools:"]
    for pool in names.prefix(4) {
      lines.append(
        "  \(quoted(pool)): {servers: [\(pool.prefix(1))1], floor: \(random.below(100))%\(pick(["", ", on_failure: eject"]))}"
      )
    }
    // The routes come last, so that every file so far is whole with this one.
    let end = "routes: [{pool: main}]"
    func extend(_ line: () -> String) {
      for _ in 0..<5 {
        let new = line()
        guard
          errors(of: (lines + [new, lines.contains("routes:") ? "" : end]).joined(separator: "\n")).isEmpty
        else { continue }
        lines.append(new)
        return
      }
      if !lines.contains("routes:") { lines.append("  p\(lines.count - 6): {to: main}") }
    }
    lines.append("policies:")
    for i in 4..<8 { extend { "  \(names[i]): \(node(i))" } }
    lines.append("routes:")
    for (start, i) in [
      ("prefix: \"a:\"", 5), ("keys: [x, \"y#\"]", 8), ("prefix: \"é\"", 8), ("prefix: \"\"", 8),
    ] {
      extend { "  - {\(start), \(node(i).dropFirst())" }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func everyValidFileIsReadAgainAsItWas(_ seed: UInt64) throws {
    var random = Seeded(seed)
    var valid = 0
    var before: ProxySettings?
    for _ in 0..<150 {
      let text = Self.file(&random)
      guard errors(of: text).isEmpty else { continue }
      valid += 1
      let settings = try ProxySettingsTests.decode(text)
      try #require(errors(of: settings.yaml) == [], "\(text)\n\(settings.yaml)")
      let again = try ProxySettingsTests.decode(settings.yaml)
      #expect(again == settings, "\(text)\n\(settings.yaml)")
      #expect(SettingsChange.compare(settings, again).isEmpty)
      if let before, before != settings { #expect(!SettingsChange.compare(before, settings).isEmpty) }
      before = settings
      _ = settings.notes
    }
    #expect(valid > 50, "\(valid)")
  }
}
