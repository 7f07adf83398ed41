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
//     a change     the same, and it never goes on; where reads may find the key elsewhere, it is deleted there, and the
//                  client is answered when that is done (`Gate.swift`)

extension Dispatcher {
  /// Forwards `get <key>` at the beginning of `line`.
  @inline(never)
  mutating func forwardGet(
    _ c: Ref<Client>, _ line: RawSpan, keyLength: Int, besides route: Route, now: Instant
  ) {
    forward(c, line, 0, Request(plainGetAt: 0, keyLength: keyLength), besides: route, now: now)
  }

  /// Forwards a request of one key whose route is no pool, or refuses it.
  @inline(never)
  mutating func forward(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, besides route: Route, now: Instant
  ) {
    guard case .through(let node) = route.way else {
      return downstream.refuse(
        c, .noRoute, isQuiet: request.isQuiet && !request.verb.isMeta, &common)
    }
    let command = Command(request, bytes)
    let end = end(of: node, command, bytes, request)
    guard end.rules != 0 else {
      return forward(c, bytes, p, request, command, by: end, now: now)
    }
    let rules = router.ends.rules[Int(end.rules)]
    if request.verb.isStorage, let most = rules.maxValue, request.bodyLength &- 2 > most {
      forget(c, bytes, request, now: now)
      return downstream.refuse(
        c, .tooLarge, isQuiet: request.isQuiet && !request.verb.isMeta, &common)
    }
    edit(bytes, p, request, times: { TTLRule.life($0, under: rules.ttls, now: $1) }) { d, bytes, p, request in
      d.forward(c, bytes, p, request, command, by: end, now: now)
    }
  }

  /// What is left of a node for a request.
  func end(of node: Int, _ command: Command, _ bytes: RawSpan, _ request: Request) -> RouteEnd {
    let word = Word(start: request.keyStart, length: request.keyLength)
    return end(
      of: node, command, bytes, word, isEncoded: request.verb.isMeta && request.meta.contains(.base64))
  }

  func end(of node: Int, _ command: Command, _ bytes: RawSpan, _ key: Word, isEncoded: Bool) -> RouteEnd {
    if isEncoded, let key = DecodedKey(bytes, from: key.from, count: Int(key.length)) {
      return router.ends.end(of: node, command, key.bytes.span.raw, from: 0, count: key.count)
    }
    return router.ends.end(of: node, command, bytes, from: key.from, count: Int(key.length))
  }

  private mutating func forward(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, _ command: Command, by end: RouteEnd,
    now: Instant
  ) {
    switch end.way {
    case .pool:
      guard let destination = destination(for: bytes, request, in: Int(end.number)) else { return }
      if let (l, failure) = send(c, bytes, p, request, to: destination, nil, now: now) {
        turnAway(c, bytes, p, request, at: destination, by: l, failure)
      }
    case .attempt:
      attempt(c, bytes, p, request, command, tree: Int(end.number), now: now)
    default: answer(c, bytes, p, request, by: end)
    }
  }

  /// The member of a pool that has a request's key, as the destination of a leg that names its pool.
  mutating func destination(for bytes: RawSpan, _ request: Request, in pool: Int) -> Destination? {
    let key = Word(start: request.keyStart, length: request.keyLength)
    return destination(
      for: bytes, key, isEncoded: request.verb.isMeta && request.meta.contains(.base64), in: pool)
  }

  mutating func destination(for bytes: RawSpan, _ key: Word, isEncoded: Bool, in pool: Int) -> Destination? {
    guard let place = router.place(of: bytes, key, isEncoded: isEncoded, in: pool) else { return nil }
    var destination = upstream.destinations[place]
    destination.isAimed = true
    return destination
  }

  /// The server that a change of a key goes to: that of the pool, or of the first member that is not known to be out;
  /// nil if none is asked.
  mutating func inCharge(
    of bytes: RawSpan, _ key: Word, isEncoded: Bool, _ end: RouteEnd
  ) -> (destination: Destination, mostLife: Int?)? {
    if end.way == .pool {
      return destination(for: bytes, key, isEncoded: isEncoded, in: Int(end.number)).map { ($0, nil) }
    }
    guard end.way == .attempt else { return nil }
    let tree = Int(end.number)
    var first: (Destination, Int?)?
    for leaf in router.ends.trees[tree].leaves.indices {
      guard case .pool(let pool) = router.ends.trees[tree].leaves[leaf] else { return nil }
      guard let one = destination(for: bytes, key, isEncoded: isEncoded, in: pool) else { return nil }
      first = first ?? (one, nil)
      if !one.isEjected { return (one, router.ends.trees[tree].longestLives[leaf]) }
    }
    return first
  }

  /// Asks the members of a tree for a request of one key, as far as can be done now.
  private mutating func attempt(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, _ command: Command, tree: Int,
    now: Instant
  ) {
    var kind = RequestKind(command, request, bytes)
    var states = LegStates()
    var gate: Ref<Gate>?
    var last: (at: Destination, by: Ref<ServerConnection>, ServerFailure)?
    while true {
      switch router.ends.trees[tree].next(kind, states) {
      case .ask(let leaf, let form):
        guard case .pool(let pool) = router.ends.trees[tree].leaves[leaf],
          let destination = destination(for: bytes, request, in: pool)
        else { return }
        if form == .deletion {
          states[leaf] = delete(bytes, request, at: destination, behind: gate, for: c)
          continue
        }
        let l = connection(to: destination, for: c)
        if destination.isEjected {
          states[leaf] = .skipped
          last = (destination, l, .ejected)
          continue
        }
        if kind == .read, !mayGoOn(from: destination.server, tree) { kind = .lease }
        // A gate is needed before the leg is queued, for it is written into the leg.
        if kind.isChange, !request.isQuiet || request.verb.isMeta, needsGate(tree, kind) {
          gate = gates.take()
        }
        let mark =
          gate.map { RouteMark($0) }
          ?? (kind == .read && router.ends.trees[tree].readsGoOn
            ? RouteMark(tree: tree, leaf: leaf, generation: router.generation) : nil)
        if let (l, failure) = forwardMember(
          c, bytes, p, request, to: destination, mark, cutTo: router.ends.trees[tree].longestLives[leaf],
          now: now)
        {
          if let gate { gates.give(gate) }
          gate = nil
          states[leaf] = .unsent
          last = (destination, l, failure)
          if kind.isChange { return turnAway(c, bytes, p, request, at: destination, by: l, failure) }
          continue
        }
        states[leaf] = .asked
        if !kind.isChange { return }
      case .wait: return openIfDone(gate)
      case .say(let fixed): return say(c, bytes, p, request, fixed)
      case .answer:
        guard let last else { return openIfDone(gate) }
        if states[0] == .asked { return openIfDone(gate) }
        return turnAway(c, bytes, p, request, at: last.at, by: last.by, last.2)
      }
    }
  }

  private func needsGate(_ tree: Int, _ kind: RequestKind) -> Bool {
    kind == .delete ? router.ends.trees[tree].deletesEverywhere : router.ends.trees[tree].readsEverywhere
  }

  /// Whether a read may be asked of another member while this server is not known to be out: copies of its keys that were
  /// made while it was out may be old, until they are deleted or have ended.
  func mayGoOn(from s: Ref<Server>, _ tree: Int) -> Bool {
    guard let lasting = router.ends.trees[tree].copiesLast else { return true }
    guard upstream.servers[s].status == .up, lasting != .max else { return false }
    return common.clock.since(upstream.servers[s].upSince) >= .seconds(lasting)
      || upstream.servers[s].upSince == .origin
  }

  /// Sends a request to a member of a tree, with its time cut to `most` seconds. Returns why it cannot be sent.
  private mutating func forwardMember(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, to destination: Destination,
    _ mark: RouteMark?, cutTo most: Int?, now: Instant
  ) -> (Ref<ServerConnection>, ServerFailure)? {
    guard let most, request.verb.mayChange else {
      return send(c, bytes, p, request, to: destination, mark, now: now)
    }
    let rule = TTLRule(max: most)
    var failed: (Ref<ServerConnection>, ServerFailure)?
    edit(bytes, p, request, times: { TTLRule.life($0, under: [rule], now: $1) }) { d, bytes, p, request in
      failed = d.send(c, bytes, p, request, to: destination, mark, now: now)
    }
    return failed
  }

  /// The connection for a client's requests to a server.
  @inline(__always)
  mutating func connection(to destination: Destination, for c: Ref<Client>) -> Ref<ServerConnection> {
    destination.isAlone
      ? destination.connection : upstream.connection(to: destination.server, lane: c.index)
  }

  /// Queues a request for a server. Returns why it cannot be sent, and on which connection.
  private mutating func send(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, to destination: Destination,
    _ mark: RouteMark?, now: Instant
  ) -> (Ref<ServerConnection>, ServerFailure)? {
    let l = connection(to: destination, for: c)
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth),
      let failure = upstream.admit(
        l, isModest: !request.isQuiet && downstream.isModest(c), now: now, &common)
    {
      return (l, failure)
    }
    if request.verb.isMeta {
      sendMeta(c, bytes, p, request, to: destination, by: l, mark, now: now)
      return nil
    }
    upstream.queued(on: l, &common)
    let x = request.isQuiet ? Ref<Exchange>.none : downstream.newExchange(c)
    let listener = downstream.clients[c].listener
    if request.isVerbatim, request.verb == .get {
      let continuesPreviousLine = upstream.connections[l].queue.enqueueGet(
        x, from: listener, in: destination.pool, keyLength: request.keyLength, bytes.rest(from: p),
        since: now,
        &common.buffers)
      upstream.connections[l].queue.markLast(mark, isAimed: destination.isAimed)
      common.counters.add(continuesPreviousLine ? 1 : 0, to: .readsJoined)
      return nil
    }
    var leg = Leg(request, for: x, from: listener, in: destination.pool, since: now)
    leg.isAimed = destination.isAimed
    if let mark { leg.route = mark }
    if request.isVerbatim {
      leg.keyStart = UInt8(truncatingIfNeeded: request.keyStart &- p)
      leg.length = UInt32(truncatingIfNeeded: request.length)
      upstream.connections[l].queue.enqueue(leg, verbatim: bytes, from: p, &common.buffers)
    } else {
      upstream.connections[l].queue.enqueue(leg, rewriting: bytes, p, request, line, &common.buffers)
    }
    keep(x, in: mark)
    return nil
  }

  private mutating func keep(_ x: Ref<Exchange>, in mark: RouteMark?) {
    if let gate = mark?.gate { gates[gate].exchange = x }
  }

  private mutating func sendMeta(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, to destination: Destination,
    by l: Ref<ServerConnection>, _ mark: RouteMark?, now: Instant
  ) {
    if upstream.isUnspoken(request.verb, on: l) {
      if let gate = mark?.gate { gates[gate].isReplied = true }
      return downstream.refuse(
        c, Upstream.unspoken(in: upstream.connections[l].handshake.meta), isQuiet: false, &common)
    }
    let x = downstream.newExchange(c)
    upstream.opaque &+= 1
    let era = upstream.connections[l].handshake.meta
    upstream.connections[l].queue.enqueueMeta(
      x, from: downstream.clients[c].listener, in: destination.pool, isAimed: destination.isAimed, mark,
      bytes, p, request,
      opaque: upstream.opaque, for: era, secret: upstream.secret, since: now, &common.buffers)
    upstream.queued(on: l, &common)
    keep(x, in: mark)
  }

  // MARK: - Answers without a server

  /// Answers a request for which no server is asked.
  mutating func answer(_ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, by end: RouteEnd) {
    switch end.way {
    case .answer: say(c, bytes, p, request, router.ends.answers[Int(end.number)])
    case .refusedQuietly: say(c, bytes, p, request, .nothing)
    default:
      common.counters.add(.clientErrors)
      if request.isQuiet, !request.verb.isMeta { return }
      let x = downstream.newExchange(c)
      let target = downstream.target(of: x)
      downstream.append(text: "CLIENT_ERROR \(request.verb.word) not allowed\r\n", to: target, &common)
      downstream.conclude(x, target, &common)
    }
  }

  /// Gives a fixed answer to a request of one key.
  mutating func say(
    _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, _ fixed: FixedAnswer
  ) {
    if request.isQuiet, !request.verb.isMeta { return }
    var asked = Buffer()
    var leg = Leg()
    leg.verb = request.verb
    if request.verb.isMeta {
      leg = Leg(MetaLine.write(bytes, p, request.withoutBody, opaque: 0, to: &asked, &common.buffers))
    }
    leg.exchange = downstream.newExchange(c)
    say(leg, asked.readable, 0, fixed)
    asked.release(to: &common.buffers)
  }

  /// The same for a leg whose request begins at `start` in `asked`.
  mutating func say(_ leg: Leg, _ asked: RawSpan, _ start: Int, _ fixed: FixedAnswer) {
    let x = leg.exchange
    let target = downstream.target(of: x)
    switch fixed {
    case .error(let text):
      common.counters.add(.serverErrors)
      downstream.append(text: "SERVER_ERROR \(text)\r\n", to: target, &common)
    case .done where leg.verb.doneLine != nil:
      if leg.verb.isMeta {
        if leg.meta.contains(.quiet) { return downstream.concludeSilently(x, &common) }
        downstream.appendMiss("HD", leg.metaLine, asked, start, to: target, &common)
      } else if let line = leg.verb.doneLine {
        downstream.append(line, to: target, &common)
      }
    case .done, .nothing:
      if leg.verb.isMeta, leg.verb.kind == .read, leg.meta.contains(.quiet) {
        return downstream.concludeSilently(x, &common)
      }
      appendMiss(leg, asked, start, to: target)
    }
    downstream.conclude(x, target, &common)
  }

  /// Appends memcached's reply for a key that does not exist.
  mutating func appendMiss(_ leg: Leg, _ asked: RawSpan, _ start: Int, to target: ReplyTarget) {
    guard let miss = leg.missLine else { return }
    if leg.verb.isMeta {
      downstream.appendMiss(miss, leg.metaLine, asked, start, to: target, &common)
    } else {
      downstream.append(miss, to: target, &common)
    }
  }
}

extension Verb {
  /// memcached's reply to a change that was made, if it is always the same; of a meta request only that there is one.
  var doneLine: StaticString? {
    switch expectation {
    case .stored: "STORED\r\n"
    case .deleted: "DELETED\r\n"
    case .touched: "TOUCHED\r\n"
    default: self == .metaSet || self == .metaDelete ? "HD" : nil
    }
  }
}
