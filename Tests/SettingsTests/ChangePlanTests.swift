import Routing
import Testing

@testable import Settings

/// `ringroad plan`: what it says of a change.
@Suite struct ChangePlanTests {
  static func plan(_ old: String, _ new: String) throws -> ChangePlan {
    ChangePlan(from: try ProxySettingsTests.decode(old), to: try ProxySettingsTests.decode(new))
  }

  @Test func anAddedServerTakesItsShare() throws {
    let plan = try Self.plan(
      "servers: [a, b, c]\nplacement: rendezvous\n", "servers: [a, b, c, d]\nplacement: rendezvous\n")
    #expect(plan.pools.count == 1 && plan.pools[0].isExact && abs(plan.pools[0].moved - 0.25) < 0.01)
    #expect(plan.pools[0].moves.map(\.to) == ["d", "d", "d"] && plan.pools[0].warnings.isEmpty)
    #expect(plan.mostMoved == plan.pools[0].moved)
    #expect(plan.text.hasPrefix("pool \"main\": 2") && plan.text.contains("3 servers before, 4 after"))
  }

  @Test func nothingMovesWithoutAChange() throws {
    let plan = try Self.plan("servers: [a, b]\n", "servers: [a, b]\nthreads: 2\n")
    #expect(plan.mostMoved == 0 && plan.text == "pool \"main\": 0 % of the keys move (ketama, 2 servers)\n")
  }

  @Test(arguments: [
    ("servers: [a, b]", "servers: [a, b]\nplacement: dalli", "placement changes from ketama to dalli: "),
    (
      "servers: [a, b, c]", "servers: [a, b, c]\nhash: fnv1a_64",
      "hash changes from md5 to fnv1a_64: keys move"
    ),
    (
      "servers: [a, b]", "servers: [a, {address: b, name: x}]",
      "server b is renamed from b to x: its keys move; name: b would keep them"
    ),
    (
      "servers: [a, b, c]\nplacement: mcproxy-jump", "servers: [b, c]\nplacement: mcproxy-jump",
      "placement mcproxy-jump counts servers by their position"
    ),
    (
      "servers: [a, b, c]\nplacement: php-default", "servers: [a, b, c, d]\nplacement: php-default",
      "with placement php-default nearly every key moves when the list changes"
    ),
  ])
  func dangersAreSaid(old: String, new: String, warning: String) throws {
    let warnings = try Self.plan(old, new).pools[0].warnings
    #expect(warnings.contains { $0.hasPrefix(warning) }, "\(warnings)")
  }

  @Test func poolsAndRoutesThatDifferAreNamed() throws {
    let plan = try Self.plan(
      "pools: {a: {servers: [x]}, b: {servers: [y]}}\nroutes: [{pool: a}, {prefix: q, pool: b}]\n",
      "pools: {a: {servers: [x]}, c: {servers: [y]}}\nroutes: [{pool: a}, {prefix: q, pool: c}]\n")
    #expect(plan.addedPools == ["c"] && plan.removedPools == ["b"] && plan.warnings.count == 1)
    #expect(plan.json.contains(#""added_pools":["c"],"removed_pools":["b"]"#))
  }

  /// What depends on the keys themselves is not called nothing.
  @Test(arguments: [
    ("servers: [a, b, c]", "servers: [a, b, c]\nhash_tag: \"{}\""),
    ("servers: [a, b, c]", "servers: [a, b, c]\nplacement: {scheme: ketama, skip_prefix: \"x:\"}"),
    (
      "listen: {address: 127.0.0.1:1, to: p}\npools: {p: {servers: [a]}, q: {servers: [b]}}",
      "listen: {address: 127.0.0.1:1, to: q}\npools: {p: {servers: [a]}, q: {servers: [b]}}"
    ),
    ("pools: {p: {servers: [a]}}", "pools: {q: {servers: [a]}}"),
  ])
  func whatOnlyKeysCanCountIsUncertain(old: String, new: String) throws {
    let plan = try Self.plan(old, new)
    #expect(plan.isUncertain)
    #expect(plan.text.contains("warning: ") || plan.text.contains("is removed"), "\(plan.text)")
    #expect(try !Self.plan(old, old).isUncertain)
  }

  @Test func keysOfAServerThatIsMarkedDownGoToTheOthers() throws {
    let (old, new) = ("servers: [a, b]\n", "servers: [a, {address: b, mark: down}]\n")
    let plan = try Self.plan(old, new)
    #expect(
      abs(plan.pools[0].moved - 0.5) < 0.1
        && plan.pools[0].moves == [ChangePlan.Move(from: "b", to: "the others", share: plan.pools[0].moved)])
    #expect(
      plan.pools[0].warnings == [
        "server b is marked down: the others have its keys until the mark is removed"
      ])
    var counter = KeyCounter(from: try ProxySettingsTests.decode(old), to: try ProxySettingsTests.decode(new))
    for i in 0..<1000 { counter.take(Array("k\(i)".utf8)) }
    #expect(abs(counter.keys.share - plan.pools[0].moved) < 0.06)
  }

  @Test func keysAreCountedInEveryForm() throws {
    let old = try ProxySettingsTests.decode("servers: [a, b]\nroutes: [{pool: main}]\n")
    let new = try ProxySettingsTests.decode("servers: [c]\nroutes: [{pool: main}]\n")
    var counter = KeyCounter(from: old, to: new)
    for line in [
      "user:1", "user:2\t1000", "key=a%3Ab exp=-1 la=1 cas=2 fetch=no cls=1 size=63", "crlf\r", "", "a b",
      "key=%4",
    ] {
      counter.take(Array(line.utf8))
    }
    #expect(
      counter.keys.read == 4 && counter.keys.moved == 4 && counter.keys.bytes == 1063
        && counter.keys.skipped == 3)
    // Sizes that no sum can hold.
    for _ in 0..<3 { counter.take(Array("huge\t\(Int.max)".utf8)) }
    #expect(counter.keys.bytes >= 3 << 40)
    var same = KeyCounter(from: old, to: old)
    same.take(Array("user:1".utf8))
    #expect(same.keys.moved == 0)
  }

  @Test func commandLineIsUnderstood() throws {
    guard
      case .plan(let options) = try Invocation.parse([
        "plan", "a.yml", "b.yml", "--max-moved", "12.5%", "--json",
      ])
    else {
      Issue.record("no plan")
      return
    }
    #expect(
      options.oldPath == "a.yml" && options.newPath == "b.yml" && options.mostMoved == 12.5 && options.json)
    guard case .plan(let running) = try Invocation.parse(["plan", "b.yml", "--admin", "127.0.0.1:9"]) else {
      return
    }
    #expect(running.oldPath == nil && running.address.endpoint == .tcp(host: "127.0.0.1", port: 9))
    for line in [
      ["plan"], ["plan", "a", "b", "c"], ["plan", "a", "--max-moved", "x"],
      ["plan", "a", "b", "--admin", "h:1"],
    ] {
      #expect(throws: UsageError.self) { try Invocation.parse(line) }
    }
  }
}
