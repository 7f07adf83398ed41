import Bytes
import Routing
import Topology
import Wire

// Reads that one member of a `try` could not answer, or did not have, and that the next is asked for. The leg is queued
// again with its own bytes, for another server: nothing else is kept of it.

extension Dispatcher {
  /// Whether the reply to the front leg of a connection is not, or not yet, its client's: another server is asked, or
  /// deletions elsewhere are awaited. The leg stays at the front. Its request begins at `start` in the queue.
  @inline(never)
  mutating func isKept(
    _ l: Ref<ServerConnection>, _ leg: Leg, _ state: LegState, _ reply: RawSpan, at start: Int = 0
  ) -> Bool {
    guard !leg.isLate else { return false }
    if let gate = leg.route.gate {
      guard leg.isPromised else {
        return leg.exchange != Ref<Exchange>.none && holdReply(gate, leg, on: l, reply)
      }
      pass(gate, hasDeleted: state == .yes)
      return false
    }
    guard state == .no || state == .refused, leg.exchange != Ref<Exchange>.none else { return false }
    let s = upstream.connections[l].server
    var asked = upstream.connections[l].queue.copy(leg, at: start, &common.buffers)
    defer { asked.release(to: &common.buffers) }
    return goesOn(leg, at: s, state, asked.readable, 0)
  }

  /// Notes a leg of a line whose read may go on: the loop over the line has no register left for more.
  @inline(never) mutating func noteRouted(_ place: Int, hasFailed: Bool) {
    routedMisses.append(UInt32(truncatingIfNeeded: place))
    if hasFailed { shared.errors &+= 1 }
  }

  /// Answers the noted ones of the `count` legs at the front of a connection, or asks other servers for them. `rest`
  /// begins with the error line, if one has ended the reply.
  @inline(never)
  mutating func answerRouted(_ count: Int, on l: Ref<ServerConnection>, _ rest: RawSpan) {
    let errors = count &- shared.errors
    var (place, at) = (0, 0)
    for i in 0..<routedMisses.count {
      let chosen = Int(routedMisses[i])
      while place < chosen {
        at &+= Int(upstream.connections[l].queue.legs[place].length)
        place &+= 1
      }
      let leg = upstream.connections[l].queue.legs[place]
      let hasFailed = place >= errors
      if isKept(l, leg, hasFailed ? .refused : .no, RawSpan(), at: at) { continue }
      if hasFailed, case .reply(let n, _) = ReplyParser.errorLine(rest, at: 0) {
        downstream.answer(leg.exchange, rest.first(n), &common)
      } else {
        downstream.answer(leg.exchange, RawSpan(), addingEnd: true, &common)
      }
    }
    routedMisses.removeAll()
  }

  /// Asks the next server for a read of one key, whose request begins at `start` in `asked`, or answers it; false if what
  /// its server has said, or that it failed, is the answer.
  @inline(never)
  mutating func goesOn(
    _ leg: Leg, at s: Ref<Server>, _ state: LegState, _ asked: RawSpan, _ start: Int
  ) -> Bool {
    let (x, mark) = (leg.exchange, leg.route)
    guard x != Ref<Exchange>.none, mark.gate == nil, mark.generation == router.generation,
      mark.tree < router.ends.trees.count
    else { return false }
    let c = downstream.exchanges[x].client
    guard c != Ref<Client>.none else { return false }
    let key = Word(start: start &+ Int(leg.keyStart), length: Int(leg.keyLength))
    let isEncoded = leg.meta.contains(.base64)
    var states = mark.states(state)
    var last: (at: Ref<Server>, pool: PoolIndex, ServerFailure)?
    while true {
      switch router.ends.trees[mark.tree].next(.read, states) {
      case .ask(let leaf, _):
        guard case .pool(let pool) = router.ends.trees[mark.tree].leaves[leaf],
          let destination = destination(for: asked, key, isEncoded: isEncoded, in: pool)
        else { return false }
        if destination.isEjected {
          states[leaf] = .skipped
          continue
        }
        let l = connection(to: destination, for: c)
        if let failure = refusal(of: l, leg, at: s) {
          last = (destination.server, destination.pool, failure)
          states[leaf] = .unsent
          continue
        }
        var next = leg
        next.pool = destination.pool
        next.isRetried = false
        next.since = common.clock
        next.route = mark.moved(to: leaf, states, generation: router.generation)
        upstream.connections[l].queue.requeue(next, from: asked, at: start, &common.buffers)
        upstream.queued(on: l, &common)
        return true
      case .wait: return false
      case .say(let fixed):
        say(leg, asked, start, fixed)
        return true
      case .answer(let leaf):
        if leaf == mark.leaf { return false }
        if states[leaf] == .no {
          let target = downstream.target(of: x)
          if leg.verb.isMeta, leg.meta.contains(.quiet) {
            downstream.concludeSilently(x, &common)
          } else {
            appendMiss(leg, asked, start, to: target)
            downstream.conclude(x, target, &common)
          }
          return true
        }
        guard let last else { return false }
        var failed = leg
        failed.isRouted = false
        failed.pool = last.pool
        fail(failed, at: last.at, last.2, asked, start)
        return true
      }
    }
  }

  /// Why a read that another server was asked for cannot be asked on this connection; nil if it can.
  private mutating func refusal(
    of l: Ref<ServerConnection>, _ leg: Leg, at s: Ref<Server>
  ) -> ServerFailure? {
    if !upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth),
      let failure = upstream.admit(l, isModest: true, now: common.clock, &common)
    {
      return failure
    }
    // A meta request is written for the version of the server that it is meant for.
    guard leg.verb.isMeta, upstream.connections[l].isMade else { return nil }
    return upstream.isUnspoken(leg.verb, on: l) ? .protocolError : nil
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
