import Bytes
import Routing
import Topology
import Wire

// Large values whose route is a node: their line is forwarded before they have arrived.

extension Routed {
  /// What is left of the node that decides about a request; nil if none does.
  private static func end(
    _ d: inout Dispatcher, for bytes: RawSpan, _ request: Request, of c: Ref<Client>
  ) -> RouteEnd? {
    guard !d.router.hasNoNodes,
      case .through(let node) = d.router.route(of: bytes, request.key, d.downstream.clients[c].target).way
    else { return nil }
    return d.router.end(of: node, Command(request, bytes), bytes, request.key)
  }

  /// Answers a request that no server is asked for.
  static func turnAwayUnrouted(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request
  ) {
    guard let end = end(&d, for: bytes, request, of: c) else {
      return d.downstream.refuse(c, .noRoute, isQuiet: request.isQuiet && !request.verb.isMeta, &d.common)
    }
    answer(&d, c, bytes, p, request, by: end)
  }

  /// Whether the value of a request is larger than its route allows.
  static func isTooLarge(
    _ d: inout Dispatcher, _ request: Request, _ bytes: RawSpan, of c: Ref<Client>
  ) -> Bool {
    guard let end = end(&d, for: bytes, request, of: c), end.rules != 0,
      let most = d.router.ends.rules[Int(end.rules)].maxValue
    else { return false }
    return request.bodyLength &- 2 > most
  }

  /// Calls `body` with the line of a request, with its times as its route has them.
  static func editLine(
    _ d: inout Dispatcher, _ bytes: RawSpan, _ p: Int, _ request: Request, of c: Ref<Client>,
    _ body: (inout Dispatcher, RawSpan, Int, Request) -> Void
  ) {
    let line = request.withoutBody
    guard let end = end(&d, for: bytes, request, of: c) else { return body(&d, bytes, p, line) }
    var rules = d.router.ends.rules[Int(end.rules)].ttls
    if let most = inCharge(&d, of: bytes, request.key, end)?.mostLife {
      rules.append(TTLRule(max: most))
    }
    guard !rules.isEmpty else { return body(&d, bytes, p, line) }
    edit(&d, bytes, p, line, rules) { d, bytes, p, line in
      body(&d, bytes, p, line.withoutBody)
    }
  }

  /// Deletes the key of a value that one server gets, or none, where reads may find an older one.
  static func deleteElsewhere(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ request: Request,
    besides charged: Destination
  ) {
    guard let end = end(&d, for: bytes, request, of: c), end.way == .attempt,
      d.router.ends.trees[Int(end.number)].readsEverywhere
    else { return }
    deleteElsewhere(&d, c, bytes, request, Int(end.number), besides: charged)
  }

  /// The same in all pools of a tree. No client waits for it.
  static func deleteElsewhere(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ request: Request, _ tree: Int,
    besides charged: Destination
  ) {
    for pool in d.router.ends.trees[tree].pools where pool != Int(charged.pool.number) {
      guard let other = destination(&d, for: bytes, request.key, in: pool) else { continue }
      _ = delete(&d, bytes, request, at: other, behind: nil, for: c)
    }
  }
}
