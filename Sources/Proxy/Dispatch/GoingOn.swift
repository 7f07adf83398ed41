import Bytes
import Routing
import Topology
import Wire

// Reads that one member of a `try` could not answer, or did not have, and that the next is asked for. The leg is queued
// again with its own bytes, for another server: nothing else is kept of it.

extension Routed {
  /// Whether the reply to the front leg of a connection is not, or not yet, its client's: another server is asked, or
  /// deletions elsewhere are awaited. The leg stays at the front. Its request begins at `start` in the queue.
  @inline(never)
  static func isKept(
    _ d: inout Dispatcher, _ l: Ref<ServerConnection>, _ leg: Leg, _ state: LegState, _ reply: RawSpan,
    at start: Int = 0
  ) -> Bool {
    guard !leg.isLate else { return false }
    if let gate = leg.route.gate {
      guard leg.isPromised else {
        return leg.exchange != Ref<Exchange>.none && holdReply(&d, gate, leg, on: l, reply)
      }
      pass(&d, gate, hasDeleted: state == .yes)
      return false
    }
    guard state == .no || state == .refused, leg.exchange != Ref<Exchange>.none else { return false }
    var asked = d.upstream.connections[l].queue.copy(leg, at: start, &d.common.buffers)
    defer { asked.release(to: &d.common.buffers) }
    return goesOn(&d, leg, state, asked.readable, 0)
  }

  /// Notes a leg of a line whose read may go on: the loop over the line has no register left for more.
  @inline(never) static func noteRouted(
    _ d: inout Dispatcher, _ place: Int, hasFailed: Bool
  ) {
    d.routed.misses.append(UInt32(truncatingIfNeeded: place))
    if hasFailed { d.shared.errors &+= 1 }
  }

  /// Answers the noted ones of the `count` legs at the front of a connection, or asks other servers for them. `rest`
  /// begins with the error line, if one has ended the reply.
  @inline(never)
  static func answerRouted(
    _ d: inout Dispatcher, _ count: Int, on l: Ref<ServerConnection>, _ rest: RawSpan
  ) {
    let errors = count &- d.shared.errors
    var (place, at) = (0, 0)
    for i in 0..<d.routed.misses.count {
      let chosen = Int(d.routed.misses[i])
      while place < chosen {
        at &+= Int(d.upstream.connections[l].queue.legs[place].length)
        place &+= 1
      }
      let leg = d.upstream.connections[l].queue.legs[place]
      let hasFailed = place >= errors
      if isKept(&d, l, leg, hasFailed ? .refused : .no, RawSpan(), at: at) { continue }
      if hasFailed, case .reply(let n, _) = ReplyParser.errorLine(rest, at: 0) {
        d.downstream.answer(leg.exchange, rest.first(n), &d.common)
      } else {
        d.downstream.answer(leg.exchange, RawSpan(), addingEnd: true, &d.common)
      }
    }
    d.routed.misses.removeAll()
  }

  /// Asks the next server for a read of one key, whose request begins at `start` in `asked`, or answers it; false if what
  /// its server has said, or that it failed, is the answer.
  @inline(never)
  static func goesOn(
    _ d: inout Dispatcher, _ leg: Leg, _ state: LegState, _ asked: RawSpan, _ start: Int
  ) -> Bool {
    let (x, mark) = (leg.exchange, leg.route)
    guard x != Ref<Exchange>.none, mark.gate == nil, mark.generation == d.router.generation,
      mark.tree < d.router.ends.trees.count
    else { return false }
    let c = d.downstream.exchanges[x].client
    guard c != Ref<Client>.none else { return false }
    let begun = mark.hasMoved ? d.downstream.exchanges[x].begun : leg.since
    guard isInTime(d, begun, mark.tree) else { return false }
    let key = RequestKey(
      word: Word(start: start &+ Int(leg.keyStart), length: Int(leg.keyLength)),
      isEncoded: leg.meta.contains(.base64))
    var states = mark.states(state)
    var last: (at: Ref<Server>, pool: PoolIndex, ServerFailure)?
    while true {
      switch d.router.ends.trees[mark.tree].next(.read, states) {
      case .ask(let leaf, _):
        guard case .pool(let pool) = d.router.ends.trees[mark.tree].leaves[leaf],
          let destination = destination(&d, for: asked, key, in: pool)
        else { return false }
        if destination.isEjected {
          states[leaf] = .skipped
          continue
        }
        let l = d.upstream.connection(to: destination, lane: c.index)
        if let failure = refusal(&d, of: l, leg) {
          last = (destination.server, destination.pool, failure)
          states[leaf] = .unsent
          continue
        }
        var next = leg
        next.pool = destination.pool
        next.isRetried = false
        next.since = d.common.clock
        next.route = mark.moved(to: leaf, states, generation: d.router.generation)
        var edited = Buffer()
        if next.verb.mayChange, let most = d.router.ends.trees[mark.tree].longestLives[leaf],
          cut(&d, &next, asked, start, to: most, into: &edited)
        {
          d.upstream.connections[l].queue.requeue(next, from: edited.readable, at: 0, &d.common.buffers)
        } else {
          d.upstream.connections[l].queue.requeue(next, from: asked, at: start, &d.common.buffers)
        }
        edited.release(to: &d.common.buffers)
        d.upstream.queued(on: l, &d.common)
        d.downstream.exchanges[x].begun = begun
        return true
      case .wait: return false
      case .say(let fixed):
        say(&d, leg, asked, start, fixed)
        return true
      case .answer(let leaf):
        if leaf == mark.leaf { return false }
        if states[leaf] == .no {
          d.answerMiss(leg, asked, start)
          return true
        }
        guard let last else { return false }
        var failed = leg
        failed.isRouted = false
        failed.pool = last.pool
        d.fail(failed, at: last.at, last.2, asked, start)
        return true
      }
    }
  }

  /// Whether another server may still be asked for a request that was received then.
  static func isInTime(_ d: borrowing Dispatcher, _ since: Instant, _ tree: Int) -> Bool {
    let most =
      d.router.ends.trees[tree].deadline?.wholeNanoseconds
      ?? d.router.ends.trees[tree].pools.first.map {
        d.upstream.policy(of: PoolIndex($0)).requestTimeout &* 2
      } ?? 0
    return d.elapsed(since: since) < most
  }

  /// Why a read that another server was asked for cannot be asked on this connection; nil if it can.
  private static func refusal(
    _ d: inout Dispatcher, of l: Ref<ServerConnection>, _ leg: Leg
  ) -> ServerFailure? {
    if !d.upstream.connections[l].isOpen(bytes: d.fastPathBytes, depth: d.common.limits.serverDepth),
      let failure = d.upstream.admit(l, isModest: true, now: d.common.clock, &d.common)
    {
      return failure
    }
    // A meta request is written for the version of the server that it is meant for.
    guard leg.verb.isMeta, d.upstream.connections[l].isMade else { return nil }
    return d.upstream.isUnspoken(leg.verb, on: l) ? .protocolError : nil
  }
}

extension LegState {
  /// What a whole reply to a classic request says.
  init(_ outcome: Outcome, _ reply: RawSpan) {
    switch outcome {
    case .hit: self = .yes
    case .miss: self = .no
    case .error: self = .refused
    case .done:
      let isNo = ["NOT_FOUND", "NOT_STORED", "EXISTS"].contains { reply.hasText($0, at: 0) }
      self = isNo ? .no : .yes
    }
  }

  /// The same of a meta request.
  init(_ verb: Verb, _ reply: MetaReply) {
    switch reply.status {
    case .value, .done, .shown: self = .yes
    case .miss, .notFound, .notStored, .exists: self = .no
    case .error: self = .refused
    }
  }
}
