import Foundation
import Routing
import Settings
import Testing
import Topology

/// What an operator sees of policies: notes, changes, plans, and where keys go.
@Suite struct PolicyUseTests {
  static let pools = PolicyTests.pools

  // MARK: - Notes

  static let notes: [(String, [String])] = [
    (
      "policies: {x: {try: [main, spare]}, y: {try: [blue, spare]}, z: {to: y}}\nroutes: [{to: x}]",
      [
        "pool \"blue\" has no route: it gets no keys",
        "policy \"y\" is not used: no route, listener or used policy names it",
        "policy \"z\" is not used: no route, listener or used policy names it",
      ]
    ),
    (
      "policies: {x: {commands: {reads: main, stores: blue, deletes: blue}}}\nroutes: [{prefix: a, to: x}, {pool: spare}]",
      ["policy \"x\" refuses decides, touches, counts: \"commands\" has no \"rest\""]
    ),
    (
      "routes: [{prefix: a, commands: {reads: main}, deny: writes}, {keys: [b], commands: {writes: blue}}, {pool: spare}]",
      ["route for key \"b\" refuses reads: \"commands\" has no \"rest\""]
    ),
    (
      "routes: [{prefix: a, try: [main, blue], later_ttl: none}, {try: [blue, spare], on_miss: next, later_ttl: none}]",
      [
        "route for prefix \"a\" has later_ttl: none: what another proxy stored in a later member may be read there long after it changed"
      ]
    ),
    (
      "policies: {gone: {answer: nothing}}\nroutes: [{try: [main, gone, blue]}, {prefix: a, pool: spare}]",
      ["default route never gets behind \"gone\", which answers: \"blue\" is not asked"]
    ),
    (
      "routes: [{keys: [b], to: main}, {prefix: a, share: {blue: 1%, spare: rest}}]",
      ["no default route: a key that is in no list and begins with none of the prefixes is refused"]
    ),
    (
      "listen: {address: 127.0.0.1:1, to: x}\npolicies: {x: {share: {main: 50%, spare: 50%}}}\nroutes: [{pool: blue}]",
      ["pool \"blue\" has no route: it gets no keys", "no listener uses the routes: each has \"to\""]
    ),
  ]

  @Test(arguments: notes.indices)
  func whatMayBeUnintendedIsNoted(_ index: Int) throws {
    let (text, expected) = Self.notes[index]
    #expect(try ProxySettingsTests.decode(Self.pools + text + "\n").notes == expected)
  }

  @Test func rulesOfPoolsThatDoNotFitTryAreNoted() throws {
    let yaml = """
      pools:
        main: {servers: [a], on_failure: eject}
        spare: {servers: [b], rejoin: as_is}
      policies: {cache: {try: [main, spare]}}
      routes: [{to: cache}]
      """
    #expect(
      try ProxySettingsTests.decode(yaml).notes == [
        "pool \"main\" has on_failure: eject: its other servers get the keys of one that is out, and the next pool in "
          + "\"try\" is asked only when reads find trouble",
        "pool \"spare\" is a later member in policy \"cache\" and has rejoin: as_is: copies that it should forget are "
          + "not deleted from it",
      ])
  }

  @Test func aLongPrefixWhoseOnlyKeyIsListedIsNoted() throws {
    let key = String(repeating: "k", count: 250)
    let yaml =
      Self.pools + "routes: [{prefix: \(key), pool: blue}, {keys: [\(key)], pool: spare}, {pool: main}]\n"
    let notes = try ProxySettingsTests.decode(yaml).notes
    #expect(
      notes.count == 1 && notes[0].hasSuffix("gets no key: the only one that fits is listed in another route")
    )
  }

  // MARK: - Changes

  static let start =
    pools
      + """
      policies:
        cache: {try: [main, spare]}
        part: {share: {blue: 10%, main: rest}}
      routes: [{prefix: "a:", to: cache}, {keys: [k, l], to: part}, {pool: main}]

      """

  static let changes: [(String, String, [String])] = [
    (
      "try: [main, spare]", "try: [main, spare], on_miss: next",
      ["policies.cache: changed from {try: [main, spare]} to {try: [main, spare], on_miss: next}"]
    ),
    (
      "blue: 10%", "blue: 20%",
      ["policies.part: changed from {share: {blue: 10%, main: 90%}} to {share: {blue: 20%, main: 80%}}"]
    ),
    ("  part:", "  new: {to: part}\n  part:", ["policies.new: added, {to: part}"]),
    (
      "to: part}", "to: cache}",
      [#"route for keys "k", "l" changed from policy "part" to policy "cache""#]
    ),
    (
      "to: cache}", "to: cache, deny: set}",
      [#"route for prefix "a:" changed from policy "cache" to {to: cache, deny: [set]}"#]
    ),
    ("{pool: main}", "{to: cache}", [#"default route changed from pool "main" to policy "cache""#]),
    (
      "[k, l]", "[k]",
      [#"removed route for keys "k", "l" to policy "part""#, #"added route for key "k" to policy "part""#]
    ),
  ]

  @Test(arguments: changes.indices)
  func changesOfPoliciesAndRoutesAreNamed(_ index: Int) throws {
    let (part, replacement, words) = Self.changes[index]
    let changed = Self.start.replacing(part, with: replacement, maxReplacements: 1)
    #expect(try SettingsChangeTests.words(Self.start, changed) == words)
  }

  @Test func policiesThatAreRemovedOrTurnedRoundAreNamed() throws {
    let lines = Self.start.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let cache = try #require(lines.firstIndex { $0.hasPrefix("  cache:") })
    var turned = lines
    turned.swapAt(cache, cache + 1)
    let text = turned.joined(separator: "\n")
    #expect(try SettingsChangeTests.words(Self.start, text) == ["policies: changed order"])
    #expect(
      try SettingsChangeTests.words(
        Self.start.replacing("  part:", with: "  new: {to: part}\n  part:"), Self.start)
        == ["policies.new: removed"])
  }

  @Test func aPlanWarnsOfPoliciesAndCountsTheirKeys() throws {
    let old = try ProxySettingsTests.decode(
      Self.pools + "policies: {x: {share: {blue: 10%, main: rest}}}\nroutes: [{to: x}]\n")
    let new = try ProxySettingsTests.decode(
      Self.pools + "policies: {x: {share: {blue: 20%, main: rest}}}\nroutes: [{to: x}]\n")
    let plan = ChangePlan(from: old, to: new)
    #expect(
      plan.warnings == [
        "policies are different (\"x\"): keys that they send to another pool move too; --keys counts them"
      ])
    #expect(plan.isUncertain)
    var counter = KeyCounter(from: old, to: new)
    for i in 0..<10_000 { counter.take(Array("key:\(i)".utf8)) }
    #expect((800...1200).contains(counter.keys.moved), "\(counter.keys.moved)")
    #expect(ChangePlan(from: old, to: old).warnings == [])
  }

  // MARK: - Where keys go

  static let routed = """
    pools:
      main: {servers: [10.0.0.1:11211]}
      spare: {servers: [10.0.9.1:11211]}
      twins: {servers: [t1:1, t2:1]}
    policies:
      cache: {try: [main, spare]}
      miss: {try: [spare, main], on_miss: next, later_ttl: none}
      down: {try: [main, spare], on: down, on_miss: next, later_ttl: 2d}
      gone: {answer: nothing}
      last: {try: [main, gone]}
      quiet: {to: cache, deny: {writes: quietly}}
    routes:
      - {prefix: "c:", to: cache}
      - {prefix: "m:", to: miss}
      - {prefix: "d:", to: down}
      - {prefix: "g:", to: last}
      - {prefix: "q:", to: quiet}
      - {prefix: "n:", commands: {reads: main}}
      - {prefix: "e:", answer: "moving house"}
      - {prefix: "o:", answer: done}
      - {keys: [x], to: gone}
      - {pool: twins}

    """

  @Test(arguments: [
    ("c:1", Command.get, "10.0.0.1:11211 → when it is out or in trouble 10.0.9.1:11211 (ttl at most 60s)"),
    ("c:1", .set, "10.0.0.1:11211 → when it is out 10.0.9.1:11211 (ttl at most 60s)"),
    ("m:1", .gets, "10.0.9.1:11211 → on a miss or trouble 10.0.0.1:11211"),
    ("m:1", .delete, "10.0.9.1:11211 → when it is out 10.0.0.1:11211"),
    ("d:1", .get, "10.0.0.1:11211 → on a miss or trouble 10.0.9.1:11211 (ttl at most 2d)"),
    ("g:1", .get, "10.0.0.1:11211 → when it is out or in trouble answered: miss"),
    ("q:1", .set, "answered: NOT_STORED"), ("q:1", .incr, "answered: NOT_FOUND"),
    ("n:1", .get, "10.0.0.1:11211"), ("n:1", .set, "refused: set not allowed"),
    ("e:1", .get, "answered: SERVER_ERROR moving house"), ("x", .get, "answered: miss"),
    ("x", .cas, "answered: NOT_FOUND"), ("o:1", .set, "answered: STORED"),
    ("o:1", .incr, "answered: NOT_FOUND"),
    ("o:1", .delete, "answered: DELETED"), ("o:1", .gat, "answered: miss"), ("xy", .get, "t1:1"),
  ])
  func theWholePlanOfAKeyIsPrinted(_ key: String, _ command: Command, _ text: String) throws {
    let guide = RouteGuide(try ProxySettingsTests.decode(Self.routed), json: false, command: command)
    let answer = guide.answer(Array(key.utf8))
    if key == "xy" {
      #expect([.line(Array("xy\tt1:1\n".utf8)), .line(Array("xy\tt2:1\n".utf8))].contains(answer))
    } else {
      #expect(answer == .line(Array("\(key)\t\(text)\n".utf8)))
    }
  }

  @Test(arguments: [
    (
      "c:1", Command.get,
      #"{"key":"c:1","pool":"main","server":"10.0.0.1:11211","label":"10.0.0.1","index":0,"#
        + #""then":[{"pool":"spare","server":"10.0.9.1:11211","when":"trouble"}]}"#
    ),
    (
      "c:1", .touch,
      #"{"key":"c:1","pool":"main","server":"10.0.0.1:11211","label":"10.0.0.1","index":0,"#
        + #""then":[{"pool":"spare","server":"10.0.9.1:11211","when":"out"}]}"#
    ),
    (
      "g:1", .get,
      #"{"key":"g:1","pool":"main","server":"10.0.0.1:11211","label":"10.0.0.1","index":0,"answer":"miss"}"#
    ),
    ("n:1", .set, #"{"key":"n:1","refused":"set not allowed"}"#),
    ("x", .set, #"{"key":"x","answer":"NOT_STORED"}"#),
  ])
  func theWholePlanOfAKeyIsAnObject(_ key: String, _ command: Command, _ text: String) throws {
    let guide = RouteGuide(try ProxySettingsTests.decode(Self.routed), json: true, command: command)
    let answer = guide.answer(Array(key.utf8))
    #expect(answer == .line(Array("\(text)\n".utf8)))
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    #expect(object?["key"] as? String == key)
  }

  @Test func moreUsesOfTryThanALegCanNameAreRefused() {
    func file(policies: Int) -> String {
      var lines = ["pools: {a: {servers: [s1]}, b: {servers: [s2]}}", "policies:"]
      lines += (0..<policies).map { "  p\($0): {try: [a, b], on: down, deadline: \($0 + 1)s}" }
      lines.append("routes:")
      lines += (0..<4096).map { "  - {prefix: \"\($0):\", try: [a, b], later_ttl: \($0 + 1)s}" }
      return lines.joined(separator: "\n") + "\n"
    }
    let found = errors(of: file(policies: 30)).first ?? ""
    #expect(found.contains("4126 different uses of \"try\", at most 4096 are possible"), "\(found)")
    #expect(errors(of: file(policies: 1)).first?.contains("4097 different uses") == true)
  }
}
