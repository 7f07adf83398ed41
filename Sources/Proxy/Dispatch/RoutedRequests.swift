import Bytes
import Routing
import Stats
import Topology
import Wire

// Requests whose route is a node. `RouteEnds` says what is left of the node for the command: a pool, an answer, a refusal,
// or a tree of members, which `RouteTree.next` walks.
//
//     a pool       as any other request, but its leg names the pool (`Leg.isAimed`)
//     a read       to the first member whose server is not known to be out; if that has no answer for it, the leg is
//                  asked of the next (`GoingOn.swift`)
//     a change     the same, and it is never asked of another; where reads may find the key elsewhere, it is deleted there, and the
//                  client is answered when that is done (`Gate.swift`)

/// What a worker does with requests whose route is a node.
enum Routed {
  /// Forwards `get <key>` at the beginning of `line`.
  @inline(never)
  static func forwardGet(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ line: RawSpan, keyLength: Int, besides route: Route,
    now: Instant
  ) {
    forward(&d, c, line, 0, Request(plainGetAt: 0, keyLength: keyLength), besides: route, now: now)
  }

  /// Forwards a request of one key whose route is no pool, or refuses it.
  @inline(never)
  static func forward(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request,
    besides route: Route, now: Instant
  ) {
    guard case .through(let node) = route.way else {
      return d.downstream.refuse(
        c, .noRoute, isQuiet: request.isQuiet && !request.verb.isMeta, &d.common)
    }
    let command = Command(request, bytes)
    let end = d.router.end(of: node, command, bytes, request.key)
    guard end.rules != 0 else {
      return forward(&d, c, bytes, p, request, command, by: end, now: now)
    }
    let rules = d.router.ends.rules[Int(end.rules)]
    if request.verb.isStorage, let most = rules.maxValue, request.bodyLength &- 2 > most {
      d.forget(c, bytes, request, now: now)
      return d.downstream.refuse(
        c, .tooLarge, isQuiet: request.isQuiet && !request.verb.isMeta, &d.common)
    }
    edit(&d, bytes, p, request, rules.ttls) {
      d, bytes, p, request in
      forward(&d, c, bytes, p, request, command, by: end, now: now)
    }
  }

  private static func forward(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request,
    _ command: Command, by end: RouteEnd,
    now: Instant
  ) {
    switch end.way {
    case .pool:
      guard let destination = destination(&d, for: bytes, request.key, in: Int(end.number)) else { return }
      if let (l, failure) = send(&d, c, bytes, p, request, to: destination, nil, now: now) {
        d.turnAway(c, bytes, p, request, at: destination, by: l, failure)
      }
    case .attempt:
      attempt(&d, c, bytes, p, request, command, tree: Int(end.number), now: now)
    default: answer(&d, c, bytes, p, request, by: end)
    }
  }

  /// The member of a pool that has a key, as the destination of a leg that names its pool.
  static func destination(
    _ d: inout Dispatcher, for bytes: RawSpan, _ key: RequestKey, in pool: Int
  ) -> Destination? {
    guard let place = d.router.place(of: bytes, key, in: pool) else { return nil }
    var destination = d.upstream.destinations[place]
    destination.isAimed = true
    return destination
  }

  /// The server that a change of a key goes to: that of the pool, or of the first member that is not known to be out;
  /// nil if none is asked.
  static func inCharge(
    _ d: inout Dispatcher, of bytes: RawSpan, _ key: RequestKey, _ end: RouteEnd
  ) -> (destination: Destination, mostLife: Int?)? {
    if end.way == .pool {
      return destination(&d, for: bytes, key, in: Int(end.number)).map { ($0, nil) }
    }
    guard end.way == .attempt else { return nil }
    let tree = Int(end.number)
    var first: (Destination, Int?)?
    for leaf in d.router.ends.trees[tree].leaves.indices {
      guard case .pool(let pool) = d.router.ends.trees[tree].leaves[leaf] else { return nil }
      guard let one = destination(&d, for: bytes, key, in: pool) else { return nil }
      first = first ?? (one, nil)
      if !one.isEjected { return (one, d.router.ends.trees[tree].longestLives[leaf]) }
    }
    return first
  }

  /// Asks the members of a tree for a request of one key, as far as can be done now.
  private static func attempt(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request,
    _ command: Command, tree: Int,
    now: Instant
  ) {
    var kind = RequestKind(command, request, bytes)
    var states = LegStates()
    var gate: Ref<Gate>?
    var last: (at: Destination, by: Ref<ServerConnection>, ServerFailure)?
    while true {
      switch d.router.ends.trees[tree].next(kind, states) {
      case .ask(let leaf, let form):
        guard case .pool(let pool) = d.router.ends.trees[tree].leaves[leaf],
          let destination = destination(&d, for: bytes, request.key, in: pool)
        else { return }
        if form == .deletion {
          states[leaf] = delete(&d, bytes, request, at: destination, behind: gate, for: c)
          continue
        }
        let l = d.upstream.connection(to: destination, lane: c.index)
        if destination.isEjected {
          states[leaf] = .skipped
          last = (destination, l, .ejected)
          continue
        }
        if kind == .read, !mayGoOn(&d, from: destination.server, tree) { kind = .lease }
        // A gate is needed before the leg is queued, for it is written into the leg.
        if kind.isChange, !request.isQuiet || request.verb.isMeta, needsGate(&d, tree, kind) {
          gate = d.routed.gates.take()
        }
        let mark =
          gate.map { RouteMark($0) }
          ?? (kind == .read && d.router.ends.trees[tree].readsGoOn
            ? RouteMark(tree: tree, leaf: leaf, generation: d.router.generation) : nil)
        if let (l, failure) = forwardMember(
          &d,
          c, bytes, p, request, to: destination, mark, cutTo: d.router.ends.trees[tree].longestLives[leaf],
          now: now)
        {
          if let gate { d.routed.gates.give(gate) }
          gate = nil
          states[leaf] = .unsent
          last = (destination, l, failure)
          guard kind.isChange else { continue }
          // The key is gone for its client, so for all that may be asked for it.
          let removes =
            needsGate(&d, tree, kind)
            && request.verb.removes(bytes, lineAt: p, keyEnd: KeyRange(request.key).firstEnd)
          if removes { deleteElsewhere(&d, c, bytes, request, tree, besides: destination) }
          return d.turnAway(
            c, bytes, p, request, at: destination, by: l, failure, mayBeElsewhere: removes)
        }
        states[leaf] = .asked
        if !kind.isChange { return }
      case .wait: return openIfDone(&d, gate)
      case .say(let fixed): return say(&d, c, bytes, p, request, fixed)
      case .answer:
        guard let last else { return openIfDone(&d, gate) }
        if states[0] == .asked { return openIfDone(&d, gate) }
        return d.turnAway(c, bytes, p, request, at: last.at, by: last.by, last.2)
      }
    }
  }

  private static func needsGate(
    _ d: inout Dispatcher, _ tree: Int, _ kind: RequestKind
  ) -> Bool {
    kind == .delete ? d.router.ends.trees[tree].deletesEverywhere : d.router.ends.trees[tree].readsEverywhere
  }

  /// Whether a read may be asked of another member while this server is not known to be out: copies of its keys that were
  /// made while it was out may be old, until they are deleted or have ended.
  static func mayGoOn(
    _ d: inout Dispatcher, from s: Ref<Server>, _ tree: Int
  ) -> Bool {
    guard let lasting = d.router.ends.trees[tree].copiesLast else { return true }
    guard d.upstream.servers[s].status == .up else { return false }
    let since = d.upstream.servers[s].upSince
    return since == .origin || lasting != .max && d.common.clock.since(since) >= .seconds(lasting)
  }

  /// Sends a request to a member of a tree, with its time cut to `most` seconds. Returns why it cannot be sent.
  private static func forwardMember(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request,
    to destination: Destination,
    _ mark: RouteMark?, cutTo most: Int?, now: Instant
  ) -> (Ref<ServerConnection>, ServerFailure)? {
    guard let most, request.verb.mayChange else {
      return send(&d, c, bytes, p, request, to: destination, mark, now: now)
    }
    let rule = TTLRule(max: most)
    var failed: (Ref<ServerConnection>, ServerFailure)?
    edit(&d, bytes, p, request, [rule]) { d, bytes, p, request in
      failed = send(&d, c, bytes, p, request, to: destination, mark, now: now)
    }
    return failed
  }

  /// Queues a request for a server. Returns why it cannot be sent, and on which connection.
  private static func send(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request,
    to destination: Destination,
    _ mark: RouteMark?, now: Instant
  ) -> (Ref<ServerConnection>, ServerFailure)? {
    let l = d.upstream.connection(to: destination, lane: c.index)
    if !d.upstream.connections[l].isOpen(bytes: d.fastPathBytes, depth: d.common.limits.serverDepth),
      let failure = d.upstream.admit(
        l, isModest: !request.isQuiet && d.downstream.isModest(c), now: now, &d.common)
    {
      return (l, failure)
    }
    let x: Ref<Exchange>
    if request.verb.isMeta {
      x = d.enqueueMeta(c, bytes, p, request, to: destination, by: l, mark, now: now)
    } else {
      d.upstream.queued(on: l, &d.common)
      x = request.isQuiet ? Ref<Exchange>.none : d.downstream.newExchange(c)
      let listener = d.downstream.clients[c].listener
      if request.isVerbatim, request.verb == .get {
        let continuesPreviousLine = d.upstream.connections[l].queue.enqueueGet(
          x, from: listener, in: destination.pool, keyLength: request.keyLength, bytes.rest(from: p),
          since: now, &d.common.buffers)
        d.upstream.connections[l].queue.markLast(mark, isAimed: destination.isAimed)
        d.common.counters.add(continuesPreviousLine ? 1 : 0, to: .readsJoined)
      } else {
        var leg = Leg(request, for: x, from: listener, in: destination.pool, since: now)
        leg.isAimed = destination.isAimed
        if let mark { leg.route = mark }
        d.enqueue(leg, bytes, p, request, on: l)
      }
    }
    if let gate = mark?.gate {
      d.routed.gates[gate].exchange = x
      // Its client was told that the server does not understand it.
      if x == Ref<Exchange>.none { d.routed.gates[gate].isReplied = true }
    }
    return nil
  }

  // MARK: - Answers without a server

  /// Answers a request for which no server is asked.
  static func answer(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, by end: RouteEnd
  ) {
    switch end.way {
    case .answer: say(&d, c, bytes, p, request, d.router.ends.answers[Int(end.number)])
    case .refusedQuietly: say(&d, c, bytes, p, request, .nothing)
    default:
      d.common.counters.add(.clientErrors)
      if request.isQuiet, !request.verb.isMeta { return }
      let x = d.downstream.newExchange(c)
      let target = d.downstream.target(of: x)
      d.downstream.append(text: "CLIENT_ERROR \(request.verb.word) not allowed\r\n", to: target, &d.common)
      d.downstream.conclude(x, target, &d.common)
    }
  }

  /// Gives a fixed answer to a request of one key.
  static func say(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request,
    _ fixed: FixedAnswer
  ) {
    if request.isQuiet, !request.verb.isMeta { return }
    var asked = Buffer()
    var leg = Leg()
    leg.verb = request.verb
    if request.verb.isMeta {
      leg = Leg(MetaLine.write(bytes, p, request.withoutBody, opaque: 0, to: &asked, &d.common.buffers))
    }
    leg.exchange = d.downstream.newExchange(c)
    say(&d, leg, asked.readable, 0, fixed)
    asked.release(to: &d.common.buffers)
  }

  /// The same for a leg whose request begins at `start` in `asked`.
  static func say(
    _ d: inout Dispatcher, _ leg: Leg, _ asked: RawSpan, _ start: Int, _ fixed: FixedAnswer
  ) {
    let x = leg.exchange
    let target = d.downstream.target(of: x)
    switch fixed {
    case .error(let text):
      d.common.counters.add(.serverErrors)
      d.downstream.append(text: "SERVER_ERROR \(text)\r\n", to: target, &d.common)
    case .done where leg.verb.doneLine != nil:
      if leg.verb.isMeta {
        if leg.meta.contains(.quiet) { return d.downstream.concludeSilently(x, &d.common) }
        d.downstream.appendMiss("HD", leg.metaLine, asked, start, to: target, &d.common)
      } else if let line = leg.verb.doneLine {
        d.downstream.append(line, to: target, &d.common)
      }
    case .done, .nothing: return d.answerMiss(leg, asked, start)
    }
    d.downstream.conclude(x, target, &d.common)
  }
}
