import Bytes
import Routing
import Topology
import Wire

/// A change whose key is deleted elsewhere too: its client is answered when the deletions have been done, so that no
/// later read finds the old value.
///
///     the server in charge ─▶ the reply, kept here ┐
///     others: delete ─▶ done, or recorded ─────────┴▶ the client
package struct Gate: ~Copyable, Recyclable {
  var exchange = Ref<Exchange>.none
  /// Deletions that are not done.
  var pending = 0
  /// Whether another server had the key.
  var hasDeleted = false
  /// Whether the server in charge has replied, or its client was answered otherwise.
  var isReplied = false
  /// Its leg, the bytes of its request's line, and its reply, kept while deletions are pending.
  var leg = Leg()
  var request = Buffer()
  var reply = Buffer()

  package init() {}
  package mutating func reset() {
    exchange = Ref<Exchange>.none
    pending = 0
    hasDeleted = false
    isReplied = false
  }
}

/// What a worker keeps of routed requests besides their legs.
struct RoutedState: ~Copyable {
  var gates = Slab<Gate>(capacity: 4)
  /// The legs of reads in the current line of gets that got no value, by their places.
  var misses = List<UInt32>()
}

extension Routed {
  /// Deletes a request's key on a server that is not in charge of it. Returns what is known of that at once.
  static func delete(
    _ d: inout Dispatcher, _ bytes: RawSpan, _ request: Request, at destination: Destination,
    behind gate: Ref<Gate>?,
    for c: Ref<Client>
  ) -> LegState {
    var keys = KeyRange(request.key)
    guard let key = keys.next(bytes) else { return .skipped }
    let (s, l) = (destination.server, d.upstream.connection(to: destination, lane: c.index))
    guard d.upstream.servers[s].status == .up else {
      d.invalidation.recordDoubt(key, Target(destination.pool), at: s, d.upstream, d.router, &d.common)
      return .skipped
    }
    let deletion = Deletion(key: key, pool: destination.pool)
    guard d.upstream.connections[l].isOpen(bytes: d.fastPathBytes, depth: d.common.limits.serverDepth) else {
      // It is done before anything else is asked there.
      d.upstream.promised.append(
        Promise(deletion: deletion, server: s, connection: l, isAhead: false, isBehindWrite: false))
      d.upstream.keepPromises(&d.common)
      return .unsent
    }
    let before = d.upstream.connections[l].queue.legs.count
    d.upstream.appendDeletion(deletion, on: l, &d.common)
    guard let gate, d.upstream.connections[l].queue.legs.count > before else { return .unsent }
    d.upstream.connections[l].queue.markLast(RouteMark(gate))
    d.routed.gates[gate].pending &+= 1
    return .asked
  }

  /// The server in charge has replied to a change. Returns false if nothing is awaited besides: then the reply is the
  /// client's.
  static func holdReply(
    _ d: inout Dispatcher, _ gate: Ref<Gate>, _ leg: Leg, on l: Ref<ServerConnection>, _ reply: RawSpan
  )
    -> Bool
  {
    d.routed.gates[gate].isReplied = true
    guard d.routed.gates[gate].pending > 0 || d.routed.gates[gate].hasDeleted && leg.verb.isDelete else {
      d.routed.gates.give(gate)
      return false
    }
    d.routed.gates[gate].leg = leg
    d.routed.gates[gate].reply.append(reply, &d.common.buffers)
    d.upstream.connections[l].queue.copyFront(to: &d.routed.gates[gate].request, &d.common.buffers)
    openIfDone(&d, gate)
    return true
  }

  /// The client of a change is answered without the reply of the server in charge. Returns whether other servers may
  /// still have the key.
  static func leave(_ d: inout Dispatcher, _ gate: Ref<Gate>) -> Bool {
    d.routed.gates[gate].exchange = Ref<Exchange>.none
    d.routed.gates[gate].isReplied = true
    let isPending = d.routed.gates[gate].pending > 0
    if !isPending { d.routed.gates.give(gate) }
    return isPending
  }

  /// A deletion behind a gate is done, or will not be: then its key is recorded.
  static func pass(
    _ d: inout Dispatcher, _ gate: Ref<Gate>, hasDeleted: Bool
  ) {
    d.routed.gates[gate].pending &-= 1
    if hasDeleted { d.routed.gates[gate].hasDeleted = true }
    openIfDone(&d, gate)
  }

  /// Answers the client if nothing is awaited any more.
  static func openIfDone(
    _ d: inout Dispatcher, _ gate: Ref<Gate>?
  ) {
    guard let gate, d.routed.gates[gate].isReplied, d.routed.gates[gate].pending == 0 else { return }
    let (leg, x) = (d.routed.gates[gate].leg, d.routed.gates[gate].exchange)
    var reply = exchange(&d.routed.gates[gate].reply, with: Buffer())
    var request = exchange(&d.routed.gates[gate].request, with: Buffer())
    let hasDeleted = d.routed.gates[gate].hasDeleted && leg.verb.isDelete
    d.routed.gates.give(gate)
    defer {
      reply.release(to: &d.common.buffers)
      request.release(to: &d.common.buffers)
    }
    guard x != Ref<Exchange>.none else { return }
    // The server has stayed quiet, as it was asked to.
    if reply.isEmpty { return d.downstream.concludeSilently(x, &d.common) }
    guard leg.verb.isMeta else {
      let isMiss = hasDeleted && reply.readable.hasText("NOT_FOUND", at: 0)
      guard isMiss else { return d.downstream.answer(x, reply.readable, &d.common) }
      let target = d.downstream.target(of: x)
      d.downstream.append("DELETED\r\n", to: target, &d.common)
      return d.downstream.conclude(x, target, &d.common)
    }
    if hasDeleted, reply.readable.hasText("NF", at: 0) { reply.overwrite(at: 0, "HD") }
    let answer = ReplyParser.meta(
      reply.readable, at: 0, to: leg.metaLine, asked: request.readable, era: .v1_6_40,
      maxValue: d.common.limits.maxValue)
    if case .reply(let one) = answer {
      d.downstream.give(leg, one, reply.readable, 0, request, &d.common)
    } else {
      d.downstream.answer(x, reply.readable, &d.common)
    }
  }
}
