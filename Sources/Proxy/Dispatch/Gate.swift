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

extension Dispatcher {
  /// Deletes a request's key on a server that is not in charge of it. Returns what is known of that at once.
  mutating func delete(
    _ bytes: RawSpan, _ request: Request, at destination: Destination, behind gate: Ref<Gate>?,
    for c: Ref<Client>
  ) -> LegState {
    let word = Word(start: request.keyStart, length: request.keyLength)
    var keys = KeyRange(key: word, isEncoded: request.verb.isMeta && request.meta.contains(.base64))
    guard let key = keys.next(bytes) else { return .skipped }
    let (s, l) = (destination.server, connection(to: destination, for: c))
    guard upstream.servers[s].status == .up else {
      invalidation.recordDoubt(key, Target(destination.pool), at: s, upstream, router, &common)
      return .skipped
    }
    let deletion = Deletion(key: key, pool: destination.pool)
    guard upstream.connections[l].isOpen(bytes: fastPathBytes, depth: common.limits.serverDepth) else {
      // It is done before anything else is asked there.
      upstream.promised.append(
        Promise(deletion: deletion, server: s, connection: l, isAhead: false, isBehindWrite: false))
      upstream.keepPromises(&common)
      return .unsent
    }
    let before = upstream.connections[l].queue.legs.count
    upstream.appendDeletion(deletion, on: l, &common)
    guard let gate, upstream.connections[l].queue.legs.count > before else { return .unsent }
    upstream.connections[l].queue.markLast(RouteMark(gate))
    gates[gate].pending &+= 1
    return .asked
  }

  /// The server in charge has replied to a change. Returns false if nothing is awaited besides: then the reply is the
  /// client's.
  mutating func holdReply(_ gate: Ref<Gate>, _ leg: Leg, on l: Ref<ServerConnection>, _ reply: RawSpan)
    -> Bool
  {
    gates[gate].isReplied = true
    guard gates[gate].pending > 0 || gates[gate].hasDeleted && leg.verb.isDelete else {
      gates.give(gate)
      return false
    }
    gates[gate].leg = leg
    gates[gate].reply.append(reply, &common.buffers)
    upstream.connections[l].queue.copyFront(to: &gates[gate].request, &common.buffers)
    openIfDone(gate)
    return true
  }

  /// The client of a change was answered without the reply of the server in charge.
  mutating func leave(_ gate: Ref<Gate>) {
    gates[gate].exchange = Ref<Exchange>.none
    gates[gate].isReplied = true
    if gates[gate].pending == 0 { gates.give(gate) }
  }

  /// A deletion behind a gate is done, or will not be: then its key is recorded.
  mutating func pass(_ gate: Ref<Gate>, hasDeleted: Bool) {
    gates[gate].pending &-= 1
    if hasDeleted { gates[gate].hasDeleted = true }
    openIfDone(gate)
  }

  /// Answers the client if nothing is awaited any more.
  mutating func openIfDone(_ gate: Ref<Gate>?) {
    guard let gate, gates[gate].isReplied, gates[gate].pending == 0 else { return }
    let (leg, x) = (gates[gate].leg, gates[gate].exchange)
    var reply = exchange(&gates[gate].reply, with: Buffer())
    var request = exchange(&gates[gate].request, with: Buffer())
    let hasDeleted = gates[gate].hasDeleted && leg.verb.isDelete
    gates.give(gate)
    defer {
      reply.release(to: &common.buffers)
      request.release(to: &common.buffers)
    }
    guard x != Ref<Exchange>.none, !reply.isEmpty else { return }
    guard leg.verb.isMeta else {
      let isMiss = hasDeleted && reply.readable.hasText("NOT_FOUND", at: 0)
      guard isMiss else { return downstream.answer(x, reply.readable, &common) }
      let target = downstream.target(of: x)
      downstream.append("DELETED\r\n", to: target, &common)
      return downstream.conclude(x, target, &common)
    }
    if hasDeleted, reply.readable.hasText("NF", at: 0) { reply.overwrite(at: 0, "HD") }
    let answer = ReplyParser.meta(
      reply.readable, at: 0, to: leg.metaLine, asked: request.readable, era: .v1_6_40,
      maxValue: common.limits.maxValue)
    if case .reply(let one) = answer {
      downstream.give(leg, one, reply.readable, 0, request, &common)
    } else {
      downstream.answer(x, reply.readable, &common)
    }
  }
}

extension Verb {
  var isDelete: Bool { self == .delete || self == .metaDelete }
}
